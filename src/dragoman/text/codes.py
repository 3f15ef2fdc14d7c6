"""Whether a run of signs is a code rather than a word: a version, a file name, a product number. Finds none in a text.

By its look alone: letters mixed with digits, capitals within a word, dots and signs. For what nobody thought of.
"""

from __future__ import annotations

import re
from functools import lru_cache

# What a code is made of: Latin, Greek and Cyrillic letters, digits, and signs.
TOKEN = re.compile(r"[0-9A-Za-z\u00aa-\u00ff\u0100-\u052f\u2070-\u209c\u00b0\u2032_.+\-/=&@#~^*\\'’%$:]+")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+(?:[^\W\d_]{1,3}\.?)?")  # e.g., U.S., Ph.D., a.m.
_EXTENSIONS = frozenset(
    "com org net edu gov io dev app co uk de fr cn jp ru info ai txt pdf doc docx xls xlsx ppt pptx odt csv tsv json "
    "xml yaml yml toml ini cfg conf log md rst html htm css js ts jsx tsx py rb go rs java kt c h cpp hpp cs php sh "
    "bat exe dll zip tar gz bz2 xz rar iso img jpg jpeg png gif svg webp mp3 mp4 avi mkv wav srt vtt epub po mo sql "
    "db lock vue".split()
)
_ORDINAL = re.compile(r"\d{1,6}(?:st|nd|rd|th|s|er|e|º|ª)|['’]?\d0s|\d{2,4}['’]s", re.IGNORECASE)
_JOINED = re.compile(r"[^\W\d_]{2,40}\.(?:[A-Z][a-z'’]*|[A-Z])")
# A full stop before one of these is the end of a sentence that lacks its space, and no part of a name.
_FUNCTION = frozenset(
    "the a an he she it we you they i and but this that these those there then what who how why when where is are was "
    "my your his her our their in on at if as no not did can will please".split()
)
_CAPITALS = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")
_PLURAL = re.compile("[A-Z]{2,5}s")  # of an acronym
_SURNAME = re.compile(r"(?:Mc|Mac|Fitz|De|Le|La|Van|Di|Du|O['’])[A-Z][a-z]+")


def before_sentence(token: str) -> str:
    """Without the first word of the next sentence, where the space before it is missing: report.pdf.It is."""
    head, dot, last = token.rpartition(".")
    begins = last[:1].isupper() and re.split("['’]", last)[0].lower() in _FUNCTION
    return head if dot and head and begins else token


def is_function_word(word: str) -> bool:
    return word.lower() in _FUNCTION


@lru_cache(256)
def is_code(token: str) -> bool:
    """Whether a run of signs is no word of a language."""
    if token.isalpha():
        return (
            bool(_CAPITALS.search(token)) and not _SURNAME.fullmatch(token) and not _PLURAL.fullmatch(token)
        )
    letters, digits = any(map(str.isalpha, token)), any(map(str.isdigit, token))
    if letters and digits:
        parts = [part for part in re.split(r"[-/:]", token) if part]
        return not all(part.isalpha() or part.isdigit() or _ORDINAL.fullmatch(part) for part in parts) or (
            any(part.isdigit() for part in parts) and not _is_compound(token)
        )
    if not letters:
        return False
    if re.search(r"[^\W_][_\\=@~^*#$%]+[^\W_]|\w[&+]\w|\w\+\+|::", token):
        return True
    if "/" in token:
        parts = token.split("/")
        return len(parts) > 2 or "." in token or all(part.isupper() for part in parts)
    return _has_dots(token) or bool(_CAPITALS.search(token) and not re.search("['’:]", token))


def _is_compound(token: str) -> bool:
    """Words and numbers that a hyphen joins, each by itself: a 5-year-old, 24-hour, Boeing-like."""
    return bool(re.fullmatch(r"\d{1,4}(?:-[a-z]+){1,3}|[A-Za-z]+:\d{1,4}", token))


def _has_dots(token: str) -> bool:
    if "." not in token or ".." in token or _JOINED.fullmatch(token):
        return False
    parts = token.split(".")
    if _DOTTED.fullmatch(token):  # U.S., Ph.D., but x.txt
        return len(parts[-1]) > 1 and parts[-1] in _EXTENSIONS
    if not all(re.fullmatch(r"[\w-]+", part) for part in parts):
        return False
    last = parts[-1].lower()
    return len(parts) > 2 or last in _EXTENSIONS or last not in _FUNCTION
