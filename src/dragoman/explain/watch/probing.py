"""A small look at one sentence while a model learns: where each head looked, and what it thought of the reference.

One record a validation makes a time-lapse of attention, from noise to structure. Knows no training.

Dimensions: S source, T target, H heads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dragoman.decoding.options import DecodingOptions
from dragoman.errors import UsageError
from dragoman.explain.trace.codec import decoded, encoded
from dragoman.explain.trace.layers import Token
from dragoman.explain.trace.tokens import tokens_of
from dragoman.explain.watch.beam import searched
from dragoman.explain.watch.broken import machine
from dragoman.explain.watch.passes import array
from dragoman.explain.watch.record import private_copy
from dragoman.explain.watch.teacher import shifted, teacher_forced
from dragoman.files import publish
from dragoman.ids import EOS
from dragoman.processor import one_thread
from dragoman.text.tokenizer import Tokenizer
from dragoman.transformer.model import Transformer

FORMAT, VERSION = "dragoman.probe", 1
GREEDY = DecodingOptions(beam_size=1, max_length=64)


@dataclass(frozen=True, eq=False)
class CrossWeights:
    """One layer's cross-attention, all heads."""

    name: str
    weights: np.ndarray = field(metadata={"dims": ("head", "target", "key")})


@dataclass(frozen=True, eq=False)
class Probe:
    """One sentence at one step of training. Row t of the weights belongs to labels[t]."""

    step: int
    text: str  # what the model writes, greedily
    source: tuple[Token, ...]
    labels: tuple[Token, ...]  # the reference; what it writes where there is none
    p_label: tuple[float, ...]
    loss: float  # nats a token
    attention: tuple[CrossWeights, ...]

    def to_json(self) -> str:
        """One line."""
        record = {"format": FORMAT, "version": VERSION, **encoded(self)}
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


@one_thread()
def probe(
    module: nn.Module,
    source_tokenizer: Tokenizer,
    target_tokenizer: Tokenizer,
    source: str,
    target: str | None,
    step: int,
    before: Sequence[int] = (),
) -> Probe:
    """Look at a sentence through `module` as it is now, of any precision, on any device; it is not changed.

    source and target are texts as the corpus was prepared, `before` the symbols in front of the source. With a target
    the axes of all probes are the same.
    """
    device = next(module.parameters()).device
    ids = [*before, *source_tokenizer.encode(source), EOS]
    sentence = torch.tensor([ids], device=device)
    module = private_copy(module)  # in evaluation mode, whatever this one is in
    with torch.inference_mode():
        best = searched(module, sentence, GREEDY, target_tokenizer.lead).best  # type: ignore[arg-type]
        labels = [*(best.tokens if target is None else target_tokenizer.encode(target)), EOS]
        logits, attention = _taught(module, sentence, labels)
    text = target_tokenizer.decode(best.tokens)
    log_p = logits.log_softmax(-1).gather(1, torch.tensor(labels, device=device)[:, None])[:, 0]
    return Probe(
        step,
        text,
        tokens_of(source_tokenizer, ids, source),
        tokens_of(target_tokenizer, labels, text if target is None else target),
        tuple(log_p.exp().tolist()),
        -float(log_p.mean()),
        tuple(attention),
    )


def _taught(module: nn.Module, source: Tensor, labels: Sequence[int]) -> tuple[Tensor, list[CrossWeights]]:
    """Logits [T, V] under teacher forcing, and where each layer looked [H, T, S]."""
    inputs = shifted(labels, None)
    if not isinstance(module, Transformer):
        align = getattr(module, "align", None)
        real, fed = torch.ones_like(source, dtype=torch.bool), torch.tensor([inputs], device=source.device)
        looked = [] if align is None else [CrossWeights("decoder.1.cross", array(align(source, real, fed)))]
        return teacher_forced(module, source, inputs), looked
    watched = machine(module, watched=True)
    logits = teacher_forced(watched.module, source, inputs)
    looked = []
    for i in range(len(module.decoder.layers)):
        (call,) = watched.tape.calls[f"decoder.layers.{i}.cross_attention"]
        looked.append(CrossWeights(f"decoder.{i + 1}.cross", array(call["weights"].transpose(0, 1))))
    return logits, looked


def add_probe(path: Path, found: Probe) -> None:
    """Keep a probe as the last line of a file; a run that was resumed from an earlier step forgets those after it."""
    earlier = [one for one in read_probes(path) if one.step < found.step] if path.exists() else []
    publish(path, "".join(f"{one.to_json()}\n" for one in (*earlier, found)).encode())


def read_probes(path: Path) -> list[Probe]:
    """Those that a training run has left, oldest first. Raises UsageError for a file of something else."""
    probes = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            record: Any = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{path}, line {number} is no {FORMAT}: {error}") from error
        if not isinstance(record, dict) or (record.get("format"), record.get("version")) != (FORMAT, VERSION):
            raise UsageError(f"{path}, line {number} is no {FORMAT} of version {VERSION}")
        probes.append(decoded(Probe, record, f"{path}, line {number}"))
    return probes
