"""What must not change in a text does not, whatever a model makes of the rest, and through every door."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman import Translator
from dragoman.decoding.options import Hypothesis, SearchRequest
from dragoman.decoding.search import heeded
from dragoman.documents.files import translate_file
from dragoman.errors import UsageError
from dragoman.text.normalize import spelled
from dragoman.translate.placing import joined
from dragoman.translate.protect import Protection
from dragoman.translate.running import begun
from server.stand_in_models import ALL, forgetful, mute
from tiny import parts

KEPT = [
    "{name}", "{{user.name}}", "{0}", "%s", "%1$s", "%d%%", "%%", "%(n)s", "${x}", "$t(key)", ":name",
    "__NAME__", "$name", "<0>", "<br/>", "<!-- x -->", "https://example.org/a?b=1",
    "https://en.wikipedia.org/wiki/Python_(programming_language)", "(https://example.org/x)",
    "[https://example.org]", "a.b@example.org", "www.example.com", "😊", "👍🏽", "🇨🇳", "👨‍👩‍👧", "1️⃣", ":smile:",
    "@tom_99", "#python", "`ls -l`", "v1.2.3", "2.0.1-rc1", "15%", "€20", "$1,234.56", "50 kg", "-5", "-5°C",
    "48 m³", "m³", "H₂O", "9:30", "2024-01-15", "15/01/2024", "#123", "3.14", "42", "/usr/bin/python3",
    "C:\\Users\\Tom\\f.txt", "550e8400-e29b-41d4-a716-446655440000", "report.pdf", "src/main.c", "Node.js",
    "AB-1234-X", "###T01###", "2x4=8", "Ca2+", "Ctrl+S", "--help", "snake_case", "camelCase", "AT&T", "™", "©",
    "→", "♪", "✓", "<b>", "&copy;", "&amp;eacute;", "Q&amp;A", "[1]", "Привет", "NASA",
]  # fmt: skip
SENTENCES = [
    "They wash their hands with soap.", "He asked that we be silent.", "I like my little dog.",
    "She lives in a big house.", "We will go home tomorrow.", "The man is reading a book.",
]  # fmt: skip
NUMBERED = [
    "She has 2 dogs.", "The price increased by 15% in 2023.", "The meeting starts at 9:30.", "My room number is 402.",
    "I was born in 1990.", "He paid $20 for 3 books.", "It is -5°C outside.", "We waited 45 minutes.", "He is 7.",
]  # fmt: skip


@pytest.fixture(scope="module")
def english() -> Iterator[Translator]:
    with Translator.load("en-zh-tiny", workers=1) as translator:
        yield translator


class StandIn:
    """An engine that is no model: what a function makes of the text of each source."""

    name = "stand-in"
    heeds = heeds_in_drafts = heeded()

    def __init__(self, translator: Translator, function: Any, attention: bool) -> None:
        self.source, self.target = translator.model.source_tokenizer, translator.model.target_tokenizer
        self.function, self.attention = function, attention

    def begin(
        self,
        sources: Sequence[Sequence[int]],
        request: SearchRequest,
        prefixes: Any = None,
        wanted: Any = None,
    ) -> Iterator[list[Hypothesis]]:
        for source in sources:
            (text,) = self.function([self.source.decode(source)])
            tokens = self.target.encode(text)
            draw = random.Random(text)
            looked = [[draw.random() for _ in range(len(source) + 1)] for _ in tokens]
            yield [Hypothesis(tokens, -0.5, [-0.5] * (len(tokens) + 1), looked if self.attention else None)]


def through(translator: Translator, text: str, function: Any, attention: bool = True, **asked: Any) -> str:
    """The translation of a text by what is no model."""
    from dataclasses import replace

    plan = translator.plan(text, **asked)
    plan = replace(plan, setup=replace(plan.setup, engine=StandIn(translator, function, attention)))
    while plan.sources:
        plan = plan.taking(begun([plan]))
    return plan.translation.text


def put(sentence: str, kept: str) -> list[str]:
    words = sentence.split()
    middle = " ".join([*words[: len(words) // 2], kept, *words[len(words) // 2 :]])
    return [f"{kept} {sentence}", middle, f"{sentence[:-1]} {kept}{sentence[-1]}"]


def times(kept: str, text: str) -> int:
    """A number is none that is part of a larger one."""
    if re.fullmatch(r"[\d.,:/%-]+", kept):
        return len(re.findall(rf"(?<!\d){re.escape(kept)}(?!\d)", text))
    return text.count(kept)


@pytest.mark.parametrize("kept", KEPT)
def test_each_kind_comes_out_exactly_once_wherever_it_stands(english: Translator, kept: str) -> None:
    texts = [text for sentence in SENTENCES for text in put(sentence, kept)]
    for text, found in zip(texts, english.translate(texts, beam_size=2), strict=True):
        assert times(kept, found.text) == 1, (text, found.text)


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("function", ALL)
def test_it_does_whatever_the_model_writes_and_wherever_it_looks(
    english: Translator, function: Any, attention: bool
) -> None:
    for kept in KEPT:
        for text in [*put("Please look at my house now.", kept), f"☑ look at {kept} now"]:
            found = through(english, text, function, attention)
            assert times(kept, found) == 1, (text, found)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*KEPT, "dog", "the", "park.", "Boston", "\n", "\r\n", "  "]), max_size=12))
def test_any_text_keeps_each_as_often_as_it_has_it(english: Translator, words: list[str]) -> None:
    text = " ".join(words)
    found = through(english, text, mute)
    for kept in {word for word in words if word in KEPT and len(word) > 5}:
        assert found.count(kept) >= words.count(kept), (text, found)


@pytest.mark.parametrize(
    "text",
    ["9", "42", "v1.2.3", "{name}", "2x4=8", "claude-sonnet-4-5-20250929", "😊", "https://example.org", "NASA", "A & B",
     "<b>d</b>", "50 kg", "→", "%d%%", "  \t", "-- ", "ID: 550e8400-e29b-41d4-a716-446655440000"],
)  # fmt: skip
def test_what_has_no_words_is_copied(english: Translator, text: str) -> None:
    assert english.translate(text).text == text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("I don&#39;t know.", "I don't know."),
        ("She&rsquo;s here.", "She’s here."),
        ("M&uuml;nchen &amp; K&ouml;ln are 600&nbsp;km apart.", "München &amp; Köln are 600 km apart."),
        ("&#20320;&#22909;", "你好"),
        ("from 10&ndash;20 people", "from 10–20 people"),
        ("`&eacute;` spells it", "`&eacute;` spells it"),
        ("&nbsp;and &#39;so&#39; on&hellip;", "&nbsp;and &#39;so&#39; on&hellip;"),
        ("The ﬁrst ofﬁcer", "The first officer"),
        ("𝐖𝐞 𝓪𝓻𝓮 𝕙𝕖𝕣𝕖, Ⓐⓝⓝⓐ", "We are here, Anna"),
        ("Free Wi‑Fi, well&#8209;known", "Free Wi-Fi, well-known"),
        ("let 𝑥 be in ℝ at 5′", "let 𝑥 be in ℝ at 5′"),
        ("I don´t, you won`t", "I don't, you won't"),
        ("`Foo`s are `x`", "`Foo`s are `x`"),
        ("&lt;b&gt; &notanentity; &#xD800; a&b;c", "&lt;b&gt; &notanentity; &#xD800; a&b;c"),
    ],
)
def test_letters_are_read_as_what_they_spell_however_they_are_typed(
    english: Translator, text: str, read: str
) -> None:
    assert english.translate(text, beam_size=1).text == english.translate(read, beam_size=1).text
    assert spelled(text) == read


def test_no_space_parts_what_is_kept_from_signs_of_its_own_writing(english: Translator) -> None:
    for function in ALL:
        found = through(english, "I love 北京 and 上海 very much.", function)
        assert not re.search("[\u4e00-\u9fff] [\u4e00-\u9fff]", found), found


@pytest.mark.parametrize(
    ("stretches", "text"),
    [
        ([("外面是 ", "5°C"), (" ；带上外套。", "")], "外面是 5°C；带上外套。"),
        ([("请看（ ", "a.txt"), (" ），谢谢。", "")], "请看（a.txt），谢谢。"),
        ([("He said ", "“你好。”"), (" to me.", "")], "He said “你好。” to me."),
    ],
)
def test_no_space_stands_at_a_wide_sign_of_the_translation(
    stretches: list[tuple[str, str]], text: str
) -> None:
    assert joined([(words, kept, False) for words, kept in stretches]) == text


def test_what_is_typed_in_haste_is_read_as_it_is_written(english: Translator) -> None:
    texts = ["dont worry", "plz help me", "Use `dont` now, dont wait"]
    written = ["don't worry", "please help me", "Use `dont` now, don't wait"]
    assert [english.translate(text).text for text in texts] == [
        english.translate(text).text for text in written
    ]
    assert english.translate("dont worry").source == "dont worry"


def test_marks_stay_around_the_words_that_they_enclosed(english: Translator) -> None:
    assert english.translate("I like [my little dog](https://e.org/a_(b)) very much.").text == (
        "我非常喜欢[我的小狗](https://e.org/a_(b))。"
    )
    for text in ("Some *red* cars and **big** dogs are here.", "Click <0>the button</0> and <b>read</b> it."):
        found = english.translate(text).text
        pairs = re.findall(r"(\*\*|\*|<0>|<b>)([^*<>]+)(\*\*|\*|</0>|</b>)", found)
        assert len(pairs) == 2
        assert all(one == other.replace("/", "") and words.strip() for one, words, other in pairs)


def test_the_branches_of_a_message_are_translated_and_its_syntax_is_not(english: Translator) -> None:
    found = english.translate("{count, plural, one {# dog is here} other {# dogs are here}}").text
    assert re.fullmatch(
        r"\{count, plural, one \{# [^{}a-z]*狗[^{}a-z]*\} other \{# [^{}a-z]*狗[^{}a-z]*\}\}", found
    )


# -- sentences and their neighbours -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "between",
    [
        "",
        " ",
        "<br />",
        "<!-- x -->",
        "[1]",
        "[1] ",
        "\t",
        "\n",
        "😊",
        " 😊 ",
        "¹",
        "<b></b>",
        "\\n",
        "<x id='1'/>",
    ],
)
def test_no_sentence_is_lost_whatever_stands_between_two(english: Translator, between: str) -> None:
    first, second = (english.translate(text).text for text in ("He is here.", "She is there."))
    found = english.translate(f"He is here.{between}She is there.").text
    assert found.replace(" ", "") == first + between.replace(" ", "") + second


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(NUMBERED), min_size=2, max_size=3, unique=True))
def test_a_sentence_does_not_depend_on_its_neighbours(english: Translator, sentences: list[str]) -> None:
    """Numbers changed places: what was missing was looked for in the whole line."""
    alone = [english.translate(sentence, beam_size=2).text for sentence in sentences]
    together = english.translate(" ".join(sentences), beam_size=2).text
    assert together.replace(" ", "") == "".join(alone).replace(" ", "")
    for sentence, text in zip(sentences, alone, strict=True):
        for number in re.findall(r"[$-]?\d+(?::\d+)?(?:%|°C)?", sentence):
            assert times(number, text) == 1, (sentence, text)


# -- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "usual"),
    [("I LOVE YOU", "I love you"), ("THANK YOU VERY MUCH!", "Thank you very much!"),
     ("Save And Close", "Save and close"),
     ("HE IS A DOCTOR.", "He is a doctor."), ("TOM LIVES IN CHINA.", "Tom lives in China."),
     ("Good Morning", "Good morning")],
)  # fmt: skip
def test_capitals_are_read_as_what_they_say(english: Translator, text: str, usual: str) -> None:
    assert english.translate(text).text == english.translate(usual, protect=False).text


@pytest.mark.parametrize(
    "text", ["I live in the USA.", "My TV is old.", "Tom and Mary are in New York.", "OK"]
)
def test_other_capitals_stay(english: Translator, text: str) -> None:
    assert english.translate(text).text == english.translate(text, protect=False).text


def test_words_never_give_nothing(english: Translator) -> None:
    """`hi` gave an empty text: the best hypothesis was a space."""
    words = [
        "hi",
        "the",
        "i",
        "he",
        "of",
        "be",
        "were",
        "stand",
        "address",
        "give",
        "hold",
        "under",
        "while",
        "for",
    ]
    for found in english.translate(words):
        assert any(map(str.isalnum, found.text)), found.source
    assert through(english, "hello there", forgetful) != ""
    assert through(english, "hello there", mute) == "hello there"


def test_no_alternative_is_there_twice(english: Translator) -> None:
    for text in ("Hello", "hi", "Good morning.", "I have {n} dogs."):
        found = english.translate(text, beam_size=8, n_best=8)
        texts = [found.text, *(other.text for other in found.alternatives)]
        assert len(set(texts)) == len(texts)


def test_a_forced_prefix_does_not_count_in_the_score(english: Translator) -> None:
    """Its tokens have probability 1, and made a bad translation look like a good one."""
    found = english.translate("The dog sleeps.", prefixes="天气", token_scores=True, length_penalty=1.0)
    free = [score for score in found.token_scores if score != 0.0]
    assert 0 < len(free) < len(found.tokens)
    whole = english.plan("The dog sleeps.", english.options.changed(length_penalty=1.0), "天气")
    (best,) = next(whole.engine.begin(whole.sources, whole.setup.request, whole.prefixes))
    forced = len(whole.prefix)
    assert found.score == pytest.approx(best.score * (len(best.tokens) + 1) / (len(best.tokens) + 1 - forced))


# -- glossary -----------------------------------------------------------------------------------------------------


def test_a_term_of_a_glossary_becomes_what_it_has_to(english: Translator) -> None:
    found = english.translate("My cat sleeps in the house.", protect=Protection({"cat": "喵星人"})).text
    assert found.count("喵星人") == 1
    assert through(english, "My cat sleeps.", mute, protect=Protection({"cat": "喵星人"})) == "喵星人"


@pytest.mark.parametrize("glossary", [{"": "x"}, {"x": " "}])
def test_a_glossary_entry_has_two_sides(glossary: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="both sides must have words"):
        Protection(glossary)


def test_a_glossary_term_is_a_word_of_its_own_and_the_longer_one_goes_first(english: Translator) -> None:
    protection = Protection({"cat": "X1", "Black Cat": "X2", "a.c": "($1)"})
    assert through(english, "black cat, cat here", forgetful, protect=protection).count("X2") == 1
    assert "X1" not in through(english, "A category here", forgetful, protect=protection)
    assert "($1)" not in through(english, "abc is here", forgetful, protect=protection)


# -- as it was, and everywhere ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*SENTENCES, "Well, I don't know (yet)!", "“Yes,” she said at last."])
def test_a_plain_sentence_is_as_the_model_translates_it(english: Translator, text: str) -> None:
    asked: dict[str, Any] = {"alignments": True, "token_scores": True, "n_best": 2}
    assert english.translate(text, **asked) == english.translate(text, protect=False, **asked)


def test_plain_text_is_the_same_through_python_and_a_document(english: Translator) -> None:
    texts = [
        *NUMBERED,
        "Hello {name}, how are you?",
        "I love dogs 🐶",
        "hi",
        "I LOVE YOU",
        "See https://e.org/a_(b).",
    ]

    def translate(some: list[str]) -> list[str]:
        return [found.text for found in english.translate(some)]

    assert translate_file("a.txt", "\n".join(texts).encode(), translate).decode().split("\n") == translate(
        texts
    )


# -- words that were made for it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["torch", "ctranslate2"])
def test_a_model_with_placeholders_is_shown_them_and_writes_no_other(tmp_path: Path, engine: Any) -> None:
    """A model of random weights: what it does not write is put where it looked, what the source lacks never comes."""
    with Translator.load(parts(placeholders=4).write(tmp_path), engine=engine, workers=1) as translator:
        plan = translator.plan("The dog sees {name} and https://e.org now.")
        (source,), (request,) = plan.sources, plan.requests
        assert [i for i in source if i in request.placeholders] == list(request.placeholders[:2])
        best = next(plan.engine.begin([source], request))
        for hypothesis in best:
            written = [i for i in hypothesis.tokens if i in request.placeholders]
            assert set(written) <= set(request.placeholders[:2])
            assert engine == "ctranslate2" or len(set(written)) == len(written)
        found = translator.translate("The dog sees {name} and https://e.org now.").text
        assert found.count("{name}") == found.count("https://e.org") == 1
        assert "⟦" not in translator.translate("The dog sees the cat.").text


@pytest.mark.parametrize(
    "text",
    [
        "Read <1><0>the terms</0></1> before you sign.",
        "<0><1>Big</1> dog</0> is here.",
        "[b][i]Tom[/i][/b] is here.",
    ],
)
def test_tags_that_touch_each_keep_words(english: Translator, text: str) -> None:
    """Two that touched were taken for one without a partner, and came back around nothing."""
    found = english.translate(text).text
    opened = re.findall(r"[<\[]/?\w+[>\]]", text)
    assert sorted(re.findall(r"[<\[]/?\w+[>\]]", found)) == sorted(opened)
    assert not re.search(r"[<\[](\w+)[>\]][<\[]/\1[>\]]", found)
