"""What a change of a pair may do and must not, each on pairs drawn at random; and that a resumed run reads the same."""

from __future__ import annotations

import hashlib
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.corpus.augment import AugmentConfig, Setting, augmented
from dragoman.corpus.pairs import Pair
from dragoman.errors import ConfigError

NONE = AugmentConfig(**{one.name: 0.0 for one in fields(AugmentConfig)})
SYMBOLS = ("\u27e81\u27e9", "\u27e82\u27e9", "\u27e83\u27e9")
EN_ZH = Setting("en", "zh", SYMBOLS)

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60)
PAIRS = st.lists(st.builds(Pair, TEXT, TEXT), max_size=8)


def only(**rates: float) -> AugmentConfig:
    return AugmentConfig(**{one.name: rates.get(one.name, 0.0) for one in fields(AugmentConfig)})


def changed(pairs: list[Pair], config: AugmentConfig, setting: Setting = EN_ZH, epoch: int = 0) -> list[Pair]:
    return list(augmented(pairs, config, setting, 1, epoch))


def many(source: str, target: str, config: AugmentConfig, setting: Setting = EN_ZH) -> set[tuple[str, str]]:
    """Everything that becomes of a pair in fifty epochs."""
    return {(one.source, one.target) for epoch in range(50)
            for one in changed([Pair(source, target)], config, setting, epoch)}  # fmt: skip


@given(PAIRS, st.sampled_from([one.name for one in fields(AugmentConfig)]), st.integers(0, 3))
def test_as_many_pairs_come_out_and_the_same_ones_in_every_run(
    pairs: list[Pair], name: str, epoch: int
) -> None:
    config = only(**{name: 1.0})
    first = changed(pairs, config, epoch=epoch)
    assert len(first) == len(pairs)
    assert first == changed(pairs, config, epoch=epoch)
    assert all(one.source and one.target for one in first)


@given(PAIRS)
def test_a_pair_does_not_depend_on_those_far_behind_it(pairs: list[Pair]) -> None:
    config = AugmentConfig(**{one.name: 0.3 for one in fields(AugmentConfig)})
    more = [*pairs, Pair("More.", "更多。"), Pair("And more.", "还有。"), Pair("All.", "全部。")]
    assert (
        changed(more, config)[: len(pairs) - 2] == changed(pairs, config)[: len(pairs) - 2] or len(pairs) < 3
    )


@given(PAIRS)
def test_with_all_rates_at_zero_nothing_changes(pairs: list[Pair]) -> None:
    assert not NONE.active
    assert changed(pairs, NONE) == pairs


def test_epochs_differ_and_rates_are_kept() -> None:
    pairs = [Pair(f"This is sentence {n}.", f"这是第{n}句。") for n in range(4000)]
    first, second = (changed(pairs, only(upper=0.1), epoch=epoch) for epoch in (0, 1))
    assert first != second
    assert 320 < sum(one.source.isupper() for one in first) < 480


def test_capitals_fall_on_both_sides_that_have_them() -> None:
    assert many("I love you.", "Ich liebe dich.", only(upper=1.0), Setting("en", "de")) == {
        ("I LOVE YOU.", "ICH LIEBE DICH.")
    }
    assert many("I don't love you.", "我不爱你。", only(title=1.0)) == {("I Don't Love You.", "我不爱你。")}
    assert many("I love You.", "Ich liebe Dich.", only(lower=1.0)) == {("i love you.", "Ich liebe Dich.")}


def test_a_language_without_capitals_keeps_its_translation_as_it_is() -> None:
    """Two Latin letters in a Chinese sentence are no reason to shout in English."""
    assert many("我用iPad看书。", "I read on an iPad.", only(upper=1.0), Setting("zh", "en")) == {
        ("我用iPad看书。", "I read on an iPad.")
    }


def test_stops_are_lost_on_both_sides_or_doubled_in_the_source_alone() -> None:
    assert many("He is here.", "他在这里。", only(stops=1.0)) == {
        ("He is here", "他在这里"), ("He is here..", "他在这里。"), ("He is here...", "他在这里。"),
    }  # fmt: skip
    # A question mark is a word of its own: it is never lost.
    assert {target for _, target in many("Is he here?", "他在这里吗？", only(stops=1.0))} == {"他在这里吗？"}


