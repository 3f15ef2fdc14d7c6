"""From corpus files to batches: clean once, learn the tokenizer once, encode once an epoch. Knows no model.

All of it is kept in the run's `data` directory, so that a resumed run reads what the first one read:
  train.tsv  dev.tsv        what cleaning left
  tokenizer*.model          joint, or one a side
  ids-N/                    token ids of epoch N (of all epochs, when nothing is sampled or augmented), and of the first
  data.json                 written last: what it was made from (origin.py), and the sha256 of the files
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, islice, tee
from pathlib import Path
from typing import Any
from zlib import crc32

import torch

from dragoman.corpus.augment import Setting, augmented
from dragoman.corpus.batches import Batch, IdStore, batches, epoch_order, plan_batches
from dragoman.corpus.cleaning import CleaningReport
from dragoman.corpus.encoding import Encoding, block_of, rows_of
from dragoman.corpus.pairs import Pair, sides_of
from dragoman.corpus.processes import in_order
from dragoman.corpus.tags import Tags
from dragoman.corpus.weights import Weights, drawn
from dragoman.errors import ConfigError, CorpusError
from dragoman.files import publish
from dragoman.text.directions import Direction, target_tags, written
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
from dragoman.training.lock import one_at_a_time
from dragoman.training.settings import DataConfig
from dragoman.training.tasks.gather import DEV, TRAIN, corpora, directed, gather
from dragoman.training.tasks.origin import RECORD, Origin, Recipe, digest, hashes, is_prepared
from dragoman.training.tasks.vocabularies import extended_for, file_name, learnt, load_tokenizers

ENCODED_AT_ONCE = 10_000


class TrainingData:
    """Batches of any epoch from any position, and the dev set."""

    def __init__(self, directory: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
        """Raises CorpusError when every pair is too long to be trained on."""
        self.directory, self.recipe, self._say = directory, recipe, say
        origin = Origin.read(directory)
        self.fingerprint, self.contents = origin.corpus, digest(hashes(directory))
        self.tokenizers = load_tokenizers(directory, recipe.tokenizer.joint)
        languages = recipe.data.source, recipe.data.target
        self.tokenizers = {name: one.between(*languages) for name, one in self.tokenizers.items()}
        self._tags = _target_tags(self.source_tokenizer, recipe.data)
        dev = {way: list(directed(directory / DEV, recipe.data, way)) for way in recipe.data.ways}
        self.dev = {way: pairs for way, pairs in dev.items() if pairs}
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
        with one_at_a_time(self.directory / ".lock"):  # several ranks of a host come for the same epoch
            return self._found_or_encoded(variant)

    def _found_or_encoded(self, variant: int) -> IdStore:
        directory = self.directory / f"ids-{variant}{self.recipe.name}"
        if (found := IdStore.opened(directory)) is not None:
            return found
        if (directory / "store.json").exists():
            self._say(f"{directory} is not what was written there: the corpus is encoded anew")
        for old in self.directory.glob("ids-*"):
            # What every start measures is the first epoch: a run that is resumed in a later one finds both.
            if variant == 0 or old.name != f"ids-0{self.recipe.name}":
                shutil.rmtree(old)
        blocks = map(rows_of, in_order(self._encoding.kind, self._blocks(variant)))
        return IdStore.write_rows(directory, blocks, max(t.vocab_size for t in self.tokenizers.values()))

    @property
    def _encoding(self) -> Encoding:
        files = {name: one.serialized for name, one in self.tokenizers.items()}
        data = self.recipe.data
        return Encoding(files, (data.source, data.target), self.recipe.tokenizer.sampling, data.longest)

    def _blocks(self, variant: int) -> Iterator[Any]:
        """Of all directions, one after another: the order of an epoch mixes them."""
        numbers = count()
        for direction in self.recipe.data.ways:
            yield from self._blocks_of(direction, variant, numbers)

    def _changed(self, direction: Direction, variant: int) -> Iterator[tuple[Pair, Pair]]:
        """The pairs that an epoch reads in one direction, each as it is and as it is augmented."""
        data, seed = self.recipe.data, self.recipe.seed
        if (
            direction != data.ways[0]
        ):  # what becomes of a pair one way is no reason for the same the other way
            seed = crc32(f"{seed} {written(direction)}".encode())
        symbols = tuple(self.source_tokenizer.symbols)
        setting = Setting(*direction, self._placeholders(), symbols, data.longest)
        pairs = directed(self.directory / TRAIN, data, direction)
        plain, other = tee(drawn(pairs, Weights(data.weights), seed, variant))
        return zip(plain, augmented(other, self.recipe.augment, setting, seed, variant), strict=True)

    def _blocks_of(self, direction: Direction, variant: int, numbers: Iterator[int]) -> Iterator[Any]:
        """numbers: of the blocks that are encoded at once, which go through all directions."""
        both, tags = self._changed(direction, variant), Tags(self.recipe.data.tags)
        while chunk := list(islice(both, ENCODED_AT_ONCE)):
            number = next(numbers)
            # A pure function of these numbers: a resumed run reads the segmentations the first one read.
            one, other = (crc32(f"{self.recipe.seed} {variant} {number} {side}".encode()) for side in (0, 1))
            plain = {at: sides_of(was) for at, (was, now) in enumerate(chunk) if now is not was}
            before = [self.before(direction, tags.of(pair) if tags else "") for pair, _ in chunk]
            yield block_of([sides_of(now) for _, now in chunk], plain, before, (one, other))

    def before(self, direction: Direction, tag: str = "") -> list[int]:
        """The symbols before a source."""
        return [*self._tags[direction], *([self.source_tokenizer.controls[tag]] if tag else ())]

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

    def dev_batches(self, budget: int, most: int | None = None) -> dict[Direction, list[Batch]]:
        """The dev pairs of each direction, of at most `budget` tokens a batch, never sampled.

        Without those that have `most` tokens or more on a side, which the model cannot read whole. Raises CorpusError
        when none is left.
        """
        return {
            way: self._dev_batches(way, f"dev-ids-{number}" if number else "dev-ids", budget, most)
            for number, way in enumerate(self.dev)
        }

    def _dev_batches(self, direction: Direction, name: str, budget: int, most: int | None) -> list[Batch]:
        pairs, before = self.dev[direction], self.before(direction)
        sources = self.source_tokenizer.encode_batch([pair.source for pair in pairs])
        targets = self.target_tokenizer.encode_batch([pair.target for pair in pairs])
        encoded = [([*before, *source], target) for source, target in zip(sources, targets, strict=True)]
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
            self.directory / name, readable, max(t.vocab_size for t in self.tokenizers.values())
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
    of_corpus, of_dev = (
        [file for one in corpora(paths, recipe.data) for file in one.files] if paths else []
        for paths in (corpus, dev)
    )
    origin = Origin.asked(of_corpus, of_dev, recipe, tokenizers)
    if is_prepared(directory, origin, [*corpus, *dev], say, resume):
        return TrainingData(directory, recipe, say)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / RECORD).unlink(missing_ok=True)
    for old in directory.glob("ids-*"):
        shutil.rmtree(old)
    for other in directory.glob("tokenizer*.model"):
        other.unlink()
    report = CleaningReport()
    kept = gather(corpus, dev, directory, recipe, say, report)
    if tokenizers and recipe.data.extend_vocab:
        tokenizers = extended_for(directory, recipe, tokenizers, say)
    for name, tokenizer in (tokenizers or learnt(directory, recipe)).items():
        publish(directory / file_name(name), tokenizer.serialized)
        asked = recipe.tokenizer.vocab_size
        if tokenizers is None and tokenizer.vocab_size < asked:
            say(
                f"the corpus has no more than {tokenizer.vocab_size:,} pieces to learn: the vocabulary has so many, "
                f"instead of tokenizer.vocab_size = {asked:,}"
            )
    origin.write(directory, str(report), kept)
    return TrainingData(directory, recipe, say)


def _target_tags(tokenizer: Tokenizer, data: DataConfig) -> dict[Direction, list[int]]:
    """The ids that ask for each direction. Raises ConfigError for symbols that the vocabulary does not have."""
    if missing := [symbol for symbol in data.symbols if symbol not in tokenizer.controls]:
        raise ConfigError(
            f"the vocabulary has no symbol {' and no '.join(missing)}, which data.directions or data.tags asks for: "
            "that of a model that is trained further gets it with --extend-vocab"
        )
    tags = target_tags(data.ways, data.tagged)
    return {way: [tokenizer.controls[tags[way[1]]]] if tags else [] for way in data.ways}
