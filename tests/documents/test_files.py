"""Translated files are files of their format, with everything that is no text where it was."""

from __future__ import annotations

import io
import re
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.documents import docx as packed_file
from dragoman.documents.files import FORMATS, translate_file
from dragoman.errors import UsageError
from server.stand_in_models import ALL, loud

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Where are you
going tonight?</i>

2
00:00:03,000 --> 00:00:04,000 X1:1
- Home.
- Me too.

3
00:00:05,000 --> 00:00:06,000
{\\an8}42

"""
CONTENT = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<w:document xmlns:w="w" mc:Ignorable="w14"><w:body>{}</w:body></w:document>'
)


def docx(body: str, **others: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr("word/document.xml", CONTENT.replace("{}", body))
        for name, content in others.items():
            file.writestr(f"word/{name.replace('_', '.')}", content)
    return packed.getvalue()


def body(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        page = file.read("word/document.xml").decode()
    return page[page.index("<w:body>") + 8 : page.index("</w:body>")]


def run(text: str, look: str = "") -> str:
    return f'<w:r>{look}<w:t xml:space="preserve">{text}</w:t></w:r>'


BOLD = "<w:rPr><w:b/></w:rPr>"


@pytest.mark.parametrize("model", ALL)
@given(st.text(alphabet="ab. \t\r\n", max_size=40), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_a_text_keeps_its_lines_and_its_encoding(model, text, encoding):
    found = translate_file("a.txt", text.encode(encoding), model).decode(encoding)
    assert [c for c in found if c in "\r\n"] == [c for c in text if c in "\r\n"]
    if model is loud:
        assert found == text.upper()


def test_a_chinese_text_of_the_older_encoding_is_read_and_stays_in_it():
    assert translate_file("A.TXT", "你好\n".encode("gb18030"), loud) == "你好\n".encode("gb18030")


@pytest.mark.parametrize("data", [b"\x81\x00\xff\xff\xff", b"abc\x00def"])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(UsageError, match="save it as UTF-8"):
        translate_file("a.txt", data, loud)


def test_a_format_unknown_here_is_refused():
    with pytest.raises(UsageError, match=r"\.pdf: there are \.txt"):
        translate_file("a.pdf", b"", loud)
    with pytest.raises(UsageError, match="without an ending"):
        translate_file("docx", b"", loud)


def test_subtitles_keep_numbers_and_times_and_a_cue_is_one_text():
    asked: list[str] = []
    found = translate_file("a.srt", SRT.encode(), lambda texts: asked.extend(texts) or loud(texts)).decode()
    assert asked == ["Where are you going tonight?", "- Home.", "- Me too.", "42"]
    assert found == SRT.replace("Where are you\ngoing tonight?", "WHERE ARE YOU\nGOING TONIGHT?").replace(
        "Home", "HOME"
    ).replace("Me too", "ME TOO")
    assert translate_file("a.srt", SRT.replace("\n", "\r\n").encode(), loud).decode() == found.replace(
        "\n", "\r\n"
    )


WEBVTT = """WEBVTT Kind: captions; Language: en

STYLE
::cue { color: lime }

NOTE a remark
of two lines

intro
00:01.000 --> 00:02.500 align:start position:10%
<v Ann>Where are you
going tonight?</v>

