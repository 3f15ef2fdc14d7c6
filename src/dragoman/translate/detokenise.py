"""From ids back to text: the hypotheses of a text's sentences, put together as its translation. Calls no model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from dragoman.ids import EOS, UNWRITTEN
from dragoman.text.joining import divides, join, like_end, tidy
from dragoman.translate.flags import FLAGS, Evidence, flags_of
from dragoman.translate.placing import fill, joined, literal
from dragoman.translate.protect import Kept, Part
from dragoman.translate.reading import Passage, Piece, Sentence
from dragoman.translate.translation import Translation
from dragoman.translate.written import Written

if TYPE_CHECKING:
    from dragoman.decoding.options import Hypothesis
    from dragoman.text.tokenizer import Tokenizer
    from dragoman.translate.plan import Plan


_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_HALF_A_CHARACTER = "\ufffd"  # what bytes are shown as until the last of a character's is there


class Answer(NamedTuple):
    """A sentence and the hypotheses of its pieces, best first; `copied` where none of them has a word."""

    sentence: Sentence
    found: Sequence[Sequence[Hypothesis]]
    copied: bool = False


class Told(NamedTuple):
    """What became of one piece."""

    score: float = 0.0
    weight: int = 0  # tokens that the score is about, </s> among them
    source_tokens: Sequence[str] = ()
    tokens: Sequence[str] = ()
    token_scores: Sequence[float] = ()
    attention: Sequence[Sequence[float]] | None = None
    flags: Sequence[str] = ()


@dataclass(frozen=True)
class Detokeniser:
    """Turns ids into the words of both languages."""

    source: Tokenizer
    target: Tokenizer
    language: str  # of the target

    @cached_property
    def _speaking(self) -> frozenset[int]:
        """Ids of the pieces that are, or have, a letter or a digit by themselves; those of single bytes are not."""
        pieces = self.target.vocabulary()
        return frozenset(
            i for i, piece in enumerate(pieces) if i > EOS and _speaks(piece) and not _BYTE.fullmatch(piece)
        )

    @cached_property
    def _choices(self) -> int:
        """How many tokens there are to choose from."""
        return self.target.vocab_size - len(UNWRITTEN)

    def is_wordless(self, answer: Answer) -> bool:
        """Whether a model had nothing to say to words: no text, or a full stop and nothing else."""
        if any(not self._speaking.isdisjoint(best[0].tokens) for best in answer.found):
            return False  # as most: nothing has to be decoded to see that
        texts = [self.target.decode(best[0].tokens) for best in answer.found]
        sources = [piece.text for piece in answer.sentence.pieces]
        return bool(texts) and _speaks("".join(sources)) and not _speaks("".join(texts))

    def assemble(self, plan: Plan, answers: Sequence[Answer]) -> Translation:
        """The translation of a text from the answers to its sentences. Alternatives differ from it in their text."""
        if plan.setup.protection is not None:
            answers = [self._ordered(answer, plan) for answer in answers]
        first = self._of_rank(0, plan, answers)
        if plan.options.n_best == 1:
            return first
        ranks = max((len(best) for answer in answers for best in answer.found), default=1)
        others = [self._of_rank(rank, plan, answers) for rank in range(1, min(ranks, plan.options.n_best))]
        distinct = {other.text: other for other in reversed(others) if other.text != first.text}
        return replace(first, alternatives=list(reversed(distinct.values()))) if distinct else first

    def _ordered(self, answer: Answer, plan: Plan) -> Answer:
        """With the hypotheses first that have all that was shown, and words, where any do."""
        if not any(len(best) > 1 for best in answer.found):
            return answer
        parts = answer.sentence.parts.inner if answer.sentence.parts else ()
        found = []
        for best, piece in zip(answer.found, answer.sentence.pieces, strict=True):
            wanted: list[Hypothesis] = []
            spoken: list[Hypothesis] = []
            for hypothesis in best:
                text = tidy(self.target.decode(hypothesis.tokens), self.language)
                if _speaks(text) or not _speaks(piece.text):
                    spoken.append(hypothesis)
                    wanted += [] if literal(parts, text)[1] else [hypothesis]
                if len(wanted) == plan.options.n_best:
                    break
            found.append(wanted or spoken or best)
        return answer._replace(found=found)

    def _of_rank(self, rank: int, plan: Plan, answers: Sequence[Answer]) -> Translation:
        """Each sentence's hypothesis of that rank, or its last one, put together."""
        told: list[Told] = []
        text = self._passage(plan.passage, _Ranked(iter(answers), rank, plan, told))
        weight = sum([one.weight for one in told])
        raised = {flag for one in told for flag in one.flags}
        request = plan.setup.request
        return Translation(
            plan.text,
            text,
            sum([one.score * one.weight for one in told]) / weight if weight else None,
            list(chain.from_iterable([one.source_tokens for one in told])),
            list(chain.from_iterable([one.tokens for one in told])),
            list(chain.from_iterable([one.token_scores for one in told])) if request.token_scores else [],
            align(told) if request.attention else [],
            tuple([flag for flag in FLAGS if flag in raised]) if raised else (),
        )

    def _passage(self, passage: Passage, ranked: _Ranked) -> str:
        found: list[tuple[str, str]] = []
        guarded = ranked.plan.setup.protection is not None
        rows = guarded and any(divides(sentence.separator) for sentence in passage)
        for sentence in passage:
            texts = self._sentence(sentence, ranked)
            if rows:  # no full stop ends a cell that had none
                texts = [(_like_end(sentence, text), separator) for text, separator in texts]
            found += texts
        return join(found, self.language, whole=guarded)

    def _sentence(self, sentence: Sentence, ranked: _Ranked) -> list[tuple[str, str]]:
        """Its text, or those of its pieces, each with its separator."""
        parts = sentence.parts
        branches = [self._passage(passage, ranked) for passage in sentence.branches]
        answer = next(ranked.answers)
        found = iter(answer.found)
        texts: list[tuple[str, str]] = []
        for piece in sentence.pieces:
            if answer.copied and parts is not None:
                text = _contents(parts.inner, branches)
            elif not piece.ids or answer.copied:
                text = tidy(piece.text, self.language)
            else:
                best = next(found)
                hypothesis = best[min(ranked.rank, len(best) - 1)]
                text = tidy(self.target.decode(hypothesis.tokens), self.language)
                ranked.told.append(self._told(piece, text, hypothesis, ranked))
                if parts is not None:
                    text = self._filled(sentence, text, hypothesis, branches)
            if parts is not None:
                after = _contents(parts.after, branches)
                apart = text[-1:] in (":", ";") and after[:1].isalnum()
                text = f"{_contents(parts.before, branches)}{text}{' ' if apart else ''}{after}"
            if sentence.stays:
                text = ranked.plan.in_script(text)
            texts.append((text, piece.separator))
        return texts

    def _told(self, piece: Piece, text: str, found: Hypothesis, ranked: _Ranked) -> Told:
        tokens, scores = found.tokens, found.token_scores
        score, free = found.score, scores
        logprobs = free
        if forced := self._forced(ranked):
            free = logprobs = scores[forced:]
            total = sum(scores)
            if free:
                score *= math.pow(len(scores) / len(free), ranked.plan.options.length_penalty)
                logprobs = free if sum(free) == total else [total / len(free)] * len(free)
        return Told(
            score,
            len(free),
            self.source.pieces(piece.ids),
            self.target.pieces(tokens),
            scores[: len(tokens)],
            found.attention,
            flags_of(Evidence(piece.text, text, piece.ids, tokens, logprobs, found.finished, self._choices)),
        )

    def _forced(self, ranked: _Ranked) -> int:
        """How many tokens of the next piece were no choice of the model, and tell nothing about it."""
        begun = any(one.weight for one in ranked.told)
        return len(self.target.lead if begun else ranked.plan.prefix)

    # -- what was kept ------------------------------------------------------------------------------------------------

    def _filled(self, sentence: Sentence, text: str, found: Hypothesis, branches: Sequence[str]) -> str:
        """The translation with what was kept in its place."""
        assert sentence.parts is not None
        parts = sentence.parts
        length = len(sentence.pieces[0].ids)
        written = Written(text, lambda: (self._ends(found), _looked(found)), sentence.places, length)
        filled = fill(parts.inner, written)
        text = joined([(words, _content(part, branches), _apart(part)) for words, part in filled])
        shown = "".join(part if isinstance(part, str) else part.raw for part in parts.inner)
        edges = _contents((*parts.before, *parts.after), branches)
        own = len(filled[-1][0])  # of the model, behind all that was kept
        return like_end(shown.rstrip(), text, len(text) - own) if edges.strip() else text

    def _ends(self, found: Hypothesis) -> list[int]:
        """Where in the text each token ends."""
        return [
            len(tidy(self.target.decode(found.tokens[:end]), self.language))
            for end in range(1, len(found.tokens) + 1)
        ]

    def so_far(self, sentence: Sentence, tokens: Sequence[int]) -> str:
        """A piece of a sentence while it is being written: with what was kept as far as it has been."""
        text = tidy(self.target.decode(tokens).rstrip(_HALF_A_CHARACTER), self.language)
        if sentence.parts is None:
            return text
        edits, _ = literal(sentence.parts.inner, text)
        filled, at = list[tuple[str, str, bool]](), 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            filled.append((text[at : edit.start], _content(edit.part, ()), _apart(edit.part)))
            at = edit.end
        text = joined([*filled, (text[at:], "", False)])
        return _contents(sentence.parts.before, ()) + text


