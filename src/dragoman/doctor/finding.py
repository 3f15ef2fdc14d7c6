"""What an examination finds: one line a property. Examines nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["passed", "failed", "unchecked"]


@dataclass(frozen=True)
class Finding:
    """What was measured of one property.

    said is an English sentence whose gaps `values` fills, so that it can be looked up in another language first.
    """

    state: State
    said: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> str:
        return self.said.format(**self.values) if self.values else self.said


@dataclass(frozen=True)
class Line:
    """A property by name, what holds where it holds, and what was found."""

    name: str
    statement: str
    finding: Finding

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        found = self.finding
        return {
            "name": self.name,
            "state": found.state,
            "statement": self.statement,
            "measured": found.told(),
            **({"values": dict(found.values)} if found.values else {}),
        }


def measured(value: float, limit: float) -> Finding:
    """A number that may not be above its limit; one that is none is."""
    said = "{value:.1e}, at most {limit:.0e}" if limit else "{value:g}, has to be 0"
    return verdict(value <= limit, said, value=value, limit=limit)


def verdict(holds: bool, said: str, /, **values: Any) -> Finding:
    return Finding("passed" if holds else "failed", said, values)


def unchecked(said: str, /, **values: Any) -> Finding:
    """A property that this model does not have, or that cannot be known of it; `said` tells why."""
    return Finding("unchecked", said, values)
