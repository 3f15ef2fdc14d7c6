"""Before and after in a terminal: the same sentence with one part of the model removed. Removes nothing itself."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from dragoman.explain.terminal.drawing import Lines, Screen, heading, number, one_line, prose, table
from dragoman.explain.terminal.overview import bytewise
from dragoman.explain.terminal.reading import chosen, entropy, failed_proofs
from dragoman.explain.terminal.twins import twins
from dragoman.explain.trace.values import Step

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace
    from dragoman.explain.watch.unmasked import Taught

_LONGER = 8  # steps shown beyond those of the whole model


def comparison(before: Trace, after: Trace, screen: Screen) -> Lines:
    """What a removed part was good for: totals, then step by step, then in a sentence."""
    part = _named(after.removed or "", screen)
    change = "added" if _is_change(after.removed or "") else "removed"
    heads = ["", screen.say("break.whole"), screen.say(f"page.{change}", part=part)]
    totals = zip(_names(screen), _totals(before), _totals(after), strict=True)
    return [
        heading(screen.say(f"terminal.without.{change}", part=part)),
        table(heads, [row for row in totals if row[1] or row[2]]),
        Text(),
        *_steps(before, after, heads[1], heads[2], screen),
        *bytewise((*before.inference.tokens, *after.inference.tokens), screen),
        prose(_lesson(before, after, screen), screen),
        *_spread(before, after, screen),
        *_worth(before, after.removed or "", screen),
        *_broken(after, screen),
        *(twins(before, screen) if after.removed == "positions" else []),
    ]


def learnt(masked: Taught, unmasked: Taught, screen: Screen) -> Lines:
    """What two small models learnt from random words, one with the causal mask and one without."""
    both = (masked, unmasked)
    rows = [
        (
            screen.say("terminal.without.learnt.step", n=n),
            *(number(one.training[n - 1], 1) for one in both),
        )
        for n in (1, 10, len(masked.training))
    ]
    loop = (
        screen.say("terminal.without.learnt.inference"),
        *(number(one.inference, 0) for one in both),
    )
    best = number(masked.honest, 1)
    return [
        heading(screen.say("terminal.without.learnt")),
        prose(screen.say("terminal.without.learnt.models", best=best), screen),
        table(screen.heads("terminal.without.learnt.heads"), [*rows, loop], right=(1, 2)),
        prose(screen.say("terminal.without.learnt.why"), screen),
    ]


def _named(part: str, screen: Screen) -> str:
    """causal_mask -> "causal mask", in the language of the reader; a head by its attention and number."""
    kind, _, which = part.partition(":")
    if _kind(part) in ("layer", "twice"):
        return screen.say(f"break.part.{_kind(part)}", name=which or part)
    name, _, head = which.rpartition(":")
    return screen.say(f"break.part.{kind}", name=name, head=head)


def _is_change(part: str) -> bool:
    """Whether something was put in, or in another place, and nothing taken away."""
    return _kind(part) in ("twice", "swap")


def _kind(part: str) -> str:
    """encoder.3 and decoder.1 are layers; of all others the name before the colon."""
    return "layer" if part.startswith(("encoder.", "decoder.")) else part.partition(":")[0]


def _names(screen: Screen) -> list[str]:
    work = [screen.say(f"break.{name}") for name in ("encoder_passes", "decoder_passes", "rows")]
    return [screen.say("terminal.without.translation"), *work, screen.say("break.mean")]


def _totals(trace: Trace) -> list[str]:
    run = trace.inference
    return [
        one_line(run.text) or "-",
        str(run.encoder_passes),
        str(run.decoder_passes),
        str(run.rows_computed),
        number(trace.training.loss.mean) if trace.training else "",
    ]


def _steps(before: Trace, after: Trace, whole: str, without: str, screen: Screen) -> Lines:
    """Both side by side; of one that does not come to an end, its first steps."""
    rows = []
    for t, pair in enumerate(zip_longest(before.inference.steps, after.inference.steps)):
        (one, p), (other, q) = map(_written, pair)
        rows.append((str(t), one, p, other, q, "" if one == other else "!"))
    shown = rows[: len(before.inference.steps) + _LONGER]
    lines: Lines = [table(["t", whole, "p", without, "p", ""], shown, right=(0, 2, 4))]
    if len(shown) < len(rows):
        lines.append(Text(screen.say("page.limit", n=len(shown), all=len(rows)), style="dim"))
    return lines


def _written(step: Step | None) -> tuple[str, str]:
    return ("-", "") if step is None else (chosen(step).piece, number(chosen(step).p))


def _lesson(before: Trace, after: Trace, screen: Screen) -> str:
    """What the part is for, and what became of this sentence without it."""
    part = _kind(after.removed or "")
    width = before.model.config["d_model"] // before.model.config.get("n_heads", 1)
    stacks = {
        "encoder": len(after.encoder),
        "decoder": len(after.decoder),
        "d": before.model.config["d_model"],
    }
    values = {**stacks, "k": width, "k2": number(width**0.5, 1), "s": len(before.source.tokens)}
    said = [screen.say(f"break.what.{part}", **values), _of_the_words(before, after, screen)]
    if after.inference.stop.reason == "limit":
        said.append(screen.say("break.stopped", n=len(after.inference.tokens)))
    if before.training and after.training:
        was, now = before.training.loss.mean, after.training.loss.mean
        shown = {"was": number(was), "now": number(now)}
        way = "same" if shown["was"] == shown["now"] else "up" if now > was else "down"
        said.append(screen.say(f"break.loss.{way}", **shown))
    return screen.say("language.space").join(said)


def _of_the_words(before: Trace, after: Trace, screen: Screen) -> str:
    """How many tokens stand on one side only, by the longest common subsequence."""
    was, now = ([token.id for token in run.inference.tokens] for run in (before, after))
    common = [0] * (len(now) + 1)  # of what was read of `was`, with each beginning of `now`
    for one in was:
        row = [0]
        for j, other in enumerate(now):
            row.append(common[j] + 1 if one == other else max(row[j], common[j + 1]))
        common = row
    gone, added = len(was) - common[-1], len(now) - common[-1]
    if not gone + added:
        return screen.say("break.same")
    if before.inference.text == after.inference.text:
        return screen.say("break.recut")
    if not gone:
        return screen.say("break.added", n=added, all=len(was))
    return screen.say("break.changed", n=gone, new=added, all=len(was))


def _spread(before: Trace, after: Trace, screen: Screen) -> Lines:
    """How evenly the last layer looks at the words before it is taught, and after."""
    if after.removed != "training":
        return []
    looked = [trace.decoder[-1].cross.weights for trace in (before, after)]  # [H, T, S]
    was, now = (number(float(entropy(weights).mean())) for weights in looked)
    name, most = before.decoder[-1].cross.name, number(float(np.log2(looked[0].shape[-1])))
    return [prose(screen.say("terminal.without.spread", name=name, was=was, now=now, most=most), screen)]


def _worth(trace: Trace, part: str, screen: Screen) -> Lines:
    """What the model's card says of the part, if it says anything: one sentence is chance."""
    found = trace.worth and trace.worth.of(part)
    if not (found and trace.worth):
        return []
    whole = trace.worth.whole
    bleu = {"was": number(whole.bleu, 1), "now": number(found.bleu, 1)}
    values = {**bleu, "loss": number(whole.loss), "cost": number(found.loss)}
    said = [screen.say("worth.parts", pairs=trace.worth.pairs, **values), screen.say("worth.retrained")]
    return [prose(screen.say("language.space").join(said), screen)]


def _broken(after: Trace, screen: Screen) -> Lines:
    failed = [f"{proof.id} ({proof.value:.1e})" for proof in failed_proofs(after)]
    if not failed:
        return []
    key = "break.proofs.with" if _is_change(after.removed or "") else "break.proofs"
    return [prose(screen.say(key, list=screen.say("language.comma").join(failed)), screen)]
