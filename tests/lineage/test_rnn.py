"""Recurrent encoder-decoders: against cells written out by hand, and through every door that a Transformer has."""

import dataclasses
import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from dragoman.corpus.batches import collate
from dragoman.decoding.options import DecodingOptions
from dragoman.decoding.search import search
from dragoman.errors import ConfigError, ModelError
from dragoman.lineage.rnn import AdditiveAttention, Rnn, RnnConfig
from dragoman.model.directory import open_model, write_model
from dragoman.model.kinds import TRANSLATORS
from dragoman.text.tokenizer import TokenizerConfig
from dragoman.training.gradients import side_by_side
from dragoman.training.optimizer import OptimizerConfig
from dragoman.training.parameters import FlatParameters
from dragoman.training.session import Session
from dragoman.training.settings import RunConfig, TrainingConfig, ValidationConfig, resolve_run, run_config
from dragoman.training.tasks.prepare import DataConfig
from dragoman.training.tasks.translators import start
from dragoman.translate.translator import Translator
from tiny import lines, parts

VOCABULARY = 30
SMALL = RnnConfig(d_model=8, layers=2, dropout=0.0)
ALL = [
    RnnConfig(cell=cell, d_model=8, layers=layers, directions=directions, attention=attention, dropout=0.0)
    for cell, layers, directions, attention in itertools.product(
        ("gru", "lstm"), (1, 3), (1, 2), ("none", "additive", "dot")
    )
]


def build(config: RnnConfig, seed: int = 0) -> Rnn:
    torch.manual_seed(seed)
    return Rnn(config, VOCABULARY, VOCABULARY).eval()


def a_batch() -> Any:
    return collate([[5, 6, 7, 8, 9], [10, 11], [12, 13, 14]], [[4, 5, 6], [7, 8, 9, 10], [11]])


