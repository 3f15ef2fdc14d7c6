"""A model beside a corpus: whether the two belong together, and whether the model learns. Changes no weight of it.

Dimensions: B batch, T target.
"""

from __future__ import annotations

import copy
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F

from dragoman.corpus.batches import collate
from dragoman.corpus.heldout import leaks
from dragoman.corpus.pairs import Pair, read_corpus
from dragoman.doctor.finding import Finding, unchecked, verdict
from dragoman.doctor.patient import Patient
from dragoman.errors import CorpusError
from dragoman.ids import EOS
from dragoman.text.normalize import dominant_script, scripts_of
from dragoman.translate.scoring import token_logprobs

Encoded = tuple[list[int], list[int]]

MOST_READ = 20_000  # pairs of a corpus, from its beginning
BLOCKS, BLOCK = 6, 30  # blocks of neighbours that are scored, spread over all that was read
LEAKING = 0.01  # share of the pairs that may stand in the training data too: "Yes." does, in any corpus
LEARNT, RATE, MOST_STEPS, MOST_SECONDS = 0.5, 3e-3, 120, 12.0  # of the batch that is to be learnt by heart
BATCH, BATCH_LONGEST = 8, 24
CLOSE = 1e-3  # nats a token: rounding
NO_CORPUS = "not checked: no corpus was given"
BOTH_WAYS = "not checked: the model goes both ways, and no script tells its languages apart"
NO_PAIR = "not checked: the model can read no pair of the corpus"


