"""Whether all ranks are about to train the same: what each says of itself, and the refusal that names both sides."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from zlib import crc32

import torch

import dragoman
from dragoman.config import difference
from dragoman.errors import TrainingError
from dragoman.training.parameters import FlatParameters
from dragoman.training.task import Settings, Task

Account = Mapping[str, Any]

# What must be the same on all ranks, and what to do where it is not.
_SAME = {
    "version": ("runs Dragoman {}", "install the same version on all hosts"),
    "torch": ("runs torch {}", "install the same version on all hosts"),
    "corpus": (
        "has a corpus with the fingerprint {}",
        "give all hosts the same files, named in the same order",
    ),
    "contents": (
        "has a vocabulary, cleaned corpus and dev set with the fingerprint {}",
        "give all hosts the same dev files and the same --from, and let each prepare anew",
    ),
    "layout": ("orders its weights as {}", "install the same version on all hosts"),
    "precision": ("computes in {}", "set training.precision, or give all hosts the same kind of processor"),
}


def account(task: Task, config: Settings, parameters: FlatParameters) -> dict[str, Any]:
    """Of this rank, in JSON's types."""
    return {
        "host": platform.node(),
        "version": dragoman.__version__,
        "torch": torch.__version__,
        "config": asdict(config),  # type: ignore[call-overload]
        "corpus": task.data.fingerprint[:16],
        "contents": task.contents[:16],
        "layout": f"{crc32(repr(parameters.layout).encode()):08x}",
        "precision": str(parameters.shadow.dtype)[6:],
    }


def check_agreement(first: Account, others: Sequence[Account]) -> None:
    """Raises TrainingError for the first that would train something else than rank 0."""
    for rank, other in enumerate(others, 1):
        who = f"rank {rank} on {other['host']}"
        if changes := difference(first["config"], other["config"]):
            raise TrainingError(
                f"{who} was started with other settings than rank 0 on {first['host']}: {'; '.join(changes)}. Give the "
                "same command on all hosts"
            )
        for key, (says, advice) in _SAME.items():
            if first[key] != other[key]:
                raise TrainingError(
                    f"{who} {says.format(other[key])}, and rank 0 on {first['host']} {says.format(first[key])}: "
                    f"{advice}"
                )
