"""How directions are written and which of them is meant: by the words of a person, and by those of a text."""

from __future__ import annotations

import pytest

from dragoman.errors import ConfigError, UsageError
from dragoman.text.directions import (
    fitting,
    of_text,
    read_direction,
    read_directions,
    simplified_sides,
    tag_of,
    target_tags,
    written,
)

BOTH = read_directions(["en>zh", "zh>en"])
THREE = read_directions(["en>zh", "zh>en", "de>en"])


@pytest.mark.parametrize("text", ["en>zh", "en->zh", " en > zh ", "en-zh", "en→zh"])
def test_a_direction_is_written_in_several_ways(text: str) -> None:
    assert read_direction(text) == ("en", "zh")
    assert read_direction(written(("en", "zh-Hant"))) == ("en", "zh-Hant")


@pytest.mark.parametrize(
    "text", ["", "en", "en>", ">zh", "en>zh>de", "en-zh-Hant", "en>en", "eng>en", "en>klingon", "en,zh"]
)
def test_what_is_no_direction_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="direction"):
        read_direction(text)


def test_the_same_direction_twice_is_refused_whatever_it_is_called() -> None:
    with pytest.raises(ConfigError, match="'en>zh' and 'eng>zho' are the same"):
        read_directions(["en>zh", "zh>en", "eng>zho"])


def test_a_tag_is_needed_where_there_is_more_than_one_language_to_write() -> None:
    assert target_tags(BOTH) == {"zh": tag_of("zh"), "en": tag_of("en")}
    assert target_tags(read_directions(["de>en", "fr>en"])) == {}
    assert target_tags(BOTH[:1]) == {}


def test_languages_that_are_named_choose() -> None:
    assert fitting(THREE, None, None) == list(THREE)
    assert fitting(THREE, "cmn_Hans", None) == [("zh", "en")]
    assert fitting(THREE, None, "eng") == [("zh", "en"), ("de", "en")]
    assert fitting(THREE, "de", "zh") == []
    scripts = read_directions(["en>zh-Hans", "en>zh-Hant"])
    assert fitting(scripts, "en", "zh-TW") == [("en", "zh-Hant")]
    assert fitting(scripts, "en", "zh") == list(scripts)


def test_a_text_goes_where_its_script_says_and_then_its_words() -> None:
    for text in ("你好，Tom。", "我喜欢 Python programming", "在Windows上运行"):
        assert of_text(text, THREE) == ("zh", "en")
    assert of_text("Please read 你好吗 to me.", THREE) == ("en", "zh")
    assert of_text("Where is the station?", THREE) == ("en", "zh")
    assert of_text("Wo ist denn hier der nächste Bahnhof?", THREE) == ("de", "en")
    assert of_text("42", THREE) == of_text("", THREE) == ("en", "zh")


def test_a_text_that_can_go_several_ways_is_asked_about() -> None:
    directions = read_directions(["zh>en", "zh>de"])
    with pytest.raises(UsageError, match=r"into en and de: say which \(--target-lang\)"):
        of_text("你好", directions)


def test_simplified_is_a_language_and_no_side() -> None:
    """The Chinese side is the target of one direction, and the source of the other."""
    assert [simplified_sides("target", BOTH[0], way) for way in BOTH] == ["target", "source"]
    assert simplified_sides("both", BOTH[0], BOTH[1]) == "both"
    assert simplified_sides("", BOTH[0], BOTH[1]) == ""
    assert simplified_sides("target", BOTH[0], ("de", "en")) == ""


@pytest.mark.parametrize(
    "text, source",
    [
        ("请看https://example.com/a?b=1谢谢", "zh"),
        ("https://a.b/c你好", "zh"),
        ("C#和.NET", "zh"),
        ("x>5时", "zh"),
        ("K歌", "zh"),
        ("Read https://zh.wikipedia.org/wiki/北京烤鸭 now", "en"),
        ("The word 好 is old.", "en"),
        ("OK 好", "zh"),
    ],
)
def test_addresses_and_code_do_not_say_which_way_a_text_goes(text: str, source: str) -> None:
    """An address has more words than the two signs after it, which were left as they were."""
    assert of_text(text, (("en", "zh"), ("zh", "en")))[0] == source
