"""Scores are sacreBLEU's own, told with what they were measured by; and a difference is only called one if it is."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sacrebleu

from dragoman import evaluate as module
from dragoman.corpus.pairs import Pair
from dragoman.errors import CorpusError, UsageError
from dragoman.evaluate import Report, bleu_tokenizer, compare, evaluate
from dragoman.translate.flags import FLAGS
from dragoman.translate.translation import Score, Translation
from dragoman.translate.translator import Translator
from tiny import Parts

PAIRS = [
    Pair("Are you OK ?", "你好吗？"),
    Pair("The cat sits on the mat.", "猫坐在垫子上。"),
    Pair("I like to read books at home.", "我喜欢在家看书。"),
    Pair("", "空"),
]


@dataclass
class Dictionary:
    """Stands for a translator: knows its translations by heart."""

    known: dict[str, str]
    languages: tuple[str, str] = ("en", "zh")
    simplify: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    readable: int = 10**9  # characters

    @property
    def cleaning(self) -> dict[str, Any]:
        return {"simplify": self.simplify}

    def translate(self, texts: Sequence[str], options: Any = None, **asked: Any) -> list[Translation]:
        self.asked = {"options": options, **asked}
        return [
            Translation(
                text, self.known.get(text, ""), -1.0, flags=() if text in self.known else ("empty", "loop")
            )
            for text in texts
        ]

    def reads(self, source: str, target: str) -> bool:
        return max(len(source), len(target)) <= self.readable

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> list[Score]:
        """Each character of the target costs 2 nats, its end 1."""
        return [Score(-2.0 * len(t) - 1, [*t, "</s>"], [-2.0] * len(t) + [-1.0]) for t in targets]


def perfect(**changes: Any) -> Any:
    return Dictionary({pair.source: pair.target for pair in PAIRS}, **changes)


def middling(**changes: Any) -> Any:
    return Dictionary(
        {PAIRS[0].source: "你好？", PAIRS[1].source: "猫在垫子上坐。", PAIRS[2].source: "我看书。"}, **changes
    )


def test_scores_are_those_of_sacrebleu_with_its_signatures() -> None:
    report = evaluate(middling(), PAIRS)
    texts, references = ["你好？", "猫在垫子上坐。", "我看书。", ""], [pair.target for pair in PAIRS]
    bleu = sacrebleu.metrics.BLEU(tokenize="zh")
    assert report.bleu == bleu.corpus_score(texts, [references]).score
    assert report.chrf == sacrebleu.corpus_chrf(texts, [references]).score
    assert report.bleu_signature == str(bleu.get_signature())
    assert "tok:zh" in report.bleu_signature and "case:mixed" in report.bleu_signature
    assert report.chrf_signature.startswith("nrefs:1") and "nc:6" in report.chrf_signature


def test_several_references_are_measured_as_sacrebleu_does() -> None:
    more = [["你还好吗？", "", "我喜欢在家里看书。", None], ["你好？", "猫在垫子上坐。", "我看书。", " "]]
    report = evaluate(middling(), PAIRS, references=more)
    texts, first = ["你好？", "猫在垫子上坐。", "我看书。", ""], [pair.target for pair in PAIRS]
    given = [first, [more[0][0], None, more[0][2], None], [*more[1][:3], None]]
    bleu, chrf = sacrebleu.metrics.BLEU(tokenize="zh"), sacrebleu.metrics.CHRF()
    assert report.bleu == bleu.corpus_score(texts, given).score > evaluate(middling(), PAIRS).bleu
    assert report.chrf == chrf.corpus_score(texts, given).score
    assert "nrefs:var" in report.bleu_signature and "nrefs:var" in report.chrf_signature
    assert report.notes == (
        "not all pairs have as many references (nrefs:var): 2 pairs 3, 1 pairs 2, 1 pairs 1",
    )
    whole = [[*more[1][:3], "空的"]]
    report = evaluate(middling(), PAIRS, references=whole)
    assert report.notes == () and "nrefs:2" in report.bleu_signature
    found = compare(report, evaluate(perfect(), PAIRS, references=whole), samples=20)
    assert all("nrefs:2" in difference.signature for difference in found.differences)
    with pytest.raises(UsageError, match="measured differently"):
        compare(report, evaluate(perfect(), PAIRS))
    with pytest.raises(UsageError, match="reference 2 has 1 lines and the corpus 4 pairs"):
        evaluate(perfect(), PAIRS, references=[["你好吗？"]])


def test_a_perfect_translator_has_full_marks() -> None:
    report = evaluate(perfect(), PAIRS)
    assert (report.pairs, report.length_ratio) == (4, 1.0)
    assert report.bleu == pytest.approx(100) and report.chrf == pytest.approx(100)
    assert set(report.flags.values()) == {0}
    assert report.notes == ()
    assert report.sentences_per_second > 0


def test_flags_are_counted_and_lengths_compared() -> None:
    report = evaluate(middling(), PAIRS)
    assert report.flags == dict.fromkeys(FLAGS, 0) | {"empty": 1, "loop": 1}
    assert 0 < report.length_ratio < 1


def test_perplexity_is_that_of_a_target_token() -> None:
    report = evaluate(perfect(), PAIRS)
    characters = sum(len(pair.target) for pair in PAIRS)
    assert report.perplexity == pytest.approx(math.exp((2 * characters + 4) / (characters + 4)))
    assert report.perplexity_pairs == 4
    assert evaluate(perfect(), PAIRS, perplexity=False).perplexity is None


def test_perplexity_leaves_out_what_cannot_be_read() -> None:
    long = [*PAIRS, Pair("x" * 100, "y"), Pair("x", "  ")]
    assert evaluate(perfect(readable=50), long).perplexity_pairs == 4
    assert evaluate(perfect(readable=0), long).perplexity is None


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [
        ("zh", "zh"),
        ("zh-Hant", "zh"),
        ("ZH_cn", "zh"),
        ("yue", "zh"),
        ("cmn", "zh"),
        ("zho_Hans", "zh"),
        ("lzh", "zh"),
        ("tha", "char"),
        ("km", "char"),
        ("lao", "char"),
        ("bur", "char"),
        ("bo", "char"),
        ("dz", "char"),
        ("eng_Latn", "13a"),
        ("en", "13a"),
        ("de", "13a"),
        ("xx", "13a"),
    ],
)
def test_the_tokenizer_follows_the_target_language(language: str, tokenizer: str) -> None:
    assert bleu_tokenizer(language) == tokenizer
    assert f"tok:{tokenizer}|" in evaluate(perfect(languages=("en", language)), PAIRS).bleu_signature


@pytest.mark.parametrize(("language", "right"), [("ja", "ja-mecab"), ("ko", "ko-mecab")])
def test_without_a_segmenter_words_are_characters_and_the_report_says_so(
    monkeypatch: pytest.MonkeyPatch, language: str, right: str
) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    report = evaluate(perfect(languages=("en", language)), PAIRS)
    assert "tok:char" in report.bleu_signature
    assert "no word segmenter" in report.notes[0]
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())
    assert bleu_tokenizer(language) == right


def test_13a_on_chinese_is_done_with_a_warning() -> None:
    report = evaluate(perfect(), PAIRS, tokenize="13a")
    assert "tok:13a" in report.bleu_signature
    assert report.notes == ("warning: 13a does not cut zh into words, so this BLEU means little; use zh",)
    assert "use zh" in str(report)


def test_what_references_are_written_in_is_seen_whatever_the_code_says() -> None:
    """A model whose target was named `cmn` scored 0.0 where `zh` scored 51.6, without a word."""
    report = evaluate(perfect(languages=("en", "x-mine")), PAIRS)
    assert "tok:13a" in report.bleu_signature
    assert report.notes == (
        "warning: 13a does not cut Han script into words, so this BLEU means little; use zh",
    )


def test_a_tokenizer_that_would_be_downloaded_is_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(**_: object) -> None:
        raise OSError("<urlopen error [Errno -2] Name or service not known>")

    monkeypatch.setattr(
        module, "BLEU", type("BLEU", (), {"TOKENIZERS": {"flores200"}, "__new__": lambda *_, **__: offline()})
    )
    with pytest.raises(UsageError, match="tokenize = 'flores200' cannot be used here: .*not known"):
        evaluate(perfect(), PAIRS, tokenize="flores200")


def test_an_unknown_tokenizer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'moses'.*13a.*zh"):
        evaluate(perfect(), PAIRS, tokenize="moses")


def test_nothing_to_evaluate_on_is_an_error() -> None:
    with pytest.raises(CorpusError, match="no pairs"):
        evaluate(perfect(), iter([]))


def test_a_model_of_simplified_chinese_is_measured_against_simplified_references() -> None:
    pairs = [Pair("The cat is on the tree.", "貓在樹上看書。"), Pair("I like to read books.", "我喜欢看书。")]
    known = {"The cat is on the tree.": "猫在树上看书。", "I like to read books.": "我喜欢看书。"}
    report = evaluate(Dictionary(known, simplify="target"), pairs)  # type: ignore[arg-type]
    assert report.bleu == pytest.approx(100)
    assert report.notes[0].startswith("1 references were turned")
    plain = evaluate(Dictionary(known), pairs)  # type: ignore[arg-type]
    assert plain.bleu < 100 and plain.notes == ()


def test_options_go_to_the_translator() -> None:
    translator = perfect()
    evaluate(translator, PAIRS, None, beam_size=1)
    assert translator.asked["beam_size"] == 1


def test_the_report_is_json_and_a_table() -> None:
    report = evaluate(middling(), PAIRS)
    plain = json.loads(json.dumps(report.to_json()))
    assert plain["bleu"] == report.bleu and plain["flags"]["loop"] == 1
    assert plain.keys() >= {
        "pairs", "bleu", "bleu_signature", "chrf", "chrf_signature", "perplexity", "length_ratio",
        "sentences_per_second", "flags", "notes",
    }  # fmt: skip
    assert plain.keys().isdisjoint({"translations", "references"})
    table = str(report)
    for shown in (
        f"{report.bleu:.1f}",
        f"{report.chrf:.1f}",
        report.bleu_signature,
        report.chrf_signature,
        "loop",
    ):
        assert shown in table
    assert "copied" not in table, "only flags that were raised"


# -- two systems ------------------------------------------------------------------------------------------------


def reports() -> tuple[Report, Report]:
    pairs = [replace(pair, source=f"{pair.source} {n}") for n in range(12) for pair in PAIRS[:3]]
    good = Dictionary({pair.source: pair.target for pair in pairs})
    bad = Dictionary({pair.source: pair.target[:3] for pair in pairs})
    return evaluate(bad, pairs), evaluate(good, pairs)  # type: ignore[arg-type]


def test_a_clear_difference_is_significant() -> None:
    bad, good = reports()
    found = compare(bad, good, ("bad", "good"), samples=100)
    bleu, chrf = found.differences
    assert (bleu.metric, chrf.metric) == ("BLEU", "chrF2")
    assert bleu.first == pytest.approx(bad.bleu) and bleu.second == pytest.approx(good.bleu)
    assert bleu.p_value < 0.05 and chrf.p_value < 0.05
    assert "bs:100" in bleu.signature and "tok:zh" in bleu.signature
    assert "bad" in str(found) and "significant" in str(found) and bleu.signature in str(found)
    assert json.loads(json.dumps(found.to_json()))["differences"][0]["p_value"] == bleu.p_value


def test_no_difference_is_not_significant_and_the_bootstrap_repeats_itself() -> None:
    good = reports()[1]
    found = compare(good, good, samples=100)
    assert all(difference.p_value > 0.05 for difference in found.differences)
    assert "may be chance" in str(found)
    bad = reports()[0]
    assert compare(bad, good, samples=50) == compare(bad, good, samples=50)


def test_reports_on_other_pairs_or_by_other_measures_are_not_compared() -> None:
    whole, part = evaluate(perfect(), PAIRS), evaluate(perfect(), PAIRS[:2])
    with pytest.raises(UsageError, match="different pairs"):
        compare(whole, part)
    with pytest.raises(UsageError, match="measured differently.*tok:zh.*tok:char"):
        compare(whole, evaluate(perfect(), PAIRS, tokenize="char"))
    with pytest.raises(UsageError, match="measured differently"):
        compare(whole, evaluate(perfect(), [replace(pair, target="别的") for pair in PAIRS]))


# -- a real translator ------------------------------------------------------------------------------------------


def test_a_real_translator_is_evaluated(tiny_model: Path) -> None:
    with Translator.load(tiny_model) as translator:
        report = evaluate(translator, PAIRS, beam_size=2, max_length=6)
    assert [t.source for t in report.translations] == [pair.source for pair in PAIRS]
    assert 0 <= report.bleu <= 100
    vocabulary = translator.model.target_tokenizer.vocab_size
    assert report.perplexity is not None and 1 < report.perplexity < 10 * vocabulary


def test_the_perplexity_of_a_model_that_knows_nothing_is_its_vocabulary(
    tiny_parts: Parts, tmp_path: Path
) -> None:
    """All logits equal: every token has probability 1 / V."""
    weights = {
        name: weight * (0 if "embedding" in name else 1) for name, weight in tiny_parts.weights.items()
    }
    replace(tiny_parts, weights=weights).write(tmp_path)
    with Translator.load(tmp_path, engine="torch") as translator:
        report = evaluate(translator, PAIRS[:2], beam_size=1, max_length=2)
    assert report.perplexity == pytest.approx(translator.model.target_tokenizer.vocab_size, rel=1e-4)
