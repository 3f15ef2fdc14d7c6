"""Which word of a sentence stands for which word of its translation: read off the model's attention. Searches nothing.

Attention of subwords is summed to words. Which layer is read, and whether the row that writes a token or the one that
is fed it, differs from model to model (Garg et al., 2019, "Jointly Learning to Align and Translate", section 4.2; Chen
et al., 2020, "Accurate Word Alignment Induction from Neural Machine Translation"). So it is chosen on the pairs
themselves, by what both sides share: names, numbers, stops.
Of a model of both directions the two are joined (Koehn et al., 2003, grow-diag).

Dimensions: L layers, T target, S source.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dragoman.errors import UsageError
from dragoman.text.directions import Direction
from dragoman.text.words import Span, token_spans, tokens_of_words, word_spans

if TYPE_CHECKING:
    from torch import Tensor

    from dragoman.translate.translator import Translator

Links = set[tuple[int, int]]  # (source word, target word), from 0
Texts = Sequence[tuple[str, str]]  # source and target

_BUDGET = 4096  # tokens of a batch
_LOOKED_AT = 500  # pairs that the reading is chosen on
_FEWEST = 30  # shared words and stops that it can be chosen by
_MOST_DIGITS = 9  # of the number of a word
_NEIGHBOURS = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]


@dataclass(frozen=True)
class Reading:
    """Which attention is read: of which decoder layer, and how many rows behind the one that writes a token."""

    layer: int  # from 0
    shift: int  # 1: the row that is fed the token
    head: int | None = None  # from 0; None: the mean of all


@dataclass(frozen=True)
class Aligned:
    """A pair, its words and the links between them; a pair that is too long for the model has none."""

    source: list[str]
    target: list[str]
    links: list[tuple[int, int]]

    def __str__(self) -> str:
        """In the format of Pharaoh: 0-0 1-2."""
        return " ".join(f"{source}-{target}" for source, target in self.links)


@dataclass(frozen=True)
class _Read:
    """A pair as a model in one direction reads it."""

    ids: tuple[list[int], list[int]]
    before: int  # symbols in front of the source
    words: tuple[list[Span], list[Span]]
    tokens: tuple[list[list[int]], list[list[int]]]  # of each word
    texts: tuple[str, str]

    def shared(self) -> Links:
        """Names, numbers and stops: what stands once on both sides, and is the same but for its width."""
        sides = [
            [_plain(text[a:b]) for a, b in spans] for text, spans in zip(self.texts, self.words, strict=True)
        ]
        counts = [Counter(side) for side in sides]
        return {
            (at, sides[1].index(word))
            for at, word in enumerate(sides[0])
            if word.isascii() and counts[0][word] == counts[1][word] == 1
        }


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKC", word).replace("。", ".").replace("、", ",").casefold()


class Aligner:
    """Aligns the words of pairs in one direction of a model, with the help of the other where it has both."""

    def __init__(self, translator: Translator, spaces: bool = False) -> None:
        """spaces: a word is what stands between spaces. Raises UsageError for a model without attention to words."""
        if len(translator.directions) > 1:
            raise UsageError("to align, name the direction: --source-lang and --target-lang")
        self.spaces = spaces
        self.translator, back = translator, translator.languages[::-1]
        whole = translator.whole
        self._back = whole.toward(*back) if back in whole.directions else None
        self.reading: Reading | None = None
        self.told = ""  # how the reading was chosen
        module = translator.module
        if not hasattr(module, "cross_attentions") and getattr(module, "align", None) is None:
            raise UsageError(
                f"{translator.model.path.name} has no attention: what it writes cannot be aligned with what it read"
            )

    def align(self, pairs: Texts) -> list[Aligned]:
        """Each pair with its links. The first call chooses what is read; the order of pairs is kept."""
        forth = self._readable(self.translator, pairs)
        if self.reading is None:
            self.reading = self._guided() or self._chosen([one for one in forth if one][:_LOOKED_AT])
        links = self._links(self.translator, forth)
        if self._back is not None:
            turned = self._links(self._back, self._readable(self._back, [(b, a) for a, b in pairs]))
            links = [
                grown_diagonal(one, {(s, t) for t, s in other})
                for one, other in zip(links, turned, strict=True)
            ]
        found = []
        for (source, target), one in zip(pairs, links, strict=True):
            texts = self.translator.prepare(source, "source"), self.translator.prepare(target, "target")
            sides = [[text[a:b] for a, b in word_spans(text, self.spaces)] for text in texts]
            found.append(Aligned(sides[0], sides[1], sorted(one)))
        return found

    def _readable(self, translator: Translator, pairs: Texts) -> list[_Read | None]:
        """None for a pair with an empty side, or longer than the model reads."""
        return [
            self._read(translator, *pair) if translator.reads(*pair) and all(map(str.strip, pair)) else None
            for pair in pairs
        ]

    def _read(self, translator: Translator, source: str, target: str) -> _Read:
        ids, before = translator.encode(source, target), len(translator.before)
        texts = translator.prepare(source, "source"), translator.prepare(target, "target")
        sides = translator.model.source_tokenizer, translator.model.target_tokenizer
        words = word_spans(texts[0], self.spaces), word_spans(texts[1], self.spaces)
        own = [
            token_spans(one, tokenizer.pieces(one), text)
            for one, tokenizer, text in zip((ids[0][before:], ids[1]), sides, texts, strict=True)
        ]
        tokens = tokens_of_words(words[0], own[0]), tokens_of_words(words[1], own[1])
        return _Read(ids, before, words, tokens, texts)

    def _links(self, translator: Translator, pairs: Sequence[_Read | None]) -> list[Links]:
        found: list[Links] = [set() for _ in pairs]
        numbers = [number for number, one in enumerate(pairs) if one is not None]
        readable = [one for one in pairs if one is not None]
        assert self.reading is not None
        for number, weights in _attentions(translator, readable, self.reading.head):
            one = readable[number]
            if all(one.words):
                found[numbers[number]] = _strongest(_word_weights(weights, one, self.reading))
        return found

    def _guided(self) -> Reading | None:
        """The head that was taught where words are linked, if training did so (training.guided_alignment)."""
        weight = self.translator.model.config.get("training", {}).get("guided_alignment", 0.0)
        module = self.translator.module
        if not weight or not hasattr(module, "cross_attentions"):
            return None
        from dragoman.transformer.model import GUIDED_HEAD

        layers = len(module.decoder.layers)  # type: ignore[union-attr,arg-type]  # what has one has the other
        self.told = (
            f"read: attention of head {GUIDED_HEAD + 1} of decoder layer {layers} of {layers}, in the row that writes "
            "a word; the model was trained to look there (training.guided_alignment)"
        )
        return Reading(layers - 1, 0, GUIDED_HEAD)

    def _chosen(self, pairs: Sequence[_Read]) -> Reading:
        """The reading that most often finds the words that both sides share."""
        shared = [one.shared() for one in pairs]
        right, wrong = Counter[Reading](), Counter[Reading]()
        layers = 1
        for number, weights in _attentions(self.translator, pairs):
            layers, known = len(weights), shared[number]
            for reading in (Reading(layer, shift) for layer in range(layers) for shift in (0, 1)):
                links = _strongest(_word_weights(weights, pairs[number], reading))
                # A stop that many words look at is found, and found wrongly.
                near = {one for one in links if any(one[0] == s or one[1] == t for s, t in known)}
                right[reading] += len(links & known)
                wrong[reading] += len(near - known)
        total = sum(map(len, shared))
        usual = Reading(layers - 1, 0)

        def quality(reading: Reading) -> float:
            return 2 * right[reading] / (right[reading] + wrong[reading] + total)

        chosen = max(right, key=quality) if total >= _FEWEST else usual
        rows = ("writes a word", "is fed a word")[chosen.shift]
        why = f"of {total:,} names, numbers and stops it finds {right[chosen]:,}, and {wrong[chosen]:,} wrong links"
        if total < _FEWEST:
            why = "both sides share too little to choose by"
        self.told = (
            f"read: attention of decoder layer {chosen.layer + 1} of {layers}, in the row that {rows}; {why}"
        )
        return chosen


class Words:
    """Aligns what is translated, in whichever direction each text goes."""

    def __init__(self, translator: Translator) -> None:
        self._translator, self._aligners = translator, dict[Direction, Aligner]()

    def of(self, text: str, translation: str) -> Aligned:
        """The words of a text and of its translation."""
        way = self._translator.way_of(text)
        if way.languages not in self._aligners:
            self._aligners[way.languages] = Aligner(way)
        return self._aligners[way.languages].align([(text, translation)])[0]


def _attentions(
    translator: Translator, pairs: Sequence[_Read], head: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """The number of each pair, and where a head of each layer looks in it, or the mean of all: [L, T + 1, S + 1]."""
    if not pairs:
        return
    module = translator.module  # says how to install torch, where it is missing
    import torch

    from dragoman.corpus.batches import collate, plan_batches

    lengths = [np.array([len(one.ids[side]) for one in pairs]) for side in (0, 1)]
    for indices in plan_batches(lengths[0], lengths[1], _BUDGET):
        rows = [pairs[int(i)].ids for i in indices]
        batch = collate([source for source, _ in rows], [target for _, target in rows]).to(translator.device)
        with torch.inference_mode():
            found = _looked(module, batch.source, batch.source_mask, batch.target[:, :-1], head)
        weights = found.float().cpu().numpy()  # [L, B, T, S]
        for row, index in enumerate(indices):
            one = pairs[int(index)]
            source, target = map(len, one.ids)
            yield int(index), weights[:, row, : target + 1, one.before : source + 1]


def _looked(module: object, source: Tensor, mask: Tensor, target: Tensor, head: int | None) -> Tensor:
    every = getattr(module, "cross_attentions", None)
    if every is not None:
        found = every(source, mask, target)  # [L, B, H, T, S]
        return found.mean(2) if head is None else found[:, :, head]
    return module.align(source, mask, target)[None]  # type: ignore[attr-defined]


def _word_weights(weights: np.ndarray, pair: _Read, reading: Reading) -> np.ndarray:
    """How much each target word looks at each source word, [target words, source words]; </s> is left out."""
    rows = weights[reading.layer]
    found = np.zeros((len(pair.words[1]), len(pair.words[0])))
    for at, tokens in enumerate(pair.tokens[1]):
        if tokens:
            mean = rows[[token + reading.shift for token in tokens]].mean(0)
            found[at] = [mean[own].sum() for own in pair.tokens[0]]
    return found


def _strongest(weights: np.ndarray) -> Links:
    """For each target word the source word it looks at most."""
    return {(int(row.argmax()), target) for target, row in enumerate(weights) if row.any()}


def grown_diagonal(forth: Links, back: Links) -> Links:
    """What both directions found, and next to it what one of them did, for words that have no link yet."""
    found, union = forth & back, forth | back
    added = True
    while added:
        added = False
        for source, target in sorted(found):
            for one in ((source + a, target + b) for a, b in _NEIGHBOURS):
                free = all(one[0] != s for s, _ in found) or all(one[1] != t for _, t in found)
                if one in union and one not in found and free:
                    found.add(one)
                    added = True
    return found


# -- measured -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gold:
    """What a person says of one pair; every sure link is possible too."""

    sure: frozenset[tuple[int, int]]
    possible: frozenset[tuple[int, int]]

    @classmethod
    def read(cls, line: str, name: str) -> Gold:
        """`0-0 1-2 3p3`: sure links with -, possible ones with p or ?. Raises UsageError."""
        sure: Links = set()
        possible: Links = set()
        for link in line.split():
            separator = next((sign for sign in "-p?" if sign in link), "-")
            source, _, target = link.partition(separator)
            if not all(one.isdecimal() and len(one) <= _MOST_DIGITS for one in (source, target)):
                raise UsageError(f"{name}: {link[:20]!r} is no link: 0-1 is a sure one, 0p1 a possible one")
            (sure if separator == "-" else possible).add((int(source), int(target)))
        return cls(frozenset(sure), frozenset(sure | possible))

    def refuse_beyond(self, pair: Aligned, name: str) -> None:
        """Raises UsageError for a link of a word that the pair does not have: its words were counted otherwise."""
        for source, target in sorted(self.possible):
            if source >= len(pair.source) or target >= len(pair.target):
                raise UsageError(
                    f"{name}: {source}-{target} links a word that is not there: the pair has {len(pair.source)} and "
                    f"{len(pair.target)} words, counted from 0 (--spaces counts what stands between spaces)"
                )


def error_rate(found: Sequence[Links], gold: Sequence[Gold]) -> float:
    """Alignment error rate (Och and Ney, 2003), 0 at best."""
    hits = sum(
        len(one & known.sure) + len(one & known.possible) for one, known in zip(found, gold, strict=True)
    )
    asked = sum(len(one) + len(known.sure) for one, known in zip(found, gold, strict=True))
    return 1 - hits / asked if asked else 0.0
