"""Exports in the programs they are for: the same translations, or a refusal by name; nothing else is written."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import onnxruntime
import pytest
import sentencepiece
import torch
import transformers

from dragoman.cli import main
from dragoman.decoding.options import DecodingOptions, SearchRequest
from dragoman.engines import translate
from dragoman.engines.torch import TorchEngine
from dragoman.errors import ConfigError, ModelError, UsageError
from dragoman.interop.export import ctranslate2, gate, huggingface, writing
from dragoman.interop.export.gate import CLOSE, Gate
from dragoman.interop.export.writing import TARGETS, TargetName, export
from dragoman.model.directory import ModelDirectory, find_model, open_model
from dragoman.transformer.model import TransformerConfig
from dragoman.translate.translator import Translator
from tiny import lines, parts

TEXTS = lines(seed=3, count=8)[::2]
DEV = Path(__file__).parents[3] / "corpus" / "tatoeba" / "dev.tsv.gz"


def sentences(count: int) -> list[str]:
    with gzip.open(DEV, "rt", encoding="utf-8") as file:
        return [line.split("\t")[0] for line in file][:count]


def made(directory: Path, joint: bool = True, **model: Any) -> ModelDirectory:
    return open_model(parts(joint=joint, **model).write(directory / "model"))


def bundled() -> ModelDirectory:
    return open_model(find_model("en-zh-tiny"))


# -- every setting on every target: the same, or refused ----------------------------------------------------------


HINTS = get_type_hints(TransformerConfig)
# Each value of each setting once, the defaults together.
OTHERS = [
    {name: value}
    for name in ("activation", "positions", "tie")
    for value in get_args(HINTS[name])
    if value != getattr(TransformerConfig, name)
]
VARIANTS = [
    {"norm": norm, **other}
    for norm in get_args(HINTS["norm"])
    for other in ({"activation": TransformerConfig.activation}, *OTHERS)
]


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(v.values()))
def test_a_setting_is_expressed_or_refused_by_name(
    tmp_path: Path, name: TargetName, variant: dict[str, str]
) -> None:
    model = made(tmp_path, **variant)
    why = writing.target(name).refusal(model)
    if why is not None:
        (word,) = [value for key, value in variant.items() if key != "norm"]
        assert word in why
        with pytest.raises(ConfigError, match="cannot be exported"):
            export(model, name, tmp_path / "out", TEXTS)
        assert [path.name for path in tmp_path.iterdir()] == ["model"]
        return
    assert export(model, name, tmp_path / "out", TEXTS)


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("name", TARGETS)
def test_two_vocabularies_are_expressed_or_refused(tmp_path: Path, name: TargetName, norm: str) -> None:
    model = made(tmp_path, joint=False, tie="target", norm=norm)
    if name == "argos" or (name == "huggingface" and norm == "pre"):
        with pytest.raises(ConfigError, match="both languages.*; use --to"):
            export(model, name, tmp_path / "out", TEXTS)
        return
    export(model, name, tmp_path / "out", TEXTS)


def test_a_refusal_names_who_can(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="positions = 'rotary'; use --to ctranslate2 or argos"):
        export(made(tmp_path, positions="rotary"), "huggingface", tmp_path / "out", TEXTS)


def test_what_the_search_beside_a_graph_does_not_heed_is_refused(tmp_path: Path) -> None:
    given = parts()
    given.config["decoding"]["no_repeat_ngram"] = 3
    model = open_model(given.write(tmp_path / "model"))
    with pytest.raises(ConfigError, match="does not heed decoding.no_repeat_ngram = 3"):
        export(model, "onnx", tmp_path / "out", TEXTS)


# -- the gate -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TARGETS)
def test_what_answers_otherwise_is_not_written(
    tmp_path: Path, name: TargetName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One norm of the decoder, halved on its way out."""
    model = made(tmp_path)
    spoiled = dict(model.weights)
    spoiled["decoder.norm.weight"] = spoiled["decoder.norm.weight"] * np.float32(0.5)
    whole = writing.target(name)

    def write(_: ModelDirectory, directory: Path) -> None:
        whole.write(ModelDirectory(**{**vars(model), "weights": spoiled}), directory)

    monkeypatch.setattr(writing, "target", lambda _: writing.Target(whole.refusal, write, whole.runtime))
    with pytest.raises(ModelError, match=f"the {name} export does not answer as the model does"):
        export(model, name, tmp_path / "out", TEXTS)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


class Other:
    """A runtime that differs from the model in one thing."""

    def __init__(self, whole: gate.Runtime, **others: Any) -> None:
        self.whole, self.others = whole, others

    def __getattr__(self, name: str) -> Any:
        return self.others.get(name, getattr(self.whole, name))