@given(st.text("abcdefghij ", min_size=1, max_size=40))
def test_a_slip_falls_on_one_word_of_the_source_and_never_on_its_first_letter(source: str) -> None:
    ((slipped, target),) = (
        (one.source, one.target) for one in changed([Pair(source, "好")], only(typos=1.0))
    )
    assert target == "好"
    assert abs(len(slipped) - len(source)) <= 1
    before, after = source.split(), slipped.split()
    assert [word[0] for word in before] == [word[0] for word in after]
    assert sum(one != two for one, two in zip(before, after, strict=True)) <= 1


def test_signs_written_without_spaces_get_no_slip() -> None:
    assert many("他昨天来这里了", "He came here", only(typos=1.0), Setting("zh", "en")) == {
        ("他昨天来这里了", "He came here")
    }


@given(PAIRS)
def test_a_placeholder_stands_as_often_in_the_source_as_in_the_target(pairs: list[Pair]) -> None:
    for one in changed(pairs, only(placeholders=1.0, tags=1.0)):
        counts = [[side.count(symbol) for symbol in SYMBOLS] for side in (one.source, one.target)]
        assert counts[0] == counts[1]


def test_equal_spans_become_placeholders_and_tags() -> None:
    found = many("Call Tom at 9:30.", "9:30打给Tom。", only(placeholders=1.0))
    assert any("Tom" not in source and "9:30" not in source for source, _ in found)
    assert all(("Tom" in source) == ("Tom" in target) for source, target in found)
    tagged = many("Call Tom now.", "现在打给Tom。", only(tags=1.0))
    assert all(source[5] in "\u27e8" and target.endswith("\u27e9。") for source, target in tagged)
    # 3 stands in 30 too: taking it out would tear the number.
    assert all(
        "\u27e90" not in source for source, _ in many("3 of 30.", "30个里有3个。", only(placeholders=1.0))
    )


@pytest.mark.parametrize(
    ("source", "target", "gone"),
    [
        ("Tom is a student.", "汤姆是学生。", ("Tom", "汤姆")),
        ("He lives in New York.", "他住在纽约。", ("New York", "纽约")),
        ("She met Mary.", "她遇见了瑪麗。", ("Mary", "瑪麗")),
        ("They speak Japanese.", "他们说日语。", None),
        ("Tom knows that Tom is late.", "汤姆知道汤姆迟到了。", None),
        ("Tom is late.", "他迟到了。", None),
    ],
)
def test_a_well_known_name_is_one_thing_on_both_sides(
    source: str, target: str, gone: tuple[str, str] | None
) -> None:
    """Nearly all placeholders stood beside whole sentences, and none for a subject."""
    for one, other in many(source, target, only(placeholders=1.0)):
        if gone:
            symbol = one[one.index("\u27e8") :].split(" ")[0].rstrip(".")
            assert (one, other) == (source.replace(gone[0], symbol), target.replace(gone[1], symbol))
        else:
            assert source[:-1] in one and target[:-1] in other


def test_a_placeholder_stands_seldom_beside_a_sentence_that_has_nothing_for_it() -> None:
    pairs = [Pair("He is here.", "他在这里。")] * 1000
    beside = sum("\u27e8" in one.source for one in changed(pairs, only(placeholders=1.0)))
    assert 50 < beside < 150


def test_a_vocabulary_without_reserved_symbols_is_taught_none() -> None:
    assert many("Call Tom.", "打给Tom。", only(placeholders=1.0, tags=1.0), Setting("en", "zh")) == {
        ("Call Tom.", "打给Tom。")
    }


def test_signs_are_the_same_on_both_sides() -> None:
    for source, target in many("He is here.", "他在这里。", only(symbols=1.0)):
        signs = [{sign for sign in side if sign not in "He is here.他在这里。"} for side in (source, target)]
        assert signs[0] == signs[1]
        assert signs[0]


