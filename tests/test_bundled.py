"""The model that comes with the package: small enough, whole, and the same through both engines."""

from pathlib import Path

import pytest

from dragoman import Translator
from dragoman.corpus.pairs import read_corpus
from dragoman.evaluate import evaluate
from dragoman.model.directory import find_model

CORPUS = Path(__file__).parents[1] / "corpus"


def test_it_fits_a_repository_and_tells_where_it_comes_from() -> None:
    directory = find_model("en-zh")
    assert sum(path.stat().st_size for path in directory.iterdir()) <= 20 * 2**20
    card = (directory / "card.md").read_text(encoding="utf-8")
    assert all(word in card for word in ("Tatoeba", "CC BY 2.0 FR", "MIT", "dragoman train", "tok:zh"))


def test_it_translates_what_it_was_trained_for() -> None:
    with Translator.load("en-zh") as translator:
        found = translator.translate("Two dogs are playing in the snow.", alignments=True)
    assert "狗" in found.text and "雪" in found.text and found.text.endswith("。")
    assert found.flags == ()
    linked = {(found.source_tokens[s], found.tokens[t]) for s, t in found.alignment}
    assert any("dog" in source and "狗" in target for source, target in linked)


@pytest.mark.slow(reason="translates 1,000 sentences with the reference engine at beam 5")
def test_both_engines_score_alike_on_the_dev_set() -> None:
    pairs = list(read_corpus([CORPUS / "tatoeba" / "dev.tsv.gz"], "en", "zh"))
    reports = []
    for engine in ("ctranslate2", "torch"):
        with Translator.load("en-zh", engine=engine) as translator:  # type: ignore[arg-type]
            reports.append(evaluate(translator, pairs, perplexity=False))
    fast, reference = reports
    assert fast.bleu == pytest.approx(reference.bleu, abs=0.5)
    same = sum(a.text == b.text for a, b in zip(fast.translations, reference.translations, strict=True))
    assert same > 850  # the others differ by int8 rounding
