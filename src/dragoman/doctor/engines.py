"""Each engine beside the reference, which is the torch module in float32: its translations, judged by both.

What an engine found is scored once more by teacher forcing on the reference. Two numbers then: how far the engine's
own log-probability of a token is from the reference's, and how much worse, to the reference, the engine's translation
is than the reference's own. Knows no text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from dragoman.decoding.options import Hypothesis, SearchRequest
from dragoman.doctor.finding import Finding, unchecked, verdict
from dragoman.doctor.patient import Patient
from dragoman.engines import Engine
from dragoman.engines import translate as translated_by
from dragoman.engines.compiled import library
from dragoman.engines.compiled import refusal as refused_by_c
from dragoman.engines.ctranslate2 import CTranslate2Engine
from dragoman.engines.torch import TorchEngine
from dragoman.errors import ModelError
from dragoman.interop.ctranslate2 import refusal as refused_by_ctranslate2
from dragoman.translate.scoring import token_logprobs


@dataclass(frozen=True)
class Computed:
    """An engine in one precision; tolerance: nats a token, in the mean, by which it may differ from the reference."""

    make: Callable[[Patient], Engine | str]  # or why it does not compute this model
    tolerance: float


def _ctranslate2(compute_type: str) -> Callable[[Patient], Engine | str]:
    def make(patient: Patient) -> Engine | str:
        model = patient.translator.model
        if model.config["model"]["kind"] != "transformer":
            return f"CTranslate2 computes Transformers, not models of kind {model.config['model']['kind']!r}"
        if why := refused_by_ctranslate2(model.config["model"]):
            return why
        vocabularies = (t.vocabulary() for t in (model.source_tokenizer, model.target_tokenizer))
        try:
            return CTranslate2Engine.from_weights(
                model.weights, model.config["model"], *vocabularies, workers=1, compute_type=compute_type
            )
        except ModelError as error:  # a vocabulary that its format cannot hold
            return str(error)

    return make


def _compiled(patient: Patient) -> Engine | str:
    if library() is None:
        return "there is no compiler for the C decoder"
    return refused_by_c(patient.module) or TorchEngine(patient.module, compute_type="bfloat16")


# A number has 24 bits in float32, 8 in bfloat16 and int8; int8 shares one scale among the entries of a row.
ENGINES = {
    "ctranslate2_float32": Computed(_ctranslate2("float32"), 1e-3),
    "ctranslate2_int8": Computed(_ctranslate2("int8"), 0.08),
    "c_bfloat16": Computed(_compiled, 0.05),
}


def compared(patient: Patient, name: str) -> Finding:
    """One engine of ENGINES beside the reference."""
    if patient.translator.device != "cpu":
        return unchecked("not checked: it is compared on a CPU only")
    computed = ENGINES[name]
    engine = computed.make(patient)
    if isinstance(engine, str):
        return unchecked("not checked: {why}", why=engine)
    request = SearchRequest(patient.options, token_scores=True)
    found = [best[0] for best in translated_by(engine, patient.sources, request)]
    ours = _scores(patient, found)
    off = [
        abs(theirs - own)
        for hypothesis, scores in zip(found, ours, strict=True)
        for theirs, own in zip(hypothesis.token_scores, scores, strict=False)
    ]
    apart = sum(off) / max(1, len(off))
    # The reference's own options say how a translation of another length compares.
    lost = _mean(patient, patient.translated) - _mean(patient, found)
    holds = apart <= computed.tolerance and lost <= computed.tolerance
    return verdict(
        holds,
        "{apart:.1e} nats a token from the reference, its translations worth {lost:.1e} less; at most {limit:g}",
        apart=apart,
        lost=max(0.0, lost),
        limit=computed.tolerance,
    )


def _scores(patient: Patient, found: Sequence[Hypothesis]) -> list[list[float]]:
    pairs = [(ids, one.tokens) for ids, one in zip(patient.sources, found, strict=True)]
    with torch.inference_mode():
        return token_logprobs(patient.module, pairs, patient.translator.device)


def _mean(patient: Patient, found: Sequence[Hypothesis]) -> float:
    """The score that a search maximises, by the reference's own probabilities, in the mean of all sentences.

    Per token, whatever the length penalty: scores of one penalty are of another size than those of the next.
    """
    total = 0.0
    for scores, one in zip(_scores(patient, found), found, strict=True):
        kept = scores if one.finished else scores[:-1]
        total += patient.options.normalise(sum(kept), max(1, len(kept)))
    return total / len(found)
