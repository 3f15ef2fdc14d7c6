"""A model directory opens as what was sealed, and is found by its name."""

from __future__ import annotations

import os
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from dragoman.config import dump_toml
from dragoman.errors import ModelError
from dragoman.model import contents
from dragoman.model import directory as modeldir
from dragoman.model.contents import WEIGHTS
from dragoman.model.directory import find_model, list_models, open_model
from dragoman.model.fields import CONFIG
from dragoman.model.kinds import transformer_shapes
from dragoman.model.seal import MANIFEST
from sealing import SEALED, refused, reseal, trained_with
from tiny import Parts, parts


def test_a_model_opens_as_it_was_written(tiny_parts: Parts, tiny_model: Path) -> None:
    model = open_model(tiny_model)
    assert model.config == tiny_parts.config | {"data": {}}
    assert model.languages == ("en", "zh")
    assert model.card == tiny_parts.card
    assert model.source_tokenizer.serialized == tiny_parts.tokenizers["joint"]
    assert model.weights.keys() == tiny_parts.weights.keys()
    for name, weight in tiny_parts.weights.items():
        np.testing.assert_array_equal(model.weights[name], weight)


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    two = parts(joint=False, tie="target")
    first, second = two.write(tmp_path / "first"), two.write(tmp_path / "second")
    for name in os.listdir(first):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_weights_of_unknown_origin_go_with_no_tokenizer(model: Path) -> None:
    weights = safetensors.numpy.load_file(model / WEIGHTS)
    for metadata in (None, {"format": "pt"}, {contents.TRAINED_WITH: "[["}, trained_with(b"")):
        (model / WEIGHTS).write_bytes(safetensors.numpy.save(weights, metadata=metadata))
        reseal(model)
        refused(model, WEIGHTS)


def test_the_directory_holds_plain_names_and_nothing_else(tiny_model: Path) -> None:
    assert sorted(path.name for path in tiny_model.iterdir()) == sorted((*SEALED, MANIFEST))


def test_two_tokenizers_and_half_precision(tmp_path: Path) -> None:
    two = parts(joint=False, tie="target")
    two = replace(two, weights={name: weight.astype(np.float16) for name, weight in two.weights.items()})
    model = open_model(two.write(tmp_path))
    assert model.source_tokenizer.serialized == two.tokenizers["source"]
    assert model.target_tokenizer.serialized == two.tokenizers["target"]
    assert {weight.dtype for weight in model.weights.values()} == {np.dtype(np.float16)}


def test_build_gives_a_module_with_those_weights(tiny_parts: Parts, tiny_model: Path) -> None:
    module = open_model(tiny_model).build()
    assert not module.training
    for name, weight in module.state_dict().items():
        np.testing.assert_array_equal(weight.numpy(), tiny_parts.weights[name])


@pytest.mark.parametrize("tie", ["all", "target", "none"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "swiglu"])
@pytest.mark.parametrize(
    ("norm", "positions"), [("pre", "sinusoidal"), ("post", "learned"), ("post", "rotary")]
)
def test_expected_shapes_are_those_of_the_module(
    tie: str, activation: str, norm: str, positions: str
) -> None:
    """The table in kinds.py exists so that no torch is needed; here it is held against torch."""
    from dragoman.transformer.model import Transformer, TransformerConfig

    settings: dict[str, Any] = dict(
        d_model=8, d_ff=12, n_heads=2, encoder_layers=2, decoder_layers=1, max_length=9,
        tie=tie, activation=activation, norm=norm, positions=positions,
    )  # fmt: skip
    target_vocab = 30 if tie == "all" else 40
    state = Transformer(TransformerConfig(**settings), 30, target_vocab).state_dict()
    found = {name: tuple(weight.shape) for name, weight in state.items()}
    assert transformer_shapes(settings, 30, target_vocab) == found


@pytest.mark.parametrize(
    "value",
    ["", 'a "quoted" \\ word', "line\nbreak\ttab\x7f", "中文 😀", True, -3, 1e-05, 1e300, [1, 2], ["a", "b"]],
)
def test_toml_comes_back_as_it_went(value: object) -> None:
    assert tomllib.loads(dump_toml({"section": {"key": value}})) == {"section": {"key": value}}


def test_toml_leaves_none_out_and_refuses_what_it_cannot_say() -> None:
    assert tomllib.loads(dump_toml({"section": {"key": None}})) == {"section": {}}
    with pytest.raises(TypeError, match="no TOML form"):
        dump_toml({"section": {"key": object()}})


# -- finding ---------------------------------------------------------------------------------------------------


@pytest.fixture
def bundled(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(tiny_model, tmp_path / "models" / "xx-yy")
    (tmp_path / "models" / "unfinished").mkdir()
    monkeypatch.setattr(modeldir, "BUNDLED", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


def test_a_bundled_model_is_found_by_name(bundled: Path) -> None:
    assert find_model("xx-yy") == bundled / "xx-yy"
    assert list_models() == [bundled / "xx-yy"]


def test_a_bundled_model_is_found_by_each_of_its_directions(bundled: Path) -> None:
    shutil.copytree(bundled / "xx-yy", bundled / "en-zh")
    sections = tomllib.loads((bundled / "en-zh" / CONFIG).read_text(encoding="utf-8"))
    sections["languages"] = {"source": "en", "target": "zh", "directions": ["en>zh", "zh>en"]}
    (bundled / "en-zh" / CONFIG).write_text(dump_toml(sections), encoding="utf-8")
    assert find_model("zh-en") == find_model("en-zh") == bundled / "en-zh"
    with pytest.raises(ModelError, match="en-zh, xx-yy"):
        find_model("zh-de")


def test_a_model_of_ones_own_stands_in_for_a_bundled_one(bundled: Path, tiny_model: Path) -> None:
    Path("xx-yy").mkdir()
    assert find_model("xx-yy") == bundled / "xx-yy", "an empty directory is no model"
    shutil.copytree(tiny_model, "xx-yy", dirs_exist_ok=True)
    assert find_model("xx-yy") == Path("xx-yy")


@pytest.mark.usefixtures("bundled")
def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    for name in ("en-fr", "no/such/path", "../models/nothing", ""):
        if name:
            with pytest.raises(ModelError, match="xx-yy"):
                find_model(name)


def test_without_any_bundled_model_the_message_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modeldir, "BUNDLED", tmp_path / "models")
    assert list_models() == []
    with pytest.raises(ModelError, match="none"):
        find_model("en-zh")
