"""A text as the sentences that a model translates: cut, what must not change set aside, prepared, encoded.

Calls no model. Each piece is short enough to go through the model in one run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from dragoman.corpus.cleaning import prepare_text
from dragoman.text.dated import in_digits
from dragoman.text.directions import Direction
from dragoman.text.informal import written_out
from dragoman.text.joining import writes_without_spaces
from dragoman.text.kinds import Span
from dragoman.text.languages import base_language
from dragoman.text.neighbours import merged
from dragoman.text.normalize import half_width, narrow, script_counts, scripts_of, spelled, visible
from dragoman.text.sentences import split_paragraph
from dragoman.text.spans import find, without
from dragoman.text.tokenizer import Tokenizer
from dragoman.translate import wording
from dragoman.translate.protect import (
    Kept,
    Part,
    Parts,
    Protection,
    apart,
    has_words,
    parts_of,
    shown,
    spaced,
    with_brackets,
)
from dragoman.translate.recasing import Recaser
from dragoman.translate.unknown import Lexicon

# Acronyms among other signs, where there are as many of these: NASA發射了火箭, but not HELLO 你好.
_ACRONYMS = re.compile(r"(?:(?<![A-Z])[A-Z]{1,4}(?![A-Za-z])|[^A-Za-z])*")
_SIGNS_BESIDE = 4
_NARROW_STOPS = str.maketrans("！？。", "!?.")


# Records that are made for each line are named tuples: a frozen dataclass takes three times as long to make.
class Piece(NamedTuple):
    """A stretch of the source with what separates it from the next; without ids it is passed on untouched."""

    text: str
    separator: str
    ids: list[int]


class Sentence(NamedTuple):
    """A sentence on its way through the model.

    pieces: what the model reads, more than one where it is too long; one without ids where there is nothing to read.
    parts: the sentence as words and what is kept, empty where nothing is. places: for each of those kept, its first
    source token and the one after its last. branches: texts within what is kept, which are translated by themselves.
    stays: it is in the target language already.
    """

    pieces: tuple[Piece, ...]
    parts: Parts | None = None
    places: tuple[tuple[int, int], ...] = ()
    branches: tuple[Passage, ...] = ()
    stays: bool = False

    @property
    def separator(self) -> str:
        return self.pieces[-1].separator

    @property
    def searched(self) -> bool:
        return any(piece.ids for piece in self.pieces)

    @property
    def is_shown(self) -> bool:
        """Whether the model reads anything that stands for what is kept."""
        parts = self.parts.inner if self.parts else ()
        return any(isinstance(part, Kept) and part.forms for part in parts)

    def flat(self) -> Iterator[Sentence]:
        """Those in its branches, then itself."""
        for passage in self.branches:
            for sentence in passage:
                yield from sentence.flat()
        yield self


Passage = tuple[Sentence, ...]


@dataclass(frozen=True)
class Reader:
    """Turns the words of a text into ids, as the model was trained."""

    tokenizer: Tokenizer  # of the source
    target: Tokenizer
    languages: Direction
    cleaning: Mapping[str, Any]  # of the corpus that the model was trained on
    longest: int  # sentence, in tokens, that goes through the model in one run
    lexicon: Lexicon
    recaser: Recaser

    @cached_property
    def placeholders(self) -> tuple[str, ...]:
        """Those of the source that the target has as well, under the same ids."""
        return tuple(
            word for word, i in self.tokenizer.placeholders.items() if self.target.placeholders.get(word) == i
        )

    def passage(self, text: str, protection: Protection | None, always: bool = False) -> Passage:
        """Cut a text into sentences, and any that is too long for the model into shorter ones.

        protection: None to keep nothing. What has no letter and no digit (a line of emoji, a rule of dashes) is left
        as it is, unless `always`: a model would make up words for it.
        """
        if protection is not None:
            text = spelled(visible(text))
            solid, solid_target = map(writes_without_spaces, self.languages)
            if not solid:
                text = narrow(text)
            elif not solid_target:
                text = half_width(text)
                text = in_digits(text) if base_language(self.languages[0]) == "zh" else text
        spans = [] if protection is None else find(text, self._terms(text, protection))
        found: list[Sentence] = []
        at = 0
        for segment in split_paragraph(text, self.languages[0], spans=spans):
            end = at + len(segment.text)
            if protection is None:
                found.append(self._plain(segment.text, segment.separator, always))
            else:
                inside = [_moved(span, at) for span in spans if at <= span.start and span.end <= end]
                found += self._guarded(segment.text, segment.separator, inside, protection, always)
            at = end + len(segment.separator)
        return tuple(found)

    def _terms(self, text: str, protection: Protection) -> list[Span]:
        """Those of the glossary, and what the other language says otherwise."""
        found = protection.spans(text)
        worded = [
            one
            for one in wording.spans(text, *self.languages)
            if not any(one.start < term.end and term.start < one.end for term in found)
        ]
        return sorted([*found, *worded], key=lambda span: span.start) if worded else found

    def _plain(self, text: str, separator: str, always: bool) -> Sentence:
        words = text.rstrip()
        separator = text[len(words) :] + separator
        prepared = self.prepare(words, "source")
        if any(map(str.isalnum, prepared)) or (always and prepared):
            return Sentence(tuple(self._fitting(prepared, separator)))
        return Sentence((Piece(prepared, separator, []),))

    def _fitting(self, text: str, separator: str) -> list[Piece]:
        """A sentence as it is or, while it has more tokens than the model can take, in halves."""
        ids = self.tokenizer.encode(text)
        if len(ids) <= self.longest or len(text) == 1:
            return [Piece(text, separator, ids[: self.longest])]
        cut = _middle(text)
        return self._fitting(text[:cut].rstrip(), "") + self._fitting(text[cut:].lstrip(), separator)

    def again(self, sentence: Sentence) -> list[Sentence]:
        """Other ways to write a sentence that a model had no words for: as the first of a text, with a full stop."""
        parts = sentence.parts
        kept = parts is not None and any(isinstance(part, Kept) for part in parts.inner)
        if kept or len(sentence.pieces) > 1:
            return []
        piece = sentence.pieces[0]
        words = piece.text.rstrip(" .。")
        first = words[:1].upper() + words[1:]
        texts = dict.fromkeys((first, f"{first}.", words.lower(), f"{words.lower()}."))
        texts.pop(piece.text, None)
        return [self._plain(text, piece.separator, False) for text in texts]

    # -- what is kept -----------------------------------------------------------------------------------------------

    def _guarded(
        self, text: str, separator: str, spans: Sequence[Span], protection: Protection, always: bool
    ) -> list[Sentence]:
        stays = not always and self._is_target(text, spans)
        if stays:
            text = text if writes_without_spaces(self.languages[1]) else text.translate(_NARROW_STOPS)
        else:
            text = self.recaser.around(text, spans)
            known = spans
            spans = self.lexicon.more(text, spans)
            if len(spans) > len(known):
                terms = {(one.start, one.end) for one in self._terms(text, protection)}
                spans = list(merged(text, spans, terms))
        spans = with_brackets(text, spans)
        if not spans and (always or has_words((text,)) or not text) and not stays:
            return [self._plain(self._written_out(text), separator, always)]
        parts = parts_of(text, spans, protection, self.languages)
        if not stays:
            parts = tuple(self._written_out(part) if isinstance(part, str) else part for part in parts)
        branches = tuple(
            self.passage(text[start:end], protection) for span in spans for start, end in span.branches
        )
        if stays or not has_words(parts):
            copied = Parts(parts, (), ())
            return [Sentence((Piece("", separator, []),), copied, branches=branches, stays=stays)]
        return self._shown(apart(parts, self.languages[1]), separator, branches)

    def _written_out(self, text: str) -> str:
        return written_out(text) if base_language(self.languages[0]) == "en" else text

    @cached_property
    def _scripts(self) -> tuple[frozenset[str], frozenset[str]]:
        """Those of source and target where these tell the two apart; else none."""
        source, target = map(scripts_of, self.languages)
        return (source, target) if source and target and not source & target else (frozenset(), frozenset())

    def _is_target(self, text: str, spans: Sequence[Span]) -> bool:
        """Whether a sentence has words of the target language, and none but acronyms of the one that is read."""
        source, target = self._scripts
        if not source or ("Latin" in source and text.isascii()):  # as most
            return False
        words = without(text, spans)
        written = script_counts(words)
        if not written.keys() <= source | target:  # 東京タワー is no Chinese
            return False
        read = sum(written[script] for script in source)
        signs = sum(written[script] for script in target)
        return signs > 0 and (not read or (signs >= _SIGNS_BESIDE and _ACRONYMS.fullmatch(words) is not None))

    def _shown(self, parts: Parts, separator: str, branches: tuple[Passage, ...]) -> list[Sentence]:
        """With something in place of what is kept; in halves while it has more tokens than the model can take."""
        inner = spaced(shown(parts.inner, self.placeholders))
        texts = [part if isinstance(part, str) else part.shown for part in inner]
        # Up to each part, as the model reads it.
        read = ["", *(self.prepare(text, "source") for text in accumulate(texts))]
        ids = self.tokenizer.encode(read[-1])
        if len(ids) > self.longest and (halves := _halves(parts, inner)):
            first, second = halves
            return [*self._shown(first, "", branches), *self._shown(second, separator, branches)]
        reach = [len(self.tokenizer.encode(text)) or len(self.tokenizer.lead) for text in read]
        places = tuple(
            (reach[number], reach[number + 1]) for number, part in enumerate(inner) if isinstance(part, Kept)
        )
        whole = replace(parts, inner=inner)
        return [Sentence((Piece(read[-1], separator, ids[: self.longest]),), whole, places, branches)]

    def prepare(self, text: str, side: Literal["source", "target"]) -> str:
        """Text as the model's training corpus was cleaned."""
        # Undecodable bytes of a command line come as lone surrogates, which no tokenizer takes.
        if not text.isascii():
            text = text.encode(errors="ignore").decode()
        simplified = self.cleaning.get("simplify", "") in (side, "both")
        return prepare_text(text, self.cleaning.get("normalize", True), simplified)


