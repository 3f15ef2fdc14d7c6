"""`dragoman translate`: text in, text out. Decides how an answer is written, not what it is."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import tee
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dragoman.cli.bulk import FilesFlags, tell_of_files, translate_files
from dragoman.cli.flags import EnsembleFlags, FormatFlag, RawFlag, flags_of, given
from dragoman.cli.reading import DirectionFlags, Reading
from dragoman.cli.terminal import counter, flush, input_lines, is_utf8, say, say_json, tell
from dragoman.decoding.options import DecodingOptions
from dragoman.errors import UsageError
from dragoman.scale.files import in_one_line
from dragoman.translate.aligning import Words

if TYPE_CHECKING:
    from dragoman.translate.translation import Translation

    DecodingFlags = Any
else:
    DecodingFlags = flags_of(
        DecodingOptions, "Decoding", "What is not given is as the model's config.toml says."
    )

USAGE = (
    "dragoman translate [TEXT...] [-m MODEL] [OPTIONS]\n       dragoman translate FILE... -o DIR [OPTIONS]"
)
EXAMPLES = """Examples:

  dragoman translate "Are you OK ?"

  dragoman translate < english.txt > chinese.txt

  dragoman translate "He is a doctor." --n-best 3

  dragoman translate "It rained." --format json -m runs/de-en

  dragoman translate --ensemble -m runs/one -m runs/two < english.txt

  dragoman translate shards/ -o translated --workers 4"""


def translate(
    *text: Annotated[
        str, Parameter(help="what to translate, one line for each; standard input when there is none")
    ],
    model: Annotated[EnsembleFlags, Parameter(name="*")] = EnsembleFlags(),  # noqa: B008 - frozen
    language: Annotated[DirectionFlags, Parameter(name="*")] = DirectionFlags(),  # noqa: B008 - frozen
    tag: Annotated[
        list[str] | None,
        Parameter(help="a symbol of the model's training (data.tags) before each source; may be repeated"),
    ] = None,
    prefix: Annotated[str, Parameter(help="what each translation has to begin with")] = "",
    scores: Annotated[
        bool,
        Parameter(
            help="write the score, a mean log-probability, and a tab first; in JSON, those of the tokens too"
        ),
    ] = False,
    alignments: Annotated[
        bool, Parameter(help="write ||| and the aligned pairs of subwords last, such as 0-0 1-2")
    ] = False,
    word_alignments: Annotated[
        bool,
        Parameter(
            help="the same of words, a Chinese sign being one; in JSON with the words. By the torch engine"
        ),
    ] = False,
    raw: RawFlag = False,
    unbuffered: Annotated[bool, Parameter(help="answer each line before the next is read")] = False,
    format: FormatFlag = "text",
    files: Annotated[FilesFlags, Parameter(name="*")] = FilesFlags(),  # noqa: B008 - frozen
    decoding: Annotated[DecodingFlags, Parameter(name="*")] = None,
) -> None:
    """Translate text: one line out for each line in.

    With --n-best, each line becomes several: number ||| translation ||| score.
    """
    for number, word in enumerate((*text, prefix), 1):
        if not is_utf8(word):
            raise UsageError(f"word {number} of the text is not UTF-8: convert it with iconv")
    asked = given(decoding) if decoding else {}
    if files.output is not None:
        _refuse_in_files(scores, alignments, word_alignments, unbuffered, asked)
        translate_files(text, files, model, language, tag or (), asked, prefix, raw, format)
        return
    files.refuse_without_output()
    typed = not text and sys.stdin.isatty()
    translator = language.toward(model.load(), tag or ())
    script = language.script(translator.languages[1])
    options = translator.options.changed(**asked)
    if typed:
        tell("One sentence a line; Ctrl-D ends.")
    texts: Iterator[str] = iter(text) if text else input_lines()
    prefixes = None
    if prefix:
        texts, others = tee(texts)
        prefixes = (prefix for _ in others)
    reading = Reading(translator)
    words = Words(translator) if word_alignments else None
    buffering: dict[str, Any] = {"chunk": 1} if typed or unbuffered else {}
    with counter("lines") as progress:
        found = translator.stream(
            texts,
            options,
            prefixes=prefixes,
            alignments=alignments,
            # A flag is shown on a terminal and in JSON only.
            scores=scores or options.n_best > 1 or format == "json" or sys.stdout.isatty(),
            token_scores=scores and format == "json",
            protect=not raw,
            progress=progress,
            **buffering,
        )
        flags = _Flags()
        for number, translation in enumerate(found):
            flags.see(translation)
            reading.see(translation.source, translation.source_tokens)
            linked = _linked(words, translation)
            translation = translation.mapped(script)
            if format == "json":
                say_json(as_json(translation) | (asdict(linked[0]) if linked else {}))
            else:
                shown = Shown(options.n_best, scores, alignments, linked, one_line=not text)
                _say_text(number, translation, shown)
            if unbuffered:
                flush()
    flush()
    reading.tell()
    if format == "text" and not sys.stdout.isatty():  # where no flag is shown
        flags.tell()
    tell_of_files(text)


def _refuse_in_files(
    scores: bool, alignments: bool, words: bool, unbuffered: bool, options: dict[str, Any]
) -> None:
    """A record has one translation and nothing else."""
    asked = {
        "--scores": scores,
        "--alignments": alignments,
        "--word-alignments": words,
        "--unbuffered": unbuffered,
    }
    asked["--n-best"] = options.get("n_best", 1) > 1
    for flag, there in asked.items():
        if there:
            raise UsageError(f"{flag} is for texts, not for files: leave it out, or leave out -o")


class _Flags:
    """How many translations of a run carry each flag."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._texts = 0  # that have words

    def see(self, translation: Translation) -> None:
        self._counts.update(translation.flags)
        self._texts += translation.score is not None

    def tell(self) -> None:
        """One such line is a flag; nothing but such lines is a broken model."""
        for flag in ("empty", "meaningless"):
            if self._texts and self._counts[flag] == self._texts:
                tell(f"every translation is {flag}: is the model whole? (--format json tells more)")


