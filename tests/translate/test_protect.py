"""What must not change in plain text does not, whatever a model makes of the rest."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import UsageError
from dragoman.translate import protect
from server.stand_in_models import ALL, chinese, forgetful, loud, mute

PLACEHOLDERS = [
    "{name}", "{0}", "{user.first_name}", "{{ thing }}", "${path}", "{% if x %}", "%s", "%d", "%(name)s", "%1$s",
    "https://example.com/a?b=1&c=%20d#e", "www.example.com", "tom.o-neil+x@mail.example.co.uk",
    "42", "3.14", "1,000,000", "12:30", "2024-05-01", "555-1234", "<b0>", "</b0>", '<x id="1"/>',
]  # fmt: skip


def through(text, model, glossary=None):
    """The translation, and how many attempts it took."""
    guard, attempts = protect.protect(text, glossary), 0
    while True:
        attempts += 1
        written = "\n".join(model(guard.text.split("\n"))) if guard.text else ""
        following = protect.again(guard, written)
        if following is None:
            return protect.restore(guard, written), attempts
        guard = following


@pytest.mark.parametrize("model", ALL)
@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_a_placeholder_comes_out_once_whatever_the_model_does(model, placeholder):
    for sentence in (
        "Please look at {} now.",
        "{}, how are you?",
        "The last word is {}",
        "See: {}",
        "{}: see",
        "{}",
    ):
        text = sentence.replace("{}", placeholder)
        found, attempts = through(text, model)
        assert found.count(placeholder) == 1, (text, found)
        assert attempts <= 4


@pytest.mark.parametrize("model", ALL)
@given(
    st.lists(
        st.sampled_from([*PLACEHOLDERS, "dog", "the", "Boston", "park.", "\n", "\r\n", "  "]), max_size=14
    )
)
def test_every_placeholder_of_any_text_comes_out_as_often_as_it_went_in(model, words):
    text = " ".join(words)
    found, attempts = through(text, model)
    for placeholder in {word for word in words if word in PLACEHOLDERS}:
        alone = re.compile(rf"(?<![\w.,:/-]){re.escape(placeholder)}(?![\w/]|[.,:-]\w)")
        assert found.count(placeholder) >= words.count(placeholder), (text, found)
        if model is mute:
            assert len(alone.findall(found)) == words.count(placeholder), (text, found)
    assert attempts <= 4


@pytest.mark.parametrize("model", ALL)
@given(st.text(alphabet="aB. \t\u3000\n\r\u2028", max_size=30))
def test_line_breaks_and_outer_white_space_survive(model, text):
    found, _ = through(text, model)
    if model is loud:
        assert found == text.upper()
    breaks = re.compile("[\n\r\u2028]")
    assert breaks.findall(found) == breaks.findall(text)
    for before, after in zip(breaks.split(text), breaks.split(found), strict=True):
        if before.strip() and after.strip():
            assert before[: len(before) - len(before.lstrip())] == after[: len(after) - len(after.lstrip())]


def test_a_text_without_anything_to_keep_goes_to_the_model_as_it_is():
    text = "A dog, a cat (and 'more') -- 100% true? No & yes; a < b > c."
    assert protect.protect(text.replace("100", "all")).text == text.replace("100", "all")


def test_the_model_sees_a_name_in_place_of_a_placeholder_and_a_numeral_in_place_of_a_count():
    assert protect.protect("Hello {name}, you have %d letters.").text == "Hello Tom, you have 7 letters."
    assert protect.protect("你好，{name}。").text == "你好，汤姆。"


def test_a_stand_in_is_no_word_of_the_text():
    assert protect.protect("Tom lives in {city}, not in Boston.").text == "Tom lives in Japan, not in Boston."
    assert "7" not in protect.protect("7 of %d dogs").text.replace("7 of", "")


def test_a_name_that_came_back_in_chinese_makes_room_for_what_it_stood_for():
    guard = protect.protect("Write to a@b.org, {name}.")
    assert protect.restore(guard, "波士顿，写信给汤姆。") == "{name}，写信给 a@b.org。"


def test_a_wrong_number_leads_to_another_attempt_and_a_right_one_does_not():
    guard = protect.protect("It costs 12 dollars.")
    assert guard.text == "It costs 12 dollars."
    assert protect.again(guard, "它花了12美元。") is None
    second = protect.again(guard, "它花了10美元。")
    assert second is not None
    assert second.text == "It costs 7 dollars."
    assert protect.restore(second, "它花了7美元。") == "它花了12美元。"
    assert protect.restore(second, "它花了七美元。") == "它花了12美元。"


def test_equal_numbers_are_counted():
    guard = protect.protect("3 dogs and 3 cats")
    assert protect.survived(guard, "3只狗和3只猫")
    assert not protect.survived(guard, "3只狗和猫")
    assert not protect.survived(guard, "33只狗和猫")


def test_a_glossary_is_honoured_freely_where_the_model_knows_the_word_and_by_a_name_where_not():
    glossary = {"cat": "喵星人"}
    guard = protect.protect("My cat sleeps.", glossary)
    assert guard.text == "My cat sleeps."
    assert protect.again(guard, "我的喵星人在睡觉。") is None
    found, attempts = through("My cat sleeps.", chinese, glossary)
    assert len(found) == len("字喵星人字。")
    assert "喵星人" in found
    assert attempts == 2
    assert "喵星人" in through("My cat sleeps.", forgetful, glossary)[0]


def test_a_glossary_term_is_a_word_of_its_own_and_the_longer_one_goes_first():
    glossary = {"cat": "X1", "Black Cat": "X2"}
    assert through("black cat, cat", mute, glossary)[0].count("X2") == 1
    assert "X1" not in through("A category", loud, glossary)[0]
    assert through("{cat} cat", loud, glossary)[0] == "{cat} X1"
    assert "X1" in through("黑cat在", loud, glossary)[0]


@pytest.mark.parametrize("glossary", [{"": "x"}, {"x": " "}])
def test_a_glossary_entry_has_two_sides(glossary):
    with pytest.raises(UsageError, match="both sides must have words"):
        protect.protect("text", glossary)


def test_a_glossary_is_text_and_no_pattern():
    assert through("a.c and abc", loud, {"a.c": "($1)"})[0] == "($1) AND ABC"


def test_a_draft_shows_what_has_come_so_far():
    guard = protect.protect("I know {name} well.\nGood.")
    assert protect.restore(guard, "我认识汤") == "我认识汤\n"
    assert protect.restore(guard, "我认识汤姆") == "我认识{name}\n"


def test_a_prefix_with_a_placeholder_in_it_is_one_for_the_model():
    guard = protect.protect("Hello {name}, come in.")
    assert protect.beginning(guard, "你好，{name}") == "你好，汤姆"


@pytest.mark.parametrize(
    "unit", ["{", "%(", "<a", "a@", "http://", "1.", "{{a", "%1", '<a "', "www.", "a.b@c."]
)
def test_time_is_linear_in_the_length_of_a_text(unit):
    start = time.process_time()
    text = unit * (40_000 // len(unit))
    assert through(text, loud, {"a b": "c"})[0] is not None
    assert time.process_time() - start < 4