def beginning_of(passage: Passage, prefix: str) -> str:
    """What the first sentence has to begin with for its translation to begin with `prefix`."""
    first = next((sentence for sentence in passage if sentence.searched), None)
    if first is None or first.parts is None or not prefix:
        return prefix
    for part in (*first.parts.before, *first.parts.inner):
        if isinstance(part, Kept) and part.forms and not part.own and part.shown != part.raw:
            forms = part.forms if prefix.isascii() else part.forms[1:] or part.forms
            prefix = prefix.replace(part.raw, forms[0])
    return prefix


def _moved(span: Span, by: int) -> Span:
    branches = tuple((start - by, end - by) for start, end in span.branches)
    return replace(span, start=span.start - by, end=span.end - by, branches=branches)


def _middle(text: str) -> int:
    """Where to cut a text in two: at the last space before the middle, unless that is far from it."""
    space = text.rfind(" ", len(text) // 4, len(text) // 2)
    return len(text) // 2 if space < 0 else space


def _halves(parts: Parts, inner: Sequence[Part]) -> tuple[Parts, Parts] | None:
    """A sentence in two, cut beside something that is kept or within the words nearest to the middle."""
    lengths = list(accumulate(len(part) if isinstance(part, str) else len(part.shown) for part in inner))
    number = next(n for n, length in enumerate(lengths) if 2 * length >= lengths[-1])
    middle = inner[number]
    if isinstance(middle, str) and len(middle) > 1:
        cut = _middle(middle)
        left, right = [*inner[:number], middle[:cut]], [middle[cut:], *inner[number + 1 :]]
    elif len(inner) > 1:
        number = max(1, number)
        left, right = list(inner[:number]), list(inner[number:])
    else:
        return None
    return Parts(parts.before, tuple(left), ()), Parts((), tuple(right), parts.after)
