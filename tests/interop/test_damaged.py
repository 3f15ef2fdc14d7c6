"""Directories in which something is wrong: one line that says what, and nothing is written."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from safetensors.numpy import load_file, save_file

import foreign
from dragoman.errors import DragomanError, UsageError
from dragoman.interop.brought import Pair
from dragoman.interop.importing import bring
from dragoman.model.directory import open_model

pytestmark = pytest.mark.filterwarnings("ignore")
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    foreign.marian(tmp_path_factory.mktemp("opus") / "opus-mt-en-zh")
    return tmp_path_factory.getbasetemp() / "opus0" / "opus-mt-en-zh"


@pytest.fixture(scope="module")
def m2m100(tmp_path_factory: pytest.TempPathFactory) -> Path:
    foreign.m2m100(tmp_path_factory.mktemp("m2m") / "m2m100")
    return tmp_path_factory.getbasetemp() / "m2m0" / "m2m100"


@pytest.fixture
def copy(marian: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(marian, tmp_path / "opus-mt-en-zh"))


def told(source: Path, output: Path) -> str:
    with pytest.raises(DragomanError) as error:
        bring(source, output, Pair("en", "zh"), lambda line: None)
    assert not output.exists() and "\n" not in str(error.value)
    return str(error.value)


def changed(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("encoder_layers", 1, "has model.encoder.layers.1.* which its settings do not ask for"),
        ("encoder_layers", 3, "has no model.encoder.layers.2"),
        ("encoder_layers", True, "must be a whole number"),
        ("d_model", 10**9, "no larger than"),
        ("max_position_embeddings", 10**12, "no larger than"),
        ("activation_function", ["swish"], "activation_function"),
        ("dropout", "a little", "dropout = a little"),
        ("attention_dropout", None, "attention_dropout = None"),
        ("decoder_start_token_id", 10**6, "decoder_start_token_id = 1000000"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(
    copy: Path, tmp_path: Path, name: str, value: object, says: str
) -> None:
    """A model with a layer more than its settings say was imported without it, and nobody was told."""
    changed(copy / "config.json", **{name: value})
    assert re.search(says, told(copy, tmp_path / "out"))


def test_weights_that_nobody_asks_for_are_named(copy: Path, tmp_path: Path) -> None:
    more = {"model.encoder.layers.0.adapter.weight": np.ones(3, np.float32)}
    save_file(load_file(copy / WEIGHTS) | more, copy / WEIGHTS)
    assert "adapter.weight" in told(copy, tmp_path / "out")


@pytest.mark.parametrize(
    "piece, i, says", [(9, 3, "each once"), (9, -1, "each once"), (None, None, "numbers 1 pieces")]
)
def test_a_table_of_pieces_that_was_damaged_is_told(
    copy: Path, tmp_path: Path, piece: int | None, i: int | None, says: str
) -> None:
    path = copy / "vocab.json"
    ids = json.loads(path.read_text(encoding="utf-8"))
    ids = {"</s>": 0} if piece is None else ids | {[*ids][piece]: i}
    path.write_text(json.dumps(ids), encoding="utf-8")
    assert says in told(copy, tmp_path / "out")


def test_a_piece_that_is_no_text_is_told(copy: Path, tmp_path: Path) -> None:
    """SentencePiece loads such a model, and shows a traceback when the piece is asked for."""
    data = (copy / "target.spm").read_bytes()
    place = data.rindex("▁".encode())
    (copy / "target.spm").write_bytes(data[:place] + b"\xbb" + data[place + 1 :])
    assert re.search(r"target\.spm: piece \d+ is not UTF-8", told(copy, tmp_path / "made"))


def test_an_empty_tokenizer_is_told(copy: Path, tmp_path: Path) -> None:
    """SentencePiece makes a model of no bytes, which cuts nothing, and says so on stderr alone."""
    (copy / "source.spm").write_bytes(b"")
    assert "source.spm is not a SentencePiece model: it is empty" in told(copy, tmp_path / "out")


# -- several files of weights ---------------------------------------------------------------------------------------


def split(
    directory: Path, change: Callable[[dict[str, str]], Any] = lambda named: {"weight_map": named}
) -> list[Path]:
    """Weights in two files, as large models have them."""
    weights = load_file(directory / WEIGHTS)
    (directory / WEIGHTS).unlink()
    names = sorted(weights)
    halves = names[: len(names) // 2], names[len(names) // 2 :]
    paths = [directory / f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    named: dict[str, str] = {}
    for path, half in zip(paths, halves, strict=True):
        path.write_bytes(safetensors.numpy.save({name: weights[name] for name in half}))
        named |= dict.fromkeys(half, path.name)
    (directory / INDEX).write_text(json.dumps(change(named)), encoding="utf-8")
    return paths


def test_weights_in_several_files_are_one_model(marian: Path, copy: Path, tmp_path: Path) -> None:
    """Also behind links, as the hub's cache keeps them."""
    split(copy)
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    for path in [*copy.iterdir()]:
        path.rename(blobs / path.name)
        path.symlink_to(blobs / path.name)
    for source, output in ((marian, "whole"), (copy, "parts")):
        bring(source, tmp_path / output, Pair("en", "zh"), lambda line: None)
    whole, parts = (open_model(tmp_path / name).weights for name in ("whole", "parts"))
    assert all(np.array_equal(weight, parts[name]) for name, weight in whole.items())


