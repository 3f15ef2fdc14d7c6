"""The nine proofs that every trace carries: each measures one number on this sentence and holds it against a limit.

Together they say that training and inference are the same function, computed on two schedules, and that what a trace
shows is what was served. On a model that is whole all nine hold; they are acceptance tests of the layers.

Dimensions: S source, T target, D model, H heads, K head width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dragoman.explain.trace.layers import Attention, Pass
from dragoman.explain.trace.trials import TwinPlace
from dragoman.explain.trace.values import Proof
from dragoman.explain.watch.beam import Searched
from dragoman.explain.watch.broken import Machine
from dragoman.explain.watch.record import Tape
from dragoman.ids import PAD
from dragoman.protocols import Decodable
from dragoman.transformer.attention import merge_heads
from dragoman.transformer.model import Transformer

SUMS, ARITHMETIC, CLOSE, EXACT = 1e-6, 1e-5, 1e-4, 0.0
NEIGHBOUR = 3  # tokens by which the other sentence of the padded batch is longer
MOST_POSITIONS = 64  # positions whose gradients and prefixes are looked at

STATEMENTS = {
    "rows_sum_to_one": "each row of attention sums to 1 over what its mask allows, and is exactly 0 elsewhere",
    "arithmetic": "softmax(q k^T * scale + mask) v, computed again from the recorded q, k and v, is the head's output",
    "no_future": "the gradient of the logits at t with respect to every later input is exactly 0",
    "train_equals_infer": "fed its own words, row t of the one training pass is step t of the inference loop",
    "cache_equals_full": "each step with the cache gives the logits of the whole prefix computed anew",
    "pad_free": "the sentence alone gives the logits it has in a batch, padded beside a longer one",
    "encoder_once": "the encoder ran once, and every step asked the same keys and values",
    "traced_equals_served": "the tokens and logits of the watched search are those of the search that serves",
    "order_needs_positions": "with its words in another order the sentence gives the same logits without "
    "positions, and others with them",
}


@dataclass(frozen=True)
class Evidence:
    """What the proofs are about: a sentence, what the model made of it, and the machines that did."""

    machine: Machine  # not watched
    padded: Machine  # watched, and has run nothing yet
    tape: Tape
    passes: Sequence[Pass]  # with every position
    source: Tensor  # [1, S]
    traced: Searched
    served: Searched
    encoder_passes: int
    twins: Sequence[TwinPlace]  # how far apart the sentence is from the one with its words in another order

    @property
    def module(self) -> Transformer:
        return self.machine.module

    @property
    def read(self) -> Tensor:
        """Which tokens of the source are looked at [1, S]."""
        return self.module.read(self.source, self.source != PAD)

    @property
    def fed(self) -> Tensor:
        """The winner's inputs [1, T]."""
        return torch.tensor([self.traced.fed], device=self.source.device)


def prove(evidence: Evidence) -> tuple[Proof, ...]:
    """All nine, in the order in which STATEMENTS tells them."""
    module, read = evidence.module, evidence.read
    memory = module.encode(evidence.source, read)  # of three proofs: nothing of it hangs on what is written
    parallel = module.logits(module.decode(evidence.fed, memory, read))[0].float()
    padded = _parallel(evidence.padded.module, evidence.source, evidence.fed, NEIGHBOUR)
    measured = {
        # The padded batch too: alone, a sentence has no padding that could be looked at.
        "rows_sum_to_one": (max(_sums(evidence.tape), _sums(evidence.padded.tape)), SUMS),
        "arithmetic": (_arithmetic(evidence), ARITHMETIC),
        "no_future": (_future(evidence, memory), EXACT),
        "train_equals_infer": (_apart(parallel, evidence.traced.logits), CLOSE),
        "cache_equals_full": (_cache(evidence, memory), CLOSE),
        "pad_free": (_apart(padded, parallel), CLOSE),
        "encoder_once": (_encoder(evidence), EXACT),
        "traced_equals_served": (_served(evidence), CLOSE),
        "order_needs_positions": (_order(evidence), CLOSE),
    }
    return _proofs(measured)


def _proofs(measured: Mapping[str, tuple[float, float]]) -> tuple[Proof, ...]:
    return tuple(
        Proof(name, STATEMENTS[name], value, limit, value <= limit)
        for name, (value, limit) in measured.items()
    )


def _apart(a: Tensor, b: Tensor) -> float:
    """The largest difference of two tables of logits."""
    return float((a - b).abs().max())


def _parallel(module: nn.Module, source: Tensor, inputs: Tensor, pad: int = 0) -> Tensor:
    """Logits [T, V] of one pass over inputs [1, T]; with `pad`, beside a source that is longer by so many tokens."""
    if pad:
        longer = source[:, torch.arange(source.size(1) + pad) % source.size(1)]
        source, inputs = torch.cat((F.pad(source, (0, pad), value=PAD), longer)), inputs.expand(2, -1)
    return module(source, source != PAD, inputs)[0].float()


# -- what was recorded --------------------------------------------------------------------------------------------


def _sums(tape: Tape) -> float:
    worst = 0.0
    for calls in tape.calls.values():
        for call in calls:
            if "allowed" in call:
                weights, allowed = call["weights"].double(), call["allowed"][:, None]  # [N, H, S], [N, 1, S]
                sums = (weights * allowed).sum(-1)
                hidden = (weights * ~allowed).abs().max()
                worst = max(worst, float((sums - 1).abs().max()), float(hidden))
    return worst


def _arithmetic(evidence: Evidence) -> float:
    """Each head from its q, k and v, in NumPy and fp64; and each layer from its heads."""
    heads = (_head_error(attention) for found in evidence.passes for attention in _attentions(found))
    return max(*heads, *_layer_errors(evidence))


