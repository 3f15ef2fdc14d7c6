"""Files that are damaged: read all the same, or refused in one sentence; in bounded time, whatever is in them.

1,000 mutations of each format are drawn with DRAGOMAN_MUTATIONS=1000.
"""

from __future__ import annotations

import io
import os
import random
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence

import pytest

from dragoman.documents.files import FORMATS, translate_file
from dragoman.errors import UsageError

MUTATIONS = int(os.environ.get("DRAGOMAN_MUTATIONS", "40"))
LONGEST = 5.0  # seconds of the processor; a file of 4 kB takes some milliseconds

HTML = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A dog &amp; a cat</title><style>p { color: red }</style></head>
<body><h1 class="a">The <em>red</em> dog</h1><!-- a comment --><p>It sees <a href="/x?a=1&b=2">my house</a>, the 3rd.
<br/>And <b>a <i>small</i></b> cat &copy; 2026.</p><pre>code < here</pre><script>if (a < b) { c() }</script>
<ul><li>One</li><li translate="no">Two</li></ul><table><tr><td>x</td><td>y &#x4f60;</td></tr></table></body></html>
"""
CUES = "".join(
    f"{n}\r\n00:00:0{n},000 --> 00:00:0{n},900\r\n<i>The dog number {n}</i>\r\n- sees {{\\an8}}my house.\r\n\r\n"
    for n in range(1, 8)
)
WORD = (
    '<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="x"><w:body>'
    '<w:p><w:pPr><w:jc w:val="left"/></w:pPr><w:r><w:rPr><w:b/></w:rPr><w:t>The red </w:t></w:r>'
    '<w:r><w:t xml:space="preserve">dog &amp; cat</w:t></w:r><w:proofErr w:type="a"/>'
    '<w:hyperlink r:id="r1"><w:r><w:t>my house</w:t></w:r></w:hyperlink></w:p>'
    "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>A cell.</w:t><w:br/></w:r></w:p></w:tc></w:tr></w:tbl>"
    "<w:p><w:r><mc:x><w:txbxContent><w:p><w:r><w:t>A box.</w:t></w:r></w:p></w:txbxContent></mc:x></w:r></w:p>"
    "</w:body></w:document>"
)


def packed(xml: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", xml)
        archive.writestr("word/header1.xml", "<w:hdr><w:p><w:r><w:t>Head</w:t></w:r></w:p></w:hdr>")
        archive.writestr("word/media/image1.png", zlib.compress(b"picture" * 50))
    return made.getvalue()


WHOLE = {
    ".txt": "The red dog.\n\nA small cat sees {name} at http://a.example/x, 3 times.\r\nÜber 你好。".encode(),
    ".srt": CUES.encode(),
    ".vtt": f"WEBVTT\n\nNOTE a\n\n{CUES}".encode(),
    ".html": HTML.encode(),
    ".htm": HTML.encode("utf-16"),
    ".xhtml": HTML.encode(),
    ".docx": packed(WORD.encode()),
}
WORDS = (
    b"\0", b"\xff", b"\xfe\xff", b"<", b">", b"&", b"</", b"<!--", b"]]>", b"<![CDATA[", b"&#x110000;", b"&#0;",
    b"PK\1\2", b"PK\3\4", b"PK\5\6", b"<w:p>", b"</w:p>", b"<w:r>", b"</w:t>", b"-->", b"\xed\xa0\x80", b"\r",
    b"\xe4\xb8", b"\xef\xb7\x90", b'<meta charset="utf-7">', b'charset="hex"', b'charset="idna"', b"<a \"",
    b'charset="undefined"', b"\xef\xb7\x900\xef\xb7\x91",
)  # fmt: skip


def mutated(data: bytes, draw: random.Random) -> bytes:
    """One to six small accidents: bytes changed, lost, doubled, moved, cut off, foreign ones put in."""
    found = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at, length = draw.randrange(len(found) + 1), draw.choice((1, 1, 2, 8, 60))
        match draw.randrange(7):
            case 0:
                found[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                del found[at : at + length]
            case 2:
                found[at:at] = found[at : at + length] * draw.choice((1, 2, 50))
            case 3:
                found[at:at] = draw.choice(WORDS)
            case 4:
                other = draw.randrange(len(found) + 1)
                found[at : at + length] = found[other : other + length]
            case 5 if draw.random() < 0.2:
                del found[at:]
            case _:
                if at < len(found):
                    found[at] ^= 1 << draw.randrange(8)
    return bytes(found)


def loud(texts: list[str]) -> Sequence[str]:
    return [text.upper() for text in texts]


def read(suffix: str, data: bytes) -> None:
    """Raises what is no refusal; fails for one that is no sentence, and for what takes too long."""
    began = time.thread_time()
    try:
        assert isinstance(translate_file(f"a{suffix}", data, loud), bytes)
    except UsageError as error:
        assert "\n" not in str(error)
        assert 10 < len(str(error)) < 400  # once 2 kB of the file were told as its name
    assert time.thread_time() - began < LONGEST


def test_every_format_is_mutated() -> None:
    assert set(WHOLE) == set(FORMATS)


@pytest.mark.parametrize("suffix", WHOLE)
def test_a_damaged_file(suffix: str) -> None:
    for number in range(MUTATIONS):
        try:
            read(suffix, mutated(WHOLE[suffix], random.Random(f"{suffix} {number}")))
        except Exception as error:
            raise AssertionError(f"mutation {number} of {suffix}: {error!r}") from error


METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_archive_of_each_way_to_pack(method: int) -> None:
    for number in range(MUTATIONS):
        read(".docx", mutated(packed(WORD.encode(), method), random.Random(f"{method} {number}")))


def test_a_document_whose_xml_is_damaged_before_it_is_packed() -> None:
    for number in range(MUTATIONS):
        read(".docx", packed(mutated(WORD.encode(), random.Random(number))))


def field(at: int, value: bytes) -> Callable[[bytes], bytes]:
    """A field of the central directory's entry of word/document.xml, by its place in the entry."""

    def change(data: bytes) -> bytes:
        entry = data.rindex(b"PK\1\2", 0, data.rindex(b"word/document.xml"))
        return data[: entry + at] + value + data[entry + at + len(value) :]

    return change


@pytest.mark.parametrize(
    "at, length", [(6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4)]
)
@pytest.mark.parametrize("value", [0, 1, 0x7F, 0xFF])
def test_what_an_archive_says_of_itself(at: int, length: int, value: int) -> None:
    """Version, flags, method, checksum, sizes, lengths, place: each with values that it cannot have."""
    read(".docx", field(at, bytes([value]) * length)(WHOLE[".docx"]))