def blocks(pairs: Sequence[Pair]) -> list[Sequence[Pair]]:
    """Neighbours of the corpus, from several places of it."""
    count = min(BLOCKS, max(1, len(pairs) // BLOCK))
    starts = [number * (len(pairs) - min(BLOCK, len(pairs))) // max(1, count - 1) for number in range(count)]
    return [pairs[start : start + BLOCK] for start in starts]


def _nll(patient: Patient, pairs: Sequence[Encoded]) -> float:
    """Nats a token, </s> among them, in the mean of the pairs that the model can read; NaN where there is none."""
    read = [pair for pair in pairs if _is_readable(patient, pair)]
    with torch.inference_mode():
        scores = token_logprobs(patient.module, read, patient.translator.device)
    tokens = sum(map(len, scores))
    return -sum(map(sum, scores)) / tokens if tokens else math.nan


def _is_readable(patient: Patient, pair: Encoded) -> bool:
    """Both sides have something, and no more than the model was trained on."""
    return all(pair) and max(map(len, pair)) <= patient.translator.longest


def _encoded(patient: Patient, pairs: Sequence[Pair]) -> list[Encoded]:
    return [patient.translator.encode(pair.source, pair.target) for pair in pairs]


def _sample(patient: Patient) -> list[Pair]:
    """What can be read of the blocks."""
    pairs = [pair for block in blocks(patient.pairs) for pair in block]
    return [
        pair for pair, ids in zip(pairs, _encoded(patient, pairs), strict=True) if _is_readable(patient, ids)
    ]


def loss(patient: Patient) -> Finding:
    """The model knows more of the target side than how often each of its tokens is."""
    if not patient.pairs:
        return unchecked(NO_CORPUS)
    encoded = _encoded(patient, _sample(patient))
    if not encoded:
        return unchecked(NO_PAIR)
    found = _nll(patient, encoded)
    counts = Counter(i for _, target in encoded for i in (*target, EOS))
    total, pieces = sum(counts.values()), patient.translator.model.target_tokenizer.vocab_size
    # Each token is told from all others, and one is added to each count: few pairs would else explain themselves.
    guessed = -sum(count * math.log(count / (total - 1 + pieces)) for count in counts.values()) / total
    return verdict(
        found < guessed,
        "{loss:.2f} nats a token (perplexity {perplexity:.1f}); counting words alone gives {guessed:.2f}",
        loss=found,
        perplexity=math.exp(min(found, 700.0)),
        guessed=guessed,
    )


def sides(patient: Patient) -> Finding:
    """The pairs as they stand are likelier than with source and target exchanged.

    A model that translates both ways knows exchanged pairs as well, and English is often the easier side: of one, the
    scripts of the sides tell.
    """
    if not patient.pairs:
        return unchecked(NO_CORPUS)
    sample = _sample(patient)
    source, target = patient.translator.languages
    if (target, source) in patient.translator.directions:
        return _sides_by_script(sample, scripts_of(source), scripts_of(target))
    own = _nll(patient, _encoded(patient, sample))
    other = _nll(patient, _encoded(patient, [Pair(pair.target, pair.source) for pair in sample]))
    if math.isnan(own) or math.isnan(other):
        return unchecked(NO_PAIR)
    return verdict(
        own < other, "{own:.2f} nats a token as they stand, {other:.2f} exchanged", own=own, other=other
    )


def _sides_by_script(sample: Sequence[Pair], source: frozenset[str], target: frozenset[str]) -> Finding:
    if not source or not target or source & target:
        return unchecked(BOTH_WAYS)
    scripts = [(dominant_script(pair.source), dominant_script(pair.target)) for pair in sample]
    own = sum(one in source and other in target for one, other in scripts)
    exchanged = sum(one in target and other in source for one, other in scripts)
    if not own and not exchanged:
        return unchecked(NO_PAIR)
    return verdict(
        own > exchanged,
        "by their scripts {own} pairs stand as they should, {exchanged} the other way round",
        own=own,
        exchanged=exchanged,
    )


def alignment(patient: Patient) -> Finding:
    """In each block a source's own target is likelier than that of the line before or after."""
    if not patient.pairs:
        return unchecked(NO_CORPUS)
    if len(patient.pairs) < 3:
        return unchecked("not checked: fewer than three pairs have no neighbours")
    owns, others, wrong = [], [], 0
    for block in blocks(patient.pairs):
        encoded = _encoded(patient, block)
        own = _nll(patient, encoded)
        later = [(one[0], other[1]) for one, other in pairwise(encoded)]
        earlier = [(other[0], one[1]) for one, other in pairwise(encoded)]
        shifted = min(_nll(patient, one) for one in (later, earlier))
        if math.isnan(own) or math.isnan(shifted):
            continue
        owns.append(own)
        others.append(shifted)
        wrong += shifted < own - CLOSE  # lines that are all the same fit each other as well as themselves
    if not owns:
        return unchecked(NO_PAIR)
    return verdict(
        not wrong,
        "{own:.2f} nats a token, {other:.2f} with the next line's translation; wrong in {wrong} of {blocks} blocks",
        own=sum(owns) / len(owns),
        other=sum(others) / len(others),
        wrong=wrong,
        blocks=len(owns),
    )


def leaking(patient: Patient) -> Finding:
    """How much of the corpus stands in what the model was trained on, where that lies beside it."""
    if not patient.pairs:
        return unchecked(NO_CORPUS)
    prepared = Path(patient.translator.model.path) / "data" / "train.tsv"
    if not prepared.is_file():
        return unchecked("not checked: the model's training data (data/train.tsv) are not beside it")
    try:
        known = leaks(read_corpus([prepared], *patient.translator.languages), patient.pairs)
    except CorpusError as error:
        return unchecked("not checked: {why}", why=str(error))
    return verdict(
        known <= LEAKING * len(patient.pairs),
        "{known:,} of {count:,} pairs stand in the training data, at most {limit:.0%}",
        known=known,
        count=len(patient.pairs),
        limit=LEAKING,
    )


def learns(patient: Patient) -> Finding:
    """A copy of the model learns one batch nearly by heart: the gradient reaches what has to learn."""
    encoded = _batch(patient)
    with torch.inference_mode(False), torch.enable_grad():
        student = copy.deepcopy(patient.module).float().eval().requires_grad_(True)
        batch = collate(*map(list, zip(*encoded, strict=True))).to(patient.translator.device)

        def loss_of() -> torch.Tensor:
            logits = student(batch.source, batch.source_mask, batch.target[:, :-1]).float()
            real = batch.target_mask[:, 1:]
            return F.cross_entropy(logits[real], batch.target[:, 1:][real])

        before, after, steps = _descend(list(student.parameters()), loss_of)
    return verdict(
        after <= max(LEARNT * before, 0.05),
        "{before:.2f} nats a token, {after:.2f} after {steps} steps on {pairs} pairs; at most half",
        before=before,
        after=after,
        steps=steps,
        pairs=len(encoded),
    )


def _batch(patient: Patient) -> list[Encoded]:
    """Short pairs of the corpus; without one, sentences each with another's ids reversed, which no model expects."""
    found = _encoded(patient, patient.pairs[: 20 * BATCH])
    short = [pair for pair in found if all(pair) and max(map(len, pair)) <= BATCH_LONGEST]
    if short:
        return short[:BATCH]
    targets = [hypothesis.tokens[::-1] or [EOS + 1] for hypothesis in patient.translated]
    sources = [ids[:BATCH_LONGEST] for ids in patient.sources]
    return list(zip(sources, [one[:BATCH_LONGEST] for one in targets[1:] + targets[:1]], strict=True))[:BATCH]


def _descend(weights: list[torch.Tensor], loss_of: Callable[[], torch.Tensor]) -> tuple[float, float, int]:
    """Adam until the loss is below a tenth, or time is up: the first loss, the last, and the steps between."""
    optimizer = torch.optim.Adam(weights, lr=RATE)
    first, until = float("nan"), time.monotonic() + MOST_SECONDS
    for step in range(MOST_STEPS + 1):
        optimizer.zero_grad()
        loss = loss_of()
        value = loss.item()
        first = value if step == 0 else first
        done = value < 0.1 * first or step == MOST_STEPS or time.monotonic() > until
        if done or not math.isfinite(value) or not loss.requires_grad:
            return first, value if math.isfinite(value) else math.inf, step
        loss.backward()  # type: ignore[no-untyped-call]
        for weight in weights:
            weight.grad = weight.grad if weight.grad is None else weight.grad.nan_to_num()
        optimizer.step()
    raise AssertionError("the last step returns")