def test_sentences_are_joined_with_the_next_as_their_language_writes_them() -> None:
    pairs = [Pair("One.", "一。"), Pair("Two?", "二？"), Pair("Three.", "三。"), Pair("no stop", "没有")]
    first, second, third, last = changed(pairs, only(joined=1.0))
    assert first in (Pair("One. Two?", "一。二？"), Pair("One. Two? Three.", "一。二？三。"))
    assert second.source.startswith("Two? Three.")
    assert third == Pair("Three. no stop", "三。没有")
    assert last == pairs[3]


def test_what_would_be_too_long_is_not_joined() -> None:
    pairs = [Pair("a" * 40 + ".", "好。"), Pair("b" * 40 + ".", "好。")]
    assert changed(pairs, only(joined=1.0), Setting("en", "zh", longest=60)) == pairs


def test_a_cut_falls_on_the_same_comma_of_both_sides() -> None:
    assert many("If it rains, I stay here.", "如果下雨，我就留在这里。", only(cut=1.0)) == {
        ("If it rains", "如果下雨")
    }
    # The clauses stand in another order: half of one side would not be half of the other.
    moved = ("Yes, I stay here if it rains all day.", "如果一整天都下雨的话我就留在这里，好。")
    assert many(*moved, only(cut=1.0)) == {moved}


@pytest.mark.parametrize("rates", [{"upper": -0.1}, {"cut": 1.5}, {"upper": 0.6, "lower": 0.6}])
def test_rates_are_shares(rates: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="augment"):
        AugmentConfig(**rates)


TAGGED = Setting("en", "zh", SYMBOLS, ("<bt>", "<2zh>"))


def test_tags_before_a_source_stay_what_and_where_they_are() -> None:
    """ "<bt>" in capitals is another word, one that no vocabulary has as one token."""
    everything = only(
        upper=0.4, title=0.3, lower=0.3, typos=1, stops=1, symbols=1, placeholders=1, tags=1, cut=1
    )
    for pair in many("<2zh> <bt> I see, you know.", "我明白，你知道。", everything, TAGGED):
        assert pair[0].startswith("<2zh> <bt> ") and pair[0].count("<") == 2 and "<" not in pair[1]
    assert many("<bt> I see.", "我明白。", only(upper=1.0), TAGGED) == {("<bt> I SEE.", "我明白。")}


def test_only_pairs_of_the_same_tags_are_joined() -> None:
    pairs = [
        Pair("<bt> One.", "一。"),
        Pair("<bt> Two.", "二。"),
        Pair("Three.", "三。"),
        Pair("Four.", "四。"),
    ]
    found = {one for epoch in range(30) for one in changed(pairs, only(joined=1.0), TAGGED, epoch)}
    assert Pair("<bt> One. Two.", "一。二。") in found and Pair("Three. Four.", "三。四。") in found
    assert all(one.source.count("<bt>") == one.source.startswith("<bt>") for one in found)
    assert not any("<bt>" in one.source and "Three" in one.source for one in found)


@given(PAIRS, st.integers(0, 3))
def test_tags_that_no_pair_has_change_nothing(pairs: list[Pair], epoch: int) -> None:
    config = AugmentConfig(**{one.name: 0.3 for one in fields(AugmentConfig)})
    plain = [one for one in pairs if not one.source.startswith(("<bt>", "<2zh>"))]
    assert changed(plain, config, TAGGED, epoch) == changed(plain, config, EN_ZH, epoch)


def test_what_becomes_of_a_pair_is_what_earlier_versions_made_of_it() -> None:
    """A run that is resumed by another version goes on with the same pairs."""
    pairs = [
        Pair(
            f"{tag}The {n} dogs, said Tom, saw {n} of the cats at 10:{n:02d}.",
            f"汤姆说，{n}只狗在10:{n:02d}看见了{n}只猫。",
        )
        for n in range(400)
        for tag in ("", "<bt> ")
    ]
    found = hashlib.sha256()
    for symbols in ((), ("<bt>",)):
        for epoch in (0, 1):
            setting = Setting("en", "zh", ["⟦1⟧", "⟦2⟧"], symbols)
            for pair in augmented(pairs, AugmentConfig(*[0.2] * 10), setting, 7, epoch):
                found.update(f"{pair}\n".encode())
    assert found.hexdigest() == "24d9700ad508511ceae9e7327cc3ac7fee9adbedf694ad5fe726d1d9321fcfee"
