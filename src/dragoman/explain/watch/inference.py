"""The inference mode of a trace: the loop along the hypothesis that won, and the whole tree of the beam. Runs nothing.

Dimensions: T target, V vocabulary.
"""

from __future__ import annotations

from dataclasses import asdict

from dragoman.explain.trace.layers import Pass, RankedGuess
from dragoman.explain.trace.tokens import tokens_of
from dragoman.explain.trace.values import Beam, CacheUse, Inference, Node, Served, Step, Stop
from dragoman.explain.watch.beam import Searched
from dragoman.explain.watch.broken import Clock
from dragoman.explain.watch.passes import top_guesses
from dragoman.explain.watch.subject import Subject
from dragoman.ids import EOS
from dragoman.text.joining import tidy


def inference_mode(
    subject: Subject, found: Searched, plain: Searched, clock: Clock, cached: bool, passed: Pass
) -> Inference:
    """`plain` is the same search with nothing watching it: the times are its own, and so is the encoder's clock."""
    tokenizer, text = subject.target_tokenizer, written(subject, found)
    steps = _steps(subject, found, plain, cached, text)
    turns = found.watched.turns
    tokens = tokens_of(tokenizer, [branch.token for branch in found.tree])
    nodes = tuple(
        Node(b.id, b.parent, b.t, token, b.logp, b.total, b.state, b.why, b.score)
        for b, token in zip(found.tree, tokens, strict=True)
    )
    return Inference(
        text,
        tokens_of(tokenizer, _said(found), text),
        asdict(subject.options),
        clock.passes,
        len(turns),
        sum(len(turn.parents) * (1 if cached else t + 1) for t, turn in enumerate(turns)),
        {"encoder": clock.seconds, "decoder": plain.watched.seconds - clock.seconds},
        steps,
        Beam(subject.options.beam_size, nodes),
        Stop("end" if found.best.finished else "limit", len(steps) - 1),
        Served(subject.engine, subject.served, subject.served == text),
        passed,
    )


def written(subject: Subject, found: Searched) -> str:
    """The translation as a reader gets it."""
    return tidy(subject.target_tokenizer.decode(found.best.tokens), subject.translator.languages[1])


def _said(found: Searched) -> list[int]:
    return [*found.best.tokens, EOS] if found.best.finished else found.best.tokens


def _steps(subject: Subject, found: Searched, plain: Searched, cached: bool, text: str) -> tuple[Step, ...]:
    """Probabilities are among the tokens that may be written, as the search counts them."""
    tokenizer = subject.target_tokenizer
    said, inputs = _said(found), tokens_of(tokenizer, found.fed, text)
    logits = found.logits.float().index_fill(
        1, found.logits.new_tensor(subject.unwritten).long(), float("-inf")
    )
    p = logits.softmax(-1)  # [T, V]
    made = []
    for t, (token, top) in enumerate(zip(inputs, top_guesses(p, tokenizer), strict=True)):
        chance = p[t, said[t]]
        made.append(
            Step(
                t,
                token,
                "chosen" if t else "start",
                tuple(x.piece for x in inputs[: t + 1]),
                top,
                RankedGuess(
                    said[t], tokenizer.pieces([said[t]])[0], float(chance), int((p[t] > chance).sum()) + 1
                ),
                CacheUse(t, t + 1, len(subject.ids)) if cached else CacheUse(0, 0, 0),
                len(found.watched.turns[t].parents),
                1000 * plain.watched.turns[t].seconds,
            )
        )
    return tuple(made)
