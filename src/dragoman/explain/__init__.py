"""Look inside one translation: explain() and the Trace it returns. Loads nothing until it is asked for.

from dragoman.explain import explain
trace = explain(Translator.load("en-zh"), "Are you OK ?", "你好吗？")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace
    from dragoman.explain.tracing import explain, explain_both
    from dragoman.explain.watch.probing import Probe, add_probe, probe, read_probes

__all__ = ["Probe", "Trace", "add_probe", "explain", "explain_both", "probe", "read_probes"]

_HOMES = {
    "Probe": "dragoman.explain.watch.probing",
    "Trace": "dragoman.explain.trace.trace",
    "add_probe": "dragoman.explain.watch.probing",
    "explain": "dragoman.explain.tracing",
    "explain_both": "dragoman.explain.tracing",
    "probe": "dragoman.explain.watch.probing",
    "read_probes": "dragoman.explain.watch.probing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dragoman.explain' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