class _Ranked(NamedTuple):
    """On the way through a text: the answers that are left, which of their hypotheses, and what was told."""

    answers: Iterator[Answer]
    rank: int
    plan: Plan
    told: list[Told]


def _contents(parts: Sequence[Part], branches: Sequence[str]) -> str:
    return "".join(part if isinstance(part, str) else _content(part, branches) for part in parts)


def _content(part: Kept | None, branches: Sequence[str]) -> str:
    if part is None:
        return ""
    return "".join(
        piece if isinstance(piece, str) else branches[piece] if piece < len(branches) else ""
        for piece in part.content
    )


def _apart(part: Kept | None) -> bool:
    return part is not None and part.apart


def _like_end(sentence: Sentence, text: str) -> str:
    """A cell's text; one whose end is kept has it from there."""
    return text if sentence.parts and sentence.parts.after else like_end(sentence.pieces[-1].text, text)


def _speaks(text: str) -> bool:
    return any(map(str.isalnum, text))


def _looked(found: Hypothesis) -> list[int | None]:
    """The source token, </s> left out, that each token looked at most; None where it cannot be told."""
    if found.attention is None:
        return [None] * len(found.tokens)
    looked: list[int | None] = []
    for row in found.attention:
        columns = range(len(row) - 1)
        most = max(columns, key=row.__getitem__, default=None)
        looked.append(None if most is None or len(set(row)) == 1 else most)
    return looked


def align(told: Sequence[Told]) -> list[tuple[int, int]]:
    """(source token, token): where each token looked most, counted through all sentences.

    Attention rests on </s> where it has nothing to look for, so that column, the last, is left out.
    """
    pairs: list[tuple[int, int]] = []
    source_start, start = 0, 0
    for one in told:
        for target, row in enumerate(one.attention or ()):
            # What the model had no words for was written otherwise, and may have had fewer tokens.
            columns = range(min(len(one.source_tokens), len(row) - 1))
            if columns:
                pairs.append((source_start + max(columns, key=row.__getitem__), start + target))
        source_start, start = source_start + len(one.source_tokens), start + len(one.tokens)
    return pairs
