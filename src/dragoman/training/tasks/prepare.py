"""From corpus files to batches: clean once, learn the tokenizer once, encode once an epoch. Knows no model.

All of it is kept in the run's `data` directory, so that a resumed run reads what the first one read:
  train.tsv  dev.tsv        what cleaning left
  tokenizer*.model          joint, or one a side
  ids-N/                    token ids of epoch N (of all epochs, when nothing is sampled or augmented)
  data.json                 written last: what it was made from (origin.py), and the sha256 of the files
"""

from __future__ import annotations

import heapq
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, tee
from pathlib import Path
from zlib import crc32

import torch

from dragoman.corpus.augment import Setting, augmented
from dragoman.corpus.batches import Batch, IdStore, batches, epoch_order, plan_batches
from dragoman.corpus.cleaning import CleaningReport, clean, leaks
from dragoman.corpus.pairs import Pair, corpus_files, labels_of, read_corpus, write_pairs
from dragoman.corpus.weights import Weights, drawn
from dragoman.errors import CorpusError
from dragoman.files import publish
from dragoman.text.mapped import tokenizer_of
from dragoman.text.tokenizer import Tokenizer
from dragoman.training.gpu.grid import (
    DeviceCorpus,
    GridBatch,
    HostCorpus,
    device_loader,
    grid_batch,
    grid_batches,
    plan_on_grid,
)
from dragoman.training.settings import DataConfig
from dragoman.training.tasks.origin import RECORD, Origin, Recipe, digest, hashes, is_prepared
from dragoman.training.tasks.texts import share_to_hold_out

ENCODED_AT_ONCE = 10_000
MOST_SOURCES = 10_000  # a third column with more than that is an attribution


