"""`dragoman words window`: word2vec's cloze tests on one sentence, drawn. Computes nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from dragoman.cli.flags import FormatFlag
from dragoman.cli.language import LangFlag, Say, chosen, speaker
from dragoman.cli.terminal import aligned, say, say_json
from dragoman.cli.texts import TokenFlags
from dragoman.errors import UsageError

if TYPE_CHECKING:
    from dragoman.lineage.cloze import Cloze, Path, Window

USAGE = "dragoman words window TEXT [--window 2] [OPTIONS]"
EXAMPLES = (
    "Examples:\n\n"
    "  dragoman words window 今天晚上吃你\n\n"
    '  dragoman words window "the bank of the river" --unit words --window 1 --word bank'
)
_GAP = "[ ]"
_DRAWN = 5  # words shown that may be drawn


def window(
    text: Annotated[str, Parameter(help="a sentence")],
    /,
    *,
    window: Annotated[int, Parameter(help="words on either side", show_default=True)] = 2,
    word: Annotated[
        str | None, Parameter(help="of the sentence: what it is guessed against; the middle one by default")
    ] = None,
    tokens: Annotated[TokenFlags, Parameter(name="*")] = TokenFlags(unit="characters"),  # noqa: B008 - frozen
    format: FormatFlag = "text",
    lang: LangFlag = None,
) -> None:
    """One sentence as word2vec's cloze tests: CBOW and skip-gram, negative sampling and the Huffman tree, drawn."""
    from dragoman.lineage.cloze import cloze
    from dragoman.text.normalize import normalize

    if window < 1:
        raise UsageError(f"--window {window}: must be at least 1")
    told = speaker(chosen(lang))
    (split,) = tokens.splitter().split([normalize(text)])
    found = cloze(split, window)
    asked = found.path(word) if word is not None else found.path(found.windows[len(split) // 2].word)
    if format == "json":
        say_json({**asdict(found), "asked": asdict(asked)})
        return
    parts = (_windows(found, told), _negatives(found, asked, told), _tree(found, asked, told))
    say("\n\n".join("\n".join(part) for part in parts))


def _windows(found: Cloze, told: Say) -> list[str]:
    rows = [
        list(map(told, ("window", "CBOW: its neighbours guess the word", "skip-gram: the word guesses each")))
    ]
    for one in found.windows:
        near = " ".join(one.neighbours)
        rows.append([_drawn(one), f"({near}) → {one.word}", f"{one.word} → {', '.join(one.neighbours)}"])
    said = told(
        "A cloze test at each place: one word is taken out, and the network has to know what stands by what."
    )
    return [said, *aligned(rows)]


def _drawn(one: Window) -> str:
    return " ".join((*one.left, _GAP, *one.right))


def _negatives(found: Cloze, asked: Path, told: Say) -> list[str]:
    """Questions of yes or no: of a real neighbour, and of words that are drawn."""
    near = next(one.neighbours[0] for one in found.windows if one.word == asked.word)
    rows = [list(map(told, ("pair", "answer", "drawn with the chance")))]
    rows.append([f"{asked.word} · {near}", told("yes: it stands there"), ""])
    others = [one for one in found.drawn if one.word not in (asked.word, near)]
    rows += [[f"{asked.word} · {one.word}", told("no"), f"{one.chance:.1%}"] for one in others[:_DRAWN]]
    return [
        told(
            "A softmax over V words takes V products for each guess: {v} here, 6,000 and more of a language.",
            v=len(found.drawn),
        ),
        told("Negative sampling asks of the real pair and of some drawn ones: is σ(u · v) 1, or is it 0?"),
        told("Frequent words are drawn more often: by their count to the power of 0.75."),
        *aligned(rows),
    ]


def _tree(found: Cloze, asked: Path, told: Say) -> list[str]:
    """A question of yes or no at each fork: the more frequent a word, the fewer."""
    turns = " ".join(map(str, asked.turns))
    return [
        told(
            "Hierarchical softmax asks at each fork of a Huffman tree: 0 or 1? A frequent word has a short way."
        ),
        told(
            "The way to {word} is {turns}: {n} questions. Of 6,000 words it takes about 13.",
            word=asked.word,
            turns=turns,
            n=len(asked.turns),
        ),
        *_branches(found.paths, 0, ""),
    ]


def _branches(paths: Sequence[Path], depth: int, indent: str) -> list[str]:
    lines = []
    for turn in (0, 1):
        below = [path for path in paths if path.turns[depth] == turn]
        mark, more = ("├", "│   ") if turn == 0 else ("└", "    ")
        if len(below) == 1:
            lines.append(f"{indent}{mark}─{turn}─ {below[0].word}")
        else:
            lines += [f"{indent}{mark}─{turn}─┐", *_branches(below, depth + 1, indent + more)]
    return lines
