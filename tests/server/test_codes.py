"""Language codes as people write them."""

from __future__ import annotations

import pytest

from dragoman.server.codes import Code, read_code
from dragoman.server.gate.refusals import Refusal


@pytest.mark.parametrize(
    "text, code",
    [
        ("en", Code("en")),
        (" EN-US ", Code("en")),
        ("zh", Code("zh")),
        ("zh-Hans", Code("zh")),
        ("ZH_CN", Code("zh")),
        ("zh-Hant", Code("zh", True)),
        ("zh-TW", Code("zh", True)),
        ("zh-hant-hk", Code("zh", True)),
        ("zt", Code("zh", True)),
        ("pb", Code("pt")),
        ("iw", Code("he")),
        ("en-tw", Code("en")),
        ("eng", Code("en")),
        ("cmn_Hant", Code("zh", True)),
        ("zho-Hans", Code("zh")),
    ],
)
def test_codes(text: str, code: Code) -> None:
    assert read_code(text, "source") == code


@pytest.mark.parametrize(
    "text", ["", "e", "english", "en--", "中文", "en/../x", "<b>", "x" * 1000, "xx", "zzz"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_code(text, "target")
    assert refused.value.status == 400
    assert "target" in refused.value.message
    assert "zho_Hans" in refused.value.message  # what is understood
    assert len(refused.value.message) < 200


def test_what_a_model_calls_its_language_is_taken() -> None:
    assert read_code("xx", "target", ["xx"]) == Code("xx")
