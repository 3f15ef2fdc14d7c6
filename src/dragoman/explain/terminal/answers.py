"""The two questions, answered on one sentence with its numbers: training and inference; who is Q, who K and V.

Reads a trace; what it computes anew from stored numbers is there to be compared with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from rich.text import Text

from dragoman.errors import UsageError
from dragoman.explain.terminal.drawing import (
    Lines,
    Screen,
    bar,
    facts,
    heading,
    number,
    one_line,
    prose,
    table,
    tail,
)
from dragoman.explain.terminal.proving import told
from dragoman.explain.terminal.reading import check_step, entropy, labels, mistakes, pieces, training_of
from dragoman.explain.terminal.training import of_a_mistake, stand_in
from dragoman.explain.trace.layers import Attention

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

Row = tuple[str, str, str]

_SHOWN = 9  # tokens of a sentence that stand in one cell
_FEW = 0.1  # share of products below zero under which a head is an exception


# -- 1: training and inference ------------------------------------------------------------------------------------


def training_vs_inference(trace: Trace, screen: Screen) -> Lines:
    """What differs between training and inference, and what does not. Raises UsageError without a reference."""
    at = _telling_step(trace)
    heads = screen.heads("terminal.clocks.heads")
    rows = [
        _encoder_passes(trace, screen),
        _decoder_passes(trace, screen),
        _inputs(trace, screen),
        *([_guess(trace, screen, at - 1)] if at else []),
        _fed(trace, screen, at),
        _compared(trace, screen, at),
        _ends(trace, screen),
        _hidden(trace, screen),
        *(_both(screen, name) for name in ("weights", "dropout", "iteration")),
    ]
    return [
        heading(screen.say("clocks.title")),
        Text(f"{one_line(trace.source.text)}  ->  {one_line(training_of(trace).reference)}"),
        Text(),
        *stand_in(screen),
        table(heads, rows),
        Text(),
        prose(of_a_mistake(training_of(trace), screen), screen),
        Text(),
        *_proof(trace, screen, "train_equals_infer"),
        prose(screen.say("clocks.same"), screen),
    ]


def _telling_step(trace: Trace) -> int:
    """The step after the first mistake, where the two are fed different tokens; else step 2, or the last."""
    run = training_of(trace)
    wrong = [step.t for step in mistakes(run) if step.t + 1 < len(run.steps)]
    return wrong[0] + 1 if wrong else min(2, len(run.steps) - 1)


def _encoder_passes(trace: Trace, screen: Screen) -> Row:
    passes = training_of(trace).encoder_passes, trace.inference.encoder_passes
    return screen.say("clocks.count.encoder"), str(passes[0]), str(passes[1])


def _decoder_passes(trace: Trace, screen: Screen) -> Row:
    run = training_of(trace)
    return (
        screen.say("clocks.count.decoder"),
        screen.say("terminal.clocks.together", passes=run.decoder_passes, n=len(run.steps)),
        screen.say("terminal.clocks.each", passes=trace.inference.decoder_passes),
    )


def _inputs(trace: Trace, screen: Screen) -> Row:
    run = training_of(trace)
    own = [step.input.piece for step in run.free_running.steps]
    return (
        screen.say("clocks.input"),
        screen.say("terminal.clocks.reference", words=tail(pieces(run.input), _SHOWN)),
        screen.say("terminal.clocks.own", words=tail(own, _SHOWN)),
    )


def _guess(trace: Trace, screen: Screen, t: int) -> Row:
    run = training_of(trace)
    step, free = run.steps[t], run.free_running.steps
    return (
        screen.say("terminal.clocks.predicts", t=t),
        screen.say("terminal.clocks.guess", word=step.prediction.piece, label=step.label.piece),
        free[t].prediction.piece if t < len(free) else "-",
    )


def _fed(trace: Trace, screen: Screen, t: int) -> Row:
    run = training_of(trace)
    free = run.free_running.steps
    return (
        screen.say("terminal.clocks.fed", t=t),
        screen.say("terminal.clocks.fed.reference", word=run.input[t].piece),
        screen.say("terminal.clocks.fed.own", word=free[t].input.piece) if t < len(free) else "-",
    )


def _compared(trace: Trace, screen: Screen, t: int) -> Row:
    run = training_of(trace)
    step, free = run.steps[t], run.free_running.steps
    p, loss = number(step.p_label), number(step.loss)
    return (
        screen.say("terminal.clocks.compared", t=t),
        screen.say("terminal.clocks.compared.label", label=step.label.piece, p=p, loss=loss),
        screen.say("terminal.clocks.compared.nothing", word=free[t].prediction.piece)
        if t < len(free)
        else "-",
    )


def _ends(trace: Trace, screen: Screen) -> Row:
    stop = trace.inference.stop
    ended = "terminal.inference.end" if stop.reason == "end" else "terminal.clocks.ends.limit"
    return (
        screen.say("terminal.clocks.ends"),
        screen.say("terminal.clocks.ends.labels", mean=number(training_of(trace).loss.mean)),
        screen.say(ended, t=stop.t),
    )


def _hidden(trace: Trace, screen: Screen) -> Row:
    on, off = ("█", "·") if screen.colour else ("#", ".")
    first = training_of(trace).causal_mask[:4]
    marks = "  ".join("".join(on if seen else off for seen in row[: len(first)]) for row in first)
    return (
        screen.say("terminal.clocks.future"),
        screen.say("terminal.clocks.future.mask", marks=marks),
        screen.say("terminal.clocks.future.itself"),
    )


def _both(screen: Screen, name: str) -> Row:
    """What is so of every model and sentence."""
    what, training, inference = screen.heads(f"clocks.{name}")
    return what, training, inference


def _proof(trace: Trace, screen: Screen, name: str) -> Lines:
    """Nothing where there is none: a model of another kind proves less."""
    found = [proof for proof in trace.proofs if proof.id == name]
    return [prose(told(proof, screen), screen, "bold" if proof.passed else "bold red") for proof in found]


# -- 2: Q, K and V ------------------------------------------------------------------------------------------------


def qkv(trace: Trace, screen: Screen, layer: int, head: int, step: int) -> Lines:
    """Which input of the upper decoder attention is Q, which are K and V, and why.

    Layer and head count from 1, step from 0. Raises UsageError that names those that exist.
    """
    layers = len(trace.decoder)
    if not 1 <= layer <= layers:
        raise UsageError(f"there is no decoder layer {layer}: its layers are 1 to {layers}")
    attention = trace.attention(f"decoder.{layer}.cross")
    weights = trace.head(attention.name, head)  # [T, S]
    check_step(trace, step)
    if attention.q is None or attention.k is None or attention.v is None or attention.scores is None:
        raise UsageError(f"a {trace.model.kind} has no Q, K and V: ask a transformer")
    at = head - 1
    shapes = [attention.q[at].shape, attention.k[at].shape, attention.v[at].shape]
    scores = attention.scores[at]  # [T, S], before scaling
    return [
        heading(screen.say("terminal.qkv.title", name=attention.name, head=head, t=step)),
        facts(_roles(trace, screen, attention, step), screen),
        Text(),
        prose(_of_the_shapes(shapes, screen), screen),
        Text(),
        _worked_row(trace, screen, attention, scores[step], weights[step]),
        prose(screen.say("terminal.qkv.sums", s=scores.shape[1]), screen),
        Text(),
        *_reasons(trace, screen, shapes, weights, scores),
    ]


def _roles(trace: Trace, screen: Screen, attention: Attention, step: int) -> list[tuple[str, str]]:
    def said(part: str, origin: str, stream: str, **values: str) -> tuple[str, str]:
        streams = {"origin": origin, "stream": screen.say(f"qkv.stream.{stream}")}
        role = screen.say(f"qkv.{part}.role")
        return part.upper(), screen.say(f"terminal.qkv.{part}", role=role, **streams, **values)

    written = tail(trace.inference.steps[step].so_far, _SHOWN)
    return [
        said("q", attention.q_from, "decoder", written=written),
        said("k", attention.k_from, "memory", source=one_line(trace.source.text)),
        said("v", attention.v_from, "memory"),
    ]


def _of_the_shapes(shapes: list[tuple[int, ...]], screen: Screen) -> str:
    (t, _), (s, _), (_, width) = shapes
    return screen.say(
        "terminal.qkv.shapes",
        shapes="   ".join(f"{name} {list(shape)}" for name, shape in zip("qkv", shapes, strict=True)),
        w=[t, s],
        out=[t, width],
        rows=screen.say("qkv.output.role", n=t),
    )


def _worked_row(
    trace: Trace, screen: Screen, attention: Attention, scores: np.ndarray, weights: np.ndarray
) -> Table:
    """One row of the attention, from dot products to weights, [S] each."""
    _, columns = labels(trace, "inference", "cross")
    heads = ["K", "q.k", f"/ {1 / attention.scale:.3g}", "softmax", ""]
    rows = [
        (name, number(score), number(score * attention.scale), number(weight), bar(weight, screen))
        for name, score, weight in zip(columns, scores.tolist(), weights.tolist(), strict=True)
    ]
    return table(heads, rows, right=(1, 2, 3))


def _reasons(
    trace: Trace, screen: Screen, shapes: list[tuple[int, ...]], weights: np.ndarray, scores: np.ndarray
) -> Lines:
    """Why it is so, each with the proof that belongs to it. Weights and scores before scaling [T, S]."""
    (t, width), (s, _), _ = shapes
    values = {"T": t, "S": s, "q": [t, width], "k": [s, width], "w": [t, s], "out": [t, width]}
    streams = {
        side: screen.say(f"qkv.stream.{stream}") for side, stream in (("q", "decoder"), ("k", "memory"))
    }
    why = [screen.say("terminal.qkv.parted", **streams)]
    why += [screen.say(f"qkv.why.{part}.cross", **values) for part in ("q", "kv")]
    spread, sharp = (float(entropy(one).mean()) for one in (weights, _softmax(scores)))
    scale = screen.say(
        "qkv.why.scale.sharper" if sharp < spread else "qkv.why.scale.same",
        bits=number(spread),
        most=number(float(np.log2(s))),
        undivided=number(sharp),
    )
    return [
        prose(screen.say("language.space").join(why), screen),
        *_proof(trace, screen, "encoder_once"),
        Text(),
        prose(scale, screen),
        *_proof(trace, screen, "arithmetic"),
        Text(),
        prose(_of_the_signs(trace, scores, screen), screen),
    ]


def _of_the_signs(trace: Trace, scores: np.ndarray, screen: Screen) -> str:
    """How many products of this head [T, S] are below zero; where hardly one is, how many of all heads."""
    below, all_ = int(np.count_nonzero(scores < 0)), scores.size
    if below >= _FEW * all_:
        return screen.say("qkv.negative", all=all_, n=below, share=f"{below / all_:.0%}")
    signs = [
        one.scores[:, np.array(one.allowed, bool)] < 0
        for one in trace.attentions().values()
        if one.scores is not None
    ]
    found, every = sum(int(one.sum()) for one in signs), sum(one.size for one in signs)
    share = f"{found / every:.0%}"
    return screen.say("qkv.negative.few", all=all_, n=below, below=found, every=every, share=share)


def _softmax(scores: np.ndarray) -> np.ndarray:
    """Over the last axis: what the weights would be without the division."""
    sharp = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(sharp / sharp.sum(-1, keepdims=True))
