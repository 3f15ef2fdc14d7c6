"""What a number may be: said once, beside the option that it is for, and checked before anything computes with it.

Knows no option and no file. A field of a frozen dataclass says it after its meaning,
`Annotated[int, "layers", Within(1, 1000)]`: so flags, settings and the files of a model are held against one
description (config.py, model/fields.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from dragoman.errors import ConfigError

LARGEST_WHOLE = 2**63 - 1  # what TOML promises to hold
_SHOWN = 60  # characters of a wrong value


@dataclass(frozen=True)
class Within:
    """What a number may be: from `least` to `most`, and never infinite; an end that is open is not part of it."""

    least: float = 0
    most: float = math.inf
    open_least: bool = False
    open_most: bool = False

    def holds(self, value: float) -> bool:
        """Whether `value` lies within; NaN does not."""
        enough = self.least < value if self.open_least else self.least <= value
        return enough and (
            value < self.most if self.open_most or self.most == math.inf else value <= self.most
        )

    @property
    def said(self) -> str:
        """In words: "at least 1 and at most 1,000"."""
        least = f"{'above' if self.open_least else 'at least'} {_numeral(self.least)}"
        if self.most == math.inf:
            return f"{least} and finite"
        if self.most == LARGEST_WHOLE:  # nobody meant that much
            return least
        return f"{least} and {'below' if self.open_most else 'at most'} {_numeral(self.most)}"


def _numeral(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


# Of sizes that several models have. Far above any real one; below them no product of sizes runs out of memory before
# it is compared with the weights that are there.
LARGEST_SIZE, MOST_LAYERS = 2**20, 1000
SIZE, LAYERS = Within(1, LARGEST_SIZE), Within(1, MOST_LAYERS)
HEADS = Within(1, 1024)
SHARE = Within(0, 1, open_most=True)  # of dropout
# Tokens of a sentence or of its translation. A model that never ends is stopped there at the latest.
MOST_TOKENS = 10_000
LENGTH = Within(1, MOST_TOKENS)


# -- a section --------------------------------------------------------------------------------------------------


def within_of(hint: Any) -> Within | None:
    """What an annotation says of its number."""
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((note for note in notes if isinstance(note, Within)), None)


@cache
def _bounds(section: type) -> tuple[tuple[str, Within], ...]:
    hints = get_type_hints(section, include_extras=True)
    found = ((field.name, within_of(hints[field.name])) for field in fields(section))
    return tuple((key, within) for key, within in found if within)


def refuse_out_of_bounds(section: Any, name: str = "") -> None:
    """Raises ConfigError for the first number of a dataclass that is not what its field says.

    `name` is its section; one without is made of flags.
    """
    for key, within in _bounds(type(section)):  # type: ignore[arg-type]  # a class is hashable
        value = getattr(section, key)
        if value is not None and not within.holds(value):
            named = f"{name}.{key} =" if name else key.replace("_", "-")
            raise ConfigError(f"{named} {shown(value)}: must be {within.said}")


def shown(value: object) -> str:
    """A wrong value as an error shows it."""
    try:
        return beginning(repr(value))
    except (ValueError, RecursionError):  # Python writes no whole number of more than 4,300 digits
        return "what is too long to be shown"


def beginning(text: str, most: int = _SHOWN) -> str:
    """A text, or how it begins where it has more characters."""
    return text if len(text) <= most else f"{text[:most]}..."
