"""One text on its way through a model: what is searched for, by which engine, and how the answer becomes text again.

Everything that translates stands on it: the stream, the server's queue, a draft, a trace. Searches for nothing.

    while plan.sources:
        plan = plan.taking(what an engine finds for plan.sources, plan.requests, plan.prefixes)
    plan.translation
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from dragoman.decoding.options import DecodingOptions, Hypothesis, SearchRequest
from dragoman.engines import Engine
from dragoman.translate.detokenise import Answer, Detokeniser
from dragoman.translate.protect import Kept, Protection
from dragoman.translate.reading import Passage, Piece, Reader, Sentence
from dragoman.translate.translation import Translation

Work = tuple[
    list[int], SearchRequest, list[int]
]  # the ids of a piece, what is asked, what it has to begin with


@dataclass(frozen=True)
class Plan:
    """A text, cut and encoded.

    before: symbols in front of each source, which tell the model something and are no part of the text. answers: what
    was found so far, for each of `sentences`. tried: sentences that the model had no words for, with other ways to
    write each.
    """

    text: str
    passage: Passage
    prefix: list[int]  # what the translation has to begin with, as ids
    request: SearchRequest
    engine: Engine
    detokeniser: Detokeniser
    reader: Reader
    protection: Protection | None
    before: tuple[int, ...] = ()
    answers: tuple[Answer | None, ...] = ()
    tried: tuple[tuple[int, tuple[Sentence, ...]], ...] = ()

    @cached_property
    def sentences(self) -> list[Sentence]:
        """Of the text, and of texts within what is kept in it."""
        if not any(sentence.branches for sentence in self.passage):  # as most
            return list(self.passage)
        return [inner for sentence in self.passage for inner in sentence.flat()]

    @property
    def pieces(self) -> list[Piece]:
        return [piece for sentence in self.sentences for piece in sentence.pieces]

    @property
    def options(self) -> DecodingOptions:
        """How it is searched for: no longer than the model has positions."""
        return self.request.options

    @property
    def _asked(self) -> list[Sentence]:
        """What has no answer yet."""
        if not self.answers:
            return [sentence for sentence in self.sentences if sentence.searched]
        return [sentence for _, others in self.tried for sentence in others]

    @cached_property
    def works(self) -> list[Work]:
        """What goes to the engine: the pieces that have words. None left: there is a translation."""
        lead = list(self.detokeniser.target.lead)  # of the language, where a token tells it
        prefix = lead if self.answers else self.prefix  # the first piece takes it all
        works = list[Work]()
        for sentence in self._asked:
            request = self._request(sentence)
            for piece in sentence.pieces:
                if piece.ids:
                    works.append(([*self.before, *piece.ids], request, prefix))
                    prefix = lead
        return works

    @property
    def sources(self) -> list[list[int]]:
        """The ids of each piece that goes to the engine."""
        return [ids for ids, _, _ in self.works]

    @property
    def requests(self) -> list[SearchRequest]:
        """What is asked of the search for each of the sources."""
        return [request for _, request, _ in self.works]

    @property
    def prefixes(self) -> list[list[int]]:
        """A forced prefix for each of the sources."""
        return [prefix for _, _, prefix in self.works]

    def _request(self, sentence: Sentence) -> SearchRequest:
        """Where something is kept, the beam is asked for all that it has, and for what the model looked at."""
        options = self.request.options
        if self.answers:
            return (
                self.request
                if options.sample
                else replace(self.request, options=replace(options, n_best=options.beam_size))
            )
        if not sentence.places:
            return self.request
        named = sentence.parts is not None and any(
            isinstance(part, Kept) and part.forms for part in sentence.parts.inner
        )
        if named and not options.sample:
            options = replace(options, n_best=options.beam_size)
        rough = not self.request.attention
        words = self.reader.placeholders
        ids = tuple(self.reader.tokenizer.placeholders[word] for word in words) if named else ()
        return replace(self.request, options=options, attention=True, rough=rough, placeholders=ids)

    def taking(self, found: Iterator[Sequence[Hypothesis]]) -> Plan:
        """The plan with what an engine found for each of the sources, best first."""
        if self.before:
            found = map(self._without_symbols, found)
        taken = [
            Answer(sentence, tuple(next(found) for piece in sentence.pieces if piece.ids))
            for sentence in self._asked
        ]
        if self.answers:
            return self._settled(taken)
        rest = iter(taken)
        answers = tuple(next(rest) if s.searched else Answer(s, ()) for s in self.sentences)
        tried = [
            (number, tuple(self.reader.again(answer.sentence)))
            for number, answer in enumerate(answers)
            if self.protection is not None and self.detokeniser.is_wordless(answer) and not self.prefix
        ]
        # What was shown, a name or a term, is put in all the same: then the text is not empty.
        silent = {
            number for number, others in tried if not others and not _is_shown(answers[number].sentence)
        }
        answers = tuple(
            replace(one, copied=True) if number in silent else one for number, one in enumerate(answers)
        )
        return replace(self, answers=answers, tried=tuple((at, others) for at, others in tried if others))

    def _without_symbols(self, best: Sequence[Hypothesis]) -> list[Hypothesis]:
        """Hypotheses that looked at the text alone."""
        start = len(self.before)
        return [
            one if one.attention is None else replace(one, attention=[row[start:] for row in one.attention])
            for one in best
        ]

    def _settled(self, taken: Sequence[Answer]) -> Plan:
        """The first way to write a sentence for which there are words; without one, the sentence stays as it is."""
        answers = list(self.answers)
        rest = iter(taken)
        for number, others in self.tried:
            spoken = [one for one in (next(rest) for _ in others) if not self.detokeniser.is_wordless(one)]
            first = answers[number]
            assert first is not None
            answers[number] = (
                replace(spoken[0], sentence=first.sentence) if spoken else replace(first, copied=True)
            )
        return replace(self, answers=tuple(answers), tried=())

    @property
    def translation(self) -> Translation:
        """When all that was asked has been found."""
        answers = self.answers or tuple(Answer(sentence, ()) for sentence in self.sentences)
        return self.detokeniser.assemble(self, [answer for answer in answers if answer is not None])


def _is_shown(sentence: Sentence) -> bool:
    """Whether the model read anything that stands for what is kept."""
    parts = sentence.parts.inner if sentence.parts else ()
    return any(isinstance(part, Kept) and part.forms for part in parts)


def begun(plans: Sequence[Plan]) -> Iterator[Sequence[Hypothesis]]:
    """The engine set to work on all sources of plans that share one; what comes back waits for each result.

    Those of which the same is asked go to it together.
    """
    works = [work for plan in plans for work in plan.works]
    running: dict[SearchRequest, Iterator[Sequence[Hypothesis]]] = {}
    for asked in dict.fromkeys(request for _, request, _ in works):
        group = [work for work in works if work[1] is asked or work[1] == asked]
        sources, prefixes = [source for source, _, _ in group], [prefix for _, _, prefix in group]
        running[asked] = plans[0].engine.begin(sources, asked, prefixes if any(prefixes) else None)
    return (next(running[request]) for _, request, _ in works)
