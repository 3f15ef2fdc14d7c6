"""Packed sentences against padded ones: rows, attention and its gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dragoman.processor import ROWS, filled
from dragoman.training.cpu import kernels
from dragoman.training.cpu.packed import Attention, AttentionPattern, Packing

compiled = pytest.mark.skipif(kernels.library() is None, reason="no C compiler on this machine")
D, HEADS = 64, 4
ONE_ROUNDING = 2**-8  # of bfloat16, relative


def real(*lengths: int) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize(("rows", "expected"), [(1, ROWS), (ROWS, ROWS), (ROWS + 1, 2 * ROWS)])
def test_rows_are_filled_up_to_few_numbers(rows: int, expected: int) -> None:
    assert filled(rows) == expected


def test_packing_takes_the_real_rows_in_order_and_puts_their_gradients_back() -> None:
    packing = Packing.of(real(2, 3, 1))
    x = torch.arange(18.0).view(3, 3, 2).requires_grad_()
    rows = packing.pack(x)
    assert rows.shape == (1, ROWS, 2)
    expected = torch.stack([x[0, 0], x[0, 1], x[1, 0], x[1, 1], x[1, 2], x[2, 0]]).detach()
    assert torch.equal(packing.real(rows), expected)
    assert not rows[0, 6:].any()
    assert packing.starts.tolist() == [0, 2, 5, 6] and packing.longest == 3
    slope = torch.randn(1, ROWS, 2)
    rows.backward(slope)  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert torch.equal(x.grad[real(2, 3, 1)], slope[0, :6])
    assert not x.grad[~real(2, 3, 1)].any()


def by_sentence(x: Tensor, memory: Tensor, parameters: list[Tensor], pattern: AttentionPattern) -> Tensor:
    """The reference in fp32, a sentence and a head at a time: softmax(q kᵀ / sqrt(K)) v."""
    q_weight, k_weight, v_weight, q_bias, k_bias, v_bias = parameters
    q, k, v = x @ q_weight.t() + q_bias, memory @ k_weight.t() + k_bias, memory @ v_weight.t() + v_bias
    out, width = torch.zeros_like(x), x.size(-1) // HEADS
    queries, keys = pattern.queries.starts.tolist(), pattern.keys.starts.tolist()
    for b in range(len(queries) - 1):
        asked, answered = slice(queries[b], queries[b + 1]), slice(keys[b], keys[b + 1])
        for h in range(HEADS):
            part = slice(h * width, (h + 1) * width)
            scores = q[0, asked, part] @ k[0, answered, part].t() / math.sqrt(width)
            if pattern.causal:
                scores = scores.masked_fill(torch.ones_like(scores).tril() == 0, -torch.inf)
            out[0, asked, part] = scores.softmax(-1) @ v[0, answered, part]
    return out


def close(found: Tensor | None, expected: Tensor | None, what: str, size: float = 0.0) -> None:
    """To a few roundings, of what is expected or of something `size` long."""
    assert found is not None and expected is not None
    error = float((found.detach().float() - expected.detach()).norm())
    assert error <= 3 * ONE_ROUNDING * max(float(expected.detach().norm()), size), what


@compiled
@pytest.mark.parametrize("kind", ["self", "causal", "cross"])
@pytest.mark.parametrize("lengths", [(1,), (5, 1, 16), (17, 33, 4), (70, 2)])
@pytest.mark.parametrize("places", ["none", "joined", "apart"])
def test_attention_is_that_of_each_sentence_alone(kind: str, lengths: tuple[int, ...], places: str) -> None:
    torch.manual_seed(1)
    queries = Packing.of(real(*lengths))
    keys = Packing.of(real(*reversed(lengths))) if kind == "cross" else queries
    pattern = AttentionPattern(queries, keys, causal=kind == "causal")
    x = queries.pack(torch.randn(*real(*lengths).shape, D)).bfloat16().requires_grad_()
    memory = x
    if kind == "cross":
        memory = keys.pack(torch.randn(*real(*lengths).shape, D)).bfloat16().requires_grad_()
    shapes = [(D, D)] * 3 + [(D,)] * 3
    weights = torch.randn(3, D, D) / math.sqrt(D)
    flat = torch.cat([weights.flatten(), torch.randn(3 * D)]).bfloat16()
    found_at = torch.zeros_like(flat)
    sizes = [math.prod(shape) for shape in shapes]
    parameters = [
        part.view(shape).requires_grad_() for part, shape in zip(flat.split(sizes), shapes, strict=True)
    ]  # type: ignore[no-untyped-call]
    if places == "joined":
        for parameter, place, shape in zip(parameters, found_at.split(sizes), shapes, strict=True):  # type: ignore[no-untyped-call]
            parameter.grad = place.view(shape)
    if places == "apart":
        parameters = [parameter.detach().clone().requires_grad_() for parameter in parameters]
    exact = [p.detach().float().requires_grad_() for p in parameters]
    exact_x = x.detach().float().requires_grad_()
    exact_memory = exact_x if memory is x else memory.detach().float().requires_grad_()

    found = Attention.apply(x, None if memory is x else memory, HEADS, pattern, *parameters)  # type: ignore[no-untyped-call]
    expected = by_sentence(exact_x, exact_memory, exact, pattern)
    slope = queries.pack(torch.randn(*real(*lengths).shape, D)).bfloat16()
    found.backward(slope)
    expected.backward(slope.float())  # type: ignore[no-untyped-call]

    close(found, expected, "result")
    assert not found[0, len(queries.places) :].any()
    close(x.grad, exact_x.grad, "x")
    close(memory.grad, exact_memory.grad, "memory")
    values = exact[5].grad
    assert values is not None
    for name, mine, theirs in zip(("wq", "wk", "wv", "bq", "bk", "bv"), parameters, exact, strict=True):
        # What adds the same to all scores of a query, or to the only one, has no gradient but roundings.
        none = name == "bk" or lengths == (1,)
        close(mine.grad, theirs.grad, name, float(values.norm()) if none else 0.0)
    if places == "joined":
        assert found_at.any(), "the gradients are written where the parameters keep them"


@compiled
def test_what_rows_beyond_the_last_token_hold_changes_nothing() -> None:
    packing = Packing.of(real(3, 2))
    x = packing.pack(torch.randn(2, 3, D)).bfloat16()
    parameters = [torch.randn(D, D).bfloat16() for _ in range(3)] + [
        torch.randn(D).bfloat16() for _ in range(3)
    ]
    found = Attention.apply(x, None, HEADS, AttentionPattern(packing, packing), *parameters)  # type: ignore[no-untyped-call]
    x[0, 5:] = 7
    again = Attention.apply(x, None, HEADS, AttentionPattern(packing, packing), *parameters)  # type: ignore[no-untyped-call]
    assert torch.equal(found, again)
