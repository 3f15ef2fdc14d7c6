"""How well cross-attention aligns words: its strongest looks against links from word statistics. Trains no model.

    python examples/alignment.py            the bundled model on corpus/tatoeba, about a minute

There is no gold alignment of this corpus, so IBM Model 1 (Brown et al., 1993) stands in for one: lexicons p(t|s) and
p(s|t), learnt from the training pairs in the model's own subwords. A link of the held-out pairs is sure where both
directions choose it, possible where one does. Model 1 errs too: the numbers compare ways of reading attention with
each other and with a diagonal, they do not measure truth.

Dimensions: B batch, T target, S source, H heads.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dragoman import Translator
from dragoman.corpus.batches import collate, plan_batches
from dragoman.corpus.pairs import read_corpus
from dragoman.explain.watch.influence import value_zeroing
from dragoman.ids import BOS, EOS
from dragoman.transformer.model import Transformer

CORPUS = Path(__file__).parents[1] / "corpus" / "tatoeba"
NULL = 0  # <pad> occurs in no sentence: what a word is aligned to that answers no other
ROUNDS = 5  # of expectation-maximisation; Model 1 has settled by then
BUDGET = 4096  # tokens of a batch

Ids = Sequence[int]
IdPair = tuple[Ids, Ids]
Links = set[tuple[int, int]]  # (place in the source, place in the target)


class Lexicon:
    """IBM Model 1: p(target token | source token), by expectation-maximisation over co-occurrences."""

    def __init__(self, pairs: Sequence[IdPair], vocabulary: int) -> None:
        self._vocabulary = vocabulary
        cells = [_grid([NULL, *source], target, vocabulary) for source, target in pairs]
        keys, places = np.unique(np.concatenate([cell.ravel() for cell in cells]), return_inverse=True)
        # The target tokens of all pairs in a row: each divides one count among the source tokens of its pair.
        sizes = [cell.shape for cell in cells]
        columns = np.concatenate(
            [start + np.tile(np.arange(t), s) for (s, t), start in zip(sizes, _starts(sizes), strict=True)]
        )
        given = keys // vocabulary
        p = np.ones(len(keys))
        for _ in range(ROUNDS):
            shares = p[places] / np.bincount(columns, p[places])[columns]
            counts = np.bincount(places, shares, len(keys))
            p = counts / np.bincount(given, counts)[given]
        self._keys, self._p = keys, p

    def choices(self, source: Ids, target: Ids) -> list[int]:
        """For each target token the place of the source token that explains it best; -1 for none."""
        grid = _grid([NULL, *source], target, self._vocabulary)
        at = np.searchsorted(self._keys, grid).clip(max=len(self._keys) - 1)
        p = np.where(self._keys[at] == grid, self._p[at], 0.0)  # [1 + S, T]
        return [int(best) - 1 if column.any() else -1 for best, column in zip(p.argmax(0), p.T, strict=True)]


def _grid(source: Ids, target: Ids, vocabulary: int) -> np.ndarray:
    return np.asarray(source)[:, None] * vocabulary + np.asarray(target)[None, :]


def _starts(sizes: Sequence[tuple[int, ...]]) -> list[int]:
    return [0, *np.cumsum([t for _, t in sizes])[:-1].tolist()]


@dataclass
class Tally:
    """Hits of one way of aligning, counted over sentences."""

    links: int = 0
    sure: int = 0
    hits: int = 0  # links that are sure
    possible: int = 0  # links that are possible or sure
    asked: int = 0  # target tokens with a sure link
    right: int = 0  # of those, how many were given one that is sure

    def add(self, links: Links, sure: Links, possible: Links) -> None:
        self.links += len(links)
        self.sure += len(sure)
        self.hits += len(links & sure)
        self.possible += len(links & possible)
        self.asked += len({t for _, t in sure})
        self.right += len({t for s, t in links & sure})

    @property
    def error(self) -> float:
        """Alignment error rate (Och and Ney, 2003), 0 at best."""
        return 1 - (self.hits + self.possible) / (self.links + self.sure)


def links_of(weights: np.ndarray, shift: int) -> Links:
    """The strongest source token of each target token, </s> and <pad> left out.

    shift 0 reads the row that writes a token, 1 the row after it, which is fed that token (Chen et al., 2020).
    """
    rows = weights[shift : shift + len(weights) - 1, :-1]  # as many as there are target tokens without </s>
    return {(int(source), target) for target, source in enumerate(rows.argmax(-1))}


def diagonal(source: Ids, target: Ids) -> Links:
    """What one would guess without reading."""
    return {(int((t + 0.5) * len(source) / len(target)), t) for t in range(len(target))}


def attentions(model: Transformer, pairs: Sequence[IdPair]) -> Iterator[tuple[IdPair, np.ndarray]]:
    """Each pair with its weights [layers, H, T + 1, S + 1]; the last row and column belong to </s>."""
    sources, targets = (np.array([len(pair[side]) for pair in pairs]) for side in (0, 1))
    for indices in plan_batches(sources, targets, BUDGET):
        rows = [pairs[int(i)] for i in indices]
        batch = collate([s for s, _ in rows], [t for _, t in rows])
        with torch.inference_mode():
            weights = model.cross_attentions(batch.source, batch.source_mask, batch.target[:, :-1])
        for row, (source, target) in enumerate(rows):
            yield (source, target), weights[:, row, :, : len(target) + 1, : len(source) + 1].numpy()


def measure(translator: Translator, train: Path, dev: Path) -> dict[str, Tally]:
    """Every head, the mean of each layer's heads, value zeroing, and the diagonal, against Model 1."""
    model = translator.module
    assert isinstance(model, Transformer)
    learnt, held_out = (_ids(translator, path) for path in (train, dev))
    size = max(map(max, (side for pair in [*learnt, *held_out] for side in pair))) + 1
    forward = Lexicon(learnt, size)
    backward = Lexicon([(target, source) for source, target in learnt], size)
    tallies: dict[str, Tally] = {}
    for (source, target), weights in attentions(model, held_out):
        there = {(s, t) for t, s in enumerate(forward.choices(source, target)) if s >= 0}
        back = {(s, t) for s, t in enumerate(backward.choices(target, source)) if t >= 0}
        zeroed = value_zeroing(model, torch.tensor([[*source, EOS]]), [BOS, *target])
        found = {"diagonal": diagonal(source, target)} | dict(_readings(weights, zeroed))
        for name, links in found.items():
            tallies.setdefault(name, Tally()).add(links, there & back, there | back)
    return tallies


