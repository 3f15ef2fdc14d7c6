"""What a card says of a model's parts is read back as it was written, and a card that says nothing is no trouble."""

from __future__ import annotations

import pytest

from dragoman.explain.trace.worth import OwnWords, PartWorth, ScaleWorth, Worth, card_with, worth_in
from dragoman.model.directory import BUNDLED, open_model

FOUND = Worth(
    1234,
    (
        PartWorth("whole", 35.1, 2.09),
        PartWorth("encoder.1", 0.2, 5.24),
        PartWorth("twice:decoder.2", 32.2, 2.19),
    ),
    (OwnWords(0, 0.458, 99), OwnWords(1, 0.331, 99)),
    (ScaleWorth("divided", 2.6, 0.309), ScaleWorth("undivided", 166.1, 0.114)),
)


@pytest.mark.parametrize("card", ["", "# A card\n\nText.\n", "# A card\n\n## Scores\n\n| a | 1 | 2 |\n"])
def test_what_is_written_is_read(card: str) -> None:
    once = card_with(card, FOUND, "command", "`a.tsv`")
    assert worth_in(once) == FOUND
    assert once.startswith(card.rstrip())
    assert card_with(once, FOUND, "command", "`a.tsv`") == once  # in the place of the older one


def test_what_stands_after_the_tables_stays() -> None:
    once = card_with("# A card", FOUND, "command", "`a.tsv`") + "\n## Later\n\nText.\n"
    again = card_with(once, FOUND, "command", "`a.tsv`")
    assert "## Later\n\nText." in again and worth_in(again) == FOUND


@pytest.mark.parametrize(
    "card",
    ["", "## What each part is worth\n", "## What each part is worth\n\nOn 3 pairs\n\n| `a` | 1.2.3 | 4 |\n"],
)
def test_a_card_that_says_nothing(card: str) -> None:
    assert worth_in(card) is None


def test_the_bundled_model_says_it() -> None:
    found = worth_in(open_model(BUNDLED / "en-zh-tiny").card)
    assert found is not None
    positions = found.of("positions")
    assert positions is not None and positions.bleu < found.whole.bleu / 2
    p = [one.p for one in found.curve]
    assert p == sorted(
        p, reverse=True
    )  # the more words of its own, the less probable the reference's next one
    divided, undivided = found.scale
    assert undivided.variance > 10 * divided.variance and undivided.gradient < divided.gradient
