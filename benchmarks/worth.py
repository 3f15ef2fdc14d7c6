"""What each part of a model is worth: BLEU and loss without it, and what words of its own cost. Trains nothing.

    python -m benchmarks worth                      of the bundled model, printed
    python -m benchmarks worth -m MODEL --write     into the card of the model, which is sealed again
    python -m benchmarks worth --retrain            small models trained without a part instead (retrained.py)

`dragoman explain --without` and `--say`, and their page, show beside the one sentence what its model's card says here.

Dimensions: B batch, S source, T target, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from cyclopts import Parameter
from torch import Tensor

from benchmarks import retrained
from benchmarks.comparison import say
from dragoman.corpus.pairs import read_corpus
from dragoman.decoding.search import search
from dragoman.errors import UsageError
from dragoman.evaluate import scored
from dragoman.explain.trace.worth import WHOLE, OwnWords, PartWorth, ScaleWorth, Worth, card_with
from dragoman.explain.watch.broken import PARTS, TWICE, Machine, machine
from dragoman.explain.watch.subject import Subject, subject_of
from dragoman.explain.watch.teacher import shifted, teacher_forced
from dragoman.ids import BOS, EOS, PAD
from dragoman.model.contents import CARD
from dragoman.model.contents import PARTS as FILES
from dragoman.model.seal import read_sealed, write_sealed
from dragoman.text.joining import tidy
from dragoman.transformer.model import Transformer
from dragoman.translate.translator import Translator

DEV = ("corpus/tatoeba/dev.tsv.gz", "corpus/captions/val.tsv.gz")
MOST_OWN = 6  # words of its own before the one that is asked for
AT_ONCE = 32  # sentences


@dataclass(frozen=True)
class Measured:
    """What is measured, and on what."""

    model: Annotated[str, Parameter(name=("--model", "-m"), help="name or directory of a Transformer")] = (
        "en-zh"
    )
    corpora: Annotated[
        tuple[str, ...], Parameter(name="--dev", consume_multiple=True, help="sentence pairs")
    ] = DEV
    pairs: Annotated[int, Parameter(help="pairs, taken at even distances from all of them")] = 200
    write: Annotated[bool, Parameter(help="write the tables into the model's card, and seal it again")] = (
        False
    )
    retrain: Annotated[
        bool, Parameter(help="train small models without a part instead, and print what each is worth")
    ] = False
    only: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, help="of --retrain: such as whole positions")
    ] = ()
    steps: Annotated[int, Parameter(help="of --retrain, for each")] = 2000


def main(asked: Annotated[Measured, Parameter(name="*")] = Measured()) -> None:  # noqa: B008 - frozen
    """Remove each part of a trained model in turn: BLEU and loss without it; and what its own words cost it."""
    if asked.retrain:
        retrained.main(asked.only, asked.pairs, asked.steps)
        return
    with Translator.load(asked.model, engine="torch") as translator:
        module, directory, card = translator.module, translator.model.path, translator.model.card
        if not isinstance(module, Transformer):
            raise UsageError(f"{asked.model} is no Transformer: only a Transformer's parts can be removed")
        subjects = list(_subjects(translator, asked))
        if not subjects:
            raise UsageError(f"--pairs {asked.pairs}: there is no pair of single sentences to measure on")
        with torch.inference_mode():
            parts = tuple(_part(module, part, subjects) for part in (None, *_parts(module)))
            worth = Worth(len(subjects), parts, _curve(module, subjects), scales(module, subjects))
    corpora = " and ".join(f"`{path}`" for path in asked.corpora)
    if not asked.write:
        print(card_with("", worth, _command(asked), corpora).lstrip(), end="")
        return
    made = card_with(card, worth, _command(asked), corpora).encode()
    write_sealed(directory, {**read_sealed(directory, FILES), CARD: made}, FILES)
    say(f"wrote {directory / CARD}")


def _command(asked: Measured) -> str:
    named = "" if asked.model == Measured.model else f" -m {asked.model}"
    dev = "" if asked.corpora == DEV else f" --dev {' '.join(asked.corpora)}"
    return f"python -m benchmarks worth{named}{dev} --pairs {asked.pairs} --write"


def _parts(module: Transformer) -> list[str]:
    layers = [f"encoder.{i + 1}" for i in range(len(module.encoder.layers))]
    layers += [f"decoder.{i + 1}" for i in range(len(module.decoder.layers))]
    alone = [
        side for side in ("encoder", "decoder") if f"{side}.2" not in layers
    ]  # nothing would be left of it
    out = [name for name in layers if name.partition(".")[0] not in alone]
    removed = [part for part in PARTS if part != "training"]  # without it nothing is left to measure
    return [*removed, *out, *(f"{TWICE}{name}" for name in layers)]


def _subjects(translator: Translator, asked: Measured) -> Iterator[Subject]:
    """Pairs of one sentence each, so that what is read is what a trace reads."""
    pairs = list(read_corpus(asked.corpora, *translator.languages))
    for i in range(min(asked.pairs, len(pairs))):
        pair = pairs[i * len(pairs) // min(asked.pairs, len(pairs))]
        subject = subject_of(translator, pair.source, pair.target, "", {})
        if not subject.note:  # of several sentences a trace reads the first, and the reference has all
            yield subject


# -- without a part ---------------------------------------------------------------------------------------------


def _part(module: Transformer, part: str | None, subjects: Sequence[Subject]) -> PartWorth:
    made = machine(module, part)
    loss, count = 0.0, 0
    for subject in subjects:
        labels = torch.tensor(subject.labels)
        logits = teacher_forced(made.module, subject.source(), shifted(subject.labels, part))
        loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        count += len(labels)
    first = subjects[0].translator
    simplified = first.model.config.get("cleaning", {}).get("simplify") in ("target", "both")
    references = [subject.reference or "" for subject in subjects]
    bleu, _ = scored(_translations(made, subjects), references, first.languages[1], simplified)
    say(f"{part or WHOLE}: BLEU {bleu:.1f}, loss {loss / count:.2f}")
    return PartWorth(part or WHOLE, bleu, loss / count)


def _translations(made: Machine, subjects: Sequence[Subject]) -> list[str]:
    """In batches where there is a cache; a machine that has none takes one sentence at a time."""
    order = sorted(range(len(subjects)), key=lambda i: len(subjects[i].ids))
    at_once = AT_ONCE if made.cached else 1
    texts = [""] * len(subjects)
    for begin in range(0, len(order), at_once):
        some = order[begin : begin + at_once]
        source = _padded([subjects[i].ids for i in some])
        found = search(made.decodable, source, source != PAD, subjects[0].options)
        for i, (best, *_) in zip(some, found, strict=True):
            text = subjects[i].target_tokenizer.decode(best.tokens)
            texts[i] = tidy(text, subjects[i].translator.languages[1])
    return texts


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], True, PAD)


# -- words of its own -------------------------------------------------------------------------------------------


def _curve(module: Transformer, subjects: Sequence[Subject]) -> tuple[OwnWords, ...]:
    """The places from MOST_OWN on, which every number of own words can be followed by."""
    made = [_after_own(module, one) for one in subjects if len(one.labels) > MOST_OWN]
    if not made:
        return ()
    p = torch.cat(made)  # [places of all sentences, MOST_OWN + 1]
    return tuple(OwnWords(own, float(mean), len(p)) for own, mean in enumerate(p.mean(0)))


def _after_own(module: Transformer, subject: Subject) -> Tensor:
    """p(label of a place | the reference, then so many own words) -> [places, MOST_OWN + 1], 0 own words first."""
    source, labels = subject.source(), subject.labels
    places, columns = range(MOST_OWN, len(labels)), []
    real = torch.ones_like(source, dtype=torch.bool).expand(len(places), -1)
    memory = module.encode(source, real[:1]).expand(len(places), -1, -1)
    for own in range(MOST_OWN + 1):
        fed = [[BOS, *labels[: place - own]] for place in places]
        for _ in range(own):
            best = _next(module, fed, memory, real).argmax(-1).tolist()
            fed = [[*row, i] for row, i in zip(fed, best, strict=True)]
        p = _next(module, fed, memory, real).softmax(-1)
        chance = p[torch.arange(len(places)), torch.tensor(labels[MOST_OWN:])]
        ended = torch.tensor([EOS in row for row in fed])
        columns.append(chance.masked_fill(ended, 0))
    return torch.stack(columns, 1)


def _next(module: Transformer, fed: Sequence[Sequence[int]], memory: Tensor, real: Tensor) -> Tensor:
    """Logits [B, V] of what follows each row; what pads a row comes after it, and no row sees what comes after."""
    hidden = module.decode(_padded(fed), memory, real)
    last = hidden[torch.arange(len(fed)), torch.tensor([len(row) - 1 for row in fed])]
    return F.linear(last, module.output_weight).float()


# -- what scores are divided for ----------------------------------------------------------------------------------


def scales(module: Transformer, subjects: Sequence[Subject]) -> tuple[ScaleWorth, ...]:
    """Variance and gradient of the scores of every row that may attend to more than one key, divided and not."""
    found: dict[str, list[Tensor]] = {"divided": [], "undivided": []}  # [rows, 2] of each attention
    for subject in subjects:
        watched = machine(module, watched=True)
        teacher_forced(watched.module, subject.source(), shifted(subject.labels, None))
        for name, (call, *_) in watched.tape.calls.items():
            if name.endswith("_attention"):
                width = call["q"].size(-1)
                for kind, scale in (("divided", width**-0.5), ("undivided", 1.0)):
                    found[kind].append(_spread(call["scores"] * scale, call["allowed"]))
    means = {kind: torch.cat(rows).mean(0).tolist() for kind, rows in found.items()}
    return tuple(ScaleWorth(kind, *both) for kind, both in means.items())


def _spread(scores: Tensor, allowed: Tensor) -> Tensor:
    """scores [T, H, S], allowed [T, S] -> variance, and |diag(p) - p p^T| of p = softmax(scores), [rows, 2]."""
    some = allowed.sum(-1) > 1
    scores, allowed = scores[some], allowed[some][:, None]
    count = allowed.sum(-1, keepdim=True)
    mean = (scores * allowed).sum(-1, keepdim=True) / count
    variance = ((scores - mean).square() * allowed).sum(-1) / count[..., 0]
    p = scores.masked_fill(~allowed, -torch.inf).softmax(-1)
    squares = p.square().sum(-1)
    jacobian = (squares - 2 * p.pow(3).sum(-1) + squares.square()).clamp(min=0).sqrt()
    return torch.stack((variance, jacobian), -1).flatten(0, 1)
