"""Fine-tuning a BERT into a classifier of texts or pairs of texts: labelled lines, their batches, their validation.

Devlin et al. (2018), section 3.2. The run is run.py's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dragoman.corpus.batches import Rows, epoch_order, pad, plan_batches
from dragoman.corpus.lines import read_lines
from dragoman.errors import CorpusError
from dragoman.ids import BOS, EOS, PAD
from dragoman.lineage.bert import Bert, BertConfig
from dragoman.model.languagemodels import LmDirectory
from dragoman.protocols import CrossEntropy, Loss
from dragoman.text.normalize import normalize
from dragoman.text.vocabulary import Vocabulary
from dragoman.training.outlook import Result
from dragoman.training.run import carry_out
from dragoman.training.session import Session
from dragoman.training.task import Task
from dragoman.training.tasks.languagemodels import LmRunConfig, contents_of, sealing
from dragoman.training.tasks.masking import pair_of
from dragoman.training.tasks.networks import MeasuredScores, NetworkValidator
from dragoman.transformer.model import cross_entropy
from dragoman.transformer.parts import Parts

MOST_LABELS = 1000
HELD_OUT = 10  # one labelled text in so many, where no others are given to measure on
# What a run begins with, over the defaults of a BERT: few steps, and small ones, or what was learnt before is lost.
DEFAULTS: dict[str, dict[str, Any]] = {
    "optimizer": {"peak_lr": 3e-4, "warmup_steps": 50},
    "training": {"max_steps": 1000},
    "validation": {"every": 100},
}
_LABELS_SHOWN = 10


@dataclass(frozen=True)
class Example:
    """One or two texts, and their label."""

    texts: tuple[str, ...]
    label: str


def read_labelled(path: Path) -> list[Example]:
    """A table of text, label, or text, second text, label. Raises CorpusError, naming the line that is none."""
    examples: list[Example] = []
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        *texts, label = (normalize(part) for part in line.split("\t"))
        columns = len(examples[0].texts) + 1 if examples else None
        if len(texts) not in (1, 2) or not label or not all(texts):
            raise CorpusError(
                f"{path}, line {number:,}: a line is  text, tab, label  or  text, tab, second text, tab, label"
            )
        if columns not in (None, len(texts) + 1):
            raise CorpusError(
                f"{path}, line {number:,}: {len(texts) + 1} columns, and {columns} in the lines before"
            )
        examples.append(Example(tuple(texts), label))
    if not examples:
        raise CorpusError(f"{path} has no labelled lines")
    return examples


def hold_out(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Nine in ten to train on, every tenth to measure on. Raises CorpusError for fewer than ten."""
    if len(examples) < HELD_OUT:
        raise CorpusError(
            f"{len(examples)} labelled texts are too few to hold one out for validation: add --dev"
        )
    return [one for i, one in enumerate(examples, 1) if i % HELD_OUT], list(
        examples[HELD_OUT - 1 :: HELD_OUT]
    )


def check_labels(name: str, examples: Sequence[Example], known: Sequence[str]) -> None:
    """Raises CorpusError for a label that is not among those of training; `name` is that of the file."""
    for example in examples:
        if example.label not in known:
            some = ", ".join(known[:_LABELS_SHOWN]) + (", ..." if len(known) > _LABELS_SHOWN else "")
            raise CorpusError(f"{name}: label {example.label!r} is unknown: the labels are {some}")


@dataclass(frozen=True)
class LabelledBatch(Rows):
    """Texts and the numbers of their labels."""

    source: Tensor  # [B, S] token ids
    segments: Tensor  # [B, S] 0 in the first text, 1 in the second
    target: Tensor  # [B, 2] 0, which stands where a decoder's <s> would, and the label

    @property
    def source_mask(self) -> Tensor:
        """Boolean [B, S], True at real tokens."""
        return self.source != PAD

    @property
    def target_mask(self) -> Tensor:
        """Boolean [B, 2], True: each text has its label."""
        return torch.ones_like(self.target, dtype=torch.bool)


class Classifier(Bert):
    """A BERT that is trained on labels."""

    def loss(self, batch: LabelledBatch, cross_entropy: CrossEntropy = cross_entropy) -> Loss:  # type: ignore[override]
        """Cross-entropy of the labels, summed over the texts, in nats."""
        assert self.classifier is not None
        hidden = self.encode(batch.source, batch.source_mask, batch.segments)
        x = self.dropout(self.pooled(hidden))
        features = torch.cat((x, torch.ones_like(x[:, :1])), 1)  # [B, D + 1]: the last is for the bias
        weight = torch.cat((self.classifier.weight, self.classifier.bias[:, None]), 1)
        return cross_entropy(features, weight, batch.target[:, 1])


