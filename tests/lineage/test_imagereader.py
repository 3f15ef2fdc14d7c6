"""The Transformer that reads patches: what is new in it, the cut and the places, and that the rest is as it was."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest
import torch

from dragoman.decoding.options import DecodingOptions
from dragoman.errors import ConfigError
from dragoman.ids import BOS
from dragoman.lineage.imagereader import ImageReader, ImageReaderConfig, patches
from dragoman.lineage.kinds import IMAGE_READERS, names, reader_kind
from dragoman.lineage.reading import read
from dragoman.training.tasks.images import vocabulary_of
from dragoman.transformer.model import Transformer

VOCABULARY = vocabulary_of("digits")
SIZES = {"height": 8, "width": 12, "patch": 4, "d_model": 16, "d_ff": 32, "n_heads": 2}
POSITIONS = get_args(get_type_hints(ImageReaderConfig)["positions"])


def model(positions: str = "grid") -> ImageReader:
    torch.manual_seed(1)
    config = ImageReaderConfig(**SIZES, positions=positions)  # type: ignore[arg-type]
    return ImageReader(config, len(VOCABULARY.words)).eval()


def pixels(images: int = 2) -> torch.Tensor:
    return torch.rand(images, 8, 12, generator=torch.Generator().manual_seed(2))


def test_an_image_is_cut_row_by_row() -> None:
    image = torch.arange(24.0).view(1, 4, 6)
    assert patches(image, 2).tolist() == [
        [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11], [12, 13, 18, 19], [14, 15, 20, 21], [16, 17, 22, 23]]
    ]


def test_it_is_the_transformer_but_for_what_its_encoder_reads() -> None:
    """Loss, start, step and cross-attention are the ones that translate: it has no second version of them."""
    own = {name for name in vars(ImageReader) if callable(getattr(ImageReader, name))}
    assert issubclass(ImageReader, Transformer) and own == {"__init__", "encode", "read"}
    assert not any(
        "source_embedding" in name
        for name in model().state_dict()
        if "weight" not in name and "bias" not in name
    )


@pytest.mark.parametrize("positions", POSITIONS)
def test_step_by_step_is_all_at_once(positions: str) -> None:
    reader, source = model(positions), patches(pixels(), 4)
    real = torch.ones(source.shape[:2], dtype=torch.bool)
    fed = torch.tensor([[BOS, 5, 9, 7], [BOS, 4, 4, 6]])
    whole = reader(source, real, fed)
    state = reader.start(source, real)
    for t in range(4):
        logits, state = reader.step(fed[:, t : t + 1], state)
        assert torch.allclose(logits, whole[:, t], atol=1e-5)


def _mixed(reader: ImageReader) -> float:
    """How far the logits move when the patches change places."""
    source = patches(pixels(1), 4)
    real, fed = torch.ones(source.shape[:2], dtype=torch.bool), torch.tensor([[BOS, 5]])
    order = torch.tensor([5, 2, 0, 3, 1, 4])
    with torch.no_grad():
        return float((reader(source, real, fed) - reader(source[:, order], real, fed)).abs().max())


@pytest.mark.parametrize("positions", POSITIONS)
def test_without_positions_the_order_of_patches_is_lost(positions: str) -> None:
    """Attention sums over a set: only what is added, turned or biased by a place can tell one order from another."""
    moved = _mixed(model(positions))
    assert moved < 1e-5 if positions == "none" else moved > 1e-4


def test_on_a_grid_a_patch_is_told_by_its_row_and_its_column() -> None:
    table = model().source_input.positions.table(6, torch.zeros(1))  # two rows of three
    rows, columns = table[:, :8], table[:, 8:]
    assert torch.equal(rows[0], rows[2]) and not torch.equal(rows[0], rows[3])
    assert torch.equal(columns[1], columns[4]) and not torch.equal(columns[0], columns[1])


def test_one_by_one_is_read_as_together() -> None:
    reader, images = model(), pixels(3)
    together = read(reader, VOCABULARY, images)
    alone = [read(reader, VOCABULARY, image[None])[0] for image in images]
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    assert all(0 < one.probability <= 1 for one in together)


def test_a_beam_reads_too() -> None:
    (found,) = read(model(), VOCABULARY, pixels(1), DecodingOptions(beam_size=3, max_length=6))
    assert len(found.tokens) <= 6


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"patch": 5}, "model.height = 8 pixels cannot be cut into patches of model.patch = 5"),
        ({"width": 13}, "model.width = 13"),
        ({"d_model": 18, "n_heads": 2}, "a width that four divides"),
        ({"positions": "waves"}, "model.positions = 'waves'"),
        ({"n_heads": 3}, "cannot be divided among model.n_heads = 3"),
        ({"height": 1024, "width": 1024, "patch": 1}, "1,048,576 patches of an image"),
    ],
)
def test_shapes_that_cannot_be_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ImageReaderConfig(**{**SIZES, **changes})  # type: ignore[arg-type]


def test_a_kind_of_reader_stands_under_its_name_and_is_no_language_model() -> None:
    for line in IMAGE_READERS:
        assert reader_kind(line.name).config().kind == line.name
        assert line.name not in names()
