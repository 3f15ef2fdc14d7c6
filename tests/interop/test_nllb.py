"""NLLB-200 as transformers writes it: its numbers, its cuts and its pairs of languages. Knows no other format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch

import foreign
import tiny
from dragoman.doctor.patient import Patient
from dragoman.doctor.words import survives_a_round_trip
from dragoman.ids import BOS, EOS
from dragoman.interop.brought import Pair
from dragoman.interop.importing import bring
from dragoman.model.directory import ModelDirectory, open_model
from dragoman.translate.translator import Translator

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, ModelDirectory]:
    directory = tmp_path_factory.mktemp("nllb")
    model = foreign.nllb(directory / "theirs")
    bring(directory / "theirs", directory / "ours", Pair("en", "zh"), lambda line: None)
    return model, directory / "theirs", open_model(directory / "ours")


def rows(theirs: Path, ours: ModelDirectory) -> list[int]:
    """By our id, theirs."""
    from transformers import NllbTokenizer

    known = NllbTokenizer.from_pretrained(theirs).get_vocab()
    return [1, 3, 2, 2, *(known[piece] for piece in ours.source_tokenizer.vocabulary()[4:])]


def test_logits_are_those_of_transformers(both: tuple[Any, Path, ModelDirectory]) -> None:
    model, theirs, ours = both
    known = torch.tensor(rows(theirs, ours))
    source = torch.tensor([[*ours.source_tokenizer.encode("The dog sees a bird."), EOS]])
    target = torch.tensor([[BOS, ours.target_tokenizer.lead[0], 20, 30, 11]])
    with torch.no_grad():
        found = ours.build()(source, source != 0, target)
        expected = model(input_ids=known[source], decoder_input_ids=known[target]).logits[..., known]
    found[..., BOS] = expected[..., BOS]  # which is never written, and has no row of its own there
    assert float((found - expected).abs().max() / expected.abs().max().clamp(min=1)) < 1e-5


def test_text_is_cut_as_the_model_was_trained_on_it(both: tuple[Any, Path, ModelDirectory]) -> None:
    """SentencePiece cuts, and fairseq counts from one further on.

    The quick tokenizer of transformers, which rebuilds SentencePiece, writes a lone space at the end of a line that
    ends in one and loses accents that stand alone: there the model's own way is right.
    """
    _, theirs, ours = both
    spm = sentencepiece.SentencePieceProcessor(model_file=str(theirs / "sentencepiece.bpe.model"))
    known, lead = rows(theirs, ours), ours.source_tokenizer.lead
    for text in foreign.odd_lines(5_000, 3):
        found = ours.source_tokenizer.encode(text)
        expected = [3 if i == spm.unk_id() else i + 1 for i in spm.encode(text)]
        assert [known[i] for i in found[len(lead) :]] == expected, repr(text)


def test_plain_text_is_cut_as_transformers_cuts_it(both: tuple[Any, Path, ModelDirectory]) -> None:
    from transformers import NllbTokenizer

    _, theirs, ours = both
    original = NllbTokenizer.from_pretrained(theirs, src_lang="eng_Latn")
    known = rows(theirs, ours)
    for text in tiny.lines(5, 1_000):
        found = [known[i] for i in ours.source_tokenizer.encode(text)]
        assert [*found, 2] == original(text).input_ids, text


@pytest.mark.parametrize("pair, codes", [
    (("de", "fr"), ("deu_Latn", "fra_Latn")), (("zh-Hant", "en"), ("zho_Hant", "eng_Latn")),
    (("srp_Cyrl", "ar"), ("srp_Cyrl", "arb_Arab")),
])  # fmt: skip
def test_one_directory_serves_all_pairs(
    pair: tuple[str, str], codes: tuple[str, str], both: tuple[Any, Path, ModelDirectory]
) -> None:
    other = both[2].between(*pair)
    source, target = other.source_tokenizer, other.target_tokenizer
    assert (source.pieces(source.lead), target.pieces(target.lead)) == ([codes[0]], [codes[1]])
    text = (
        "狗。" if pair[0] == "zh-Hant" else "The dog sees."
    )  # what is written as the target is stays as it is
    found = Translator(other, "torch").translate(text, max_length=6, min_length=2)
    assert found.tokens and "_" not in found.text  # whatever it is: the weights are random


def test_a_small_vocabulary_comes_back(both: tuple[Any, Path, ModelDirectory], tmp_path: Path) -> None:
    """Doctor failed a model of which it knew no sentence without <unk>: nothing was wrong with it."""
    foreign.marian(tmp_path / "opus-mt-en-zh")
    bring(tmp_path / "opus-mt-en-zh", tmp_path / "ours", Pair(), lambda line: None)
    for model in (open_model(tmp_path / "ours"), both[2]):
        finding = survives_a_round_trip(Patient(Translator(model, "torch")))
        assert finding.state == "passed", finding
