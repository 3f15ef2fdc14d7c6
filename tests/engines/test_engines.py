"""Two engines, one contract: the fast engine against the reference, on random Transformers in float32."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace
from functools import partial

import pytest
import torch

from dragoman import engines as engine_protocol
from dragoman import processor
from dragoman.decoding.options import DecodingOptions, Hypothesis, SearchRequest, Unwanted
from dragoman.engines.batches import batch_size
from dragoman.engines.ctranslate2 import CTranslate2Engine
from dragoman.engines.torch import TorchEngine, _batches
from dragoman.errors import ConfigError, ModelError, UsageError
from dragoman.transformer.model import Transformer, TransformerConfig

BOS, EOS = 2, 3
TOLERANCE = 2e-4  # of log-probabilities, between two float32 implementations
VOCABULARY = ["<pad>", "<unk>", "<s>", "</s>", *(f"▁{i}" for i in range(4, 40))]

SMALL = TransformerConfig(
    d_model=24, d_ff=48, n_heads=3, encoder_layers=2, decoder_layers=2, dropout=0.0, max_length=128
)
# The seed of the weights: one for which hypotheses end in both ways, and rounding cannot exchange two of them.
VARIANTS = {
    f"{norm}-{activation}-{positions}-{tie}": (
        replace(SMALL, norm=norm, activation=activation, positions=positions, tie=tie),
        seed,
    )
    for norm, activation, positions, tie, seed in [
        ("pre", "relu", "sinusoidal", "all", 0),
        ("post", "relu", "sinusoidal", "target", 7),
        ("post", "gelu", "learned", "none", 8),
        ("pre", "swiglu", "rotary", "all", 37),
        ("post", "swiglu", "rotary", "none", 9),
        ("pre", "gelu", "learned", "target", 13),
    ]
}
SEARCHES = [
    {"beam_size": 1},
    {"beam_size": 1, "length_penalty": 0.0},
    {"beam_size": 4},
    {"beam_size": 4, "n_best": 4, "length_penalty": 1.0},
    {"beam_size": 4, "n_best": 2, "length_penalty": 0.6},
    {"beam_size": 3, "length_penalty": 0.0},
    {"beam_size": 4, "no_repeat_ngram": 2, "min_length": 3},
    {"beam_size": 4, "max_length_ratio": 0.0},
    {
        "beam_size": 2,
        "max_length": 200,
        "max_length_ratio": 1.0,
    },  # 64 tokens for most sources, 96 for the last
]
SOURCES = [[5, 6, 7], [9] * 14, [30], [12, 31, 8, 8, 20, 21, 35], [11, 4], list(range(4, 36))]


def build(config: TransformerConfig, seed: int = 0) -> Transformer:
    torch.manual_seed(seed)
    model = Transformer(config, len(VOCABULARY), len(VOCABULARY)).eval()
    for parameter in model.parameters():  # far from the initial weights, which say nearly nothing
        parameter.data += (0.3 if parameter.dim() > 1 else 0.1) * torch.randn_like(parameter)
    return model


def fast(model: Transformer, **options) -> CTranslate2Engine:
    return CTranslate2Engine.from_weights(
        model.state_dict(), model.config, VOCABULARY, VOCABULARY, **({"compute_type": "float32"} | options)
    )


def pair(config: TransformerConfig, seed: int = 0) -> tuple[TorchEngine, CTranslate2Engine]:
    model = build(config, seed)
    return TorchEngine(model), fast(model, workers=2)


@pytest.fixture(scope="module", params=VARIANTS)
def engines(request) -> tuple[TorchEngine, CTranslate2Engine]:
    return pair(*VARIANTS[request.param])


@pytest.fixture(scope="module")
def one_pair() -> tuple[TorchEngine, CTranslate2Engine]:
    return pair(SMALL)


@pytest.fixture(params=["torch", "ctranslate2"])
def engine(request, one_pair):
    return next(engine for engine in one_pair if engine.name == request.param)


def asked(**options) -> DecodingOptions:
    return DecodingOptions(**({"max_length": 24} | options))


def translate(engine, sources, options, prefixes=None, *, token_scores=True, **said):
    """Engine.begin with real token scores, unless told otherwise."""
    return engine_protocol.translate(
        engine, sources, SearchRequest(options, token_scores=token_scores, **said), prefixes
    )


def equal(one: list[list[Hypothesis]], other: list[list[Hypothesis]]) -> None:
    assert [[(h.tokens, h.finished) for h in best] for best in one] == [
        [(h.tokens, h.finished) for h in best] for best in other
    ]
    for h, g in zip(sum(one, []), sum(other, []), strict=True):
        # Relative too: without a length penalty a score is a sum of as many as 24 of them.
        assert h.score == pytest.approx(g.score, rel=1e-5, abs=TOLERANCE)


def near(one: list[list[float]] | None, other: list[list[float]] | None) -> bool:
    return torch.allclose(torch.tensor(one), torch.tensor(other), atol=TOLERANCE)


class TestAgreement:
    @pytest.mark.parametrize("options", SEARCHES)
    def test_same_tokens_and_scores(self, engines, options):
        reference, ours = (translate(engine, SOURCES, asked(**options)) for engine in engines)
        equal(ours, reference)

    def test_the_searches_end_in_both_ways(self, engines):
        # Or the stop rule and the score of what is cut off would go untested above.
        found = sum((translate(engines[0], SOURCES, asked(**options)) for options in SEARCHES), [])
        assert {h.finished for best in found for h in best} == {True, False}

    def test_same_attention_for_every_hypothesis(self, engines):
        reference, ours = (translate(e, SOURCES, asked(n_best=3), attention=True) for e in engines)
        for source, best, others in zip(SOURCES, ours, reference, strict=True):
            for h, g in zip(best, others, strict=True):
                assert [len(row) for row in h.attention] == [len(source) + 1] * len(h.tokens)
                assert near(h.attention, g.attention)

    @pytest.mark.parametrize("options", [{"beam_size": 1}, {"beam_size": 4, "min_length": 4}])
    def test_a_forced_prefix(self, engines, options):
        # The minimum length hides the one difference there is: right after a prefix, CTranslate2 considers </s>
        # only where it is the most probable token.
        prefixes = [[7, 8], [], [20], [5, 5, 5], [], [31]]
        reference, ours = (translate(engine, SOURCES, asked(**options), prefixes) for engine in engines)
        equal(ours, reference)
        for best, prefix in zip(ours, prefixes, strict=True):
            assert best[0].tokens[: len(prefix)] == prefix
            assert best[0].token_scores[: len(prefix)] == [0.0] * len(prefix)

    def test_a_neighbour_with_a_prefix_changes_nothing(self, engines):
        for engine in engines:
            mixed = translate(engine, SOURCES, asked(n_best=5), [[9, 9], [], [], [], [8], []])
            plain = translate(engine, SOURCES, asked(n_best=5))
            equal([mixed[i] for i in (1, 2, 3, 5)], [plain[i] for i in (1, 2, 3, 5)])

    def test_token_scores_are_those_of_teacher_forcing(self, engines):
        reference, ours = engines
        for source, best in zip(SOURCES, translate(ours, SOURCES, asked(n_best=2)), strict=True):
            for h in best:
                target = torch.tensor([[BOS, *h.tokens, EOS]])
                given = torch.tensor([[*source, EOS]])
                logits = reference.model(given, given != 0, target[:, :-1])[0].log_softmax(-1)
                expected = logits.gather(1, target[0, 1:, None]).flatten()[: len(h.token_scores)]
                assert len(h.token_scores) == len(h.tokens) + h.finished
                assert near([h.token_scores], [expected.tolist()])


class TestEngine:
    """What Engine promises, of each of them."""

    @pytest.mark.parametrize("options", [{"beam_size": 1}, {"beam_size": 4, "n_best": 2}])
    def test_results_are_in_order_and_owe_nothing_to_neighbours(self, engine, options):
        many = SOURCES * 7 + SOURCES[::-1]
        together = translate(engine, many, asked(**options))
        alone = {tuple(source): translate(engine, [source], asked(**options))[0] for source in SOURCES}
        equal(together, [alone[tuple(source)] for source in many])

    def test_nothing_in_nothing_out(self, engine):
        assert translate(engine, [], asked()) == []
        found = translate(engine, [[], SOURCES[0], []], asked(), [[], [], [5]], attention=True)
        assert [best[0].tokens for best in (found[0], found[2])] == [[], [5]]
        assert found[0][0].finished and len(found[1][0].tokens) > 0

    def test_without_token_scores_their_sum_and_number_stay(self, engine):
        for alpha in (0.0, 1.0):
            options = asked(length_penalty=alpha)
            for (h,) in translate(engine, SOURCES, options, token_scores=False):
                assert len(h.token_scores) == len(h.tokens) + h.finished
                assert options.normalise(sum(h.token_scores), len(h.token_scores)) == pytest.approx(
                    h.score, abs=1e-4
                )

    def test_attention_is_there_when_asked_for(self, engine):
        assert translate(engine, SOURCES[:1], asked())[0][0].attention is None


class TestCTranslate2:
    def test_sampling_is_refused_with_the_way_out(self, one_pair):
        with pytest.raises(ConfigError, match="use the torch engine"):
            translate(one_pair[1], SOURCES, asked(sample=True, beam_size=1))

    def test_a_source_beyond_the_positions_is_refused_before_anything_runs(self):
        ours = fast(build(replace(SMALL, positions="learned", max_length=64)))
        with pytest.raises(UsageError, match="65 tokens, </s> included, is longer than the 64 positions"):
            translate(ours, [[5], [5] * 64], asked())
        assert len(translate(ours, [[5] * 63], asked(max_length=99))[0][0].tokens) <= 64

    def test_without_scores_the_words_are_the_same(self, one_pair):
        for options in SEARCHES:
            plain = translate(one_pair[1], SOURCES, asked(**options), token_scores=False)
            bare = translate(one_pair[1], SOURCES, asked(**options), scores=False, token_scores=False)
            assert [[h.tokens for h in best] for best in bare] == [[h.tokens for h in best] for best in plain]
            if options.get("n_best", 1) == 1:
                assert all(h.score == 0.0 and h.token_scores == [] for best in bare for h in best)

    def test_what_is_begun_together_is_found_apart(self, one_pair):
        begun = [
            one_pair[1].begin(some, SearchRequest(asked(), token_scores=True))
            for some in (SOURCES, SOURCES[::-1])
        ]
        forwards, backwards = (list(found) for found in begun)
        equal(forwards, backwards[::-1])
        equal(forwards, translate(one_pair[1], SOURCES, asked()))

    def test_who_lets_go_of_the_results_ends_what_has_not_begun(self, monkeypatch):
        monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
        engine = TorchEngine(build(SMALL), workers=2, batch_tokens=1)  # a sentence a batch
        may_go, searched = threading.Event(), []

        def search(sources, options, prefixes, wanted):
            searched.append(sources)
            assert may_go.wait(20)
            return [[Hypothesis([5], 0.0, [0.0, 0.0], None, True)] for _ in sources]

        monkeypatch.setattr(engine, "_search", search)
        results = engine.begin([[5], [6]] * 20, SearchRequest(asked(), token_scores=True))
        del results
        may_go.set()
        engine._pool.shutdown()
        assert len(searched) <= 3  # two that had begun, and one that a worker took meanwhile

    def test_what_is_not_wanted_any_more_ends_between_two_steps_or_batches(self, one_pair):
        request = SearchRequest(asked(beam_size=5, min_length=60, max_length=64))
        many = [*SOURCES, *[[5 + n] * n for n in range(1, 30)]]
        for engine in one_pair:
            looked: list[int] = []

            def wanted(looked: list[int] = looked, most: int = 1000) -> bool:
                looked.append(len(looked))
                return len(looked) < most

            begin = partial(engine_protocol.translate, engine, many, request)
            equal(begin(wanted=wanted), begin())
            steps = len(looked)
            looked.clear()
            with pytest.raises(Unwanted):
                begin(wanted=partial(wanted, most=3))
            assert 3 <= len(looked) < steps

    @pytest.mark.parametrize(
        ("sentences", "length", "size"), [(1, 5, 1), (48, 5, 48), (49, 5, 25), (100, 512, 2)]
    )
    def test_batches_are_few_and_of_like_size(self, sentences, length, size):
        assert batch_size(sentences, length, 48) == size

    def test_a_long_source_is_read_to_its_end(self, one_pair):
        # CTranslate2 itself cuts at 1,024 tokens and says nothing.
        sources = [[5] * 1100 + [last] for last in (6, 31)]
        reference, ours = (
            translate(engine, sources, asked(beam_size=1), attention=True) for engine in one_pair
        )
        equal(ours, reference)
        assert len(ours[0][0].attention[0]) == 1102

    def test_workers(self):
        model = build(SMALL)
        assert fast(model, workers=3).workers == 3 and fast(model).workers >= 1
        with pytest.raises(ConfigError, match="workers = 0"):
            fast(model, workers=0)

    def test_int8_by_default_and_near_float32(self, one_pair):
        ours = fast(one_pair[0].model, compute_type=None)
        assert ours.compute_type.startswith("int8")
        for best, others in zip(*(translate(e, SOURCES, asked()) for e in (ours, one_pair[1])), strict=True):
            assert best[0].score == pytest.approx(others[0].score, abs=0.2)

    def test_a_compute_type_that_is_none_is_named(self):
        with pytest.raises(ModelError, match="CTranslate2 does not take this model"):
            fast(build(SMALL), compute_type="int3")

    def test_opening_it_leaves_the_threads_of_torch_alone(self):
        """CTranslate2 gave whoever opened a model one thread: training went on with one when BLEU had been measured."""
        threads = torch.get_num_threads()
        torch.set_num_threads(3)
        try:
            translate(fast(build(SMALL)), SOURCES, asked())
            assert torch.get_num_threads() == 3
        finally:
            torch.set_num_threads(threads)

    def test_a_directory_that_is_no_model_is_named(self, tmp_path):
        with pytest.raises(ModelError, match=r"not a CTranslate2 model: it has no model\.bin"):
            CTranslate2Engine(tmp_path)

    def test_a_mapping_describes_the_model_as_well_as_a_config(self, one_pair):
        model = one_pair[0].model
        settings = {"kind": "transformer", **asdict(model.config)}
        weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
        ours = CTranslate2Engine.from_weights(
            weights, settings, VOCABULARY, VOCABULARY, compute_type="float32"
        )
        equal(translate(ours, SOURCES, asked()), translate(one_pair[1], SOURCES, asked()))


class TestTorch:
    def test_batches_hold_every_sentence_once_within_the_budget(self):
        lengths = [3, 0, 50, 7, 7, 1, 12, 0, 3]
        found = list(_batches(lengths, 20))
        assert sorted(sum(found, [])) == [i for i, length in enumerate(lengths) if length]
        assert all(len(b) == 1 or len(b) * max(lengths[i] for i in b) <= 20 for b in found)

    def test_sampling_owes_nothing_to_neighbours(self, one_pair):
        options = asked(sample=True, beam_size=1, n_best=3, seed=4)
        small = TorchEngine(one_pair[0].model, batch_tokens=16)
        equal(translate(one_pair[0], SOURCES, options), translate(small, SOURCES, options))

    def test_workers_side_by_side_find_what_one_finds(self):
        model = build(SMALL)
        sources = [[5 + i % 30, 6 + i % 17] * (1 + i % 9) for i in range(60)]
        threads = torch.get_num_threads()
        torch.set_num_threads(3)  # there may be fewer processors, but never fewer threads
        try:
            alone = TorchEngine(model, workers=1, batch_tokens=64)
            three = TorchEngine(model, workers=3, batch_tokens=64)
            assert (alone.workers, three.workers) == (1, 3)
            options = asked(beam_size=2)
            equal(
                translate(three, sources, options, attention=True),
                translate(alone, sources, options, attention=True),
            )
        finally:
            torch.set_num_threads(threads)

    def test_small_batches_are_searched_by_one_thread_and_large_ones_by_all(self, monkeypatch):
        """On a busy machine two threads at a single sentence once took 25 times as long as one."""
        model = build(SMALL)
        seen = set()
        real = model.step

        def step(*arguments):
            seen.add(torch.get_num_threads())
            return real(*arguments)

        model.step = step
        monkeypatch.setattr(processor, "_they_count", False)
        threads = torch.get_num_threads()
        torch.set_num_threads(3)
        try:
            engine = TorchEngine(model)
            translate(engine, SOURCES[:1], asked(beam_size=2))
            assert seen == {1} and torch.get_num_threads() == 3
            weights = sum(weight.numel() for weight in model.parameters())
            monkeypatch.setattr(processor, "WORTH_A_THREAD", 2 * len(SOURCES) * weights)
            seen.clear()
            translate(engine, SOURCES[:-1], asked(beam_size=2))
            assert seen == {1}
            seen.clear()
            translate(engine, SOURCES, asked(beam_size=2))
            assert seen == {3}
        finally:
            torch.set_num_threads(threads)

    def test_a_sentence_is_written_by_one_thread_and_the_reader_has_all(self):
        model = build(SMALL)
        seen = set()
        real = model.step

        def step(*arguments):
            seen.add(torch.get_num_threads())
            return real(*arguments)

        model.step = step
        threads = torch.get_num_threads()
        torch.set_num_threads(3)
        try:
            for _ in TorchEngine(model).write(SOURCES[0], asked(beam_size=1)):
                assert torch.get_num_threads() == 3
            assert seen == {1}
        finally:
            torch.set_num_threads(threads)

    def test_bfloat16_computes_in_it_on_a_copy(self):
        model = build(SMALL)
        # Far from even: what comes first does not hang on the last bits.
        model.embedding.weight.data *= 3
        engine = TorchEngine(model, compute_type="bfloat16")
        assert {p.dtype for p in engine.model.parameters()} == {torch.bfloat16}
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        ours, reference = (
            translate(e, SOURCES, asked(beam_size=1, max_length=4)) for e in (engine, TorchEngine(model))
        )
        scores = [[best[0].token_scores[0] for best in found] for found in (ours, reference)]
        assert scores[0] == pytest.approx(scores[1], abs=0.2)
        assert scores[0] != scores[1]

    def test_a_number_format_it_does_not_know_is_refused(self):
        with pytest.raises(ConfigError, match="compute_type = 'int8': the torch engine computes in float32"):
            TorchEngine(build(SMALL), compute_type="int8")
