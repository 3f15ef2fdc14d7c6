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
from dragoman.explain.terminal.reading import check_step, entropy, labels, mistakes, pieces, training_of
from dragoman.explain.trace.values import Attention

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

Row = tuple[str, str, str]

_SHOWN = 9  # tokens of a sentence that stand in one cell


# -- 1: training and inference ------------------------------------------------------------------------------------


def training_vs_inference(trace: Trace, screen: Screen) -> Lines:
    """What differs between training and inference, and what does not. Raises UsageError without a reference."""
    at = _telling_step(trace)
    heads = screen.say(
        "|TRAINING (teacher forcing)|INFERENCE (autoregressive)", "|训练（teacher forcing）|推理（自回归）"
    ).split("|")
    rows = [
        _encoder_passes(trace, screen),
        _decoder_passes(trace, screen),
        _inputs(trace, screen),
        *([_guess(trace, screen, at - 1)] if at else []),
        _fed(trace, screen, at),
        _compared(trace, screen, at),
        _ends(trace, screen),
        _hidden(trace, screen),
    ]
    return [
        heading(screen.say("What differs between training and inference?", "训练和推理差在哪里？")),
        Text(f"{one_line(trace.source.text)}  ->  {one_line(training_of(trace).reference)}"),
        Text(),
        table(heads, rows),
        Text(),
        prose(_difference(trace, screen, at), screen),
        Text(),
        *_proof(trace, screen, "train_equals_infer"),
        prose(
            screen.say(
                "So it is one function on two schedules. In training the reference gives every input beforehand, and "
                "all rows are computed at once; in inference the next input does not exist until this step has "
                "chosen it.",
                "所以两边是同一个函数，只是安排不同。训练时参考译文把每一步的输入都事先给好，所有行一次算完；"
                "推理时，这一步没选出来，下一步就没有输入。",
            ),
            screen,
        ),
    ]


def _telling_step(trace: Trace) -> int:
    """The step after the first mistake, where the two are fed different tokens; else step 2, or the last."""
    run = training_of(trace)
    wrong = [step.t for step in mistakes(run) if step.t + 1 < len(run.steps)]
    return wrong[0] + 1 if wrong else min(2, len(run.steps) - 1)


def _encoder_passes(trace: Trace, screen: Screen) -> Row:
    name = screen.say("encoder passes", "编码器跑几遍")
    return name, str(training_of(trace).encoder_passes), str(trace.inference.encoder_passes)


def _decoder_passes(trace: Trace, screen: Screen) -> Row:
    run, passes = training_of(trace), trace.inference.decoder_passes
    rows = len(run.steps)
    return (
        screen.say("decoder passes", "解码器跑几遍"),
        screen.say(
            f"{run.decoder_passes}   all {rows} positions together",
            f"{run.decoder_passes}   {rows} 个位置一起算",
        ),
        screen.say(f"{passes}   one position each", f"{passes}   一遍一个位置"),
    )


def _inputs(trace: Trace, screen: Screen) -> Row:
    run = training_of(trace)
    own = [step.input.piece for step in run.free_running.steps]
    return (
        screen.say("decoder input", "解码器的输入"),
        screen.say("the reference: ", "参考译文：") + tail(pieces(run.input), _SHOWN),
        screen.say("its own words: ", "自己写的：") + tail(own, _SHOWN),
    )


def _guess(trace: Trace, screen: Screen, t: int) -> Row:
    run = training_of(trace)
    step, free = run.steps[t], run.free_running.steps
    return (
        screen.say(f"t={t} predicts", f"t={t} 预测"),
        screen.say(
            f"{step.prediction.piece}   the label is {step.label.piece}",
            f"{step.prediction.piece}   标签是 {step.label.piece}",
        ),
        free[t].prediction.piece if t < len(free) else "-",
    )


def _fed(trace: Trace, screen: Screen, t: int) -> Row:
    run = training_of(trace)
    given, free = run.input[t].piece, run.free_running.steps
    return (
        screen.say(f"t={t} is fed", f"t={t} 的输入"),
        screen.say(f"{given}   from the reference", f"{given}   来自参考译文"),
        screen.say(f"{free[t].input.piece}   its own prediction", f"{free[t].input.piece}   自己的预测")
        if t < len(free)
        else "-",
    )


def _compared(trace: Trace, screen: Screen, t: int) -> Row:
    run = training_of(trace)
    step, free = run.steps[t], run.free_running.steps
    label, p, loss = step.label.piece, number(step.p_label), number(step.loss)
    return (
        screen.say(f"t={t} is compared", f"t={t} 和谁比"),
        screen.say(f"with label {label}: p={p}, loss {loss}", f"和标签 {label} 比：p={p}，损失 {loss}"),
        screen.say(
            f"with nothing: {free[t].prediction.piece} comes out",
            f"没有标签：输出 {free[t].prediction.piece}",
        )
        if t < len(free)
        else "-",
    )


def _ends(trace: Trace, screen: Screen) -> Row:
    mean, stop = number(training_of(trace).loss.mean), trace.inference.stop
    return (
        screen.say("ends", "到哪里结束"),
        screen.say(f"with the labels; loss {mean} a token", f"标签用完；平均损失 {mean}"),
        screen.say(
            f"step {stop.t} chose </s>" if stop.reason == "end" else f"step {stop.t}, the length limit",
            f"第 {stop.t} 步选了 </s>" if stop.reason == "end" else f"第 {stop.t} 步，长度上限",
        ),
    )


def _hidden(trace: Trace, screen: Screen) -> Row:
    on, off = ("█", "·") if screen.colour else ("#", ".")
    first = training_of(trace).causal_mask[:4]
    marks = "  ".join("".join(on if seen else off for seen in row[: len(first)]) for row in first)
    return (
        screen.say("the future is hidden", "怎么看不到后面"),
        screen.say(f"by the causal mask: {marks}", f"靠因果掩码：{marks}"),
        screen.say("by itself: it is not written yet", "不用藏：后面的还没写"),
    )


