"""Which language a text is in, and how sure that is: any of a hundred, not only those that somebody can translate.

By py3langid, which is right more often than n-grams of our own on short texts (`python -m benchmarks detection`).
What it lacks is added here: names, addresses and tags say nothing, dialects of Chinese are Chinese, and a language
that the reader knows is likelier to be sent to them than another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dragoman.errors import UsageError
from dragoman.text.languages import base_language
from dragoman.text.normalize import script_counts, scripts_of

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

UNKNOWN = "und"  # what ISO 639-2 calls a language that nobody could tell
_LONGEST = 2000  # characters that are looked at: more would not change the answer
_NO_WORDS = re.compile(r"https?://\S+|www\.\S+|[\w.+-]{1,64}@[\w.-]+|<[^<>]*>|\{[^{}]*\}|&\w{1,10};")
_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# How much likelier a language that is known here is than any other. Set so that at a service from English, of 175
# short texts in seven other languages all but two are told from it, and of the 1,000 most frequent English words,
# of which one alone says little, each is taken for English.
_KNOWN, _KNOWN_ALONE = 10.0, 40.0
# Less than this and it is taken for one of those that are known, if it can be.
_SURE, _SURE_ALONE = 15.0, 50.0
# Much written languages against their small neighbours, which share most of their n-grams.
_MUCH = 2.0
_MOST_CYRILLIC = 4.0  # Russian
_MUCH_WRITTEN = frozenset(
    "ar bg cs da de el en es fa fi fr he hi hu id it ja ko nl nb pl pt ro ru sv th tr uk vi zh".split()
)
_NOTHING = 1e-4  # a share that does not make one language of two
# Letters of an alphabet that say as much as one sign of these.
_SIGN = {"Han": 3, "Kana": 3, "Hangul": 3}
_ALSO = {"wuu": "zh"}  # what the library names apart and nobody asks for by that name


@dataclass(frozen=True)
class Detected:
    """A language and how sure it is, from 0 to 100."""

    language: str
    confidence: float


def likeliest(text: str, known: Sequence[str] = ()) -> Detected | None:
    """The language of a text: one of `known`, unless another is clearly likelier; None where it has no letters."""
    found = detect(text, known)
    bases = {base_language(code) for code in known}
    sure = _SURE if len(_WORDS.findall(_without_codes(text))) > 1 else _SURE_ALONE
    for one in found:
        if one.language in bases or one.confidence >= sure:
            return one
    return found[0] if found else None


def detect(text: str, known: Sequence[str] = ()) -> list[Detected]:
    """The languages that a text may be in, the likeliest first; none where it has no words.

    known: codes of the languages that are likelier than others here. Raises UsageError where the statistics cannot
    be unpacked.
    """
    text = _without_codes(text)
    words = _WORDS.findall(text)
    written = _shares(text)
    if not words or (len(words[0]) == len(words) == 1 and not written.keys() & _SIGN.keys()):
        return []  # "A" may be anything
    bases = {base_language(code): scripts_of(code) for code in known}
    favour = _KNOWN if len(words) > 1 else _KNOWN_ALONE
    weight: dict[str, float] = {}
    for label, share in _identifier().rank(text):
        if share < _NOTHING:
            break
        code, usual = _facts(label)
        if code == "yue" and code not in bases:
            code = "zh"
        # Half the letters of a script are weak evidence for its languages, and a tenth nearly none.
        in_script = sum(written.get(script, 0.0) for script in bases.get(code) or usual) ** 3
        factor = favour if code in bases else _usual(code)
        weight[code] = weight.get(code, 0.0) + factor * in_script * share
    total = sum(weight.values())
    if not total:  # of a script that is none of theirs
        return [Detected(UNKNOWN, 100.0)]
    found = [
        Detected(code, round(100 * value / total, 1))
        for code, value in weight.items()
        if value >= total / 100
    ]
    return sorted(found, key=lambda one: -one.confidence)


def _without_codes(text: str) -> str:
    return _NO_WORDS.sub(" ", text[:_LONGEST])


def _usual(code: str) -> float:
    return _MOST_CYRILLIC if code == "ru" else _MUCH if code in _MUCH_WRITTEN else 1.0


def _shares(text: str) -> dict[str, float]:
    """How much of a text is in which script, by what its letters say: together 1, or nothing."""
    said = {script: count * _SIGN.get(script, 1) for script, count in script_counts(text).items()}
    total = sum(said.values())
    return {script: count / total for script, count in said.items()}


def is_ready() -> bool:
    """Whether the statistics are unpacked, so that the next text takes no half second."""
    return _identifier.cache_info().currsize > 0


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # 0.7 s and 100 MB, most of it the statistics

    try:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError as error:
        raise UsageError(
            f"to tell a language, some room for temporary files is needed ({error}): set TMPDIR to a directory that "
            "can be written to, or say which language it is"
        ) from error


@cache
def _facts(label: str) -> tuple[str, frozenset[str]]:
    """The language that one of the library's labels stands for, and the scripts that it is written in."""
    code = base_language(_ALSO.get(label, label))
    return code, scripts_of(code)
