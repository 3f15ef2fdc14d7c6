"""Files in, translated files out: plain text, subtitles, web pages, Word documents (word.py). Calls no model.

Line ends, encodings and everything that is no text stay as they are.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import partial
from pathlib import PurePath

from dragoman.documents.dialect import Dialect
from dragoman.documents.docx import translate_docx
from dragoman.documents.encodings import declared_in, decoded, older
from dragoman.documents.markup import HTML, translate_html
from dragoman.documents.runs import Translate
from dragoman.errors import UsageError

_LINE = re.compile(r"\r\n|\n|\r")
# A dash, a song, a sound in brackets, who speaks.
_SPEECH = re.compile(r"\s*(?:<\w+>\s*)?(?:[-–—♪♫(\[（]|>>|[A-Z][A-Z .'-]{1,20}:|[A-Za-z]\w{1,20}:\s)")
_TIMING = re.compile(r"\s*(?:\d+:)?\d+:\d+[,.]\d+\s*-->")
_BEFORE = re.compile(r"(?:\s|<[^<>]*>|\{\\[^{}]*\})*+")  # the words of a cue
_END_TAG = re.compile(r"</[^<>]*>")
_AMPERSAND = re.compile(r"&(?!#?\w{1,31};)")
_BREAKS = re.compile(r"(?<=[，。！？；：、])|(?<=[,.!?;:] )|(?<= )")


def translate_file(name: str, data: bytes, translate: Translate, source: str = "", target: str = "") -> bytes:
    """The translated file. `name` tells the format by its ending. Raises UsageError for what cannot be read.

    source: code of the language that it is in, which tells an encoding that nothing else does. target: of the one that
    it comes out in, which a page then names in its `lang`.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in _FORMATS:
        raise UsageError(f"{suffix or 'a file without an ending'}: there are {', '.join(FORMATS)}")
    before = (
        None if suffix in _PACKED else older(data, source, declared_in(data) if suffix in _PAGES else None)
    )
    dialect = Dialect(source=source, target=target)
    read = partial(_html, dialect=dialect) if suffix in _PAGES else _FORMATS[suffix]
    if before is None:
        return read(data, translate)
    done = read(data.decode(before).encode(), translate).decode()
    try:
        return done.encode(before, "xmlcharrefreplace" if suffix in _PAGES else "strict")
    except UnicodeEncodeError:  # a translation's letters are not in it
        return done.encode()


def _txt(data: bytes, translate: Translate) -> bytes:
    text, encoding = decoded(data)
    return "".join(_by_lines(text, translate)).encode(encoding)


def _by_lines(text: str, translate: Translate) -> list[str]:
    lines, ends = _LINE.split(text), _LINE.findall(text)
    written = translate(lines)
    return [part for pair in zip(written, [*ends, ""], strict=True) for part in pair]


def _cues(data: bytes, translate: Translate) -> bytes:
    """SubRip and WebVTT: words follow a line with times; heads, notes, styles, names and numbers of cues are kept.

    A cue is one text, however many lines it has; what begins as a speech or a sound does is one a line.
    """
    text, encoding = decoded(data)
    end = (_LINE.search(text) or ["\n"])[0]
    lines: list[str | list[str]] = []
    within = False
    for line in _LINE.split(text):
        if _TIMING.match(line) or not line.strip():
            within = bool(line.strip())
            lines.append(line)
        elif not within:
            lines.append(line)
        elif isinstance(lines[-1], list) and not _SPEECH.match(line) and not _ended(lines[-1][-1]):
            lines[-1].append(line)
        else:
            lines.append([line])
    cues = [_apart(" ".join(cue)) for cue in lines if isinstance(cue, list)]
    written = translate([words for _, words, _ in cues])
    found = iter([before + said + after for (before, _, after), said in zip(cues, written, strict=True)])
    done = (line if isinstance(line, str) else end.join(_wrapped(next(found), len(line))) for line in lines)
    return end.join(done).encode(encoding)


def _vtt(data: bytes, translate: Translate) -> bytes:
    """A sign of a translation that would begin a character reference is written as one (WebVTT, section 4.2)."""
    return _cues(data, lambda texts: [_AMPERSAND.sub("&amp;", said) for said in translate(texts)])


def _ended(line: str) -> bool:
    """Whether a line of a cue is a sound, or the end of a song: the next one does not go on with it."""
    return line.rstrip().endswith(("♪", "♫", ")", "]", "）"))


def _apart(cue: str) -> tuple[str, str, str]:
    """What precedes the words of a cue, white space and formatting; the words; white space and end tags."""
    start = _BEFORE.match(cue)
    before = start.group() if start else ""
    end = len(cue)
    while end > len(before):
        bare = end
        while bare > len(before) and cue[bare - 1].isspace():
            bare -= 1
        tag = cue.rfind("<", len(before), bare) if cue[bare - 1 : bare] == ">" else -1
        if tag >= 0 and _END_TAG.fullmatch(cue, tag, bare):
            bare = tag
        if bare == end:
            break
        end = max(bare, len(before))
    return before, cue[len(before) : end], cue[end:]


def _wrapped(text: str, lines: int) -> list[str]:
    """A text in so many lines of about the same length, or fewer where it has too few places to break at."""
    places = [match.end() for match in _BREAKS.finditer(text)][:-1]
    found: list[str] = []
    start = 0
    for left in range(lines, 1, -1):
        if start == len(text):
            break
        wanted = start + (len(text) - start) / left
        first = bisect_right(places, start)
        after = bisect_left(places, wanted, first)
        near = places[max(first, after - 1) : after + 1]
        place = min(near, key=lambda at: abs(at - wanted)) if near else len(text)
        found.append(text[start:place].rstrip())
        start = place
    return [line for line in [*found, text[start:]] if line]


def _html(data: bytes, translate: Translate, dialect: Dialect = HTML) -> bytes:
    text, encoding = decoded(data, declared_in(data))
    return translate_html(text, translate, dialect).encode(encoding, "xmlcharrefreplace")


_FORMATS = {
    ".txt": _txt,
    ".srt": _cues,
    ".vtt": _vtt,
    **dict.fromkeys((".html", ".htm", ".xhtml"), _html),
    ".docx": translate_docx,
}
FORMATS = tuple(_FORMATS)
_PAGES, _PACKED = (".html", ".htm", ".xhtml"), (".docx",)
