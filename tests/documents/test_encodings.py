"""Files from before Unicode: read as what was written in their language, and told apart where nothing says it."""

from __future__ import annotations

import pytest

from dragoman.documents.encodings import beginning, decoded, older
from dragoman.documents.files import translate_file
from dragoman.errors import UsageError
from server.stand_in_models import loud


@pytest.mark.parametrize(
    ("source", "text", "encoding"),
    [
        ("en", "The café is closed.", "latin-1"),
        ("en", "He is naïve and good.", "latin-1"),  # valid GB18030, and was silently read as such
        ("eng_Latn", "“Quoted” — the café costs 5 €.", "cp1252"),
        ("fr", "Où est l'hôtel ?", "cp1252"),
        ("de", "Wie heißt die Straße?", "cp1252"),
        ("pl", "Zażółć gęślą jaźń.", "cp1250"),
        ("rus", "Где ближайшая остановка?", "cp1251"),
        ("el", "Πού είναι ο σταθμός;", "cp1253"),
        ("ja", "バス停はどこですか。", "cp932"),
        ("ko", "열쇠를 집에 두고 왔어요.", "cp949"),
        ("zh", "钥匙落在家里了。", "gb18030"),
        ("cmn_Hans", "钥匙落在家里了。", "gbk"),
    ],
)
def test_what_was_written_in_a_language_is_read_as_such(source: str, text: str, encoding: str) -> None:
    data = f"{text}\n".encode(encoding)
    read: list[str] = []
    done = translate_file("a.txt", data, lambda texts: read.extend(texts) or texts, source)
    assert read[0] == text
    assert done == data


def test_a_translation_that_does_not_fit_its_encoding_is_utf_8() -> None:
    done = translate_file(
        "a.txt", "The café.\n".encode("cp1252"), lambda texts: ["咖啡馆。", *texts[1:]], "en"
    )
    assert done.decode() == "咖啡馆。\n"
    page = translate_file("a.html", "<p>The café.</p>".encode("cp1252"), lambda texts: ["咖啡馆。"], "en")
    assert page == b"<p>&#21654;&#21857;&#39302;&#12290;</p>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("source", ["en", "zh", ""])
def test_unicode_goes_before_all_of_them(source: str, encoding: str) -> None:
    data = "The café. 咖啡馆。".encode(encoding)
    assert older(data, source) is None
    assert translate_file("a.txt", data, loud, source).decode(encoding) == loud(["The café. 咖啡馆。"])[0]


def test_what_a_page_declares_goes_before_its_language() -> None:
    page = '<meta charset="gb18030"><p>钥匙</p>'.encode("gb18030")
    assert translate_file("a.html", page, lambda texts: texts, "en") == page


@pytest.mark.parametrize("source", ["en", "zh", ""])
def test_what_is_no_text_is_refused(source: str) -> None:
    with pytest.raises(UsageError, match="no text in an encoding known here"):
        translate_file("a.txt", bytes(range(256)) * 4, loud, source)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_beginning_of_western_text(encoding: str) -> None:
    text = "The café is naïve, and so on and so forth. " * 500
    assert text.startswith(beginning(text.encode(encoding)))
    assert len(beginning(text.encode(encoding))) >= 2000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "gbk"])
def test_the_beginning_of_chinese_text(encoding: str) -> None:
    """Cut within a character, of whatever length."""
    for shift in range(4):
        text = "a" * shift + "钥匙落在家里了。" * 2000
        assert text.startswith(beginning(text.encode(encoding))), (encoding, shift)


def test_nothing_is_told_of_what_is_packed() -> None:
    assert beginning(b"PK\x03\x04whatever") == ""


def test_without_a_language_it_is_as_it_was() -> None:
    assert decoded("钥匙".encode("gb18030")) == ("钥匙", "gb18030")
