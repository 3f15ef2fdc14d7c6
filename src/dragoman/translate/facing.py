"""A model as a translator faces it: in one direction, or in several among which each text chooses. Searches nothing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, Self

from dragoman.errors import UsageError
from dragoman.model.directory import ModelDirectory
from dragoman.text.directions import Direction, all_told, fitting, of_text, simplified_sides, staying
from dragoman.text.languages import UNDERSTOOD, base_language, read_tag
from dragoman.text.normalize import has_case, scripts_of
from dragoman.translate.detokenise import Detokeniser
from dragoman.translate.plan import Manner
from dragoman.translate.reading import Reader
from dragoman.translate.recasing import Recaser
from dragoman.translate.unknown import Lexicon

DEFAULT_LONGEST = 200  # tokens of a sentence, where a model does not say what it was trained on

MOST_PAIRS = 256  # of languages that a translator keeps at hand, of a model of many


class Facing:
    """Reads and writes the languages of a model; of several directions, those that were asked for."""

    model: ModelDirectory
    partners: tuple[ModelDirectory, ...]
    _origin: Self | None  # of one that was made by `toward`
    # Whether what the model writes is put into traditional signs, in which it was not trained.
    traditional = False
    same = False  # the languages that were named are one, in two scripts or not: nothing is translated

    def _face(self, directions: Sequence[Direction], tags: Sequence[str]) -> None:
        """Read and write the languages of these directions; of several, the first until a text is seen."""
        model, languages = self.model, directions[0]
        self.directions, self.languages, self.tags = tuple(directions), languages, tuple(tags)
        self._ways: dict[Direction, Self] = {}
        self._pairs: dict[tuple[str | None, str | None, tuple[str, ...]], Self] = {}
        self.before = model.tags(languages, tags)
        self.cleaning = dict(model.config["cleaning"])  # how both sides are prepared
        self.cleaning["simplify"] = simplified_sides(
            self.cleaning.get("simplify", ""), model.languages, languages
        )
        source, target = model.source_tokenizer, model.target_tokenizer
        lexicon = Lexicon(source.bare, languages[0])
        recaser = Recaser(source.bare, has_case(languages[0]))
        self._reader = Reader(source, target, languages, self.cleaning, self.longest, lexicon, recaser)
        self._detokeniser = Detokeniser(source, target, languages[1])

    def toward(
        self, source: str | None = None, target: str | None = None, *, tags: Sequence[str] = ()
    ) -> Self:
        """The same model in those of its directions that are between the languages named; its engines are shared.

        Where several are left, each text goes the way that its script asks for, or else its words do. A text that is in
        the target language already stays as it is, but for the script of Chinese: zh writes simplified signs, zh-Hant
        (zh-TW, zh-HK) traditional ones.
        tags: symbols of the model's training that are to stand before each source, such as <bt>.
        Raises UsageError for languages between which the model does not translate, and for a tag it does not know.
        """
        if self.model.many:
            return self._between(source, target, tags)
        for code in (source, target):
            if code and read_tag(code) is None and code not in {c for way in self.directions for c in way}:
                raise UsageError(f"{code}: no language has this code; {UNDERSTOOD}")
        found = fitting(self.directions, source, target)
        same = not found
        found = found or staying(self.directions, source, target)
        if not found:
            asked = f"{source or 'any'} -> {target or 'any'}"
            raise UsageError(f"{asked}: this model translates {all_told(self.directions)}")
        signs = _is_traditional(target) and not _is_traditional(found[0][1])
        if (tuple(found), tuple(tags), same, signs) == (
            self.directions,
            self.tags,
            self.same,
            self.traditional,
        ):
            return self
        other = copy.copy(self)
        other._origin, other.same, other.traditional = self.whole, same, signs
        other._face(found, tags)
        return other

    def _between(self, source: str | None, target: str | None, tags: Sequence[str]) -> Self:
        """Of a model in which a token chooses the language: any two of its languages."""
        known, asked = self.whole._pairs, (source, target, tuple(tags))
        if asked in known:
            return known[asked]
        other = copy.copy(self)
        other._origin, other.model = self.whole, self.model.between(source, target)
        other.traditional = _is_traditional(target) and not _is_traditional(other.model.directions[0][1])
        other._face(other.model.directions, tags)
        if len(known) == MOST_PAIRS:
            known.clear()
        known[asked] = other
        return other

    @property
    def whole(self) -> Self:
        """This model in all of its directions."""
        return self._origin or self

    @property
    def script(self) -> bool | None:
        """Whether Chinese comes out in traditional signs; None where the model's own are left as they are."""
        if self.traditional or self.same:
            return self.traditional if base_language(self.languages[1]) == "zh" else None
        source, target = self.languages
        simplified = base_language(target) == "zh" and self.cleaning["simplify"] in ("target", "both")
        return None if not simplified or "Han" in scripts_of(source) else False

    @property
    def manner(self) -> Manner:
        """How its texts are read and written."""
        return Manner(tuple(self.before), self.script, self.same)

    def way_of(self, text: str) -> Self:
        """This translator in the direction that a text goes. Raises UsageError where a text can go several ways."""
        if len(self.directions) == 1:
            return self
        direction = of_text(text, self.directions)
        if direction not in self._ways:
            way = self.toward(*direction, tags=self.tags)
            way.traditional = self.traditional
            self._ways[direction] = way
        return self._ways[direction]

    # -- text and ids -------------------------------------------------------------------------------------------

    @property
    def positions(self) -> int:
        """How many tokens of either side the model reads at most, one of which is </s> or <s>."""
        return min(
            int(model.config["model"].get("max_length", 2 * DEFAULT_LONGEST))
            for model in (self.model, *self.partners)
        )

    @property
    def longest(self) -> int:
        """The longest sentence, in tokens, that goes through the model in one run: no longer than in training."""
        trained = (
            int(model.config["data"].get("longest", DEFAULT_LONGEST))
            for model in (self.model, *self.partners)
        )
        return max(1, min(*trained, self.positions - 1) - len(self.before))

    def prepare(self, text: str, side: Literal["source", "target"]) -> str:
        """A text as the model's training corpus was cleaned."""
        return self._reader.prepare(text, side)

    def encode(self, source: str, target: str) -> tuple[list[int], list[int]]:
        """The ids of a pair, each side prepared and whole: what the model reads before </s>, and what it writes."""
        if (way := self.way_of(source)) is not self:
            return way.encode(source, target)
        ids = self.model.source_tokenizer.encode(self.prepare(source, "source"))
        return [*self.before, *ids], self.model.target_tokenizer.encode(self.prepare(target, "target"))


def _is_traditional(code: str | None) -> bool:
    tag = read_tag(code or "")
    return tag is not None and tag.traditional
