"""One pair taught to a copy of the model, step by step: loss, gradient, step. The weights that serve are never touched.

Plain gradient descent on the cross-entropy of the reader's own pair, without dropout and without an optimiser, so that
nothing stands between the gradient and what it changes.

Dimensions: S source, T target, D model, V vocabulary.
"""

from __future__ import annotations

import copy
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from dragoman.decoding.search import search
from dragoman.errors import UsageError
from dragoman.explain.trace.tokens import tokens_of
from dragoman.explain.trace.trials import MOST_STEPS, Box, TaughtRow, Teaching, Translations
from dragoman.explain.watch.subject import Subject, subject_of
from dragoman.explain.watch.teacher import shifted
from dragoman.ids import PAD
from dragoman.text.joining import tidy
from dragoman.text.languages import base_language
from dragoman.transformer.model import Transformer

RATE = 0.01  # the gradient of one sentence has a norm of some 10, so a step moves the weights by about 0.1
OTHERS = 3

OTHER_SENTENCES = Path(__file__).with_name("others.toml")  # what the lesson is not about


@dataclass(frozen=True)
class Answer:
    """One forward pass: loss in nats a token, p(label) of each row [T]."""

    loss: float
    p: list[float]


@dataclass(frozen=True)
class Look:
    """A forward pass with its gradients by name."""

    answer: Answer
    gradients: Mapping[str, Tensor]
    output: Tensor | None  # [V, D]: the output projection's share of a table that the embedding has too


def check_steps(steps: int) -> None:
    """Raises UsageError."""
    if not 1 <= steps <= MOST_STEPS:
        raise UsageError(f"{steps} steps of teaching: there can be 1 to {MOST_STEPS}")


def taught(subject: Subject, steps: int) -> Teaching:
    """So many steps of gradient descent on a copy, with the subject's labels, of which there are some."""
    check_steps(steps)
    with torch.inference_mode(False), torch.enable_grad():
        student = copy.deepcopy(subject.module).float().eval().requires_grad_(True)
    watched = [subject, *_other_subjects(subject)]
    before = _translations(student, watched)
    answers, norms, boxes = list[Answer](), list[float](), list[dict[str, float]]()
    for _ in range(steps):  # of gradients only the norms are kept: they weigh as much as the model
        seen = look(student, subject)
        answers.append(_finite(seen.answer, len(answers)))
        squares = {name: _square(one) for name, one in seen.gradients.items()}
        norms.append(math.sqrt(sum(squares.values())))
        boxes.append(_by_box(student, seen, squares))
        step(student, seen.gradients)
    answers.append(_finite(answer(student, subject), steps))
    after = _translations(student, watched)
    own, *rest = map(Translations, [one.prepared for one in watched], before, after)
    return Teaching(
        RATE,
        sum(weight.numel() for weight in student.parameters()),
        _moved(subject.module, student),
        tuple(one.loss for one in answers),
        tuple(norms),
        _rows(subject, answers),
        tuple(Box(name, tuple(found[name] for found in boxes)) for name in boxes[0]),
        own,
        tuple(rest),
    )


def _finite(answer: Answer, steps: int) -> Answer:
    if steps and not math.isfinite(answer.loss):
        raise UsageError(f"the loss is {answer.loss} after {steps} steps: teach fewer")
    return answer


def answer(module: nn.Module, subject: Subject) -> Answer:
    with torch.inference_mode(False), torch.no_grad():
        logits, _ = _forward(module, subject)
        return _answer(logits, _loss(logits, subject), subject)


def look(module: nn.Module, subject: Subject) -> Look:
    names, weights = zip(*module.named_parameters(), strict=True)
    with torch.inference_mode(False), torch.enable_grad():
        logits, hidden = _forward(module, subject)
        loss = _loss(logits, subject)
        of_logits, *found = torch.autograd.grad(loss, [logits, *weights], allow_unused=True)
        output = None if hidden is None else of_logits[0].T @ hidden[0].detach()
    gradients = {
        name: torch.zeros_like(weight) if one is None else one
        for name, weight, one in zip(names, weights, found, strict=True)
    }
    return Look(_answer(logits.detach(), loss, subject), gradients, output)


def _forward(module: nn.Module, subject: Subject) -> tuple[Tensor, Tensor | None]:
    """Logits [1, T, V] of the pair, and of a Transformer what they are made of [1, T, D]."""
    source = subject.source()
    inputs = torch.tensor([shifted(subject.labels, None)], device=source.device)
    real = torch.ones_like(source, dtype=torch.bool)
    if not isinstance(module, Transformer):
        return module(source, real, inputs), None
    real = module.read(source, real)
    hidden = module.decode(inputs, module.encode(source, real), real)
    return module.logits(hidden), hidden


