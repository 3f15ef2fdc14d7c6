"""The directory of an image reader: what is written is what is opened, and what is off is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman.config import parse_toml
from dragoman.errors import ModelError
from dragoman.lineage.imagereader import ImageReader, ImageReaderConfig
from dragoman.model.contents import CARD, PARTS, VOCABULARY, WEIGHTS
from dragoman.model.directory import BUNDLED, list_models, open_model
from dragoman.model.fields import CONFIG
from dragoman.model.imagereaders import list_readers, open_reader
from dragoman.model.languagemodels import card_of, list_lms, open_lm
from dragoman.model.networks import write_network
from dragoman.model.seal import read_sealed, write_sealed
from dragoman.training.tasks.images import vocabulary_of

SHAPE = ImageReaderConfig(height=8, width=16, d_model=16, d_ff=32, n_heads=2)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    vocabulary = vocabulary_of("chinese")
    module = ImageReader(SHAPE, len(vocabulary.words))
    weights = {name: weight.numpy() for name, weight in module.state_dict().items()}
    write_network(tmp_path / "reader", SHAPE, weights, vocabulary, {"data": {"writes": "chinese"}}, "A card.")
    return tmp_path / "reader"


def changed(directory: Path, name: str, old: str, new: str) -> Path:
    files = dict(read_sealed(directory, PARTS))
    assert old.encode() in files[name]
    write_sealed(directory, {**files, name: files[name].replace(old.encode(), new.encode())}, PARTS)
    return directory


def test_what_was_written_is_opened(written: Path) -> None:
    opened = open_reader(written)
    assert opened.module.config == SHAPE and not opened.module.training
    assert opened.vocabulary.words[4:] == tuple("零一二三四五六七八九")
    assert parse_toml((written / CONFIG).read_text())["data"] == {"writes": "chinese"}
    assert (written / CARD).read_text() == "A card."


@pytest.mark.parametrize(
    "name, old, new, said",
    [
        (CONFIG, "d_model = 16", 'd_model = "wide"', "model.d_model = 'wide': must be a whole number"),
        (CONFIG, "d_model = 16", "d_modle = 16", "model.d_model is missing"),
        (CONFIG, "patch = 4", "patch = 3", "cannot be cut into patches of model.patch = 3"),
        (CONFIG, "patch = 4", "patch = 2", "source_embedding.weight has shape"),
        (CONFIG, "height = 8", "height = 0", "model.height = 0"),
        (CONFIG, "dropout", "strange = 1\ndropout", "model.strange is no setting"),
        (CONFIG, "encoder_layers = 3", "encoder_layers = 900", "config.toml asks for 902 layers"),
        (CONFIG, 'kind = "image-reader"', 'kind = "gpt"', "this is no image reader"),
        (CONFIG, "[model]", "[modle]", "this is no image reader"),
        (VOCABULARY, "九\n", "", "has shape"),
        (VOCABULARY, "<pad>", "<pat>", "begins with"),
    ],
)  # fmt: skip
def test_what_is_off_is_named(written: Path, name: str, old: str, new: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as raised:
        open_reader(changed(written, name, old, new))
    assert str(written) in str(raised.value)


def test_weights_that_are_no_numbers_are_refused(written: Path) -> None:
    opened = open_reader(written)
    weights = {name: weight.numpy().copy() for name, weight in opened.module.state_dict().items()}
    weights["target_embedding.weight"][0, 0] = np.nan
    write_network(written, SHAPE, weights, opened.vocabulary, {})
    with pytest.raises(ModelError, match=f"{WEIGHTS}: target_embedding.weight"):
        open_reader(written)


def test_models_of_other_kinds_are_told_apart(written: Path) -> None:
    for other, said in ((open_lm, "no language model"), (open_model, "no translator")):
        with pytest.raises(
            ModelError, match=f"this reads images and is {said}: dragoman digits read -m asks it"
        ):
            other(written)
    for other in ("lineage/gpt", "en-zh"):
        with pytest.raises(ModelError, match="this is no image reader"):
            open_reader(BUNDLED / other)


def test_the_bundled_one_is_small_and_says_how_it_was_made() -> None:
    assert list_readers() == ["images/digits"]
    path, card = card_of("images/digits")
    assert sum(file.stat().st_size for file in path.iterdir()) < 2**20
    assert all(word in card for word in ("CC BY 4.0", "dragoman digits train", "without a mistake"))
    assert path not in list_models() and "images/digits" not in list_lms()
