"""Language detection against texts whose language is known, and its own word on how sure it is."""

from __future__ import annotations

import time

import pytest

from dragoman.corpus.pairs import read_corpus
from dragoman.text.languages import FREQUENT, detect

KNOWN = ["en", "de", "fr", "zh"]


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
    ],
)
def test_what_anybody_can_tell(text: str, language: str) -> None:
    assert detect(text, KNOWN)[0].language == language


@pytest.mark.parametrize("text", ["", " \n", "123 %", "🙂", "...", "Привет, мир", "안녕하세요", "ひらがな"])
def test_what_none_of_them_is(text: str) -> None:
    assert detect(text, KNOWN) == []


def test_another_language_is_not_taken_for_sure() -> None:
    for text in ("Das Wetter ist heute schön.", "Hoy hace buen tiempo y no llueve."):
        found = detect(text, ["en", "zh"])
        assert not found or found[0].confidence < 20


def test_codes_with_a_script_are_the_language() -> None:
    assert [one.language for one in detect("你好", ["en", "zh-Hans"])] == ["zh"]


def test_right_for_nearly_every_sentence_of_a_corpus() -> None:
    pairs = list(read_corpus(["corpus/tatoeba/dev.tsv.gz"], "en", "zh"))[:300]
    for side in ("en", "zh"):
        texts = [pair.source if side == "en" else pair.target for pair in pairs]
        found = [detect(text, KNOWN) for text in texts]
        right = sum(bool(one) and one[0].language == side for one in found)
        assert right >= 0.93 * len(pairs), side
        sure = [one[0] for one in found if one and one[0].confidence >= 90]
        assert sum(one.language == side for one in sure) >= 0.97 * len(sure)


def test_time_does_not_grow_without_end() -> None:
    started = time.perf_counter()
    for text in ("a" * 1_000_000, "中" * 1_000_000, "ab " * 300_000):
        detect(text, KNOWN)
    assert time.perf_counter() - started < 2


def test_the_words_are_words() -> None:
    for words in FREQUENT.values():
        assert all(word == word.lower() for word in words.split())
