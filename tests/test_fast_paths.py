"""Every value of every setting on every fast path: what the reference computes, or refused by name.

Fast paths once went by what they exclude ("anything but rotary"). ALiBi, added correctly to the reference, was then
left out of the training, of the C decoder and of CTranslate2, nobody was told, and every test passed, since the tests
listed the values by hand. Here nothing is listed that a class lists itself: a value that is added tomorrow comes into
these tests today, and one that no fast path has heard of has to be refused.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, make_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import ctranslate2
import pytest
import torch
from torch import Tensor, nn

from dragoman.corpus.batches import Batch, collate
from dragoman.engines import compiled
from dragoman.engines.compiled import CompiledTransformer
from dragoman.engines.torch import TorchEngine
from dragoman.errors import ConfigError
from dragoman.ids import SPECIALS
from dragoman.interop.ctranslate2 import convert
from dragoman.interop.ctranslate2 import refusal as refused_by_ctranslate2
from dragoman.lineage.imagereader import patches
from dragoman.lineage.kinds import names, neural_kind, reader_kind, reader_names
from dragoman.model.fields import fields_of
from dragoman.model.kinds import TRANSFORMER_FIELDS, TRANSLATORS
from dragoman.training.cpu import fused, kernels
from dragoman.training.cpu.fused import FUSED
from dragoman.training.loss import LabelSmoothing
from dragoman.training.tasks.images import ImageBatch
from dragoman.training.tasks.masking import MaskedBatch
from dragoman.transformer import sublayers
from dragoman.transformer.model import Transformer, TransformerConfig
from dragoman.transformer.parts import PAGE, Parts

UNHEARD = "unheard-of"  # a value that is in no Literal

# Sizes at which the C decoder and the kernels can work; and for each setting that is a number, one that is another.
SMALL = {
    "d_model": 64, "d_ff": 96, "d_hidden": 64, "n_heads": 4, "encoder_layers": 2, "decoder_layers": 2, "layers": 2,
    "max_length": 24, "window": 3, "columns": 4, "segments": 2, "dropout": 0.0,
}  # fmt: skip
OTHER: dict[str, Any] = {
    "d_model": 128, "d_ff": 160, "d_hidden": 96, "n_heads": 2, "encoder_layers": 1, "decoder_layers": 3, "layers": 3,
    "max_length": 40, "window": 2, "columns": 5, "segments": 3, "dropout": 0.2, "attention_dropout": 0.2,
    "norm_epsilon": 0.1, "directions": 1, "classes": 3, "height": 16, "width": 16, "patch": 8,
}  # fmt: skip
# What is drawn at random is drawn otherwise by a kernel, so no two results can be compared: tests of the kernels do.
DRAWN = {"dropout", "attention_dropout"}

VOCABULARY = [*SPECIALS, *(f"▁{i}" for i in range(4, 60))]
SOURCES = [
    [5, 6, 7, 8, 21, 3],
    [9, 4, 3],
    [30, 31, 32, 33, 34, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 3],
]
TARGETS = [[40, 5, 7, 11], [9, 9, 8, 6, 5, 4, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31], [12, 50]]


# -- what there is ---------------------------------------------------------------------------------------------


def _configs() -> dict[str, tuple[type[Any], Callable[..., nn.Module]]]:
    """Every model that is made from parts: its configuration, and how it is built."""
    size = len(VOCABULARY)
    found: dict[str, tuple[type[Any], Callable[..., nn.Module]]] = {}
    for name, kind in TRANSLATORS.items():
        config, build = kind.load()
        found[name] = config, lambda c, parts, build=build: build(c, size, size, parts)
    for name in names(counted=False):
        record = neural_kind(name)
        found[f"{name} lm"] = (
            record.config,
            lambda c, parts, record=record: record.build(c, size, parts),
        )
    for name in reader_names():
        reader = reader_kind(name)
        found[name] = reader.config, lambda c, parts, reader=reader: reader.build(c, size, parts)
    return found


CONFIGS = _configs()


def values_of(cls: type[Any], name: str) -> tuple[Any, ...]:
    """The values of a setting: all of a Literal; of a number one that is another."""
    kind = get_type_hints(cls)[name]
    if get_origin(kind) is Literal:
        return get_args(kind)
    if kind is bool:
        return True, False
    assert name in OTHER, f"{cls.__name__}.{name} is new: give it another value in OTHER"
    return (OTHER[name],)


def variants(cls: type[Any]) -> list[tuple[str, Any]]:
    return [(field.name, value) for field in fields(cls) for value in values_of(cls, field.name)]


def made(cls: type[Any], **changes: Any) -> Any:
    known = {field.name for field in fields(cls)}
    return cls(**{name: value for name, value in SMALL.items() if name in known} | changes)


def literals(cls: type[Any]) -> list[str]:
    hints = get_type_hints(cls)
    return [field.name for field in fields(cls) if get_origin(hints[field.name]) is Literal]


TRANSFORMERS = variants(TransformerConfig)
ALL = [(name, *variant) for name, (cls, _) in CONFIGS.items() for variant in variants(cls)]


@dataclass(frozen=True)
class Strange:
    """A configuration as somebody will have changed it tomorrow: with one more field, or one more value."""

    config: Any
    name: str
    value: object


def strangers() -> list[Strange]:
    found = []
    for name in literals(TransformerConfig):
        config = copy.copy(made(TransformerConfig))
        object.__setattr__(config, name, UNHEARD)
        found.append(Strange(config, name, UNHEARD))
    wider = make_dataclass(
        "Wider", [("softcap", float, 30.0)], bases=(TransformerConfig,), frozen=True
    )  # a setting that changes the scores, say
    return [*found, Strange(made(wider), "softcap", 30.0)]


STRANGERS = pytest.mark.parametrize("strange", strangers(), ids=lambda strange: strange.name)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def far_from_the_start(model: nn.Module) -> nn.Module:
    """Initial weights say nearly nothing: a path that leaves something out would hardly be noticed."""
    for parameter in model.parameters():
        parameter.data += (
            0.1 * torch.randn_like(parameter) * (1 if parameter.dim() == 1 else 8 / len(parameter) ** 0.5)
        )
    return model


def transformer(config: TransformerConfig) -> Transformer:
    torch.manual_seed(0)
    model = far_from_the_start(Transformer(config, len(VOCABULARY), len(VOCABULARY)).eval())
    assert isinstance(model, Transformer)
    return model


# -- training ----------------------------------------------------------------------------------------------------

needs_kernels = pytest.mark.skipif(kernels.library() is None, reason="no C compiler on this machine")


def batch_for(kind: str, config: Any) -> Batch | MaskedBatch | ImageBatch:
    pairs = collate([source[:-1] for source in SOURCES], TARGETS)
    if kind in reader_names():
        drawn = torch.rand(
            len(pairs), config.height, config.width, generator=torch.Generator().manual_seed(6)
        )
        return ImageBatch(patches(drawn, config.patch), pairs.target)
    if kind != "bert lm":
        return pairs
    hidden = torch.rand(pairs.source.shape, generator=torch.Generator().manual_seed(6)) < 0.4
    labels = pairs.source.masked_fill(~(hidden & pairs.source_mask), 0)
    segments = (torch.arange(pairs.source.size(1)) > 2).long().expand_as(pairs.source).contiguous()
    target = nn.functional.pad(labels, (1, 0))
    return MaskedBatch(pairs.source, segments, target, torch.tensor([1, 0, -1]))


def learnt(kind: str, config: Any, parts: Parts, dtype: torch.dtype) -> tuple[float, dict[str, Tensor]]:
    """The loss, and the gradient of each weight."""
    torch.manual_seed(1)
    model = far_from_the_start(CONFIGS[kind][1](config, PAGE))
    quick = CONFIGS[kind][1](config, parts).to(dtype).train()
    quick.load_state_dict(model.state_dict())
    loss = quick.loss(batch_for(kind, config), LabelSmoothing(0.1))
    loss.sum.backward()
    gradients = {name: p.grad.float() for name, p in quick.named_parameters() if p.grad is not None}
    return float(loss.sum.detach()), gradients


@needs_kernels
@pytest.mark.parametrize("kind, name, value", [case for case in ALL if case[1] not in DRAWN])
def test_training_gives_the_gradients_of_the_reference(kind: str, name: str, value: Any) -> None:
    """What a layer's kernel does not compute, torch does: either way the numbers are the same."""
    config = made(CONFIGS[kind][0], **{name: value})
    _, exact = learnt(kind, config, PAGE, torch.float32)
    plain_loss, plain = learnt(kind, config, PAGE, torch.bfloat16)
    loss, found = learnt(kind, config, FUSED, torch.bfloat16)
    assert loss == pytest.approx(plain_loss, rel=0.02)
    assert found.keys() == exact.keys()
    together = torch.cat([gradient.flatten() for gradient in exact.values()]).norm()
    for weight, expected in exact.items():
        # bf16 rounds at every step: a fused layer must be about as near to fp32 as a plain one is.
        plain_error, error = ((gradients[weight] - expected).norm() for gradients in (plain, found))
        assert error <= 2 * plain_error + 0.02 * expected.norm() + 1e-3 * together, weight


