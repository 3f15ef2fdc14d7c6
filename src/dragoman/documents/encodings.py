"""Which encoding a text file is in, and a file of an older one as UTF-8 and back. Knows no format.

The rule: a mark at its beginning, what a web page declares, UTF-8; and where none of these fits, what computers wrote
before in the language that the file is in. Windows-1252 has Latin-1 in it, GB18030 has GBK and GB2312.
"""

from __future__ import annotations

import codecs
import re

from dragoman.errors import UsageError
from dragoman.text.languages import base_language
from dragoman.text.normalize import script_counts, scripts_of

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECLARED = re.compile(rb"<meta[^>]{0,200}charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_-]{1,40})", re.IGNORECASE)
_CONTROLS = re.compile(r"[\0-\x08\x0e-\x19\x1b-\x1f]")  # 1A ends text files of MS-DOS
_BEGINNING = 4000  # bytes that a language is told by

# What Windows wrote; Chinese, and what is not here, is GB18030.
_BEFORE_UNICODE = {
    **dict.fromkeys("bs cs hr hu pl ro sk sl sq".split(), "cp1250"),
    **dict.fromkeys("be bg mk ru sr uk".split(), "cp1251"),
    "el": "cp1253",
    "tr": "cp1254",
    "he": "cp1255",
    **dict.fromkeys(("ar", "fa", "ur"), "cp1256"),
    **dict.fromkeys(("et", "lt", "lv"), "cp1257"),
    "vi": "cp1258",
    "th": "cp874",
    "ja": "cp932",
    "ko": "cp949",
}


def decoded(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """Text and its encoding: by mark, by declaration, UTF-8, or the Chinese one that contains the older ones."""
    found = _first_that_fits(data, [*([declared] if declared else []), "utf-8", "gb18030"])
    if found is None:
        raise UsageError("the file is no text in an encoding known here: save it as UTF-8")
    return found


def declared_in(page: bytes) -> str | None:
    """The encoding that a web page says it is in."""
    found = _DECLARED.search(page[:4096])
    return found[1].decode() if found else None


def older(data: bytes, source: str, declared: str | None = None) -> str | None:
    """The encoding from before Unicode that a text in the language `source` is in; None for one in Unicode.

    None too where the language is not known, and for what is no text.
    """
    if not source or _first_that_fits(data, [*([declared] if declared else []), "utf-8"]):
        return None
    usual = "cp1252" if scripts_of(source) == {"Latin"} else "gb18030"
    found = _first_that_fits(data, [_BEFORE_UNICODE.get(base_language(source), usual), usual])
    return found[1] if found and not _CONTROLS.search(found[0]) else None


def beginning(data: bytes) -> str:
    """Some of a file's text, to tell its language by; nothing of what is packed, where bytes are no text."""
    if data.startswith(b"PK"):
        return ""
    data, declared = data[: 4 * _BEGINNING], declared_in(data)
    marked = [encoding for mark, encoding in _BOMS if data.startswith(mark)]
    for encoding in marked or [*([declared] if declared else []), "utf-8"]:
        if (text := _begun(data, encoding)) is not None:
            return text[:_BEGINNING]
    # What Western Europe wrote often passes for GB18030, with a rare sign for every accent and the letter after it.
    text = _begun(data, "gb18030") or ""
    scripts = script_counts(text)
    return (
        text[:_BEGINNING]
        if 2 * scripts["Han"] > scripts["Latin"]
        else data.decode("cp1252", "ignore")[:_BEGINNING]
    )


def _begun(data: bytes, encoding: str) -> str | None:
    """The text of bytes that may end within a character; None for what is none in this encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except (UnicodeDecodeError, LookupError):
        return None


def _first_that_fits(data: bytes, encodings: list[str]) -> tuple[str, str] | None:
    """A mark goes before all of them."""
    marked = [encoding for mark, encoding in _BOMS if data.startswith(mark)]
    for encoding in marked or encodings:
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if "\0" not in text:
            return text, encoding
    return None
