"""What a removed part does, against models from which it was removed in another way: by surgery on the weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dragoman.errors import UsageError
from dragoman.explain import Trace, explain
from dragoman.explain.watch.broken import PARTS, machine
from dragoman.transformer.model import Transformer
from dragoman.translate.translator import Translator
from tiny import parts

TEXT, REFERENCE = "The dog sees the old tree.", "我喜欢你的老树"


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    made = parts(decoder_layers=2, n_heads=4)
    return Translator.load(made.write(tmp_path_factory.mktemp("models") / "two"), engine="torch")


@pytest.fixture(scope="module")
def trace(translator: Translator) -> Trace:
    return explain(translator, TEXT, REFERENCE)


def failed(trace: Trace) -> set[str]:
    return {proof.id for proof in trace.proofs if not proof.passed}


def losses(trace: Trace) -> list[float]:
    assert trace.training is not None
    return [step.loss for step in trace.training.steps]


@pytest.mark.parametrize("part", [*PARTS, "head:encoder.1.self:2", "head:decoder.2.cross:4"])
def test_every_part_can_be_removed_and_told(trace: Trace, part: str) -> None:
    without = trace.without(part)
    assert without.removed == part
    assert Trace.from_json(without.to_json()).to_json() == without.to_json()
    assert losses(without) != losses(trace) or part == "cache"


def test_nothing_stays_removed(translator: Translator, trace: Trace) -> None:
    for part in PARTS:
        trace.without(part)
    again = explain(translator, TEXT, REFERENCE)
    assert losses(again) == losses(trace) and failed(again) == set()


def test_without_a_cache_the_words_are_the_same_and_the_work_is_not(trace: Trace) -> None:
    without = trace.without("cache")
    assert without.inference.tokens == trace.inference.tokens
    chances = [[step.chosen.p for step in found.inference.steps] for found in (trace, without)]
    assert chances[0] == pytest.approx(chances[1], abs=1e-5)
    assert (trace.inference.encoder_passes, trace.inference.decoder_passes) == (
        1,
        without.inference.encoder_passes,
    )
    assert without.inference.rows_computed > 2 * trace.inference.rows_computed
    assert failed(without) == {"encoder_once"}, "the encoder ran at every step, and that is all"


def test_without_a_cache_the_triangle_comes_back(trace: Trace) -> None:
    """With a cache a step has one row and nothing to hide; without, all rows are computed and the mask is needed."""
    with_cache, without = trace.decoder[0].self, trace.without("cache").decoder[0].self
    assert with_cache is not None and without is not None
    assert (with_cache.mask, without.mask) == ("none", "causal")
    np.testing.assert_allclose(with_cache.weights, without.weights, atol=1e-5)


def test_without_the_mask_every_position_sees_every_other(trace: Trace) -> None:
    without = trace.without("causal_mask")
    assert without.training is not None and trace.training is not None
    assert np.array(trace.training.causal_mask).sum() == sum(range(1, len(losses(trace)) + 1))
    assert np.array(without.training.causal_mask).all()
    assert "no_future" in failed(without)
    first = without.training.decoder[0].self
    assert first is not None and (first.weights[:, 0, 1:] > 0).all()


def test_without_the_shift_the_label_is_fed(trace: Trace) -> None:
    without = trace.without("shift")
    assert without.training is not None
    assert [t.id for t in without.training.input] == [t.id for t in without.training.labels]
    assert without.inference.tokens == trace.inference.tokens, "inference has no reference to shift"


def test_a_silent_head_is_a_head_without_output_weights(translator: Translator, trace: Trace) -> None:
    width = 4  # d_model 16, 4 heads
    expected = _with_weights(
        translator, trace, "decoder.layers.1.cross_attention.output.weight", lambda w: _columns(w, 2, width)
    )
    assert losses(trace.without("head:decoder.2.cross:3")) == pytest.approx(expected, abs=1e-5)


def test_unscaled_scores_are_scores_of_longer_queries(translator: Translator, trace: Trace) -> None:
    """sqrt(K) = 2 in the query projections of every attention undoes the division."""
    without = trace.without("scale")
    expected = _with_weights(translator, trace, ".q.", lambda w: 2 * w)
    assert losses(without) == pytest.approx(expected, abs=1e-4)
    attention = without.decoder[0].cross
    assert attention.scale == 1
    assert attention.q is not None and attention.k is not None
    np.testing.assert_allclose(attention.scores, attention.q @ attention.k.transpose(0, 2, 1), atol=1e-4)


def _with_weights(
    translator: Translator, trace: Trace, name: str, change: Callable[[Tensor], Tensor]
) -> list[float]:
    """The losses of a model some of whose weights are changed."""
    state = {
        key: change(weight) if name in key else weight
        for key, weight in translator.module.state_dict().items()
    }
    config = translator.module.config
    made = Transformer(config, 360, 360)  # type: ignore[arg-type]
    made.load_state_dict(state)
    assert trace.training is not None
    source, inputs, labels = (
        torch.tensor([[token.id for token in tokens]])
        for tokens in (trace.source.tokens, trace.training.input, trace.training.labels)
    )
    with torch.no_grad():
        logits = made.eval()(source, source > 0, inputs)
    return F.cross_entropy(logits[0], labels[0], reduction="none").tolist()


def _columns(weight: Tensor, head: int, width: int) -> Tensor:
    """Without the columns that read one head."""
    cut = weight.clone()
    cut[:, head * width : (head + 1) * width] = 0
    return cut


def test_without_positions_order_is_lost(translator: Translator) -> None:
    one, other = (
        explain(translator, text).without("positions")
        for text in ("The dog sees my house.", "The house sees my dog.")
    )
    assert sorted(t.piece for t in one.source.tokens) == sorted(t.piece for t in other.source.tokens)
    assert one.inference.tokens == other.inference.tokens


def test_without_the_encoder_the_source_does_not_matter(translator: Translator) -> None:
    one, other = (
        explain(translator, text).without("encoder")
        for text in ("The dog sees my house.", "A red bird likes the small old tree.")
    )
    assert one.inference.tokens == other.inference.tokens
    assert one.inference.passed.memory is not None and not one.inference.passed.memory.any()


def test_swapped_the_rows_are_the_sources(trace: Trace) -> None:
    """As many rows come out as go in as queries: those of the memory, not those of the decoder."""
    without = trace.without("swap")
    cross, sides = without.decoder[0].cross, (len(without.source.tokens), len(without.inference.steps))
    assert (cross.q_from, cross.k_from, cross.v_from) == ("memory", "x", "x")
    assert cross.weights.shape[1:] == sides
    assert dict(cross.shapes)["output"][1] == sides[0] != sides[1]


@pytest.mark.parametrize(
    "part, message",
    [
        ("mask", "no part 'mask' to remove: there are causal_mask, shift"),
        ("head:decoder.3.cross:1", "no attention 'decoder.3.cross' .* decoder.2.cross"),
        ("head:decoder.2.cross:5", "no head '5': its heads are 1 to 4"),
        ("head:decoder.2.cross:0", "no head '0'"),
        ("head:decoder.2.cross:x", "no head 'x'"),
        ("head:", "no attention ''"),
    ],
)
def test_what_is_not_there_cannot_be_removed(trace: Trace, part: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        trace.without(part)


def test_a_brief_comparison_is_the_whole_one_without_what_no_comparison_shows(trace: Trace) -> None:
    whole, brief = trace.without("scale"), trace.without("scale", brief=True)
    assert brief.inference.text == whole.inference.text and losses(brief) == losses(whole)
    assert [one.id for one in brief.proofs] == [one.id for one in whole.proofs]
    assert brief.training and brief.training.free_running.steps == ()
    assert whole.training and whole.training.free_running.steps


# -- layers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part", ["encoder.1", "encoder.2", "decoder.2", "twice:encoder.2", "twice:decoder.1"]
)
def test_a_layer_is_taken_out_or_stands_twice(translator: Translator, trace: Trace, part: str) -> None:
    """Beside layers that are called by hand, the ones that are left in their order."""
    after = trace.without(part)
    assert after.removed == part and after.training is not None
    module = translator.module
    stacks = {"encoder": list(module.encoder.layers), "decoder": list(module.decoder.layers)}
    side, number = part.removeprefix("twice:").split(".")
    at = int(number) - 1
    if part.startswith("twice:"):
        stacks[side].insert(at, stacks[side][at])
    else:
        del stacks[side][at]
    assert (len(after.encoder), len(after.decoder)) == (len(stacks["encoder"]), len(stacks["decoder"]))
    source, labels = translator.encode(TEXT, REFERENCE)
    ids, fed = torch.tensor([[*source, 3]]), torch.tensor([[2, *labels]])
    with torch.inference_mode():
        x = module.source_input(ids, module.source_table)
        for layer in stacks["encoder"]:
            x = layer(x, None)
        memory = x if module.encoder.norm is None else module.encoder.norm(x)
        x = module.target_input(fed, module.target_table)
        mask = torch.ones(fed.size(1), fed.size(1), dtype=torch.bool).tril()
        for layer in stacks["decoder"]:
            x = layer(x, memory, mask, None)
        x = x if module.decoder.norm is None else module.decoder.norm(x)
        logits = F.linear(x, module.output_weight)[0]
    expected = F.cross_entropy(logits, torch.tensor([*labels, 3]), reduction="none").tolist()
    assert losses(after) == pytest.approx(expected, abs=1e-4)
    assert failed(after) == set()
    assert len(translator.module.encoder.layers) == len(trace.encoder)
    assert Trace.from_json(after.to_json()).removed == part


@pytest.mark.parametrize(
    "part, said",
    [
        ("encoder.9", "this model has encoder.1, encoder.2, decoder.1, decoder.2"),
        ("decoder.0", "no layer 'decoder.0'"),
        ("encoder.x", "no layer 'encoder.x'"),
        ("twice:scale", "no layer 'scale'"),
        ("twice:", "no layer ''"),
    ],
)
def test_a_layer_that_is_not_there_is_named(trace: Trace, part: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        trace.without(part)


def test_the_only_layer_stays(tmp_path: Path) -> None:
    one = Translator.load(parts(decoder_layers=1).write(tmp_path / "one"), engine="torch")
    with pytest.raises(UsageError, match="only layer of the decoder"):
        explain(one, TEXT).without("decoder.1")


def test_before_training_the_weights_are_random_the_same_each_time_and_tied_tables_still_tied(
    translator: Translator, trace: Trace
) -> None:
    learnt = translator.module
    assert isinstance(learnt, Transformer)
    first, again = (machine(learnt, "training").module for _ in range(2))
    ours, theirs = dict(learnt.named_parameters()), dict(first.named_parameters())
    assert {name: weight.shape for name, weight in ours.items()} == {
        name: weight.shape for name, weight in theirs.items()
    }
    assert all(torch.equal(weight, theirs[name]) for name, weight in again.named_parameters())
    assert not torch.equal(first.output_weight, learnt.output_weight)
    assert (first.output_weight is first.source_table.weight) == (
        learnt.output_weight is learnt.source_table.weight
    )
    without = trace.without("training")
    # It has learnt nothing: its guesses are no better than those of one who guesses evenly.
    assert without.training is not None
    assert without.training.loss.mean > 0.8 * math.log(trace.model.vocabulary)
    assert failed(without) <= {"traced_equals_served"}
