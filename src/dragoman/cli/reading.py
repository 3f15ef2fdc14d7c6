"""The languages of a translation: those that were named, checked against the model's, and that of what was read.

Where that is another than the model reads, a line says so. Nothing is held back for it: the translations are out then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dragoman.cli.terminal import tell
from dragoman.corpus.cleaning import in_wrong_script
from dragoman.errors import UsageError
from dragoman.text.languages import UNDERSTOOD, base_language, name_of, read_tag
from dragoman.text.normalize import scripts_of, to_traditional

_LOOKED_AT = 200  # texts that seem to be in another language; more would say the same
# Characters of a subword. The vocabulary of a language cuts its own words into few pieces and those of others into
# many: with the bundled model 99 of 100 foreign sentences are below this, and 10 of 100 English ones. Only these are
# looked at again, since unpacking the statistics of languages takes half a second.
_LONG_PIECES = 2.4


@dataclass(frozen=True)
class Direction:
    """From which language into which; a model knows one of each, and of Chinese both scripts can be asked for."""

    source_lang: str | None
    target_lang: str | None

    def script(self, languages: tuple[str, str]) -> Callable[[str], str]:
        """What each translation passes. Raises UsageError for languages that are not the model's."""
        asked = (
            ("--source-lang", self.source_lang, languages[0]),
            ("--target-lang", self.target_lang, languages[1]),
        )
        for flag, code, model in asked:
            if code and read_tag(code) is None and code != model:
                raise UsageError(f"{flag} {code}: no language has this code; {UNDERSTOOD}")
            if code and base_language(code) != base_language(model):
                raise UsageError(f"{flag} {code}: this model translates {languages[0]} -> {languages[1]}")
        tag, written = read_tag(self.target_lang or ""), read_tag(languages[1])
        itself = written is not None and written.traditional
        return to_traditional if tag and tag.traditional and not itself else str


class Reading:
    """The texts of a run that seem to be in another language than the model's source."""

    def __init__(self, languages: tuple[str, str]) -> None:
        self._languages = languages
        # Languages that have a script to themselves are told by it.
        self._shares_script = bool(scripts_of(languages[0]) & {"Latin", "Cyrillic", "Arabic", "Devanagari"})
        self._texts = 0
        self._strange: list[str] = []

    def see(self, text: str, tokens: Sequence[str]) -> None:
        """A text that is translated, and its subwords."""
        self._texts += 1
        many_pieces = self._shares_script and len(text) < _LONG_PIECES * len(tokens)
        if len(self._strange) < _LOOKED_AT and (many_pieces or in_wrong_script(text, self._languages[0])):
            self._strange.append(text)

    def tell(self) -> None:
        """Say it, where most of one other language is told for sure."""
        if not self._strange:
            return
        from dragoman.text.detection import UNKNOWN, likeliest

        try:
            found = [likeliest(text, self._languages) for text in self._strange]
        except UsageError:  # nowhere to unpack the statistics: this is a hint, and no reason to fail
            return
        source = base_language(self._languages[0])
        others = Counter(one.language for one in found if one and one.language not in (source, UNKNOWN))
        if not others:
            return
        language, count = others.most_common(1)[0]
        what = "this looks" if self._texts == 1 else f"{count:,} of {self._texts:,} lines look"
        tell(
            f"note: {what} like {name_of(language)} ({language}); the model reads {name_of(source)} ({source})"
        )
