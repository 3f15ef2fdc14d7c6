"""Fine-tuning on a copy, and one attention as sums, on the models that came with the package."""

from __future__ import annotations

import pytest
import torch

from dragoman.errors import UsageError
from dragoman.lineage.attended import attended
from dragoman.lineage.kinds import NeuralKind
from dragoman.lineage.tuning import tune
from dragoman.model.languagemodels import open_lm


@pytest.mark.parametrize("name", ["nnlm", "rnn", "gpt", "bert"])
def test_a_copy_learns_what_is_learnt_already_faster_than_a_fresh_network(name: str) -> None:
    opened = open_lm(f"lineage/{name}")
    assert isinstance(opened.kind, NeuralKind)
    before = {key: weight.clone() for key, weight in opened.module.state_dict().items()}
    (ids,) = opened.vocabulary.encode(["今天晚上吃火锅。"])
    found = tune(opened.kind, opened.module, ids, len(opened.vocabulary.words), steps=4)
    assert len(found.pretrained) == len(found.scratch) == 5
    assert found.pretrained[-1] < found.pretrained[0] and found.pretrained[-1] < found.scratch[-1]
    assert all(torch.equal(weight, before[key]) for key, weight in opened.module.state_dict().items())
    again = tune(opened.kind, opened.module, ids, len(opened.vocabulary.words), steps=4)
    assert again.scratch == found.scratch and again.pretrained == found.pretrained


def test_a_text_that_does_not_fit_and_one_that_is_empty_are_refused() -> None:
    opened = open_lm("lineage/gpt")
    for ids, said in (([], "no text"), ([5] * 63, "too many")):
        with pytest.raises(UsageError, match=said):
            tune(opened.kind, opened.module, ids, len(opened.vocabulary.words))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["gpt", "bert"])
def test_shares_sum_to_one_and_only_bert_looks_ahead(name: str) -> None:
    opened = open_lm(f"lineage/{name}")
    (ids,) = opened.vocabulary.encode(["我想吃汉堡"])
    found = attended(opened.module, ids)  # type: ignore[arg-type]
    weights = torch.tensor(found.weights)  # [H, T, T]
    assert weights.shape == (4, len(found.ids), len(found.ids)) and found.width == 128
    assert torch.allclose(weights.sum(-1), torch.ones(()), atol=1e-5)
    assert bool(weights.triu(1).any()) == (name == "bert")
