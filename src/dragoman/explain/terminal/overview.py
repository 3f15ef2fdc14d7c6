"""One translation in a terminal, from end to end, and its proofs. Computes nothing.

All that is shown is read from the trace; the sentences are filled with its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from dragoman.explain.terminal.drawing import (
    Lines,
    Screen,
    facts,
    heading,
    heat_map,
    number,
    one_line,
    prose,
    table,
    tail,
)
from dragoman.explain.terminal.reading import chosen, failed_proofs, labels
from dragoman.explain.trace.values import Proof, Step

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

_TOP = 3  # candidates shown for each step


def overview(trace: Trace, screen: Screen) -> Lines:
    """One translation from end to end."""
    return [
        *title(trace, screen),
        *reading(trace, screen),
        *inference(trace, screen),
        *looking(trace, screen),
        *lens(trace, screen),
        *proved(trace, screen),
        *more(trace, screen),
    ]


def title(trace: Trace, screen: Screen) -> Lines:
    model, config = trace.model, trace.model.config
    sizes = ", ".join(f"{name} {config[name]}" for name in _SIZES if name in config)
    lines: Lines = [
        Text(f"{one_line(trace.source.text)}  ->  {one_line(trace.inference.text)}", style="bold"),
        Text(
            screen.say(f"{model.name}, {model.kind}: {sizes}", f"{model.name}，{model.kind}：{sizes}"),
            style="dim",
        ),
    ]
    if trace.limits.note:
        lines.append(prose(trace.limits.note, screen, "dim"))
    return lines


_SIZES = ("encoder_layers", "decoder_layers", "d_model", "n_heads")


def alarm(trace: Trace, screen: Screen) -> Lines:
    """The proofs that failed, to be read before anything else."""
    failed = failed_proofs(trace)
    if not failed:
        return []
    warning = screen.say(
        "PROOF FAILED: do not trust what is shown below.", "有证明没通过：下面显示的内容不可信。"
    )
    reasons = [
        prose(f"  {proof.id}: {proof.statement} ({_measured(proof, screen)})", screen, "red")
        for proof in failed
    ]
    return [Text(warning, style="bold red"), *reasons, Text()]


def _measured(proof: Proof, screen: Screen) -> str:
    return screen.say(
        f"measured {proof.value:.1e}, limit {proof.limit:.0e}",
        f"测得 {proof.value:.1e}，上限 {proof.limit:.0e}",
    )


def proved(trace: Trace, screen: Screen) -> Lines:
    """How many proofs hold."""
    count, held = len(trace.proofs), [proof.id for proof in trace.proofs if proof.passed]
    if not count:
        return []
    return [
        heading(screen.say("What this trace proves of itself", "这份记录自带的证明")),
        prose(
            screen.say(
                f"{len(held)} of {count} proofs hold: {', '.join(held)}. --proofs shows their numbers.",
                f"{count} 条证明通过了 {len(held)} 条：{'、'.join(held)}。加 --proofs 看数值。",
            ),
            screen,
        ),
    ]


def more(trace: Trace, screen: Screen) -> Lines:
    """What else can be asked of this model about the sentence: flags of `dragoman explain`."""
    rows = [
        (
            "--training",
            screen.say("one step of training on a --reference", "拿一句译文（--reference）训练一步"),
        ),
        ("--ask training-vs-inference", screen.say("what differs between the two", "训练和推理差在哪里")),
        ("--beam", screen.say("the beginnings that were given up", "放弃了哪些开头")),
        ("-o page.html", screen.say("all of it as a page", "全部做成一个网页")),
    ]
    if trace.attentions():
        name = list(trace.attentions())[-1]
        rows.insert(
            2, (f"--attention {name}", screen.say("any attention, any --head", "任意一个注意力、任意一个头"))
        )
    if trace.encoder:
        layer = len(trace.decoder)
        rows.insert(
            2, (f"--ask qkv --layer {layer}", screen.say("who is Q, who are K and V", "谁是 Q，谁是 K 和 V"))
        )
        rows.insert(
            -1, ("--without causal_mask", screen.say("take a part away, look again", "拆掉一个零件再看"))
        )
    return [heading(screen.say("More about this sentence", "这句话还可以问")), facts(rows, screen)]


def proof_table(trace: Trace, screen: Screen) -> Lines:
    """Each proof with its number and its limit."""
    heads = screen.say("proof|statement|measured|limit|", "证明|内容|测得|上限|").split("|")
    rows = [
        (
            proof.id,
            proof.statement,
            f"{proof.value:.1e}",
            f"{proof.limit:.0e}",
            screen.say("holds", "通过") if proof.passed else screen.say("FAILED", "没通过"),
        )
        for proof in trace.proofs
    ]
    return [heading(screen.say("Proofs", "证明")), table(heads, rows, right=(2, 3))]


def reading(trace: Trace, screen: Screen) -> Lines:
    """Text to ids, and the one run of the encoder."""
    source, run = trace.source, trace.inference
    count = len(source.tokens)
    lines: Lines = [heading(screen.say("1  The encoder reads", "1  编码器读入"))]
    if source.prepared != source.text:
        lines.append(
            prose(screen.say("as the model reads it: ", "模型读到的：") + one_line(source.prepared), screen)
        )
    lines.append(prose("   ".join(f"{token.piece} {token.id}" for token in source.tokens), screen))
    spelled = sum(token.byte for token in source.tokens)
    if spelled:
        lines.append(
            prose(
                screen.say(
                    f"{spelled} of them spell single bytes: no piece of the vocabulary has that character.",
                    f"其中 {spelled} 个是单个字节：词表里没有这个字，只好按字节拼。",
                ),
                screen,
            )
        )
    lines.append(
        prose(
            screen.say(
                f"{count} tokens with their ids, </s> last. All went through the encoder together, "
                f"{_times(run.encoder_passes)}; what came out, a row for each token, is called memory.",
                f"{count} 个 token 和各自的编号，最后是 </s>。它们一起过编码器，一共跑 {run.encoder_passes} 遍；"
                "出来的结果每个 token 一行，叫 memory。",
            ),
            screen,
        )
    )
    return lines


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def inference(trace: Trace, screen: Screen) -> Lines:
    """The loop: what each step was fed, what it thought of, what it chose."""
    heads = screen.say(
        "t|fed in|written so far|cache|most probable next|chosen",
        "t|输入|已经写下|缓存|最可能的下一个|选中",
    ).split("|")
    rows = [
        (
            str(step.t),
            step.input.piece,
            tail(step.so_far[1:]),
            f"{step.cache.before}->{step.cache.after}" if step.cache else "-",
            "  ".join(f"{guess.piece} {number(guess.p)}" for guess in step.top[:_TOP]),
            _choice(step, screen),
        )
        for step in trace.inference.steps
    ]
    return [
        heading(screen.say("2  The decoder writes, one token a step", "2  解码器一步写一个 token")),
        table(heads, rows, right=(0,)),
        prose(_of_the_loop(trace, screen), screen),
        *_other_engine(trace, screen),
    ]


def _choice(step: Step, screen: Screen) -> Text:
    choice = chosen(step)
    cell = Text(choice.piece, style="bold")
    if choice.rank != 1:
        cell.append(screen.say(f" (rank {choice.rank})", f"（排第 {choice.rank}）"), style="not bold")
    return cell


def _of_the_loop(trace: Trace, screen: Screen) -> str:
    run = trace.inference
    ended, last = run.stop.reason == "end", run.stop.t
    stop = screen.say(
        f"step {last} chose </s>, so it stopped" if ended else f"step {last} hit the length limit",
        f"第 {last} 步选了 </s>，于是停下" if ended else f"到第 {last} 步碰到长度上限",
    )
    width = run.beam.width
    kept = screen.say(
        f"{width} beginnings were kept side by side (--beam shows them); these are the steps of the one that won."
        if width > 1
        else "Greedy: the most probable token each time.",
        f"同时保留 {width} 个开头（加 --beam 看全部），这里是最后胜出的那个。"
        if width > 1
        else "贪心：每一步都取概率最高的。",
    )
    after = run.decoder_passes - len(run.steps)  # a beam goes on while another beginning may still win
    return screen.say(
        f"The encoder ran {_times(run.encoder_passes)}, the decoder {_times(run.decoder_passes)}"
        f"{f' ({after} more than shown, for rivals in the beam)' if after else ''}: what one step chose is what the "
        f"next is fed; {stop}. {kept}",
        f"编码器跑了 {run.encoder_passes} 遍，解码器跑了 {run.decoder_passes} 遍"
        f"{f'（比表里多 {after} 遍，是束里别的候选还没写完）' if after else ''}：这一步选的就是下一步的输入；"
        f"{stop}。{kept}",
    )


def _other_engine(trace: Trace, screen: Screen) -> Lines:
    """What is served, where the engine that serves does not say the same."""
    served = trace.inference.served
    if served.same:
        return []
    answer = one_line(served.text) or "-"
    return [
        prose(
            screen.say(
                f"Not what dragoman translate answers, whose engine ({served.engine}) reckons otherwise: {answer}",
                f"这和 dragoman translate 的回答不同，那边用的是 {served.engine} 引擎：{answer}",
            ),
            screen,
        )
    ]


def looking(trace: Trace, screen: Screen) -> Lines:
    """Cross-attention of the last layer beside what value zeroing says of it."""
    if not trace.decoder:
        none = screen.say(
            "This model has no attention: all it knows of the source is one vector of fixed size.",
            "这个模型没有注意力：源句的一切都压在一个固定长度的向量里。",
        )
        return [
            heading(screen.say("3  Where it looked while writing", "3  写的时候看了哪里")),
            prose(none, screen),
        ]
    rows, columns = labels(trace, "inference", "cross")
    name = trace.decoder[-1].cross.name
    return [
        heading(screen.say("3  Where it looked while writing", "3  写的时候看了哪里")),
        prose(
            screen.say(
                f"{name}, mean of its heads, in percent: a row for each token written, a column for each token read.",
                f"{name} 各个头的平均，单位 %：一行是一个写出的 token，一列是一个读入的 token。",
            ),
            screen,
            "dim",
        ),
        *heat_map(trace.influence.attention, rows, columns, screen),
        prose(_of_the_influence(trace, columns, screen), screen),
    ]


def _of_the_influence(trace: Trace, columns: Sequence[str], screen: Screen) -> str:
    """Attention against value zeroing. The last column, </s>, is where it rests when it has nothing to find."""
    attention, zeroing = trace.influence.attention, trace.influence.value_zeroing
    text = screen.say("Attention is not explanation", "注意力不等于解释")
    if columns[-1] == "</s>":  # and not cut off in a long sentence
        resting = number(100 * float(attention[:, -1].mean()), 0)
        text = screen.say(f"{resting} % of it rests on </s>. ", f"有 {resting} % 停在 </s> 上。") + text
    if zeroing is None:
        return text + screen.say(".", "。")
    apart = int(np.count_nonzero(attention.argmax(-1) != zeroing.argmax(-1)))
    return text + screen.say(
        f": set the value of one source token to zero, one after another, and in {apart} of {len(attention)} rows the "
        "one that is missed most is not the one that was looked at most.",
        f"：把源句 token 的 value 逐个清零，看少了谁影响最大，{len(attention)} 行里有 {apart} 行不是看得最多的那个。",
    )


def lens(trace: Trace, screen: Screen) -> Lines:
    """The word on top after each decoder layer, read through the output layer."""
    layers, steps = trace.inference.passed.lens, trace.inference.steps
    if not layers:
        return []
    heads = ["t", *(screen.say(f"after layer {n}", f"第 {n} 层之后") for n in range(1, len(layers) + 1))]
    rows = [
        (str(step.t), *(f"{guess.piece} {number(guess.p)}" for guess in guesses))
        for step, *guesses in zip(steps, *layers, strict=False)
    ]
    early = sum(guess.id == chosen(step).id for step, guess in zip(steps, layers[0], strict=False))
    return [
        heading(screen.say("4  How each word forms, layer by layer", "4  每个词怎么一层层成形")),
        table(heads, rows, right=(0,)),
        prose(
            screen.say(
                f"Read through the output layer, decoder layer 1 alone has {early} of {len(steps)} tokens right.",
                f"如果解码器第 1 层就直接输出，{len(steps)} 个 token 里已经对了 {early} 个。",
            ),
            screen,
        ),
    ]
