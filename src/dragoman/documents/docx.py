"""Word documents (.docx): a packed file, in which the parts that have words are translated and all others copied.

What it may unpack to is limited. What a part says is word.py's.
"""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence

from dragoman.documents.runs import Translate
from dragoman.documents.word import translate_part
from dragoman.errors import UsageError

UNPACKED = 100_000_000  # bytes of all entries together; a 10 MB document with pictures unpacks to 15 MB
TEXT = 20_000_000  # bytes of a part that is read for its words; a novel of a thousand pages has half of them
ENTRIES = 5_000
TOLD = 120  # characters of what is wrong with it
# Whatever zipfile and the unpackers behind it raise for bytes that are not what they should be.
DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    OverflowError,
)
_PARTS = re.compile(r"word/(?:document|header\d*|footer\d*|footnotes|endnotes)\.xml")


def translate_docx(data: bytes, translate: Translate) -> bytes:
    """Raises UsageError for what is no Word document, or unpacks to more than UNPACKED bytes."""
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(packed, "w") as target:
            entries = source.infolist()
            _check(entries)
            for entry in entries:
                if _PARTS.fullmatch(entry.filename) and entry.file_size > TEXT:
                    raise UsageError(
                        f"{entry.filename} unpacks to {entry.file_size:,} bytes, and at most {TEXT:,} are read"
                    )
                content = source.read(entry)
                if _PARTS.fullmatch(entry.filename):
                    content = translate_part(content, translate)
                target.writestr(entry, content, zipfile.ZIP_DEFLATED)
    except DAMAGED as error:
        # Some name the whole of what they found in place of a name.
        raise UsageError(f"the file is no Word document, or a damaged one: {str(error)[:TOLD]}") from None
    return packed.getvalue()


def _check(entries: Sequence[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if "word/document.xml" not in names:
        raise UsageError("the file is no Word document: it has no word/document.xml")
    if len(set(names)) < len(names) or any(entry.flag_bits & 1 for entry in entries):
        raise UsageError(
            "the document is encrypted, or has two parts of one name: save it again without a password"
        )
    if len(names) > ENTRIES or sum(entry.file_size for entry in entries) > UNPACKED:
        raise UsageError(f"the document unpacks to more than {ENTRIES:,} parts or {UNPACKED:,} bytes")
