"""The whole model against torch.nn.Transformer, and the properties training and search rely on."""

import dataclasses
import itertools
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dragoman.errors import ConfigError
from dragoman.transformer.attention import padding_mask
from dragoman.transformer.model import Transformer, TransformerConfig

SMALL = TransformerConfig(
    d_model=16, d_ff=32, n_heads=4, encoder_layers=3, decoder_layers=2, dropout=0.0, max_length=64
)
VARIANTS = [
    dataclasses.replace(SMALL, norm=norm, positions=positions, activation=activation, tie=tie)
    for norm, positions, activation, tie in [
        ("post", "sinusoidal", "relu", "all"),
        ("pre", "sinusoidal", "relu", "target"),
        ("pre", "rotary", "swiglu", "none"),
        ("post", "learned", "gelu", "all"),
    ]
]
VOCABULARY = 30


def build(config: TransformerConfig) -> Transformer:
    torch.manual_seed(1)
    model = Transformer(config, VOCABULARY, VOCABULARY).eval()
    for parameter in model.parameters():  # zero biases and unit norms would hide a wrong wire
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def sentences(rows: int, length: int) -> torch.Tensor:
    return torch.randint(4, VOCABULARY, (rows, length))


def copy_attention(ours, theirs) -> None:  # type: ignore[no-untyped-def]
    theirs.in_proj_weight.data = torch.cat([ours.q.weight, ours.k.weight, ours.v.weight]).detach().clone()
    theirs.in_proj_bias.data = torch.cat([ours.q.bias, ours.k.bias, ours.v.bias]).detach().clone()
    theirs.out_proj.load_state_dict(ours.output.state_dict())


def as_torch_transformer(model: Transformer) -> nn.Transformer:
    c = model.config
    theirs = nn.Transformer(
        c.d_model, c.n_heads, c.encoder_layers, c.decoder_layers, c.d_ff, 0.0, c.activation,
        batch_first=True, norm_first=c.norm == "pre",
    ).eval()  # fmt: skip
    if c.norm == "post":  # torch adds a last norm in both cases; Figure 1 has none after a post-norm stack
        theirs.encoder.norm = theirs.decoder.norm = None
    else:
        theirs.encoder.norm.load_state_dict(model.encoder.norm.state_dict())
        theirs.decoder.norm.load_state_dict(model.decoder.norm.state_dict())
    pairs = itertools.chain(
        zip(model.encoder.layers, theirs.encoder.layers, strict=True),
        zip(model.decoder.layers, theirs.decoder.layers, strict=True),
    )
    for ours, layer in pairs:
        copy_attention(ours.self_attention, layer.self_attn)
        if hasattr(ours, "cross_attention"):
            copy_attention(ours.cross_attention, layer.multihead_attn)
        layer.linear1.load_state_dict(ours.feed_forward.inner.state_dict())
        layer.linear2.load_state_dict(ours.feed_forward.outer.state_dict())
        for i, residual in enumerate(ours.residuals, start=1):
            getattr(layer, f"norm{i}").load_state_dict(residual.norm.state_dict())
    return theirs


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")  # torch remarks on its own default
@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_equals_torch_transformer_with_the_same_weights(norm: str, activation: str) -> None:
    model = build(dataclasses.replace(SMALL, norm=norm, activation=activation))
    theirs = as_torch_transformer(model)
    source, target = sentences(3, 7), sentences(3, 5)
    source_mask = torch.arange(7) < torch.tensor([[7], [4], [1]])
    ours = model.decode(target, model.encode(source, source_mask), source_mask)
    expected = theirs(
        model.source_input(source, model.source_table),
        model.target_input(target, model.target_table),
        tgt_mask=~torch.ones(5, 5, dtype=torch.bool).tril(),
        src_key_padding_mask=~source_mask,
        memory_key_padding_mask=~source_mask,
    )
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("config", VARIANTS)
@pytest.mark.parametrize("chunk", [1, 3])
def test_cached_steps_equal_the_whole_pass(config: TransformerConfig, chunk: int) -> None:
    model = build(config)
    source, target = sentences(2, 6), sentences(2, 9)
    mask = torch.arange(6) < torch.tensor([[6], [3]])
    whole = model(source, mask, target)
    state = model.start(source, mask)
    for t in range(0, 9, chunk):
        logits, state = model.step(target[:, t : t + chunk], state)
        torch.testing.assert_close(logits, whole[:, t + chunk - 1], atol=1e-5, rtol=1e-5)
    assert state.length == 9


