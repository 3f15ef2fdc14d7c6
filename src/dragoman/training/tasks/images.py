"""Training what reads images: images of digits made up as they are needed, a validator, a run. Knows no layer.

Every image is a function of seed, epoch and place alone, so a resumed run sees what the first one would have seen; and
in no epoch the same images come again. The run is run.py's.

Dimensions: B batch, S patches, P pixels of a patch, T tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from dragoman.bounds import LARGEST_WHOLE, Within, refuse_out_of_bounds
from dragoman.corpus.batches import Rows, pad
from dragoman.corpus.digits import FEWEST, FILE, MOST, Image, any_image, room
from dragoman.errors import ConfigError
from dragoman.ids import BOS, EOS, PAD, SPECIALS
from dragoman.lineage.imagereader import ImageReader, ImageReaderConfig, patches
from dragoman.lineage.kinds import reader_kind
from dragoman.lineage.reading import read
from dragoman.model.imagereaders import ReaderDirectory, open_reader
from dragoman.model.networks import write_network
from dragoman.text.splitter import Splitter
from dragoman.text.vocabulary import Vocabulary
from dragoman.training.optimizer import OptimizerConfig
from dragoman.training.outlook import Result
from dragoman.training.run import carry_out
from dragoman.training.session import Session
from dragoman.training.settings import TrainingConfig, ValidationConfig
from dragoman.training.task import Task
from dragoman.training.tasks.networks import MeasuredScores, NetworkValidator, Sealing, made

Words = Literal["digits", "english", "chinese"]
WORDS: dict[Words, tuple[str, ...]] = {
    "digits": tuple("0123456789"),
    "english": tuple("zero one two three four five six seven eight nine".split()),
    "chinese": tuple("零一二三四五六七八九"),
}
DEV = 2**31  # no epoch of training has this number
AT_ONCE = 100  # images that are read together


@dataclass(frozen=True)
class ImagesConfig:
    """What is made up to be read."""

    writes: Annotated[Words, "how a digit is written down: 3, three or 三"] = "digits"
    images: Annotated[int, "images of an epoch, none of which comes again", Within(1, LARGEST_WHOLE)] = 10_000
    fewest: Annotated[
        int,
        "digits of an image that is trained on; one alone teaches the shapes before the order",
        Within(1, MOST),
    ] = 1
    varied: Annotated[
        bool, "each digit is turned, slanted, stretched and inked a little otherwise than it was written"
    ] = False
    held_out: Annotated[
        int, "images to measure on, of handwriting that is not trained on", Within(1, 1_000_000)
    ] = 300

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "data")


@dataclass(frozen=True)
class ImageRunConfig:
    """A whole run; the sections of its TOML file are these fields."""

    data: ImagesConfig = field(default_factory=ImagesConfig)
    model: ImageReaderConfig = field(default_factory=ImageReaderConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)

    def __post_init__(self) -> None:
        if self.validation.metric != "loss":
            raise ConfigError("validation.metric must be 'loss': what is read of an image is no translation")
        self.training.refuse_guiding("an image has no words that could be linked")
        if room(self.model.height, self.model.width) < FEWEST:
            raise ConfigError(
                f"model.height = {self.model.height} and model.width = {self.model.width} leave no room for "
                f"{FEWEST} digits of 8 x 8 pixels"
            )


DEFAULTS: dict[str, dict[str, Any]] = {
    "optimizer": {"schedule": "cosine", "warmup_steps": 100, "weight_decay": 0.05, "ema_decay": 0.99},
    "training": {"batch_tokens": 1536, "max_steps": 4000, "label_smoothing": 0.0, "weights": "float16"},
    "validation": {"metric": "loss", "every": 500},
}


def defaults(kind: str = "image-reader") -> dict[str, dict[str, Any]]:
    """What a run begins with, before anybody asks for anything else."""
    own = reader_kind(kind).defaults
    return {
        name: {**DEFAULTS.get(name, {}), **own.get(name, {})} for name in dict.fromkeys((*DEFAULTS, *own))
    }


def vocabulary_of(writes: Words) -> Vocabulary:
    """The ten words, in the order of the digits."""
    return Vocabulary((*SPECIALS, *WORDS[writes]), Splitter("words"))


def writes(vocabulary: Vocabulary) -> Words:
    """How the words of a trained reader write a digit down."""
    return next(name for name, words in WORDS.items() if vocabulary.words == (*SPECIALS, *words))


# -- images in batches ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ImageBatch(Rows):
    """Images as patches, and what they say: source [B, S, P]; target [B, T] runs from <s> to </s>."""

    source: Tensor
    target: Tensor

    @property
    def source_mask(self) -> Tensor:
        """Boolean [B, S], True: every image has all its patches."""
        return torch.ones(self.source.shape[:2], dtype=torch.bool, device=self.source.device)

    @property
    def target_mask(self) -> Tensor:
        return self.target != PAD


class ImageData:
    """Images for any epoch."""

    def __init__(self, config: ImagesConfig, shape: ImageReaderConfig, seed: int) -> None:
        self.config, self.shape, self.seed = config, shape, seed
        made = repr((asdict(config), shape.height, shape.width, shape.patch))
        self.fingerprint = sha256(made.encode() + FILE.read_bytes()).hexdigest()
        self.report = f"{config.images:,} images an epoch of {shape.width} x {shape.height} pixels"

    def images(self, epoch: int, start: int, end: int) -> list[Image]:
        """Those of an epoch with the numbers from `start` to before `end`."""
        height, width = self.shape.height, self.shape.width
        fewest, vary = self.config.fewest, self.config.varied
        seeds = ([abs(self.seed), int(self.seed < 0), epoch, number] for number in range(start, end))
        return [
            any_image(height, width, "train", np.random.default_rng(seed), fewest, vary) for seed in seeds
        ]

    def batch(self, images: Sequence[Image]) -> ImageBatch:
        pixels = torch.from_numpy(np.stack([image.pixels for image in images]))
        first = len(SPECIALS)
        target = pad([[BOS, *(first + digit for digit in image.digits), EOS] for image in images])
        return ImageBatch(patches(pixels, self.shape.patch), target)

    def _rows(self, budget: int) -> int:
        return max(1, budget // self.shape.patches)

    def epoch(self, epoch: int, start: int, budget: int) -> Iterator[ImageBatch]:
        """The batches of an epoch from position `start` on."""
        rows = self._rows(budget)
        for first in range(start * rows, self.config.images, rows):
            last = min(first + rows, self.config.images)
            yield self.batch(self.images(epoch, first, last))

    def batches_per_epoch(self, budget: int) -> int:
        return -(-self.config.images // self._rows(budget))

    def largest_batch(self, budget: int) -> ImageBatch:
        return next(self.epoch(0, 0, budget))

    def dev(self) -> list[Image]:
        """Of handwriting that is not trained on; the same ones whatever the seed of a run."""
        height, width = self.shape.height, self.shape.width
        return held_out_images(self.config.held_out, height, width)


def held_out_images(count: int, height: int, width: int, seed: int = 0) -> list[Image]:
    """So many images of handwriting that is not trained on."""
    return [
        any_image(height, width, "held out", np.random.default_rng([seed, DEV, number]))
        for number in range(count)
    ]


# -- validation -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Accuracy:
    """How often a reader is right."""

    images: int
    right: int  # read as they are, all digits in order
    same_digits: int  # the right digits, in whatever order

    @property
    def share(self) -> float:
        """Of the images, those that are read right: 0 to 1."""
        return self.right / self.images


def accuracy(model: ImageReader, vocabulary: Vocabulary, images: Sequence[Image]) -> Accuracy:
    """What is read, held against what is there."""
    right = same = 0
    for start in range(0, len(images), AT_ONCE):
        some = images[start : start + AT_ONCE]
        pixels = torch.from_numpy(np.stack([image.pixels for image in some]))
        for image, found in zip(some, read(model, vocabulary, pixels), strict=True):
            said = [token - len(SPECIALS) for token in found.tokens]
            right += said == list(image.digits)
            same += sorted(said) == sorted(image.digits)
    return Accuracy(len(images), right, same)


def _measured(data: ImageData, vocabulary: Vocabulary, model: nn.Module) -> MeasuredScores:
    assert isinstance(model, ImageReader)
    images = data.dev()
    found = model.loss(data.batch(images).to(next(model.parameters()).device))
    loss, right = float(found.nll) / found.tokens, accuracy(model, vocabulary, images).share
    return MeasuredScores((right, -loss), {"loss": loss, "accuracy": right})


def start(
    output: Path,
    config: ImageRunConfig,
    session: Session,
    *,
    base: ReaderDirectory | None = None,
) -> Result:
    """Train a reader of images into `output`.

    With `base`, training begins at its weights; config.model and config.data.writes must be those of `base`.

    Raises ConfigError, TrainingError; whatever is raised, the last checkpoint stays good.
    """
    kind = reader_kind(config.model.kind)
    vocabulary = vocabulary_of(config.data.writes)
    if base is not None and (base.module.config, base.vocabulary.words) != (config.model, vocabulary.words):
        raise ConfigError(
            f"a model that is trained further keeps its shape and its words: those of {base.path}"
        )

    def task() -> Task:
        data = ImageData(config.data, config.model, config.training.seed)
        on = f"On {config.data.held_out:,} images of other handwriting"
        sealing = Sealing("Reader of images", on, write_network, open_reader)
        measure = partial(_measured, data, vocabulary)
        validator = NetworkValidator(output, config, vocabulary, data.report, measure, sealing)
        build = partial(kind.build, config.model, len(vocabulary.words))
        return Task(
            partial(made, build, base), data, validator, data.report, f"dragoman digits read 3142 -m {output}",
            contents=sha256(repr(vocabulary.words).encode()).hexdigest(), further=base is not None,
        )  # fmt: skip

    return carry_out(output, config, task, session)