def test_the_gate_sees_tokens_probabilities_and_translations(tmp_path: Path) -> None:
    model = made(tmp_path)
    (tmp_path / "out").mkdir()
    ctranslate2.write(model, tmp_path / "out")
    whole, asked = ctranslate2.runtime(model, tmp_path / "out"), Gate(model, TEXTS)
    asked.admit(whole, "some")
    with pytest.raises(ModelError, match="becomes the tokens"):
        asked.admit(Other(whole, encode=lambda text: [4]), "some")
    off = Other(whole, log_probabilities=lambda *pair: whole.log_probabilities(*pair) + 0.01)
    with pytest.raises(ModelError, match="log-probabilities of a translation of .* 1.0e-02 apart"):
        asked.admit(off, "some")
    none = Other(whole, log_probabilities=lambda *pair: whole.log_probabilities(*pair) * np.nan)
    with pytest.raises(ModelError, match="nan apart"):
        asked.admit(none, "some")
    with pytest.raises(ModelError, match="is translated as"):
        asked.admit(Other(whole, search=lambda *_: [5, 6, 7]), "some")


def test_an_output_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    with pytest.raises(UsageError, match="is there already"):
        export(made(tmp_path), "ctranslate2", tmp_path / "out", TEXTS)
    assert (tmp_path / "out" / "mine").read_text() == "kept"


def test_only_a_transformer_is_exported(tmp_path: Path) -> None:
    model = made(tmp_path)
    recurrent = ModelDirectory(**{**vars(model), "config": {**model.config, "model": {"kind": "rnn"}}})
    with pytest.raises(ConfigError, match="not a model of kind 'rnn'"):
        export(recurrent, "onnx", tmp_path / "out", TEXTS)


# -- as others open it --------------------------------------------------------------------------------------------