@pytest.mark.parametrize("config", VARIANTS)
def test_padding_changes_nothing(config: TransformerConfig) -> None:
    model = build(config)
    source, target = sentences(1, 5), sentences(1, 4)
    padded = F.pad(source, (0, 3))
    alone = model(source, source != 0, target)
    together = model(padded, padded != 0, F.pad(target, (0, 2)))[:, :4]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("config", VARIANTS)
def test_a_later_target_token_changes_no_earlier_logit_nor_gradient(config: TransformerConfig) -> None:
    model = build(config)
    source, target = sentences(1, 5), sentences(1, 6)
    changed = target.clone()
    changed[0, 4] = 4 + (changed[0, 4] - 3) % (VOCABULARY - 4)
    mask = source != 0
    before, after = model(source, mask, target), model(source, mask, changed)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])

    x = model.target_input(target, model.target_table).detach().requires_grad_()
    memory = model.encode(source, mask)
    hidden = model.decoder(x, memory, padding_mask(mask))
    (gradient,) = torch.autograd.grad(hidden[0, 2].square().sum(), x)
    assert torch.all(gradient[0, 3:] == 0)
    assert torch.all(gradient[0, :3].abs().sum(-1) > 0)


def test_state_rows_can_be_repeated_reordered_and_dropped() -> None:
    model = build(SMALL)
    source = sentences(3, 6)
    mask = torch.arange(6) < torch.tensor([[6], [2], [4]])
    first, second = sentences(3, 1), sentences(4, 1)
    _, state = model.step(first, model.start(source, mask))
    rows = torch.tensor([2, 2, 0, 0])  # sentence 1 is finished, 2 and 0 go on with two beams, 2 first
    logits, _ = model.step(second, state.select(rows))
    for i, row in enumerate(rows.tolist()):
        whole = model(source[[row]], mask[[row]], torch.cat((first[[row]], second[[i]]), 1))
        torch.testing.assert_close(logits[i], whole[0, -1], atol=1e-5, rtol=1e-5)
    # The last has as many rows as there were: one that compared only their number gave row 2 another's sentence.
    for uneven in (torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 1])):
        logits, _ = model.step(second[: len(uneven)], state.select(uneven))
        for i, row in enumerate(uneven.tolist()):
            whole = model(source[[row]], mask[[row]], torch.cat((first[[row]], second[[i]]), 1))
            torch.testing.assert_close(logits[i], whole[0, -1], atol=1e-5, rtol=1e-5)


def test_memory_is_not_copied_for_beams() -> None:
    model = build(SMALL)
    state = model.start(sentences(2, 6), torch.ones(2, 6, dtype=torch.bool))
    beams = state.select(torch.tensor([0, 0, 0, 1, 1, 1]))
    assert beams.memory[0].keys.data_ptr() == state.memory[0].keys.data_ptr()
    assert beams.past[0].keys.size(0) == 6


def test_loss_is_cross_entropy_of_the_shifted_target() -> None:
    model = build(SMALL)
    source, target = sentences(2, 5), sentences(2, 6)
    target[1, 4:] = 0
    batch = SimpleNamespace(source=source, source_mask=source != 0, target=target, target_mask=target != 0)
    found = model.loss(batch)
    log_p = model(source, source != 0, target).log_softmax(-1)
    expected = -sum(
        log_p[b, t, target[b, t + 1]] for b in range(2) for t in range(5) if target[b, t + 1] != 0
    )
    torch.testing.assert_close(found.sum, expected)
    assert found.tokens == 5 + 3


def test_align_gives_a_distribution_over_the_real_source_for_each_target_position() -> None:
    model = build(SMALL)
    source, target = sentences(2, 5), sentences(2, 4)
    mask = torch.arange(5) < torch.tensor([[5], [3]])
    weights = model.align(source, mask, target)
    assert weights.shape == (2, 4, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4))
    assert torch.all(weights[1, :, 3:] == 0)


def test_tied_tables_are_one_tensor() -> None:
    tied = build(SMALL)
    assert tied.output_weight is tied.source_table.weight is tied.target_table.weight
    untied = build(dataclasses.replace(SMALL, tie="none"))
    assert (
        len({id(untied.output_weight), id(untied.source_table.weight), id(untied.target_table.weight)}) == 3
    )
    with pytest.raises(ConfigError, match="one vocabulary"):
        Transformer(SMALL, 10, 20)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_heads": 3}, "model.d_model = 16 .* model.n_heads = 3"),
        ({"dropout": 1.0}, "model.dropout = 1.0"),
        ({"encoder_layers": 0}, "model.encoder_layers = 0"),
        ({"d_model": 15, "n_heads": 5}, "even"),
    ],
)
def test_contradictory_shapes_are_refused(change: dict[str, int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        dataclasses.replace(SMALL, **change)
