"""A model seen from outside only, through start, step, forward and align: recurrent encoder-decoders. Watches no layer.

Its trace has the loop, the tree of the beam, the loss table and where each step looked; q, k, v and the layers'
norms are not there.

Dimensions: S source, T target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dragoman.errors import UsageError
from dragoman.explain.trace.layers import Attention, DecoderLayer, Pass
from dragoman.explain.trace.values import Influence
from dragoman.explain.watch.beam import searched
from dragoman.explain.watch.broken import Clock, timed
from dragoman.explain.watch.inference import inference_mode, written
from dragoman.explain.watch.inside import Seen
from dragoman.explain.watch.passes import array, code_of, logit_rows
from dragoman.explain.watch.proofs import prove_outside
from dragoman.explain.watch.record import private_copy, wrap
from dragoman.explain.watch.subject import Subject
from dragoman.explain.watch.teacher import shifted, teacher_forced, training_mode

Align = Callable[[Tensor, Tensor, Tensor], Tensor]


def look_outside(module: nn.Module, subject: Subject, removed: str | None) -> Seen:
    """Raises UsageError where a part is to be removed: these models have none of those parts."""
    if removed is not None:
        raise UsageError(
            f"{removed!r} cannot be removed from a {type(module).__name__}: only a Transformer's parts can"
        )
    source, clock = subject.source(), Clock()
    copied = private_copy(module)
    wrap(copied.encoder, "forward", timed(clock))  # type: ignore[arg-type]
    asked = subject.options, subject.prefix, subject.placeholders
    found = searched(copied, source, *asked)  # type: ignore[arg-type]
    ran = Clock(clock.passes, clock.seconds)
    passed = _passed(module, subject, source, found.fed, found.logits)
    training, subject = None, subject.taught(written(subject, found))
    if subject.labels:
        inputs = shifted(subject.labels, None)
        logits = teacher_forced(module, source, inputs)
        taught = _passed(module, subject, source, inputs, logits)
        training = training_mode(subject, module, logits, inputs, (1, 1), taught)  # type: ignore[arg-type]
    looked = passed.decoder[0].cross.weights[0] if passed.decoder else None  # [T, S]
    influence = np.zeros((len(found.fed), source.size(1)), np.float32) if looked is None else looked
    return Seen(
        inference_mode(subject, found, found, ran, True, passed),
        training,
        Influence(influence, None),
        None,
        np.zeros((0, 0), np.float32),
        prove_outside(module, source, found, looked, ran.passes),
        (source.size(1), max(len(found.fed), len(subject.labels))),
        subject,
    )


def _passed(module: nn.Module, subject: Subject, source: Tensor, fed: Sequence[int], logits: Tensor) -> Pass:
    align: Align | None = getattr(module, "align", None)
    rows = logit_rows(logits.float(), subject.target_tokenizer)
    if align is None:
        return Pass(None, (), (), None, None, (), rows)
    weights = align(
        source, torch.ones_like(source, dtype=torch.bool), torch.tensor([fed], device=source.device)
    )
    attention = Attention(
        "decoder.1.cross",
        "cross",
        q_from="x",
        k_from="memory",
        v_from="memory",
        scale=1.0,
        mask="padding",
        code=code_of(module.step),
        shapes=(("weights", (1, 1, *weights.shape[1:])),),
        q=None,
        k=None,
        v=None,
        scores=None,
        weights=array(weights),  # [1, T, S]: one head
        output=None,
        allowed=((1,) * source.size(1),) * len(fed),
    )
    return Pass(None, (), (DecoderLayer(None, attention, None, ()),), None, None, (), rows)
