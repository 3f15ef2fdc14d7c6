"""The training mode of a trace: teacher forcing on a reference, and the same sentence free running beside it.

Training reads the reference shifted right and predicts all its tokens in one pass; what the model would have said at
one position changes nothing at the next. Free running feeds it its own words instead, as inference does.

Dimensions: S source, T target, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dragoman.explain.trace.layers import Pass
from dragoman.explain.trace.tokens import tokens_of
from dragoman.explain.trace.values import FreeRunning, FreeStep, Training, TrainingLoss, TrainingStep
from dragoman.explain.watch.passes import top_guesses
from dragoman.explain.watch.subject import Subject
from dragoman.ids import BOS, EOS
from dragoman.protocols import Decodable
from dragoman.text.tokenizer import Tokenizer

SPARE = 8  # tokens that free running may write beyond the reference before it is stopped


def shifted(labels: Sequence[int], removed: str | None) -> list[int]:
    """What the decoder reads: <s>, then every label but the last; without the shift, the labels themselves."""
    return list(labels) if removed == "shift" else [BOS, *labels[:-1]]


def teacher_forced(module: nn.Module, source: Tensor, inputs: Sequence[int]) -> Tensor:
    """Logits [T, V] of all positions, in one pass of encoder and decoder; source [1, S]."""
    target = torch.tensor([inputs], device=source.device)
    return module(source, torch.ones_like(source, dtype=torch.bool), target)[0].float()


def training_mode(
    subject: Subject,
    model: Decodable | None,
    logits: Tensor,
    inputs: Sequence[int],
    passes: tuple[int, int],
    passed: Pass,
) -> Training:
    """logits [T, V] are the answer to `inputs`; `passes` counts runs of encoder and decoder; `model`, if given, runs
    free."""
    tokenizer, labels, smoothing = subject.target_tokenizer, subject.labels, subject.label_smoothing
    reference = subject.reference or ""
    steps = _steps(tokenizer, inputs, labels, reference, logits, smoothing)
    total, smoothed = sum(step.loss for step in steps), sum(step.smoothed_loss for step in steps)
    first = passed.decoder[0].self if passed.decoder else None
    return Training(
        reference,
        tokens_of(tokenizer, inputs, reference),
        tokens_of(tokenizer, labels, reference),
        *passes,
        first.allowed if first is not None else (),
        steps,
        TrainingLoss(total, total / len(steps), smoothed / len(steps), len(steps), smoothing),
        FreeRunning((), (), None)
        if model is None
        else _free_running(model, tokenizer, subject.source(), labels),
        passed,
        True if subject.stands_in else None,
    )


def _steps(
    tokenizer: Tokenizer,
    inputs: Sequence[int],
    labels: Sequence[int],
    reference: str,
    logits: Tensor,
    smoothing: float,
) -> tuple[TrainingStep, ...]:
    """The table of time steps: logits [T, V]."""
    log_p = F.log_softmax(logits, -1)
    label = torch.tensor(labels, device=logits.device)[:, None]
    of_label = log_p.gather(1, label)  # [T, 1]
    ranks = (log_p > of_label).sum(1) + 1
    losses = -of_label[:, 0]
    # (1 - e) (-log p(label)) + e mean over V of (-log p): paper 5.4, as training/loss.py computes it.
    smoothed = (1 - smoothing) * losses - smoothing * log_p.mean(1)
    tops = top_guesses(log_p.exp(), tokenizer)
    columns = (losses.tolist(), smoothed.tolist(), ranks.tolist(), of_label[:, 0].exp().tolist())
    read, wanted = tokens_of(tokenizer, inputs, reference), tokens_of(tokenizer, labels, reference)
    return tuple(
        TrainingStep(t, token, goal, top[0], p, rank, loss, smooth, top)
        for t, (token, goal, top, loss, smooth, rank, p) in enumerate(
            zip(read, wanted, tops, *columns, strict=True)
        )
    )


def _free_running(
    model: Decodable, tokenizer: Tokenizer, source: Tensor, labels: Sequence[int]
) -> FreeRunning:
    """The most probable word at each step, fed back, until </s> or a little beyond the reference."""
    state = model.start(source, torch.ones_like(source, dtype=torch.bool))
    fed, rows = [BOS], list[Tensor]()
    while len(rows) < len(labels) + SPARE and fed[-1] != EOS:
        logits, state = model.step(torch.tensor([[fed[-1]]], device=source.device), state)
        rows.append(logits[0].float().softmax(-1))
        fed.append(int(rows[-1].argmax()))
    said = fed[1:]
    text = tokenizer.decode(said)
    tokens, inputs = tokens_of(tokenizer, said, text), tokens_of(tokenizer, fed[:-1], text)
    best = top_guesses(torch.stack(rows), tokenizer, 1)
    steps = tuple(
        FreeStep(t, inputs[t], best[t][0], float(p[labels[t]]) if t < len(labels) else None)
        for t, p in enumerate(rows)
    )
    pairs = zip(said, labels, strict=False)
    different = [t for t, (word, label) in enumerate(pairs) if word != label]
    return FreeRunning(tokens, steps, different[0] if different else None)
