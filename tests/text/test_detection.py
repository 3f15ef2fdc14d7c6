"""Language detection against texts whose language is known, and its own word on how sure it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dragoman.corpus.pairs import read_corpus
from dragoman.text import detection
from dragoman.text.detection import UNKNOWN, detect, likeliest

KNOWN = ["en", "de", "fr", "zh"]
SENTENCES = (
    Path(__file__).parent / "detection" / "sentences.tsv"
)  # code, text: 25 in each of twelve languages


def sentences() -> list[tuple[str, str]]:
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    return [(code, text) for code, text in (line.split("\t") for line in lines)]


def first(text: str, known: list[str]) -> str | None:
    found = likeliest(text, known)
    return found.language if found else None


@pytest.mark.parametrize(
    "text, language",
    [
        ("The weather is nice today.", "en"),
        ("Das Wetter ist heute schön.", "de"),
        ("Il fait beau aujourd'hui, n'est-ce pas ?", "fr"),
        ("今天天气很好。", "zh"),
        ("今天天氣很好。", "zh"),
        ("我的iPhone手机坏了", "zh"),
        ("THE WEATHER IS NICE", "en"),
        ("Привет, мир", "ru"),
        ("안녕하세요", "ko"),
        ("ひらがな", "ja"),
        ("สวัสดีครับ", "th"),
        ("ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", UNKNOWN),
    ],
)
def test_what_anybody_can_tell(text: str, language: str) -> None:
    assert first(text, KNOWN) == language


@pytest.mark.parametrize(
    "text", ["", " \n", "123 %", "🙂", "...", "https://example.org/abc", "<b></b>", "{name}", "A"]
)
def test_what_has_no_words(text: str) -> None:
    assert detect(text, KNOWN) == []
    assert likeliest(text, KNOWN) is None


def test_short_texts_in_twelve_languages() -> None:
    found = sentences()
    assert len(found) == 300
    assert sum(first(text, []) != code for code, text in found) <= 6


def test_what_a_service_does_not_know_is_not_taken_for_what_it_knows() -> None:
    """German, Italian and Russian were translated as if they were English, with confidence 0."""
    others = [(code, text) for code, text in sentences() if code not in ("en", "zh")]
    assert sum(first(text, ["en", "zh"]) in ("en", "zh") for code, text in others) <= 2
    assert all(first(text, ["eng", "cmn_Hans"]) == code for code, text in sentences() if code in ("en", "zh"))


@pytest.mark.parametrize(
    "word",
    "hi Hello OK Save Cancel Delete Login Home Settings Password Search Tom Paris GitHub the two weekend".split(),
)
def test_a_word_alone_is_taken_for_what_is_known(word: str) -> None:
    assert first(word, ["en", "zh"]) == "en"


def test_codes_with_a_script_are_the_language() -> None:
    assert first("你好", ["en", "zho_Hans"]) == "zh"


def test_cantonese_where_somebody_knows_it() -> None:
    assert first("你哋喺邊度呀？佢哋唔喺屋企。", ["en", "zh"]) == "zh"
    assert first("你哋喺邊度呀？佢哋唔喺屋企。", ["en", "yue"]) == "yue"


def test_right_for_nearly_every_sentence_of_a_corpus() -> None:
    pairs = list(read_corpus(["corpus/tatoeba/dev.tsv.gz"], "en", "zh"))[:300]
    for side in ("en", "zh"):
        texts = [pair.source if side == "en" else pair.target for pair in pairs]
        assert sum(first(text, KNOWN) == side for text in texts) >= 0.99 * len(pairs), side


def test_time_does_not_grow_without_end() -> None:
    detect("a")  # which unpacks the statistics
    started = time.perf_counter()
    for text in (
        "a" * 1_000_000,
        "中" * 1_000_000,
        "ab " * 300_000,
        "a@" * 500_000,
        "<" * 1_000_000,
        "." * 1_000_000,
    ):
        detect(text, KNOWN)
    assert time.perf_counter() - started < 2


def test_without_room_to_unpack_a_person_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from py3langid import langid

    from dragoman.errors import UsageError

    def full(*_: object, **__: object) -> None:
        raise FileNotFoundError("No usable temporary directory found")

    detection._identifier.cache_clear()
    monkeypatch.setattr(langid.LanguageIdentifier, "from_model_file", full)
    with pytest.raises(UsageError, match="TMPDIR"):
        detect("Hello there")