00:00:03.000 --> 00:00:04.000
- To Marks &amp; Spencer.
- Me too.
"""


def test_what_a_player_reads_of_webvtt_stays():
    """The first line of one was translated, and no player took the file."""
    asked: list[str] = []

    def read(texts: list[str]) -> list[str]:
        asked.extend(texts)
        return [text.replace("&amp;", "&").upper() for text in texts]

    found = translate_file("a.vtt", WEBVTT.encode("utf-8-sig"), read)
    assert asked == ["Where are you going tonight?", "- To Marks &amp; Spencer.", "- Me too."]
    assert found.decode("utf-8-sig") == WEBVTT.replace(
        "Where are you\ngoing", "WHERE ARE YOU\nGOING"
    ).replace("tonight", "TONIGHT").replace("To Marks &amp; Spencer", "TO MARKS &amp; SPENCER").replace(
        "Me too", "ME TOO"
    )


def test_chinese_subtitles_break_at_a_sign():
    text = "1\n00:01,000 --> 00:02,000\nCome here now,\nplease, my dear.\n"
    found = translate_file("a.srt", text.encode(), lambda texts: ["请到这里来，亲爱的。"]).decode()
    assert found.endswith("\n请到这里来，\n亲爱的。\n")


def test_a_page_keeps_the_encoding_it_declares():
    page = '<meta charset="gb18030"><p>dog 你</p>'
    assert translate_file("a.html", page.encode("gb18030"), loud).decode("gb18030") == page.replace(
        "dog", "DOG"
    )
    latin = '<meta charset="iso-8859-1"><p>é</p>'
    assert translate_file("a.htm", latin.encode("latin-1"), lambda texts: ["狗"]) == (
        b'<meta charset="iso-8859-1"><p>&#29399;</p>'
    )


def test_a_document_is_translated_by_paragraphs_and_the_rest_is_copied():
    picture = bytes(range(256))
    source = docx(
        "<w:p><w:pPr><w:jc/></w:pPr>" + run("The hou") + "<w:proofErr/>" + run("se is old.") + "</w:p>"
        "<w:sectPr/>",
        picture_png=picture,
        footer1_xml=b"<w:ftr><w:p>" + run("page").encode() + b"</w:p></w:ftr>",
    )
    found = translate_file("a.docx", source, loud)
    assert body(found) == "<w:p><w:pPr><w:jc/></w:pPr>" + run("THE HOUSE IS OLD.") + "</w:p><w:sectPr/>"
    with zipfile.ZipFile(io.BytesIO(found)) as file:
        assert file.read("word/picture.png") == picture
        assert b"PAGE" in file.read("word/footer1.xml")
        assert 'mc:Ignorable="w14"' in file.read("word/document.xml").decode()


def test_bold_words_and_links_of_a_document_stay_bold_and_links():
    link = '<w:hyperlink r:id="rId1">' + run("big dog", BOLD) + "</w:hyperlink>"
    text = "<w:p>" + run("I see a ") + run("red", BOLD) + run(" car and a ") + link + run(" here.") + "</w:p>"
    found = body(translate_file("a.docx", docx(text), loud))
    assert found == (
        "<w:p>" + run("I SEE A ") + run("RED", BOLD) + run(" CAR AND A ") + link.replace("big dog", "BIG DOG")
        + run(" HERE.") + "</w:p>"
    )  # fmt: skip


@pytest.mark.parametrize("model", ALL)
def test_breaks_pictures_fields_and_text_boxes_survive(model):
    box = (
        "<w:r><w:drawing><wp:anchor><w:txbxContent><w:p>"
        + run("inner text")
        + "</w:p></w:txbxContent></wp:anchor></w:drawing></w:r>"
    )
    parts = [
        "<w:bookmarkStart w:id='1'/>",
        "<w:r><w:br/></w:r>",
        "<w:r><w:instrText>PAGE</w:instrText></w:r>",
    ]
    text = (
        "<w:p>"
        + run("One dog")
        + parts[0]
        + parts[1]
        + run("two &amp; three dogs")
        + parts[2]
        + box
        + "</w:p><w:p/>"
    )
    found = body(translate_file("a.docx", docx(text), model))
    for part in (*parts, "<w:drawing><wp:anchor><w:txbxContent><w:p>", "<w:p/>"):
        assert found.count(part) == 1
    assert found.count("<w:r>") == found.count("</w:r>")
    if model is loud:
        assert "INNER TEXT" in found
        assert "&amp; THREE DOGS" in found


def sign(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


@pytest.mark.parametrize(
    "text",
    [
        "<w:r><w:t>The man is here.</w:t><w:br/><w:t>The woman is there.</w:t></w:r>",
        "<w:r><w:t>Name:</w:t><w:tab/><w:t>The boy</w:t></w:r>",
        run("He is here.") + "<w:r><w:br/><w:t>She is there.</w:t></w:r>",
        run("I read ") + sign("begin") + '<w:r><w:instrText> HYPERLINK "x" </w:instrText></w:r>' + sign("separate")
        + run("this book", BOLD) + sign("end") + run(" today."),
        run("I love ") + "<w:sdt><w:sdtPr><w:id/></w:sdtPr><w:sdtContent>" + run("my dog")
        + "</w:sdtContent></w:sdt>" + run(" very much."),
        run("He is.") + '<w:r><w:footnoteReference w:id="1"/></w:r>' + run("She is."),
        run("I love ") + '<w:hyperlink r:id="1">' + run("my dog", BOLD) + run(" and") + "</w:hyperlink>"
        + run(" my ", BOLD) + run("cat."),
    ],
)  # fmt: skip
def test_every_word_of_a_paragraph_is_translated_where_it_stands(text):
    """A run with a break or a tab beside its text stayed as it was, and a link made of fields lay on other words."""
    found = body(translate_file("a.docx", docx("<w:p>" + text + "</w:p>"), loud))
    words = re.compile("(?<=>)[^<>]*[a-z][^<>]*(?=</w:t>)")
    loudly = words.sub(lambda match: match.group().upper(), text)
    pieces = re.compile(
        "<w:(?:br|tab)/>|<w:t[^>]*>[^<]*</w:t>|<w:(?:fldChar|hyperlink|footnoteReference)[^>]*>"
        "|</w:hyper|<w:b/>|</?w:sdt"
    )
    plain = re.compile(' xml:space="preserve"')
    assert [plain.sub("", p) for p in pieces.findall(found)] == [
        plain.sub("", p) for p in pieces.findall(loudly)
    ]


def test_python_docx_opens_what_comes_out():
    library = pytest.importorskip(
        "docx", reason="python-docx is not installed: an independent reader of Word files"
    )
    document = library.Document()
    document.add_heading("The old house", 1)
    paragraph = document.add_paragraph("I love ")
    paragraph.add_run("my dog").bold = True
    paragraph.add_run(" and my cat.")
    document.add_table(1, 2).cell(0, 1).text = "a red car"
    packed = io.BytesIO()
    document.save(packed)
    found = library.Document(io.BytesIO(translate_file("a.docx", packed.getvalue(), loud)))
    assert [p.text for p in found.paragraphs] == ["THE OLD HOUSE", "I LOVE MY DOG AND MY CAT."]
    assert [r.text for r in found.paragraphs[1].runs if r.bold] == ["MY DOG"]
    assert found.tables[0].cell(0, 1).text == "A RED CAR"


def test_a_document_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(packed_file, "UNPACKED", 1_000_000)
    with pytest.raises(UsageError, match="unpacks to more than"):
        translate_file("a.docx", docx("", bomb_png=bytes(2_000_000)), loud)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no zip", "no Word document"),
        (docx("")[:-30], "no Word document"),
        (docx("").replace(b"word/document.xml", b"word/dokument.xml"), "it has no word/document.xml"),
        (docx('<!DOCTYPE x [<!ENTITY a "b">]>'), "defines entities"),
    ],
)
def test_what_is_no_document_is_refused(data, said):
    with pytest.raises(UsageError, match=said):
        translate_file("a.docx", data, loud)


def test_a_size_that_lies_is_found_out():
    honest = docx("<w:p>" + run("text") + "</w:p>", big_png=bytes(100_000))
    size = (100_000).to_bytes(4, "little")
    with pytest.raises(UsageError, match="damaged"):
        translate_file("a.docx", honest.replace(size, (10).to_bytes(4, "little")), loud)


@given(st.binary(max_size=200), st.sampled_from(FORMATS))
def test_any_bytes_are_translated_or_refused(data, suffix):
    with suppress(UsageError):
        translate_file(f"a{suffix}", data, loud)
