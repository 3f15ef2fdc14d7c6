"""CTranslate2 directories and Argos packages: what CTranslate2 itself writes, or one line that says why not."""

from __future__ import annotations

import json
import shutil
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest

import foreign
import tiny
from dragoman.cli import main
from dragoman.decoding.options import DecodingOptions, SearchRequest
from dragoman.engines import translate
from dragoman.engines.torch import TorchEngine
from dragoman.errors import DragomanError
from dragoman.interop.brought import Pair
from dragoman.interop.export.writing import TargetName, export
from dragoman.interop.importing import bring
from dragoman.model.directory import ModelDirectory, find_model, open_model
from dragoman.translate.translator import Translator

pytestmark = pytest.mark.filterwarnings("ignore")
ENGLISH = Pair("en", "zh")
TEXTS = tiny.lines(5, 24)[::2]


def quiet(line: str) -> None:
    """What an import says."""


@pytest.fixture(scope="module")
def opus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("opus") / "opus-mt-en-zh"
    foreign.marian(directory)
    return directory


def converted(source: Path, directory: Path, quantization: str | None) -> Path:
    """As the user converts it, with the tokenizers beside it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converter = ctranslate2.converters.TransformersConverter(
            str(source), copy_files=["source.spm", "target.spm"]
        )
        converter.convert(str(directory), quantization=quantization)
    return directory


@pytest.fixture(scope="module")
def fast(opus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted(opus, tmp_path_factory.mktemp("fast") / "en-zh", None)


@pytest.fixture
def copy(fast: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fast, tmp_path / "en-zh"))


def brought(source: Path, directory: Path, asked: Pair = ENGLISH) -> ModelDirectory:
    bring(source, directory, asked, quiet)
    return open_model(directory)


def searched(model: ModelDirectory, texts: list[str], beams: int) -> list[list[str]]:
    """The pieces of what the reference writes."""
    options = DecodingOptions(beam_size=beams, max_length=16, max_length_ratio=0, length_penalty=1.0)
    sources = model.source_tokenizer.encode_batch(texts)
    found = translate(TorchEngine(model.build()), sources, SearchRequest(options))
    return [model.target_tokenizer.pieces(best[0].tokens) for best in found]


def written(directory: Path, model: ModelDirectory, texts: list[str], beams: int) -> list[list[str]]:
    """The pieces of what CTranslate2 writes, with </s> after each source as Marian has it."""
    translator = ctranslate2.Translator(str(directory), compute_type="float32", intra_threads=1)
    sources = [[*model.source_tokenizer.pieces(model.source_tokenizer.encode(t)), "</s>"] for t in texts]
    results = translator.translate_batch(
        sources, beam_size=beams, max_decoding_length=16, suppress_sequences=[["<unk>"]], length_penalty=1.0
    )
    return [result.hypotheses[0] for result in results]


# -- CTranslate2 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beams", [1, 4])
def test_a_converted_model_writes_what_ctranslate2_writes(fast: Path, tmp_path: Path, beams: int) -> None:
    model = brought(fast, tmp_path / "out")
    assert searched(model, TEXTS, beams) == written(fast, model, TEXTS, beams)


def test_it_is_the_model_that_was_converted(opus: Path, fast: Path, tmp_path: Path) -> None:
    ours, direct = brought(fast, tmp_path / "a"), brought(opus, tmp_path / "b")
    assert ours.source_tokenizer.vocabulary() == direct.source_tokenizer.vocabulary()
    assert {**ours.config["model"]} == {**direct.config["model"]}
    for name, weight in direct.weights.items():
        kept = weight[1:] if name == "output_bias" else weight  # <pad>, which no search writes
        found = ours.weights[name][1:] if name == "output_bias" else ours.weights[name]
        np.testing.assert_array_equal(found, kept, name)


@pytest.mark.parametrize(
    "quantization, apart",
    [
        ("int8", 0.5 / 127),
        ("int8_float16", 1 / 127),
        ("int16", 0.5 / 2**9),
        ("float16", 2**-11),
        ("bfloat16", 2**-8),
    ],
)
def test_numbers_come_back_within_their_rounding(
    opus: Path, fast: Path, tmp_path: Path, quantization: str, apart: float
) -> None:
    whole = brought(fast, tmp_path / "whole")
    found = brought(converted(opus, tmp_path / "en-zh", quantization), tmp_path / "out")
    assert {name: one.shape for name, one in found.weights.items()} == {
        name: one.shape for name, one in whole.weights.items()
    }
    for name, weight in whole.weights.items():
        assert np.abs(found.weights[name] - weight).max() <= apart * np.abs(weight).max() + 1e-6, name


def test_a_model_of_many_languages_is_the_one_that_was_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign.m2m100(tmp_path / "theirs")
    words = [*json.loads((tmp_path / "theirs" / "vocab.json").read_text(encoding="utf-8"))]
    words += [f"__{code}__" for code in foreign.m2m_languages()]
    loader = ctranslate2.converters.transformers.M2M100Loader
    # With transformers 5 the converter finds no languages in the tokenizer.
    monkeypatch.setattr(
        loader, "get_vocabulary", lambda self, model, _: [*words, *(f"madeupword{i}" for i in range(8))]
    )
    converter = ctranslate2.converters.TransformersConverter(
        str(tmp_path / "theirs"), copy_files=["sentencepiece.bpe.model"]
    )
    converter.convert(str(tmp_path / "fast"))
    fast, direct = (brought(tmp_path / name, tmp_path / f"{name}-ours") for name in ("fast", "theirs"))
    assert fast.config["model"]["positions"] == "fairseq"
    assert fast.target_tokenizer.lead == direct.target_tokenizer.lead
    for name, weight in direct.weights.items():
        np.testing.assert_array_equal(fast.weights[name][: len(weight)], weight, name)


VARIANTS: list[dict[str, Any]] = [
    {"norm": "post"}, {"positions": "rotary"}, {"positions": "learned", "activation": "gelu"},
    {"activation": "swiglu"}, {"tie": "none", "activation": "swish"},
    {"tie": "target", "joint": False, "positions": "fairseq"},
]  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_what_was_exported_comes_back_to_the_bit(tmp_path: Path, variant: dict[str, Any]) -> None:
    model = open_model(tiny.parts(**variant).write(tmp_path / "model"))
    export(model, "ctranslate2", tmp_path / "out", TEXTS[:2])
    back = brought(tmp_path / "out", tmp_path / "back")
    assert back.weights.keys() == model.weights.keys()
    for name, weight in model.weights.items():
        np.testing.assert_array_equal(back.weights[name], weight, name)
    assert back.source_tokenizer.serialized == model.source_tokenizer.serialized
    assert back.config["decoding"]["beam_size"] == DecodingOptions().beam_size


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("variant", [{}, {"positions": "learned", "activation": "gelu"}], ids=str)
def test_what_was_exported_to_hugging_face_comes_back_to_the_bit(
    tmp_path: Path, variant: dict[str, Any], norm: str
) -> None:
    model = open_model(tiny.parts(norm=norm, **variant).write(tmp_path / "model"))
    export(model, "huggingface", tmp_path / "out", TEXTS[:2])
    back = brought(tmp_path / "out", tmp_path / "back")
    assert back.config["model"]["norm"] == norm
    for name, weight in model.weights.items():
        np.testing.assert_array_equal(back.weights[name], weight, name)
    assert back.source_tokenizer.serialized == model.source_tokenizer.serialized
    assert searched(back, TEXTS, 4) == searched(model, TEXTS, 4)


@pytest.mark.parametrize("target", ["ctranslate2", "argos", "huggingface"])
def test_the_bundled_model_goes_out_and_comes_back(tmp_path: Path, target: TargetName) -> None:
    texts = ["How are you?", "He opened the window.", "I bought 3 books, and 😀."]
    export(open_model(find_model("en-zh-tiny")), target, tmp_path / "out", texts[:1])
    source = next((tmp_path / "out").glob("*.argosmodel"), tmp_path / "out")
    back = brought(source, tmp_path / "back", Pair() if target != "ctranslate2" else ENGLISH)
    ours, whole = (
        Translator(one, "ctranslate2", compute_type="float32")
        for one in (back, open_model(find_model("en-zh-tiny")))
    )
    same = {"beam_size": 5, "length_penalty": 1.0}
    assert [one.text for one in ours.translate(texts, **same)] == [
        one.text for one in whole.translate(texts, **same)
    ]


def test_positions_that_no_file_holds_are_those_of_opennmt_tf(fast: Path, tmp_path: Path) -> None:
    """CTranslate2 computes them where there are none, sines first and counted from 1."""
    model = open_model(tiny.parts().write(tmp_path / "model"))
    export(model, "ctranslate2", tmp_path / "out", TEXTS[:2])
    without(tmp_path / "out" / "model.bin", "position_encodings")
    back = brought(tmp_path / "out", tmp_path / "back")
    assert back.config["model"]["positions"] == "learned"
    translator = ctranslate2.Translator(str(tmp_path / "out"), compute_type="float32")
    sources = [back.source_tokenizer.pieces(back.source_tokenizer.encode(text)) for text in TEXTS]
    found = translator.translate_batch(
        sources, beam_size=4, max_decoding_length=16, suppress_sequences=[["<pad>"], ["<unk>"], ["<s>"]]
    )
    assert [one.hypotheses[0] for one in found] == searched(back, TEXTS, 4)


def variables(data: bytes) -> tuple[bytes, list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """The head of a model.bin, its variables and its aliases as they stand there."""
    at = 4 + 2 + struct.unpack_from("<H", data, 4)[0] + 4
    head = data[:at]
    parts: list[list[tuple[str, bytes]]] = [[], []]
    for kind, part in enumerate(parts):
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
        for _ in range(count):
            start, (length,) = at, struct.unpack_from("<H", data, at)
            name, at = data[at + 2 : at + 1 + length].decode(), at + 2 + length
            if kind:
                at += 2 + struct.unpack_from("<H", data, at)[0]
            else:
                at += 1 + 4 * data[at] + 1
                at += 4 + struct.unpack_from("<I", data, at)[0]
            part.append((name, data[start:at]))
    return head, parts[0], parts[1]


def rewritten(path: Path, change: Any) -> None:
    head, *parts = variables(path.read_bytes())
    data = head
    for part in parts:
        kept = [new for name, old in part if (new := change(name, old)) is not None]
        data += struct.pack("<I", len(kept)) + b"".join(kept)
    path.write_bytes(data)


def without(path: Path, word: str) -> None:
    rewritten(path, lambda name, data: None if word in name else data)


# -- what is told -------------------------------------------------------------------------------------------------


def refused(source: Path, directory: Path, asked: Pair = ENGLISH) -> str:
    """What is said; nothing is written."""
    with pytest.raises(DragomanError) as told:
        bring(source, directory, asked, quiet)
    assert not directory.exists() and "\n" not in str(told.value)
    return str(told.value)


def test_weights_that_were_cut_short_are_told(copy: Path, tmp_path: Path) -> None:
    path = copy / "model.bin"
    whole = path.read_bytes()
    for size in (0, 3, 10, 40, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:size])
        assert "model.bin" in refused(copy, tmp_path / "out")


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_head_is_told_and_no_traceback(copy: Path, tmp_path: Path, seed: int) -> None:
    path, draw = copy / "model.bin", np.random.default_rng(seed)
    whole = bytearray(path.read_bytes())
    for _ in range(15):
        damaged = bytearray(whole)
        for place in draw.integers(0, 300, 3):
            damaged[place] = int(draw.integers(0, 256))
        path.write_bytes(damaged)
        try:
            bring(copy, tmp_path / f"out{draw.integers(2**30)}", ENGLISH, quiet)
        except DragomanError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "word", ["ffn/linear_1/weight", "layer_norm/gamma", "decoder/embeddings", "layer_1/attention"]
)
def test_a_missing_variable_is_named(copy: Path, tmp_path: Path, word: str) -> None:
    without(copy / "model.bin", word)
    assert "model.bin" in refused(copy, tmp_path / "out")


def test_a_variable_that_is_not_understood_is_named(copy: Path, tmp_path: Path) -> None:
    def more(name: str, data: bytes) -> bytes:
        """The norm of a feed-forward layer, under a name that mBART has."""
        if name != "encoder/layer_0/ffn/layer_norm/beta":
            return data
        return data.replace(b"encoder/layer_0/ffn/layer_norm", b"encoder/layer_0/xxx/layer_norm")

    rewritten(copy / "model.bin", more)
    said = refused(copy, tmp_path / "out")
    assert "layer_norm" in said


def test_the_vocabulary_of_another_model_is_told(copy: Path, tmp_path: Path) -> None:
    words = json.loads((copy / "shared_vocabulary.json").read_text())
    (copy / "shared_vocabulary.json").write_text(json.dumps(words[:-2]))
    assert "belong to different models" in refused(copy, tmp_path / "out")
    (copy / "shared_vocabulary.json").write_text("[1, 2")
    assert "is no JSON" in refused(copy, tmp_path / "out")


def test_a_missing_tokenizer_is_asked_for(copy: Path, tmp_path: Path) -> None:
    (copy / "target.spm").unlink()
    assert "copy the original model's source.spm and target.spm" in refused(copy, tmp_path / "out")


def test_a_language_model_is_called_by_its_kind(copy: Path, tmp_path: Path) -> None:
    path = copy / "model.bin"
    path.write_bytes(path.read_bytes().replace(b"TransformerSpec\0", b"WhisperMoreSpec\0", 1))
    assert "'WhisperMoreSpec'" in refused(copy, tmp_path / "out")


@pytest.mark.parametrize("epsilon", [0, -1, "1e-6", [1e-6], 1e300])
def test_an_epsilon_that_is_none_is_refused(epsilon: object, copy: Path, tmp_path: Path) -> None:
    settings = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(settings | {"layer_norm_epsilon": epsilon}))
    assert "epsilon" in refused(copy, tmp_path / "out")


def test_a_model_where_one_is_wanted_is_called_by_its_name(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", "x", "-m", str(copy)]) == 1
    assert f"dragoman import {copy} -o DIR" in capsys.readouterr().err


# -- Argos --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("package")
    export(open_model(tiny.parts().write(root / "model")), "argos", root / "out", TEXTS[:2])
    return next((root / "out").glob("*.argosmodel"))


def test_a_package_and_what_is_installed_of_it_are_one_model(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as file:
        file.extractall(tmp_path / "installed")
    (installed,) = (tmp_path / "installed").iterdir()
    one, two = brought(package, tmp_path / "a", Pair()), brought(installed, tmp_path / "b", Pair())
    assert one.languages == two.languages == ("en", "zh")
    assert one.config["decoding"] == {"beam_size": 4, "length_penalty": 0.2}
    assert all(np.array_equal(weight, two.weights[name]) for name, weight in one.weights.items())


def test_a_package_writes_nothing_outside_its_folder(package: Path, tmp_path: Path) -> None:
    """A zip may name any path, and one that climbs out would be made of it by a careless reader."""
    evil = tmp_path / "in" / "evil.argosmodel"
    evil.parent.mkdir()
    shutil.copy(package, evil)
    with zipfile.ZipFile(evil, "a") as file:
        for name in ("../climbed", "/tmp/dragoman-climbed", "translate-en_zh-1_0/../../climbed"):
            file.writestr(name, "x")
    brought(evil, tmp_path / "out", Pair())
    assert not list(tmp_path.rglob("*climbed*")) and not Path("/tmp/dragoman-climbed").exists()


@pytest.mark.parametrize("name", ["model/model.bin", "sentencepiece.model", "metadata.json"])
def test_a_package_that_unpacks_to_much_more_than_it_is_is_refused(name: str, tmp_path: Path) -> None:
    """40 MB of zeros in 40 kB: once it was all unpacked, as long as the disk had room."""
    files = {
        "metadata.json": b"{}",
        "model/model.bin": b"x",
        "sentencepiece.model": b"x",
        name: bytes(40 * 2**20),
    }
    with zipfile.ZipFile(tmp_path / "bomb.argosmodel", "w", zipfile.ZIP_DEFLATED) as package:
        for key, data in files.items():
            package.writestr(f"bomb/{key}", data)
    assert f"bomb/{name} says that its" in refused(tmp_path / "bomb.argosmodel", tmp_path / "out")


@pytest.mark.parametrize("size", [0, 20, 0.5, -30])
def test_a_package_that_was_cut_short_is_told(package: Path, tmp_path: Path, size: float) -> None:
    whole, path = package.read_bytes(), tmp_path / "cut.argosmodel"
    path.write_bytes(whole[: int(size * len(whole)) if 0 < size < 1 else int(size)])
    assert "cut.argosmodel" in refused(path, tmp_path / "out", Pair())


def test_a_package_with_damage_in_it_is_told(package: Path, tmp_path: Path) -> None:
    whole, path = bytearray(package.read_bytes()), tmp_path / "bad.argosmodel"
    for place in range(len(whole) // 3, len(whole) // 3 + 40):
        whole[place] ^= 0xFF
    path.write_bytes(whole)
    assert "damaged" in refused(path, tmp_path / "out", Pair())


def test_a_package_that_is_cut_into_words_is_refused(package: Path, tmp_path: Path) -> None:
    path = tmp_path / "bpe.argosmodel"
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename.replace("sentencepiece.model", "bpe.model"), old.read(info))
    says = refused(path, tmp_path / "out", Pair())
    assert (
        "only packages with SentencePiece are read: take a later package of these languages, or an OPUS"
        in says
    )
