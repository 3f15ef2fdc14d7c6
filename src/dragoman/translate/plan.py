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


@dataclass(frozen=True)
class Plan:
    """A text, cut and encoded.

    answers: what was found so far, for each of `sentences`. tried: sentences that the model had no words for, with
    other ways to write each.
    """

    text: str
    passage: Passage
    prefix: list[int]  # what the translation has to begin with, as ids
    request: SearchRequest
    engine: Engine
    detokeniser: Detokeniser
    reader: Reader
    protection: Protection | None
    answers: tuple[Answer | None, ...] = ()
    tried: tuple[tuple[int, tuple[Sentence, ...]], ...] = ()

    @cached_property
    def sentences(self) -> list[Sentence]:
        """Of the text, and of texts within what is kept in it."""
        return [inner for sentence in self.passage for inner in sentence.flat()]

    @property
    def pieces(self) -> list[Piece]:
        return [piece for sentence in self.sentences for piece in sentence.pieces]

    @property
    def options(self) -> DecodingOptions:
        """How it is searched for: no longer than the model has positions."""
        return self.request.options

    @cached_property
    def _asked(self) -> list[Sentence]:
        """What has no answer yet."""
        if not self.answers:
            return [sentence for sentence in self.sentences if sentence.searched]
        return [sentence for _, others in self.tried for sentence in others]

    @property
    def sources(self) -> list[list[int]]:
        """What goes to the engine: the ids of the pieces that have words. None left: there is a translation."""
        return [piece.ids for sentence in self._asked for piece in sentence.pieces if piece.ids]

    @property
    def prefixes(self) -> list[list[int]]:
        """A forced prefix for each of the sources: the first takes it all. Each begins with its language's token."""
        count, lead = len(self.sources), list(self.detokeniser.target.lead)
        return [lead if self.answers else self.prefix, *(lead for _ in range(count - 1))] if count else []

    @property
    def requests(self) -> list[SearchRequest]:
        """What is asked of the search for each of the sources."""
        return [self._request(sentence) for sentence in self._asked for piece in sentence.pieces if piece.ids]

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
    works = [
        (source, request, prefix)
        for plan in plans
        for source, request, prefix in zip(plan.sources, plan.requests, plan.prefixes, strict=True)
    ]
    running: dict[SearchRequest, Iterator[Sequence[Hypothesis]]] = {}
    for asked in dict.fromkeys(request for _, request, _ in works):
        group = [(source, prefix) for source, request, prefix in works if request == asked]
        prefixes = [prefix for _, prefix in group]
        sources = [source for source, _ in group]
        running[asked] = plans[0].engine.begin(sources, asked, prefixes if any(prefixes) else None)
    return (next(running[request]) for _, request, _ in works)
