"""What a checkpoint says: one description of its fields, which it is held against when it is read. Touches no file.

P is the number of all parameters of the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from dragoman.training.checkpoint import Checkpoint
from dragoman.training.loop import Health

T = TypeVar("T")


# Fields that some runs which may be resumed began without; all others have to be there.
_YOUNG = {"failed", "returned", "above", "layout", "worker_threads", "workers", "contents"}


@dataclass
class Progress:
    """Where the data stands, how well it went so far."""

    step: int = 0
    epoch: int = 0
    position: int = 0  # batches of this epoch already used
    parts: int = 1
    fallbacks: int = 0
    failed: int = 0  # step of the last divergence
    returned: int = 0  # step that it was gone back to from there
    seconds: float = 0.0
    best: list[float] = field(
        default_factory=list
    )  # task.Scores.rank of the model that was kept; empty: none
    best_step: int = 0
    stalled: int = 0
    validated: int = 0  # step of the last validation


@dataclass(frozen=True)
class State:
    """All of state.json."""

    step: int
    progress: Progress
    health: Health
    learning_rate_scale: float
    config: dict[str, dict[str, Any]]
    fingerprint: str
    threads: int
    layout: list[Any] | None = None  # name and shape of each parameter, in the order of the vectors [P]
    worker_threads: int | None = None  # None: workers shared all threads equally
    workers: int | None = None  # None: as many as training.workers asks for
    contents: str = ""  # task.Task.contents
    ranks: int = 1  # processes that trained together

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> State:
        """The state of a checkpoint whose fields and tensors are sound. Raises ValueError, naming one that is not."""
        found = _filled(cls, _of_today(checkpoint.state), "state.json")
        for name, number, least in (
            ("progress.parts", found.progress.parts, 1),
            ("threads", found.threads, 1),
            ("worker_threads", found.worker_threads or found.threads, 1),
            ("workers", found.workers or 1, 1),
        ):
            if number < least:
                raise ValueError(f"state.json: {name} = {number}: must be at least {least}")
        if found.progress.step != found.step:
            raise ValueError(f"state.json: progress.step = {found.progress.step}, and step = {found.step}")
        if not 0 < found.learning_rate_scale <= 1:
            raise ValueError(
                f"state.json: learning_rate_scale = {found.learning_rate_scale}: must lie in (0, 1]"
            )
        _check_config(found.config)
        _check_tensors(checkpoint.tensors, _size(found.layout))
        return found


def _of_today(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Once the best was one number, minus infinity where there was none."""
    progress = state.get("progress")
    if isinstance(progress, dict) and type(progress.get("best")) is float:
        best = progress["best"]
        return {**state, "progress": {**progress, "best": [best] if math.isfinite(best) else []}}
    return state


def _filled(cls: type[T], values: Any, name: str) -> T:
    """A dataclass from a JSON object that has its fields, of their types, and no others."""
    if not isinstance(values, dict):
        raise ValueError(f"{name} is no object")
    hints = get_type_hints(cls)
    known = {part.name for part in fields(cls)}  # type: ignore[arg-type]
    if strange := values.keys() - known:
        raise ValueError(f"{name} has a field {min(strange)[:40]!r} that this version does not know")
    if missing := known - values.keys() - _YOUNG:
        raise ValueError(f"{name} has no field {min(missing)!r}")
    return cls(**{key: _fitting(hints[key], value, f"{name}: {key}") for key, value in values.items()})


def _fitting(kind: Any, value: Any, name: str) -> Any:
    """`value`, if it is of this kind. Counts are whole numbers from 0 on."""
    origin = get_origin(kind)
    if origin is UnionType:  # X | None
        return None if value is None else _fitting(get_args(kind)[0], value, name)
    if origin is list:
        inner = get_args(kind)[0]
        if not isinstance(value, list):
            raise ValueError(f"{name} is no list")
        return value if inner is Any else [_fitting(inner, one, name) for one in value]
    if is_dataclass(kind) and isinstance(kind, type):
        return _filled(kind, value, name)
    kind = origin or kind
    fits = {
        int: type(value) is int and 0 <= value < 2**63,
        float: type(value) in (int, float) and not math.isnan(value),
        str: isinstance(value, str),
        dict: isinstance(value, dict),
    }
    if not fits[kind]:
        raise ValueError(f"{name} = {str(value)[:40]}: is no {kind.__name__} that can stand there")
    return value


def _check_config(config: Mapping[str, Any]) -> None:
    """Sections of plain values."""
    for section, values in config.items():
        if not isinstance(values, dict):
            raise ValueError(f"state.json: config.{section[:40]} is no section")
        for key, value in values.items():
            inner = value if isinstance(value, list) else [value]
            if not all(one is None or isinstance(one, bool | int | float | str) for one in inner):
                raise ValueError(f"state.json: config.{section[:40]}.{key[:40]} is no plain value")


def _size(layout: list[Any] | None) -> int | None:
    """P; None where an older version noted no layout."""
    if layout is None:
        return None
    sizes = []
    for entry in layout:
        if not (
            isinstance(entry, list)
            and len(entry) == 2
            and isinstance(entry[0], str)
            and isinstance(entry[1], list)
            and all(type(side) is int and side >= 0 for side in entry[1])
        ):
            raise ValueError("state.json: layout: an entry is a name and a shape")
        sizes.append(math.prod(entry[1]))
    return sum(sizes)


def _check_tensors(tensors: Mapping[str, Tensor], size: int | None) -> None:
    """Vectors [N] in fp32 of finite numbers, N <= P, weights and average [P], and states of random generators."""
    for name in ("master", "random"):
        if name not in tensors:
            raise ValueError(f"tensors.safetensors has no {name!r}")
    size = tensors["master"].numel() if size is None else size
    for name, tensor in tensors.items():
        if name.startswith("random"):
            if tensor.dtype != torch.uint8 or tensor.dim() != 1:
                raise ValueError(f"tensors.safetensors: {name[:40]!r} is no state of random numbers")
            continue
        least = size if name in ("master", "average") else 0
        if tensor.dtype != torch.float32 or tensor.dim() != 1 or not least <= tensor.numel() <= size:
            raise ValueError(f"tensors.safetensors: {name[:40]!r} does not belong to {size:,} weights")
        if not tensor.isfinite().all():
            raise ValueError(f"tensors.safetensors: {name[:40]!r} holds what is no number")
    try:
        torch.Generator().set_state(tensors["random"])
    except RuntimeError as error:
        raise ValueError("tensors.safetensors: 'random' is no state of random numbers") from error
