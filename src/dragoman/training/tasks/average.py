"""One model whose weights are the mean of several: sealed models, or checkpoints of a run. Trains and measures nothing.

The last checkpoints of a run lie around one minimum, and their mean lies nearer to it than any of them (Vaswani et al.,
2017, section 6.1; Izmailov et al., 2018, arXiv:1803.05407). Models that were trained apart have no such mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dragoman.config import difference
from dragoman.errors import ModelError, UsageError
from dragoman.model.directory import find_model, open_model, write_model
from dragoman.model.fields import configured
from dragoman.model.kinds import kind_of
from dragoman.model.seal import MANIFEST
from dragoman.text.directions import sealed_languages
from dragoman.text.tokenizer import Tokenizer
from dragoman.training import checkpoint as checkpoints
from dragoman.training.state import State
from dragoman.training.tasks.vocabularies import load_tokenizers

_CHECKPOINT = re.compile(r"step-\d{8,18}(\.\d{1,9})?")
# What decides which numbers a network computes; dropout does not.
_OF_TRAINING = ("dropout", "attention_dropout")
# Cosine between the matrices of two models. Checkpoints of one run are above 0.9, models of two seeds below 0.1.
ALIKE = 0.3


@dataclass(frozen=True)
class Member:
    """One of those that are averaged."""

    name: str  # for people: no path of this machine
    path: Path
    config: Mapping[str, Any]
    weights: Mapping[str, np.ndarray]
    tokenizers: Mapping[str, bytes]
    card: str

    @property
    def shape(self) -> dict[str, Any]:
        section, _ = kind_of(self.config["model"]).load()
        whole = asdict(configured(section, self.config["model"]))  # with the settings that are younger
        return {key: value for key, value in whole.items() if key not in _OF_TRAINING}


@dataclass
class _Mean:
    """What is added up so far, in fp64: the order of the members does not show in fp32."""

    first: Member
    sums: dict[str, np.ndarray]
    names: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)  # that have little in common with the first

    def add(self, member: Member) -> None:
        _refuse_unlike(self.first, member)
        if _cosine(self.first.weights, member.weights) < ALIKE:
            self.strangers.append(member.name)
        for name, weight in member.weights.items():
            self.sums[name] += weight
        self.names.append(member.name)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        return {
            name: (total / len(self.names)).astype(self.first.weights[name].dtype)
            for name, total in self.sums.items()
        }


def average(paths: Sequence[Path | str], output: Path) -> list[str]:
    """Seal the mean of models and checkpoints in `output`; returns what there is to say about it.

    Raises UsageError for fewer than two and for an output that holds a model, ModelError for what does not fit.
    """
    if len(paths) < 2:
        raise UsageError(f"{len(paths)} model has no mean: name at least two, or --last N and a run")
    if (output / MANIFEST).exists():
        raise UsageError(f"{output} already holds a model: choose another directory, or remove it")
    members = map(read, paths)  # one after another: two of them are in memory at a time
    first = next(members)
    mean = _Mean(first, {name: np.zeros(w.shape, np.float64) for name, w in first.weights.items()})
    mean.add(first)
    for member in members:
        mean.add(member)
    write_model(
        output,
        config=first.config,
        weights=mean.weights,
        tokenizers=first.tokenizers,
        card=_card(first, mean.names),
    )
    return [
        f"{name} has little in common with {first.name}: the mean of models that were trained apart means nothing, but "
        "they can translate together (--ensemble)"
        for name in mean.strangers
    ]


def last_of(run: Path, count: int) -> list[Path]:
    """The newest checkpoints of a run, one a step, oldest first. Raises UsageError where there are not so many."""
    if not run.is_dir():
        raise UsageError(
            f"--last {count}: there is no run {run}: name the directory that a training wrote to (-o)"
        )
    by_step = {checkpoints.step_of(path): path for path in checkpoints.saved(run / "checkpoints")}
    by_step.pop(0, None)  # nothing was learnt by then
    if count < 2:
        raise UsageError(f"--last {count}: a mean is one of at least two checkpoints")
    if len(by_step) < count:
        steps = ", ".join(f"{step:,}" for step in by_step) or "none"
        raise UsageError(
            f"--last {count}: {run} has {len(by_step)} checkpoints after step 0 ({steps}). A run keeps as many as "
            "training.keep_checkpoints says (--set training.keep_checkpoints=8), one for each validation"
        )
    return [by_step[step] for step in sorted(by_step)[-count:]]


def read(path: Path | str) -> Member:
    """A model by name or directory, or a checkpoint by its directory. Raises ModelError."""
    place = Path(path)
    if _CHECKPOINT.fullmatch(place.resolve().name) and (place / "state.json").exists():
        return _of_checkpoint(place)
    model = open_model(find_model(path))
    serialized = {side: tokenizer.serialized for side, tokenizer in model.tokenizers.items()}
    return Member(model.path.resolve().name, model.path, model.config, model.weights, serialized, model.card)


def _of_checkpoint(path: Path) -> Member:
    """The weights that the run would have sealed at this step: its moving average, where it keeps one."""
    run = path.resolve().parents[1]
    try:
        found = checkpoints.load(path)
        state = State.of(found)
        flat = found.tensors.get("average", found.tensors["master"])
    except (ValueError, KeyError) as error:
        raise ModelError(f"{path} is no checkpoint that can be read: {error}") from error
    if state.layout is None or "source" not in state.config.get("data", {}):
        raise ModelError(f"{path} is not the checkpoint of a translator, or is one of an early version")
    dtype = np.dtype(state.config["training"].get("weights", "float32"))
    weights, place = {}, 0
    for name, shape in state.layout:
        size = int(np.prod(shape))
        weights[name] = flat[place : place + size].numpy().reshape(shape).astype(dtype)
        place += size
    tokenizers = _tokenizers(run, state.config)
    config = _as_sealed(state.config, tokenizers)
    card = run / "card.md"
    said = card.read_text(encoding="utf-8") if card.exists() else ""
    serialized = {side: tokenizer.serialized for side, tokenizer in tokenizers.items()}
    return Member(f"step {found.step:,} of {run.name}", path, config, weights, serialized, said)


def _tokenizers(run: Path, config: Mapping[str, Any]) -> dict[str, Tokenizer]:
    try:
        return load_tokenizers(run / "data", config["tokenizer"]["joint"])
    except OSError as error:
        raise ModelError(
            f"{run} has no tokenizer in data: the run's own directory is needed ({error})"
        ) from error


def _as_sealed(config: Mapping[str, Any], tokenizers: Mapping[str, Tokenizer]) -> dict[str, Any]:
    """The configuration of a run as that of a model."""
    sizes = [tokenizer.vocab_size for tokenizer in tokenizers.values()]
    return {
        **config,
        "model": {"kind": "transformer", **config["model"]},
        "languages": sealed_languages(config["data"]),
        "tokenizer": {**config["tokenizer"], "vocab_size": max(sizes)},
    }


def _refuse_unlike(first: Member, other: Member) -> None:
    both = f"{first.path} and {other.path} have no mean"
    kinds = [one.config["model"]["kind"] for one in (first, other)]
    if kinds[0] != kinds[1]:
        raise ModelError(f"{both}: they are of the kinds {kinds[0]} and {kinds[1]}")
    if first.shape != other.shape:
        changes = difference({"model": first.shape}, {"model": other.shape})
        raise ModelError(f"{both}: they are of different shapes ({'; '.join(changes)})")
    if first.config["languages"] != other.config["languages"]:
        raise ModelError(f"{both}: they translate between other languages")
    if first.tokenizers != other.tokenizers:
        raise ModelError(f"{both}: their tokenizers differ, so a row of one means another word in the other")
    for name, weight in first.weights.items():
        if name not in other.weights or other.weights[name].shape != weight.shape:
            raise ModelError(f"{both}: {name} has another shape, or is missing in one of them")


def _cosine(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """Between the matrices, which training moves far from where they began; norms are alike in all models."""
    sums = np.zeros(3)
    for a, b in (
        (one[name].astype(np.float32), other[name].astype(np.float32)) for name in one if one[name].ndim > 1
    ):
        sums += np.vdot(a, b), np.vdot(a, a), np.vdot(b, b)
    return float(sums[0] / max(np.sqrt(sums[1] * sums[2]), 1e-30))


def _card(first: Member, names: Sequence[str]) -> str:
    languages = first.config["languages"]
    members = "".join(f"- {name}\n" for name in names)
    quoted = "".join(f"> {line}".rstrip() + "\n" for line in first.card.splitlines())
    said = f"\n## {first.name}\n\nThe card of this model, or of its run, says:\n\n{quoted}" if quoted else ""
    return (
        f"# {languages['source']} -> {languages['target']}\n\nThe mean of the weights of {len(names)}:\n\n{members}\n"
        "What it scores was not measured when it was made: `dragoman evaluate` does that. config.toml is that of the "
        f"first of them.\n{said}"
    )