def test_an_index_that_names_nothing_or_what_is_not_there_is_told(copy: Path, tmp_path: Path) -> None:
    first, second = split(copy)
    second.unlink()
    assert f"has no {second.name}, which {INDEX} names" in told(copy, tmp_path / "out")
    for content in ({}, {"weight_map": {}}, {"weight_map": [1]}, {"weight_map": {"a": 3}}):
        (copy / INDEX).write_text(json.dumps(content), encoding="utf-8")
        assert "names no files" in told(copy, tmp_path / "out")


# -- M2M-100, and packages ------------------------------------------------------------------------------------------


def test_strange_files_of_a_tokenizer_are_told_or_passed_over(m2m100: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(m2m100, tmp_path / "m2m100"))
    changed(copy / "tokenizer_config.json", additional_special_tokens=5, extra_special_tokens={"a": 1})
    bring(copy, tmp_path / "out", Pair("en", "zh"), lambda line: None)
    for i, says in ((99_999_999, "belongs to another model"), (-4, "numbers a piece -4")):
        (copy / "added_tokens.json").write_text(json.dumps({"__en__": i}), encoding="utf-8")
        assert says in told(copy, tmp_path / f"out{i}")


def test_what_is_wrong_in_a_package_is_said_of_the_package(tmp_path: Path) -> None:
    """It lies unpacked for a moment, in a place that is gone when its name is read."""
    path = tmp_path / "x.argosmodel"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("x/metadata.json", json.dumps({"from_code": "en", "to_code": "zh"}))
        package.writestr("x/sentencepiece.model", b"no model")
        package.writestr("x/model/model.bin", b"no model")
    assert told(path, tmp_path / "out").startswith(f"{path}/model has no source_vocabulary.json")


# -- what a stranger names --------------------------------------------------------------------------------------------


def test_a_model_is_not_imported_over_itself(copy: Path, tmp_path: Path) -> None:
    """Its weights have the name that ours get: imported into its own directory, a model once lost them."""
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    for output in (copy, copy / "config.json"):
        with pytest.raises(UsageError, match="is there already: name a directory that is new or empty"):
            bring(copy, output, Pair("en", "zh"), lambda line: None)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    (tmp_path / "empty").mkdir()
    bring(copy, tmp_path / "empty", Pair("en", "zh"), lambda line: None)
    assert open_model(tmp_path / "empty")


@pytest.mark.parametrize(
    "name, whose",
    [("tf_model.h5", "TensorFlow's"), ("flax_model.msgpack", "Flax's"), ("rust_model.ot", "rust-bert")],
)
def test_weights_of_another_library_are_named(copy: Path, tmp_path: Path, name: str, whose: str) -> None:
    (copy / "model.safetensors").rename(copy / name)
    assert re.search(f"no weights that are read, .*: {name} is .*{whose}", told(copy, tmp_path / "out"))


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.zip").touch()
    assert re.search(
        "is no file of a model that is known here", told(tmp_path / "empty.zip", tmp_path / "out")
    )
