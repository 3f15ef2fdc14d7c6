"""Sentence pairs out of a TMX file (Translation Memory eXchange 1.4b), one unit after another. Resolves no entity.

Of a unit the two languages that are asked for are taken, and of a segment its words: what stands in bpt, ept, ph, it
and ut is the markup of some other program.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from dragoman.bounds import beginning
from dragoman.corpus.lines import DAMAGED, LONGEST_LINE_BYTES
from dragoman.errors import CorpusError
from dragoman.text.languages import base_language

_CHUNK = 2**16  # bytes
# A tag is kept until it ends, and looked through again with each chunk: one of gigabytes takes all memory and for ever.
_LONGEST_TAG = 2**20  # bytes; a comment and an instruction too
_DEEPEST = 100  # elements within each other; TMX has seven, and nested sub a few more
_MARKUP = {"bpt", "ept", "ph", "it", "ut"}


def read_tmx(stream: BinaryIO, name: str, source: str, target: str) -> Iterator[tuple[str, str, None]]:
    """(source, target, None) of each unit that has both. Raises CorpusError, also where no unit has both."""
    if not (source and target):
        raise CorpusError(f"{name}: which of its languages? Name them with --source-lang and --target-lang")
    units = _Units(name, base_language(source), base_language(target))
    found = False
    while True:
        try:
            chunk = stream.read(_CHUNK)
            units.parse(chunk)
        except expat.ExpatError as error:
            raise CorpusError(f"{name}:{error.lineno}: not TMX: {expat.ErrorString(error.code)}") from error
        except (LookupError, ValueError) as error:  # an encoding that there is not, or that expat cannot read
            raise CorpusError(f"{name}: not TMX: {error}") from error
        except DAMAGED as error:
            raise CorpusError(f"{name}: damaged or cut off: {error}; fetch it again") from error
        for pair in units.ready:
            found = True
            yield *pair, None
        units.ready.clear()
        if not chunk:
            break
    if not found:
        others = ", ".join(sorted(units.languages)) or "no languages at all"
        raise CorpusError(f"{name}: no unit has both {source} and {target}; there are {others}")


class _Units:
    """What the parser has read of the unit it is in."""

    def __init__(self, name: str, source: str, target: str) -> None:
        self.name, self.wanted = name, (source, target)
        self.ready: list[tuple[str, str]] = []
        self.languages: set[str] = set()
        self.texts: dict[str, str] = {}
        self.language = ""
        self.segment: list[str] | None = None  # the words of the segment that is open
        self.length, self.hidden = 0, 0
        self.fed, self.depth = 0, 0  # bytes, and elements that are open
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._words
        # An entity of the file's own may stand for a gigabyte of others. TMX needs none.
        self.parser.EntityDeclHandler = self._entity

    def parse(self, chunk: bytes) -> None:
        """Read on; nothing is the end. Raises CorpusError for what is out of all proportion."""
        self.parser.Parse(chunk, not chunk)
        self.fed += len(chunk)
        if self.fed - max(0, self.parser.CurrentByteIndex) > _LONGEST_TAG and chunk:
            raise CorpusError(f"{self.name}: a tag or comment of more than {_LONGEST_TAG:,} bytes is no TMX")

    def _entity(self, *_: object) -> None:
        raise CorpusError(f"{self.name}: declares entities of its own, which are not resolved")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise CorpusError(f"{self.name}: more than {_DEEPEST} elements within each other are no TMX")
        if tag == "tu":
            self.texts = {}
        elif tag == "tuv":
            self.language = base_language(attributes.get("xml:lang", attributes.get("lang", "")))
            if len(self.languages) < 20:
                self.languages.add(beginning(self.language))
        elif tag == "seg":
            self.segment, self.length, self.hidden = [], 0, 0
        elif tag in _MARKUP:
            self.hidden += 1

    def _end(self, tag: str) -> None:
        self.depth -= 1
        if tag in _MARKUP:
            self.hidden -= 1
        elif tag == "seg" and self.segment is not None:
            self.texts.setdefault(self.language, "".join(self.segment))
            self.segment = None
        elif tag == "tu" and all(code in self.texts for code in self.wanted):
            self.ready.append((self.texts[self.wanted[0]], self.texts[self.wanted[1]]))

    def _words(self, text: str) -> None:
        if self.segment is None or self.hidden > 0:
            return
        self.length += len(text)
        if self.length > LONGEST_LINE_BYTES:
            raise CorpusError(
                f"{self.name}: a segment of more than {LONGEST_LINE_BYTES:,} characters is no sentence"
            )
        self.segment.append(text)
