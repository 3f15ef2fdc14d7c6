"""Unicode text made regular, and which scripts it is written in. Loses nothing a reader needs: never NFKC.

NFKC would turn the Chinese `，？：；` into ASCII and `①` into `1`; NFC only gives each letter one spelling.
Scripts are told apart by block, which is enough to see that a line is in the wrong language's letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from html import unescape
from typing import Any

from dragoman.text.languages import base_language, read_tag

# Removed: controls that are no white space; soft hyphen; Arabic letter mark; zero-width space, word joiner,
# byte order mark; marks, embeddings, overrides and isolates of direction; interlinear annotation;
# noncharacters; and surrogates, which are no text (undecodable bytes of a command line arrive as such).
# Kept: U+200C and U+200D, which spell Persian and join emoji; variation selectors and tags, which shape emoji.
_REMOVED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
# Putting one run of combining marks in canonical order takes quadratic time, so runs are cut at 30: the limit of
# the Stream-Safe Text Format (Unicode Standard Annex 15, section 13); no language comes near it.
_LONGEST_MARKS = 30
_PERHAPS_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{_LONGEST_MARKS + 1},}}")  # marks and symbols are no \w


_WIDE_LETTER, _WIDE = "\uff21-\uff3a\uff41-\uff5a", "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000"
_WIDE_WORDS = re.compile(f"[{_WIDE}]{{0,200}}?[{_WIDE_LETTER}][{_WIDE}]*+")
_USUAL_LETTER = re.compile("[A-Za-z]")
_NARROW_WORDS = {sign: sign - 0xFEE0 for sign in range(0xFF10, 0xFF5B) if chr(sign).isalnum()}
_NARROW = {sign: sign - 0xFEE0 for sign in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def normalize(text: str) -> str:
    """NFC, no invisible characters, any white space (line ends included) one space, none at the ends.

    Idempotent, and linear in the length of the text.
    """
    if not text.isprintable():  # as all that is removed is
        text = _REMOVED.sub("", text)
    if not text.isascii():
        text = _cut_marks(text)
        composed = unicodedata.normalize("NFC", text)
        text = composed if composed == text else _cut_marks(composed)  # a mark may have become two
    return " ".join(text.split())


def visible(text: str) -> str:
    """Without what is removed, and as it is else: no white space is touched, no letter spelled otherwise."""
    return text if text.isprintable() else _REMOVED.sub("", text)


def narrow(text: str) -> str:
    """A text all of whose Latin letters are full-width, with these as usual, sign for sign; numbers alone stay.

    Beside other letters they are a name or an ornament, and stay, too.
    """
    if text.isascii() or _USUAL_LETTER.search(text):
        return text
    return _WIDE_WORDS.sub(lambda words: words.group().translate(_NARROW), text)


def half_width(text: str) -> str:
    """A text with full-width letters and digits as other languages write them, sign for sign: １２３号, ＡＰＰ."""
    return text if text.isascii() else text.translate(_NARROW_WORDS)


_ENTITY = re.compile(r"`[^`\n]*`|&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_WITHIN_WORDS = frozenset("'’‘‐‑–—")  # and white space
_APOSTROPHE = re.compile(r"(?<=[A-Za-z])[´ʼ′](?=(?:s|t|m|d|re|ve|ll)\b)", re.IGNORECASE)
_CODE = re.compile(r"(?<![A-Za-z])`|`(?![A-Za-z])")  # a backtick that is no apostrophe
_HYPHEN = re.compile(r"(?<=\w)[\u2010\u2011](?=\w)")  # as a word processor or a page has it
_LIGATURE = re.compile("[\ufb00-\ufb06]")
# Letters of mathematics and those in circles: three of them side by side are a word that is to look fine.
_FANCY_LETTER = "[\U0001d400-\U0001d7cb\u2102\u210a-\u2115\u2119-\u211d\u2124\u212c-\u2138\u24b6-\u24e9]"
_FANCY_WORD = re.compile(_FANCY_LETTER + "{3}")


def spelled(text: str) -> str:
    """A text with its letters as words are spelled, however they were typed: caf&eacute;, don´t, ﬁne, 𝐁𝐨𝐥𝐝.

    Entities that stand for signs stay as they are written, and so does what is in backticks.
    """
    if "`" in text and not _CODE.search(text):
        text = text.replace("`", "'")
    if "&" in text and ";" in text:
        text = _ENTITY.sub(_spelled, text)
    if text.isascii():
        return text
    text = _LIGATURE.sub(_composed, _HYPHEN.sub("-", _APOSTROPHE.sub("'", text)))
    return re.sub(_FANCY_LETTER, _composed, text) if _FANCY_WORD.search(text) else text


def _composed(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match.group())


def _spelled(match: re.Match[str]) -> str:
    written = match.group()
    sign = unescape(written) if written[0] == "&" else written
    if len(sign) != 1:
        return written
    around = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
    within = (sign in _WITHIN_WORDS or sign.isspace()) and all(map(str.isalnum, around))
    return (" " if sign.isspace() else sign) if within or sign.isalpha() else written


def _cut_marks(text: str) -> str:
    return text if len(text) <= _LONGEST_MARKS else _PERHAPS_MARKS.sub(_cut_run, text)


def _cut_run(run: re.Match[str]) -> str:
    kept, length = [], 0
    for character in run.group():
        length = length + 1 if unicodedata.category(character).startswith("M") else 0
        if length <= _LONGEST_MARKS:
            kept.append(character)
    return "".join(kept)


def to_simplified(text: str) -> str:
    """Traditional Chinese -> simplified, phrase by phrase (OpenCC's t2s); other text passes unchanged."""
    return text if text.isascii() else str(_opencc("t2s").convert(text))


def to_traditional(text: str) -> str:
    """Simplified Chinese -> traditional, phrase by phrase (OpenCC's s2t); other text passes unchanged."""
    return text if text.isascii() else str(_opencc("s2t").convert(text))


def read_dictionaries() -> None:
    """Those of both scripts, now instead of at the first text: meanwhile no other thread has the interpreter."""
    for direction in ("t2s", "s2t"):
        _opencc(direction)


@cache
def _opencc(direction: str) -> Any:
    from opencc import OpenCC  # its dictionaries take a tenth of a second

    return OpenCC(direction)


_SCRIPTS = {
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1e00-\u1eff\u2c60-\u2c7f\ua722-\ua7ff"
    "\ufb00-\ufb06\uff21-\uff3a\uff41-\uff5a",
    "Han": "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff",
    "Kana": "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "Hangul": "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb",
    "Cyrillic": "\u0400-\u0482\u048a-\u052f\u1c80-\u1c8f\ua640-\ua69d",
    "Greek": "\u0370-\u0373\u0376-\u037d\u037f-\u03ff\u1f00-\u1fff",
    "Arabic": "\u0620-\u064a\u066e-\u06d5\u06ee-\u06ef\u06fa-\u06ff\u0750-\u077f\u08a0-\u08c9"
    "\ufb50-\ufdfb\ufe70-\ufefc",
    "Hebrew": "\u05d0-\u05f2\ufb1d-\ufb4f",
    "Devanagari": "\u0904-\u0963\u0971-\u097f",
    "Bengali": "\u0985-\u09e3",
    "Tamil": "\u0b82-\u0bd7",
    "Thai": "\u0e01-\u0e3a\u0e40-\u0e4e",
    "Lao": "\u0e81-\u0ebd\u0ec0-\u0ece\u0edc-\u0edf",
    "Khmer": "\u1780-\u17d3",
    "Burmese": "\u1000-\u103f\u1050-\u108f\ua9e0-\ua9fe\uaa60-\uaa7f",
    "Tibetan": "\u0f00\u0f40-\u0fbc",
    "Gujarati": "\u0a81-\u0ae3",
    "Gurmukhi": "\u0a01-\u0a5e\u0a70-\u0a75",
    "Telugu": "\u0c00-\u0c63",
    "Kannada": "\u0c80-\u0ce3",
    "Malayalam": "\u0d00-\u0d63",
    "Sinhala": "\u0d81-\u0ddf",
    "Ethiopic": "\u1200-\u1368\u1380-\u138f\u2d80-\u2dde",
    "Georgian": "\u10a0-\u10ff\u1c90-\u1cbf",
    "Armenian": "\u0531-\u0588",
}
# What no script has, such as a space, is found out once and not by each of them.
_LETTER = f"(?=[{''.join(_SCRIPTS.values())}])"
_RUNS = re.compile(
    f"{_LETTER}(?:{'|'.join(f'(?P<{name}>[{ranges}]+)' for name, ranges in _SCRIPTS.items())})"
)
_HAN = re.compile(f"[{_SCRIPTS['Han']}]")
_SOLID = _SCRIPTS["Han"] + _SCRIPTS["Kana"]
_WORD = re.compile(rf"[{_SOLID}]|[^\W{_SOLID}]+")

# The scripts a language is written in; a language that is not here is not judged by its script.
_WRITTEN_IN: dict[str, frozenset[str]] = {
    **dict.fromkeys(("zh", "yue", "wuu", "nan", "hak", "gan", "hsn", "lzh"), frozenset({"Han"})),
    "ja": frozenset({"Han", "Kana"}),
    "ko": frozenset({"Hangul"}),
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "kk", "ky"), frozenset({"Cyrillic"})),
    "el": frozenset({"Greek"}),
    **dict.fromkeys(("ar", "fa", "ur", "ps"), frozenset({"Arabic"})),
    **dict.fromkeys(("he", "yi"), frozenset({"Hebrew"})),
    **dict.fromkeys(("hi", "mr", "ne"), frozenset({"Devanagari"})),
    "bn": frozenset({"Bengali"}),
    "ta": frozenset({"Tamil"}),
    "th": frozenset({"Thai"}),
    "lo": frozenset({"Lao"}),
    "km": frozenset({"Khmer"}),
    "my": frozenset({"Burmese"}),
    **dict.fromkeys(("bo", "dz"), frozenset({"Tibetan"})),
    "gu": frozenset({"Gujarati"}),
    "te": frozenset({"Telugu"}),
    "kn": frozenset({"Kannada"}),
    "ml": frozenset({"Malayalam"}),
    "si": frozenset({"Sinhala"}),
    **dict.fromkeys(("am", "ti"), frozenset({"Ethiopic"})),
    "ka": frozenset({"Georgian"}),
    "hy": frozenset({"Armenian"}),
    **dict.fromkeys(
        "af ca cs cy da de en eo es et eu fi fil fr ga gl hr hu id is it la lb lt lv ms mt nb nl nn oc pl pt ro "
        "sk sl sq sv sw tr vi".split(),
        frozenset({"Latin"}),
    ),
}