def _readings(weights: np.ndarray, zeroed: np.ndarray) -> Iterator[tuple[str, Links]]:
    """Every way of reading links off [layers, H, T + 1, S + 1] and [T + 1, S + 1], with its name."""
    for shift, row in enumerate(("row that writes", "row that is fed")):
        yield f"value zeroing           {row}", links_of(zeroed, shift)
        for number, layer in enumerate(weights, 1):
            yield f"decoder.{number}.cross mean    {row}", links_of(layer.mean(0), shift)
            for head, one in enumerate(layer, 1):
                yield f"decoder.{number}.cross head {head}  {row}", links_of(one, shift)


def _ids(translator: Translator, path: Path) -> list[IdPair]:
    """Pairs as the model reads them, those left out in which a side is empty."""
    pairs = (translator.encode(p.source, p.target) for p in read_corpus([path], *translator.languages))
    return [pair for pair in pairs if all(pair)]


def report(tallies: dict[str, Tally]) -> Iterator[str]:
    """A line for each way of aligning, best first; of the single heads only the best and the worst."""
    ranked = sorted(tallies.items(), key=lambda item: -item[1].right)
    heads = [name for name, _ in ranked if "head" in name]
    yield f"{'':<40}  agrees   AER"
    for name, tally in ranked:
        if name not in heads[1:-1]:
            yield f"{name:<40}  {tally.right / tally.asked:>6.1%}  {tally.error:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-m", "--model", default="en-zh")
    parser.add_argument("--train", type=Path, default=CORPUS / "train.tsv.gz")
    parser.add_argument("--dev", type=Path, default=CORPUS / "dev.tsv.gz")
    asked = parser.parse_args()
    tallies = measure(Translator.load(asked.model, engine="torch"), asked.train, asked.dev)
    print(f"{asked.dev.name}: {tallies['diagonal'].asked:,} target tokens with a sure link\n")
    print("\n".join(report(tallies)))


if __name__ == "__main__":
    main()
