"""Watch a Transformer from outside: wraps the methods of a private copy and writes what passes through them on a tape.

No layer knows of it, and a model that other threads use is never touched: the copy shares only the weights. Beside
each attention the pure function of transformer/attention.py is called with the arguments that the layer passed.

Dimensions: R rows (beams), n new tokens, N = R n, B batch, T queries, S keys, D model, H heads, K head width,
F feed-forward.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from dragoman.transformer.attention import KVCache, MultiHeadAttention, attention_weights
from dragoman.transformer.embedding import InputEmbedding
from dragoman.transformer.encoder import Encoder
from dragoman.transformer.sublayers import FeedForward, Residual

Call = dict[str, Tensor]


@dataclass
class Tape:
    """What each module computed: its calls, in order. The first dimension of every tensor is N."""

    calls: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    # The keys that each cross-attention asked, every time they were other ones than before.
    memories: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))

    def write(self, name: str, **tensors: Tensor) -> None:
        self.calls[name].append({key: tensor.detach() for key, tensor in tensors.items()})


def private_copy(module: nn.Module) -> nn.Module:
    """The same model with modules of its own, to be wrapped, in evaluation mode; the weights are shared, not copied."""
    return _twin(module, {})


def _twin(module: nn.Module, made: dict[int, nn.Module]) -> nn.Module:
    """A module in evaluation mode, with the same attributes and twins of its parts; in two places it is one twin.

    copy.deepcopy would do, in twenty times as long: a trace makes six copies of some thousand objects.
    """
    if id(module) not in made:
        twin = made[id(module)] = module.__class__.__new__(module.__class__)
        twin.__dict__.update(module.__dict__)
        for name in ("_parameters", "_buffers"):
            twin.__dict__[name] = dict(module.__dict__[name])
        parts = {name: part and _twin(part, made) for name, part in module._modules.items()}
        twin.__dict__.update(_modules=parts, training=False)
    return made[id(module)]


def wrap(module: nn.Module, method: str, wrapper: Callable[..., Any]) -> None:
    """Let `wrapper(original, *arguments)` stand for a method of this one instance."""
    original = getattr(module, method)
    setattr(module, method, lambda *arguments: wrapper(original, *arguments))


@contextmanager
def answers(parts: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """What these parts of a private copy return meanwhile, in order. Not by hooks: a copy shares those of its model."""
    seen: list[Tensor] = []

    def keep(original: Callable[..., Tensor], *given: Tensor) -> Tensor:
        seen.append(original(*given))
        return seen[-1]

    before = [vars(part).get("forward") for part in parts]
    for part in parts:
        wrap(part, "forward", keep)
    try:
        yield seen
    finally:
        for part, forward in zip(parts, before, strict=True):
            if forward is None:
                del part.forward
            else:
                vars(part)["forward"] = forward


def watch(module: nn.Module) -> Tape:
    """Wrap every part of a private copy; what it computes from now on is on the tape, by the module's path."""
    tape = Tape()
    watchers: dict[type, Callable[[str, Any, Tape], None]] = {
        MultiHeadAttention: _watch_attention,
        Residual: _watch_residual,
        FeedForward: _watch_feed_forward,
        InputEmbedding: _watch_embedding,
        Encoder: _watch_encoder,
    }
    for name, part in list(module.named_modules()):
        for kind, watcher in watchers.items():
            if isinstance(part, kind):
                watcher(name, part, tape)
    return tape


def rows(x: Tensor) -> Tensor:
    """[R, n, D] or [1, R n, D] -> [N, D]: the layers of a step shape its rows in either way."""
    return x.flatten(0, 1)


def head_rows(x: Tensor) -> Tensor:
    """[R, H, n, K] or [1, H, R n, K] -> [N, H, K]."""
    return x.transpose(1, 2).flatten(0, 1)


def _watch_attention(name: str, module: MultiHeadAttention, tape: Tape) -> None:
    of_memory = name.endswith("cross_attention")

    def attend(original: Callable[..., Tensor], q: Tensor, kv: KVCache, mask: Tensor | None) -> Tensor:
        answer = original(q, kv, mask)
        bias = module.positions.bias(q, kv.keys)  # [H, T, S]
        weights = attention_weights(q, kv.keys, mask, bias)  # [B, H, T, S]
        batch, _, queries, keys = weights.shape
        allowed = weights.new_ones(batch, 1, queries, keys, dtype=torch.bool)
        allowed = allowed if mask is None else allowed & mask
        biases = {} if bias is None else {"bias": head_rows(bias.expand(weights.shape))}
        tape.write(
            name,
            **biases,
            q=head_rows(q),
            scores=head_rows(q @ kv.keys.transpose(-2, -1)),
            weights=head_rows(weights),
            output=head_rows(weights @ kv.values),
            allowed=head_rows(allowed).squeeze(1),
            answer=rows(answer),
        )
        if of_memory:
            seen = tape.memories[name]
            if seen and seen[-1].data_ptr() == kv.keys.data_ptr():
                return answer
            seen.append(kv.keys)
        # Of a cache that grows, only what is new: the last positions.
        new = slice(None) if of_memory else slice(keys - queries, None)
        tape.write(f"{name}.memory", k=head_rows(kv.keys[:, :, new]), v=head_rows(kv.values[:, :, new]))
        return answer

    wrap(module, "attend", attend)


def _watch_residual(name: str, module: Residual, tape: Tape) -> None:
    read: list[Tensor] = []  # what `before` gave, until `after` is called

    def before(original: Callable[..., Tensor], x: Tensor) -> Tensor:
        read[:] = [original(x)]
        return read[0]

    def after(original: Callable[..., Tensor], x: Tensor, y: Tensor) -> Tensor:
        out = original(x, y)
        normed = read[0] if module.pre_norm else out
        sizes = {"x": x, "sublayer": y, "sum": x + y, "normed": normed}
        norms = {key: rows(tensor).norm(dim=-1) for key, tensor in sizes.items()}
        tape.write(name, **norms, out=rows(out))
        return out

    wrap(module, "before", before)
    wrap(module, "after", after)


def _watch_feed_forward(name: str, module: FeedForward, tape: Tape) -> None:
    def forward(original: Callable[..., Tensor], x: Tensor) -> Tensor:
        out = original(x)
        # relu, gelu and silu are above zero where what goes in is.
        fires = (module.inner if module.gate is None else module.gate)(x) > 0  # [.., F]
        active = rows(fires).float().mean(-1)
        tape.write(name, active=active, norm_in=rows(x).norm(dim=-1), norm_out=rows(out).norm(dim=-1))
        return out

    wrap(module, "forward", forward)


def _watch_embedding(name: str, module: InputEmbedding, tape: Tape) -> None:
    def forward(original: Callable[..., Tensor], tokens: Tensor, table: nn.Embedding, *offset: int) -> Tensor:
        out = original(tokens, table, *offset)
        token = table(tokens)
        scaled = token * module.scale
        tape.write(name, token=rows(token), scaled=rows(scaled), positions=rows(out - scaled), sum=rows(out))
        return out

    wrap(module, "forward", forward)


def _watch_encoder(name: str, module: Encoder, tape: Tape) -> None:
    def forward(original: Callable[..., Tensor], x: Tensor, mask: Tensor | None) -> Tensor:
        out = original(x, mask)
        tape.write(name, memory=rows(out))
        return out

    wrap(module, "forward", forward)
