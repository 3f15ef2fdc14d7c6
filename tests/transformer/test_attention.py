"""Attention against numbers worked by hand, and the properties every mask and cache must have."""

import math

import pytest
import torch

from dragoman.transformer.attention import (
    KVCache,
    MultiHeadAttention,
    attention,
    attention_weights,
    causal_mask,
    merge_heads,
    padding_mask,
    split_heads,
)
from dragoman.transformer.positions import ENCODINGS, Rotary, Sizes


def test_attention_of_two_tokens_by_hand() -> None:
    # With K = 1 the scores are products: [[1, 0], [0, 0]] ln 3; softmax of (ln 3, 0) is (3/4, 1/4).
    q = torch.tensor([[math.log(3)], [0.0]])
    k = torch.tensor([[1.0], [0.0]])
    v = torch.tensor([[8.0], [4.0]])
    torch.testing.assert_close(attention_weights(q, k), torch.tensor([[0.75, 0.25], [0.5, 0.5]]))
    torch.testing.assert_close(attention(q, k, v), torch.tensor([[7.0], [6.0]]))


def test_scores_are_divided_by_the_root_of_the_head_width() -> None:
    # q k = 4 ln 3 over width 4, divided by sqrt(4) twice over: 2 ln 3 -> softmax (9, 1) / 10.
    q = torch.full((1, 4), math.log(3))
    k = torch.stack((torch.ones(4), torch.zeros(4)))
    torch.testing.assert_close(attention_weights(q, k), torch.tensor([[0.9, 0.1]]))


def test_masked_keys_get_nothing_and_the_rest_sums_to_one() -> None:
    weights = attention_weights(torch.randn(2, 3, 5, 8), torch.randn(2, 3, 5, 8), causal_mask(5))
    assert torch.all(weights.triu(1) == 0)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 5))


def test_a_query_that_may_attend_to_nothing_stays_finite() -> None:
    # softmax over -inf alone is NaN; one empty sentence in a batch then destroys the gradients of all.
    q = torch.randn(1, 1, 2, 4, requires_grad=True)
    out = attention(q, torch.randn(1, 1, 3, 4), torch.randn(1, 1, 3, 4), torch.zeros(2, 3, dtype=torch.bool))
    out.sum().backward()
    assert out.isfinite().all() and q.grad.isfinite().all()


@pytest.mark.parametrize("queries", [1, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_without_gradients_it_is_the_same(queries: int, masked: bool) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(3, 2, length, 8) for length in (queries, 5, 5))
    mask = padding_mask(torch.arange(5) < torch.tensor([5, 2, 4])[:, None]) if masked else None
    with torch.no_grad():
        found = attention(q, k, v, mask)
    torch.testing.assert_close(found, attention(q, k, v, mask))
    torch.testing.assert_close(found, attention_weights(q, k, mask) @ v)


def test_causal_mask_is_aligned_to_the_end_of_the_keys() -> None:
    assert causal_mask(2, 4).tolist() == [[True, True, True, False], [True, True, True, True]]
    assert causal_mask(3).tolist() == torch.ones(3, 3, dtype=torch.bool).tril().tolist()


def test_heads_are_contiguous_slices_of_the_features() -> None:
    x = torch.arange(12.0).view(1, 2, 6)
    heads = split_heads(x, 3)
    assert heads.shape == (1, 3, 2, 2)
    assert heads[0, 1].tolist() == [[2, 3], [8, 9]]
    assert torch.equal(merge_heads(heads), x)


def test_cache_extended_step_by_step_equals_the_whole() -> None:
    k, v = torch.randn(2, 2, 5, 4), torch.randn(2, 2, 5, 4)
    cache = KVCache(k[:, :, :0], v[:, :, :0])
    for t in range(5):
        before = cache
        cache = cache.extend(KVCache(k[:, :, t : t + 1], v[:, :, t : t + 1]))
        assert before.length == t  # a value: the old one is untouched
    assert torch.equal(cache.keys, k) and torch.equal(cache.values, v)
    assert torch.equal(cache.select(torch.tensor([1, 1])).keys, k[[1, 1]])


@pytest.mark.parametrize("name", ENCODINGS)
def test_padding_changes_no_real_position(name: str) -> None:
    layer = MultiHeadAttention(8, 2, positions=ENCODINGS[name](Sizes(8, 2)))
    x = torch.randn(1, 5, 8)
    padded = torch.cat((x, torch.randn(1, 3, 8)), 1)
    real = torch.arange(8)[None] < 5
    out = layer(padded, padded, padding_mask(real))[:, :5]
    torch.testing.assert_close(out, layer(x, x), atol=1e-6, rtol=1e-5)


def test_rotary_attention_depends_on_distance_only() -> None:
    layer = MultiHeadAttention(8, 2, positions=Rotary(Sizes(8, 2)))
    x = torch.randn(1, 6, 8)
    here = attention_weights(layer.queries(x), layer.keys_values(x).keys)
    later = attention_weights(layer.queries(x, 40), layer.keys_values(x, 40).keys)
    torch.testing.assert_close(here, later, atol=1e-5, rtol=1e-4)
    swapped = x[:, [1, 0, 2, 3, 4, 5]]
    moved = attention_weights(layer.queries(swapped), layer.keys_values(swapped).keys)
    assert (moved[0, 0, 0, 1] - here[0, 0, 1, 0]).abs() > 1e-6  # and on order: it is not a bag of words
