"""A model directory opens as what was sealed, or not at all; and an interrupted write loses no model."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from dragoman.config import dump_toml
from dragoman.errors import ModelError
from dragoman.files import sha256
from dragoman.model import contents
from dragoman.model import directory as modeldir
from dragoman.model.contents import CARD, WEIGHTS
from dragoman.model.directory import find_model, list_models, open_model, write_model
from dragoman.model.fields import CONFIG
from dragoman.model.kinds import transformer_shapes
from dragoman.model.seal import MANIFEST
from tiny import Parts, parts

TOKENIZER = "tokenizer.model"
SEALED = (CONFIG, WEIGHTS, TOKENIZER, CARD)


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def reseal(directory: Path, **changes: Any) -> None:
    """A manifest that fits the files as they now are: what a forger would write."""
    manifest = json.loads((directory / MANIFEST).read_text())
    for name in manifest["files"]:
        data = (directory / name).read_bytes()
        manifest["files"][name] = {"size": len(data), "sha256": sha256(data)}
    (directory / MANIFEST).write_text(json.dumps(manifest | changes))


def trained_with(tokenizer: bytes) -> dict[str, str]:
    """Metadata of weights that go with a joint tokenizer."""
    return {contents.TRAINED_WITH: json.dumps({TOKENIZER: sha256(tokenizer)})}


def refused(directory: Path, *words: str) -> None:
    with pytest.raises(ModelError) as caught:
        open_model(directory)
    for word in (str(directory), *words):
        assert word in str(caught.value)


# -- what was written is what opens -----------------------------------------------------------------------------


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


# -- damage -----------------------------------------------------------------------------------------------------


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


# -- writing is atomic ------------------------------------------------------------------------------------------

FILE_OPERATIONS = ("open", "write", "fsync", "replace", "rename", "mkdir", "unlink")


@pytest.fixture
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operations are counted and made to fail; waiting for a real disk adds only minutes."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


class Operations:
    """Counts file operations and lets the chosen one fail; or, as after a power cut, all from there on."""

    def __init__(self, fail_at: int, for_ever: bool, error: int) -> None:
        self.fail_at, self.for_ever, self.error = fail_at, for_ever, error
        self.count = 0

    def guard(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count == self.fail_at or (self.for_ever and self.count > self.fail_at > 0):
                raise OSError(self.error, os.strerror(self.error))
            return operation(*args, **kwargs)

        return guarded


@contextmanager
def failing(fail_at: int, for_ever: bool = False, error: int = errno.ENOSPC) -> Iterator[Operations]:
    operations = Operations(fail_at, for_ever, error)
    with pytest.MonkeyPatch.context() as patch:
        for name in FILE_OPERATIONS:
            patch.setattr(os, name, operations.guard(getattr(os, name)))
        yield operations


def operations_of(write: Callable[[], object]) -> int:
    with failing(0) as operations:
        write()
    return operations.count


def card_of(directory: Path) -> str:
    return open_model(directory).card


@pytest.mark.usefixtures("fast_disk")
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "power cut"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_a_write_that_fails_anywhere_leaves_the_old_model_or_the_new(
    tiny_parts: Parts, other_parts: Parts, tmp_path: Path, for_ever: bool, error: int
) -> None:
    old, new = replace(tiny_parts, card="old"), replace(other_parts, card="new")
    count = old.write(tmp_path / "count")
    total = operations_of(lambda: new.write(count))
    outcomes = []
    for k in range(1, total + 1):
        directory = old.write(tmp_path / f"{k}")
        (directory / "log.jsonl").write_text("kept")
        failed = False
        with failing(k, for_ever, error):
            try:
                new.write(directory)
            except ModelError as refusal:
                failed = True
                assert str(directory) in str(refusal) and os.strerror(error) in str(refusal)
        outcomes.append(card_of(directory))
        assert failed or outcomes[-1] == "new"
        new.write(directory)  # and the next write sets all right
        assert card_of(directory) == "new"
        assert sorted(os.listdir(directory)) == sorted((*SEALED, MANIFEST, "log.jsonl"))
    assert total > 40 and set(outcomes) == {"old", "new"}


@pytest.mark.usefixtures("fast_disk")
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "power cut"])
def test_a_first_write_that_fails_anywhere_leaves_no_model_or_a_whole_one(
    tiny_parts: Parts, tmp_path: Path, for_ever: bool
) -> None:
    total = operations_of(lambda: tiny_parts.write(tmp_path / "count"))
    whole = 0
    for k in range(1, total + 1):
        directory = tmp_path / f"{k}"
        with failing(k, for_ever), suppress(ModelError):
            tiny_parts.write(directory)
        if (directory / MANIFEST).exists():
            whole += 1
            assert card_of(directory) == tiny_parts.card
        else:
            assert not (directory / WEIGHTS).exists(), "a part without a manifest looks like a model"
        tiny_parts.write(directory)
        assert card_of(directory) == tiny_parts.card
    assert 0 < whole < total


def test_every_part_is_durable_before_the_manifest_names_it(
    tiny_parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without fsync of files and directory a power cut can keep the manifest and lose what it lists."""
    events: list[str] = []
    names: dict[int, str] = {}
    real_open, real_fsync, real_replace = os.open, os.fsync, os.replace

    def opened(path: Any, *args: Any) -> int:
        handle = real_open(path, *args)
        names[handle] = Path(path).name
        return handle

    def fsync(handle: int) -> None:
        events.append(f"sync {names[handle]}")
        real_fsync(handle)

    def moved(old: Any, new: Any) -> None:
        events.append(f"move {Path(old).name} {Path(new).name}")
        real_replace(old, new)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", moved)
    tiny_parts.write(tmp_path / "model")
    manifest = next(i for i, event in enumerate(events) if event.endswith(f" {MANIFEST}"))
    for name in SEALED:
        written, named = (
            next(i for i, event in enumerate(events) if event.startswith(f"{verb} ..{name}.new-"))
            for verb in ("sync", "move")
        )
        assert written < named < manifest
        assert "sync model" in events[named:manifest]
    assert "sync model" in events[manifest:]


