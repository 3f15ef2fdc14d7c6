"""The Transformer in C against the one in PyTorch: the same state, the same numbers up to bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dragoman import engines
from dragoman.decoding.options import DecodingOptions, Hypothesis, SearchRequest
from dragoman.engines import compiled as module
from dragoman.engines.compiled import CompiledTransformer, compiled
from dragoman.engines.packing import pack
from dragoman.engines.torch import TorchEngine
from dragoman.errors import ModelError
from dragoman.protocols import Ranks
from dragoman.transformer.model import Transformer, TransformerConfig

pytestmark = pytest.mark.skipif(module.library() is None, reason="no C compiler on this machine")

VOCABULARY = 203  # no multiple of the columns that are computed together
TOLERANCE = 0.06  # of logits that spread by 1.3: bfloat16 has three digits
SMALL = TransformerConfig(
    d_model=96,
    d_ff=160,
    n_heads=3,
    encoder_layers=2,
    decoder_layers=2,
    norm="pre",
    dropout=0.1,
    max_length=128,
)
CONFIGS = {
    "pre": SMALL,
    "post": replace(SMALL, norm="post", n_heads=2),
    "learned": replace(SMALL, positions="learned", d_model=64, d_ff=96, n_heads=4, tie="none"),
    "wide": replace(SMALL, d_model=256, d_ff=512, n_heads=4, decoder_layers=1, tie="target"),
}
LENGTHS = [5, 1, 17, 33, 16, 40]


def build(config: TransformerConfig) -> Transformer:
    torch.manual_seed(0)
    model = Transformer(config, VOCABULARY, VOCABULARY).eval()
    for parameter in model.parameters():  # far from the initial weights, which say nearly nothing
        parameter.data += (
            0.1 * torch.randn_like(parameter) * (1 if parameter.dim() == 1 else 8 / len(parameter) ** 0.5)
        )
    return model


def in_c(model: nn.Module) -> CompiledTransformer:
    found = compiled(model)
    assert found is not None
    return found


def batch(lengths: list[int] = LENGTHS) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    source = torch.randint(4, VOCABULARY, (len(lengths), max(lengths)))
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return source.masked_fill(~mask, 0), mask


def tokens(rows: int, new: int = 1) -> Tensor:
    return torch.randint(4, VOCABULARY, (rows, new))


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_are_those_of_the_reference_while_beams_come_and_go(name: str) -> None:
    model = build(CONFIGS[name])
    fast, (source, mask) = in_c(model), batch()
    expected, found = model.start(source, mask), fast.start(source, mask)
    rows = torch.arange(len(source))
    for step in range(40):  # beyond the room for 32 tokens that a cache begins with
        written = tokens(len(rows))
        logits, expected = model.step(written, expected)
        mine, found = fast.step(written, found)
        close(mine, logits)
        if step % 3 == 0:  # some are dropped, some repeated, some change places
            rows = torch.randint(len(rows), (9,))
            expected, found = expected.select(rows), found.select(rows)


def test_several_tokens_at_once_are_several_steps() -> None:
    fast = in_c(build(SMALL))
    state, written = fast.start(*batch()), tokens(6, 3)
    together, _ = fast.step(written, state)
    state = fast.start(*batch())
    for column in written.split(1, 1):
        logits, state = fast.step(column, state)
    assert torch.equal(together, logits)


def test_no_row_depends_on_another() -> None:
    model = build(SMALL)
    fast, (source, mask) = in_c(model), batch()
    written = tokens(len(source), 2)
    together, state = fast.step(written, fast.start(source, mask))
    ranked = fast.rank(written[:, :1], state, 5, (0, 1, 2))
    for i, length in enumerate(LENGTHS):
        one = slice(i, i + 1)
        alone, state = fast.step(written[one], fast.start(source[one, :length], mask[one, :length]))
        assert torch.equal(alone, together[one])
        assert all(
            torch.equal(a, b[one])
            for a, b in zip(fast.rank(written[one, :1], state, 5, (0, 1, 2))[:2], ranked[:2], strict=True)
        )


@pytest.mark.parametrize("count", [1, 7, 500])
@pytest.mark.parametrize("never", [(), (0, 1, 2, 202)])
def test_the_likeliest_tokens_are_those_with_the_highest_logits(count: int, never: tuple[int, ...]) -> None:
    fast = in_c(build(SMALL))
    assert isinstance(fast, Ranks)
    lengths = [3] * 300  # more rows than are ranked at once
    written = tokens(len(lengths))
    logits, _ = fast.step(written, fast.start(*batch(lengths)))
    scores, found, _ = fast.rank(written, fast.start(*batch(lengths)), count, never)
    allowed = logits.index_fill(1, torch.tensor(never, dtype=torch.int64), float("-inf"))
    there = min(count, VOCABULARY - len(never))
    top, which = allowed.topk(there)
    assert torch.equal(found[:, :there], which)
    torch.testing.assert_close(scores[:, :there], top - allowed.logsumexp(1, keepdim=True))
    assert (scores[:, there:] == float("-inf")).all()


def test_logits_of_any_size_have_probabilities() -> None:
    model = build(SMALL)
    model.embedding.weight.data *= 60
    fast, written = in_c(model), tokens(6)
    logits, _ = fast.step(written, fast.start(*batch()))
    assert logits.std() > 50
    scores, _, _ = fast.rank(written, fast.start(*batch()), VOCABULARY, ())
    torch.testing.assert_close(scores.exp().sum(1), torch.ones(6))


def test_a_state_goes_on_once() -> None:
    fast = in_c(build(SMALL))
    state = fast.start(*batch())
    _, following = fast.step(tokens(6), state)
    with pytest.raises(AssertionError, match="goes on once"):
        fast.step(tokens(6), state)
    beams = following.select(torch.tensor([0, 0, 1]))
    with pytest.raises(AssertionError, match="goes on once"):
        following.select(torch.tensor([0, 0, 1]))
    fast.step(tokens(3), beams)


def test_rows_that_go_on_alone_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = in_c(build(SMALL))
    _, state = fast.step(tokens(6), fast.start(*batch()))
    copied: list[int] = []
    run = fast._run
    monkeypatch.setattr(
        fast,
        "_run",
        lambda name, *asked: (copied.append(asked[0]) if name == "copy_slots" else None, run(name, *asked)),
    )
    state = replace(state, copy=fast._copy)
    for rows, copies in (([5, 3, 1], []), ([0, 1, 2], []), ([2, 1, 1, 1], [2, 2])):
        copied.clear()
        state = state.select(torch.tensor(rows))
        assert copied == copies  # each of two layers


@pytest.mark.parametrize(
    "change",
    [{"activation": "gelu"}, {"positions": "rotary"}, {"d_model": 80, "n_heads": 5}, {"n_heads": 12}, {"d_ff": 100}],
)  # fmt: skip
def test_other_models_are_left_to_torch(change: dict[str, object]) -> None:
    assert compiled(build(replace(SMALL, **change))) is None  # type: ignore[arg-type]


def test_other_kinds_of_models_are_left_to_torch() -> None:
    assert compiled(nn.Linear(32, 32)) is None


def test_weights_are_packed_in_pairs_sixteen_rows_at_a_time() -> None:
    weight = torch.arange(40 * 64).view(40, 64).bfloat16()
    packed = pack(weight)
    assert packed.shape == (4, 32, 16, 2)
    assert torch.equal(packed[1, 5, 3], weight[16 + 3, 10:12])
    assert not packed[2, :, 8:].any() and not packed[3].any()


# -- the engine --------------------------------------------------------------------------------------------------


SOURCES = [[5, 6, 7], [9] * 14, [30], [12, 31, 8, 8, 20, 21, 35], [11, 4], list(range(4, 36)), []]
SEARCHES = [
    {"beam_size": 1},
    {"beam_size": 5, "n_best": 3},
    {"beam_size": 4, "no_repeat_ngram": 2, "min_length": 3},
    {"sample": True, "beam_size": 1, "n_best": 2, "seed": 4},
]


def translate(
    engine: TorchEngine,
    sources: list[list[int]],
    options: DecodingOptions,
    prefixes: list[list[int]] | None = None,
) -> list[list[Hypothesis]]:
    return engines.translate(engine, sources, SearchRequest(options), prefixes)


@pytest.mark.parametrize("options", SEARCHES)
def test_hypotheses_score_what_the_reference_gives_them(options: dict[str, object]) -> None:
    """Rounding may exchange two that are almost equal; but what is found must be worth what is said."""
    model, asked = build(SMALL), DecodingOptions(length_penalty=1.0, **options)  # type: ignore[arg-type]
    engine = TorchEngine(model, compute_type="bfloat16", workers=1)
    assert isinstance(engine.decodable, CompiledTransformer)
    prefixes: list[list[int]] = [[], [4, 5], *[[]] * 5]
    for source, prefix, best in zip(
        SOURCES, prefixes, translate(engine, SOURCES, asked, prefixes), strict=True
    ):
        assert len(best) == (asked.n_best if source else 1)
        for h in best:
            assert h.tokens[: len(prefix)] == prefix
            if source and "min_length" not in options:
                ids = torch.tensor([[*source, 3]])
                target = torch.tensor([[2, *h.tokens, *[3] * h.finished]])
                logits = model(ids, torch.ones_like(ids, dtype=torch.bool), target[:, :-1])[0]
                logits[:, :3] = float("-inf")
                logs = logits.log_softmax(-1).gather(1, target[0, 1:, None])[len(prefix) :, 0]
                assert h.token_scores[len(prefix) :] == pytest.approx(logs.tolist(), abs=TOLERANCE)


def test_batches_are_searched_side_by_side_and_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = build(SMALL), DecodingOptions(beam_size=3)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    engine = TorchEngine(model, compute_type="bfloat16", batch_tokens=64)
    assert engine.workers == 2
    alone = [translate(TorchEngine(model, compute_type="bfloat16"), [source], asked)[0] for source in SOURCES]
    begun = [engine.begin(some, SearchRequest(asked, token_scores=True)) for some in (SOURCES, SOURCES[::-1])]
    assert list(begun[1]) == alone[::-1]
    assert list(begun[0]) == alone


def test_greedy_writing_is_greedy_search() -> None:
    engine = TorchEngine(build(SMALL), compute_type="bfloat16")
    asked = DecodingOptions(beam_size=1)
    for source in SOURCES[:-1]:
        assert list(engine.write(source, asked)) == translate(engine, [source], asked)[0][0].tokens


def test_damaged_weights_are_reported() -> None:
    model = build(SMALL)
    model.decoder.layers[0].feed_forward.inner.bias.data[3] = float("nan")
    engine = TorchEngine(model, compute_type="bfloat16")
    with pytest.raises(ModelError, match="NaN"):
        translate(engine, SOURCES, DecodingOptions(beam_size=2))


def test_without_a_compiler_torch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "library", lambda: None)
    engine = TorchEngine(build(SMALL), compute_type="bfloat16")
    assert isinstance(engine.decodable, Transformer)
    assert translate(engine, SOURCES, DecodingOptions(beam_size=2))


@pytest.mark.parametrize(
    "flags", ["-mno-amx-tile -mno-amx-bf16", "-mno-amx-tile -mno-amx-bf16 -mno-avx512bf16"]
)
def test_other_instructions_compute_the_same(
    flags: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What processors without tiles run, and those without products of bfloat16."""
    model, (source, mask), written = build(SMALL), batch(), tokens(6, 4)
    expected, _ = in_c(model).step(written, in_c(model).start(source, mask))
    monkeypatch.setenv("CC", f"gcc {flags}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    module.library.cache_clear()
    try:
        if module.library() is None:
            pytest.skip("gcc does not know these instructions")
        other = in_c(model)
        found, _ = other.step(written, other.start(source, mask))
        close(found, expected)
        _, likeliest, _ = other.rank(written, other.start(source, mask), 1, ())
        assert torch.equal(likeliest[:, 0], found.argmax(1))
    finally:
        module.library.cache_clear()
