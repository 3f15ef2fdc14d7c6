"""Directions of translation: how they are written, which of them is meant, and how a model is told. Knows no model.

A model of several target languages reads the one to write from a tag, a fixed symbol before the source (Johnson et
al., 2017, "Google's Multilingual Neural Machine Translation System", section 3). No text can spell such a symbol.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dragoman.errors import ConfigError, UsageError
from dragoman.text.languages import UNDERSTOOD, base_language, name_of, read_tag
from dragoman.text.normalize import script_counts, scripts_of
from dragoman.text.spans import find, without

Direction = tuple[str, str]  # codes of the source and the target language

_ARROW = re.compile(r"\s*(?:->|→|>)\s*")
_PLAIN = re.compile(
    r"([A-Za-z]{2,3})-([A-Za-z]{2,3})"
)  # en-zh; with a script or a country it could be either
_WORD = re.compile(r"[^\W\d_]+")
_SOLID = frozenset({"Han", "Kana"})
_SYMBOL = re.compile(r"[^\s\u2581,=]{1,32}")


def read_direction(text: str) -> Direction:
    """`en>zh`, `en->zh`, `en-zh`. Raises ConfigError."""
    plain = _PLAIN.fullmatch(text.strip())
    codes = list(plain.groups()) if plain else _ARROW.split(text.strip())
    if len(codes) != 2 or not all(codes):
        raise ConfigError(f"{text!r} is no direction: write the language read, >, and the one written: en>zh")
    for code in codes:
        if read_tag(code) is None:
            raise ConfigError(f"direction {text!r}: {code!r} is the code of no language; {UNDERSTOOD}")
    if read_tag(codes[0]) == read_tag(codes[1]):
        raise ConfigError(f"direction {text!r} goes from a language into itself")
    return codes[0], codes[1]


def read_directions(texts: Sequence[str]) -> tuple[Direction, ...]:
    """Several, all different. Raises ConfigError."""
    found: dict[tuple[object, object], str] = {}
    directions = tuple(map(read_direction, texts))
    for direction, text in zip(directions, texts, strict=True):
        known = found.setdefault((read_tag(direction[0]), read_tag(direction[1])), text)
        if known is not text:
            raise ConfigError(f"directions {known!r} and {text!r} are the same one")
    return directions


def written(direction: Direction) -> str:
    """As settings have it."""
    return ">".join(direction)


def learnt(named: Sequence[str], languages: Direction, both_ways: bool) -> tuple[Direction, ...]:
    """All that a run learns: what is named, or else the direction between its languages; and each the other way round.

    Raises ConfigError.
    """
    ways = read_directions(named) or (languages,)
    back = (way[::-1] for way in ways if both_ways and way[::-1] not in ways)
    return (*ways, *back)


def told(direction: Direction) -> str:
    """As people read it."""
    return " -> ".join(direction)


def all_told(directions: Sequence[Direction]) -> str:
    """Several, for a sentence."""
    return ", ".join(map(told, directions))


def tag_of(language: str) -> str:
    """The symbol that asks for a language: of `zh`, ⟨zh⟩."""
    return f"⟨{language}⟩"


def target_tags(directions: Sequence[Direction], tagged: bool = False) -> dict[str, str]:
    """The tag of each target language; none where all directions go into one, and there is nothing to choose.

    tagged: also of a single one, by a model that began with more.
    """
    targets = dict.fromkeys(target for _, target in directions)
    return {target: tag_of(target) for target in targets} if tagged or len(targets) > 1 else {}


def sealed_languages(data: Mapping[str, Any]) -> dict[str, Any]:
    """What [data] of a run says of its languages, as [languages] of its model."""
    found: dict[str, Any] = {"source": data["source"], "target": data["target"]}
    named, languages = data.get("directions", ()), (data["source"], data["target"])
    if len(ways := learnt(named, languages, data.get("both_ways", False))) > 1:
        found["directions"] = list(map(written, ways))
    if data.get("tagged"):
        found["tagged"] = True
    return found


def check_symbol(symbol: str, name: str) -> None:
    """Raises ConfigError for what cannot be a fixed symbol of a vocabulary; `name` is the setting."""
    if not _SYMBOL.fullmatch(symbol):
        raise ConfigError(f"{name}: {symbol!r} is no symbol: write some signs without spaces, such as <bt>")


def fitting(directions: Sequence[Direction], source: str | None, target: str | None) -> list[Direction]:
    """Those between these languages, where one is named; those that agree in script, too, where some do."""
    sides = [(side, code) for side, code in enumerate((source, target)) if code]
    found = [
        direction
        for direction in directions
        if all(base_language(direction[side]) == base_language(code) for side, code in sides)
    ]
    exact = [one for one in found if all(read_tag(one[side]) == read_tag(code) for side, code in sides)]
    return exact or found


def staying(directions: Sequence[Direction], source: str | None, target: str | None) -> list[Direction]:
    """Where both are one language, in two scripts or not, and text of it stays in it: the directions into it."""
    if source is None or target is None or base_language(source) != base_language(target):
        return []
    return fitting(directions, None, target)


def of_text(text: str, directions: Sequence[Direction]) -> Direction:
    """The direction that a text asks for by its script and, where several languages share that, by its words.

    Text that tells nothing, such as a number, goes the first way there is. Raises UsageError where the language of the
    text can be translated into several.
    """
    script = _script_of_words(text)
    found = [one for one in directions if script in scripts_of(one[0])] or list(directions)
    if script is not None and len({base_language(source) for source, _ in found}) > 1:
        from dragoman.text.detection import likeliest  # half a second

        seen = likeliest(text, [source for source, _ in found])
        found = [one for one in found if seen and base_language(one[0]) == seen.language] or found[:1]
    source = found[0][0]
    targets = [target for one, target in found if one == source]
    if len(targets) > 1 and script is not None:
        raise UsageError(
            f"this model translates {name_of(source)} ({source}) into {' and '.join(targets)}: say which "
            "(--target-lang)"
        )
    return found[0]


def _script_of_words(text: str) -> str | None:
    """The script of most words, a sign of Chinese or Japanese being one: what stands in Latin letters among these is
    longer, and a guest. None where there are no words."""
    words = _words(text)
    if len(words) > 1 and _SOLID & words.keys():  # addresses and code are of no language
        words = _words(without(text, find(text))) or words
    # Of two as frequent, that of which each sign is one.
    return max(words, key=lambda script: (words[script], script in _SOLID)) if words else None


def _words(text: str) -> Counter[str]:
    words = Counter[str]()
    for word in _WORD.findall(text):
        for script, letters in script_counts(word).items():
            words[script] += letters if script in _SOLID else 1
    return words


def simplified_sides(simplify: str, first: Direction, direction: Direction) -> str:
    """cleaning.simplify, which is said of the first direction, for another: the languages of its sides are meant."""
    languages = {
        base_language(code)
        for code, side in zip(first, ("source", "target"), strict=True)
        if simplify in (side, "both")
    }
    found = [base_language(code) in languages for code in direction]
    return "both" if all(found) else "source" if found[0] else "target" if found[1] else ""
