"""Each rule on a pair it must remove and on its neighbour that it must keep; splitting without leaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.corpus.cleaning import CleaningConfig, CleaningReport, clean, length_ratio
from dragoman.corpus.heldout import sentence_key, split
from dragoman.corpus.pairs import Pair
from dragoman.errors import ConfigError, CorpusError

PLAIN = CleaningConfig()


def cleaned(
    *pairs: tuple[str, str], config: CleaningConfig = PLAIN, languages: str = "en zh"
) -> CleaningReport:
    report = CleaningReport()
    source, target = languages.split()
    list(clean((Pair(*pair) for pair in pairs), config, source, target, report))
    return report


def rule_for(source: str, target: str, languages: str = "en zh") -> str | None:
    removed = [rule for rule, n in cleaned((source, target), languages=languages).removed.items() if n]
    return removed[0] if removed else None


@pytest.mark.parametrize(
    ("rule", "source", "target"),
    [
        ("empty", "", "你好"),
        ("empty", "Hello", " \u3000\x00"),
        ("empty", "A carrot.", "。"),
        ("garbled", "He is na\ufffdve.", "他很天真。"),
        ("too_long", "word " * 201, "词" * 300),
        (
            "ratio",
            "The taller the tree, the more likely it is to be struck by lightning and so on.",
            "树。很高。",
        ),
        ("ratio", "No.", "不，我明天早上还要去上班，所以现在必须回家睡觉了。"),
        ("copy", "Tom Jackson", "tom jackson"),
        ("wrong_script", "我爱你。", "我爱你！"),
        ("wrong_script", "I love you.", "Ich liebe dich."),
        ("wrong_script", "I love you.", "あなたを愛しています。"),
        ("wrong_script", "Привет, мир!", "你好，世界！"),
    ],
)
def test_rules_remove(rule: str, source: str, target: str) -> None:
    assert rule_for(source, target) == rule


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Hi.", "你好，很高兴。"),
        ("Tom gave John an iPhone.", "Tom 给了 John 一部 iPhone。"),
        ("I study Python programming at Stanford.", "我在 Stanford 学 Python programming。"),
        ("Artificial leather can't compare with the real thing.", "人造皮革是比不上真皮的。"),
        ("He doesn't know the difference between right and wrong.", "他好坏不分。"),
        ("42", "42"),
        ("...", "..."),
        ("😀", "😀"),
        ("“三” means three.", "“三”的意思是 three。"),
        ("a" * 1000, "词" * 333),
    ],
)
def test_rules_keep(source: str, target: str) -> None:
    assert rule_for(source, target) is None


@pytest.mark.parametrize(
    ("source", "target", "languages"),
    [
        ("Ein Mann schläft.", "A man sleeps.", "de en"),
        ("مرحبا بالعالم", "Hello world", "ar en"),
        ("Hello, world", "Привет, мир", "en ru"),
        ("私は学生です。", "I am a student.", "ja en"),
        ("nuqneH", "你好吗", "tlh zh"),
    ],
)
def test_other_languages_are_judged_by_their_own_scripts(source: str, target: str, languages: str) -> None:
    assert rule_for(source, target, languages) is None


def test_a_language_that_is_not_known_is_not_judged() -> None:
    assert rule_for("Привет", "こんにちは", "xx yy") is None


def test_chinese_counts_three_letters_a_character() -> None:
    assert length_ratio(Pair("a" * 90, "词" * 30)) == 1
    assert length_ratio(Pair("a" * 90, "b" * 30)) == length_ratio(Pair("a" * 30, "b" * 90)) == 2.5


def test_every_pair_is_accounted_for() -> None:
    report = cleaned(
        ("Hi.", "你好。"), ("Hi.", "你好。"), ("Hi.\u200b ", "你好。"), ("", ""), ("Hi.", "您好。")
    )
    assert (report.read, report.kept) == (5, 2)
    assert report.removed["duplicate"] == 2, "what is the same after normalisation is a duplicate"
    assert report.removed["empty"] == 1
    assert str(report).splitlines() == [
        "read           5",
        "empty         -1  a side is empty, or has no word where the other has some",
        "duplicate     -2  the same pair was read before",
        "kept           2  40.0%",
    ]


@given(st.lists(st.tuples(st.text(), st.text())))
def test_the_report_adds_up(pairs: list[tuple[str, str]]) -> None:
    report = CleaningReport()
    kept = list(clean((Pair(*pair) for pair in pairs), PLAIN, "en", "zh", report))
    assert report.read == len(pairs)
    assert report.kept == len(kept) == report.read - sum(report.removed.values())
    again = list(clean(kept, PLAIN, "en", "zh"))
    assert again == kept, "what was kept once is kept again, unchanged"


def test_each_rule_can_be_switched_off() -> None:
    switches = ("drop_garbled", "drop_copies", "drop_wrong_script", "drop_duplicates")
    off = CleaningConfig(max_characters=0, max_ratio=0, **dict.fromkeys(switches, False))
    bad = [("same", "same"), ("same", "same"), ("\ufffd a", "中"), ("a" * 5000, "b"), ("Да", "Да")]
    assert cleaned(*bad, config=off).kept == len(bad)


def test_the_text_that_is_kept_is_normalised_and_its_attribution_stays() -> None:
    config = CleaningConfig(simplify="target")
    pair = Pair(" 繁 He said\u00a0so.\x00 ", "他說：「頭髮」，\n對嗎？", "CC BY #1")
    assert list(clean([pair], config, "en", "zh")) == [
        Pair("繁 He said so.", "他说：「头发」， 对吗？", "CC BY #1")
    ]
    untouched = CleaningConfig(normalize=False)
    assert list(clean([pair], untouched, "en", "zh")) == [pair]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("simplify", "all"),
        ("max_characters", -1),
        ("max_ratio", 0.5),
        ("max_ratio", -2.0),
        ("max_ratio", float("nan")),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"cleaning.{field} = "):
        CleaningConfig(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["a" * 100_000, "字" * 100_000, "a\u0301\u0323" * 50_000, "😀" * 100_000])
def test_a_line_of_a_hundred_thousand_characters_is_dropped_by_name(line: str) -> None:
    assert cleaned((line, line + "!")).removed["too_long"] == 1


# -- splitting --------------------------------------------------------------------------------------------------


def keys(pairs: list[Pair]) -> set[str]:
    return {sentence_key(text) for pair in pairs for text in (pair.source, pair.target)}


SENTENCES = st.sampled_from([c + mark for c in "abcdefghijklmnopqrstuvwxyzABCD" for mark in ("", ".", "！")])


@given(st.lists(st.builds(Pair, SENTENCES, SENTENCES), min_size=1, max_size=40), st.integers(0, 3))
def test_no_sentence_stands_in_two_parts(pairs: list[Pair], seed: int) -> None:
    try:
        parts = split(pairs, {"dev": 3, "test": 0.1}, seed)
    except CorpusError:
        return  # a few sentences may all hang together; test_parts_have_their_sizes shows that others do not
    assert len(parts["dev"]) == 3
    assert sorted(map(repr, pairs)) == sorted(repr(pair) for part in parts.values() for pair in part)
    for one in parts:
        for other in parts:
            assert one == other or keys(parts[one]).isdisjoint(keys(parts[other]))


def test_parts_have_their_sizes_their_order_and_their_seed() -> None:
    pairs = [Pair(f"sentence {i}", f"句子{i}", f"#{i}") for i in range(100)]
    parts = split(pairs, {"dev": 10, "test": 0.2}, seed=1)
    assert {name: len(part) for name, part in parts.items()} == {"train": 70, "dev": 10, "test": 20}
    assert all(part == [pair for pair in pairs if pair in part] for part in parts.values())
    assert split(pairs, {"dev": 10, "test": 0.2}, seed=1) == parts
    assert split(pairs, {"dev": 10, "test": 0.2}, seed=2) != parts


def test_sentences_that_share_a_translation_stay_together() -> None:
    chain = [Pair("Hello!", "你好。"), Pair("Hi.", "你好"), Pair("HELLO", "您好"), Pair("Ｈｉ", "嗨")]
    others = [Pair(f"other {i}", f"别的{i}") for i in range(6)]
    for seed in range(10):
        parts = split([*chain, *others], {"dev": 4}, seed)
        assert len([pair for pair in parts["dev"] if pair in chain]) in (0, 4)


def test_a_part_that_cannot_be_filled_is_refused() -> None:
    with pytest.raises(CorpusError, match="dev: 0 of 1 pairs"):
        split([Pair("a", "b"), Pair("a", "c")], {"dev": 1})
    with pytest.raises(CorpusError, match="some are left to train on"):
        split([Pair("a", "b")], {"dev": 1})


@pytest.mark.parametrize(
    "sizes", [{"dev": 0}, {"dev": -1}, {"dev": 2.5}, {"train": 5}, {"dev": float("nan")}]
)
def test_sizes_that_cannot_be_meant_are_refused(sizes: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="size"):
        split([Pair("a", "b")], sizes)
