"""Before and after in a terminal: the same sentence with one part of the model removed. Removes nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from dragoman.explain.terminal.drawing import Lines, Screen, heading, number, one_line, prose, table
from dragoman.explain.terminal.reading import chosen, failed_proofs
from dragoman.explain.trace.values import Step

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace
    from dragoman.explain.watch.unmasked import Taught


def comparison(before: Trace, after: Trace, screen: Screen) -> Lines:
    """What a removed part was good for: totals, then step by step, then in a sentence."""
    part = after.removed or ""
    without = screen.say(f"without {part}", f"去掉 {part}")
    heads = ["", screen.say("whole", "完整"), without]
    totals = zip(_names(screen), _totals(before), _totals(after), strict=True)
    return [
        heading(screen.say(f"Without {part}", without)),
        table(heads, [row for row in totals if row[1] or row[2]]),
        Text(),
        _steps(before, after, heads[1], without),
        prose(_lesson(before, after, screen), screen),
        *_broken(after, screen),
    ]


def learnt(masked: Taught, unmasked: Taught, screen: Screen) -> Lines:
    """What two small models learnt from random words, one with the causal mask and one without."""
    honest = number(masked.honest, 1)
    heads = screen.say("|with the mask|without it", "|带掩码|不带掩码").split("|")
    both = (masked, unmasked)
    rows = [
        (
            screen.say(f"loss at step {n}", f"第 {n} 步的损失"),
            *(number(one.training[n - 1], 1) for one in both),
        )
        for n in (1, 10, len(masked.training))
    ]
    loop = (screen.say("loss at inference", "推理时的损失"), *(number(one.inference, 0) for one in both))
    return [
        heading(screen.say("Learnt without the mask from the start", "如果从一开始就不带掩码来学")),
        prose(
            screen.say(
                f"Two small models, taught on random words, of which nobody can guess the next better than {honest}:",
                f"两个小模型，拿随机的词来学；随机的词谁也猜不准，损失最低只能到 {honest}：",
            ),
            screen,
        ),
        table(heads, [*rows, loop], right=(1, 2)),
        prose(
            screen.say(
                "Without the mask the loss falls to nothing, since the answer stands in the input, one place to the "
                "right. At inference nothing stands there yet, and the model is worse than a guess.",
                "不带掩码，损失降到几乎为 0，因为答案就在输入里，往右一格。推理时那里还什么都没有，结果比瞎猜还差。",
            ),
            screen,
        ),
    ]


def _names(screen: Screen) -> list[str]:
    return screen.say(
        "translation|encoder passes|decoder passes|decoder rows computed|time|cross-entropy a token",
        "译文|编码器遍数|解码器遍数|解码器一共算了几行|用时|每个 token 的交叉熵",
    ).split("|")


def _totals(trace: Trace) -> list[str]:
    run = trace.inference
    return [
        one_line(run.text) or "-",
        str(run.encoder_passes),
        str(run.decoder_passes),
        str(run.rows_computed),
        f"{1000 * sum(run.seconds.values()):.0f} ms",
        number(trace.training.loss.mean) if trace.training else "",
    ]


def _steps(before: Trace, after: Trace, whole: str, without: str) -> Table:
    rows = []
    for t, pair in enumerate(zip_longest(before.inference.steps, after.inference.steps)):
        (one, p), (other, q) = map(_written, pair)
        rows.append((str(t), one, p, other, q, "" if one == other else "!"))
    return table(["t", whole, "p", without, "p", ""], rows, right=(0, 2, 4))


def _written(step: Step | None) -> tuple[str, str]:
    return ("-", "") if step is None else (chosen(step).piece, number(chosen(step).p))


def _lesson(before: Trace, after: Trace, screen: Screen) -> str:
    """What the part is for, and what became of this sentence without it."""
    part = (after.removed or "").partition(":")[0]
    same = _ids(before.inference.steps) == _ids(after.inference.steps)
    said = [
        screen.say(*_LESSONS[part]),
        screen.say("Here the words stay the same.", "这一句的译文没变。")
        if same
        else screen.say("Here the words change.", "这一句的译文变了。"),
    ]
    if before.training and after.training:
        was, now = number(before.training.loss.mean), number(after.training.loss.mean)
        if was != now:
            fell = float(now) < float(was)
            said.append(
                screen.say(
                    f"The loss {'falls' if fell else 'rises'} from {was} to {now} a token.",
                    f"每个 token 的损失从 {was} {'降到' if fell else '升到'} {now}。",
                )
            )
    return screen.say(" ", "").join(said)


def _ids(steps: Sequence[Step]) -> list[int]:
    return [chosen(step).id for step in steps]


_LESSONS = {
    "causal_mask": (
        "The causal mask hides from each row the tokens that come after it, its own answer first. This model learnt "
        "with the mask and never learnt to use what it hides.",
        "因果掩码不让每一行看到后面的 token，首先就是它自己的答案。这个模型是带着掩码学的，没学过怎么用被遮住的东西。",
    ),
    "shift": (
        "The shift by one makes each row predict the next token; unshifted, a row is fed its own label.",
        "错开一位，每一行才是在预测下一个 token；不错开，输入就是它自己的标签。",
    ),
    "scale": (
        "Dividing by the root of the head width keeps softmax from putting all weight on one key.",
        "除以头宽度的平方根，softmax 才不会把权重全压在一个 key 上。",
    ),
    "cache": (
        "The cache only saves work: without it each step computes all rows before it again, to the same result.",
        "缓存只是省事：没有它，每一步都要把前面的行再算一遍，结果一样。",
    ),
    "positions": (
        "Attention knows no order: without positions a sentence is a bag of words.",
        "注意力不知道先后：没有位置编码，一句话就是一袋词。",
    ),
    "encoder": (
        "With nothing to read, the decoder is a language model: fluent perhaps, and about no source.",
        "没有东西可读，解码器就只是个语言模型：也许通顺，但和原文无关。",
    ),
    "swap": (
        "Q has to come from the side that is written. Asked by the memory instead, it gives an answer to each token "
        "that was read and not to each that is written; cut or filled with zeros, these stand in the wrong rows.",
        "Q 必须来自正在写的这一边。换成 memory 来问，回答的是每个读入的 token，而不是每个要写的 token；"
        "截断或补零之后，行全对错了。",
    ),
    "head": (
        "A head is one of several that look at the same time; the others may make up for it, or not.",
        "一个头只是同时在看的几个之一；少了它，别的头也许补得上，也许补不上。",
    ),
}


def _broken(after: Trace, screen: Screen) -> Lines:
    failed = ", ".join(f"{proof.id} ({proof.value:.1e})" for proof in failed_proofs(after))
    if not failed:
        return []
    return [
        prose(
            screen.say(
                f"Proofs that no longer hold without it: {failed}.",
                f"少了它，这些证明不再成立：{failed}。",
            ),
            screen,
        )
    ]