def test_the_paper_s_model_is_a_marian(tmp_path: Path) -> None:
    """By the classes of transformers that people name, and in a batch with padding."""
    model = made(tmp_path, norm="post")
    export(model, "huggingface", tmp_path / "out", TEXTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it recommends sacremoses
        theirs = transformers.MarianMTModel.from_pretrained(tmp_path / "out")
        tokenizer = transformers.MarianTokenizer.from_pretrained(tmp_path / "out")
    batch = tokenizer(TEXTS, return_tensors="pt", padding=True)
    with torch.inference_mode():
        found = tokenizer.batch_decode(theirs.generate(**batch), skip_special_tokens=True)
    ours = Translator(model, "torch").translate(TEXTS, max_length_ratio=0.0, protect=False)
    assert [text.replace(" ", "") for text in found] == [one.text.replace(" ", "") for one in ours]


def test_the_bundled_model_is_a_pegasus(tmp_path: Path) -> None:
    texts = sentences(20)
    export(bundled(), "huggingface", tmp_path / "out", texts[:5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out")
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert type(theirs).__name__ == "PegasusForConditionalGeneration"
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    with torch.inference_mode():
        found = tokenizer.batch_decode(theirs.generate(**batch), skip_special_tokens=True)
    ours = Translator.load("en-zh-tiny", engine="torch").translate(texts, protect=False)
    assert [text.replace(" ", "") for text in found] == [one.text.replace(" ", "") for one in ours]


@pytest.mark.parametrize("name", ["ctranslate2", "onnx"])
def test_the_script_beside_it_translates_without_us(tmp_path: Path, name: TargetName) -> None:
    texts = ["How are you?", "", "He opened the window."]
    export(bundled(), name, tmp_path / "out", texts[:1])
    script = (tmp_path / "out" / "translate.py").read_text(encoding="utf-8")
    assert "dragoman" not in script
    done = subprocess.run(
        [sys.executable, tmp_path / "out" / "translate.py"],
        input="\n".join(texts), capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["你好吗？", "", "他打开了窗户。"]


def test_a_package_holds_what_argostranslate_reads(tmp_path: Path) -> None:
    """The fields and names of argostranslate.package.Package, and byte pieces that its decoder puts together."""
    export(made(tmp_path), "argos", tmp_path / "out", TEXTS)
    with zipfile.ZipFile(tmp_path / "out" / "translate-en_zh-1_0.argosmodel") as package:
        roots = {name.partition("/")[0] for name in package.namelist()}
        assert roots == {"translate-en_zh-1_0"}  # they share one folder with all other packages
        label = json.loads(package.read("translate-en_zh-1_0/metadata.json"))
        spelled = package.read("translate-en_zh-1_0/sentencepiece.model")
    assert label["from_code"] == "en" and label["to_name"] == "Chinese"
    processor = sentencepiece.SentencePieceProcessor(model_proto=spelled)
    assert processor.decode_pieces(processor.encode("龘 🙂", out_type=str)) == "龘 🙂"


def test_the_decoder_s_graph_takes_any_length_and_any_beam(tmp_path: Path) -> None:
    model = made(tmp_path)
    export(model, "onnx", tmp_path / "out", TEXTS)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "decoder.onnx")
    shapes = {one.name: one.shape for one in session.get_inputs()}
    assert shapes["tokens"] == ["R", 1] and shapes["past_keys_0"] == ["R", 2, "t", 8]
    assert shapes["memory_values_0"] == ["R", 2, "S", 8]


def test_the_encoder_s_graph_does_not_read_padding(tmp_path: Path) -> None:
    export(made(tmp_path), "onnx", tmp_path / "out", TEXTS)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "encoder.onnx")
    source = np.array([[5, 6, 7, 3, 0, 0], [9, 8, 7, 6, 5, 3]])
    both = session.run(None, {"source": source, "source_mask": source != 0})
    alone = session.run(None, {"source": source[:1, :4], "source_mask": np.ones((1, 4), bool)})
    for padded, found in zip(both, alone, strict=True):
        np.testing.assert_allclose(padded[:1, :, :4], found, atol=1e-5)


@pytest.fixture(scope="module")
def of_ours() -> list[list[int]]:
    """500 sentences by the reference, with the bundled model's own search."""
    model = bundled()
    sources = [model.source_tokenizer.encode(text) for text in sentences(500)]
    asked = SearchRequest(Gate(model, []).options)
    return [best[0].tokens for best in translate(TorchEngine(model.build()), sources, asked)]


@pytest.mark.slow(reason="500 sentences by beam search in each format's own program")
@pytest.mark.parametrize("name", TARGETS)
def test_five_hundred_sentences_are_translated_alike(
    tmp_path: Path, name: TargetName, of_ours: list[list[int]]
) -> None:
    model, texts = bundled(), sentences(500)
    export(model, name, tmp_path / "out", texts[:3])
    runtime, gate = writing.target(name).runtime(model, tmp_path / "out"), Gate(model, [])
    options = gate.options
    for text, ours in zip(texts, _searched(runtime, texts, options), strict=True):
        assert runtime.encode(text) == model.source_tokenizer.encode(text)
        wanted = of_ours[texts.index(text)]
        # Where two translations are equally likely, either may win.
        ids = runtime.encode(text)
        assert ours == wanted or abs(gate.worse(ids, wanted, ours)) < CLOSE, text


def _searched(runtime: Any, texts: list[str], options: DecodingOptions) -> list[list[int]]:
    """In batches, where the program has them."""
    if isinstance(runtime, ctranslate2.CTranslate2):
        results = runtime.translator.translate_batch(
            [runtime.source.pieces(runtime.encode(text)) for text in texts],
            beam_size=options.beam_size,
            length_penalty=options.length_penalty,
            max_decoding_length=options.max_length,
            suppress_sequences=[["<pad>"], ["<unk>"], ["<s>"]],
            max_batch_size=32,
        )
        return [[runtime.target.ids[piece] for piece in result.hypotheses[0]] for result in results]
    if not isinstance(runtime, huggingface.HuggingFace):
        return [runtime.search(runtime.encode(text), options) for text in texts]
    found: dict[str, list[int]] = {}
    ordered = sorted(texts, key=len)
    for start in range(0, len(texts), 50):
        some = ordered[start : start + 50]
        batch = runtime.tokenizer(some, return_tensors="pt", padding=True)
        with torch.inference_mode():
            rows = runtime.model.generate(**batch, max_length=options.max_length + 1).tolist()
        found |= {text: [i for i in row[1:] if i not in (0, 3)] for text, row in zip(some, rows, strict=True)}
    return [found[text] for text in texts]


# -- the command --------------------------------------------------------------------------------------------------


def test_the_command_writes_and_says_what(tiny_model: Path, tmp_path: Path, capsys: Any) -> None:
    call = ["export", str(tiny_model), "--to", "ctranslate2", "-o", str(tmp_path / "out")]
    assert main(call) == 0
    output, told = capsys.readouterr()
    assert str(tmp_path / "out" / "model.bin") in output.splitlines()
    assert "compared with" in told
    assert main(call) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main([*call[:2], "--to", "marian", "-o", str(tmp_path / "x")]) == 2


def test_marian_and_pegasus_know_the_settings_that_are_written(tmp_path: Path) -> None:
    for norm, kind in (("post", transformers.MarianConfig), ("pre", transformers.PegasusConfig)):
        model = made(tmp_path / norm, norm=norm)
        unknown = (
            set(huggingface.settings(model))
            - set(vars(kind()))
            - {"model_type", "torch_dtype", "bos_token_id"}
        )
        assert not unknown
