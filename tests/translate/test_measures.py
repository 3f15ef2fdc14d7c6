"""Chinese measures in English: the sign of each unit, and words that only look like one."""

from __future__ import annotations

import pytest

from dragoman import Translator
from dragoman.translate.wording import spans, wording


def found(text: str) -> list[tuple[str, str]]:
    stretches = [text[span.start : span.end] for span in spans(text, "zh", "en")]
    said = [(raw, wording(raw, "zh", "en")) for raw in stretches]
    return [(raw, one.content) for raw, one in said if one is not None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("他身高1米85，体重70公斤。", [("1米85", "1.85 m"), ("70公斤", "70 kg")]),
        ("面积9,600,000平方公里", [("9,600,000平方公里", "9,600,000 km²")]),
        ("加2.5升水和 200 毫升牛奶", [("2.5升", "2.5 l"), ("200 毫升", "200 ml")]),
        ("每度电1千瓦时", [("1千瓦时", "1 kWh")]),
        ("车速60公里/小时", [("60公里/小时", "60 km/h")]),
        ("重5-10公斤，长3～5.5厘米", [("5-10公斤", "5–10 kg"), ("3～5.5厘米", "3–5.5 cm")]),
        ("书价20欧元", [("20欧元", "€20")]),
        ("气温35摄氏度", [("35摄氏度", "35 °C")]),
    ],
)
def test_a_measure_is_said_with_the_sign_of_its_unit(text: str, said: list[tuple[str, str]]) -> None:
    assert found(text) == said


@pytest.mark.parametrize("text", ["3克拉的钻石", "4升级了", "100万公里", "几公斤", "1米850", "2瓦解"])
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert not any(raw[-1] in "克升里斤米瓦" or raw.startswith("1米") for raw, _ in found(text))


def test_a_measure_comes_out_whole_and_in_its_place() -> None:
    with Translator.load("en-zh", workers=1) as translator:
        for text in ("他体重70公斤。", "70公斤太重了。", "我买了70公斤苹果。"):
            assert translator.toward("zh", "en").translate(text).text.count("70 kg") == 1
