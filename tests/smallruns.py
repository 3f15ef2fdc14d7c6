"""Whole runs in a second: a hundred lines, ten thousand weights. Tests no more than it trains."""

import dataclasses
import hashlib
import io
from pathlib import Path
from typing import Any

from attacks.product import NOUNS, VERBS
from rich.console import Console

from dragoman.corpus.augment import AugmentConfig
from dragoman.text.tokenizer import TokenizerConfig
from dragoman.training import checkpoint as checkpoints
from dragoman.training.optimizer import OptimizerConfig
from dragoman.training.outlook import Result
from dragoman.training.session import Session
from dragoman.training.settings import DataConfig, RunConfig, TrainingConfig, ValidationConfig
from dragoman.training.tasks.translators import start
from dragoman.transformer.model import TransformerConfig

STEPS = 24


def config(**changes: Any) -> RunConfig:
    """A model of ten thousand weights; dropout and subword sampling on, since both draw random numbers."""
    base = RunConfig(
        data=DataConfig("en", "zh"),
        tokenizer=TokenizerConfig(vocab_size=330, sampling=0.3),
        augment=AugmentConfig.off(),
        model=TransformerConfig(16, 32, 2, 1, 1, norm="pre", dropout=0.1),
        optimizer=OptimizerConfig("muon", peak_lr=3e-3, warmup_steps=5, ema_decay=0.9),
        training=TrainingConfig(
            device="cpu", precision="bf16", batch_tokens=300, max_steps=STEPS, checkpoint_minutes=0.001
        ),
        validation=ValidationConfig(every=8, metric="loss"),
    )
    sections = {name: dataclasses.replace(getattr(base, name), **fields) for name, fields in changes.items()}
    return dataclasses.replace(base, **sections)


def write_corpus(directory: Path) -> tuple[Path, Path]:
    lines = [
        f"The {a} {v} a {b}.\t{NOUNS[a]}{VERBS[v]}一个{NOUNS[b]}。"
        for a in NOUNS
        for v in VERBS
        for b in NOUNS
        if a != b
    ]
    train, dev = directory / "train.tsv", directory / "dev.tsv"
    train.write_text("\n".join(lines[10:]) + "\n", encoding="utf-8")
    dev.write_text("\n".join(lines[:10]) + "\n", encoding="utf-8")
    return train, dev


def go(directory: Path, settings: RunConfig | None = None, **options: Any) -> tuple[Result, str]:
    """Train into directory/run; the result, and what was said."""
    train, dev = write_corpus(directory)
    return begin([train], [dev], directory, settings, **options)


def begin(
    corpus: list[Path], dev: list[Path], directory: Path, settings: RunConfig | None = None, **options: Any
) -> tuple[Result, str]:
    said = io.StringIO()
    asked = {
        part.name: options.pop(part.name) for part in dataclasses.fields(Session) if part.name in options
    }
    session = Session(Console(file=said, width=400), **asked)
    result = start(corpus, dev, directory / "run", settings or config(), session, **options)
    return result, said.getvalue()


def state_of(directory: Path) -> str:
    """One hash over every tensor of the latest checkpoint: weights, average, moments, random state."""
    found = checkpoints.load_latest(directory / "run" / "checkpoints")
    total = hashlib.sha256(f"{found.step} {found.state['progress']['position']}".encode())
    for name in sorted(found.tensors):
        total.update(found.tensors[name].numpy().tobytes())
    return total.hexdigest()