@needs_kernels
@pytest.mark.parametrize("name, value", TRANSFORMERS)
def test_a_training_that_is_not_fused_says_why(name: str, value: Any) -> None:
    model = CONFIGS["transformer"][1](made(TransformerConfig, **{name: value}), FUSED)
    listed = fused.PACKED.get(name, ())
    if listed is not None and value not in listed:
        assert f"model.{name} = {value!r}" in (model.refusal() or "")  # type: ignore[operator]
        assert f"model.{name} = {value!r}" in (fused.refusal(model) or "")
    else:
        assert model.refusal() is None  # type: ignore[operator]


@STRANGERS
def test_training_packs_no_model_with_a_setting_it_has_not_heard_of(strange: Strange) -> None:
    model = CONFIGS["transformer"][1](made(TransformerConfig), FUSED)
    assert model.refusal() is None  # type: ignore[operator]
    model.config = strange.config
    assert f"model.{strange.name} = {strange.value!r}" in (fused.refusal(model) or "")


@needs_kernels
@pytest.mark.parametrize(
    "kind", [kind for kind, (cls, _) in CONFIGS.items() if "activation" in literals(cls)]
)
def test_training_computes_a_new_activation_as_torch_does_and_says_so(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sublayers.ACTIVATIONS, UNHEARD, torch.tanh)
    config = copy.copy(made(CONFIGS[kind][0]))
    object.__setattr__(config, "activation", UNHEARD)
    model = CONFIGS[kind][1](config, FUSED)
    assert UNHEARD in (fused.refusal(model) or "")
    plain, found = (learnt(kind, config, parts, torch.bfloat16)[0] for parts in (PAGE, FUSED))
    assert found == pytest.approx(plain, rel=0.02)


