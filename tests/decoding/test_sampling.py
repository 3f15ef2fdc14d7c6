"""Draws: where they fall, how often, and what they depend on."""

from __future__ import annotations

import pytest
import torch

from dragoman.decoding.sampling import draw, keep_likely, uniforms

LOGITS = torch.tensor([[0.5, 0.2, 0.15, 0.1, 0.05]]).log()


def support(logits: torch.Tensor) -> set[int]:
    return set((logits[0] > float("-inf")).nonzero().flatten().tolist())


@pytest.mark.parametrize(("k", "kept"), [(0, 5), (1, 1), (3, 3), (5, 5), (9, 5)])
def test_top_k_keeps_the_k_most_probable(k, kept):
    assert support(keep_likely(LOGITS, k, 1.0)) == set(range(kept))


@pytest.mark.parametrize(("p", "kept"), [(0.01, 1), (0.49, 1), (0.51, 2), (0.84, 3), (0.96, 5), (1.0, 5)])
def test_top_p_keeps_the_fewest_that_reach_p(p, kept):
    assert support(keep_likely(LOGITS, 0, p)) == set(range(kept))


def test_top_p_measures_what_top_k_has_left():
    # Of the first two, 0.5 and 0.2, the first alone holds 0.71.
    assert support(keep_likely(LOGITS, 2, 0.7)) == {0}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_are_as_frequent_as_the_tempered_probabilities(temperature):
    count = 20_000
    uniform = torch.from_numpy(uniforms(1, [4, 5], 0, count))
    drawn = draw(LOGITS.expand(count, -1), uniform, temperature, 0, 1.0)
    frequency = drawn.bincount(minlength=5) / count
    assert torch.allclose(frequency, (LOGITS[0] / temperature).softmax(0), atol=0.015)


def test_the_ends_of_the_interval_fall_on_possible_tokens():
    logits = torch.tensor([[float("-inf"), 0.0, float("-inf"), 1.0, float("-inf")]]).expand(2, -1)
    assert draw(logits, torch.tensor([0.0, 1 - 2**-32], dtype=torch.float64), 1.0, 0, 1.0).tolist() == [1, 3]


def test_numbers_depend_on_seed_sentence_and_draw_and_on_nothing_else():
    first = uniforms(1, [4, 5], 0, 8)
    assert (uniforms(1, [4, 5], 0, 16)[:8] == first).all()
    for other in (uniforms(2, [4, 5], 0, 8), uniforms(1, [5, 4], 0, 8), uniforms(1, [4, 5], 1, 8)):
        assert (other != first).all()
    assert first.min() >= 0 and first.max() < 1
