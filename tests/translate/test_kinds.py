"""Commands, numbers with words in them, faces, brackets: whole kinds, in English and between Chinese signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from dragoman import Translator
from dragoman.text.kinds import Kind
from dragoman.text.spans import find
from dragoman.translate import wording


@pytest.fixture(scope="module")
def translator() -> Iterator[Translator]:
    with Translator.load("en-zh-tiny", workers=1) as loaded:
        yield loaded


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in find(text)]


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ('Run git commit -m "fix the bug" before you push.', ['git commit -m "fix the bug"']),
        ("He typed git push origin main and left.", ["git push origin main"]),
        ("Use pip install requests first.", ["pip install requests"]),
        ("Type docker run -it --rm ubuntu now.", ["docker run -it --rm ubuntu"]),
        ('Then find . -name "*.py" helps.', ['find . -name "*.py"']),
        ("It says cat a | grep b here.", ["cat a | grep b"]),
        ("Please sudo apt-get update.", ["sudo apt-get update"]),
        ("Try curl -X POST http://localhost:8080/a again.", ["curl -X POST http://localhost:8080/a"]),
        ("First SELECT name FROM users WHERE id = 5; then wait.", ["SELECT name FROM users WHERE id = 5;"]),
        ("With ORDER BY name DESC it is quick.", ["ORDER BY name DESC"]),
        ("You can find the make of my car and go home.", []),
        ("That is WHERE he lives, and I came FROM home.", []),
        ("I use docker daily, and git is good.", []),
        ("Let the cat out, make tea and sort the mail.", []),
    ],
)
def test_a_command_goes_as_far_as_its_words(text: str, commands: Sequence[str]) -> None:
    """`git commit -m "x"` came back as "sure, -m's worm"."""
    assert found(text) == commands


@pytest.mark.parametrize(
    "kept",
    ["https://example.org/a_(b)", "/usr/bin/python3", "--dry-run", "-v", "a->b", "$PATH", "C#", ".gitignore", "f(x)",
     "C:\\Users\\Tom\\a.txt", "+49 30 1234567", "2024-01-15T10:00:00Z", "50 kg", "-5°C", "2x4=8", "a.b@example.org",
     "(^_^)", "#话题#", "Python3.12", "Windows 11", "::1", "x > 0", "`ls`", "{name}", "$x$", ":-)"],
)  # fmt: skip
@pytest.mark.parametrize("text", ["我们{}今天去看。", "请看{}", "{}是什么"])
def test_between_chinese_signs_no_space_is_needed(text: str, kept: str) -> None:
    """Unicode calls Chinese signs letters: an address swallowed the sentence behind it, a path was not seen at all."""
    assert kept in found(text.replace("{}", kept))


def test_marks_between_chinese_signs_open_and_close_in_turn() -> None:
    text = "这是**粗体**的字，还有**别的**。"
    assert [span.role.value for span in find(text)] == ["opens", "closes"] * 2


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("In 2H₂ + O₂ → 2H₂O it burns.", "2H₂ + O₂ → 2H₂O"),
        ("Use {first} {last} here.", "{first} {last}"),
        ("It is 20°C–25°C outside.", "20°C–25°C"),
        ("He sent (╯°□°)╯︵ ┻━┻ again.", "(╯°□°)╯︵ ┻━┻"),
        ('Send {"a": [1, 2]} to it.', '{"a": [1, 2]}'),
        ("It was shown before (Smith, 2020).", "(Smith, 2020)"),
        ("They are at 51.5074° N, 0.1278° W now.", "51.5074° N, 0.1278° W"),
        ("It needs >=18.0.0 <21 today.", ">=18.0.0 <21"),
        ("Take ^1.0 || ~2.1.x instead.", "^1.0 || ~2.1.x"),
        ("At 0 3 * * 1-5 it runs.", "0 3 * * 1-5"),
        ("It runs at */15 * * * * daily.", "*/15 * * * *"),
        ("The regex ^[A-Z]{2,3}-\\d+(?:\\.\\d+)?$ fits.", "^[A-Z]{2,3}-\\d+(?:\\.\\d+)?$"),
        ("The ion [Fe(CN)₆]⁴⁻ is red.", "[Fe(CN)₆]⁴⁻"),
        ("Mix Al₂(SO₄)₃ well.", "Al₂(SO₄)₃"),
        ("Then |x| + √y ≤ 2π holds.", "|x| + √y ≤ 2π"),
        ("Solve 3x² − 5x + 2 = 0 now.", "3x² − 5x + 2 = 0"),
        ("The password is p@ssW0rd!23 here.", "p@ssW0rd!23"),
        ("Send GET /api/users/{id}?page=2 again.", "GET /api/users/{id}?page=2"),
        (
            "It is in std::map<std::string, int>::find(const Key&) now.",
            "std::map<std::string, int>::find(const Key&)",
        ),
        ("It took 1.2e-3 s today.", "1.2e-3 s"),
        ("He ran in 9.58 s and won.", "9.58 s"),
        ("Open data:image/png;base64,iVBORw0KGgo= now.", "data:image/png;base64,iVBORw0KGgo="),
        ("Take magnet:?xt=urn:btih:c12fe1 instead.", "magnet:?xt=urn:btih:c12fe1"),
        ("Read @.lower:common.help first.", "@.lower:common.help"),
        ("It was merged with !77 today.", "!77"),
        ("> > He is here.", "> >"),
        (":param str name: the name", ":param str name:"),
        ("{\\pos(1,2)\\fs20}I love you.", "{\\pos(1,2)\\fs20}"),
        ("He is here.\\NShe is there.", "\\N"),
    ],
)
def test_what_belongs_together_is_one(text: str, one: str) -> None:
    assert found(text) == [one]


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("好的(づ｡◕‿‿◕｡)づ抱抱", "(づ｡◕‿‿◕｡)づ"),
        ("我马上到ヾ(•ω•`)o", "ヾ(•ω•`)o"),
        ("好累o(╥﹏╥)o啊", "o(╥﹏╥)o"),
        ("赢了\\o/吧", "\\o/"),
        ("请看 https://zh.wikipedia.org/wiki/中国 的页面", "https://zh.wikipedia.org/wiki/中国"),
        ("打开https://example.org/搜索?q=你好&x=1。", "https://example.org/搜索?q=你好&x=1"),
        ("请看https://example.org/查看详情。", "https://example.org/"),
        ("放到D:\\用户\\文档\\报告.docx里", "D:\\用户\\文档\\报告.docx"),
        ("放到/home/用户/报告.txt里", "/home/用户/报告.txt"),
        ("打开“年度报告.docx”吧", "“年度报告.docx”"),
        ("打开C:\\。然后走", "C:\\"),
        ("车牌京A12345登记了", "京A12345"),
        ("我(╯°□°)╯︵ ┻━┻走", "(╯°□°)╯︵ ┻━┻"),
        ('用t("home.title")写', 't("home.title")'),
    ],
)
def test_some_of_it_is_written_with_chinese_signs(text: str, one: str) -> None:
    """Arms of faces, names of pages and files: they were taken for words of the sentence."""
    assert found(text) == [one]


@pytest.mark.parametrize("text", ["（我说的。）", "他(她)来了", "一/二/三", "新A级", "京剧A和B"])
def test_and_some_of_it_is_a_sentence(text: str) -> None:
    assert not [span for span in find(text) if span.kind is Kind.WORD and span.end - span.start > 2]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("我会说日语：こんにちは。", "こんにちは"),
        ("她写了「私は学生です」。", "「私は学生です」"),
        ("我喜欢听《さくら》这首歌。", "《さくら》"),
    ],
)
def test_japanese_within_chinese_is_another_language(
    of_placeholders: Translator, text: str, kept: str
) -> None:
    """Both have Han signs, and what else Japanese has was taken for some of them."""
    assert of_placeholders.toward("zh", "en").translate(text).text.count(kept) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("WiFi：MyHome-5G，密码：p@ss1。", "WiFi: MyHome-5G"),
        ("张三（Zhang San）是我的老师。", "(Zhang San)"),
        ("我们需要(a)计划，(b)钱，以及(c)时间。", " (c) "),
        ("第１２节", "12"),
    ],
)
def test_what_stands_beside_it_is_written_as_the_other_language_does(
    of_placeholders: Translator, text: str, said: str
) -> None:
    """English had Chinese colons, brackets and digits, and no space before a bracket."""
    assert of_placeholders.toward("zh", "en").translate(text).text.count(said) == 1


def test_a_word_of_so_many_letters_loses_none(of_placeholders: Translator) -> None:
    word = "Pneumonoultramicroscopicsilicovolcanoconiosis"
    assert of_placeholders.toward("en", "zh").translate(f"{word} is a long word.").text.count(word) == 1


@pytest.mark.parametrize(
    "text", ["See the file(s) here.", "He gave {the dog a bone} to him.", "It (the dog) is here."]
)
def test_words_in_brackets_are_words(text: str) -> None:
    assert not [span for span in find(text) if span.kind is Kind.WORD]


# -- numbers with words in them --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("1.5 million", "150万"), ("2 billion", "20亿"), ("3 thousand", "3000"), ("$2 million", "200万美元"),
        ("15 percent", "15%"), ("1990s", "20世纪90年代"), ("'90s", "90年代"), ("21st", "第21"), ("VIII", "VIII"),
        ("and/or", "和/或"), ("June 3, 2024", "2024年6月3日"), ("14 March 2025", "2025年3月14日"),
        ("Sept. 30", "9月30日"), ("the 4th of July", "7月4日"), ("Dec 25th", "12月25日"), ("March 2021", "2021年3月"),
    ],
)  # fmt: skip
def test_english_numbers_in_chinese(raw: str, said: str) -> None:
    """Of "1.5 million" the digits were kept, and 1.5万 is a hundredth of it; a day was 14 3月2025日."""
    assert (one := wording.wording(raw.removeprefix("the "), "en", "zh")) is not None
    assert one.content == said
    assert one.content in one.forms


def test_what_only_looks_like_a_day() -> None:
    text = "You may 5 times; May 5.2 and Mar 1-A; Jun 3 14:05:22; In May I go; April5; March 10 km; 10 of June's."
    assert [text[span.start : span.end] for span in wording.spans(text, "en", "zh")] == []


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("150万", "1.5 million"), ("3亿", "300 million"), ("5万", "50,000"), ("2万亿", "2 trillion"),
        ("2024年1月15日", "January 15, 2024"), ("5月", "May"), ("1月3号", "January 3"), ("9点半", "9:30"),
        ("百分之15", "15%"), ("20世纪90年代", "1990s"), ("第3", "3rd"), ("2024年", "2024"), ("2024年5月", "May 2024"),
    ],
)  # fmt: skip
def test_chinese_numbers_in_english(raw: str, said: str) -> None:
    assert [raw[span.start : span.end] for span in wording.spans(raw, "zh", "en")] == [raw]
    assert (one := wording.wording(raw, "zh", "en")) is not None
    assert one.content == said


@pytest.mark.parametrize(
    ("number", "signs"),
    [(0, "零"), (10, "十"), (15, "十五"), (150, "一百五十"), (1005, "一千零五"), (20_000, "二万"),
     (1_500_000, "一百五十万"), (100_000_005, "一亿零五")],
)  # fmt: skip
def test_numerals(number: int, signs: str) -> None:
    assert wording.numeral(number) == signs


def test_other_languages_keep_the_digits_alone() -> None:
    assert list(wording.spans("1.5 million in the 1990s", "en", "de")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3 million people live here.", "300万"),
        ("Music of the 1990s is good.", "90年代"),
        ("About 15 percent of them left.", "15%"),
        ("The company has 1.5 million workers.", "150万"),
        ("He was born on June 3, 2024.", "2024年6月3日"),
        ("The fair is on May 5–9, 2023.", "2023年5月5日至9日"),
    ],
)
def test_no_digit_is_left_without_its_word(translator: Translator, text: str, said: str) -> None:
    assert translator.translate(text).text.count(said) == 1


def test_a_day_with_its_time_is_read_as_one_alone(of_placeholders: Translator) -> None:
    """Beside the digits of the time it was kept as it was: started in 2024年6月3日14:05."""
    found = of_placeholders.toward("zh", "en").translate("会议将于2024年6月3日14:05开始。").text
    assert found.count("14:05") == 1 and "June" in found and "年" not in found


# -- in sentences ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["Python 3.12", "Ubuntu 22.04", "and/or", "Ctrl+Shift+P", "¯\\_(ツ)_/¯"])
def test_each_comes_out_once(translator: Translator, kept: str) -> None:
    for text in (f"{kept} is here.", f"I like {kept} very much.", f"He has {kept}."):
        assert translator.translate(text).text.count(kept.replace("and", "和").replace("or", "或")) == 1


def test_a_speaker_stays_apart(translator: Translator) -> None:
    """`alice:` became "theory:"."""
    text = translator.translate("alice: are you there?\n[12:34] alice: I am here.").text
    assert [
        line.startswith(label)
        for line, label in zip(text.split("\n"), ("alice: ", "[12:34] alice: "), strict=True)
    ]
    assert text.count("alice") == 2


def test_a_sentence_in_brackets_is_one(translator: Translator) -> None:
    """`(He left.)` was read as "He (left).", and the bracket went around one word."""
    alone = translator.translate("He left.").text
    assert translator.translate("(He left.)").text == f"（{alone}）"
    assert f"（{alone}）" in translator.translate("He came home. (He left.) She is here.").text


def test_a_word_that_goes_on_in_the_next_line_is_read_as_one(translator: Translator) -> None:
    whole = translator.translate("I like translation very much.").text
    text = translator.translate("I like trans-\nlation very much.").text
    assert text.replace("\n", "") == whole
    assert text.count("\n") == 1


def test_either_of_two_words_keeps_its_slash(translator: Translator) -> None:
    assert translator.translate("He/she is here.").text.count("/") == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('  "greeting": "I like dogs.",', ('  "greeting": "', '",')),
        ("Chair      $120.00      $240.00", ("      $120.00      $240.00",)),
        ('A-1,"I like dogs","$1,299.00",no', ('A-1,"', '","$1,299.00",')),
        (".@tom_99 is here.", (".@tom_99",)),
        ("We meet at 5 p.m. She is here.", ("5 p.m.",)),
    ],
)
def test_what_a_program_reads_comes_out_as_it_was(
    translator: Translator, text: str, kept: Sequence[str]
) -> None:
    """`"$1,299.00"` lost its cell, columns their spaces, and a mention after a full stop was gone."""
    found = translator.translate(text).text
    assert [found.count(one) for one in kept] == [1] * len(kept)


@pytest.fixture(scope="module")
def of_placeholders() -> Iterator[Translator]:
    """A model with reserved words for what is kept, and with pieces for signs that it has hardly read."""
    with Translator.load("en-zh", workers=1) as loaded:
        yield loaded


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("« He asked that we be silent.", ["«"]),
        ("He said « hello » to me.", ["«", "»"]),
        ("Zoë asked that we be silent.", ["Zoë"]),
        ("Is Müller in São Paulo with Beyoncé?", ["Müller", "São", "Beyoncé"]),
        ("The VAT number is VAT DE123456789 today.", ["VAT DE123456789"]),
    ],
)
def test_signs_and_names_with_pieces_of_their_own_are_kept(
    of_placeholders: Translator, text: str, kept: list[str]
) -> None:
    """The model wrote a placeholder of its own for a sign that it did not know."""
    out = of_placeholders.toward("en", "zh").translate(text).text
    assert [out.count(one) for one in kept] == [1] * len(kept)
    assert "⟦" not in out


@pytest.mark.parametrize("beam_size", [1, 5])
@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_no_placeholder_comes_out_that_the_text_lacks(engine: str, beam_size: int) -> None:
    texts = [
        "He asked that we be silent.",
        "Zoé naïf",
        "ü ö ä",
        "Please give ⟦3⟧ to {name}.",
        "a b c d e f g",
    ]
    with Translator.load("en-zh", engine=engine, workers=1) as loaded:
        found = [one.text for one in loaded.toward("en", "zh").translate(texts, beam_size=beam_size)]
    assert [text.count("⟦") for text in found] == [text.count("⟦") for text in texts]
    assert "⟦3⟧" in found[3] and "{name}" in found[3]


@pytest.mark.parametrize("name", ["François", "Łukasz", "Zoë", "Ñandú"])
def test_a_name_with_accents_within_chinese_is_kept_as_one_without(
    of_placeholders: Translator, name: str
) -> None:
    """François, whose letters have pieces, became Fransois."""
    out = of_placeholders.toward("zh", "en").translate(f"请联系{name}先生。").text
    assert out.count(name) == 1


def test_an_english_word_with_an_accent_is_a_word(of_placeholders: Translator) -> None:
    assert "Café" not in of_placeholders.toward("en", "zh").translate("The Café is open.").text