def _difference(trace: Trace, screen: Screen, at: int) -> str:
    """What happened at the step that was picked."""
    run = training_of(trace)
    if not at or run.steps[at - 1].prediction.id == run.steps[at - 1].label.id:
        return screen.say(
            "Here the model predicts the reference, so both are fed the same; a --reference in other words parts them.",
            "这里模型预测的就是参考译文，所以两边的输入一样；换个说法的 --reference 就能看到两边分开。",
        )
    wrong, label = run.steps[at - 1].prediction.piece, run.steps[at - 1].label.piece
    return screen.say(
        f"The mistake at t={at - 1} ({wrong} for {label}) costs loss in training and changes nothing at t={at}; in "
        f"inference {wrong} becomes the input of t={at}, and everything after it follows from that.",
        f"t={at - 1} 的错（该是 {label}，写成 {wrong}）在训练时只算损失，不影响 t={at}；推理时 {wrong} "
        f"成了 t={at} 的输入，后面全由它来。",
    )


def _proof(trace: Trace, screen: Screen, name: str) -> Lines:
    proof = next((proof for proof in trace.proofs if proof.id == name), None)
    if proof is None:  # a model of another kind proves less
        return []
    verdict = screen.say("holds", "通过") if proof.passed else screen.say("FAILED", "没通过")
    return [
        prose(
            screen.say(
                f"Proof {name} {verdict}: {proof.statement} (measured {proof.value:.1e}, limit {proof.limit:.0e}).",
                f"证明 {name} {verdict}：{proof.statement}（测得 {proof.value:.1e}，上限 {proof.limit:.0e}）。",
            ),
            screen,
            "bold" if proof.passed else "bold red",
        )
    ]


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
        heading(
            screen.say(
                f"Who asks and who answers: {attention.name}, head {head}, step {step}",
                f"谁提问，谁回答：{attention.name}，第 {head} 个头，第 {step} 步",
            )
        ),
        facts(_roles(trace, screen, attention, step), screen),
        Text(),
        prose(_of_the_shapes(shapes, screen), screen),
        Text(),
        _worked_row(trace, screen, attention, scores[step], weights[step]),
        Text(),
        *_reasons(trace, screen, attention.scale, scores, weights),
    ]


def _roles(trace: Trace, screen: Screen, attention: Attention, step: int) -> list[tuple[str, str]]:
    written = tail(trace.inference.steps[step].so_far, _SHOWN)
    source = one_line(trace.source.text)
    return [
        (
            "Q",
            screen.say(
                f'from {attention.q_from}, the decoder\'s stream, so far: {written}   "What do I need next?"',
                f"来自 {attention.q_from}，解码器这一路，已经写到：{written}   “接下来我需要什么？”",
            ),
        ),
        (
            "K",
            screen.say(
                f'from {attention.k_from}, the encoder\'s output for: {source}   "This is what I am."',
                f"来自 {attention.k_from}，编码器对这句话的输出：{source}   “我是什么。”",
            ),
        ),
        (
            "V",
            screen.say(
                f'from {attention.v_from} too, the same rows   "This is what I have to say."',
                f"也来自 {attention.v_from}，同样的那些行   “我能告诉你什么。”",
            ),
        ),
    ]


def _of_the_shapes(shapes: list[tuple[int, ...]], screen: Screen) -> str:
    (t, _), (s, _), (_, width) = shapes
    named = "   ".join(f"{name} {list(shape)}" for name, shape in zip("qkv", shapes, strict=True))
    return screen.say(
        f"{named}   ->   weights [{t}, {s}]   ->   output [{t}, {width}]: as many rows as Q",
        f"{named}   ->   权重 [{t}, {s}]   ->   输出 [{t}, {width}]：行数跟着 Q",
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


def _reasons(trace: Trace, screen: Screen, scale: float, scores: np.ndarray, weights: np.ndarray) -> Lines:
    """Why it is so, each with the proof that belongs to it."""
    q_rows, k_rows = scores.shape
    sharp = np.exp(scores - scores.max(-1, keepdims=True))  # softmax without the division
    sharp /= sharp.sum(-1, keepdims=True)
    bits, undivided = (number(float(entropy(one).mean()), 1) for one in (weights, sharp))
    divisor = f"{1 / scale:.3g}"
    return [
        prose(
            screen.say(
                f"Q comes from the decoder because every position that is written needs one answer: {q_rows} rows of "
                f"Q, {q_rows} rows out. K and V come from the encoder because the answers lie in what was read: "
                f"{k_rows} keys, one value behind each, so K and V are always of one length. They do not depend on "
                "t: computed once, kept, asked again at every step.",
                f"Q 来自解码器，因为每个要写的位置都需要一个回答：Q 有 {q_rows} 行，输出就有 {q_rows} 行。"
                f"K 和 V 来自编码器，因为答案在读进来的句子里：{k_rows} 个 key，后面各有一个 value，"
                "所以 K 和 V 总是一样长。它们跟 t 无关：算一次，存着，每一步都来问。",
            ),
            screen,
        ),
        *_proof(trace, screen, "encoder_once"),
        Text(),
        prose(
            screen.say(
                f"Divided by {divisor}, the root of the head width, a row of this head spreads over {bits} bits on "
                f"average; undivided it would be {undivided}.",
                f"除以 {divisor}（头宽度的平方根）之后，这个头每行平均分散 {bits} 比特；不除的话是 {undivided} 比特。",
            ),
            screen,
        ),
        *_proof(trace, screen, "arithmetic"),
    ]
