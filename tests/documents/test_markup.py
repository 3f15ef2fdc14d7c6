"""Tags, entities and attributes of a page come out once and in place, whatever a model makes of the text."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.documents.markup import translate_html
from dragoman.documents.tags import tokens
from server.stand_in_models import ALL, forgetful, loud, mute

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>My house</title>
<style>p > b { color: red }</style><script>let a = "<b>Hello</b>" && 1 < 2;</script></head>
<body class="wide"><!-- not for readers -->
<h1>The <em>old</em> house</h1>
<p>Please read <a href="/p?a=1&amp;b=2" title="x > y">our little book</a>. It is <i>very</i> good &amp; cheap.<br>
&copy; 2024 Ann &lt;ann@example.com&gt; &rarr; <code>print()</code></p>
<ul><li>one dog<li>two dogs</ul><pre>  keep
  me </pre><img src="a.png" alt="A dog"><p translate="no">Keep me too</p>
<p>unclosed <b>bold text</p></body></html>
"""
SNIPPETS = [
    "dog", "the big house. ", " ", "\n", "12", "&amp;", "&nbsp;", "&copy;", "<b>", "</b>", "<a href='x'>", "</a>",
    "<i>", "</i>", "<p>", "</p>", "<br>", "<img src=a>", "<code>x y</code>", "<!-- c -->", "<script>1<2</script>",
    "<span class='notranslate'>No</span>", "<", ">", "\"", "<b", "{name}", "<wbr>", "<td>", "?",
]  # fmt: skip


