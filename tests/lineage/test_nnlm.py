"""The neural probabilistic language model against its equation, and what every neural language model has to hold."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dragoman.errors import ConfigError, CorpusError, ModelError, TrainingError
from dragoman.lineage.causal import CausalLM
from dragoman.lineage.kinds import neural_kind
from dragoman.lineage.nnlm import Nnlm, NnlmConfig
from dragoman.lineage.perplexity import perplexity
from dragoman.model.languagemodels import open_lm, write_lm
from dragoman.text.splitter import Splitter
from dragoman.text.tokenizer import Tokenizer, TokenizerConfig
from toys import SMALL, lines, random_lm, settings, trained

CAUSAL = ["nnlm", "rnn", "gpt"]
VOCABULARY = 20


def build(kind: str, **model: Any) -> CausalLM:
    torch.manual_seed(0)
    record = neural_kind(kind)
    made = record.build(record.config(**SMALL[kind] | model), VOCABULARY).eval()
    assert isinstance(made, CausalLM)
    return made


@pytest.mark.parametrize("direct", [False, True])
@torch.no_grad()
def test_logits_are_bengios_equation_1(direct: bool) -> None:
    """y = b + W x + U tanh(d + H x), written out with numpy for one place."""
    model = build("nnlm", direct=direct)
    assert isinstance(model, Nnlm)
    given = {name: weight.double().numpy() for name, weight in model.state_dict().items()}
    x = np.concatenate([given["embedding.weight"][word] for word in (7, 8, 9)])
    hidden = np.tanh(given["hidden.bias"] + given["hidden.weight"] @ x)
    u, w, b = np.split(given["output.weight"], [16, 16 + 24 * direct], axis=1)
    y = b[:, 0] + w @ x if direct else b[:, 0]
    y = y + u @ hidden
    logits = model(torch.tensor([[2, 5, 7, 8, 9]]))[0, -1]
    np.testing.assert_allclose(logits.numpy(), y, atol=1e-5)


@torch.no_grad()
def test_only_the_window_is_seen_and_before_the_text_stands_its_start() -> None:
    model = build("nnlm")
    a, b = model(torch.tensor([[2, 5, 6, 7, 8]])), model(torch.tensor([[2, 9, 6, 7, 8]]))
    assert torch.equal(a[0, 4], b[0, 4]) and not torch.equal(a[0, 3], b[0, 3])
    started = model(torch.tensor([[2, 2, 2, 5]]))[0, 3]
    torch.testing.assert_close(started, model(torch.tensor([[2, 5]]))[0, 1])


@pytest.mark.parametrize("model", [dict(window=0), dict(d_model=0), dict(d_hidden=0), dict(dropout=1.0)])
def test_impossible_shapes_are_refused(model: dict[str, Any]) -> None:
    (name,) = model
    with pytest.raises(ConfigError, match=f"model.{name} = "):
        NnlmConfig(**model)


def test_a_corpus_shorter_than_the_window_is_refused(tmp_path: Path) -> None:
    config = settings("nnlm", model={"window": 40}, data={"held_out": 1, "longest": 64})
    with pytest.raises(
        CorpusError, match=r"too small for model.window = 40: its longest line has \d+ tokens"
    ):
        trained(tmp_path, config)


# -- all causal models ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CAUSAL)
@torch.no_grad()
def test_steps_equal_the_whole_pass_and_rows_can_be_chosen_anew(kind: str) -> None:
    model = build(kind)
    tokens = torch.tensor([[2, 5, 6, 7, 8], [2, 9, 10, 11, 12]])
    whole = model(tokens)
    state = model.start(tokens, tokens != 0)
    rows = torch.tensor([1, 0, 1])
    first, state = model.step(tokens[rows, :3], state.select(rows))
    torch.testing.assert_close(first, whole[rows, 2])
    then, _ = model.step(tokens[:1, 3:4], state.select(torch.tensor([1])))
    torch.testing.assert_close(then, whole[:1, 3])


@pytest.mark.parametrize("kind", CAUSAL)
def test_no_future_leaks(kind: str) -> None:
    model = build(kind)
    a, b = model(torch.tensor([[2, 5, 6, 7]])), model(torch.tensor([[2, 5, 6, 9]]))
    assert torch.equal(a[:, :3], b[:, :3])


@pytest.mark.parametrize("kind", CAUSAL)
def test_training_measures_what_perplexity_measures_and_learns(kind: str, tmp_path: Path) -> None:
    config = settings(kind, training={"max_steps": 60}, optimizer={"peak_lr": 1e-2})
    result, said = trained(tmp_path, config, lines(count=200))
    assert result.finished and f"dragoman lm sample -m {tmp_path}" in said
    record = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    seen = [one["perplexity_per_character"] for one in record if one["kind"] == "validation"]
    assert seen[-1] < seen[0]
    from dragoman.training.tasks.texts import split

    dev = split(lines(count=200), [], config.data, config.training.seed).dev
    found = perplexity(open_lm(tmp_path).language_model().score(dev))
    assert found.per_character == pytest.approx(min(seen), rel=1e-3)
    assert found.per_character < 26  # 23 signs, a full stop, the end: a model of single signs has about 20


@pytest.mark.parametrize("kind", CAUSAL)
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(kind: str, tmp_path: Path) -> None:
    config = settings(kind, model={"dropout": 0.2}, training={"max_steps": 6, "workers": 2},
                      validation={"every": 3})  # fmt: skip
    trained(tmp_path / "whole", config)
    result, _ = trained(tmp_path / "parts", config, max_minutes=0)
    while not result.finished:
        result, _ = trained(tmp_path / "parts", config, resume=True, max_minutes=0)
    whole, parts = (open_lm(tmp_path / name).module.state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_another_text_is_not_resumed(tmp_path: Path) -> None:
    trained(tmp_path, settings("nnlm"), max_minutes=0)
    with pytest.raises(TrainingError, match="not the one this run began with"):
        trained(tmp_path, settings("nnlm"), lines(seed=9), resume=True)


@pytest.mark.parametrize("kind", CAUSAL)
def test_probabilities_of_all_short_texts_sum_to_nearly_one(kind: str, tmp_path: Path) -> None:
    """Texts of no or one character, and what begins with one and goes on: together everything."""
    found = random_lm(tmp_path, kind)
    lm = found.language_model()
    signs = list(lm.vocabulary.words[4:])
    (empty,) = lm.score([""])
    tokens = torch.tensor([[2]])
    first = found.module(tokens)[0, 0].softmax(-1)
    alone = sum(math.exp(one.logprob) for one in lm.score(signs))
    assert math.exp(empty.logprob) == pytest.approx(float(first[3]), rel=1e-4)
    after = found.module(torch.tensor([[2, i] for i in range(4, 4 + len(signs))]))[:, 1].softmax(-1)[:, 3]
    assert alone == pytest.approx(float((first[4:] * after).sum()), rel=1e-4)


def test_unknown_signs_count_and_are_told(tmp_path: Path) -> None:
    (one,) = random_lm(tmp_path, "nnlm").language_model().score(["我鑫狗"])
    assert (one.tokens, one.characters, one.unknown) == (4, 4, 1)


@pytest.mark.parametrize("kind", CAUSAL)
def test_samples_begin_with_the_prompt_and_follow_the_seed(kind: str, tmp_path: Path) -> None:
    lm = random_lm(tmp_path, kind).language_model()
    drawn = [lm.sample("我看", 12, 1.0, seed) for seed in (1, 2, 3, 1)]
    assert all(text.startswith("我看") and len(text) <= 14 for text in drawn)
    assert drawn[0] == drawn[3] and len(set(drawn)) == 3


def test_subwords_go_into_the_directory(tmp_path: Path) -> None:
    tokenizer = Tokenizer.train(lines(), TokenizerConfig(vocab_size=300))
    lm = random_lm(tmp_path, "nnlm", Splitter("subwords", tokenizer)).language_model()
    assert lm.sample("狗喜欢", 3, 1.0, 1).startswith("狗喜欢")


def test_a_directory_of_another_kind_or_with_other_sizes_is_refused(tmp_path: Path) -> None:
    found = random_lm(tmp_path / "a", "nnlm")
    weights = {name: weight.numpy() for name, weight in found.module.state_dict().items()}
    write_lm(tmp_path / "b", NnlmConfig(window=5, d_model=8, d_hidden=16), weights, found.vocabulary, {})
    with pytest.raises(ModelError, match="hidden.weight has shape"):
        open_lm(tmp_path / "b")
    config = NnlmConfig()
    object.__setattr__(config, "window", 2**21)  # which it refuses itself
    write_lm(tmp_path / "c", config, weights, found.vocabulary, {})
    with pytest.raises(
        ModelError, match="model.window = 2097152: must be a whole number, at least 1 and at most 1,048,576"
    ):
        open_lm(tmp_path / "c")
    from tiny import parts

    with pytest.raises(ModelError, match="this is a translator, not a language model: dragoman translate"):
        open_lm(parts().write(tmp_path / "d"))
