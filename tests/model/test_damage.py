"""A model directory that is damaged or forged does not open, and says what is wrong."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from dragoman.errors import ModelError
from dragoman.model.contents import CARD, WEIGHTS
from dragoman.model.directory import open_model
from dragoman.model.fields import CONFIG
from dragoman.model.seal import MANIFEST
from sealing import SEALED, TOKENIZER, refused, reseal, trained_with
from tiny import Parts, parts


@pytest.mark.parametrize("name", SEALED)
def test_a_missing_part_is_named(model: Path, name: str) -> None:
    (model / name).unlink()
    refused(model, name, "missing")


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("keep", [0, 0.5, -1])
def test_a_part_cut_short_is_named(model: Path, name: str, keep: float) -> None:
    data = (model / name).read_bytes()
    (model / name).write_bytes(data[: -1 if keep < 0 else int(len(data) * keep)])
    refused(model, name, "cut short")


@pytest.mark.parametrize("name", SEALED)
def test_a_part_with_more_in_it_is_named(model: Path, name: str) -> None:
    with open(model / name, "ab") as file:
        file.write(b"\0")
    refused(model, name, "more than")


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("position", [0.0, 0.3, 0.999])
def test_one_flipped_bit_is_found_and_named(model: Path, name: str, position: float) -> None:
    data = bytearray((model / name).read_bytes())
    data[int(position * len(data))] ^= 1
    (model / name).write_bytes(data)
    refused(model, name, "sha256")


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("inside", [True, False])
def test_a_symbolic_link_is_not_followed(model: Path, name: str, inside: bool) -> None:
    """Not even to the right bytes."""
    target = (model if inside else model.parent) / "elsewhere"
    (model / name).rename(target)
    (model / name).symlink_to(target)
    refused(model, name, "symbolic link")


@pytest.mark.parametrize("name", (*SEALED, MANIFEST))
def test_what_is_no_plain_file_is_refused_at_once(model: Path, name: str) -> None:
    (model / name).unlink()
    os.mkfifo(model / name)  # opening it for reading would wait for ever
    refused(model, name, "not a plain file")
    (model / name).unlink()
    (model / name).mkdir()
    refused(model, name, "not a plain file")


def test_links_and_files_that_are_no_part_are_not_touched(model: Path) -> None:
    (model / "checkpoints").symlink_to("/nowhere")
    (model / "log.jsonl").write_text("not sealed")
    assert open_model(model).languages == ("en", "zh")


def test_the_tokenizer_of_another_model_is_refused(model: Path, other_parts: Parts) -> None:
    (model / TOKENIZER).write_bytes(other_parts.tokenizers["joint"])
    refused(model, TOKENIZER, "another model")
    reseal(model)  # sizes and hashes fit now, vocabulary sizes too
    refused(model, TOKENIZER, "another model", WEIGHTS)


def test_the_two_tokenizers_of_a_model_cannot_change_places(tmp_path: Path) -> None:
    parts(joint=False, tie="target").write(tmp_path)
    source, target = tmp_path / "tokenizer.source.model", tmp_path / "tokenizer.target.model"
    one, two = source.read_bytes(), target.read_bytes()
    source.write_bytes(two)
    target.write_bytes(one)
    refused(tmp_path, "tokenizer.source.model", "another model")
    reseal(tmp_path)
    refused(tmp_path, "tokenizer.source.model", "another model")


def test_the_weights_of_another_model_are_refused(model: Path, tmp_path: Path) -> None:
    larger = parts(d_model=24).write(tmp_path / "larger")
    shutil.copy(larger / WEIGHTS, model / WEIGHTS)
    refused(model, WEIGHTS)
    reseal(model)
    refused(model, WEIGHTS, "shape [24]", "[16]")


def put(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest.__setitem__(key, value)


def entry(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest["files"].__setitem__(name, value)


FINE = {"size": 1, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("format", 2), ["format 2", "newer dragoman"]),
        (put("format", "1"), ["format '1'"]),
        (put("files", []), [MANIFEST]),
        (put("files", [{}]), [MANIFEST]),
        (put("files", {}), [MANIFEST, TOKENIZER]),
        (lambda manifest: manifest.pop("files"), [MANIFEST, "damaged"]),
        (lambda manifest: manifest.pop("format"), [MANIFEST, "damaged"]),
        (lambda manifest: manifest["files"].pop(WEIGHTS), [WEIGHTS]),
        (lambda manifest: manifest["files"].pop(CONFIG), [CONFIG]),
        (lambda manifest: manifest["files"].pop(TOKENIZER), ["no tokenizer"]),
        (entry("../secret", FINE), ["'../secret'"]),
        (entry("..", FINE), ["'..'"]),
        (entry("/etc/passwd", FINE), ["'/etc/passwd'"]),
        (entry("code.py", FINE), ["'code.py'"]),
        (entry("tokenizer.source.model", FINE), ["tokenizer.source.model"]),
        (entry(CONFIG, {"size": -1, "sha256": "0" * 64}), [CONFIG, "-1"]),
        (entry(CONFIG, {"size": 1e9, "sha256": "0" * 64}), [CONFIG, "size"]),
        (entry(CONFIG, {"size": True, "sha256": "0" * 64}), [CONFIG, "size"]),
        (entry(CONFIG, {"size": 1, "sha256": "00"}), [CONFIG, "sha256"]),
        (entry(CONFIG, {"size": 1, "sha256": None}), [MANIFEST]),
        (entry(CONFIG, {"size": 1}), [MANIFEST, "sha256"]),
        (entry(CONFIG, 3), [MANIFEST]),
    ],
)
def test_a_manifest_that_says_other_things_is_refused(
    model: Path, change: Callable[[dict[str, Any]], object], words: list[str]
) -> None:
    manifest = json.loads((model / MANIFEST).read_text())
    change(manifest)
    (model / MANIFEST).write_text(json.dumps(manifest))
    refused(model, *words)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b"NaN", b"[" * 60_000, b" " * 100_000, b'{"format": 1, "format": 1}'],
    ids=["empty", "half", "no UTF-8", "list", "null", "NaN", "deep", "large", "twice"],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(model: Path, data: bytes) -> None:
    (model / MANIFEST).write_bytes(data)
    refused(model, MANIFEST)


def test_a_directory_without_manifest_is_told_from_one_still_in_training(model: Path, tmp_path: Path) -> None:
    (model / MANIFEST).unlink()
    refused(model, "manifest.json is missing", "no model directory")
    (model / "checkpoints").mkdir()
    refused(model, "has not kept a model yet")
    refused(tmp_path / "nothing", "no such directory")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", "is a file, and a model is a directory")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[model]", "[", ["TOML"]),
        ("[model]", "[modle]", ["[model]"]),
        ("[languages]", "[language]", ["[languages]"]),
        ("[decoding]", "[[decoding]]", ["[decoding]"]),
        ("[decoding]", "[data]\nlongest = 0\n[decoding]", ["data.longest"]),
        ("[decoding]", "[data]\nlongest = 'x'\n[decoding]", ["data.longest"]),
        ('source = "en"', "source = 3", ["languages.source", "3"]),
        ('target = "zh"', "", ["languages.target"]),
        ('"transformer"', '"mamba"', ["model.kind", "'mamba'", "transformer"]),
        ("d_model = 16", "d_model = 18", [WEIGHTS, "shape"]),
        ("d_model = 16", "d_model = 15", ["model.d_model = 15", "model.n_heads = 2"]),
        ("d_model = 16", "d_model = 16.0", ["model.d_model"]),
        ("d_model = 16", "d_model = -16", ["model.d_model"]),
        ("d_model = 16", f"d_model = {10**30}", ["model.d_model"]),
        ("d_model = 16", "d_model = nan", ["model.d_model", "nan"]),
        ("encoder_layers = 2", "encoder_layers = 3", [WEIGHTS, "lacks encoder.layers.2"]),
        ("encoder_layers = 2", "encoder_layers = 1", [WEIGHTS, "holds encoder.layers.1"]),
        ("encoder_layers = 2", f"encoder_layers = {10**9}", ["model.encoder_layers"]),
        ('norm = "pre"', 'norm = "Pre"', ["model.norm"]),
        ('tie = "all"', 'tie = "none"', [WEIGHTS, "embedding"]),
        ('positions = "sinusoidal"', "", ["model.positions"]),
    ],
)
def test_a_forged_config_is_refused(model: Path, old: str, new: str, words: list[str]) -> None:
    text = (model / CONFIG).read_text()
    assert old in text
    (model / CONFIG).write_text(text.replace(old, new, 1))
    reseal(model)
    refused(model, CONFIG, *words)


def test_a_setting_no_transformer_has_is_refused_when_built(model: Path) -> None:
    text = (model / CONFIG).read_text()
    (model / CONFIG).write_text(text.replace("d_model = 16", "d_model = 16\nd_modle = 16"))
    reseal(model)
    with pytest.raises(ModelError, match="d_modle"):
        open_model(model).build()


@pytest.mark.parametrize("name", [CONFIG, CARD])
def test_text_that_is_no_utf8_is_refused(model: Path, name: str) -> None:
    (model / name).write_bytes(b"# caf\xe9\n")
    reseal(model)
    refused(model, name, "UTF-8", "byte 5")


def test_a_forged_tokenizer_is_refused(model: Path) -> None:
    junk = b"\x0a\xff\xff\xff\xff\x07 no tokenizer"
    (model / TOKENIZER).write_bytes(junk)
    weights = safetensors.numpy.load_file(model / WEIGHTS)
    (model / WEIGHTS).write_bytes(safetensors.numpy.save(weights, metadata=trained_with(junk)))
    reseal(model)
    refused(model, TOKENIZER, "SentencePiece")


@pytest.mark.parametrize("keep", [0, 4, 8, 100, -1])
def test_forged_weights_that_are_cut_short_are_refused(model: Path, keep: int) -> None:
    (model / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:keep])
    reseal(model)
    refused(model, WEIGHTS, "safetensors")


def test_a_header_that_lies_about_a_size_is_refused(model: Path) -> None:
    data = (model / WEIGHTS).read_bytes()
    (model / WEIGHTS).write_bytes((2**62).to_bytes(8, "little") + data[8:])
    reseal(model)
    refused(model, WEIGHTS)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(tiny_parts: Parts, model: Path, value: float) -> None:
    weights = {name: weight.copy() for name, weight in tiny_parts.weights.items()}
    weights["embedding.weight"][7, 3] = value
    before = open_model(model).weights
    with pytest.raises(ModelError, match="nothing was written.*embedding.weight holds NaN"):
        replace(tiny_parts, weights=weights).write(model)
    assert open_model(model).weights.keys() == before.keys()
    metadata = trained_with(tiny_parts.tokenizers["joint"])
    (model / WEIGHTS).write_bytes(safetensors.numpy.save(weights, metadata=metadata))
    reseal(model)
    refused(model, WEIGHTS, "NaN", "embedding.weight")


def test_weights_of_an_unknown_number_type_are_refused(tiny_parts: Parts, tmp_path: Path) -> None:
    doubles = {name: weight.astype(np.float64) for name, weight in tiny_parts.weights.items()}
    with pytest.raises(ModelError, match="F64"):
        replace(tiny_parts, weights=doubles).write(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_without_verification_sizes_and_fit_are_still_checked(model: Path, other_parts: Parts) -> None:
    (model / CARD).write_bytes((model / CARD).read_bytes().upper())
    assert open_model(model, verify=False).card.startswith("# A MODEL")
    (model / TOKENIZER).write_bytes(other_parts.tokenizers["joint"])
    with pytest.raises(ModelError, match="another model"):
        open_model(model, verify=False)
