"""One turn of one arm, in a process of its own: calls one function, writes what it returns. Knows no benchmark.

    python -m benchmarks.arm RESULT.json < TASK.json

Standard library only: the peers' environment need not hold what Dragoman needs, nor the other way round.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "ctranslate2", "joeynmt", "transformers", "mindspore", "sentencepiece", "numpy")


def versions() -> dict[str, str]:
    """Of the packages that matter for speed and that this environment holds; the interpreter's own first."""
    found = {"python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def peak_mib() -> float:
    """The most memory this process has held so far (resident set), in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss begins with what the parent held when it started this process
        return _kib(status.read_text(), "VmHWM") / 2**10
    return rusage_mib(resource.RUSAGE_SELF)


def rusage_mib(of: int) -> float:
    """The same as the system accounts it: RUSAGE_SELF, or RUSAGE_CHILDREN for processes that have ended."""
    return resource.getrusage(of).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)  # macOS: bytes


def _kib(status: str, key: str) -> float:
    return float(next(line.split()[1] for line in status.splitlines() if line.startswith(f"{key}:")))


def run(task: dict[str, Any]) -> dict[str, Any]:
    module, name = task["function"].split(":")
    found: dict[str, Any] = getattr(importlib.import_module(module), name)(**task["settings"])
    return {"peak_mib": peak_mib(), **found, "versions": versions()}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(run(json.load(sys.stdin))))
