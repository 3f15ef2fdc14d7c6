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
from dragoman.text.normalize import has_han
from dragoman.text.scripts import turning, written_in
from dragoman.translate.detokenise import Answer, Detokeniser
from dragoman.translate.protect import Protection
from dragoman.translate.reading import Passage, Piece, Reader, Sentence, beginning_of
from dragoman.translate.translation import Translation

Work = tuple[
    list[int], SearchRequest, list[int]
]  # the ids of a piece, what is asked, what it has to begin with


@dataclass(frozen=True)
class Manner:
    """How text of one direction is read and written.

    before: symbols in front of each source, which tell the model something and are no part of the text.
    traditional: in which script Chinese comes out; None: as it is written. same: nothing is translated, since source
    and target are one language.
    """

    before: tuple[int, ...] = ()
    traditional: bool | None = None
    same: bool = False


@dataclass(frozen=True)
class Setup:
    """What all texts have in common that are translated in one direction and of which the same is asked.

    manner: what the direction asks for.
    """

    request: SearchRequest
    engine: Engine
    reader: Reader
    detokeniser: Detokeniser
    protection: Protection | None
    manner: Manner

    @property
    def before(self) -> tuple[int, ...]:
        return self.manner.before

    def plan(self, text: str, prefix: str = "") -> Plan:
        """prefix: what the translation has to begin with."""
        if self.manner.same:
            return Plan(text, (), [], self)
        passage = self.reader.passage(text, self.protection, bool(prefix))
        forced = self.lead
        if prefix:
            words = self.reader.prepare(beginning_of(passage, prefix), "target")
            forced = self.detokeniser.target.encode(words) or self.lead
        return Plan(text, passage, forced, self)

    @cached_property
    def lead(self) -> list[int]:
        """What every translation begins with: the language, where a token tells it."""
        return list(self.detokeniser.target.lead)

    # -- what is asked of one search: made once, for a text may have many ---------------------------------------------

    @cached_property
    def plain(self) -> SearchRequest:
        """Of a sentence that nothing is kept in: a placeholder, which stands for what is kept, may not come out."""
        return (
            self.request
            if self.protection is None
            else replace(self.request, placeholders=self._placeholders)
        )

    @cached_property
    def _placeholders(self) -> tuple[int, ...]:
        return tuple(self.reader.tokenizer.placeholders[word] for word in self.reader.placeholders)

    @cached_property
    def again(self) -> SearchRequest:
        """Of a sentence that there were no words for: all that the beam has."""
        options = self.request.options
        return self.plain if options.sample else replace(self.plain, options=_whole_beam(options))

    @cached_property
    def looking(self) -> SearchRequest:
        """Where something is kept: what the model looked at."""
        return replace(self.plain, attention=True, rough=not self.request.attention)

    @cached_property
    def copying(self) -> SearchRequest:
        """Where something stands for what is kept: also all that the beam has, with each placeholder once."""
        options = self.request.options
        return replace(self.looking, options=options if options.sample else _whole_beam(options))


def _whole_beam(options: DecodingOptions) -> DecodingOptions:
    return replace(options, n_best=options.beam_size)


@dataclass(frozen=True)
class Plan:
    """A text, cut and encoded.

    answers: what was found so far, for each of `sentences`. tried: sentences that the model had no words for, with
    other ways to write each.
    """

    text: str
    passage: Passage
    prefix: list[int]  # what the translation has to begin with, as ids
    setup: Setup
    answers: tuple[Answer, ...] = ()
    tried: tuple[tuple[int, tuple[Sentence, ...]], ...] = ()

    @property
    def engine(self) -> Engine:
        return self.setup.engine

    @property
    def detokeniser(self) -> Detokeniser:
        return self.setup.detokeniser

    @property
    def before(self) -> tuple[int, ...]:
        return self.setup.before

    @property
    def options(self) -> DecodingOptions:
        """How it is searched for: no longer than the model has positions."""
        return self.setup.request.options

    @property
    def sentences(self) -> Sequence[Sentence]:
        """Of the text, and of texts within what is kept in it."""
        for sentence in self.passage:
            if sentence.branches:
                return [inner for sentence in self.passage for inner in sentence.flat()]
        return self.passage  # as most

    @property
    def pieces(self) -> list[Piece]:
        return [piece for sentence in self.sentences for piece in sentence.pieces]

    # -- what is searched for ---------------------------------------------------------------------------------------

    @property
    def works(self) -> list[Work]:
        """What goes to the engine: the pieces that have words. None left: there is a translation."""
        if self.answers and not self.tried:
            return []
        before, lead = self.setup.before, self.setup.lead
        prefix = lead if self.answers else self.prefix  # the first piece takes it all
        works: list[Work] = []
        for sentence in self._asked:
            request = self._request(sentence)
            for piece in sentence.pieces:
                if piece.ids:
                    works.append(([*before, *piece.ids] if before else piece.ids, request, prefix))
                    prefix = lead
        return works

    @property
    def _asked(self) -> Sequence[Sentence]:
        """What has no answer yet."""
        if not self.answers:
            return self.sentences
        return [sentence for _, others in self.tried for sentence in others]

    def _request(self, sentence: Sentence) -> SearchRequest:
        if self.answers:
            return self.setup.again
        if not sentence.places:
            return self.setup.plain
        return self.setup.copying if sentence.is_shown else self.setup.looking

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

    # -- what was found ---------------------------------------------------------------------------------------------

    def taking(self, found: Iterator[Sequence[Hypothesis]]) -> Plan:
        """The plan with what an engine found for each of the sources, best first."""
        if self.setup.before:
            found = map(self._without_symbols, found)
        answers = [
            Answer(sentence, [next(found) for piece in sentence.pieces if piece.ids])
            for sentence in self._asked
        ]
        if self.answers:
            return self._settled(answers)
        tried: list[tuple[int, tuple[Sentence, ...]]] = []
        if self.setup.protection is not None and not self.prefix:
            for number, answer in enumerate(answers):
                if not self.detokeniser.is_wordless(answer):
                    continue
                if others := tuple(self.setup.reader.again(answer.sentence)):
                    tried.append((number, others))
                elif (
                    not answer.sentence.is_shown
                ):  # else it is put in all the same: then the text is not empty
                    answers[number] = answer._replace(copied=True)
        return Plan(self.text, self.passage, self.prefix, self.setup, tuple(answers), tuple(tried))

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
            answers[number] = (
                spoken[0]._replace(sentence=first.sentence) if spoken else first._replace(copied=True)
            )
        return replace(self, answers=tuple(answers), tried=())

    @property
    def translation(self) -> Translation:
        """When all that was asked has been found."""
        if self.setup.manner.same:
            return Translation(self.text, self.in_script(self.text), None)
        answers = self.answers or [Answer(sentence, ()) for sentence in self.sentences]
        found = self.setup.detokeniser.assemble(self, answers)
        return found.mapped(turning(True)) if self.setup.manner.traditional else found

    def in_script(self, text: str) -> str:
        """A text that is Chinese already in the script asked for."""
        script = self.setup.manner.traditional
        return text if script is None or not has_han(text) else written_in(text, script)
