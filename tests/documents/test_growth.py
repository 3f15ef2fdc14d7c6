"""Time grows as the length does, in every format, for text made of the format's own signs."""

from __future__ import annotations

import io
import random
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest

from dragoman.documents.files import FORMATS, translate_file
from dragoman.errors import UsageError
from dragoman.text.sentences import split_paragraph
from dragoman.text.spans import find

SIGNS = {
    ".txt": ["a", " ", "\n", "{", "}", "%s", "http://", "1.", "@", "。"],
    ".srt": ["a", " ", "\n", "</a>", "<i>", "<", ">", "{\\an8}", "-", "\t", "00:00:01,000 --> "],
    ".vtt": ["a", "\n", "<v A>", "</v>", "&", "&amp;", "<00:01.000>", "NOTE", "STYLE", ">>", ":", "01:00.000 --> "],
    ".html": ["a", " ", "<b>", "</b>", "<a ", '"', "'", "<", ">", "<!--", "-->", "&amp;", "&copy;", "<br/>", "<code>"],
    ".htm": ["<p>", "</p>", "<i>x</i>", "1", "<sup>", "<script>", "</script>", "<wbr>", "=", "translate=no"],
    ".xhtml": ["<p>", "</p>", "<br/>", "<?xml", "?>", "<![CDATA[", "]]>", "&nbsp;", " xml:lang=", "'"],
    ".docx": ["<w:r><w:t>a </w:t></w:r>", "</w:p><w:p>", "<w:r>", "</w:r>", "<w:t>", "<w:rPr>", "<w:br/>", "a"],
}  # fmt: skip
BASE, TIMES = 1500, 8  # signs, and how many times as many: what is quadratic takes 64 times as long
FLOOR, TRIES = (
    0.3,
    4,
)  # seconds below which noise is larger than growth; a neighbour's noise does not come each time


def same(texts: list[str]) -> Sequence[str]:
    return texts


def packed(signs: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f"<w:document><w:body><w:p>{signs}</w:p></w:body></w:document>")
    return made.getvalue()


def file_of(suffix: str, signs: str) -> bytes:
    if suffix == ".docx":
        return packed(signs)
    cue = "1\n00:00:01,000 --> 00:00:02,000\n" if suffix in (".srt", ".vtt") else ""
    return (cue + signs).encode()


def seconds(work: Callable[[], object]) -> float:
    """Of the processor, the better of two: whoever else computes only adds to it."""
    taken = []
    for _ in range(2):
        started = time.thread_time()
        with suppress(UsageError):  # told to be too much, which costs nothing
            work()
        taken.append(time.thread_time() - started)
    return min(taken)


def grows_as_it_should(work: Callable[[int], object]) -> bool:
    for _ in range(TRIES):
        small, large = seconds(lambda: work(BASE)), seconds(lambda: work(TIMES * BASE))
        if large < FLOOR or large < 3 * TIMES * small:
            return True
    return False


def test_every_format_is_attacked() -> None:
    assert set(SIGNS) == set(FORMATS)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("suffix", SIGNS)
def test_a_few_signs_repeated_take_time_as_they_are_many(suffix: str, seed: int) -> None:
    """One cue of 40,000 spaces once took 27 seconds, and 356 bytes of nested paragraphs 98."""
    draw = random.Random(f"{suffix} {seed}")
    motif = "".join(draw.choices(SIGNS[suffix], k=draw.randint(1, 4)))
    assert grows_as_it_should(lambda n: translate_file(f"a{suffix}", file_of(suffix, motif * n), same)), motif


@pytest.mark.parametrize("suffix", SIGNS)
def test_many_signs_in_no_order_do_too(suffix: str) -> None:
    draw = random.Random(suffix)
    signs = draw.choices(SIGNS[suffix], k=TIMES * BASE)
    assert grows_as_it_should(
        lambda n: translate_file(f"a{suffix}", file_of(suffix, "".join(signs[:n])), same)
    )


@pytest.mark.parametrize(
    "suffix, signs",
    [
        (".srt", "a" + " " * 40_000 + "b"),
        (".srt", "</a> " * 5_000),
        (".srt", "a\n" * 5_000),
        (".docx", "<w:p>" * 12_000),
        (".docx", "<w:r><w:t>" + "a" * 1_000_000 + "</w:t></w:r>"),
        (".html", '<a "' * 20_000),
        (".html", "<a '<a \"" * 20_000),
        (".html", "a<wbr>" * 10_000),
    ],
)
def test_what_once_held_the_server_up(suffix: str, signs: str) -> None:
    assert seconds(lambda: translate_file(f"a{suffix}", file_of(suffix, signs), same)) < 5


def test_what_is_kept_in_plain_text_is_found_in_time() -> None:
    draw = random.Random(5)
    signs = draw.choices(
        ["{{", "}}", "%(", "%1$s", "<a", ">", "http://", "www.", "a@b.", "1,", "…", " ", "x"], k=TIMES * BASE
    )
    assert grows_as_it_should(lambda n: split_paragraph("".join(signs[:n]), spans=find("".join(signs[:n]))))


@pytest.mark.parametrize("number", range(60))
def test_a_damaged_document_is_refused_in_one_sentence(number: int) -> None:
    """One byte changed within what is packed was a zlib.error, and a status of 500."""
    draw = random.Random(number)
    data = bytearray(packed("<w:r><w:t>" + " ".join(map(str, range(400))) + "</w:t></w:r>"))
    for _ in range(draw.randint(1, 3)):
        data[draw.randrange(len(data))] = draw.randrange(256)
    try:
        translate_file("a.docx", bytes(data), same)
    except UsageError as error:
        assert "\n" not in str(error)


def test_what_unpacks_to_more_than_is_read_is_refused_before_it_is_read() -> None:
    """A file of 95 kB held 98 million characters in one text."""
    with pytest.raises(UsageError, match="unpacks to 21,0.* bytes, and at most 20,000,000 are read"):
        translate_file("a.docx", packed("a" * 21_000_000), same)
