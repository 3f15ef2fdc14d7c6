"""A model with a longer vocabulary: it computes what it computed, and a new piece is the mean of what spelled it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman.errors import ModelError
from dragoman.model.directory import ModelDirectory, open_model, write_model
from dragoman.model.growth import grown
from dragoman.text.extension import extended, spelling
from dragoman.text.tokenizer import TokenizerConfig
from dragoman.translate.translator import Translator
from tiny import parts

NEW = ["龙在天空飞翔。"] * 40


def longer(model: ModelDirectory) -> ModelDirectory:
    config = TokenizerConfig(vocab_size=360)
    source, _ = extended(model.source_tokenizer, NEW, config, ("<bt>",), 9)
    if model.source_tokenizer is model.target_tokenizer:
        return grown(model, source, source)
    return grown(model, source, extended(model.target_tokenizer, NEW, config, (), 5)[0])


@pytest.fixture(scope="module", params=[True, False], ids=["joint", "two vocabularies"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelDirectory, ModelDirectory]:
    tied = {} if request.param else {"tie": "none"}
    old = open_model(parts(joint=request.param, **tied).write(tmp_path_factory.mktemp("model")))
    return old, longer(old)


def test_on_the_old_pieces_the_same_is_computed(both: tuple[ModelDirectory, ModelDirectory]) -> None:
    """Before the softmax, in which new pieces have a share."""
    source, target = torch.tensor([[5, 9, 300, 3]]), torch.tensor([[2, 7, 301]])
    old, new = (model.build()(source, source != 0, target) for model in both)
    torch.testing.assert_close(new[..., : old.size(-1)], old, rtol=1e-5, atol=1e-5)
    assert new.size(-1) == both[1].target_tokenizer.vocab_size > old.size(-1)


def test_a_new_piece_is_the_mean_of_those_that_spelled_it(tmp_path: Path) -> None:
    old = open_model(parts().write(tmp_path / "model"))
    new, vocabulary = longer(old), longer(old).source_tokenizer.vocabulary()
    name = next(
        name for name, weight in old.weights.items() if weight.shape[0] == old.source_tokenizer.vocab_size
    )
    table, before = new.weights[name], old.weights[name]
    for row in range(len(before), len(table)):
        piece = vocabulary[row]
        ids = list(range(len(before))) if piece == "<bt>" else spelling(old.source_tokenizer, piece)
        np.testing.assert_allclose(table[row], before[ids].mean(0), rtol=1e-5, atol=1e-6)


def test_it_is_sealed_and_every_engine_opens_it(tmp_path: Path) -> None:
    made = parts()
    new = longer(open_model(made.write(tmp_path / "old")))
    serialized = {name: one.serialized for name, one in new.tokenizers.items()}
    write_model(tmp_path / "new", config=made.config, weights=new.weights, tokenizers=serialized)
    found = []
    for engine in ("torch", "ctranslate2"):
        with Translator.load(tmp_path / "new", engine=engine, compute_type="float32") as translator:
            found.append(translator.translate("天空飞翔 the dog", beam_size=2, protect=False))
    assert found[0].source_tokens == found[1].source_tokens and "飞" in "".join(found[0].source_tokens)
    assert found[0].text == found[1].text


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    old = open_model(parts().write(tmp_path / "model"))
    other = open_model(parts(seed=2).write(tmp_path / "other"))
    with pytest.raises(ModelError, match="not that of the model with more pieces"):
        grown(old, other.source_tokenizer, other.source_tokenizer)
