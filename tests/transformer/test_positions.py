"""Encodings of position against their formulas, in the cache and out of it; and a sixth one, as a stranger adds it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor

from dragoman.engines.compiled import refusal as refused_by_c
from dragoman.engines.torch import TorchEngine
from dragoman.errors import ConfigError, DragomanError
from dragoman.interop.ctranslate2 import refusal as refused_by_ctranslate2
from dragoman.training.cpu.fused import FUSED
from dragoman.training.cpu.fused import refusal as refused_in_training
from dragoman.transformer import positions
from dragoman.transformer.model import Transformer, TransformerConfig, transformer
from dragoman.transformer.positions import (
    ENCODINGS,
    Alibi,
    Grid,
    Learned,
    Positions,
    PositionsName,
    Sizes,
    rotate,
    sinusoids,
    slopes,
)

SIZES = Sizes(d_model=16, n_heads=4, max_length=32, columns=4)


class Reversed(Positions):
    """A sixth encoding: features turn with the position, and far keys count for a little less."""

    def add(self, x: Tensor, offset: int = 0) -> Tensor:
        places = torch.arange(offset, offset + x.size(1), device=x.device, dtype=x.dtype)
        return x + (0.3 * places).sin()[:, None]

    def bias(self, q: Tensor, k: Tensor) -> Tensor | None:
        places = torch.arange(k.size(2), device=q.device)
        distance = (places[k.size(2) - q.size(2) :, None] - places).abs()
        return (-0.1 * distance).to(q.dtype).expand(q.size(1), -1, -1)


@pytest.fixture
def sixth(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(positions.ENCODINGS, "reversed", Reversed)
    yield "reversed"


def small(name: str, parts: object = None) -> Transformer:
    torch.manual_seed(4)
    config = TransformerConfig(
        d_model=32, d_ff=64, n_heads=2, encoder_layers=2, decoder_layers=2, dropout=0.0, max_length=40,
        columns=3, positions=name,  # type: ignore[arg-type]
    )  # fmt: skip
    return transformer(config, 30, 30, *([parts] if parts else [])).eval()  # type: ignore[arg-type]


def test_the_table_has_each_name_once() -> None:
    assert tuple(ENCODINGS) == get_args(PositionsName)


def test_sinusoids_are_the_papers() -> None:
    table = sinusoids(50, 8)
    for position in (0, 1, 7, 49):
        for i in range(4):
            angle = position / 10000 ** (2 * i / 8)
            assert table[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_rotation_keeps_lengths_and_starts_at_no_turn() -> None:
    x = torch.randn(1, 2, 5, 6)
    turned = rotate(x)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, :, 0], x[:, :, 0])
    torch.testing.assert_close(rotate(x[:, :, 2:], offset=2), turned[:, :, 2:])


def test_positions_first_seen_in_inference_can_be_trained_with_later() -> None:
    # The table is cached; made inside inference mode it once broke the training that followed in the process.
    with torch.inference_mode():
        rotate(torch.randn(1, 1, 23, 6))
    x = torch.randn(1, 1, 23, 6, requires_grad=True)
    rotate(x).sum().backward()
    assert x.grad is not None


def test_a_sentence_beyond_the_learned_positions_is_refused_with_both_numbers() -> None:
    with pytest.raises(DragomanError, match="position 4 .* the 4 learned positions"):
        Learned(Sizes(8, 2, max_length=4)).add(torch.zeros(1, 5, 8))


def test_alibi_takes_off_what_the_paper_says() -> None:
    assert slopes(8).tolist() == pytest.approx([2.0**-i for i in range(1, 9)])
    # Twelve heads: those of eight, and every second of sixteen (Press et al., 2022).
    assert slopes(12).tolist() == pytest.approx(
        [2.0**-i for i in range(1, 9)] + [2 ** -(i / 2) for i in (1, 3, 5, 7)]
    )
    bias = Alibi(SIZES).bias(torch.zeros(1, 4, 2, 4), torch.zeros(1, 4, 3, 4))
    assert bias is not None
    # The two last queries of three keys: their own key is the last, and the one before it.
    torch.testing.assert_close(bias[0], torch.tensor([[-1.0, 0.0, -1.0], [-2.0, -1.0, 0.0]]) * 2**-2)


def test_a_grid_tells_row_and_column_apart() -> None:
    table = Grid(SIZES).table(12, torch.zeros(1))
    rows, columns = table[:, :8], table[:, 8:]
    for place in range(12):
        torch.testing.assert_close(rows[place], sinusoids(3, 8)[place // 4])
        torch.testing.assert_close(columns[place], sinusoids(4, 8)[place % 4])


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_place_is_the_same_seen_at_once_or_later(name: str) -> None:
    encoding, x = ENCODINGS[name](SIZES), torch.randn(2, 9, 16)
    torch.testing.assert_close(encoding.add(x[:, 5:], 5), encoding.add(x)[:, 5:])
    heads = torch.randn(2, 4, 9, 4)
    torch.testing.assert_close(encoding.turn(heads[:, :, 5:], 5), encoding.turn(heads)[:, :, 5:])
    whole, late = encoding.bias(heads, heads), encoding.bias(heads[:, :, 5:], heads)
    assert (whole is None) == (late is None)
    if whole is not None and late is not None:
        torch.testing.assert_close(late, whole[:, 5:])


@pytest.mark.parametrize("name", ENCODINGS)
def test_steps_with_a_cache_say_what_one_pass_says(name: str) -> None:
    _assert_steps(small(name))


def _assert_steps(model: Transformer) -> None:
    source = torch.tensor([[5, 6, 7, 8, 3], [9, 4, 3, 0, 0]])
    target = torch.tensor([[2, 5, 9, 11, 12], [2, 7, 8, 4, 6]])
    mask = source != 0
    with torch.no_grad():
        whole = model(source, mask, target)
        state, steps = model.start(source, mask), []
        for t in range(target.size(1)):
            logits, state = model.step(target[:, t : t + 1], state)
            steps.append(logits)
        alone = model(source[1:, :3], mask[1:, :3], target[1:])
    torch.testing.assert_close(torch.stack(steps, 1), whole, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(alone[0], whole[1], atol=1e-4, rtol=1e-4)  # padded = alone


@pytest.mark.parametrize("name", ENCODINGS)
def test_order_counts(name: str) -> None:
    model, mask = small(name), torch.ones(1, 4, dtype=torch.bool)
    target = torch.tensor([[2, 5]])
    with torch.no_grad():
        one = model(torch.tensor([[5, 6, 7, 3]]), mask, target)
        other = model(torch.tensor([[7, 6, 5, 3]]), mask, target)
    assert (one - other).abs().max() > 1e-3


def test_a_sixth_encoding_works_at_once_where_it_can_and_is_refused_by_name_elsewhere(sixth: str) -> None:
    model = small(sixth)
    _assert_steps(model)
    found = list(TorchEngine(model).begin([[5, 6, 7]], _greedy()))
    assert found[0][0].tokens
    for why in (
        refused_by_c(model),
        refused_by_ctranslate2(model.config),
        refused_in_training(small(sixth, FUSED)),
    ):
        assert why is not None and "reversed" in why


def test_a_sixth_encoding_trains_as_the_page_says_though_the_fused_layers_do_not_know_it(sixth: str) -> None:
    """ALiBi, added correctly to the page, once lost a third of its gradient in the fused layers."""
    from dragoman.corpus.batches import collate

    batch = collate([[5, 6, 7, 8], [9, 4]], [[4, 5, 6], [7, 8, 9, 10]])
    gradients = []
    for model in (small(sixth), small(sixth, FUSED)):
        model = model.bfloat16().train()
        model.loss(batch).sum.backward()  # type: ignore[arg-type]
        gradients.append(
            torch.cat([p.grad.float().flatten() for p in model.parameters() if p.grad is not None])
        )
    assert (gradients[0] - gradients[1]).norm() < 0.05 * gradients[0].norm()


def test_a_sixth_encoding_is_saved_opened_and_explained(sixth: str, tmp_path: Path) -> None:
    from dragoman.explain import explain
    from dragoman.translate.translator import Translator
    from tiny import with_positions

    directory = with_positions(tmp_path / "model", sixth)
    translator = Translator.load(directory)
    assert (
        translator.translate("Hello there.").text == Translator.load(directory).translate("Hello there.").text
    )
    trace = explain(Translator.load(directory, engine="torch"), "Hello there.")
    assert all(proof.passed for proof in trace.proofs)
    with pytest.raises(ConfigError, match="reversed"):
        Translator.load(directory, engine="ctranslate2")


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="'spiral'.*sinusoidal, fairseq, learned, rotary, alibi, grid"):
        TransformerConfig(positions="spiral")  # type: ignore[arg-type]


def _greedy() -> object:
    from dragoman.decoding.options import DecodingOptions, SearchRequest

    return SearchRequest(DecodingOptions(beam_size=1, max_length=8))