def _labels(subject: Subject) -> Tensor:
    return torch.tensor(subject.labels, device=subject.translator.device)


def _loss(logits: Tensor, subject: Subject) -> Tensor:
    return F.cross_entropy(logits[0], _labels(subject))


def _answer(logits: Tensor, loss: Tensor, subject: Subject) -> Answer:
    p = logits[0].softmax(-1).gather(1, _labels(subject)[:, None])[:, 0]
    return Answer(loss.item(), p.tolist())


def step(module: nn.Module, gradients: Mapping[str, Tensor]) -> None:
    with torch.inference_mode(False), torch.no_grad():
        for name, weight in module.named_parameters():
            weight.sub_(gradients[name], alpha=RATE)


def norm(tensors: Iterable[Tensor]) -> float:
    return math.sqrt(sum(map(_square, tensors)))


def _square(x: Tensor) -> float:
    """Of its length, summed in fp64 without a copy in fp64: that took a third of the time of teaching."""
    return float(torch.linalg.vector_norm(x, dtype=torch.float64)) ** 2


def _moved(whole: nn.Module, student: nn.Module) -> float:
    pairs = zip(whole.parameters(), student.parameters(), strict=True)
    return norm([new.detach() - old.detach().float() for old, new in pairs]) / max(
        norm([old.detach() for old in whole.parameters()]), 1e-12
    )


def _rows(subject: Subject, answers: Sequence[Answer]) -> tuple[TaughtRow, ...]:
    tokenizer, reference = subject.target_tokenizer, subject.reference or ""
    read = tokens_of(tokenizer, shifted(subject.labels, None), reference)
    wanted = tokens_of(tokenizer, subject.labels, reference)
    return tuple(
        TaughtRow(t, token, label, tuple(one.p[t] for one in answers))
        for t, (token, label) in enumerate(zip(read, wanted, strict=True))
    )


# -- the boxes of the figure --------------------------------------------------------------------------------------


def _by_box(module: nn.Module, look: Look, squares: Mapping[str, float]) -> dict[str, float]:
    """The norm in each, from the squared norm of each weight's gradient.

    A table that embeds and projects is two boxes of the figure, each with its own share of the gradient.
    """
    found: dict[str, float] = {}
    table = module.output_weight if isinstance(module, Transformer) else None
    for name, weight in module.named_parameters():
        square = squares[name]
        if weight is table and look.output is not None:
            if name.startswith("output"):
                continue
            square = _square(look.gradients[name] - look.output)
        found[box_of(name)] = found.get(box_of(name), 0.0) + square
    if look.output is not None:
        found["output"] = found.get("output", 0.0) + _square(look.output)
    return {name: math.sqrt(square) for name, square in found.items()}


def box_of(name: str) -> str:
    """encoder.layers.0.self_attention.q.weight -> encoder.1.self; of another model, the part that owns the weight."""
    parts = name.split(".")
    if name == "output_bias":
        return "output"
    if "embedding" in parts[0] or parts[0].endswith("_input"):
        return "embedding"
    if parts[1:2] == ["layers"] and len(parts) > 4:
        kinds = {"self_attention": "self", "cross_attention": "cross", "feed_forward": "feed"}
        return f"{parts[0]}.{int(parts[2]) + 1}.{kinds.get(parts[3], 'norm')}"
    return ".".join(parts[:-1]) or name


# -- what else it did -----------------------------------------------------------------------------------------------


def _other_subjects(subject: Subject) -> list[Subject]:
    """Of a language that has no sentences here: none."""
    language = base_language(subject.translator.languages[0])
    known = tomllib.loads(OTHER_SENTENCES.read_text(encoding="utf-8"))
    texts = [text for text in known.get(language, ()) if text != subject.prepared]
    found = [subject_of(subject.translator, text, None, "", {}) for text in texts[:OTHERS]]
    return [replace(one, options=subject.options) for one in found]


def _translations(module: nn.Module, subjects: Sequence[Subject]) -> list[str]:
    """Of all in one batch, which takes as many steps as the longest alone."""
    sources = pad_sequence([one.source()[0] for one in subjects], batch_first=True, padding_value=PAD)
    with torch.inference_mode():
        found = search(
            module,  # type: ignore[arg-type]
            sources,
            sources != PAD,
            subjects[0].options,
            prefixes=[one.prefix for one in subjects],
            placeholders=subjects[0].placeholders,
        )
    return [
        tidy(one.target_tokenizer.decode(best.tokens), one.translator.languages[1])
        for one, (best, *_) in zip(subjects, found, strict=True)
    ]
