"""The numbers of one layer's boxes for one word, in a terminal: layer norm, feed-forward, heads. Computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from dragoman.errors import UsageError
from dragoman.explain.terminal.drawing import Lines, Screen, heading, number, prose, table
from dragoman.explain.terminal.ends import embedding, output, place_of
from dragoman.explain.trace.boxes import Boxes, Normed, Spread

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

_WIDE = 96  # cells, from which on all bins have room
_BLOCKS, _PLAIN = " ▁▂▃▄▅▆▇█", " .:-=+*#%@"
PAPER = (1024, 5, 8, 64)  # batch, tokens, heads, width of one: the lesson's, with the paper's model


def boxes(trace: Trace, screen: Screen, name: str, word: str | None) -> Lines:
    """name: embedding, encoder.1 and so on, output. Raises UsageError for a box or a word that is not there."""
    found = trace.boxes
    if found is None:
        raise UsageError("the numbers of a box are told of a Transformer's layers: this model has none")
    layers = [fed.name.removesuffix(".feed") for fed in found.feeds]
    names = ["embedding", *layers, "output"]
    if name not in names:
        raise UsageError(f"there is no box {name!r} whose numbers are told: there are {', '.join(names)}")
    if name == "output":
        return output(trace, screen, word)
    words = found.words(name)
    at = place_of(words, word)
    title = heading(screen.say("boxes.done", name=name, word=words[at].piece))
    if name == "embedding":
        return [title, *embedding(trace, screen, at)]
    norms = [norm for norm in found.norms if norm.name.startswith(f"{name}.")]
    return [
        title,
        *_norms(norms, at, trace, screen),
        Text(),
        *_feed(found, f"{name}.feed", at, trace, screen),
        Text(),
        *_shapes(trace, len(words), screen),
        *_scale(trace, screen),
    ]


def _norms(norms: Sequence[Normed], at: int, trace: Trace, screen: Screen) -> Lines:
    rows = []
    for norm in norms:
        for stage in ("before", "middle", "after"):
            spread: Spread = getattr(norm, stage)[at]
            told = (number(spread.mean), number(spread.variance), _drawn(spread, screen))
            rows.append((norm.name, screen.say(f"boxes.norm.{stage}"), *told))
    return [
        prose(screen.say("boxes.norm", d=trace.model.config["d_model"]), screen),
        table(screen.heads("boxes.norm.heads"), rows, right=(2, 3)),
        prose(screen.say("boxes.norm.what"), screen),
    ]


def _drawn(spread: Spread, screen: Screen) -> Text:
    """A bin is a sign, the higher the more numbers fall into it."""
    counts = spread.counts
    if screen.width < _WIDE:  # two bins in one sign
        counts = tuple(map(sum, zip(counts[::2], counts[1::2], strict=True)))
    signs, most = (_BLOCKS if screen.colour else _PLAIN), max(counts)
    return Text("".join(signs[-(-count * (len(signs) - 1) // most)] for count in counts), no_wrap=True)


def _feed(found: Boxes, name: str, at: int, trace: Trace, screen: Screen) -> Lines:
    (fed,) = (one for one in found.feeds if one.name == name)
    rows = [(str(u.unit), number(u.inner), number(u.fires), number(u.adds)) for u in fed.units[at]]
    config = trace.model.config
    values = {"d": config["d_model"], "f": config["d_ff"], "activation": config.get("activation", "relu")}
    return [
        prose(screen.say("boxes.feed", **values), screen),
        table(screen.heads("boxes.feed.heads", **values), rows, right=(0, 1, 2, 3)),
        prose(screen.say("boxes.feed.what", **values), screen),
    ]


def _shapes(trace: Trace, length: int, screen: Screen) -> Lines:
    """The paper's numbers beside this model's, alone and in a batch."""
    config = trace.model.config
    heads, width = config["n_heads"], config["d_model"] // config["n_heads"]
    ours = [
        ("boxes.shapes.one", (1, length, heads, width)),
        ("boxes.shapes.batch", (64, length, heads, width)),
    ]
    rows = []
    for key, (b, t, h, k) in [("boxes.shapes.paper", PAPER), *ours]:
        whole, cut, by_head = f"[{b}, {t}, {h * k}]", f"[{b}, {t}, {h}, {k}]", f"[{b}, {h}, {t}, {k}]"
        rows.append((screen.say(key), f"{h * k} = {h} x {k}", whole, cut, by_head))
    return [
        prose(screen.say("boxes.shapes"), screen),
        table(screen.heads("boxes.shapes.heads"), rows),
        prose(screen.say("boxes.shapes.what"), screen),
    ]


def _scale(trace: Trace, screen: Screen) -> Lines:
    """What the root of d is for, over many sentences, where the model's card says it."""
    if trace.worth is None or len(trace.worth.scale) != 2:
        return []
    width = trace.model.config["d_model"] // trace.model.config["n_heads"]
    rows = [
        (screen.say(f"boxes.scale.{one.scores}"), number(one.variance), number(one.gradient, 3))
        for one in trace.worth.scale
    ]
    return [
        Text(),
        prose(screen.say("boxes.scale", k=width), screen),
        table(screen.heads("boxes.scale.heads"), rows, right=(1, 2)),
        prose(screen.say("boxes.scale.what", pairs=trace.worth.pairs, k=width), screen),
    ]
