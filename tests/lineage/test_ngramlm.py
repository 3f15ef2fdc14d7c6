"""n-gram models of text: from lines to numbers, and to the disk and back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from dragoman.errors import ModelError
from dragoman.lineage.ngram import NgramConfig
from dragoman.lineage.ngramlm import NgramLM, train_lm
from dragoman.lineage.perplexity import perplexity
from dragoman.model.contents import NGRAMS, VOCABULARY, read_files, write_files
from dragoman.model.directory import find_model
from dragoman.model.fields import CONFIG
from dragoman.model.languagemodels import open_lm, write_ngram
from dragoman.text.splitter import Splitter
from dragoman.text.tokenizer import Tokenizer

LINES = ["the cat sat on the mat", "the dog sat", "", "a cat ate the dog </s> pie"]


def trained(**splitter: Any) -> NgramLM:
    return train_lm(LINES, Splitter(**{"unit": "words", **splitter}), NgramConfig(3, discount_fallback=True))


def test_lines_are_scored_with_their_ends_and_their_unknown() -> None:
    known, empty, strange = trained().score(["the cat", "", "the zebra ate"])
    assert (known.tokens, known.characters, known.unknown) == (3, 8, 0)
    assert (empty.tokens, empty.characters, empty.unknown) == (1, 1, 0)
    assert (strange.tokens, strange.characters, strange.unknown) == (4, 14, 1)
    assert known.logprob > strange.logprob


def test_perplexity_is_the_geometric_mean_of_one_over_p() -> None:
    scored = trained().score(LINES)
    found = perplexity(scored)
    product = math.prod(math.exp(line.logprob) for line in scored)
    assert found.per_token == pytest.approx(product ** (-1 / found.tokens))
    assert found.per_character == pytest.approx(product ** (-1 / (sum(map(len, LINES)) + 4)))
    assert (found.lines, found.tokens) == (4, 20)


def test_a_text_cannot_end_itself() -> None:
    """The words <s> and </s> in a text are words that nobody knows."""
    lm = trained()
    assert lm.vocabulary.encode(["the </s> <s> cat"])[0][1:3] == [1, 1]


@pytest.mark.parametrize("unit", ["words", "characters", "subwords"])
def test_a_model_comes_back_from_its_directory(unit: str, tmp_path: Path) -> None:
    tokenizer = Tokenizer.load(find_model("en-zh-tiny") / "tokenizer.model") if unit == "subwords" else None
    lm = trained(unit=unit, tokenizer=tokenizer)
    write_ngram(tmp_path / "lm", lm, {"lines": len(LINES)})
    again = open_lm(tmp_path / "lm").language_model()
    assert isinstance(again, NgramLM)
    assert again.vocabulary.words == lm.vocabulary.words
    assert again.vocabulary.splitter.unit == unit
    assert again.score(LINES) == lm.score(LINES)
    assert again.sample("the", 10, 1.0, 3) == lm.sample("the", 10, 1.0, 3)
    assert lm.sample("the", 10, 1.0, 3).startswith("the")


def rewritten(directory: Path, **changed: bytes) -> None:
    """The model with some parts changed, sealed as if that were right."""
    contents = read_files(directory)
    names = {"config": CONFIG, "arrays": NGRAMS, "vocabulary": VOCABULARY}
    write_files(directory, contents | {names[key]: data for key, data in changed.items()})


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write_ngram(tmp_path, trained(), {})
    arrays = safetensors.numpy.load(read_files(tmp_path)[NGRAMS])
    rewritten(tmp_path, vocabulary=b"<pad>\n<unk>\n<s>\n</s>\ncat\n")
    with pytest.raises(ModelError, match="do not belong together"):
        open_lm(tmp_path)
    write_ngram(tmp_path, trained(), {})
    wrongs = {
        "keys.2": arrays["keys.2"][::-1],
        "keys.3": arrays["keys.3"] + 10**9,
        "logprobs.2": arrays["logprobs.2"][1:],
        "backoffs.1": arrays["backoffs.1"][1:],
    }
    for name, wrong in wrongs.items():
        rewritten(tmp_path, arrays=safetensors.numpy.save(arrays | {name: np.ascontiguousarray(wrong)}))
        with pytest.raises(ModelError, match="do not belong together"):
            open_lm(tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"[model]\nunit = 'words'\n",
        b"[model]\nunit = 'words'\norder = 9\n",
        b"[model]\nunit = 'sighs'\norder = 3\n",
        b"[model]\nunit = 'words'\norder = 4\n",
        b"\xff",
    ],
)
def test_a_config_that_cannot_be_meant_is_refused(config: bytes, tmp_path: Path) -> None:
    write_ngram(tmp_path, trained(), {})
    rewritten(tmp_path, config=config)
    with pytest.raises(ModelError, match=str(tmp_path)):
        open_lm(tmp_path)
