"""One head learns where words are linked; the words are learnt as without it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman.corpus.batches import Batch, IdStore, collate
from dragoman.corpus.lexicon import Lexicon
from dragoman.errors import ConfigError
from dragoman.training.cpu.fused import FUSED
from dragoman.training.settings import TrainingConfig, resolve_run
from dragoman.training.tasks.guided import Guided, linked
from dragoman.training.tasks.images import ImageRunConfig
from dragoman.training.tasks.languagemodels import run_config
from dragoman.transformer.model import GUIDED_HEAD, Transformer, TransformerConfig, transformer
from dragoman.transformer.parts import PAGE
from dragoman.translate.aligning import Aligner
from dragoman.translate.translator import Translator
from smallruns import config, go, state_of

VOCABULARY = 48
SHAPE = TransformerConfig(16, 32, 2, 1, 2, norm="pre", dropout=0.0)


def pairs(count: int) -> list[tuple[list[int], list[int]]]:
    """Each token of a target is its source's, 20 higher, neighbours change places."""
    draw = np.random.default_rng(2)
    sources = [draw.integers(4, 20, 2 * draw.integers(1, 4)).tolist() for _ in range(count)]
    order = [1, 0, 3, 2, 5, 4]
    return [(one, [one[at] + 20 for at in order[: len(one)]]) for one in sources]


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    store = IdStore.write(tmp_path_factory.mktemp("guided") / "ids", pairs(300), VOCABULARY)
    return Lexicon.counted(store, VOCABULARY)


def batch(count: int = 6) -> Batch:
    return collate(*zip(*pairs(count), strict=True))


def made(lexicon: Lexicon, weight: float = 0.5) -> Guided:
    torch.manual_seed(1)
    parts = replace(PAGE, transformer=partial(Guided, lexicon, weight))
    model = transformer(SHAPE, VOCABULARY, VOCABULARY, parts)
    assert isinstance(model, Guided)
    return model


def looked(model: Transformer, one: Batch) -> torch.Tensor:
    """Where the head looks [B, T, S], found in another way."""
    every = model.cross_attentions(one.source, one.source_mask, one.target[:, :-1])
    return every[-1][:, GUIDED_HEAD]


def test_the_loss_is_the_usual_one_and_that_of_the_head_against_the_links(lexicon: Lexicon) -> None:
    model, one = made(lexicon).train(), batch()
    found, usual = model.loss(one), Transformer.loss(model, one)
    missed = -(linked(lexicon, one) * (looked(model, one) + 1e-6).log()).sum()
    torch.testing.assert_close(found.sum, usual.sum + 0.5 * missed)
    assert (found.nll, found.tokens) == (usual.nll, usual.tokens)


def test_what_is_measured_on_the_dev_set_is_the_usual_loss(lexicon: Lexicon) -> None:
    model, one = made(lexicon).eval(), batch()
    assert torch.equal(model.loss(one).sum, Transformer.loss(model, one).sum)


def test_the_end_and_padding_have_no_links(lexicon: Lexicon) -> None:
    one = batch()
    links = linked(lexicon, one)
    words = one.target_mask[:, 1:] & (one.target[:, 1:] != 3)
    assert (links.sum(2) > 0.3).equal(words)
    assert links[:, :, :].sum((1,))[~(one.source_mask & (one.source != 3))].sum() == 0


def test_the_head_learns_the_links_and_the_others_are_free(lexicon: Lexicon) -> None:
    model, one = made(lexicon, 1.0).train(), batch(64)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        (model.loss(one).sum / one.target_mask.sum()).backward()
        optimizer.step()
    links = linked(lexicon, one)
    with torch.no_grad():
        every = model.cross_attentions(one.source, one.source_mask, one.target[:, :-1])[-1]  # [B, H, T, S]
    right = [
        (head.argmax(2) == links.argmax(2))[links.sum(2) > 0.5].float().mean() for head in every.unbind(1)
    ]
    assert right[GUIDED_HEAD] > 0.85 > right[1 - GUIDED_HEAD] + 0.2


def test_a_guided_run_is_resumed_to_the_bit_and_its_model_is_read_at_that_head(tmp_path: Path) -> None:
    guided = config(training={"guided_alignment": 0.3})
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    _, said = go(tmp_path / "whole", guided)
    assert "sentences keep their padding" in said
    result, _ = go(tmp_path / "parts", guided, max_minutes=0)
    while not result.finished:
        result, _ = go(tmp_path / "parts", guided, resume=True, max_minutes=0)
    assert state_of(tmp_path / "parts") == state_of(tmp_path / "whole")

    aligner = Aligner(Translator.load(tmp_path / "whole" / "run", engine="torch"))
    assert any(one.links for one in aligner.align([("The cat sees a dog.", "猫看见一个狗。")]))
    assert "head 1 of decoder layer 1 of 1" in aligner.told and "trained to look there" in aligner.told


def test_the_fast_blocks_of_a_cpu_serve_it(lexicon: Lexicon) -> None:
    """Those of the layers; the loss without padding, which keeps no weights of attention, does not."""
    torch.manual_seed(1)
    fast = transformer(
        SHAPE, VOCABULARY, VOCABULARY, replace(FUSED, transformer=partial(Guided, lexicon, 0.5))
    )
    fast.load_state_dict(made(lexicon).state_dict())
    one = batch()
    torch.testing.assert_close(fast.train().loss(one).sum, made(lexicon).train().loss(one).sum)


@pytest.mark.parametrize("kind", ["image reader", "gpt", "bert", "nnlm", "rnn"])
def test_a_model_without_such_a_head_is_refused_by_name(kind: str) -> None:
    asked = TrainingConfig(guided_alignment=0.1)
    with pytest.raises(ConfigError, match=r"training.guided_alignment = 0.1: an? (image|language|model)"):
        if kind == "rnn":
            resolve_run([("here", {"model": {"kind": kind}, "training": {"guided_alignment": 0.1}})])
        elif kind == "image reader":
            ImageRunConfig(training=asked, validation=replace(config().validation, metric="loss"))
        else:
            run_config(kind)(training=asked, validation=replace(config().validation, metric="loss"))