# Those that a tag may name (ISO 15924); one that is not here is not told from others.
_TAGGED: dict[str, frozenset[str]] = {
    **dict.fromkeys(("Hans", "Hant", "Hani"), frozenset({"Han"})),
    "Jpan": frozenset({"Han", "Kana"}),
    **dict.fromkeys(("Kore", "Hang"), frozenset({"Hangul"})),
    "Latn": frozenset({"Latin"}),
    "Cyrl": frozenset({"Cyrillic"}),
    "Grek": frozenset({"Greek"}),
    "Arab": frozenset({"Arabic"}),
    "Hebr": frozenset({"Hebrew"}),
    "Deva": frozenset({"Devanagari"}),
    "Beng": frozenset({"Bengali"}),
    "Taml": frozenset({"Tamil"}),
    "Laoo": frozenset({"Lao"}),
    "Khmr": frozenset({"Khmer"}),
    "Mymr": frozenset({"Burmese"}),
    "Tibt": frozenset({"Tibetan"}),
    "Gujr": frozenset({"Gujarati"}),
    "Guru": frozenset({"Gurmukhi"}),
    "Telu": frozenset({"Telugu"}),
    "Knda": frozenset({"Kannada"}),
    "Mlym": frozenset({"Malayalam"}),
    "Sinh": frozenset({"Sinhala"}),
    "Ethi": frozenset({"Ethiopic"}),
    "Geor": frozenset({"Georgian"}),
    "Armn": frozenset({"Armenian"}),
    "Thai": frozenset({"Thai"}),
}


