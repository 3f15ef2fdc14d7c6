"""Engines at work on the texts of a call: what is alike is searched for once, and nobody sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from dragoman.decoding.options import Hypothesis, SearchRequest
from dragoman.translate.translation import Translation
from dragoman.translate.translator import Translator
from tiny import parts

TEXTS = ["The cat.", "The dog.", "The cat.", "", "The cat. The dog.", "The dog."]


class Counting:
    """An engine that tells how many sentences it was asked for."""

    def __init__(self, translator: Translator) -> None:
        self._engine, self._begin = (
            translator.plan("The cat.").engine,
            translator.plan("The cat.").engine.begin,
        )
        self.sources: list[list[int]] = []

    def begin(
        self,
        sources: Sequence[list[int]],
        request: SearchRequest,
        prefixes: Sequence[list[int]] | None = None,
    ) -> Iterator[Sequence[Hypothesis]]:
        self.sources += [[*source] for source in sources]
        return self._begin(sources, request, prefixes)


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return Translator.load(parts().write(tmp_path_factory.mktemp("models") / "tiny"), engine="torch")


def told(found: Translation) -> tuple[object, ...]:
    """Without the score, whose last bits depend on the batch."""
    return found.source, found.text, found.source_tokens, found.tokens, found.flags


def counted(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting(translator)
    monkeypatch.setattr(counting._engine, "begin", counting.begin)
    return counting


def test_equal_sentences_are_searched_for_once(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column of a table has the same words in most of its cells."""
    alone = [told(translator.translate(text)) for text in TEXTS]
    counting = counted(translator, monkeypatch)
    assert list(map(told, translator.translate(TEXTS))) == alone
    assert len(counting.sources) == 2 == len({tuple(ids) for ids in counting.sources})


def test_other_beginnings_make_other_sentences(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefixes = ["猫", "猫", "狗", "", "猫", ""]
    alone = [
        told(translator.translate(text, prefixes=prefix))
        for text, prefix in zip(TEXTS, prefixes, strict=True)
    ]
    counting = counted(translator, monkeypatch)
    assert list(map(told, translator.translate(TEXTS, prefixes=prefixes))) == alone
    assert len(counting.sources) == 4


def test_draws_are_those_of_the_sentence_alone(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {"sample": True, "beam_size": 1, "temperature": 5.0, "seed": 7}
    alone = [told(translator.translate(text, **drawn)) for text in TEXTS]
    counting = counted(translator, monkeypatch)
    assert list(map(told, translator.translate(TEXTS, **drawn))) == alone
    assert len(counting.sources) == 2
