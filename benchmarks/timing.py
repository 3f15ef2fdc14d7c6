"""A stopwatch for steps, with a warm-up that does not count. Standard library only: every arm uses it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

FEWEST_STEPS = 3


@dataclass
class Stopwatch:
    """Collects steps until they have lasted `seconds`, after `warm_up` steps that are thrown away."""

    warm_up: int
    seconds: float
    steps: list[tuple[float, int]] = field(default_factory=list)  # seconds, target tokens

    def step(self, seconds: float, tokens: int) -> bool:
        """Note a step; True when it was the last one asked for."""
        if self.warm_up > 0:
            self.warm_up -= 1
            return False
        self.steps.append((seconds, tokens))
        return len(self.steps) >= FEWEST_STEPS and sum(taken for taken, _ in self.steps) >= self.seconds

    def result(self) -> dict[str, float]:
        """Target tokens a second over all steps, the median step, and how many there were."""
        taken, tokens = (sum(column) for column in zip(*self.steps, strict=True))
        return {
            "tokens_per_second": tokens / taken,
            "step_seconds": statistics.median(seconds for seconds, _ in self.steps),
            "steps": len(self.steps),
        }