class LabelledData:
    """Batches of labelled texts of any epoch; a text that is too long is cut at its end."""

    def __init__(
        self,
        train: Sequence[Example],
        dev: Sequence[Example],
        labels: Sequence[str],
        vocabulary: Vocabulary,
        longest: int,
        seed: int,
    ) -> None:
        self.seed, self.labels, self.longest = seed, list(labels), longest
        self._train, self._dev = (self._rows(some, vocabulary) for some in (train, dev))
        total = sha256(repr([(one.texts, one.label) for one in (*train, *dev)]).encode())
        self.fingerprint = total.hexdigest()
        self.report = f"{len(train):,} labelled texts, {len(labels)} labels"

    def _rows(
        self, examples: Sequence[Example], vocabulary: Vocabulary
    ) -> list[tuple[list[int], list[int], int]]:
        rows = []
        for example in examples:
            ids = vocabulary.encode(example.texts)
            label = self.labels.index(example.label)
            if len(ids) == 2:
                rows.append(pair_of(ids[0], ids[1], self.longest, label))
            else:
                tokens = [BOS, *ids[0][: self.longest - 2], EOS]
                rows.append((tokens, [0] * len(tokens), label))
        return rows

    def _batches(
        self, rows: Sequence[tuple[list[int], list[int], int]], budget: int, order: np.random.Generator | None
    ) -> Iterator[LabelledBatch]:
        lengths = np.array([len(tokens) for tokens, _, _ in rows])
        for chosen in plan_batches(lengths - 1, lengths - 1, budget, order):
            some = [rows[i] for i in chosen]
            yield LabelledBatch(
                pad([tokens for tokens, _, _ in some]),
                pad([segments for _, segments, _ in some]),
                torch.tensor([[0, label] for _, _, label in some]),
            )

    def epoch(self, epoch: int, start: int, budget: int) -> Iterator[LabelledBatch]:
        """The batches of an epoch from position `start` on."""
        for number, batch in enumerate(self._batches(self._train, budget, epoch_order(self.seed, epoch))):
            if number >= start:
                yield batch

    def batches_per_epoch(self, budget: int) -> int:
        return sum(1 for _ in self._batches(self._train, budget, None))

    def largest_batch(self, budget: int) -> LabelledBatch:
        return max(self._batches(self._train, budget, None), key=lambda batch: batch.source.numel())

    def dev_batches(self, budget: int) -> list[LabelledBatch]:
        """The dev texts, of at most `budget` tokens a batch."""
        return list(self._batches(self._dev, budget, None))


def start(
    train: Sequence[Example],
    dev: Sequence[Example],
    output: Path,
    config: LmRunConfig,
    base: LmDirectory,
    session: Session,
) -> Result:
    """Fine-tune the BERT of `base` on labelled texts into `output`; `config.model` is that of `base`.

    Raises CorpusError for a label of the dev texts that no training text has; TrainingError.
    """
    base.answering("classify")
    labels = sorted({example.label for example in train})
    if not 2 <= len(labels) <= MOST_LABELS:
        raise CorpusError(f"there are {len(labels)} different labels: 2 to {MOST_LABELS:,} make a classifier")
    check_labels("the dev texts", dev, labels)
    model = BertConfig(**{**base.config["model"], "classes": len(labels), "dropout": config.model.dropout})
    config = replace(config, model=model)

    def build(parts: Parts) -> nn.Module:
        made = Classifier(model, len(base.vocabulary.words), parts)
        known = {name: w for name, w in base.module.state_dict().items() if not name.startswith("classifier")}
        made.load_state_dict(known, strict=False)
        return made

    def task() -> Task:
        data = LabelledData(train, dev, labels, base.vocabulary, config.data.longest, config.training.seed)
        batches = data.dev_batches(config.training.batch_tokens)
        validator = NetworkValidator(
            output, config, base.vocabulary, data.report, partial(_measured, batches),
            sealing(model.kind), {"labels": {"names": labels}},
        )  # fmt: skip
        return Task(
            build,
            data,
            validator,
            data.report,
            f'dragoman lm classify "..." -m {output}',
            contents_of(base.vocabulary),
        )

    return carry_out(output, config, task, session)


def _measured(batches: Sequence[LabelledBatch], model: nn.Module) -> MeasuredScores:
    assert isinstance(model, Classifier)
    device, right, nats, texts = next(model.parameters()).device, 0, 0.0, 0
    for batch in batches:
        batch = batch.to(device)
        logits = model.classify(model.encode(batch.source, batch.source_mask, batch.segments)).float()
        labels = batch.target[:, 1]
        right += int((logits.argmax(-1) == labels).sum())
        nats -= float(logits.log_softmax(-1).gather(1, labels[:, None]).sum())
        texts += len(batch)
    return MeasuredScores((right / texts, -nats / texts), {"loss": nats / texts, "accuracy": right / texts})