def _attentions(found: Pass) -> Iterable[Attention]:
    yield from (layer.self for layer in found.encoder)
    for layer in found.decoder:
        yield from (attention for attention in (layer.self, layer.cross) if attention is not None)


def _head_error(attention: Attention) -> float:
    assert attention.q is not None and attention.k is not None and attention.v is not None
    q, k, v = (x.astype(np.float64) for x in (attention.q, attention.k, attention.v))
    scores = q @ k.transpose(0, 2, 1) * attention.scale  # [H, T, S]
    if attention.bias is not None:
        scores += attention.bias
    scores = np.where(np.array(attention.allowed, bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return max(
        float(np.abs(weights - attention.weights).max()),
        float(np.abs(weights @ v - attention.output).max()) / _size(v),
    )


def _layer_errors(evidence: Evidence) -> Iterable[float]:
    """What each layer returned against its recorded heads, merged and projected."""
    for name, module in evidence.module.named_modules():
        for call in evidence.tape.calls.get(name, ()):
            if "answer" in call:
                merged = merge_heads(call["output"][:, :, None])  # [N, H, 1, K] -> [N, 1, D]
                yield _apart(module.output(merged).squeeze(1), call["answer"]) / _size(call["answer"])


def _size(values: np.ndarray | Tensor) -> float:
    """What an error of fp32 is a share of: the largest value, where that is above 1."""
    return max(1.0, float(values.max()), float(-values.min()))


# -- what the model does ------------------------------------------------------------------------------------------


def _future(evidence: Evidence, memory: Tensor) -> float:
    """One copy of the sentence for each position t, one gradient for all: copy t asks for its logits at t only."""
    module = evidence.module
    positions = min(evidence.fed.size(1), MOST_POSITIONS)
    # Outside inference mode: its tensors have no gradients.
    with torch.inference_mode(False), torch.enable_grad():
        fed, real = evidence.fed[:, :positions].clone(), evidence.read.clone()
        memory = memory.clone().expand(positions, -1, -1)
        x = module.target_input(fed, module.target_table).expand(positions, -1, -1).clone().requires_grad_()
        hidden = module.decoder(x, memory, real[:, None, None, :])  # [T, T, D]
        each = torch.arange(positions, device=x.device)
        # All logits of a row in one number, each with a sign of its own, so that nothing cancels by design.
        sign = torch.ones(module.output_weight.size(0), device=x.device)
        sign[::2] = -1
        total = (hidden[each, each] @ (sign @ module.output_weight)).sum()
        (gradient,) = torch.autograd.grad(total, x)
        later = torch.ones(positions, positions, device=x.device).triu(1).bool()
        reached = gradient.abs().amax(-1)[later]
    return float(reached.max()) if reached.numel() else 0.0


def _cache(evidence: Evidence, memory: Tensor) -> float:
    fed = evidence.fed[:, :MOST_POSITIONS]
    count = fed.size(1)
    cached = evidence.traced.logits[:count]
    if not evidence.machine.cached:
        cached = _stepped(evidence.module, evidence.source, fed)
    decode, read = evidence.module.decode, evidence.read
    hidden = [decode(fed[:, : t + 1], memory, read)[0, -1] for t in range(count)]
    return _apart(evidence.module.logits(torch.stack(hidden)), cached)


def _stepped(model: Decodable, source: Tensor, fed: Tensor) -> Tensor:
    """Logits [T, V] of a loop over the tokens fed [1, T]."""
    state = model.start(source, source != PAD)
    rows = []
    for t in range(fed.size(1)):
        logits, state = model.step(fed[:, t : t + 1], state)
        rows.append(logits[0])
    return torch.stack(rows)


def _encoder(evidence: Evidence) -> float:
    """Runs of the encoder beyond the first, and keys beyond the first ones."""
    memories = [len(seen) for seen in evidence.tape.memories.values()]
    return float(evidence.encoder_passes - 1 + max(memories, default=1) - 1)


def _served(evidence: Evidence) -> float:
    """The largest difference of logits; or, where the words differ, how many, which is past any limit."""
    traced, served = evidence.traced, evidence.served
    if traced.best.tokens != served.best.tokens or traced.fed != served.fed:
        pairs = zip(traced.best.tokens, served.best.tokens, strict=False)
        lengths = abs(len(traced.best.tokens) - len(served.best.tokens))
        return 1.0 + lengths + sum(a != b for a, b in pairs)
    return _apart(traced.logits, served.logits)


def _order(evidence: Evidence) -> float:
    """How far the logits are apart without positions; past any limit where positions part nothing either."""
    logits = evidence.twins[-1]
    return logits.bare if logits.placed > CLOSE else 1.0 + logits.bare


# -- a model of which only the doors are known ----------------------------------------------------------------------


def prove_outside(
    module: nn.Module, source: Tensor, found: Searched, looked: np.ndarray | None, encoder_passes: int
) -> tuple[Proof, ...]:
    """The proofs that need no layer; looked [T, S] is its attention, if it has one."""
    fed = torch.tensor([found.fed], device=source.device)
    parallel = _parallel(module, source, fed)
    count = min(fed.size(1), MOST_POSITIONS)
    full = torch.stack([_parallel(module, source, fed[:, : t + 1])[-1] for t in range(count)])
    sums = {} if looked is None else {"rows_sum_to_one": (float(np.abs(looked.sum(-1) - 1).max()), SUMS)}
    measured = sums | {
        "train_equals_infer": (_apart(parallel, found.logits), CLOSE),
        "cache_equals_full": (_apart(full, found.logits[:count]), CLOSE),
        "pad_free": (_apart(_parallel(module, source, fed, NEIGHBOUR), parallel), CLOSE),
        "encoder_once": (float(encoder_passes - 1), EXACT),
    }
    return _proofs(measured)
