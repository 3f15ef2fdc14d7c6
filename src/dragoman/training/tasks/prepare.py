"""From corpus files to batches: clean once, learn the tokenizer once, encode once an epoch. Knows no model.

All of it is kept in the run's `data` directory, so that a resumed run reads what the first one read:
  train.tsv  dev.tsv        what cleaning left
  tokenizer*.model          joint, or one a side
  ids-N/                    token ids of epoch N (of all epochs, when nothing is sampled or augmented)
  data.json                 written last: the fingerprint of the corpus and the cleaning report
"""

from __future__ import annotations

import heapq
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from zlib import crc32

import torch

from dragoman.corpus.augment import AugmentConfig, Setting, augmented
from dragoman.corpus.batches import Batch, IdStore, batches, epoch_order, plan_batches
from dragoman.corpus.cleaning import CleaningConfig, CleaningReport, clean, leaks
from dragoman.corpus.pairs import Pair, fingerprint, labels_of, read_corpus, write_pairs
from dragoman.corpus.weights import Weights, drawn
from dragoman.errors import CorpusError, TrainingError
from dragoman.files import publish
from dragoman.text.tokenizer import Tokenizer, TokenizerConfig
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

ENCODED_AT_ONCE = 10_000
MOST_SOURCES = 10_000  # a third column with more than that is an attribution


@dataclass(frozen=True)
class Recipe:
    """The part of a configuration that decides what the model reads."""

    data: DataConfig
    cleaning: CleaningConfig
    tokenizer: TokenizerConfig
    augment: AugmentConfig
    seed: int

    @property
    def name(self) -> str:
        """Of what becomes of the pairs in an epoch: that of other settings is not taken for it."""
        return f"{crc32(repr((self.augment, self.data.weights)).encode()):08x}"

    @property
    def changing(self) -> bool:
        """Whether each epoch has ids of its own."""
        return self.tokenizer.sampling > 0 or self.augment.active or bool(self.data.weights)


class TrainingData:
    """Batches of any epoch from any position, and the dev set."""

    def __init__(self, directory: Path, recipe: Recipe) -> None:
        self.directory, self.recipe = directory, recipe
        info = json.loads((directory / "data.json").read_text())
        self.report: str = info["report"]
        self.fingerprint: str = info["fingerprint"]
        self.pairs: int = info["pairs"]
        self.tokenizers = _load_tokenizers(directory, recipe.tokenizer.joint)
        self.dev = list(_read(directory / "dev.tsv", recipe.data))

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
        directory = self.directory / f"ids-{variant}-{self.recipe.name}"
        if (directory / "store.json").exists():
            return IdStore(directory)
        for old in self.directory.glob("ids-*"):
            shutil.rmtree(old)
        pairs = _read(self.directory / "train.tsv", self.recipe.data)
        return IdStore.write(
            directory, self._encode(pairs, variant), max(t.vocab_size for t in self.tokenizers.values())
        )

    def _encode(self, pairs: Iterator[Pair], variant: int) -> Iterator[tuple[list[int], list[int]]]:
        data, rate, longest = self.recipe.data, self.recipe.tokenizer.sampling, self.recipe.data.longest
        setting = Setting(data.source, data.target, longest=longest)
        pairs = drawn(pairs, Weights(data.weights), self.recipe.seed, variant)
        pairs = augmented(pairs, self.recipe.augment, setting, self.recipe.seed, variant)
        chunk_number = 0
        while chunk := list(islice(pairs, ENCODED_AT_ONCE)):
            sides = []
            for side, tokenizer in enumerate((self.source_tokenizer, self.target_tokenizer)):
                texts = [pair.target if side else pair.source for pair in chunk]
                # A pure function of these numbers: a resumed run reads the segmentations the first one read.
                seed = crc32(f"{self.recipe.seed} {variant} {chunk_number} {side}".encode())
                sides.append(
                    tokenizer.sample_batch(texts, rate, seed) if rate else tokenizer.encode_batch(texts)
                )
            yield from (pair for pair in zip(*sides, strict=True) if max(map(len, pair)) <= longest)
            chunk_number += 1

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

    def dev_batches(self, budget: int) -> list[Batch]:
        """The dev pairs, of at most `budget` tokens a batch, never sampled."""
        sources = self.source_tokenizer.encode_batch([pair.source for pair in self.dev])
        targets = self.target_tokenizer.encode_batch([pair.target for pair in self.dev])
        store = IdStore.write(
            self.directory / "dev-ids",
            zip(sources, targets, strict=True),
            max(t.vocab_size for t in self.tokenizers.values()),
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
) -> TrainingData:
    """Clean, split, learn the tokenizer; or find that all this was done before, from the same files.

    `tokenizers`, those of a model that is trained further, are taken instead of learning others.

    Raises CorpusError when nothing is left to train on, TrainingError when `directory` holds another corpus.
    """
    if (directory / "data.json").exists():
        found = TrainingData(directory, recipe)
        if corpus and fingerprint(corpus, recipe.data.source, recipe.data.target) != found.fingerprint:
            raise TrainingError(
                f"{directory} was prepared from other corpus files than {', '.join(map(str, corpus))}: "
                "give the files of the first run, or another output directory"
            )
        return found
    directory.mkdir(parents=True, exist_ok=True)
    report = CleaningReport()
    write_pairs(directory / "train.tsv", _cleaned(corpus, recipe, report))
    if report.kept == 0:
        raise CorpusError(f"cleaning removed all {report.read:,} pairs of the corpus:\n{report}")
    if dev:
        write_pairs(directory / "dev.tsv", read_corpus(dev, recipe.data.source, recipe.data.target))
        if known := leaks(*(_read(directory / name, recipe.data) for name in ("train.tsv", "dev.tsv"))):
            report.notes.append(
                f"{known:,} pairs of the dev set stand in the training corpus too, but for case and stops: its scores "
                "will be too good. Leave them out of one of the two (dragoman data split holds out without leaks)"
            )
    else:
        held = _hold_out(directory, recipe)
        say(f"no dev set given: {held:,} pairs of the corpus are held out for validation")
    for name, tokenizer in (tokenizers or _learn(directory, recipe)).items():
        publish(directory / _file_name(name), tokenizer.serialized)
    info = {
        "report": str(report),
        "fingerprint": fingerprint(corpus, recipe.data.source, recipe.data.target),
        "pairs": report.kept,
    }
    publish(directory / "data.json", json.dumps(info, ensure_ascii=False, indent=1).encode())
    return TrainingData(directory, recipe)


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


