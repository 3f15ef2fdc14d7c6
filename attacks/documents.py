"""A valid document of each format, and the signs that each format is made of. Attacks nothing, and reads no document.

A format that the product learns needs a line here: the attack on uploads says so.
"""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable

WORD = "word/document.xml"
_CUES = (
    "1\n00:00:01,000 --> 00:00:02,500\n<i>The dog</i> sees\na cat.\n\n"
    "2\n00:00:03,000 --> 00:00:04,000\n- A bird.\n- A tree.\n"
)
_HTML = (
    '<!DOCTYPE html><html><head><meta charset="utf-8"><title>A dog</title><style>p { x: y }</style></head><body>'
    '<p class="a">The <b>dog</b> sees <a href="/x?a=1&amp;b=2">a cat</a>&nbsp;&lt;here&gt;.</p><!-- no -->'
    "<ul><li>One<li>Two</ul><script>var a = '<p>';</script><pre>code</pre><p translate=no>keep</p></body></html>"
)
_PARAGRAPH = (
    "<w:p><w:pPr><w:b/></w:pPr><w:r><w:rPr><w:i/></w:rPr><w:t>The dog </w:t></w:r>"
    '<w:hyperlink r:id="r1"><w:r><w:t xml:space="preserve">sees a cat.</w:t></w:r></w:hyperlink>'
    "<w:r><w:tab/></w:r></w:p>"
)


def packed(parts: dict[str, str | bytes]) -> bytes:
    """A zip file with the same bytes each time."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return found.getvalue()


def docx(body: str) -> bytes:
    """A Word document with this inside of its body."""
    types = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    document = f'<w:document xmlns:w="x" xmlns:r="y"><w:body>{body}</w:body></w:document>'
    return packed({"[Content_Types].xml": types, WORD: document, "word/styles.xml": "<w:styles/>"})


SAMPLES: dict[str, bytes] = {
    ".txt": "The dog sees a cat.\r\n\r\n两只狗。\r\nA bird?\r\n".encode(),
    ".srt": _CUES.encode(),
    ".vtt": b"WEBVTT\n\n" + _CUES.replace(",", ".").encode(),
    ".html": _HTML.encode(),
    ".htm": _HTML.encode(),
    ".xhtml": _HTML.encode(),
    ".docx": docx(_PARAGRAPH * 3),
    ".md": b"# A dog\n\nThe *dog* sees [a cat](x.html).\n\n- one\n- two\n\n```\ncode\n```\n",
    ".po": b'msgid "A dog"\nmsgstr ""\n',
    ".json": b'{"a": "A dog", "b": ["The cat."]}',
    ".tsv": b"A dog\tone\nA cat\ttwo\n",
    ".csv": b'A dog,one\n"A, cat",two\n',
}

_TEXT = (
    " ", "a", "A dog. ", "\n", "\t", ".", "-", "一", "🙂", "\u00a0", "\u202e", "(", ")", '"', "'", "http://a.b ",
    "12.5%", "x1 ", "A B C ", "...", "。", "，", "{", "}", "%s", "\r\n", "\u3000", "\u0301", "é",
)  # fmt: skip
_TAGS = (
    "<", ">", "&", "<b>", "</b>", "<b ", "</", "<p>", "</p>", "&amp;", "&#", "&#x1F600;", "<!--", "-->", "]]>",
    "<![CDATA[", '<a href="', "<script>", "</script>", "<i/>", "<pre>", "<br>", "<?", "?>", "=", "</a> ",
    "&nbsp;", "<a>x</a> ",
)  # fmt: skip
_SIGNS: dict[str, tuple[str, ...]] = {
    ".srt": (
        "1\n", "00:00:01,000 --> 00:00:02,000\n", "\n\n", "{\\an8}", "{\\", "<i>", "</i>", "- ", "-->", "</a> ",
        "<font>",
    ),
    ".vtt": (
        "WEBVTT\n", "00:01.000 --> 00:02.000\n", "\n\n", "NOTE ", "<c.x>", "<00:01.000>", "</c>", "&lrm;", "STYLE\n",
    ),
    ".docx": (
        "<w:p>", "</w:p>", "<w:r>", "</w:r>", "<w:t>", "</w:t>", "<w:rPr>", "</w:rPr>", "<w:hyperlink>",
        "</w:hyperlink>", "<w:ins>", "<w:tab/>", "<w:p/>", "<w:r><w:t>a</w:t></w:r>", "<w:pPr>", "</w:pPr>",
        '<w:t xml:space="preserve"></w:t>',
    ),
    ".md": ("# ", "* ", "`", "```\n", "[", "](", "**", "> ", "| ", "---\n", "1. "),
    ".po": ('msgid "', '"\n', 'msgstr ""\n', "#, fuzzy\n", "\\n"),
    ".json": ("{", "}", "[", "]", '"', ":", ",", "\\u"),
}  # fmt: skip
_MARKED = (".html", ".htm", ".xhtml", ".docx", ".srt", ".vtt")


def signs(suffix: str) -> tuple[str, ...]:
    """What files of a format are made of; "" for plain text that is typed."""
    return (*_SIGNS.get(suffix, ()), *(_TAGS if suffix in _MARKED else ()), *_TEXT)


def around(suffix: str) -> Callable[[str], bytes]:
    """How signs that are repeated become a file that a reader looks into."""
    if suffix == ".docx":
        return docx
    if suffix in (".srt", ".vtt"):
        head = {
            ".srt": "1\n00:00:01,000 --> 00:00:02,000\na",
            ".vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\na",
        }[suffix]
        return lambda text: f"{head}{text}b\n".encode(errors="replace")
    return lambda text: text.encode(errors="replace")


def pattern(suffix: str, rng: random.Random) -> tuple[str, str, str]:
    """What comes before, what is repeated, and what comes after: signs of a format, often a single one."""
    known = signs(suffix)
    unit = "".join(rng.choices(known, k=rng.choice((1, 1, 1, 2, 2, 3, 5))))
    before, after = ("".join(rng.choices(known, k=rng.choice((0, 0, 1, 2)))) for _ in range(2))
    return before, unit, after