@dataclass(frozen=True)
class Shown:
    """What stands in a line beside the translation."""

    n_best: int
    scores: bool
    alignments: bool
    words: Sequence[
        WordLinks
    ]  # of the translation and of each alternative; none where they were not asked for
    one_line: bool


def _linked(words: Words | None, translation: Translation) -> list[WordLinks]:
    if words is None:
        return []
    found = [words.of(translation.source, one.text) for one in (translation, *translation.alternatives)]
    return [WordLinks(one.source, one.target, one.links) for one in found]


@dataclass(frozen=True)
class WordLinks:
    """The words of a text and of its translation, and which stands for which."""

    source_words: list[str]
    target_words: list[str]
    word_alignment: list[tuple[int, int]]


def _pharaoh(links: Iterable[tuple[int, int]]) -> str:
    return " ".join(f"{source}-{target}" for source, target in links)


def _say_text(number: int, translation: Translation, shown: Shown) -> None:
    n_best, one_line = shown.n_best, shown.one_line
    for place, hypothesis in enumerate((translation, *translation.alternatives)):
        # Whoever counts lines counts on this one.
        parts = [in_one_line(hypothesis.text) if one_line or n_best > 1 else hypothesis.text]
        score = "-" if hypothesis.score is None else f"{hypothesis.score:.4f}"
        if shown.alignments:
            parts.append(_pharaoh(hypothesis.alignment))
        if shown.words:
            parts.append(_pharaoh(shown.words[place].word_alignment))
        if n_best > 1:
            parts = [str(number), *parts, score]
        line = " ||| ".join(parts)
        if shown.scores and n_best == 1:
            line = f"{score}\t{line}"
        say(line, note=", ".join(flag.replace("_", " ") for flag in hypothesis.flags))


def as_json(translation: Translation) -> dict[str, Any]:
    """All that is known about a translation; alternatives hold the same, but for what they share with it."""
    whole = asdict(translation)
    for alternative in whole["alternatives"]:
        for shared in ("source", "source_tokens", "alternatives"):
            del alternative[shared]
    return whole
