"""`dragoman lineage`: one sentence with a blank, asked of every kind of language model, side by side. No arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dragoman.cli.flags import FormatFlag
from dragoman.cli.language import LangFlag, Say, chosen, speaker
from dragoman.cli.looks import Looks
from dragoman.cli.terminal import say, say_json
from dragoman.errors import UsageError

if TYPE_CHECKING:
    from dragoman.lineage.blank import Filled, Gap
    from dragoman.lineage.kinds import Reads
    from dragoman.model.languagemodels import LmDirectory

USAGE = 'dragoman lineage "TEXT WITH A [ ]" [OPTIONS]'
EXAMPLES = """Examples:

  dragoman lineage "今天晚上吃[ ]"

  dragoman lineage "赶紧[ ]号，老师马上点名" --best 3

  dragoman lineage "今天晚上吃[ ]" --steps

  dragoman lineage "我想吃汉[ ]" --attention

  dragoman lineage "今天晚上吃[ ]" --tune "今天晚上吃火锅。"

  dragoman lineage --years

  dragoman lineage "我[ ]你。" -m runs/ngram -m runs/bert --format json"""

# What is drawn for one terminal cell of what a model cannot see.
_HIDDEN = "·"
_WIDTH = 8  # of the names of kinds, in cells
EXAMPLE = "今天晚上吃[ ]"
SEES: dict[Reads, str] = {
    "window": "tokens seen: {n}, just before the blank, and no others",
    "carried along": "tokens seen: {n}, all before the blank, through one vector h that each hands to the next",
    "all before": "tokens seen: {n}, all before the blank, each of them directly, and none after it",
    "both sides": "tokens seen: {n}, on both sides of the blank, each of them directly",
}


@dataclass(frozen=True)
class Asked:
    """What is asked of the models, but for the sentence."""

    model: Annotated[
        list[str] | None,
        Parameter(
            name=("--model", "-m"),
            help="directory of a language model, to be asked instead of the bundled five; may be repeated",
        ),
    ] = None
    steps: Annotated[
        bool, Parameter(help="also draw the recurrent network step by step: what goes in, on and out")
    ] = False
    attention: Annotated[
        bool,
        Parameter(help="also show what GPT and BERT do with the sentence: each token as a sum of the others"),
    ] = False
    tune: Annotated[
        str | None,
        Parameter(help="a text: copies learn it in ten steps, from what they know and from random weights"),
    ] = None


def lineage(
    text: Annotated[str | None, Parameter(help="a sentence with one blank, [ ], anywhere in it")] = None,
    /,
    *,
    asked: Annotated[Asked, Parameter(name="*")] = Asked(),  # noqa: B008 - frozen
    years: Annotated[
        bool, Parameter(help="instead of a sentence: when each system came, and how large it was")
    ] = False,
    best: Annotated[int, Parameter(help="guesses of each", show_default=True)] = 5,
    format: FormatFlag = "text",
    lang: LangFlag = None,
) -> None:
    """One blank, all ancestors: n-gram, NNLM, RNN, GPT and BERT each say what they see and what they would write."""
    from dragoman.model.modules import require_torch

    if best < 1:
        raise UsageError(f"--best {best}: must be at least 1")
    told = speaker(chosen(lang))
    require_torch("asking these models needs torch")
    if years:
        if text is not None or asked != Asked():
            raise UsageError(
                "--years shows its own table, and only that: leave out the sentence and the other options"
            )
        _show_years(format, told)
        return
    if text is None:
        raise UsageError(
            f"there is no sentence: write one with a blank, such as  dragoman lineage {EXAMPLE!r}"
        )
    from dragoman.lineage.blank import Gap

    gap = Gap.of(text)
    looks = _looks(gap, asked, best)
    if format == "json":
        say_json({"text": gap.text, "systems": [_as_json(look) | look.as_json() for look in looks]})
        return
    parts = [line for look in looks for line in (*_told(look, told), "", *_indented(look.drawn(told)))]
    say("\n".join([gap.text, "", *parts, *_notes([look.found for look in looks], told)]))


def _looks(gap: Gap, asked: Asked, best: int) -> list[Looks]:
    """What each model says of the gap; all are opened before the first is asked."""
    from dragoman.lineage.blank import fill
    from dragoman.model.languagemodels import list_lms, open_lm

    opened = [open_lm(Path(one)) for one in asked.model or list_lms()]
    found = [fill(one.kind, one.model, one.vocabulary, gap, best) for one in opened]
    return [
        Looks(one, answer, gap, asked.steps, asked.attention, asked.tune)
        for one, answer in zip(opened, found, strict=True)
    ]


def _show_years(format: str, told: Say) -> None:
    from dragoman.cli.years import as_json, sizes_here
    from dragoman.cli.years import years as table

    sizes = sizes_here()
    if format == "json":
        say_json({"years": as_json(sizes)})
    else:
        say("\n".join(table(sizes, told)))


# -- how it is told ---------------------------------------------------------------------------------------------


def title(kind: str) -> str:
    """The name of a kind as people write it."""
    return {"ngram": "n-gram"}.get(kind, kind.upper())


def _as_json(look: Looks) -> dict[str, Any]:
    asked, found = look.asked, look.found
    seen = {"left": found.left[len(found.left) - found.seen_left :], "right": found.right[: found.seen_right]}
    return {
        "kind": found.kind, "model": str(asked.path), "reads": found.reads, "tokens": found.tokens, "sees": seen,
        "ticks": {"read": found.ticks_to_read, "write": found.ticks_to_write}, "unknown": found.unknown,
        "guesses": [asdict(guess) for guess in found.guesses], "measured": asked.config.get("measured", {}),
    }  # fmt: skip


def _told(look: Looks, told: Say) -> list[str]:
    """What a model sees, drawn; its guesses; its ticks; and how often it is right."""
    found = look.found
    sees = told(SEES[found.reads], n=found.seen_left + found.seen_right)
    guesses = "   ".join(f"{guess.token} {guess.probability:.1%}" for guess in found.guesses)
    lines = [drawing(found), guesses, _ticks(found, told), *_measured(look.asked, told)]
    return [f"{title(found.kind):<{_WIDTH}}{sees}", *_indented(lines)]


def _indented(lines: Sequence[str]) -> list[str]:
    return [" " * _WIDTH + line if line else "" for line in lines]


def drawing(found: Filled) -> str:
    """The text as the model sees it: what it cannot see is dots."""
    from rich.cells import cell_len

    def hidden(tokens: Sequence[str]) -> str:
        return _HIDDEN * cell_len(_spelled(tokens))

    start = len(found.left) - found.seen_left
    seen = found.left[start:]
    left = "→".join([*seen, ""]) if found.reads == "carried along" else _spelled(seen)
    right = _spelled(found.right[: found.seen_right]) + hidden(found.right[found.seen_right :])
    return f"{hidden(found.left[:start])}{left}[ ]{right}"


def _spelled(tokens: Sequence[str]) -> str:
    return "".join(tokens).replace("▁", " ")


def _ticks(found: Filled, told: Say) -> str:
    how = "{read}, one token after another" if found.reads == "carried along" else "{read}, all at once"
    read = told(how, read=found.ticks_to_read)
    if found.ticks_to_write is None:
        return told("ticks to read it: {read}; it writes no text", read=read)
    return told(
        "ticks to read it: {read}; to write it: {write}, one by one", read=read, write=found.ticks_to_write
    )


def _measured(asked: LmDirectory, told: Say) -> list[str]:
    """What a bundled model's directory says of itself; one's own says nothing."""
    about = asked.config.get("measured", {})
    if not all(isinstance(about.get(name), int | float) for name in ("blanks", "first", "five")):
        return []
    hits = "on {blanks:,} blanks in other sentences: {first:.0%} right at the first guess, {five:.0%} within five"
    return [told(hits, **{name: about[name] for name in ("blanks", "first", "five")})]


def _notes(found: Sequence[Filled], told: Say) -> list[str]:
    """What a tick is, and what happened to tokens that are not known."""
    notes = [told("A tick is a step that has to wait for the one before it.")]
    unknown = list(dict.fromkeys(token for one in found for token in one.unknown))
    if unknown:
        named = " ".join(unknown)
        notes.append(
            told(
                "Not known: {tokens}. The n-gram falls back on the tokens after it; a network reads the vector of "
                "<unk> there, which it never had cause to learn.",
                tokens=named,
            )
        )
    return notes
