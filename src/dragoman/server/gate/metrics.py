"""Counters and histograms in Prometheus' text format. Knows names and numbers, and holds no user's text.

https://prometheus.io/docs/instrumenting/exposition_formats/ says what the text looks like.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable

Labels = tuple[tuple[str, str], ...]

COUNTERS = {
    "dragoman_requests_total": "Requests, by route and status.",
    "dragoman_sentences_total": "Sentences that were asked for.",
    "dragoman_sentences_shared_total": "Sentences that another request was already waiting for.",
    "dragoman_characters_total": "Characters of texts that were asked for.",
    "dragoman_refused_total": "Requests refused because the queue was full.",
    "dragoman_deadline_missed_total": "Requests that could not be answered in time.",
    "dragoman_cancelled_total": "Sentences taken out because their client had left.",
    "dragoman_models_loaded_total": "Times a model was loaded.",
}
HISTOGRAMS: dict[str, tuple[str, tuple[float, ...]]] = {
    "dragoman_request_seconds": (
        "Time to the end of the answer, by route.",
        (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 9.0),
    ),
    "dragoman_batch_sentences": ("Sentences of a batch.", (1, 2, 4, 8, 16, 32, 64, 128)),
    "dragoman_batch_seconds": ("Time to translate a batch.", (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)),
}


class Metrics:
    """Numbers of one process. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: defaultdict[tuple[str, Labels], float] = defaultdict(float)
        self._histograms: dict[
            tuple[str, Labels], list[float]
        ] = {}  # counts of the buckets, then +Inf, then sum
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        assert name in COUNTERS, name
        with self._lock:
            self._counters[name, tuple(sorted(labels.items()))] += by

    def observe(self, name: str, value: float, **labels: str) -> None:
        _, bounds = HISTOGRAMS[name]
        with self._lock:
            row = self._histograms.setdefault(
                (name, tuple(sorted(labels.items()))), [0.0] * (len(bounds) + 2)
            )
            row[bisect_left(bounds, value)] += 1
            row[-1] += value

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """`value` is called each time the numbers are asked for."""
        self._gauges[name] = (meaning, value)

    def text(self) -> str:
        """All of them, as Prometheus reads it."""
        with self._lock:
            counters = dict(self._counters)
            histograms = {key: list(row) for key, row in self._histograms.items()}
        lines: list[str] = []
        for name, meaning in COUNTERS.items():
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} counter"]
            found = {labels: value for (key, labels), value in counters.items() if key == name}
            lines += [
                f"{name}{_braces(labels)} {_number(value)}" for labels, value in (found or {(): 0.0}).items()
            ]
        for name, (meaning, value) in self._gauges.items():
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge", f"{name} {_number(value())}"]
        for name, (meaning, bounds) in HISTOGRAMS.items():
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} histogram"]
            for (key, labels), row in histograms.items():
                if key == name:
                    lines += _histogram(name, labels, bounds, row)
        return "\n".join(lines) + "\n"


def _histogram(name: str, labels: Labels, bounds: tuple[float, ...], row: list[float]) -> list[str]:
    lines, seen = [], 0.0
    for bound, count in zip((*map(str, bounds), "+Inf"), row, strict=False):
        seen += count
        lines.append(f"{name}_bucket{_braces((*labels, ('le', bound)))} {_number(seen)}")
    return [
        *lines,
        f"{name}_sum{_braces(labels)} {_number(row[-1])}",
        f"{name}_count{_braces(labels)} {_number(seen)}",
    ]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6g}"


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = ((n, v.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for n, v in labels)
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
