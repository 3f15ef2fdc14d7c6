"""Teacher forcing in a terminal: the table of time steps, the mask, the loss, the free-running model beside it."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from dragoman.explain.terminal.drawing import (
    Lines,
    Screen,
    facts,
    heading,
    number,
    one_line,
    prose,
    table,
    tail,
)
from dragoman.explain.terminal.reading import mistakes, pieces, training_of
from dragoman.explain.trace.values import FreeStep, Training, TrainingStep

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

_SEEN = 3  # tokens of the input that are shown in a row; the mask below shows how far each row sees
_OTHER = " !"  # marks a token that is not the reference's


def training(trace: Trace, screen: Screen) -> Lines:
    """One training step of this pair, row by row. Raises UsageError for a trace without a reference."""
    run = training_of(trace)
    return [
        heading(screen.say("Training (teacher forcing)", "训练（teacher forcing）")),
        Text(f"{one_line(trace.source.text)}  ->  {one_line(run.reference)}", style="bold"),
        facts(
            [
                (screen.say("decoder input", "解码器输入"), " ".join(pieces(run.input))),
                (
                    screen.say("labels", "标签"),
                    " ".join(pieces(run.labels))
                    + screen.say("   the same, shifted by one", "   同一句，错开一位"),
                ),
            ],
            screen,
        ),
        Text(),
        _steps(run, screen),
        prose(_of_the_loss(run, screen), screen),
        Text(),
        *causal_mask(run, screen),
        Text(),
        prose(_of_a_mistake(run, screen), screen),
    ]


def _steps(run: Training, screen: Screen) -> Table:
    heads = screen.say(
        "t|decoder sees|label|predicts|p(label)|loss||free-running: fed|predicts",
        "t|解码器看到|标签|预测|p(标签)|损失||自由运行：输入|预测",
    ).split("|")
    fed = pieces(run.input)
    rows = [
        (str(t), *_forced(step, fed), "|", *_free(free, step))
        for t, (step, free) in enumerate(zip_longest(run.steps, run.free_running.steps))
    ]
    return table(heads, rows, right=(0, 4, 5))


def _forced(step: TrainingStep | None, fed: list[str]) -> tuple[str, ...]:
    if step is None:
        return ("", "", "", "", "")
    other = step.prediction.id != step.label.id
    return (
        tail(fed[: step.t + 1], _SEEN),
        step.label.piece,
        f"{step.prediction.piece} {number(step.prediction.p)}{_OTHER if other else ''}",
        number(step.p_label),
        number(step.loss),
    )


def _free(free: FreeStep | None, step: TrainingStep | None) -> tuple[str, str]:
    if free is None:
        return "", ""
    other = step is None or free.input.id != step.input.id
    return (
        f"{free.input.piece}{_OTHER if other else ''}",
        f"{free.prediction.piece} {number(free.prediction.p)}",
    )


def _of_the_loss(run: Training, screen: Screen) -> str:
    loss, rows = run.loss, len(run.steps)
    once = run.encoder_passes == run.decoder_passes == 1
    return screen.say(
        f"{'One encoder pass and one decoder pass' if once else f'{run.decoder_passes} decoder passes'} gave all "
        f"{rows} rows. Cross-entropy: {number(loss.sum)} over {loss.tokens} tokens, {number(loss.mean)} each; with "
        f"label smoothing {loss.label_smoothing}, which is what training lowers, {number(loss.smoothed_mean)}.",
        f"编码器 {run.encoder_passes} 遍、解码器 {run.decoder_passes} 遍，{rows} 行一次算完。交叉熵："
        f"{loss.tokens} 个 token 一共 {number(loss.sum)}，平均 {number(loss.mean)}；加上标签平滑 "
        f"{loss.label_smoothing} 是 {number(loss.smoothed_mean)}，训练压低的就是它。",
    )


def causal_mask(run: Training, screen: Screen) -> Lines:
    """Which inputs each row may look at."""
    on, off = ("█", "·") if screen.colour else ("#", ".")
    lines: Lines = [
        prose(
            screen.say(
                "The causal mask: row t may look at inputs 0 to t. The answer is input t+1, so it stays hidden.",
                "因果掩码：第 t 行只能看第 0 到 t 个输入。答案就是第 t+1 个输入，所以看不到。",
            ),
            screen,
            "dim",
        )
    ]
    for t, row in enumerate(run.causal_mask):
        marks = " ".join(on if seen else off for seen in row)
        lines.append(Text(f"{t:>3}  {marks}  {run.input[t].piece}", no_wrap=True, overflow="ellipsis"))
    return lines


def _of_a_mistake(run: Training, screen: Screen) -> str:
    """What a wrong prediction does in each of the two modes, on the first one there is."""
    wrong = mistakes(run)
    if not wrong:
        return screen.say(
            "Every prediction is the label, so running free it is fed the same tokens. Another --reference parts the "
            "two.",
            "每一步的预测都等于标签，所以自由运行时输入也一样。换一个 --reference 就能看到两边分开。",
        )
    first = wrong[0]
    t, predicted, label, loss = first.t, first.prediction.piece, first.label.piece, number(first.loss)
    if t + 1 == len(run.steps):
        return screen.say(
            f"The one mistake stands at the end: {predicted} for {label}. Training stops there with the labels; "
            f"running free, the model goes on after {predicted}.",
            f"只在最后错了一步：该是 {label}，预测的是 {predicted}。训练到标签用完为止；"
            f"自由运行时，它会接着 {predicted} 往下写。",
        )
    return screen.say(
        f"At t={t} the model would write {predicted}, and the label is {label}. In training the input at t={t + 1} is "
        f"{label} all the same: the mistake costs {loss} of loss and leaves the rows after it untouched. Running free, "
        f"{predicted} itself is the input at t={t + 1}, and all that follows depends on it.",
        f"t={t} 时模型想写 {predicted}，标签是 {label}。训练时 t={t + 1} 的输入照样是 {label}：错了只是损失多 {loss}，"
        f"后面各行不受影响。自由运行时，t={t + 1} 的输入就是它自己写的 {predicted}，后面全跟着变。",
    )