def gru_cell(x: Tensor, h: Tensor, layer: nn.GRU, end: str = "") -> Tensor:
    """Cho et al. (2014), appendix A, with torch's bias inside the reset gate."""
    of = {
        name: getattr(layer, f"{name}_l0{end}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    read = (of["weight_ih"] @ x + of["bias_ih"]).chunk(3)
    kept = (of["weight_hh"] @ h + of["bias_hh"]).chunk(3)
    reset, update = torch.sigmoid(read[0] + kept[0]), torch.sigmoid(read[1] + kept[1])
    new = torch.tanh(read[2] + reset * kept[2])
    return (1 - update) * new + update * h


@torch.no_grad()
def test_additive_attention_is_bahdanaus_equations_one_number_after_another() -> None:
    model = build(RnnConfig(d_model=8, layers=1, directions=2, attention="additive", dropout=0.0))
    source, target = [5, 6, 7, 3], [2, 9, 4]
    embedded = [model.embedding.weight[token] * 8**0.5 for token in source]
    encoder, decoder = model.encoder.layers[0], model.decoder.layers[0]
    forwards, backwards = [torch.zeros(4)], [torch.zeros(4)]
    for x in embedded:
        forwards.append(gru_cell(x, forwards[-1], encoder))
    for x in reversed(embedded):
        backwards.append(gru_cell(x, backwards[-1], encoder, "_reverse"))
    memory = [torch.cat(pair) for pair in zip(forwards[1:], backwards[:0:-1], strict=True)]
    state = torch.tanh(model.bridge[0](torch.cat((forwards[-1], backwards[-1]))))
    attention = model.attention
    assert isinstance(attention, AdditiveAttention) and model.combine is not None
    logits, looked = [], []
    for token in target:
        energies = [attention.v(torch.tanh(attention.query(state) + attention.key(m))) for m in memory]
        weights = torch.cat(energies).softmax(0)
        context = sum((w * m for w, m in zip(weights, memory, strict=True)), torch.zeros(8))
        state = gru_cell(torch.cat((model.embedding.weight[token] * 8**0.5, context)), state, decoder)
        hidden = torch.tanh(model.combine(torch.cat((state, context))))
        logits.append(model.embedding.weight @ hidden)
        looked.append(weights)
    tokens, asked = torch.tensor([source]), torch.tensor([target])
    real = torch.ones_like(tokens, dtype=torch.bool)
    torch.testing.assert_close(model(tokens, real, asked)[0], torch.stack(logits))
    assert model.align is not None
    torch.testing.assert_close(model.align(tokens, real, asked)[0], torch.stack(looked))


@pytest.mark.parametrize("config", ALL, ids=lambda c: f"{c.cell}-{c.layers}-{c.directions}-{c.attention}")
@torch.no_grad()
def test_steps_equal_the_whole_pass_and_rows_can_be_chosen_anew(config: RnnConfig) -> None:
    model, batch = build(config), a_batch()
    whole = model(batch.source, batch.source_mask, batch.target)
    state = model.start(batch.source, batch.source_mask)
    rows = torch.tensor([2, 0, 0, 1])  # a beam would do so: drop, repeat, reorder
    state = state.select(rows)
    first, state = model.step(batch.target[rows, :2], state)  # two tokens at once
    torch.testing.assert_close(first, whole[rows, 1])
    state = state.select(torch.tensor([1, 3]))
    last, _ = model.step(batch.target[torch.tensor([0, 1]), 2:3], state)
    torch.testing.assert_close(last, whole[:2, 2])


@pytest.mark.parametrize("config", ALL[:6], ids=lambda c: f"{c.directions}-{c.attention}")
@torch.no_grad()
def test_neither_padding_nor_neighbours_change_a_sentence(config: RnnConfig) -> None:
    model, batch = build(config), a_batch()
    whole = model(batch.source, batch.source_mask, batch.target)
    alone = collate([[10, 11]], [[7, 8, 9, 10]])
    torch.testing.assert_close(model(alone.source, alone.source_mask, alone.target)[0], whole[1])


@torch.no_grad()
def test_without_attention_the_last_state_is_all_the_decoder_gets() -> None:
    model, batch = build(dataclasses.replace(SMALL, attention="none")), a_batch()
    state = model.start(batch.source, batch.source_mask)
    blinded = dataclasses.replace(
        state, memory=torch.zeros_like(state.memory), keys=torch.zeros_like(state.keys)
    )
    assert torch.equal(model.step(batch.target[:, :1], state)[0], model.step(batch.target[:, :1], blinded)[0])
    assert model.align is None


@pytest.mark.parametrize("attention", ["additive", "dot"])
def test_attention_rows_sum_to_one_and_never_look_at_padding(attention: Any) -> None:
    model, batch = build(dataclasses.replace(SMALL, attention=attention)), a_batch()
    assert model.align is not None
    looked = model.align(batch.source, batch.source_mask, batch.target)
    assert looked.shape == (3, 6, 6)
    torch.testing.assert_close(looked.sum(-1), torch.ones(3, 6))
    assert looked[1, :, 3:].count_nonzero() == 0


@torch.no_grad()
def test_beam_search_finds_what_trying_every_sequence_finds() -> None:
    """Seven tokens, at most three of them: all can be scored; a beam as wide as their number cannot miss."""
    torch.manual_seed(3)
    model = Rnn(dataclasses.replace(SMALL, tie="target"), VOCABULARY, 7).eval()
    source = torch.tensor([[5, 6, 7, 3]])
    real = torch.ones_like(source, dtype=torch.bool)
    options = DecodingOptions(beam_size=64, max_length=3, max_length_ratio=0, length_penalty=0)
    (found,) = search(model, source, real, options)[0]
    best, tokens = -np.inf, []
    for length in range(4):
        for ids in itertools.product((4, 5, 6), repeat=length):
            target = torch.tensor([[2, *ids]])
            logits = model(source, real, target)[0]
            logits[:, :3] = -torch.inf  # what is never written
            log_p = model(source, real, target)[0].log_softmax(-1)
            labels = [*ids, 3] if length < 3 else [*ids]
            total = float(sum(log_p[i, label] for i, label in enumerate(labels)))
            if total > best:
                best, tokens = total, list(ids)
    assert found.tokens == tokens


@pytest.mark.parametrize("config", [*ALL, dataclasses.replace(SMALL, tie="none")])
def test_the_shapes_that_are_asked_for_are_those_of_the_module(config: RnnConfig) -> None:
    state = build(config).state_dict()
    assert TRANSLATORS["rnn"].shapes(dataclasses.asdict(config), VOCABULARY, VOCABULARY) == {
        name: tuple(weight.shape) for name, weight in state.items()
    }


@pytest.mark.parametrize(
    "setting, message",
    [
        (dict(layers=5), "model.layers = 5: must be at least 1 and at most 4"),
        (dict(directions=3), "model.directions = 3"),
        (dict(d_model=7), "model.d_model = 7: must be an even number"),
        (dict(dropout=1.0), "model.dropout = 1.0"),
    ],
)
def test_impossible_shapes_are_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RnnConfig(**setting)


# -- through the doors of the translator ------------------------------------------------------------------------


def write_rnn(directory: Path, **settings: Any) -> Path:
    given = parts()
    config = dataclasses.replace(SMALL, **settings)
    torch.manual_seed(1)
    state = Rnn(config, 360, 360).state_dict()
    write_model(
        directory,
        config=given.config | {"model": dataclasses.asdict(config)},
        weights={name: weight.numpy() for name, weight in state.items()},
        tokenizers=given.tokenizers,
    )
    return directory


@pytest.mark.parametrize("attention", ["none", "additive", "dot"])
def test_a_directory_opens_as_a_translator_with_attention_where_there_is_some(
    tmp_path: Path, attention: str
) -> None:
    with Translator.load(write_rnn(tmp_path / "rnn", attention=attention)) as translator:
        found = translator.translate(["The old dog.", "A cat sees my tree."], alignments=True, beam_size=3)
    assert [bool(one.alignment) for one in found] == [attention != "none"] * 2


def test_the_fast_engine_says_that_it_knows_no_recurrent_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="computes Transformers, not models of kind 'rnn': use 'torch'"):
        Translator.load(write_rnn(tmp_path / "rnn"), engine="ctranslate2")


def test_a_directory_whose_sizes_lie_is_refused(tmp_path: Path) -> None:
    path = write_rnn(tmp_path / "rnn")
    found = open_model(path)
    config = found.config | {"model": found.config["model"] | {"layers": 1}}
    with pytest.raises(ModelError, match="bridge.1.* which config.toml does not ask for"):
        write_model(tmp_path / "x", config=config, weights=found.weights,
                    tokenizers={"joint": found.source_tokenizer.serialized})  # fmt: skip


def settings(**training: Any) -> RunConfig:
    return run_config("rnn")(
        data=DataConfig("en", "zh"),
        tokenizer=TokenizerConfig(vocab_size=330, sampling=0.3),
        model=RnnConfig(d_model=16, layers=2, dropout=0.2),
        optimizer=OptimizerConfig(peak_lr=3e-3, warmup_steps=5, ema_decay=0.9),
        training=TrainingConfig(device="cpu", precision="fp32", batch_tokens=300, max_steps=16,
                                checkpoint_minutes=0.001, **training),
        validation=ValidationConfig(every=8, metric="loss"),
    )  # fmt: skip


def corpus(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    made = lines(3, 240)
    path = directory / "train.tsv"
    path.write_text(
        "".join(f"{a}\t{b}\n" for a, b in zip(made[::2], made[1::2], strict=True)), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("workers", [1, 2])
def test_the_one_training_loop_trains_it_and_resumes_bit_for_bit(tmp_path: Path, workers: int) -> None:
    train = corpus(tmp_path)
    console = Console(file=io.StringIO(), width=300)
    config = dataclasses.replace(settings(workers=workers), data=DataConfig("en", "zh", held_out=20))
    start([train], [], tmp_path / "whole", config, Session(console))
    result = start([train], [], tmp_path / "parts", config, Session(console, max_minutes=0))
    while not result.finished:
        again = Session(console, resume=True, max_minutes=0)
        result = start([train], [], tmp_path / "parts", config, again)
    whole, parted = (open_model(tmp_path / name) for name in ("whole", "parts"))
    assert whole.config["model"]["kind"] == "rnn"
    assert all(np.array_equal(whole.weights[name], parted.weights[name]) for name in whole.weights)


def test_the_kind_of_model_decides_which_options_the_section_has() -> None:
    assert type(resolve_run([("--set", {"model": {"kind": "transformer"}})]).value) is RunConfig
    found = resolve_run([("file", {"model": {"kind": "rnn", "cell": "lstm"}})]).value
    assert isinstance(found.model, RnnConfig) and found.model.cell == "lstm"
    with pytest.raises(ConfigError, match=r"model.kind = rrn \(--set\): must be one of transformer, rnn"):
        resolve_run([("--set", {"model": {"kind": "rrn"}})])
    with pytest.raises(ConfigError, match="model.n_heads is no option"):
        resolve_run([("--set", {"model": {"kind": "rnn", "n_heads": 8}})])


# -- what attention is for --------------------------------------------------------------------------------------


def copies(seed: int, count: int = 64, length: int = 10) -> Any:
    """Ten tokens, to be written down again: nothing in them can be guessed from the others."""
    rows = np.random.default_rng(seed).integers(4, 16, (count, length)).tolist()
    return collate(rows, rows)


@pytest.mark.parametrize("attention", ["none", "additive", "dot"])
def test_ten_tokens_pass_through_attention_and_not_through_the_bottleneck(attention: Any) -> None:
    torch.manual_seed(0)
    model = Rnn(RnnConfig(d_model=32, layers=1, attention=attention, dropout=0.0), 16, 16)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(150):
        found = model.loss(copies(step))
        optimizer.zero_grad()
        (found.sum / found.tokens).backward()
        optimizer.step()
    unseen = copies(1000)
    nats = float(model.loss(unseen).nll) / (64 * 11)
    if attention == "none":
        assert nats > 1  # 32 numbers, after so few steps, do not hold what 10 x log2(12) = 36 bits say
        return
    assert nats < 0.2
    assert model.align is not None
    looked = model.align(unseen.source, unseen.source_mask, unseen.target[:, :-1]).argmax(-1)  # [B, T]
    # Each token looks at the one it copies, or at a neighbour, whose state knows of it too.
    assert ((looked[:, :10] - torch.arange(10)).abs() <= 1).float().mean() > 0.9


def test_asking_for_the_kind_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    """Once the small Transformer's settings stood under it, and d_ff was no option."""
    import tomllib

    from dragoman.cli import main

    assert main(["train", "--print-config", "--set", "model.kind=rnn", "--set", "model.cell=lstm"]) == 0
    printed = tomllib.loads(capsys.readouterr().out)
    assert (printed["model"]["kind"], printed["model"]["cell"]) == ("rnn", "lstm")
    assert main(["train", "--print-config", "--preset", "small", "--set", "model.kind=rnn"]) == 2
    assert "is no option (preset small)" in capsys.readouterr().err


def test_two_workers_find_the_gradient_that_one_finds() -> None:
    """torch's recurrent modules keep a second list of their weights: that of a copy must be the copy's own."""
    batch, found = a_batch(), []
    for count in (1, 2):
        model = build(SMALL).train()
        parameters = FlatParameters(model, torch.float32)
        workers = side_by_side(model, parameters, lambda module, piece: module.loss(piece), count)  # type: ignore[operator]
        found.append(workers.gradient([batch], 1).flat)
    torch.testing.assert_close(found[0], found[1])
    assert found[0].count_nonzero() > 0.5 * found[0].numel()
