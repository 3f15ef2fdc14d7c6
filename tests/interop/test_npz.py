"""Marian's own files, made by hand: the model that CTranslate2's converter makes of them, and transformers' had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
from safetensors.numpy import load_file

import foreign
import tiny
from dragoman.errors import DragomanError
from dragoman.interop.brought import Pair
from dragoman.interop.importing import bring
from dragoman.interop.npz import _renamed, yaml_vocabulary
from dragoman.model.directory import open_model

pytestmark = pytest.mark.filterwarnings("ignore")
ENGLISH = Pair("en", "zh")
OPTIONS = """bert-masking-fraction: 0.15
dec-depth: 2
dim-emb: 32
dim-vocabs:
  - 371
  - 371
enc-depth: 2
tied-embeddings-all: true
transformer-decoder-autoreg: self-attention
transformer-dim-ffn: 64
transformer-ffn-activation: swish
transformer-ffn-depth: 2
transformer-guided-alignment-layer: last
transformer-heads: 2
transformer-no-projection: false
transformer-postprocess: dan
transformer-postprocess-emb: d
transformer-preprocess: ""
type: transformer
version: v1.9.0
"""


def quiet(line: str) -> None:
    """What an import says."""


def marian_files(theirs: Path, directory: Path, options: str = OPTIONS) -> Path:
    """The Hugging Face directory `theirs` as Marian had it before it was converted."""
    directory.mkdir()
    weights = load_file(theirs / "model.safetensors")
    pre = 'preprocess: "n"' in options
    arrays: dict[str, np.ndarray] = {"Wemb": weights["model.shared.weight"][:-1]}
    arrays["decoder_ff_logit_out_b"] = weights["final_logits_bias"][:, :-1]
    for ours, name, turned in _renamed({"encoder": 2, "decoder": 2}, "pre" if pre else "post"):
        if ours in weights:
            arrays[name] = weights[ours].T if turned else np.atleast_2d(weights[ours])
        else:  # the norm at the top, which a post-norm model does not have
            arrays[name] = np.full((1, 32), 0.7 if ours.endswith("weight") else 0.1, np.float32)
    arrays["special:model.yml"] = np.frombuffer(options.encode() + b"\0", np.int8)
    np.savez(directory / "opus.npz", **arrays)
    words = list(json.loads((theirs / "vocab.json").read_text(encoding="utf-8")))[:-1]
    lines = [f"{json.dumps(word, ensure_ascii=False)}: {i}" for i, word in enumerate(words)]
    (directory / "opus.vocab.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in ("source.spm", "target.spm"):
        (directory / name).write_bytes((theirs / name).read_bytes())
    return directory


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("opus") / "opus-mt-en-zh"
    foreign.marian(directory)
    return directory


def test_it_is_the_model_that_was_converted_from_it(theirs: Path, tmp_path: Path) -> None:
    bring(theirs, tmp_path / "a", ENGLISH, quiet)
    bring(marian_files(theirs, tmp_path / "npz"), tmp_path / "b", ENGLISH, quiet)
    bring(tmp_path / "npz" / "opus.npz", tmp_path / "c", ENGLISH, quiet)
    direct, *others = (open_model(tmp_path / name) for name in "abc")
    for one in others:
        assert one.config["model"] == direct.config["model"]
        assert one.source_tokenizer.vocabulary() == direct.source_tokenizer.vocabulary()
        for name, weight in direct.weights.items():
            kept = slice(1 if name == "output_bias" else 0, None)  # <pad>, which Marian does not have
            np.testing.assert_array_equal(one.weights[name][kept], weight[kept], name)


PRE = OPTIONS.replace("postprocess: dan", "postprocess: da").replace(
    'preprocess: ""', 'preprocess: "n"\ntransformer-postprocess-top: n'
)


@pytest.mark.parametrize("options", [OPTIONS, PRE], ids=["post", "pre"])
def test_it_is_the_model_that_ctranslate2_makes_of_it(theirs: Path, tmp_path: Path, options: str) -> None:
    source = marian_files(theirs, tmp_path / "npz", options)
    vocabulary = str(source / "opus.vocab.yml")
    converter = ctranslate2.converters.MarianConverter(str(source / "opus.npz"), [vocabulary, vocabulary])
    converter.convert(str(tmp_path / "fast"))
    for name in ("source.spm", "target.spm"):
        (tmp_path / "fast" / name).write_bytes((source / name).read_bytes())
    for name in ("npz", "fast"):
        bring(tmp_path / name, tmp_path / f"{name}-ours", ENGLISH, quiet)
    one, two = (open_model(tmp_path / f"{name}-ours") for name in ("npz", "fast"))
    assert one.config["model"]["norm"] == two.config["model"]["norm"]
    assert one.source_tokenizer.encode_batch(tiny.lines(3, 40)) == two.source_tokenizer.encode_batch(
        tiny.lines(3, 40)
    )
    for name, weight in one.weights.items():
        np.testing.assert_array_equal(weight, two.weights[name], name)


def test_pieces_are_read_as_yaml_has_them(tmp_path: Path) -> None:
    (tmp_path / "v.yml").write_text(
        '</s>: 0\n"<unk>": 1\n\'it\'\'s\': 2\n"\\"": 3\n"a\\\\": 4\n"\\u2028": 5\n":": 6\n"\\xA0": 7\n'
    )
    assert yaml_vocabulary(tmp_path / "v.yml") == ["</s>", "<unk>", "it's", '"', "a\\", "\u2028", ":", "\xa0"]


@pytest.mark.parametrize("old, new, word", [
    ("autoreg: self-attention", "autoreg: rnn", "transformer-decoder-autoreg"),
    ("activation: swish", "activation: gelu", "gelu"), ("type: transformer", "type: s2s", "s2s"),
    ("postprocess: dan", "postprocess: an", "norms"), ("dec-depth: 2", "dec-depth: 1", "decoder_l2"),
    ("dec-depth: 2", "dec-depth: 3", "decoder_l3"), ("dim-emb: 32", "dim-emb: 64", "shape"),
    ("transformer-heads: 2", "transformer-heads: x", "heads"),
])  # fmt: skip
def test_what_is_not_computed_is_refused_by_name(
    theirs: Path, tmp_path: Path, old: str, new: str, word: str
) -> None:
    source = marian_files(theirs, tmp_path / "npz", OPTIONS.replace(old, new))
    refused(source, tmp_path / "out", word)


def refused(source: Path, directory: Path, word: str) -> None:
    with pytest.raises(DragomanError, match=word) as told:
        bring(source, directory, ENGLISH, quiet)
    assert "\n" not in str(told.value) and not directory.exists()


def test_damaged_files_are_told(theirs: Path, tmp_path: Path) -> None:
    source = marian_files(theirs, tmp_path / "npz")
    data, words = (source / "opus.npz").read_bytes(), (source / "opus.vocab.yml").read_text(encoding="utf-8")
    (source / "opus.npz").write_bytes(data[: len(data) // 2])
    refused(source, tmp_path / "out", "opus.npz")
    (source / "opus.npz").write_bytes(data[:5000] + bytes(200) + data[5200:])
    refused(source, tmp_path / "out", "opus.npz")
    (source / "opus.npz").write_bytes(data)
    (source / "opus.vocab.yml").write_text(words[: len(words) // 2].rpartition("\n")[0], encoding="utf-8")
    refused(source, tmp_path / "out", "belong|shape")
    (source / "opus.vocab.yml").unlink()
    refused(source, tmp_path / "out", "has no vocabulary")


def test_an_array_of_objects_is_not_unpickled(theirs: Path, tmp_path: Path) -> None:
    source = marian_files(theirs, tmp_path / "npz")
    with np.load(source / "opus.npz") as file:
        arrays: dict[str, Any] = dict(file)
    arrays["Wemb"] = np.array([print], object)
    np.savez(source / "opus.npz", **arrays)
    refused(source, tmp_path / "out", "Wemb is damaged")