class TrainingData:
    """Batches of any epoch from any position, and the dev set."""

    def __init__(self, directory: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
        """Raises CorpusError when every pair is too long to be trained on."""
        self.directory, self.recipe, self._say = directory, recipe, say
        origin = Origin.read(directory)
        self.fingerprint, self.contents = origin.corpus, digest(hashes(directory))
        self.tokenizers = _load_tokenizers(directory, recipe)
        self.dev = list(_read(directory / "dev.tsv", recipe.data))
        self._store: tuple[int, IdStore] | None = None
        self.pairs = len(self.ids(0))
        # An earlier version counted the pairs that were held out, too.
        known = bool(origin.files) and not recipe.data.weights
        longest, cut = recipe.data.longest, origin.pairs - self.pairs if known else 0
        if self.pairs == 0:
            weightless = ", or a weight of 0 in data.weights" if recipe.data.weights else ""
            raise CorpusError(
                f"every pair of the corpus has more than data.longest = {longest} tokens on a side{weightless}"
            )
        self.report = origin.report
        if cut > 0:
            have = "pair has" if cut == 1 else "pairs have"
            self.report += (
                f"\n{cut:,} {have} more than data.longest = {longest} tokens on a side: the other "
                f"{self.pairs:,} are trained on"
            )

    @property
    def source_tokenizer(self) -> Tokenizer:
        """Of the source side; a joint one serves both."""
        return self.tokenizers["source" if "source" in self.tokenizers else "joint"]

    @property
    def target_tokenizer(self) -> Tokenizer:
        """Of the target side; a joint one serves both."""
        return self.tokenizers["target" if "target" in self.tokenizers else "joint"]

    def ids(self, epoch: int) -> IdStore:
        """The corpus as ids; with subword sampling each epoch sees other segmentations of the same words, and with
        augmentation other pairs in capitals; with weights each reads its share of a corpus."""
        variant = epoch if self.recipe.changing else 0
        if self._store is None or self._store[0] != variant:
            self._store = variant, self._opened(variant)
        return self._store[1]

    def _opened(self, variant: int) -> IdStore:
        directory = self.directory / f"ids-{variant}{self.recipe.name}"
        if (found := IdStore.opened(directory)) is not None:
            return found
        if (directory / "store.json").exists():
            self._say(f"{directory} is not what was written there: the corpus is encoded anew")
        for old in self.directory.glob("ids-*"):
            shutil.rmtree(old)
        pairs = _read(self.directory / "train.tsv", self.recipe.data)
        return IdStore.write(
            directory, self._encode(pairs, variant), max(t.vocab_size for t in self.tokenizers.values())
        )

    def _encode(self, pairs: Iterator[Pair], variant: int) -> Iterator[tuple[list[int], list[int]]]:
        data, rate, longest = self.recipe.data, self.recipe.tokenizer.sampling, self.recipe.data.longest
        setting = Setting(data.source, data.target, self._placeholders(), longest)
        plain, other = tee(drawn(pairs, Weights(data.weights), self.recipe.seed, variant))
        both = zip(
            plain, augmented(other, self.recipe.augment, setting, self.recipe.seed, variant), strict=True
        )
        chunk_number = 0
        while chunk := list(islice(both, ENCODED_AT_ONCE)):
            sides = []
            for side, tokenizer in enumerate((self.source_tokenizer, self.target_tokenizer)):
                texts = [pair.target if side else pair.source for _, pair in chunk]
                # A pure function of these numbers: a resumed run reads the segmentations the first one read.
                seed = crc32(f"{self.recipe.seed} {variant} {chunk_number} {side}".encode())
                sides.append(
                    tokenizer.sample_batch(texts, rate, seed) if rate else tokenizer.encode_batch(texts)
                )
            for (pair, changed), ids in zip(chunk, zip(*sides, strict=True), strict=True):
                if max(map(len, ids)) > longest and changed is not pair:  # an emoji is four bytes
                    ids = self.source_tokenizer.encode(pair.source), self.target_tokenizer.encode(pair.target)
                if max(map(len, ids)) <= longest:
                    yield ids
            chunk_number += 1

    def _placeholders(self) -> list[str]:
        """The words that stand for what no model knows, of both sides."""
        target = self.target_tokenizer.placeholders
        return [word for word in self.source_tokenizer.placeholders if word in target]

    def epoch(self, epoch: int, start: int, budget: int) -> Iterator[Batch]:
        """The batches of an epoch from position `start` on."""
        store = self.ids(epoch)
        plan = plan_batches(*store.lengths(), budget, epoch_order(self.recipe.seed, epoch))
        return batches(store, plan, start)

    def batches_per_epoch(self, budget: int) -> int:
        return len(plan_batches(*self.ids(0).lengths(), budget))

    def largest_batch(self, budget: int) -> Batch:
        """The batch that needs most memory: most padded tokens on both sides together."""
        store = self.ids(0)
        source, target = store.lengths()
        plan = plan_batches(source, target, budget)
        largest = max(plan, key=lambda rows: len(rows) * int(source[rows].max() + target[rows].max()))
        return store.batch(largest)

    def dev_batches(self, budget: int, most: int | None = None) -> list[Batch]:
        """The dev pairs, of at most `budget` tokens a batch, never sampled.

        Without those that have `most` tokens or more on a side, which the model cannot read whole. Raises CorpusError
        when none is left.
        """
        sources = self.source_tokenizer.encode_batch([pair.source for pair in self.dev])
        targets = self.target_tokenizer.encode_batch([pair.target for pair in self.dev])
        encoded = list(zip(sources, targets, strict=True))
        readable = [pair for pair in encoded if most is None or max(map(len, pair)) < most]
        if cut := len(encoded) - len(readable):
            if not readable:
                raise CorpusError(
                    f"no pair of the dev set is shorter than the {most:,} tokens that the model reads"
                )
            self._say(
                f"{cut:,} of {len(encoded):,} dev pairs have more tokens than the {most:,} that the model reads: they "
                "are left out of the loss"
            )
        store = IdStore.write(
            self.directory / "dev-ids", readable, max(t.vocab_size for t in self.tokenizers.values())
        )
        return list(batches(store, plan_batches(*store.lengths(), budget)))


class OnGrid:
    """The same pairs in batches of few shapes; a position counts other batches than without the grid."""

    def __init__(self, data: TrainingData) -> None:
        self.data, self.report, self.fingerprint = data, data.report, data.fingerprint

    def epoch(self, epoch: int, start: int, budget: int) -> Iterator[GridBatch]:
        store = self.data.ids(epoch)
        plan = plan_on_grid(store, budget, epoch_order(self.data.recipe.seed, epoch))
        return grid_batches(store, plan, budget, start)

    def batches_per_epoch(self, budget: int) -> int:
        return len(plan_on_grid(self.data.ids(0), budget))

    def largest_batch(self, budget: int) -> GridBatch:
        store = self.data.ids(0)
        found = (grid_batch(store, indices, budget) for indices in plan_on_grid(store, budget))
        return max(found, key=lambda one: len(one) * (one.shape.source + one.shape.target))

    def loader(self, device: torch.device) -> DeviceCorpus | HostCorpus:
        return device_loader(self.data.ids(0), device)


def prepare(
    corpus: Sequence[Path],
    dev: Sequence[Path],
    directory: Path,
    recipe: Recipe,
    say: Callable[[str], None],
    tokenizers: Mapping[str, Tokenizer] | None = None,
    resume: bool = False,
) -> TrainingData:
    """Clean, split, learn the tokenizer; or find that all this was done before, from the same files.

    `tokenizers`, those of a model that is trained further, are taken instead of learning others. What another start
    prepared with other files or settings is prepared anew; when a run is resumed, which depends on it, it is refused.

    Raises CorpusError when nothing is left to train on, TrainingError when a resumed run began with another corpus.
    """
    origin = Origin.asked(corpus, dev, recipe, tokenizers)
    if is_prepared(directory, origin, [*corpus, *dev], say, resume):
        return TrainingData(directory, recipe, say)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / RECORD).unlink(missing_ok=True)
    for old in directory.glob("ids-*"):
        shutil.rmtree(old)
    for other in directory.glob("tokenizer*.model"):
        other.unlink()
    languages = recipe.data.source, recipe.data.target
    say(f"corpus: {_names(corpus_files(corpus, *languages))}")
    report = CleaningReport()
    kept = write_pairs(directory / "train.tsv", _cleaned(corpus, recipe, report))
    if kept == 0:
        raise CorpusError(f"cleaning removed all {report.read:,} pairs of the corpus:\n{report}")
    if dev:
        count = write_pairs(directory / "dev.tsv", read_corpus(dev, *languages))
        say(f"dev set: {count:,} pairs of {_names(corpus_files(dev, *languages))}")
        if known := leaks(*(_read(directory / name, recipe.data) for name in ("train.tsv", "dev.tsv"))):
            report.notes.append(
                f"{known:,} pairs of the dev set stand in the training corpus too, but for case and stops: its scores "
                "will be too good. Leave them out of one of the two (dragoman data split holds out without leaks)"
            )
    else:
        kept = _hold_out(directory, recipe, kept, say)
    for name, tokenizer in (tokenizers or _learn(directory, recipe)).items():
        publish(directory / _file_name(name), tokenizer.serialized)
        asked = recipe.tokenizer.vocab_size
        if tokenizers is None and tokenizer.vocab_size < asked:
            say(
                f"the corpus has no more than {tokenizer.vocab_size:,} pieces to learn: the vocabulary has so many, "
                f"instead of tokenizer.vocab_size = {asked:,}"
            )
    origin.write(directory, str(report), kept)
    return TrainingData(directory, recipe, say)