# -- the C decoder -----------------------------------------------------------------------------------------------

needs_c = pytest.mark.skipif(compiled.library() is None, reason="no C compiler on this machine")


def padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    source = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for line, row in zip(source, rows, strict=True):
        line[: len(row)] = torch.tensor(row)
    return source, source != 0


@needs_c
@pytest.mark.parametrize("name, value", TRANSFORMERS)
def test_the_c_decoder_says_what_the_reference_says_or_leaves_it_to_it(
    name: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model = transformer(made(TransformerConfig, **{name: value}))
    with caplog.at_level(logging.WARNING):
        engine = TorchEngine(model, compute_type="bfloat16", workers=1)
    if why := compiled.refusal(model):
        assert f"model.{name} = {value!r}" in why
        assert [record.getMessage() for record in caplog.records] == [f"{why}: torch computes it"]
        assert not isinstance(engine.decodable, CompiledTransformer)
        return
    assert isinstance(engine.decodable, CompiledTransformer) and not caplog.records
    with torch.no_grad():
        state, expected = engine.decodable.start(*padded(SOURCES)), model.start(*padded(SOURCES))
        for column in padded([target[:4] for target in TARGETS])[0].clamp(min=4).split(1, 1):
            logits, state = engine.decodable.step(column, state)
            wanted, expected = model.step(column, expected)
            torch.testing.assert_close(logits, wanted, atol=0.06, rtol=0)


@needs_c
@STRANGERS
def test_the_c_decoder_refuses_what_it_has_not_heard_of(strange: Strange) -> None:
    model = transformer(made(TransformerConfig))
    assert compiled.refusal(model) is None
    model.config = strange.config
    assert f"model.{strange.name} = {strange.value!r}" in (compiled.refusal(model) or "")


@needs_c
@pytest.mark.parametrize("block", list(vars(PAGE)))
def test_the_c_decoder_refuses_a_block_that_is_another(block: str) -> None:
    """A subclass may compute something else under the weights of the one it stands for."""
    whole = block == "transformer"
    usual = Transformer if whole else getattr(PAGE, block)
    other = type("Other", (usual,), {})
    size, config = len(VOCABULARY), made(TransformerConfig, dropout=0.1, norm="pre")
    model = other(config, size, size) if whole else Transformer(config, size, size, Parts(**{block: other}))
    assert "Other" in (compiled.refusal(model) or "")


# -- CTranslate2 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, value", TRANSFORMERS)
def test_ctranslate2_says_what_the_reference_says_or_refuses_by_name(name: str, value: Any) -> None:
    model = transformer(made(TransformerConfig, **{name: value}))
    files_of = lambda: convert(model.state_dict(), model.config, VOCABULARY, VOCABULARY)  # noqa: E731
    if why := refused_by_ctranslate2(model.config):
        assert f"model.{name} = {value!r}" in why
        with pytest.raises(ConfigError, match="use the torch engine"):
            files_of()
        return
    fast = ctranslate2.Translator("model", files=files_of(), compute_type="float32", intra_threads=1)
    words = [[[VOCABULARY[i] for i in row] for row in rows] for rows in ([s[:-1] for s in SOURCES], TARGETS)]
    results = fast.score_batch(*words, max_input_length=0)
    for source, target, result in zip(SOURCES, TARGETS, results, strict=True):
        ids, mask = padded([source])
        with torch.no_grad():
            logits = model(ids, mask, torch.tensor([[2, *target]]))[0]
        expected = logits.log_softmax(-1).gather(1, torch.tensor([[*target, 3]]).T)[:, 0]
        assert result.log_probs == pytest.approx(expected.tolist(), abs=1e-3)


@STRANGERS
def test_ctranslate2_refuses_what_it_has_not_heard_of(strange: Strange) -> None:
    assert refused_by_ctranslate2(made(TransformerConfig)) is None
    weights = transformer(made(TransformerConfig)).state_dict()
    with pytest.raises(ConfigError, match=f"model.{strange.name} = {strange.value!r}: use the torch engine"):
        convert(weights, strange.config, VOCABULARY, VOCABULARY)


# -- opening a directory without torch -----------------------------------------------------------------------------


def test_the_reader_that_loads_no_torch_knows_the_settings_of_the_class() -> None:
    """They are written a second time there: translating does not wait for torch."""
    of_class = {field.key: field for field in fields_of(TransformerConfig, "model")}
    written = {field.key: field for field in TRANSFORMER_FIELDS}
    for name in literals(TransformerConfig):
        if name != "positions":  # any name: the class is asked, where there is one
            assert get_args(written[name].kind) == get_args(of_class[name].kind), name
    assert {name for name, field in written.items() if field.required} <= of_class.keys()


@pytest.mark.parametrize("name, value", TRANSFORMERS)
def test_shapes_told_without_torch_are_those_of_the_module(name: str, value: Any) -> None:
    config = made(TransformerConfig, **{name: value})
    model = transformer(config)
    size = len(VOCABULARY)
    shapes = TRANSLATORS["transformer"].shapes(vars(config), size, size)
    assert shapes == {key: tuple(weight.shape) for key, weight in model.state_dict().items()}