def scripts_of(language: str) -> frozenset[str]:
    """Names of the scripts a language is written in; empty when it is not known here.

    A script that the tag names goes before the language's usual one: `sr-Latn`, `zho_Hans`.
    """
    tag = read_tag(language)
    if tag and tag.script:
        return _TAGGED.get(tag.script, frozenset())
    return _WRITTEN_IN.get(base_language(language), frozenset())


def has_case(language: str) -> bool:
    """Whether a language has capitals and small letters; what is not known here may well have them."""
    scripts = scripts_of(language)
    return not scripts or not scripts.isdisjoint(("Latin", "Cyrillic", "Greek", "Armenian"))


def script_counts(text: str) -> Counter[str]:
    """Letters of each script in a text. Digits, punctuation, symbols and emoji belong to none."""
    counts: Counter[str] = Counter()
    for run in _RUNS.finditer(text):
        counts[run.lastgroup or ""] += run.end() - run.start()
    return counts


def dominant_script(text: str) -> str | None:
    """The script with most letters; None for a text without letters of a known script."""
    counts = script_counts(text)
    return max(counts, key=lambda script: counts[script]) if counts else None


def has_han(text: str) -> bool:
    return _HAN.search(text) is not None


def count_words(text: str) -> int:
    """Words of a text, for counting: each Han character and kana is one, and so is each run of other letters."""
    return sum(1 for _ in _WORD.finditer(text))
