"""What the rules leave of a distribution, on logits small enough to read."""

from __future__ import annotations

import itertools

import pytest
import torch

from dragoman.decoding.constraints import (
    FORBIDDEN,
    FREE,
    Constraints,
    MinLength,
    NoRepeatedNgram,
    PlaceholdersOnce,
    Rule,
    forbid_repetition,
    force,
    prefix_table,
)
from dragoman.decoding.options import DecodingOptions
from dragoman.ids import EOS


def allowed(logits: torch.Tensor) -> list[int]:
    return (logits > float("-inf")).nonzero().flatten().tolist()


def rules(prefixes=((),), **options) -> Constraints:
    return Constraints.of(DecodingOptions(**options), prefixes)


def left(history: list[int], **options) -> list[int]:
    """Ids that a sentence with this history may continue with, of 8."""
    logits = rules(**options).apply(torch.zeros(1, 1, 8), torch.tensor([[history]]).long(), torch.tensor([0]))
    return allowed(logits[0, 0])


def test_padding_unknown_and_start_are_never_written():
    assert left([]) == [3, 4, 5, 6, 7]


def test_no_end_before_the_minimum_length():
    assert left([4], min_length=2) == [4, 5, 6, 7]
    assert left([4, 4], min_length=2) == [3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("n", "history", "banned"),
    [
        (1, [4, 6], {4, 6}),
        (2, [4, 5, 4], {5}),
        (2, [4, 5], set()),
        (2, [4, 4], {4}),
        (3, [4, 5, 6, 4, 5], {6}),
        (3, [4, 5, 6, 5, 5], set()),
        (4, [4, 5], set()),
    ],
)
def test_only_tokens_that_complete_a_seen_ngram_are_banned(n, history, banned):
    assert left(history, no_repeat_ngram=n) == sorted({3, 4, 5, 6, 7} - banned)


def test_repetition_agrees_with_a_search_for_the_ngram():
    torch.manual_seed(0)
    history = torch.randint(0, 3, (4, 2, 9))
    for n in (1, 2, 3):
        logits = forbid_repetition(torch.zeros(4, 2, 3), history, n)
        for b, k, token in itertools.product(range(4), range(2), range(3)):
            row = [*history[b, k].tolist(), token]
            ngrams = [tuple(row[i : i + n]) for i in range(len(row) - n + 1)]
            assert (logits[b, k, token] == float("-inf")) == (ngrams[-1] in ngrams[:-1])


def test_where_nothing_is_left_the_sentence_may_end():
    assert left([4, 5, 6, 7], no_repeat_ngram=1, min_length=6) == [EOS]


def test_a_forced_token_is_certain_and_beats_every_rule():
    assert prefix_table([[4, 4], []]).tolist() == [[4, 4], [FREE, FREE]]
    history, sentence = torch.tensor([[[4]], [[4]]]), torch.tensor([0, 1])
    logits = rules(([4, 4], []), no_repeat_ngram=1).apply(torch.randn(2, 1, 8), history, sentence)
    assert logits[0, 0].softmax(0).tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
    assert allowed(logits[1, 0]) == [3, 5, 6, 7]


def test_each_rule_says_by_itself_where_it_can_be_left_out():
    """What decided for all of them, beside the rules, once let a new rule be left out in silence."""

    class Silent(Rule):
        def apply(self, logits, history):
            return logits

    assert not Silent().is_idle(5), "a rule that says nothing is never left out"
    for options, prefix, idle in [
        ({}, [], [True] * 4),
        ({"min_length": 2}, [], [False, False, True, True]),
        ({"no_repeat_ngram": 3}, [], [False] * 4),
        ({}, [4], [False, True, True, True]),
        ({"min_length": 3}, [4], [False, False, False, True]),
    ]:
        assert [rules([prefix], **options).are_idle(length) for length in range(4)] == idle


def test_a_rule_that_asks_for_nothing_is_not_made():
    assert rules().rules == ()
    assert rules(min_length=2).rules == (MinLength(2),)
    assert rules(no_repeat_ngram=2, min_length=1).rules == (MinLength(1), NoRepeatedNgram(2))


def test_forcing_leaves_free_rows_untouched():
    logits = torch.randn(2, 3, 8)
    assert torch.equal(force(logits, torch.tensor([FREE, 5]))[0], logits[0])


def test_a_placeholder_comes_where_the_source_has_it_and_once() -> None:
    """Two sentences, of which the first has the placeholders 5 and 6, the second only 6."""
    once = PlaceholdersOnce.of([[4, 5, 6], [6, 7]], [5, 6])
    rules = Constraints.of(DecodingOptions(), [[], []], placeholders=once)
    history = torch.tensor([[[4, 5], [4, 4]], [[4, 6], [5, 4]]])  # [B, k, t]
    logits = rules.apply(torch.zeros(2, 2, 9), history, torch.tensor([0, 1]))
    free = [[(row[5] > FORBIDDEN).item(), (row[6] > FORBIDDEN).item()] for row in logits.view(4, 9)]
    assert free == [[False, True], [True, True], [False, False], [False, True]]
    assert (logits[..., 7:] == 0).all()
    assert not rules.are_idle(100)


def test_without_placeholders_nothing_is_asked_of_them() -> None:
    assert Constraints.of(DecodingOptions(), [[]]).are_idle(0)
