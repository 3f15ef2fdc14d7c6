"""Language tags as people, corpora and programs write them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.corpus.cleaning import CleaningConfig, broken_rule
from dragoman.corpus.pairs import Pair
from dragoman.text.languages import NAMES, Tag, base_language, name_of, read_tag
from dragoman.text.normalize import scripts_of

CHINESE = "zh zho chi cmn ZH zh-CN zh_CN zh-Hans zho_Hans cmn_Hans zh-TW zho_Hant chi_sim zh-CHT zt zh_CN.UTF-8".split()
ENGLISH = "en eng en-US en_US EN-gb eng_Latn en_US.UTF-8".split()
OTHERS = {
    "ja": "ja jpn jpn_Jpan ja-JP", "de": "de deu ger deu_Latn de_AT de-1996", "fr": "fr fra fre fr_CA",
    "ko": "ko kor kor_Hang", "th": "th tha tha_Thai", "km": "km khm", "lo": "lo lao", "my": "my mya bur",
    "bo": "bo bod tib", "ar": "ar ara arb arb_Arab", "fa": "fa fas per pes", "el": "el ell gre", "cs": "cs ces cze",
    "he": "he heb iw", "id": "id ind in", "nb": "nb nob nor no", "pt": "pt por pt-BR pb", "sw": "sw swa swh",
    "sq": "sq sqi alb als", "et": "et est ekk", "lv": "lv lav lvs", "ms": "ms msa may zsm",
    "yue": "yue zh-yue yue_Hant",
}  # fmt: skip


@pytest.mark.parametrize(
    ("language", "codes"),
    [("zh", CHINESE), ("en", ENGLISH), *((language, codes.split()) for language, codes in OTHERS.items())],
)
def test_all_codes_of_a_language_are_the_language(language: str, codes: list[str]) -> None:
    assert {base_language(code) for code in codes} == {language}
    assert all(read_tag(code.swapcase()) == read_tag(code) for code in codes if "UTF" not in code)


@pytest.mark.parametrize(
    "code", ["", "e", "english", "xx", "zzz", "auto", "und", "mul", "12", "德语", "en--", "x" * 99]
)
def test_what_is_no_code(code: str) -> None:
    assert read_tag(code) is None


def test_a_script_is_heeded() -> None:
    assert [code for code in CHINESE if read_tag(code) == Tag("zh", "Hant")] == [
        "zh-TW",
        "zho_Hant",
        "zh-CHT",
        "zt",
    ]
    assert read_tag("zh-Hans-TW") == Tag("zh", "Hans")
    assert scripts_of("srp_Latn") == {"Latin"}
    assert scripts_of("uz-Cyrl") == {"Cyrillic"}
    assert scripts_of("zho_Hans") == scripts_of("cmn") == scripts_of("lzh") == {"Han"}


@given(st.text())
def test_anything_can_be_asked_about(text: str) -> None:
    base_language(text)
    name_of(text)


def test_names() -> None:
    said = [name_of(code) for code in ("eng", "zh-Hant", "zh", "cmn_Hans", "tlh")]
    assert said == ["English", "Chinese (traditional)", "Chinese", "Chinese (simplified)", "tlh"]
    assert all(base_language(code) == code for code in NAMES)


@pytest.mark.parametrize(("source", "target"), [("en", "zh"), ("eng", "cmn"), ("eng_Latn", "zho_Hans")])
def test_swapped_columns_are_seen_whatever_the_codes_are(source: str, target: str) -> None:
    """With `eng` and `cmn` the rule of scripts was off, and all 300 swapped pairs of a corpus were kept."""
    right, swapped = Pair("Where is the dog?", "狗在哪儿？"), Pair("狗在哪儿？", "Where is the dog?")
    assert broken_rule(right, CleaningConfig(), source, target) is None
    assert broken_rule(swapped, CleaningConfig(), source, target) == "wrong_script"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("tha", "สวัสดีครับ"),
        ("khm", "សួស្តី"),
        ("lao", "ສະບາຍດີ"),
        ("mya", "မင်္ဂလာပါ"),
        ("bod", "བཀྲ་ཤིས་བདེ་ལེགས།"),
    ],
)
def test_scripts_of_south_east_asia_are_told_from_latin(code: str, text: str) -> None:
    assert broken_rule(Pair("Hello there", text), CleaningConfig(), "eng", code) is None
    assert broken_rule(Pair("Hello there", "Good day"), CleaningConfig(), "eng", code) == "wrong_script"


def test_the_library_is_read_when_it_is_needed() -> None:
    """It takes 20 ms."""
    asked = "import sys, dragoman; print('langcodes' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_the_codes_that_need_no_library_say_what_it_says() -> None:
    """The library is asked where a code is in capitals, so both ways have to give one answer."""
    assert {code: read_tag(code) for code in NAMES} == {code: read_tag(code.upper()) for code in NAMES}