def test_a_reader_in_any_moment_of_a_write_sees_one_whole_model(
    tiny_parts: Parts, other_parts: Parts, tmp_path: Path
) -> None:
    old, new = replace(tiny_parts, card="old"), replace(other_parts, card="new")
    directory = old.write(tmp_path / "model")
    real, seen = os.replace, []

    def watched(*args: Any) -> None:
        seen.append(card_of(directory))
        real(*args)
        seen.append(card_of(directory))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", watched)
        new.write(directory)
    assert seen == sorted(seen, reverse=True) and set(seen) == {"old", "new"}


def test_a_reader_overtaken_by_a_whole_write_looks_again(
    tiny_parts: Parts, other_parts: Parts, tmp_path: Path
) -> None:
    old, new = replace(tiny_parts, card="old"), replace(other_parts, card="new")
    directory = old.write(tmp_path / "model")
    real, opened = os.open, []

    def overtaken(path: Any, *args: Any, **kwargs: Any) -> int:
        opened.append(path)
        if len(opened) == 2:  # the manifest is read, the first part not yet
            new.write(directory)
        return real(path, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", overtaken)
        assert card_of(directory) == "new"


def test_a_model_in_use_is_not_written_over(tiny_parts: Parts, other_parts: Parts, tmp_path: Path) -> None:
    """Saving over a file that is memory-mapped has produced zero-filled files: every write is a new inode."""
    directory = tiny_parts.write(tmp_path / "model")
    mapped = np.memmap(directory / WEIGHTS, mode="r")
    before = mapped.tobytes()
    other_parts.write(directory)
    assert mapped.tobytes() == before != (directory / WEIGHTS).read_bytes()


def test_writing_leaves_files_that_are_not_its_own(tiny_parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "log.jsonl").write_text("x")
    (tmp_path / "tokenizer.source.model").write_text("mine")
    tiny_parts.write(tmp_path)
    assert (tmp_path / "log.jsonl").read_text() == "x"
    assert (tmp_path / "tokenizer.source.model").read_text() == "mine"


def test_parts_the_new_model_has_not_are_removed(tiny_parts: Parts, tmp_path: Path) -> None:
    parts(joint=False, tie="target").write(tmp_path)
    replace(tiny_parts, card="").write(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted((CONFIG, WEIGHTS, TOKENIZER, MANIFEST))


def test_a_damaged_model_can_be_replaced(model: Path, other_parts: Parts) -> None:
    (model / MANIFEST).write_text("{")
    other_parts.write(model)
    assert open_model(model).source_tokenizer.serialized == other_parts.tokenizers["joint"]


def test_parts_that_do_not_fit_are_not_written(tiny_parts: Parts, tmp_path: Path) -> None:
    small = parts(vocab_size=340).tokenizers
    with pytest.raises(ModelError, match=r"nothing was written.*\[360, 16\].*\[340, 16\]"):
        write_model(
            tmp_path / "model", config=tiny_parts.config, weights=tiny_parts.weights, tokenizers=small
        )
    assert not (tmp_path / "model").exists()


# -- finding ----------------------------------------------------------------------------------------------------


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
