"""One translation in a terminal, from end to end, and its proofs. Computes nothing.

All that is shown is read from the trace; the sentences are filled with its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
from dragoman.explain.terminal.proving import statement, told, verdict
from dragoman.explain.terminal.reading import a_byte, a_tag, chosen, failed_proofs, labels
from dragoman.explain.terminal.twins import twins
from dragoman.explain.trace.layers import Token
from dragoman.explain.trace.values import Step

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

_TOP = 3  # candidates shown for each step
_SENTENCES = re.compile(r"the text has (\d+) sentences")  # how a trace notes it


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
        Text(screen.say("terminal.model.sizes", name=model.name, kind=model.kind, sizes=sizes), style="dim"),
    ]
    return [*lines, *(prose(said, screen, "dim") for said in _limits(trace, screen))]


def _limits(trace: Trace, screen: Screen) -> Iterator[str]:
    """What of the text and of its arrays is not shown."""
    limits = trace.limits
    if several := _SENTENCES.match(limits.note):
        yield screen.say("proofs.sentences", n=several[1])
    if limits.truncated:
        target = max(len(trace.inference.steps), len(trace.training.labels) if trace.training else 0)
        sizes = {"sources": len(trace.source.tokens), "targets": target}
        yield screen.say("proofs.cut", source=limits.kept_source, target=limits.kept_target, **sizes)


_SIZES = ("encoder_layers", "decoder_layers", "d_model", "n_heads")


def alarm(trace: Trace, screen: Screen) -> Lines:
    """The proofs that failed, to be read before anything else."""
    failed = failed_proofs(trace)
    if not failed:
        return []
    reasons = [prose(told(proof, screen, "terminal.proofs.alarmed"), screen, "red") for proof in failed]
    return [Text(screen.say("terminal.proofs.alarm"), style="bold red"), *reasons, Text()]


def proved(trace: Trace, screen: Screen) -> Lines:
    """How many proofs hold."""
    count, held = len(trace.proofs), [proof.id for proof in trace.proofs if proof.passed]
    if not count:
        return []
    return [
        heading(screen.say("terminal.proofs.own")),
        prose(
            screen.say(
                "terminal.proofs.held",
                held=len(held),
                all=count,
                list=screen.say("language.comma").join(held),
            ),
            screen,
        ),
    ]


def more(trace: Trace, screen: Screen) -> Lines:
    """What else can be asked of this model about the sentence: flags of `dragoman explain`."""
    flags = [
        ("--lesson", "lesson"),
        ("--training", "training"),
        ("--ask training-vs-inference", "differs"),
        ("--beam", "beam"),
        ("-o page.html", "page"),
    ]
    if trace.attentions():
        flags.insert(3, (f"--attention {list(trace.attentions())[-1]}", "attention"))
    if trace.encoder:
        flags.insert(3, (f"--ask qkv --layer {len(trace.decoder)}", "qkv"))
        flags.insert(-1, ("--without causal_mask", "without"))
    flags[-1:-1] = [("--teach 5", "teach"), ("--say 1=WORD", "say")]
    if trace.encoder:
        flags[-1:-1] = [("--beside SENTENCE", "beside"), ("--box encoder.1", "box")]
    rows = [(flag, screen.say(f"terminal.more.{what}")) for flag, what in flags]
    return [heading(screen.say("terminal.more.title")), facts(rows, screen)]


def proof_table(trace: Trace, screen: Screen) -> Lines:
    """Each proof with its number and its limit."""
    heads = screen.heads("terminal.proofs.heads")
    rows = [
        (
            proof.id,
            statement(proof, screen),
            f"{proof.value:.1e}",
            f"{proof.limit:.0e}",
            verdict(proof, screen),
        )
        for proof in trace.proofs
    ]
    return [
        heading(screen.say("terminal.proofs.title")),
        table(heads, rows, right=(2, 3)),
        *twins(trace, screen),
    ]


def reading(trace: Trace, screen: Screen) -> Lines:
    """Text to ids, and the one run of the encoder."""
    source, run = trace.source, trace.inference
    lines: Lines = [heading(screen.say("terminal.reading.title"))]
    if source.prepared != source.text:
        lines.append(prose(screen.say("terminal.reading.prepared", text=one_line(source.prepared)), screen))
    lines.append(prose("   ".join(f"{token.piece} {token.id}" for token in source.tokens), screen))
    if any("▁" in token.piece for token in source.tokens):
        lines.append(prose(screen.say("words.space"), screen))
    lines += tagged(source.tokens, screen)
    spelled = sum(token.byte for token in source.tokens)
    if spelled:
        lines.append(prose(screen.say("terminal.reading.bytes", n=spelled), screen))
    times = screen.say("terminal.count.times", count=run.encoder_passes)
    said = screen.say("terminal.reading.tokens", n=len(source.tokens), times=times)
    return [*lines, prose(said, screen)]


def inference(trace: Trace, screen: Screen) -> Lines:
    """The loop: what each step was fed, what it thought of, what it chose."""
    heads = screen.heads("terminal.inference.heads")
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
        heading(screen.say("terminal.inference.title")),
        table(heads, rows, right=(0,)),
        *bytewise(trace.inference.tokens, screen),
        prose(_of_the_loop(trace, screen), screen),
        *_of_the_depth(trace, screen),
        *_other_engine(trace, screen),
    ]


def tagged(tokens: Sequence[Token], screen: Screen) -> Lines:
    """What a first token is that is no word, if there is one."""
    tag = a_tag(tokens)
    return [prose(screen.say("words.tag", tag=tag), screen)] if tag else []


def bytewise(tokens: Sequence[Token], screen: Screen) -> Lines:
    """What a piece is that is no text, if there is one."""
    byte = a_byte(tokens)
    return [prose(screen.say("words.bytes", byte=byte), screen)] if byte else []


def _choice(step: Step, screen: Screen) -> Text:
    choice = chosen(step)
    cell = Text(choice.piece, style="bold")
    if choice.rank != 1:
        cell.append(screen.say("terminal.inference.rank", rank=choice.rank), style="not bold")
    return cell


def _of_the_loop(trace: Trace, screen: Screen) -> str:
    run = trace.inference
    stop = "terminal.inference.stopped" if run.stop.reason == "end" else "terminal.inference.limit"
    kept = "terminal.inference.kept" if run.beam.width > 1 else "terminal.inference.greedy"
    after = run.decoder_passes - len(run.steps)  # a beam goes on while another beginning may still win
    return screen.say(
        "terminal.inference.loop",
        encoder=screen.say("terminal.count.times", count=run.encoder_passes),
        decoder=screen.say("terminal.count.times", count=run.decoder_passes),
        rivals=screen.say("terminal.inference.rivals", n=after) if after else "",
        stop=screen.say(stop, t=run.stop.t),
        kept=screen.say(kept, width=run.beam.width),
    )


def _of_the_depth(trace: Trace, screen: Screen) -> Lines:
    """Why a side may have fewer layers than the other."""
    if not trace.encoder:
        return []
    sides = {"e": trace.model.config["encoder_layers"], "d": trace.model.config["decoder_layers"]}
    key = "shallow" if sides["d"] < sides["e"] else "even"
    said = screen.say(f"layers.depth.{key}", **sides, passes=trace.inference.decoder_passes)
    return [prose(said, screen, "dim")]


def _other_engine(trace: Trace, screen: Screen) -> Lines:
    """What is served, where the engine that serves does not say the same."""
    served = trace.inference.served
    if served.same:
        return []
    texts = {"text": one_line(served.text) or "-", "traced": one_line(trace.inference.text) or "-"}
    return [prose(screen.say("proofs.served.other", engine=served.engine, **texts), screen)]


def looking(trace: Trace, screen: Screen) -> Lines:
    """Cross-attention of the last layer beside what value zeroing says of it."""
    title = heading(screen.say("terminal.looking.title"))
    if not trace.decoder:
        return [title, prose(screen.say("attention.none"), screen)]
    rows, columns = labels(trace, "inference", "cross")
    return [
        title,
        prose(screen.say("terminal.looking.map", name=trace.decoder[-1].cross.name), screen, "dim"),
        *heat_map(trace.influence.attention, rows, columns, screen),
        prose(_of_the_influence(trace, columns, screen), screen),
    ]


def _of_the_influence(trace: Trace, columns: Sequence[str], screen: Screen) -> str:
    """Attention against value zeroing. The last column, </s>, is where it rests when it has nothing to find."""
    attention, zeroing = trace.influence.attention, trace.influence.value_zeroing
    if zeroing is None:
        moral = screen.say("terminal.looking.moral")
    else:
        apart = int(np.count_nonzero(attention.argmax(-1) != zeroing.argmax(-1)))
        moral = screen.say("terminal.looking.zeroing", apart=apart, n=len(attention))
    if columns[-1] != "</s>":  # it was cut off in a long sentence
        return moral
    resting = number(100 * float(attention[:, -1].mean()), 0)
    return screen.say("terminal.looking.rest", share=resting, moral=moral)


def lens(trace: Trace, screen: Screen) -> Lines:
    """The word on top after each decoder layer, read through the output layer."""
    layers, steps = trace.inference.passed.lens, trace.inference.steps
    if not layers:
        return []
    heads = ["t", *(screen.say("lens.after", n=n) for n in range(1, len(layers) + 1))]
    rows = [
        (str(step.t), *(f"{guess.piece} {number(guess.p)}" for guess in guesses))
        for step, *guesses in zip(steps, *layers, strict=False)
    ]
    early = sum(guess.id == chosen(step).id for step, guess in zip(steps, layers[0], strict=False))
    echoes = [
        str(step.t)
        for step, *guesses in zip(steps, *layers[:-1], strict=False)
        if any(guess.id == step.input.id for guess in guesses)
    ]
    echo = screen.say("lens.echo", list=", ".join(echoes[:_TOP]) + (" ..." if len(echoes) > _TOP else ""))
    return [
        heading(screen.say("terminal.lens.title")),
        table(heads, rows, right=(0,)),
        prose(screen.say("terminal.lens.early", early=early, n=len(steps)), screen),
        *([prose(echo, screen)] if echoes else []),
    ]
