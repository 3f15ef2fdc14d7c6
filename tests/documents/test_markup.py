"""Tags, entities and attributes of a page come out once and in place, whatever a model makes of the text."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.documents.dialect import Dialect
from dragoman.documents.markup import translate_html
from dragoman.documents.tags import tokens
from dragoman.text.seals import SEAL, read
from server.stand_in_models import ALL, forgetful, loud, mute

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>My house</title>
<style>p > b { color: red }</style><script>let a = "<b>Hello</b>" && 1 < 2;</script></head>
<body class="wide"><!-- not for readers -->
<h1>The <em>old</em> house</h1>
<p>Please read <a href="/p?a=1&amp;b=2" class="x > y">our little book</a>. It is <i>very</i> good &amp; cheap.<br>
&copy; 2024 Ann &lt;ann@example.com&gt; &rarr; <code>print()</code></p>
<ul><li>one dog<li>two dogs</ul><pre>  keep
  me </pre><img src="a.png"><p translate="no">Keep me too</p>
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
                   "<!-- not for readers -->", "<!DOCTYPE html>"):  # fmt: skip
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


def shown(text):
    """What a translator gets, with signs that can be read: ( and ) around words, * for a tag, _ for code, / between."""
    signs = {"OPEN": "(", "CLOSE": ")", "ALONE": "*", "AFTER": "^", "WORD": "_", "BREAK": "/"}
    return SEAL.sub(lambda found: signs[read(found.group())[0].name], text)


@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("<p>The <b>red</b>\n  car is here. It\tis <i>fast</i>.</p>", ["The (red) car is here. It is (fast)."]),
        ("<p>He is here.<!-- x -->She is there.</p>", ["He is here.*She is there."]),
        ("<p>He is here.<br />She is there.</p>", ["He is here.", "She is there."]),
        ("<p>He is here.<sup>[1]</sup>She is there.</p>", ["He is here.^She is there."]),
        ("48 m<sup>3</sup> of water", ["48 m^ of water"]),
        ("H<sub>2</sub>O and C<sub>6</sub>H<sub>12</sub>O<sub>6</sub> are x<sup>2</sup>.", ["_ and _ are _."]),
        ("I love you<sup>1</sup>. He<sub>x</sub> is", ["I love you^. _ is"]),
        ("Name:<b>Tom</b>Age:<b>30</b>", ["Name:/(Tom)/Age:/(30)"]),
        ("<b>T</b>he Mc<i>Donald</i> house", ["(T)he Mc(Donald) house"]),
        ('Hi <a class="u-url mention" href="https://x.example/@tom">@<span>tom</span></a>!', ["Hi _!"]),
        ('See <a href="https://a.example/b?c=1&amp;d=2"><i>https://</i><b>a.example/b?c=1</b><i>&amp;d=2</i></a> now',
         ["See _ now"]),
        ('See <a href="/dogs">dogs</a> now', ["See (dogs) now"]),
        ('See <a href="https://a.example/very/long">a.example/ver…</a> now', ["See _ now"]),
        ("The <a class=hashtag>#<span>dogs</span></a> run", ["The _ run"]),
        ("Press <kbd>Enter</kbd> or <span translate=no>Go</span> or <i class='x notranslate'>No</i> now",
         ["Press _ or _ or _ now"]),
        ("Say '<x id=%1$@>Basic</x>' now", ["Say (Basic) now"]),
        ("It is <i class=icon></i><span> </span>an <u>!</u> icon", ["It is **an * icon"]),
        ("I see <b><i>two</i> dogs</b>", ["I see ((two) dogs)"]),
    ],
)  # fmt: skip
def test_what_a_translator_is_shown(page, texts):
    asked = []
    translate_html(page, lambda t: asked.extend(t) or t)
    assert list(map(shown, asked)) == texts
    assert translate_html(page, list) == re.sub(r"\s+", " ", page)


def test_a_translation_that_lost_a_tag_is_not_believed():
    for lost in (forgetful, mute):
        assert translate_html("<p>I love <b>you</b>.</p>", lost) == "<p>I love <b>you</b>.</p>"

    def crossed(texts):
        return [
            text.replace("(", "") and SEAL.sub("", text) + "".join(reversed(SEAL.findall(text)))
            for text in texts
        ]

    assert translate_html("<p>I love <b>you</b>.</p>", crossed) == "<p>I love <b>you</b>.</p>"


def test_what_people_read_of_attributes_is_translated():
    page = translate_html(
        '<html lang="en"><meta name="description" content="A dog"><meta name="viewport" content="width">'
        '<img src="dog.png" alt="A dog &amp; a cat" class="dog"><input type=submit value="Send">'
        "<input type=text value=Keep placeholder='Your \"name\"'><a title='x > y' href='/dog' aria-label=Home>home</a>"
        '<p lang="fr" translate="no" title="Keep">Oui</p><textarea placeholder="Write">mine</textarea></html>',
        loud,
        Dialect(source="en", target="zh-Hant"),
    )
    assert page == (
        '<html lang="zh-Hant"><meta name="description" content="A DOG"><meta name="viewport" content="width">'
        '<img src="dog.png" alt="A DOG &amp; A CAT" class="dog"><input type=submit value="SEND">'
        "<input type=text value=Keep placeholder='YOUR \"NAME\"'>"
        "<a title='X &gt; Y' href='/dog' aria-label=\"HOME\">HOME</a>"
        '<p lang="fr" translate="no" title="Keep">Oui</p><textarea placeholder="WRITE">mine</textarea></html>'
    )


def test_what_a_translator_writes_into_an_attribute_stays_there():
    page = translate_html('<img alt="dog">', lambda texts: ['"><script>&'])
    assert page == '<img alt="&quot;&gt;&lt;script&gt;&amp;">'


@pytest.mark.parametrize(
    ("page", "dialect", "texts"),
    [
        ("<doc>He is here.<x/>She is there.</doc>", {}, ["He is here.*She is there."]),
        (
            "<d><title>A dog</title><par>One <i>red</i> dog. Two.</par></d>",
            {},
            ["A dog", "One (red) dog. Two."],
        ),
        ("<d><t>A dog</t><u>and</u> <b>cat</b></d>", {}, ["A dog", "(and) (cat)"]),
        ("<d><t>A</t> dog</d>", {"splitting": frozenset({"t"})}, ["A", "dog"]),
        ("<d><t>A</t><t> dog</t></d>", {"outline": False}, ["((A)( dog))"]),
        ("<d><t>A</t><t> dog</t></d>", {"non_splitting": frozenset({"t"})}, ["(A)( dog)"]),
        ("I like <ign>Tom <b>Cruise</b></ign>.", {"ignored": frozenset({"ign"})}, ["I like _."]),
        ("<a><source>A dog</source><link>A cat</link></a>", {}, ["A dog", "A cat"]),
        ("One\ndog", {"lines": True}, ["One\ndog"]),
        ("One\ndog", {}, ["One dog"]),
        ("<a><![CDATA[Fish & chips]]></a>", {}, ["Fish & chips"]),
        ("<a><![CDATA[<p>Fish &amp; <b>chips</b></p>]]></a>", {}, ["Fish & (chips)"]),
    ],
)
def test_xml_is_read_as_the_client_says(page, dialect, texts):
    asked = []
    found = translate_html(page, lambda t: asked.extend(t) or t, Dialect(xml=True, **dialect))
    assert list(map(shown, asked)) == texts
    assert found.replace("\n", " ") == page.replace("\n", " ")


def test_space_between_sentences_goes_where_chinese_has_none():
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

    with Translator.load("en-zh-tiny") as translator:
        page = translate_html(
            '<p>I love <a href="x">my little dog</a>.</p>',
            lambda texts: [t.text for t in translator.translate(texts)],
        )
    assert re.fullmatch(r'<p>[^<]*<a href="x">[^<]*狗[^<]*</a>[^<]*</p>', page)


ENGLISH = Dialect(source="eng", target="zh")


@pytest.mark.parametrize("foreign", ["<span lang=fr>le monde</span>", "<i xml:lang='de-AT'>die Welt</i>"])
def test_words_that_say_to_be_in_another_language_are_left_alone(foreign: str) -> None:
    """A French quotation within an English page was translated as if it were English."""
    page = f"<html lang='de'><body lang=\"fr\"><p lang='en-GB'>He said {foreign} to me.</p></body></html>"
    found = translate_html(page, loud, ENGLISH)
    assert foreign in found and "He said" not in found


@pytest.mark.parametrize("language", ["en", "en-US", "eng", "x", "none of these", ""])
def test_a_language_that_is_that_of_the_source_or_none_hides_no_words(language: str) -> None:
    assert "He" not in translate_html(f"<p><b lang='{language}'>He is here.</b></p>", loud, ENGLISH)


@pytest.mark.parametrize(
    "page", ["Click <0>here</0> now.", "<1><0>Terms</0></1> apply.", "One <0/> two <12 /> three."]
)
def test_a_number_is_the_name_of_a_tag(page: str) -> None:
    """Its opening tag was escaped, and its closing one stood after the words of others."""
    found = translate_html(page, loud)
    assert re.findall("<[^>]*>", found) == re.findall("<[^>]*>", page) and "&lt;" not in found