def _names(files: Sequence[Path]) -> str:
    return ", ".join(map(str, files))


def _read(path: Path, data: DataConfig) -> Iterator[Pair]:
    return read_corpus([path], data.source, data.target)


def _cleaned(corpus: Sequence[Path], recipe: Recipe, report: CleaningReport) -> Iterator[Pair]:
    """Labelled with their corpora, whose names must fit those in data.weights."""
    data, weights = recipe.data, Weights(recipe.data.weights)
    pairs = read_corpus(corpus, data.source, data.target, labelled=True)
    corpora, sources = Counter[str](), Counter[str]()
    for pair in clean(pairs, recipe.cleaning, data.source, data.target, report):
        if weights:
            name, source = labels_of(pair)
            corpora[name] += 1
            if source in sources or len(sources) < MOST_SOURCES:
                sources[source] += 1
        yield pair
    # A column that tells each pair's author is no name of a source: those have a share worth weighing.
    weights.check(
        list(corpora), [one for one, n in sources.most_common() if one and n > max(1, report.kept // 1000)]
    )


def _hold_out(directory: Path, recipe: Recipe, kept: int, say: Callable[[str], None]) -> int:
    """Move some of the `kept` pairs from train.tsv to dev.tsv, and leave out every pair that shares a side with one.

    They are chosen by a hash of their source, so that one pass and little memory do for any corpus. At most a tenth:
    of a small corpus more is needed to learn from. Returns how many are left to train on.
    """
    train, asked = directory / "train.tsv", recipe.data.held_out
    wanted = share_to_hold_out(asked, kept)
    held = heapq.nsmallest(
        wanted, _read(train, recipe.data), key=lambda pair: crc32(f"{recipe.seed} {pair.source}".encode())
    )
    sources, targets = {pair.source for pair in held}, {pair.target for pair in held}
    rest = directory / "rest.tsv"
    left = write_pairs(
        rest,
        (p for p in _read(train, recipe.data) if p.source not in sources and p.target not in targets),
    )
    if left == 0:
        raise CorpusError(
            f"the corpus has too few pairs to hold out {wanted:,} of them for validation: give a dev set with --dev"
        )
    write_pairs(directory / "dev.tsv", held)
    rest.replace(train)
    tenth = f", a tenth, since data.held_out = {asked:,} would be more" if wanted < asked else ""
    shared = kept - len(held) - left
    same = f"; {shared:,} that share a sentence with one of them are left out" if shared else ""
    say(
        f"no dev set given: {len(held):,} pairs of the corpus are held out for validation{tenth}, and {left:,} are "
        f"trained on{same}"
    )
    return left


@dataclass(frozen=True)
class _Lines:
    """What a tokenizer is learnt from; may be read more than once."""

    directory: Path
    recipe: Recipe
    sides: tuple[str, ...]  # source, target

    def __iter__(self) -> Iterator[str]:
        for pair in _read(self.directory / "train.tsv", self.recipe.data):
            for side in self.sides:
                yield getattr(pair, side)


def _learn(directory: Path, recipe: Recipe) -> dict[str, Tokenizer]:
    sides = {"joint": ("source", "target")}
    if not recipe.tokenizer.joint:
        sides = {"source": ("source",), "target": ("target",)}  # type: ignore[dict-item]
    return {
        name: Tokenizer.train(_Lines(directory, recipe, some), recipe.tokenizer)
        for name, some in sides.items()
    }


def _file_name(name: str) -> str:
    return "tokenizer.model" if name == "joint" else f"tokenizer.{name}.model"


def _load_tokenizers(directory: Path, recipe: Recipe) -> dict[str, Tokenizer]:
    names: Iterable[str] = ("joint",) if recipe.tokenizer.joint else ("source", "target")
    return {
        name: tokenizer_of((directory / _file_name(name)).read_bytes(), _file_name(name)).between(
            recipe.data.source, recipe.data.target
        )
        for name in names
    }
