"""Imported models taken elsewhere: to Hugging Face, CTranslate2, Argos and ONNX, and back again."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foreign
import tiny
from dragoman.errors import ConfigError
from dragoman.interop.brought import Pair
from dragoman.interop.export import writing
from dragoman.interop.export.writing import TargetName, export
from dragoman.interop.importing import bring
from dragoman.model.directory import ModelDirectory, find_model, open_model
from dragoman.translate.translator import Translator

pytestmark = pytest.mark.filterwarnings("ignore")
TEXTS = tiny.lines(5, 12)[::2]
DEV = Path(__file__).parents[3] / "corpus" / "tatoeba" / "dev.tsv.gz"

MAKERS: dict[str, Callable[[Path], Any]] = {
    "marian": lambda path: foreign.marian(path / "opus-mt-en-zh"),
    "marian of many": lambda path: foreign.marian(path / "opus-mt-en-mul", leads=foreign.LEADS),
    "marian unscaled": lambda path: foreign.marian(path / "opus-mt-en-zh", scale_embedding=False),
    "m2m100": lambda path: foreign.m2m100(path / "m2m100"),
    "opennmt": lambda path: foreign.opennmt(path / "spm" / "en-zh", size=360).rename(path / "en-zh"),
}
# What each cannot become, and the word that says why.
REFUSED = {
    ("marian", "argos"): "has two",
    ("marian of many", "argos"): "has two",
    ("marian unscaled", "argos"): "has two",
    ("m2m100", "argos"): "told which by a token",
    ("opennmt", "huggingface"): "source_eos",
}


def brought(source: Path, directory: Path) -> ModelDirectory:
    bring(source, directory, Pair("en", "zh"), lambda line: None)
    return open_model(directory)


@pytest.fixture(scope="module", params=MAKERS)
def imported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ModelDirectory]:
    root = tmp_path_factory.mktemp("theirs")
    MAKERS[request.param](root)
    (source,) = (path for path in root.iterdir() if (path / "config.json").exists())
    return request.param, brought(source, tmp_path_factory.mktemp("ours") / "model")


@pytest.mark.parametrize("target", writing.TARGETS)
def test_it_becomes_another_format_and_comes_back(
    imported: tuple[str, ModelDirectory], target: TargetName, tmp_path: Path
) -> None:
    """What is written has passed the gate: tokens, probabilities and beams in the other program are the model's."""
    name, model = imported
    if why := REFUSED.get((name, target)):
        with pytest.raises(ConfigError, match=why):
            export(model, target, tmp_path / "out", TEXTS)
        assert not (tmp_path / "out").exists()
        return
    export(model, target, tmp_path / "out", TEXTS)
    if target == "onnx":  # which nobody imports
        return
    found = next((tmp_path / "out").glob("*.argosmodel"), tmp_path / "out")
    back = brought(found, tmp_path / "back")
    assert back.source_tokenizer.vocabulary() == model.source_tokenizer.vocabulary()
    assert back.target_tokenizer.lead == model.target_tokenizer.lead
    assert back.weights.keys() == model.weights.keys()
    for key, weight in model.weights.items():
        np.testing.assert_array_equal(back.weights[key], weight, key)
    lines = foreign.odd_lines(40, 3)
    assert back.source_tokenizer.encode_batch(lines) == model.source_tokenizer.encode_batch(lines)


def test_what_a_model_of_many_languages_has_learnt_beyond_its_class_is_told(tmp_path: Path) -> None:
    """A bias of the output that was trained further has no place in M2M-100."""
    foreign.m2m100(tmp_path / "m2m100")
    model = brought(tmp_path / "m2m100", tmp_path / "model")
    weights = model.weights | {"output_bias": model.weights["output_bias"] + np.float32(0.1)}
    changed = ModelDirectory(**{**vars(model), "weights": weights})
    with pytest.raises(ConfigError, match="no bias on its output.*use --to ctranslate2 or onnx"):
        export(changed, "huggingface", tmp_path / "out", TEXTS)
    # Where the first token that is read has become another row, it is named as such.
    table = model.weights["embedding.weight"].copy()
    table[2] += 0.05
    weights = model.weights | {"embedding.weight": table}
    export(ModelDirectory(**{**vars(model), "weights": weights}), "huggingface", tmp_path / "out", TEXTS)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["decoder_start_token_id"] == 0
    np.testing.assert_array_equal(
        brought(tmp_path / "out", tmp_path / "back").weights["embedding.weight"], table
    )


@pytest.mark.parametrize("target", ["ctranslate2", "onnx"])
def test_the_script_beside_it_is_told_the_languages(target: TargetName, tmp_path: Path) -> None:
    foreign.m2m100(tmp_path / "m2m100", seed=1)
    model = brought(tmp_path / "m2m100", tmp_path / "model")
    export(model, target, tmp_path / "out", TEXTS[:1])
    settings = json.loads((tmp_path / "out" / "decoding.json").read_text(encoding="utf-8"))
    (tmp_path / "out" / "decoding.json").write_text(
        json.dumps(settings | {"max_length": 20}), encoding="utf-8"
    )
    said = []
    for pair in ((), ("--source-lang", "de", "--target-lang", "fr")):
        done = subprocess.run(
            [sys.executable, tmp_path / "out" / "translate.py", *pair, TEXTS[0]],
            capture_output=True, text=True, check=True, cwd=tmp_path,
        )  # fmt: skip
        other = model.between("de", "fr") if pair else model
        options = {"max_length_ratio": 0.0, "protect": False, "min_length": 1, "max_length": 20}
        ours = Translator(other, "torch").translate(TEXTS[0], **options)
        assert done.stdout.rstrip("\n") == ours.text
        said.append(done.stdout)
    assert said[0] != said[1]


# -- there and back -------------------------------------------------------------------------------------------------


@pytest.mark.slow(reason="500 sentences by beam search, before and after each of three formats")
@pytest.mark.parametrize("target", ["huggingface", "ctranslate2", "argos"])
def test_five_hundred_sentences_after_a_round_trip(target: TargetName, tmp_path: Path) -> None:
    with gzip.open(DEV, "rt", encoding="utf-8") as file:
        texts = sorted({line.split("\t")[0] for line in file}, key=len)[:500]
    model = open_model(find_model("en-zh-tiny"))
    export(model, target, tmp_path / "out", texts[:2])
    back = brought(next((tmp_path / "out").glob("*.argosmodel"), tmp_path / "out"), tmp_path / "back")
    asked = {"beam_size": 5, "length_penalty": 1.0}
    # The cleaning of text has no place in these formats.
    cleaned = [Translator(model).prepare(text, "source") for text in texts]
    ours, theirs = (
        [
            one.text
            for one in Translator(one, "ctranslate2", compute_type="float32").translate(cleaned, **asked)
        ]
        for one in (model, back)
    )
    assert theirs == ours