def _hold_out(directory: Path, recipe: Recipe) -> int:
    """Move some pairs from train.tsv to dev.tsv, with every pair that shares a side with one of them left out.

    The pairs are chosen by a hash of their source, so that one pass and little memory do for any corpus.
    """
    train, wanted = directory / "train.tsv", recipe.data.held_out
    held = heapq.nsmallest(
        wanted, _read(train, recipe.data), key=lambda pair: crc32(f"{recipe.seed} {pair.source}".encode())
    )
    sources, targets = {pair.source for pair in held}, {pair.target for pair in held}
    rest = directory / "rest.tsv"
    write_pairs(
        rest,
        (p for p in _read(train, recipe.data) if p.source not in sources and p.target not in targets),
    )
    if rest.stat().st_size == 0:
        raise CorpusError(
            f"the corpus has too few pairs to hold out {wanted:,} of them for validation: give a dev set with "
            "--dev, or lower data.held_out"
        )
    write_pairs(directory / "dev.tsv", held)
    rest.replace(train)
    return len(held)


def _learn(directory: Path, recipe: Recipe) -> dict[str, Tokenizer]:
    def lines(source: bool, target: bool) -> Iterator[str]:
        for pair in _read(directory / "train.tsv", recipe.data):
            if source:
                yield pair.source
            if target:
                yield pair.target

    if recipe.tokenizer.joint:
        return {"joint": Tokenizer.train(lines(True, True), recipe.tokenizer)}
    return {
        "source": Tokenizer.train(lines(True, False), recipe.tokenizer),
        "target": Tokenizer.train(lines(False, True), recipe.tokenizer),
    }


def _file_name(name: str) -> str:
    return "tokenizer.model" if name == "joint" else f"tokenizer.{name}.model"


def _load_tokenizers(directory: Path, joint: bool) -> dict[str, Tokenizer]:
    names: Iterable[str] = ("joint",) if joint else ("source", "target")
    return {name: Tokenizer.load(directory / _file_name(name)) for name in names}
