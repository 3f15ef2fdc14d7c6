"""One blank, asked of every kind: what makes a difference is what its kind is said to see, no more."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dragoman.errors import UsageError
from dragoman.ids import BOS, SPECIALS
from dragoman.lineage.blank import Filled, Gap, fill
from dragoman.lineage.kinds import names
from dragoman.lineage.ngram import NgramConfig
from dragoman.lineage.ngramlm import train_lm
from dragoman.model.languagemodels import LmDirectory, open_lm, write_ngram
from toys import CHARACTERS, lines, random_lm

WINDOW, ORDER = 3, 3


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LmDirectory]:
    """A small model of each kind there is."""
    place = tmp_path_factory.mktemp("kinds")
    counted = train_lm(lines(), CHARACTERS, NgramConfig(order=ORDER, discount_fallback=True))
    write_ngram(place / "ngram", counted, {})
    found = {"ngram": open_lm(place / "ngram")}
    for name in names(counted=False):
        found[name] = random_lm(place / name, name, **({"window": WINDOW} if name == "nnlm" else {}))
    assert {*found} == {*names()}
    return found


def ask(one: LmDirectory, text: str, best: int = 5) -> Filled:
    return fill(one.kind, one.model, one.vocabulary, Gap.of(text), best)


def chances(found: Filled) -> list[float]:
    return [guess.probability for guess in found.guesses]


@pytest.mark.parametrize("name", names())
def test_what_a_model_cannot_see_makes_no_difference_and_what_it_sees_does(
    opened: dict[str, LmDirectory], name: str
) -> None:
    """Every token around the blank is exchanged for another in its turn."""
    left, right, everything = "我看见一只大", "了。", 10**6
    found = ask(opened[name], f"{left}[ ]{right}", everything)
    seen = [*range(len(left) - found.seen_left, len(left)), *range(len(left), len(left) + found.seen_right)]
    assert found.tokens == len(left + right) + 1
    for place, sign in enumerate(left + right):
        other = "你" if sign != "你" else "我"
        text = left + right
        text = text[:place] + other + text[place + 1 :]
        changed = ask(opened[name], f"{text[: len(left)]}[ ]{text[len(left) :]}", everything)
        before, after = ({g.token: g.probability for g in one.guesses} for one in (found, changed))
        # An n-gram may never have seen what it sees now: then nothing changes there either.
        if place not in seen:
            assert after == pytest.approx(before, abs=1e-6), (place, sign)
        elif name != "ngram":
            assert after != pytest.approx(before, abs=1e-6), (place, sign)


def test_how_far_each_kind_sees(opened: dict[str, LmDirectory]) -> None:
    found = {name: ask(one, "我看见一只[ ]狗。") for name, one in opened.items()}
    sees = {name: (one.seen_left, one.seen_right) for name, one in found.items()}
    assert sees == {
        "ngram": (ORDER - 1, 0),
        "nnlm": (WINDOW, 0),
        "rnn": (5, 0),
        "gpt": (5, 0),
        "bert": (5, 2),
    }
    ticks = {name: (one.ticks_to_read, one.ticks_to_write) for name, one in found.items()}
    assert ticks == {"ngram": (1, 8), "nnlm": (1, 8), "rnn": (8, 8), "gpt": (1, 8), "bert": (1, None)}


@pytest.mark.parametrize("name", names())
def test_guesses_are_probabilities_over_all_that_can_stand_there(
    opened: dict[str, LmDirectory], name: str
) -> None:
    """The end of the text can stand in no blank, though a model that reads from the left expects it everywhere."""
    found = ask(opened[name], "我们[ ]。", 10**6)
    assert sum(chances(found)) == pytest.approx(1, abs=1e-4)
    assert chances(found) == sorted(chances(found), reverse=True)
    assert not {guess.token for guess in found.guesses} & {*SPECIALS, "[MASK]"}
    assert found.guesses[0].text == f"我们{found.guesses[0].token}。"


def test_the_guess_of_a_gpt_is_that_of_its_logits(opened: dict[str, LmDirectory]) -> None:
    gpt = opened["gpt"]
    (ids,) = gpt.vocabulary.encode(["我们"])
    logits = gpt.module(torch.tensor([[BOS, *ids]]))[0, -1, len(SPECIALS) :]
    assert chances(ask(gpt, "我们[ ]", 3)) == pytest.approx(
        logits.softmax(-1).topk(3).values.tolist(), rel=1e-4
    )


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("text", ["[ ]", "[ ]我。", "我[ ]", "鑫[ ]鑫"])
def test_a_blank_may_stand_anywhere(opened: dict[str, LmDirectory], name: str, text: str) -> None:
    found = ask(opened[name], text)
    assert len(found.guesses) == 5
    left, right = text.split("[ ]")
    assert "".join(found.left).replace("▁", " ") == left and "".join(found.right).replace("▁", " ") == right
    assert found.unknown == (("鑫",) if "鑫" in text else ())


def test_a_model_is_not_said_to_trip_over_what_it_cannot_see(opened: dict[str, LmDirectory]) -> None:
    assert ask(opened["gpt"], "我[ ]鑫").unknown == ()
    assert ask(opened["bert"], "我[ ]鑫").unknown == ("鑫",)


@pytest.mark.parametrize("spelled", ["[ ]", "[]", "[   ]", "［　］", "【 】", "[MASK]"])
def test_a_blank_as_people_type_it(spelled: str) -> None:
    assert Gap.of(f"吃{spelled}了") == Gap.of(f"吃 {spelled}  了") == Gap("吃", "了")
    assert Gap.of(f"I am {spelled} man") == Gap("I am ", " man")


@pytest.mark.parametrize(
    "text, message",
    [("今天", r"there is no blank in '今天': write \[ \] where a word is missing"), ("", "there is no blank in ''"),
     ("我[ ]你[]", "there are 2 blanks in '我.*': leave one"), ("[x]", "no blank")],
)  # fmt: skip
def test_no_blank_or_several_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Gap.of(text)


@pytest.mark.parametrize("name", ["gpt", "bert"])
def test_a_text_longer_than_the_positions_is_refused_by_who_has_positions(
    opened: dict[str, LmDirectory], name: str
) -> None:
    longest: Any = opened[name].module.longest
    with pytest.raises(UsageError, match=rf"too (long|many).*{longest} positions"):
        ask(opened[name], "我" * (longest + 1) + "[ ]")
    assert ask(opened["rnn"], "我" * 100 + "[ ]").seen_left == 100
