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

from dragoman.decoding.search import search
from dragoman.errors import UsageError
from dragoman.explain.trace.tokens import tokens_of
from dragoman.explain.trace.trials import MOST_STEPS, Box, TaughtRow, Teaching, Translations
from dragoman.explain.watch.subject import Subject, subject_of
from dragoman.explain.watch.teacher import shifted
from dragoman.text.joining import tidy
from dragoman.text.languages import base_language
from dragoman.transformer.model import Transformer

RATE = 0.01  # the gradient of one sentence has a norm of some 10, so a step moves the weights by about 0.1
OTHERS = 3

OTHER_SENTENCES = Path(__file__).with_name("others.toml")  # what the lesson is not about


@dataclass(frozen=True)
class Look:
    """One forward pass with its gradients: loss in nats a token, p(label) of each row [T], gradients by name."""

    loss: float
    p: list[float]
    gradients: Mapping[str, Tensor]
    output: Tensor | None  # [V, D]: the output projection's share of a table that the embedding has too


def check_steps(steps: int) -> None:
    """Raises UsageError."""
    if not 1 <= steps <= MOST_STEPS:
        raise UsageError(f"{steps} steps of teaching: there can be 1 to {MOST_STEPS}")


def taught(subject: Subject, steps: int) -> Teaching:
    """So many steps of gradient descent on a copy, with the subject's labels. Raises UsageError without labels."""
    check_steps(steps)
    if not subject.labels:
        raise UsageError("there is nothing to teach: give a --reference that the model can read")
    with torch.inference_mode(False), torch.enable_grad():
        student = copy.deepcopy(subject.module).float().eval().requires_grad_(True)
    others = _other_subjects(subject)
    watched = [subject, *others]
    before = [_translation(student, one) for one in watched]
    looks = [look(student, subject)]
    for _ in range(steps):
        step(student, looks[-1].gradients)
        looks.append(look(student, subject))
        if not math.isfinite(looks[-1].loss):
            raise UsageError(f"the loss is {looks[-1].loss} after {len(looks) - 1} steps: teach fewer")
    after = [_translation(student, one) for one in watched]
    own, *rest = map(Translations, [one.prepared for one in watched], before, after)
    return Teaching(
        RATE,
        sum(weight.numel() for weight in student.parameters()),
        _moved(subject.module, student),
        tuple(look.loss for look in looks),
        tuple(norm(look.gradients.values()) for look in looks[:-1]),
        _rows(subject, looks),
        _boxes(student, looks[:-1]),
        own,
        tuple(rest),
    )


def look(module: nn.Module, subject: Subject) -> Look:
    names, weights = zip(*module.named_parameters(), strict=True)
    with torch.inference_mode(False), torch.enable_grad():
        source, labels = subject.source(), torch.tensor(subject.labels, device=subject.translator.device)
        inputs = torch.tensor([shifted(subject.labels, None)], device=source.device)
        real, hidden = torch.ones_like(source, dtype=torch.bool), None
        if isinstance(module, Transformer):
            real = module.read(source, real)
            hidden = module.decode(inputs, module.encode(source, real), real)  # [1, T, D]
            logits = module.logits(hidden)
        else:
            logits = module(source, real, inputs)
        loss = F.cross_entropy(logits[0], labels)
        of_logits, *found = torch.autograd.grad(loss, [logits, *weights], allow_unused=True)
        p = logits[0].detach().softmax(-1).gather(1, labels[:, None])[:, 0]
        output = None if hidden is None else of_logits[0].T @ hidden[0].detach()
    gradients = {
        name: torch.zeros_like(weight) if one is None else one
        for name, weight, one in zip(names, weights, found, strict=True)
    }
    return Look(loss.item(), p.tolist(), gradients, output)


def step(module: nn.Module, gradients: Mapping[str, Tensor]) -> None:
    with torch.inference_mode(False), torch.no_grad():
        for name, weight in module.named_parameters():
            weight.sub_(gradients[name], alpha=RATE)


def norm(tensors: Iterable[Tensor]) -> float:
    return math.sqrt(sum(float(one.double().square().sum()) for one in tensors))


def _moved(whole: nn.Module, student: nn.Module) -> float:
    pairs = zip(whole.parameters(), student.parameters(), strict=True)
    return norm([new.detach() - old.detach().float() for old, new in pairs]) / max(
        norm([old.detach() for old in whole.parameters()]), 1e-12
    )


def _rows(subject: Subject, looks: Sequence[Look]) -> tuple[TaughtRow, ...]:
    tokenizer, reference = subject.target_tokenizer, subject.reference or ""
    read = tokens_of(tokenizer, shifted(subject.labels, None), reference)
    wanted = tokens_of(tokenizer, subject.labels, reference)
    return tuple(
        TaughtRow(t, token, label, tuple(look.p[t] for look in looks))
        for t, (token, label) in enumerate(zip(read, wanted, strict=True))
    )


# -- the boxes of the figure --------------------------------------------------------------------------------------


def _boxes(module: nn.Module, looks: Sequence[Look]) -> tuple[Box, ...]:
    each = [_by_box(module, look) for look in looks]
    return tuple(Box(name, tuple(norm(found[name]) for found in each)) for name in each[0])


def _by_box(module: nn.Module, look: Look) -> dict[str, list[Tensor]]:
    """A table that embeds and projects is two boxes of the figure, each with its own share of the gradient."""
    found: dict[str, list[Tensor]] = {}
    table = module.output_weight if isinstance(module, Transformer) else None
    for name, weight in module.named_parameters():
        gradient = look.gradients[name]
        if weight is table and look.output is not None:
            gradient = gradient - look.output
            if name.startswith("output"):
                continue
        found.setdefault(box_of(name), []).append(gradient)
    if look.output is not None:
        found.setdefault("output", []).append(look.output)
    return found


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


def _translation(module: nn.Module, subject: Subject) -> str:
    source = subject.source()
    real = torch.ones_like(source, dtype=torch.bool)
    with torch.inference_mode():
        best = search(module, source, real, subject.options, prefixes=[subject.prefix])[0][0]  # type: ignore[arg-type]
    return tidy(subject.target_tokenizer.decode(best.tokens), subject.translator.languages[1])
