"""Search against exhaustive enumeration, on a model whose probabilities are a table."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from dragoman.decoding import search as module
from dragoman.decoding.options import DecodingOptions, Hypothesis
from dragoman.decoding.search import search
from dragoman.errors import ConfigError, ModelError
from dragoman.transformer.model import Transformer, TransformerConfig

EOS = 3
TOLERANCE = 1e-4  # of scores, between one batch and another


@dataclass
class TableModel:
    """Logits are a pure function of source and prefix; nothing else can leak into them.

    Ids 0 to 2 are never to be written, and are made attractive; `ending` makes </s> attractive.
    """

    vocabulary: int = 6
    seed: int = 0
    ending: float = 0.0
    rows: list[int] = field(default_factory=list)

    def start(self, source: Tensor, source_mask: Tensor) -> TableState:
        pairs = zip(source, source_mask, strict=True)
        return TableState([(tuple(row[real].tolist()), ()) for row, real in pairs])

    def step(self, tokens: Tensor, state: TableState) -> tuple[Tensor, TableState]:
        self.rows.append(len(tokens))
        grown = [(s, (*p, *new)) for (s, p), new in zip(state.rows, tokens.tolist(), strict=True)]
        return torch.stack([self.logits(s, p[1:]) for s, p in grown]), TableState(grown)

    def logits(self, source: tuple[int, ...], prefix: tuple[int, ...]) -> Tensor:
        chance = torch.Generator().manual_seed(zlib.crc32(repr((self.seed, source, prefix)).encode()))
        logits = 2 * torch.randn(self.vocabulary, generator=chance)
        logits[:EOS] += 5
        logits[EOS] += self.ending
        return logits


class RankingModel(TableModel):
    """The same, which finds the likeliest tokens itself; `asked` counts how often."""

    asked: int = 0

    def rank(
        self, tokens: Tensor, state: TableState, count: int, never: Sequence[int]
    ) -> tuple[Tensor, Tensor, TableState]:
        self.asked += 1
        logits, state = self.step(tokens, state)
        logits[:, list(never)] = float("-inf")
        scores, found = logits.log_softmax(-1).topk(min(count, self.vocabulary))
        return scores, found, state


@dataclass
class TableState:
    rows: list[tuple[tuple[int, ...], tuple[int, ...]]]

    def select(self, rows: Tensor) -> TableState:
        return TableState([self.rows[i] for i in rows.tolist()])


def batch(*sources: list[int]) -> tuple[Tensor, Tensor]:
    longest = max(map(len, sources)) + 1
    source = torch.tensor([[*s, EOS] + [0] * (longest - len(s) - 1) for s in sources])
    return source, source != 0


def find(model, *sources: list[int], prefixes=None, **options) -> list[list[Hypothesis]]:
    return search(model, *batch(*sources), DecodingOptions(**options), prefixes=prefixes)


def every(model: TableModel, source: list[int], limit: int, alpha: float, prefix: tuple[int, ...] = ()):
    """All translations of at most `limit` tokens as (score, tokens), best first: written down, not searched for."""
    complete = []

    def extend(tokens: tuple[int, ...], total: float) -> None:
        logits = model.logits((*source, EOS), tokens)
        logits[:EOS] = float("-inf")
        for token, log in enumerate(logits.log_softmax(0).tolist()):
            if len(tokens) < len(prefix):
                if token != prefix[len(tokens)]:
                    continue
                log = 0.0
            now = (*tokens, token)
            if token == EOS or len(now) == limit:
                words = now[:-1] if token == EOS else now
                complete.append(((total + log) / len(now) ** alpha, list(words)))
            elif log > float("-inf"):
                extend(now, total + log)

    extend((), 0.0)
    return sorted((c for c in complete if c[0] > float("-inf")), reverse=True)


def same(found: list[Hypothesis], expected: list[tuple[float, list[int]]]) -> None:
    assert [h.tokens for h in found] == [tokens for _, tokens in expected]
    assert [h.score for h in found] == pytest.approx([score for score, _ in expected], abs=TOLERANCE)


def equal(one: list[list[Hypothesis]], other: list[list[Hypothesis]]) -> None:
    assert [[(h.tokens, h.finished) for h in best] for best in one] == [
        [(h.tokens, h.finished) for h in best] for best in other
    ]
    for h, g in zip(sum(one, []), sum(other, []), strict=True):
        assert h.token_scores == pytest.approx(g.token_scores, abs=TOLERANCE)
        assert h.score == pytest.approx(g.score, abs=TOLERANCE)


SOURCES = [[4, 5, 4, 5, 5], [5], [4, 4, 5], [5, 4]]
SEARCHES = [
    {"beam_size": 1},
    {"beam_size": 3, "n_best": 3},
    {"beam_size": 4, "n_best": 2, "length_penalty": 0.0},
    {"beam_size": 3, "no_repeat_ngram": 2, "min_length": 2},
    {"beam_size": 1, "sample": True, "n_best": 3, "seed": 7},
]


@pytest.fixture(scope="module")
def transformer() -> Transformer:
    torch.manual_seed(3)
    config = TransformerConfig(
        d_model=16, d_ff=32, n_heads=2, encoder_layers=1, decoder_layers=2, norm="pre", dropout=0.0
    )
    model = Transformer(config, 12, 12).eval()
    for parameter in model.parameters():
        parameter.data += 0.5 * torch.randn_like(parameter)
    return model


class TestRanking:
    """A model that ranks its tokens itself is asked for no table of logits, and nothing else changes."""

    @pytest.mark.parametrize("options", SEARCHES)
    @pytest.mark.parametrize("prefixes", [None, [[4], [], [5, 5], []]])
    def test_the_same_is_found(self, options, prefixes):
        plain, ranking = TableModel(ending=2.0), RankingModel(ending=2.0)
        equal(*(find(model, *SOURCES, prefixes=prefixes, **options) for model in (plain, ranking)))
        assert ranking.rows == plain.rows

    def test_it_is_asked_where_nothing_depends_on_what_was_written(self):
        for options, asks in (({}, True), ({"no_repeat_ngram": 2}, False), ({"sample": True}, False)):
            model = RankingModel()
            find(model, [4, 5], beam_size=1, max_length=3, **options)
            assert bool(model.asked) == asks
        model = RankingModel()
        find(model, [4, 5], prefixes=[[4, 4]], beam_size=1, max_length=6)
        assert model.asked == len(model.rows) - 2
        model = RankingModel()
        find(model, [4, 5], beam_size=1, max_length=6, min_length=3)
        assert model.asked == len(model.rows) - 3


class TestBeam:
    @pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0])
    @pytest.mark.parametrize("seed", range(4))
    def test_as_wide_as_there_are_prefixes_it_is_exhaustive(self, seed, alpha):
        model = TableModel(seed=seed)
        expected = every(model, [4, 5], 4, alpha)
        assert len(expected) == 1 + 2 + 4 + 8 + 16
        for n_best in (1, 5, 31):
            (found,) = find(model, [4, 5], beam_size=31, n_best=n_best, length_penalty=alpha, max_length=4)
            same(found, expected[:n_best])

    @pytest.mark.parametrize("seed", range(8))
    def test_as_wide_as_the_vocabulary_it_finds_the_best_of_two_steps(self, seed):
        model = TableModel(vocabulary=9, seed=seed)
        (found,) = find(model, [4], beam_size=9, max_length=2)
        same(found, every(model, [4], 2, 1.0)[:1])

    def test_a_narrow_beam_can_miss_the_best(self):
        # Or the two tests above would hold for a greedy search as well.
        best = [
            (
                find(TableModel(seed=seed), [4, 5], beam_size=1, max_length=4),
                every(TableModel(seed=seed), [4, 5], 4, 1.0),
            )
            for seed in range(8)
        ]
        assert any(found[0][0].tokens != expected[0][1] for found, expected in best)

    @pytest.mark.parametrize("seed", range(8))
    def test_of_one_takes_the_most_probable_token_each_time(self, seed):
        model = TableModel(vocabulary=9, seed=seed)
        tokens: list[int] = []
        while len(tokens) < 20:
            token = int(model.logits((4, 5, EOS), tuple(tokens))[EOS:].argmax()) + EOS
            if token == EOS:
                break
            tokens.append(token)
        ((found,),) = find(model, [4, 5], beam_size=1, max_length=20)
        assert found.tokens == tokens

    @pytest.mark.parametrize("alpha", [0.0, 1.0])
    def test_best_come_sorted_and_distinct(self, alpha):
        model = TableModel(vocabulary=9, ending=1)
        for best in find(model, *SOURCES, beam_size=6, n_best=6, length_penalty=alpha):
            scores = [h.score for h in best]
            assert len(best) == 6 and scores == sorted(scores, reverse=True)
            assert len({tuple(h.tokens) for h in best}) == 6

    @pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
    def test_the_score_is_made_of_the_token_scores(self, alpha):
        model = TableModel(vocabulary=9)
        for h in sum(find(model, *SOURCES, beam_size=4, n_best=4, length_penalty=alpha, max_length=8), []):
            assert len(h.token_scores) == len(h.tokens) + h.finished
            assert h.score == pytest.approx(sum(h.token_scores) / len(h.token_scores) ** alpha, abs=TOLERANCE)

    def test_a_beam_wider_than_the_vocabulary_can_fill(self):
        found = find(TableModel(vocabulary=5), [4], beam_size=50, n_best=50, max_length=3)
        same(found[0], every(TableModel(vocabulary=5), [4], 3, 1.0))  # </s>, 4 </s>, 4 4 </s>, 4 4 4


class TestNeighbours:
    """A result is a function of its sentence, not of the batch it was found in."""

    @pytest.mark.parametrize("options", SEARCHES)
    def test_alone_is_as_in_a_batch_in_any_order(self, options, transformer):
        for model in (TableModel(vocabulary=9), transformer):
            together = find(model, *SOURCES, **options, max_length=12)
            alone = [find(model, source, **options, max_length=12)[0] for source in SOURCES]
            backwards = find(model, *SOURCES[::-1], **options, max_length=12)[::-1]
            equal(alone, together)
            equal(backwards, together)

    @pytest.mark.parametrize("options", SEARCHES)
    def test_padding_changes_nothing(self, options, transformer):
        source, mask = batch(*SOURCES)
        asked = DecodingOptions(**options, max_length=12)
        wide = torch.nn.functional.pad(source, (0, 7))
        equal(search(transformer, wide, wide != 0, asked), search(transformer, source, mask, asked))

    def test_nor_does_the_prefix_of_another(self):
        model = TableModel(vocabulary=9)
        for options in SEARCHES:
            mixed = find(model, *SOURCES, prefixes=[[], [6, 7], [8], []], **options)
            plain = find(model, *SOURCES, **options)
            equal([mixed[0], mixed[3]], [plain[0], plain[3]])
            equal([mixed[1]], find(model, SOURCES[1], prefixes=[[6, 7]], **options))

    def test_finished_sentences_leave_the_batch(self):
        model = TableModel(vocabulary=9)
        lengths = [len(best[0].token_scores) for best in find(model, *SOURCES, beam_size=1)]
        assert len(set(lengths)) > 1
        growing = [sum(length > t for length in lengths) for t in range(max(lengths))]
        assert model.rows == [module._room(count) for count in growing]

    def test_a_batch_comes_in_few_sizes(self):
        sizes = [module._room(count) for count in range(200)]
        assert all(size >= count for count, size in enumerate(sizes))
        assert sorted(set(sizes)) == [0, 1, 2, 4, 8, 16, *range(32, 201, 32), 224]
        assert len(module._kept([True] * 30 + [False] * 3)) == 4
        assert module._kept([True, True]) == [] and module._kept([True, False]) == [1]

    @pytest.mark.parametrize("options", SEARCHES)
    def test_in_portions_as_all_at_once(self, options, monkeypatch):
        model, many = TableModel(vocabulary=9), [[4 + i % 5, 4 + i // 5] for i in range(25)]
        once = find(model, *many, **options)
        monkeypatch.setattr(module, "PORTION", 60)
        equal(find(model, *many, **options), once)
        assert max(model.rows) * model.vocabulary > 3 * module.PORTION, "this was no portion"

    def test_no_sentence_at_all(self):
        asked = torch.zeros(0, 3, dtype=torch.int64)
        assert search(TableModel(), asked, asked != 0, DecodingOptions()) == []


class TestRules:
    @pytest.mark.parametrize("prefix", [[4], [5, 4], [4, 4, 4]])
    def test_a_forced_prefix_stands_in_front_and_the_rest_is_the_best(self, prefix):
        model = TableModel(seed=2)
        (found,) = find(model, [4, 5], prefixes=[prefix], beam_size=40, n_best=8, max_length=5)
        same(found, every(model, [4, 5], 5, 1.0, tuple(prefix))[:8])
        assert all(h.token_scores[: len(prefix)] == [0.0] * len(prefix) for h in found)

    def test_a_prefix_as_long_as_the_translation_may_be_is_refused(self):
        with pytest.raises(ConfigError, match="max_length = 4"):
            find(TableModel(), [4], prefixes=[[4, 4, 4, 4]], max_length=4)

    @pytest.mark.parametrize("options", SEARCHES)
    def test_lengths_stay_within_their_bounds(self, options):
        eager, reluctant = TableModel(vocabulary=9, ending=4), TableModel(vocabulary=9, ending=-9)
        short = find(eager, *SOURCES, **(options | {"min_length": 5, "max_length": 9}))
        assert min(len(h.tokens) for best in short for h in best) == 5
        long = sum(find(reluctant, *SOURCES, **(options | {"max_length": 9})), [])
        assert {(len(h.tokens), h.finished) for h in long if not h.finished} == {(9, False)}

    def test_the_limit_follows_the_source(self):
        reluctant = TableModel(vocabulary=9, ending=-99)
        found = find(reluctant, [4], [4] * 20, beam_size=1, max_length=90)
        assert [len(best[0].tokens) for best in found] == [64, 90]

    @pytest.mark.parametrize("n", [1, 2, 3])
    @pytest.mark.parametrize("options", [{"beam_size": 1}, {"beam_size": 4, "n_best": 4}, SEARCHES[-1]])
    def test_no_ngram_comes_twice(self, n, options):
        model = TableModel(vocabulary=6, ending=-4)

        def repeats(**more) -> bool:
            rows = [h.tokens for best in find(model, *SOURCES, **options, max_length=9, **more) for h in best]
            ngrams = [[tuple(r[i : i + n]) for i in range(len(r) - n + 1)] for r in rows]
            return any(len(set(row)) < len(row) for row in ngrams)

        assert repeats() and not repeats(no_repeat_ngram=n)

    def test_rules_that_leave_nothing_end_the_sentence(self):
        ((found,),) = find(TableModel(), [4], beam_size=1, no_repeat_ngram=1, min_length=5)
        assert sorted(found.tokens) == [4, 5] and found.finished

    def test_a_model_that_computes_nan_is_named_as_such(self):
        model = TableModel()
        model.logits = lambda source, prefix: torch.full((6,), float("nan"))  # type: ignore[method-assign]
        with pytest.raises(ModelError, match="NaN"):
            find(model, [4])


class TestSampling:
    def test_the_seed_decides(self):
        model = TableModel(vocabulary=9)
        first, again, other = (
            find(model, *SOURCES, sample=True, beam_size=1, n_best=4, seed=seed) for seed in (1, 1, 2)
        )
        assert first == again and first != other

    def test_draws_of_one_sentence_differ(self):
        (found,) = find(TableModel(vocabulary=9), [4, 5], sample=True, beam_size=1, n_best=20, max_length=6)
        assert len(found) == 20 and len({tuple(h.tokens) for h in found}) > 10
        assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)

    def test_cold_it_is_greedy(self):
        model = TableModel(vocabulary=9)
        equal(
            find(model, *SOURCES, sample=True, beam_size=1, temperature=1e-4),
            find(model, *SOURCES, beam_size=1),
        )

    @pytest.mark.parametrize("cut", [{"top_k": 2}, {"top_p": 0.6}])
    def test_cuts_confine_the_draws(self, cut):
        model = TableModel(vocabulary=12)
        probability = model.logits((4, EOS), ())[EOS:].softmax(0)
        likely = probability.argsort(descending=True) + EOS
        kept = (
            2 if "top_k" in cut else int((probability.sort(descending=True).values.cumsum(0) < 0.6).sum()) + 1
        )

        def first_tokens(**options) -> set[int]:
            (found,) = find(model, [4], sample=True, beam_size=1, n_best=300, max_length=2, **options)
            return {[*h.tokens, EOS][0] for h in found}

        assert first_tokens(**cut) == set(likely[:kept].tolist()) < first_tokens()
