"""Dragoman, a Transformer translator that shows how it works. Loads nothing until it is asked for.

from dragoman import Translator
Translator.load("en-zh").translate("Are you OK ?").text
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dragoman.processor import wait_passively

if TYPE_CHECKING:
    from dragoman.errors import DragomanError
    from dragoman.translate.translation import Translation
    from dragoman.translate.translator import Translator

__version__ = "0.2.0"
__all__ = ["DragomanError", "Translation", "Translator", "__version__"]

_HOMES = {
    "DragomanError": "dragoman.errors",
    "Translation": "dragoman.translate.translation",
    "Translator": "dragoman.translate.translator",
}

wait_passively()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dragoman' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
