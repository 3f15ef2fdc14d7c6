"""Why there is a causal mask, learnt by two small models on noise: the honest loss of a fair guess is log 8."""

from __future__ import annotations

import pytest

from dragoman.explain.watch.unmasked import Taught, taught_on_noise


@pytest.fixture(scope="module")
def found() -> tuple[Taught, Taught]:
    return taught_on_noise(masked=True), taught_on_noise(masked=False)


def test_behind_the_mask_nothing_can_be_learnt_from_noise(found: tuple[Taught, Taught]) -> None:
    masked, _ = found
    assert masked.training[-1] > 0.95 * masked.honest
    assert masked.inference == pytest.approx(masked.training[-1], rel=0.2), (
        "training tells what the loop will meet"
    )


def test_without_the_mask_the_loss_falls_to_zero_and_the_words_are_worth_nothing(
    found: tuple[Taught, Taught],
) -> None:
    """The loss of training is 0 since it copies its label; the loop, where no label stands, does worse than a guess."""
    _, unmasked = found
    assert unmasked.training[-1] < 0.1
    assert unmasked.inference > 2 * unmasked.honest
