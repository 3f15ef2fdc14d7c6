"""`dragoman translate`: text in, text out. Decides neither what an answer is nor how it is written."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import tee
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dragoman.cli.answers import AnswerFlags, Answers
from dragoman.cli.bulk import FilesFlags, tell_of_files, translate_files
from dragoman.cli.flags import EnsembleFlags, flags_of, given
from dragoman.cli.reading import DirectionFlags, Reading
from dragoman.cli.terminal import counter, flush, input_lines, is_utf8, tell
from dragoman.decoding.options import DecodingOptions
from dragoman.errors import UsageError

if TYPE_CHECKING:
    from dragoman.translate.translator import Translator

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

  dragoman translate shards/ -o translated --workers 4

  dragoman translate page.html -o page.zh.html"""


def translate(
    *text: Annotated[
        str, Parameter(help="what to translate, one line for each; standard input when there is none")
    ],
    model: Annotated[EnsembleFlags, Parameter(name="*")] = EnsembleFlags(),  # noqa: B008 - frozen
    language: Annotated[DirectionFlags, Parameter(name="*")] = DirectionFlags(),  # noqa: B008 - frozen
    answer: Annotated[AnswerFlags, Parameter(name="*")] = AnswerFlags(),  # noqa: B008 - frozen
    files: Annotated[FilesFlags, Parameter(name="*")] = FilesFlags(),  # noqa: B008 - frozen
    decoding: Annotated[DecodingFlags, Parameter(name="*")] = None,
) -> None:
    """Translate text: one line out for each line in.

    With --n-best, each line becomes several: number ||| translation ||| score.
    """
    said = () if files.output is not None else text  # else they are names of files, which may be any bytes
    for number, word in enumerate((*said, answer.prefix), 1):
        if not is_utf8(word):
            raise UsageError(f"word {number} of the text is not UTF-8: convert it with iconv")
    asked = given(decoding) if decoding else {}
    if files.output is not None:
        answer.refuse_in_files(asked)
        translate_files(text, files, model, language, answer, asked)
        return
    files.refuse_without_output()
    translator = language.toward(model.load(), answer.tag or (), may_stay=True)
    options = translator.options.changed(**asked)
    _write(text, translator, options, answer)
    tell_of_files(text)


def _write(
    text: Sequence[str],
    translator: Translator,
    options: DecodingOptions,
    answer: AnswerFlags,
) -> None:
    """The translations of `text`, or of standard input, to standard output."""
    typed = not text and sys.stdin.isatty()
    if typed:
        tell("One sentence a line; Ctrl-D ends.")
    texts: Iterator[str] = iter(text) if text else input_lines()
    prefixes = None
    if answer.prefix:
        texts, others = tee(texts)
        prefixes = (answer.prefix for _ in others)
    reading = Reading(translator)
    answers = Answers(answer, translator, options.n_best, one_line=not text)
    asked = answer.of_stream(options)
    if typed or answer.unbuffered:
        asked["chunk"] = 1
    with counter("lines") as progress:
        found = translator.stream(texts, options, prefixes=prefixes, progress=progress, **asked)
        for number, translation in enumerate(found):
            reading.see(translation)
            answers.write(number, translation)
    flush()
    reading.tell()
    answers.tell()
