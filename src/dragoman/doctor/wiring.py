"""Whether a model computes the same whichever way it is asked: proofs of a trace, batches, beams. Knows no text.

Dimensions: B batch, S source, T target, R rows (sentences x beams), V vocabulary.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from dragoman.decoding.options import DecodingOptions
from dragoman.doctor.finding import Finding, measured, unchecked
from dragoman.doctor.patient import DRAWN, Patient
from dragoman.errors import UsageError
from dragoman.explain import explain
from dragoman.explain.watch.proofs import CLOSE, NEIGHBOUR, STATEMENTS
from dragoman.ids import BOS, EOS, UNWRITTEN

PROVED = 3  # sentences that are traced: a trace takes a second or two
BEAMS, STEPS = 3, 10


def proofs(patient: Patient) -> dict[str, Finding]:
    """The proofs that a trace carries (explain/watch/proofs.py), on sentences of several lengths: the worst of each."""
    # One proof is about a sentence that is longer by NEIGHBOUR, and </s> has a position too.
    room = patient.translator.positions - NEIGHBOUR - 1
    texts = sorted((text for text in patient.texts if len(patient.encoded(text)) <= room), key=len)
    if not texts:
        return dict.fromkeys(
            STATEMENTS, unchecked("not checked: no sentence is short enough for {n} positions", n=room)
        )
    chosen = [texts[i] for i in sorted({0, len(texts) // 2, len(texts) - 1})][:PROVED]
    worst: dict[str, tuple[float, float]] = {}
    try:
        for text in chosen:
            trace = explain(patient.translator, text, max_length=patient.options.max_length)
            for proof in trace.proofs:
                before = worst.get(proof.id, (float("-inf"), proof.limit))[0]
                # A number that is none is worse than any.
                worst[proof.id] = (proof.value if not proof.value <= before else before, proof.limit)
    except UsageError as error:
        return dict.fromkeys(STATEMENTS, unchecked("not checked: {why}", why=str(error)))
    missing = unchecked("not checked: a model that is no Transformer shows no layer")
    return {name: measured(*worst[name]) if name in worst else missing for name in STATEMENTS}


@torch.inference_mode()
def batched_equals_alone(patient: Patient) -> Finding:
    """The score of what is found for a sentence, in a batch with all others and by itself."""
    alone = [patient.searched(patient.options, [row])[0] for row in range(len(patient.sources))]
    pairs = zip(alone, patient.translated, strict=True)
    return measured(max(_apart(one.score, other.score) for one, other in pairs), CLOSE)


def _apart(a: float, b: float) -> float:
    """A number that is none is infinitely far from any."""
    distance = abs(a - b)
    return distance if distance == distance else float("inf")


@torch.inference_mode()
def beams_may_be_reordered(patient: Patient) -> Finding:
    """Rows are repeated, exchanged and dropped as a beam search does it, and each row's logits compared with those of
    its whole history, computed anew."""
    source, mask = patient.source()
    module, draw = patient.module, np.random.default_rng(DRAWN)
    vocabulary = patient.translator.model.target_tokenizer.vocab_size
    state = module.start(source, mask)  # type: ignore[operator]
    owner, history = list(range(len(source))), [[BOS] for _ in range(len(source))]
    worst = 0.0
    for step in range(min(STEPS, patient.options.max_length)):
        last = source.new_tensor([[row[-1]] for row in history])
        logits, state = module.step(last, state)  # type: ignore[operator]
        whole = module(source[owner], mask[owner], source.new_tensor(history))[:, -1]
        worst = max(worst, _distance(logits, whole))
        sentences = [
            b for b in sorted(set(owner)) if step != STEPS // 2 or b
        ]  # the first one leaves half way
        rows = [int(draw.choice(_rows_of(owner, b))) for b in sentences for _ in range(BEAMS)]
        if not rows:
            break
        state = state.select(source.new_tensor(rows))
        owner = [owner[row] for row in rows]
        history = [[*history[row], int(draw.integers(EOS + 1, vocabulary))] for row in rows]
    return measured(worst, CLOSE)


def _rows_of(owner: list[int], sentence: int) -> list[int]:
    return [row for row, other in enumerate(owner) if other == sentence]


def _distance(a: Tensor, b: Tensor) -> float:
    found = float((a.float() - b.float()).abs().max())
    return found if found == found else float("inf")


@torch.inference_mode()
def beam_of_one_is_greedy(patient: Patient) -> Finding:
    """A search with one beam beside a loop that takes the likeliest token and computes each prefix anew.

    Where they differ, how much likelier the loop's token is there: two that are equally likely may go either way.
    """
    options = replace(DecodingOptions(), beam_size=1, max_length=min(24, patient.options.max_length))
    worst = 0.0
    rows = range(min(PROVED + 1, len(patient.sources)))
    for row, found in zip(rows, patient.searched(options, rows), strict=True):
        source, mask = patient.source([row])
        said = [*found.tokens, *([EOS] if found.finished else [])]
        worst = max(worst, _likeliest(patient.module, source, mask, said))
    return measured(worst, CLOSE)


def _likeliest(module: nn.Module, source: Tensor, mask: Tensor, said: list[int]) -> float:
    """How much likelier than any of said [T] another token is after those before it, at most; 0 for none."""
    worst = 0.0
    for t, token in enumerate(said):
        logits = module(source, mask, source.new_tensor([[BOS, *said[:t]]]))[0, -1].float()  # [V]
        logits[list(UNWRITTEN)] = float("-inf")
        worst = max(worst, _apart(float(logits.max()), float(logits[token])))
    return worst
