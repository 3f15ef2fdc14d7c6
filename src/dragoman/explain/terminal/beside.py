"""One word in two sentences in a terminal: how far its vectors part, layer by layer, and where it looks. Computes
nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from dragoman.errors import UsageError
from dragoman.explain.terminal.drawing import Lines, Screen, bar, heading, number, one_line, prose, table
from dragoman.explain.trace.beside import Beside, WordIn

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

SHOWN = 3  # words that are looked at, of each layer


def beside(trace: Trace, screen: Screen) -> Lines:
    """Distance and attention of the word. Raises UsageError where no sentence stands beside this one."""
    found = trace.beside
    if found is None:
        raise UsageError("no sentence stands beside this one: ask for --beside")
    return [
        heading(screen.say("beside.done", word=found.word)),
        *(Text(f"  {_marked(one)}") for one in (found.one, found.other)),
        prose(screen.say("beside.lead"), screen),
        Text(),
        table(screen.heads("beside.heads"), _distances(found, screen), right=(1, 3)),
        prose(_moral(found, screen), screen),
        Text(),
        prose(screen.say("beside.looks"), screen),
        table([*screen.heads("beside.looks.heads")], _looks(found)),
        prose(screen.say("beside.looks.what"), screen, "dim"),
        Text(),
        prose(_one_vector(found, screen), screen),
    ]


def _marked(one: WordIn) -> str:
    """The sentence with the word in brackets."""
    spans = [one.tokens[i].span for i in one.places]
    known = [span for span in spans if span is not None]
    begin, end = known[0][0], known[-1][1]
    return one_line(f"{one.text[:begin]}[{one.text[begin:end]}]{one.text[end:]}")


def _distances(found: Beside, screen: Screen) -> list[tuple[str, str, str, str]]:
    most = max(1e-9, *(place.distance for place in found.places))
    return [
        (
            place.name,
            number(place.distance, 3),
            bar(place.distance / most, screen),
            "-" if place.others is None else number(place.others, 3),
        )
        for place in found.places
    ]


def _moral(found: Beside, screen: Screen) -> str:
    table_row, last = found.places[0], found.places[-1]
    key = "beside.same" if table_row.distance < 1e-6 else "beside.recut"
    values = {"word": found.word, "last": last.name, "now": number(last.distance, 3)}
    return screen.say(key, **values)


def _looks(found: Beside) -> list[tuple[str, str, str]]:
    """The mean of the heads of each layer."""
    layers = range(len(found.one.looks))
    return [(f"encoder.{i + 1}", _strongest(found.one, i), _strongest(found.other, i)) for i in layers]


def _strongest(one: WordIn, layer: int) -> str:
    heads = one.looks[layer]
    mean = [sum(column) / len(heads) for column in zip(*heads, strict=True)]
    best: Sequence[int] = sorted(range(len(mean)), key=lambda i: -mean[i])[:SHOWN]
    return "  ".join(f"{one.tokens[i].piece} {mean[i]:.0%}" for i in best)


def _one_vector(found: Beside, screen: Screen) -> str:
    near = screen.say("language.comma").join(f"{one.piece} {number(one.p)}" for one in found.near)
    key = "beside.vector.own" if found.vectors is None else "beside.vector"
    return screen.say(key, word=found.word, file=found.vectors, near=near)
