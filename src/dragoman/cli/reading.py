"""The languages of a translation: those that were named, checked against the model's, and that of what was read.

Where that is another than the model reads, a line says so. Nothing is held back for it: the translations are out then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from dragoman.cli.terminal import tell
from dragoman.corpus.cleaning import in_wrong_script
from dragoman.errors import UsageError
from dragoman.text.directions import Direction, all_told, staying, told
from dragoman.text.languages import UNDERSTOOD, base_language, name_of, read_tag
from dragoman.text.normalize import scripts_of
from dragoman.text.scripts import written_in

if TYPE_CHECKING:
    from dragoman.translate.translation import Translation
    from dragoman.translate.translator import Translator

_LOOKED_AT = 200  # texts that seem to be in another language; more would say the same
_NAMED = 3  # languages that a line names
# Characters of a subword. The vocabulary of a language cuts its own words into few pieces and those of others into
# many: with the bundled model 99 of 100 foreign sentences are below this, and 10 of 100 English ones. Only these are
# looked at again, since unpacking the statistics of languages takes half a second.
_LONG_PIECES = 2.4


@dataclass(frozen=True)
class DirectionFlags:
    """From which language into which: one of the model's directions; of Chinese both scripts can be asked for."""

    source_lang: Annotated[
        str | None,
        Parameter(help="language of the text: refused where the model reads another; else its script tells"),
    ] = None
    target_lang: Annotated[
        str | None,
        Parameter(help="language to translate into; zh-Hant (or zh-TW) writes traditional Chinese"),
    ] = None

    def toward(self, translator: Translator, tags: Sequence[str] = (), may_stay: bool = False) -> Translator:
        """The translator in these languages. Raises UsageError for such as are not the model's.

        may_stay: they may be one, in two scripts.
        """
        if translator.model.many:
            return translator.toward(self.source_lang, self.target_lang, tags=tags)
        directions = translator.directions
        asked = (("--source-lang", self.source_lang, 0), ("--target-lang", self.target_lang, 1))
        stays = may_stay and bool(staying(directions, self.source_lang, self.target_lang))
        for flag, code, side in () if stays else asked:
            known = [direction[side] for direction in directions]
            if code and read_tag(code) is None and code not in known:
                raise UsageError(f"{flag} {code}: no language has this code; {UNDERSTOOD}")
            if code and base_language(code) not in map(base_language, known):
                raise UsageError(f"{flag} {code}: this model translates {all_told(directions)}")
        found = translator.toward(self.source_lang, self.target_lang, tags=tags)
        if found.same and not may_stay:
            both = f"{self.source_lang} -> {self.target_lang}"
            raise UsageError(f"{both} translates nothing: this model translates {all_told(directions)}")
        return found


class Reading:
    """The directions that texts of a run went, and those that seem to be in a language that the model does not read."""

    def __init__(self, translator: Translator) -> None:
        self._translator, self._languages = translator, translator.languages
        self._sources = list(dict.fromkeys(base_language(source) for source, _ in translator.directions))
        # Languages that have a script to themselves are told by it.
        self._shares_script = any(
            scripts_of(source) & {"Latin", "Cyrillic", "Arabic", "Devanagari"} for source in self._sources
        )
        self._texts = 0
        self._strange: list[str] = []
        self._ways: Counter[Direction] = Counter()
        self._turned = 0

    def see(self, translation: Translation) -> None:
        """A text that was translated."""
        text, tokens = translation.source, translation.source_tokens
        self._texts += 1
        if not tokens and text != translation.text and self._translator.script is not None:
            self._turned += written_in(text, self._translator.traditional) != text
        if self._translator.same:
            return
        if len(self._translator.directions) > 1 and tokens:
            self._ways[self._translator.way_of(text).languages] += 1
        many_pieces = self._shares_script and len(text) < _LONG_PIECES * len(tokens)
        wrong = all(in_wrong_script(text, source) for source in self._sources)
        if len(self._strange) < _LOOKED_AT and (many_pieces or wrong):
            self._strange.append(text)

    def tell(self) -> None:
        """Say which ways texts went where nobody said so; and which other languages some are in, if told for sure."""
        if self._turned:
            what = "this is" if self._texts == 1 else f"{self._turned:,} of {self._texts:,} lines are"
            signs = "traditional" if self._translator.traditional else "simplified"
            tell(f"note: {what} Chinese already, and in {signs} signs now")
        if self._ways:
            ways = ", ".join(f"{count:,} as {told(way)}" for way, count in self._ways.most_common())
            what = told(next(iter(self._ways))) if self._texts == 1 else ways
            tell(f"note: read by its script: {what} (--source-lang and --target-lang choose)")
        if not self._strange:
            return
        from dragoman.text.detection import UNKNOWN, likeliest

        try:
            found = [likeliest(text, (*self._sources, self._languages[1])) for text in self._strange]
        except UsageError:  # nowhere to unpack the statistics: this is a hint, and no reason to fail
            return
        told_of = [base_language(self._languages[1])] if self._turned else []
        others = Counter(
            one.language for one in found if one and one.language not in (*self._sources, *told_of, UNKNOWN)
        )
        if not others:
            return
        most = [f"{name_of(language)} ({language})" for language, _ in others.most_common(_NAMED)]
        named = ", ".join((*most, "and others") if len(others) > _NAMED else most)
        what = "this looks" if self._texts == 1 else f"{others.total():,} of {self._texts:,} lines look"
        read = " and ".join(f"{name_of(source)} ({source})" for source in self._sources)
        tell(f"note: {what} like {named}; the model reads {read}")
