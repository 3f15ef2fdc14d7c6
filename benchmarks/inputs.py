"""What all arms of a comparison read: the same sentences, tokenizer, batches and weights, made once. Times nothing.

Everything is kept under runs/benchmarks and made again when what it came from is another.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from zlib import crc32

from benchmarks.alternate import ROOT
from benchmarks.comparison import WORK, say
from benchmarks.peers import batches
from benchmarks.sizes import Size
from dragoman.corpus.augment import AugmentConfig
from dragoman.corpus.batches import IdStore
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.corpus.pairs import Pair, fingerprint, read_corpus
from dragoman.errors import UsageError
from dragoman.interop.ctranslate2 import convert
from dragoman.model.contents import TOKENIZERS
from dragoman.model.directory import open_model
from dragoman.text.tokenizer import TokenizerConfig
from dragoman.training.tasks.prepare import DataConfig, Recipe, prepare

DATA = "DRAGOMAN_DATA"  # the environment variable that names a directory of corpora
HELD_OUT = 200  # pairs that are not trained on: few, for small corpora are measured too


@dataclass(frozen=True)
class Corpus:
    """Files of sentence pairs and their languages."""

    files: tuple[Path, ...]
    source: str
    target: str

    def pairs(self) -> Iterator[Pair]:
        return read_corpus(self.files, self.source, self.target)

    @property
    def title(self) -> str:
        """What people call it."""
        return " and ".join(path.name for path in self.files)

    @property
    def name(self) -> str:
        """A short name that changes with the content."""
        digest = crc32(fingerprint(self.files, self.source, self.target).encode())
        return f"{self.source}-{self.target}-{digest:08x}"


def corpus(files: Sequence[Path] = (), source: str = "", target: str = "") -> Corpus:
    """The files given; else Multi30k under DRAGOMAN_DATA, or what the checkout holds, for these or any languages.

    Raises UsageError for files whose languages are not told, and for languages that there is no corpus of.
    """
    if files:
        if not (source and target):
            raise UsageError(
                "--corpus needs --source-lang and --target-lang: which languages are its two sides?"
            )
        return Corpus(tuple(files), source, target)
    for found in (*_multi30k(source or "de", target or "en"), *_captions(source or "en", target or "zh")):
        if all(path.exists() for path in found.files):
            return found
    raise UsageError(
        f"no corpus for {source} -> {target}: name its files with --corpus, or set {DATA} to a directory that holds "
        f"multi30k/train.{source}.gz and multi30k/train.{target}.gz (dragoman data fetch multi30k)"
    )


def _multi30k(source: str, target: str) -> Iterator[Corpus]:
    if DATA in os.environ:
        where = Path(os.environ[DATA]) / "multi30k"
        yield Corpus((where / f"train.{source}.gz", where / f"train.{target}.gz"), source, target)


def _captions(source: str, target: str) -> Iterator[Corpus]:
    if {source, target} == {"en", "zh"}:
        yield Corpus((ROOT / "corpus" / "captions" / "train.tsv.gz",), source, target)


def text_files(corpus: Corpus, limit: int | None) -> tuple[Path, Path]:
    """The first sentences and their references, one a line each."""
    directory = WORK / corpus.name
    directory.mkdir(parents=True, exist_ok=True)
    paths = tuple(directory / f"{limit or 'all'}.{side}.txt" for side in ("source", "reference"))
    pairs = [(pair.source, pair.target) for pair in islice(corpus.pairs(), limit)]
    for path, lines in zip(paths, zip(*pairs, strict=True), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return paths[0], paths[1]


def for_ctranslate2(model: Path) -> Path:
    """The model in CTranslate2's format in fp32, with its tokenizers, for whoever uses that package by hand."""
    opened = open_model(model)
    files = convert(
        opened.weights,
        opened.config["model"],
        opened.source_tokenizer.vocabulary(),
        opened.target_tokenizer.vocabulary(),
    )
    directory = WORK / "ctranslate2"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name, content in files.items():
        (directory / name).write_bytes(content)
    for name, tokenizer in opened.tokenizers.items():
        (directory / TOKENIZERS[name]).write_bytes(tokenizer.serialized)
    return directory


@dataclass(frozen=True)
class TrainingFiles:
    """A prepared corpus: data of a Dragoman run, the same pairs as text, and the batches of its first epoch."""

    corpus: Corpus
    directory: Path

    @property
    def batches(self) -> Path:
        return self.directory / "batches.npz"

    def flops_per_token(self, size: Size) -> float:
        """Operations of training for each target token that is predicted, on average over the corpus."""
        source, target = IdStore(self.directory / "ids-0").lengths()
        source, target = source + 1, target + 1  # each side has one special token, </s>, beside its words
        return size.training_flops(source, target) / float(target.sum())


def recipe(source: str, target: str, vocab: int) -> Recipe:
    """How the corpus is prepared; without sampling of subwords, so that all arms read the same ids."""
    tokenizer = TokenizerConfig(vocab_size=vocab, joint=True, sampling=0.0)
    return Recipe(
        DataConfig(source, target, held_out=HELD_OUT), CleaningConfig(), tokenizer, AugmentConfig.off(), 1
    )


def training_data(corpus: Corpus, vocab: int, batch_tokens: int) -> TrainingFiles:
    """Clean, learn the vocabulary, encode; write text for JoeyNMT and batches for plain PyTorch."""
    directory = WORK / f"{corpus.name}-{vocab}-{batch_tokens}"
    made = TrainingFiles(corpus, directory)
    data = prepare(corpus.files, (), directory, recipe(corpus.source, corpus.target, vocab), say)
    pairs = [(batch.source, batch.target) for batch in data.epoch(0, 0, batch_tokens)]
    batches.write(made.batches, pairs)
    for name in ("train", "dev"):
        rows = list(read_corpus([directory / f"{name}.tsv"], corpus.source, corpus.target))
        for language, side in ((corpus.source, "source"), (corpus.target, "target")):
            lines = "".join(f"{getattr(row, side)}\n" for row in rows)
            (directory / f"{name}.{language}").write_text(lines, encoding="utf-8")
    pieces = "".join(f"{piece}\n" for piece in data.source_tokenizer.vocabulary())
    (directory / "vocab.txt").write_text(pieces, encoding="utf-8")
    return made
