"""What can be asked about the translations of `dragoman translate`, and how they are written. Translates nothing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dragoman.cli.flags import FormatFlag, RawFlag
from dragoman.cli.terminal import flush, say, say_json, tell
from dragoman.errors import UsageError
from dragoman.scale.files import in_one_line
from dragoman.translate.aligning import Words

if TYPE_CHECKING:
    from dragoman.decoding.options import DecodingOptions
    from dragoman.translate.translation import Translation
    from dragoman.translate.translator import Translator


@dataclass(frozen=True)
class AnswerFlags:
    """What each translation begins at, what stands beside it, and in which form it is written."""

    tag: Annotated[
        list[str] | None,
        Parameter(help="a symbol of the model's training (data.tags) before each source; may be repeated"),
    ] = None
    prefix: Annotated[str, Parameter(help="what each translation has to begin with")] = ""
    scores: Annotated[
        bool,
        Parameter(
            help="write the score, a mean log-probability, and a tab first; in JSON, those of the tokens too"
        ),
    ] = False
    alignments: Annotated[
        bool, Parameter(help="write ||| and the aligned pairs of subwords last, such as 0-0 1-2")
    ] = False
    word_alignments: Annotated[
        bool,
        Parameter(
            help="the same of words, a Chinese sign being one; in JSON with the words. By the torch engine"
        ),
    ] = False
    raw: RawFlag = False
    unbuffered: Annotated[bool, Parameter(help="answer each line before the next is read")] = False
    format: FormatFlag = "text"

    def refuse_in_files(self, options: Mapping[str, Any]) -> None:
        """Raises UsageError for what only texts have: a record has one translation and nothing else."""
        asked = {
            "--scores": self.scores,
            "--alignments": self.alignments,
            "--word-alignments": self.word_alignments,
            "--unbuffered": self.unbuffered,
            "--n-best": options.get("n_best", 1) > 1,
        }
        for flag, there in asked.items():
            if there:
                raise UsageError(f"{flag} is for texts, not for files: leave it out, or leave out -o")

    def of_stream(self, options: DecodingOptions) -> dict[str, Any]:
        """What Translator.stream is asked for."""
        in_json = self.format == "json"
        return {
            "alignments": self.alignments,
            # A flag is shown on a terminal and in JSON only.
            "scores": self.scores or options.n_best > 1 or in_json or sys.stdout.isatty(),
            "token_scores": self.scores and in_json,
            "protect": not self.raw,
        }


class Answers:
    """Standard output of a run."""

    def __init__(
        self,
        asked: AnswerFlags,
        translator: Translator,
        n_best: int,
        one_line: bool,
    ) -> None:
        """one_line: whoever counts lines counts on one each."""
        self.asked, self.n_best, self.one_line = asked, n_best, one_line
        self._words = Words(translator) if asked.word_alignments else None
        self._flags = _Flags()

    def write(self, number: int, translation: Translation) -> None:
        self._flags.see(translation)
        linked = _linked(self._words, translation)
        if self.asked.format == "json":
            say_json(as_json(translation) | (asdict(linked[0]) if linked else {}))
        else:
            self._say(number, translation, linked)
        if self.asked.unbuffered:
            flush()

    def _say(self, number: int, translation: Translation, linked: Sequence[WordLinks]) -> None:
        """linked: the words of the translation and of each alternative; none where they were not asked for."""
        several = self.n_best > 1
        for place, hypothesis in enumerate((translation, *translation.alternatives)):
            parts = [in_one_line(hypothesis.text) if self.one_line or several else hypothesis.text]
            score = "-" if hypothesis.score is None else f"{hypothesis.score:.4f}"
            if self.asked.alignments:
                parts.append(_pharaoh(hypothesis.alignment))
            if linked:
                parts.append(_pharaoh(linked[place].word_alignment))
            if several:
                parts = [str(number), *parts, score]
            line = " ||| ".join(parts)
            if self.asked.scores and not several:
                line = f"{score}\t{line}"
            say(line, note=", ".join(flag.replace("_", " ") for flag in hypothesis.flags))

    def tell(self) -> None:
        """What was wrong with all of them, where no flag is shown."""
        if self.asked.format == "text" and not sys.stdout.isatty():
            self._flags.tell()


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


def as_json(translation: Translation) -> dict[str, Any]:
    """All that is known about a translation; alternatives hold the same, but for what they share with it."""
    whole = asdict(translation)
    for alternative in whole["alternatives"]:
        for shared in ("source", "source_tokens", "alternatives"):
            del alternative[shared]
    return whole
