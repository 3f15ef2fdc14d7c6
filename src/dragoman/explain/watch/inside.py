"""A Transformer seen from inside: searched and taught with every layer watched, proved, and measured. Writes no JSON.

outside.py does the same for a model of which only the doors are known.

Dimensions: S source, T target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dragoman.explain.trace.layers import Pass
from dragoman.explain.trace.limits import cut_influence, cut_pass, cut_training, kept_positions
from dragoman.explain.trace.tokens import tokens_of
from dragoman.explain.trace.trials import Twins
from dragoman.explain.trace.values import Inference, Influence, Proof, Training
from dragoman.explain.watch.beam import searched
from dragoman.explain.watch.broken import Clock, Machine, machine, placeless, untaught
from dragoman.explain.watch.inference import inference_mode, written
from dragoman.explain.watch.influence import agreement, value_zeroing
from dragoman.explain.watch.passes import Frame, Rows, all_rows, array, recorded_pass
from dragoman.explain.watch.proofs import CLOSE, MOST_POSITIONS, Evidence, prove
from dragoman.explain.watch.subject import Subject
from dragoman.explain.watch.teacher import shifted, teacher_forced, training_mode
from dragoman.explain.watch.twins import apart, first_parted, other_order
from dragoman.ids import EOS
from dragoman.text.joining import tidy
from dragoman.transformer.model import Transformer

UNTAUGHT = 8  # tokens of what an untaught model writes: it repeats itself, and hardly ever ends


@dataclass(frozen=True)
class Seen:
    """What a trace needs to know of a model; `kept` counts the positions of both sides whose arrays are there."""

    inference: Inference
    training: Training | None
    influence: Influence
    padded: np.ndarray | None  # [T, padded S]: where the last layer looked in a padded batch
    positions: np.ndarray
    proofs: tuple[Proof, ...]
    kept: tuple[int, int]
    subject: Subject  # with what the model wrote as its reference, where that stands in for one
    twins: Twins | None = None


def look_inside(module: Transformer, subject: Subject, removed: str | None, brief: bool = False) -> Seen:
    """The search and, with a reference, the training pass, with one part removed.

    brief: without what Trace.without says.
    """
    if removed == "training":
        subject = subject.no_longer_than(UNTAUGHT)
        module, removed = untaught(module), None  # once: a draw of all weights takes as long as the search
    source = subject.source()
    plain = machine(module, removed)  # nothing watches it: its times are the real ones
    asked = subject.options, subject.prefix, subject.placeholders
    served = searched(plain.decodable, source, *asked)
    clock = replace(plain.clock)
    watched = machine(module, removed, watched=True)
    if watched.cached:
        found = searched(watched.decodable, source, *asked)
        target: Rows = [(t, [row]) for t, row in enumerate(found.rows)]
        clock = Clock(watched.clock.passes, clock.seconds)
    else:
        # Every step computed the whole prefix: the winner's last one, again and watched, shows them all.
        found = served
        teacher_forced(watched.module, source, found.fed)
        target = all_rows(len(found.fed))
    frame = Frame(watched.module, watched.tape, subject.target_tokenizer, removed)
    passed = recorded_pass(frame, all_rows(len(subject.ids)), target)
    subject = subject.taught(written(subject, found))
    training = _training(module, subject, removed, brief) if subject.labels else None
    passes = [passed] if training is None else [passed, training.passed]
    padded = machine(module, removed, watched=True)
    twins = _twins(module, subject, removed, plain, found.fed)
    proofs = prove(
        Evidence(plain, padded, watched.tape, passes, source, found, served, clock.passes, twins.places)
    )
    kept = kept_positions(
        module.config, source.size(1), max(len(found.fed), len(subject.labels)), len(passes)
    )
    # The words that are kept are all that is needed: later ones change nothing before them.
    said = found.fed[: kept[1]]
    nothing = np.zeros((len(said), source.size(1)), np.float32)
    influence = Influence(nothing, None) if brief else _influence(plain.module, source, said, passed, removed)
    whole = kept[0] == source.size(1) and removed != "swap"  # whose rows would be the source's
    return Seen(
        inference_mode(subject, found, served, clock, watched.cached, cut_pass(passed, *kept)),
        training and cut_training(training, *kept),
        cut_influence(influence, *kept),
        _in_padded_batch(padded, min(len(found.fed), kept[1])) if whole else None,
        _positions(module, max(kept)),
        proofs,
        kept,
        subject,
        twins,
    )


def _twins(
    module: Transformer, subject: Subject, removed: str | None, plain: Machine, fed: Sequence[int]
) -> Twins:
    """Both sentences followed by the same words, up to as many as the proofs look at."""
    tokens = tokens_of(subject.source_tokenizer, subject.ids, subject.prepared)
    order, source = other_order(tokens), subject.source()
    target = torch.tensor([list(fed[:MOST_POSITIONS])], device=source.device)
    places = apart(plain.module, placeless(module, removed), source, order, target)
    ids = [subject.ids[i] for i in order]
    text = tidy(
        subject.source_tokenizer.decode([i for i in ids if i != EOS]), subject.translator.languages[0]
    )
    return Twins(text, tokens_of(subject.source_tokenizer, ids, text), places, first_parted(places, CLOSE))


def _in_padded_batch(padded: Machine, length: int) -> np.ndarray:
    """From the batch of the proof pad_free, whose first sentence this is."""
    last = len(padded.module.decoder.layers) - 1
    (call,) = padded.tape.calls[f"decoder.layers.{last}.cross_attention"]
    return array(call["weights"][:length].mean(1))


def _training(module: Transformer, subject: Subject, removed: str | None, brief: bool) -> Training:
    watched = machine(module, removed, watched=True)
    inputs = shifted(subject.labels, removed)
    logits = teacher_forced(watched.module, subject.source(), inputs)
    passes = watched.clock.passes, len(watched.tape.calls["target_input"])
    frame = Frame(watched.module, watched.tape, subject.target_tokenizer, removed)
    passed = recorded_pass(frame, all_rows(len(subject.ids)), all_rows(len(inputs)))
    free = None if brief else machine(module, removed).decodable
    return training_mode(subject, free, logits, inputs, passes, passed)


def _influence(
    module: Transformer, source: Tensor, fed: Sequence[int], passed: Pass, removed: str | None
) -> Influence:
    """The mean of the heads of the last cross-attention, beside value zeroing."""
    zeroed = value_zeroing(module, source, fed)
    if removed == "swap":  # its rows are source positions, so it says nothing about output tokens
        return Influence(np.zeros_like(zeroed), zeroed)
    looked = passed.decoder[-1].cross.weights.mean(0)[: len(fed)]
    return Influence(looked, zeroed, agreement(looked, zeroed))


def _positions(module: Transformer, length: int) -> np.ndarray:
    """What is added at each position [N, D]; of an encoding that adds nothing, what it has to show."""
    return array(module.target_input.positions.table(length, module.output_weight))