class Seen(HTMLParser):
    """The tags of a page in the order of the standard library's parser, with their attributes."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, tuple(attributes)))

    def handle_endtag(self, tag):
        self.tags.append(("/" + tag, ()))

    def handle_comment(self, data):
        self.tags.append(("!", data))

    def handle_data(self, data):
        self.text += data


def seen(page):
    parser = Seen()
    parser.feed(page)
    parser.close()
    return parser


@given(st.text(alphabet="<>/!?-ab \"'=&;\n", max_size=60))
def test_tokens_joined_are_the_page_whatever_the_page(page):
    assert "".join(token.raw for token in tokens(page)) == page


@pytest.mark.parametrize("model", ALL)
def test_every_tag_comes_out_once_and_blocks_keep_their_order(model):
    found = seen(translate_html(PAGE, model)).tags
    assert sorted(map(repr, found)) == sorted(map(repr, seen(PAGE).tags))
    inline = {"a", "i", "b", "em", "code"}
    blocks = [tag for tag in found if tag[0].strip("/") not in inline]
    assert blocks == [tag for tag in seen(PAGE).tags if tag[0].strip("/") not in inline]


@pytest.mark.parametrize("model", ALL)
@given(st.lists(st.sampled_from(SNIPPETS), max_size=14).map("".join))
def test_no_tag_of_any_page_is_lost_or_doubled_or_torn_from_its_partner(model, page):
    found = [t.raw for t in tokens(translate_html(page, model)) if t.sort in ("start", "end", "empty")]
    assert sorted(found) == sorted(t.raw for t in tokens(page) if t.sort in ("start", "end", "empty"))
    if re.fullmatch(r"(?s)[^<]*(<b>[^<]*</b>[^<]*)*", page):
        assert found == [t.raw for t in tokens(page) if t.sort in ("start", "end", "empty")]


def test_code_scripts_styles_and_what_says_so_are_copied():
    page = translate_html(PAGE, loud)
    for copied in ('<script>let a = "<b>Hello</b>" && 1 < 2;</script>', "<style>p > b { color: red }</style>",
                   "<pre>  keep\n  me </pre>", '<p translate="no">Keep me too</p>', "<code>print()</code>",
                   "<!-- not for readers -->", 'alt="A dog"', "<!DOCTYPE html>"):  # fmt: skip
        assert copied in page
    assert "<title>MY HOUSE</title>" in page
    assert "<li>ONE DOG<li>TWO DOGS</ul>" in page
    for text in ("Keep me too", "let a", "not for readers"):
        assert text.upper() not in page


def test_entities_stay_entities_and_text_stays_text():
    page = translate_html("<p>a &lt;b&gt; c &amp; d &nbsp; &copy; 5&nbsp;</p>", loud)
    assert page == "<p>A &lt;B&gt; C &amp; D &copy; 5&nbsp;</p>"
    said = translate_html("<p>hello you</p>", lambda texts: ["<script>alert(1)</script>"])
    assert said == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"


def test_a_link_goes_where_the_translation_of_its_words_is():
    words = {"The red car is here.": "这辆红色的车在这里。", "red car": "红色的车。"}
    page = translate_html(
        '<p>The <a href="x">red car</a> is here.</p>', lambda texts: [words[t] for t in texts]
    )
    assert page == '<p>这辆<a href="x">红色的车</a>在这里。</p>'


def test_a_word_that_alone_is_translated_a_little_otherwise_is_found_too():
    words = {"The red car is fast.": "这辆红车很快。", "red": "红了。"}
    assert (
        translate_html("The <b>red</b> car is fast.", lambda texts: [words[t] for t in texts])
        == "这辆<b>红</b>车很快。"
    )


def test_a_link_whose_words_are_not_found_is_translated_with_a_name_in_its_place():
    words = {
        "Please read our book.": "请看一看。",
        "our book": "我们的书。",
        "Please read Tom.": "请读汤姆。",
    }
    page = translate_html(
        "<p>Please read <a href=x>our book</a>.</p>", lambda texts: [words[t] for t in texts]
    )
    assert page == "<p>请读<a href=x>我们的书</a>。</p>"


def test_a_link_that_the_model_always_drops_cuts_the_sentence():
    words = {"our book": "我们的书。", "Please read": "请读。"}
    page = translate_html(
        "<p>Please read <a href=x>our book</a>.</p>", lambda texts: [words.get(t, "啊。") for t in texts]
    )
    assert page == "<p>请读 <a href=x>我们的书</a>。</p>"


def test_sentences_are_translated_whole_and_apart_from_each_other():
    asked = []
    translate_html(
        "<p>The <b>red</b>\n  car is here. It\tis <i>fast</i>.</p>",
        lambda t: asked.append(list(t)) or loud(t),
    )
    assert "The red car is here." in asked[-1]
    assert "It is fast." in asked[-1]


def test_space_between_sentences_goes_where_chinese_has_none():
    assert translate_html("<p>One dog. Two dogs.</p>", forgetful) == "<p>这是一句话。这是一句话。</p>"
    assert translate_html("<p>One dog. Two dogs.</p>", loud) == "<p>ONE DOG. TWO DOGS.</p>"
    assert translate_html(" <p> One\n</p> ", mute) == " <p> \n</p> "


def test_a_heading_gets_no_full_stop():
    assert translate_html("<h1>My house</h1>", lambda texts: ["我的房子。"]) == "<h1>我的房子</h1>"


def test_nothing_is_asked_where_nothing_is_said():
    def never(texts):
        raise AssertionError(texts)

    for page in ("", "<p>&nbsp; 42</p>", "<br>", "<script>a</script>", "<code>only</code>"):
        assert translate_html(page, never) == page


@pytest.mark.parametrize(
    "unit",
    ["<", "<b>", '<a "', "<a '\"", "</b", "<!--", "<b>x", "&amp", "<code>", "<script>", "a. <b>x</b> ", "<?"],
)
def test_time_is_linear_in_the_length_of_a_page(unit):
    start = time.process_time()
    translate_html(unit * (40_000 // len(unit)), loud)
    assert time.process_time() - start < 5


def test_the_bundled_model_translates_around_tags():
    from dragoman.translate.translator import Translator

    with Translator.load("en-zh") as translator:
        page = translate_html(
            '<p>I love <a href="x">my little dog</a>.</p>',
            lambda texts: [t.text for t in translator.translate(texts)],
        )
    assert re.fullmatch(r'<p>[^<]*<a href="x">[^<]*狗[^<]*</a>[^<]*</p>', page)
