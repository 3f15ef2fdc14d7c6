"""What parts are worth: one that changes nothing costs nothing, and without own words it is teacher forcing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from benchmarks import worth
from dragoman.explain.watch.subject import subject_of
from dragoman.explain.watch.teacher import shifted, teacher_forced
from dragoman.transformer.model import Transformer
from dragoman.translate.translator import Translator

PAIRS = [
    ("Are you OK ?", "你好吗？"),
    ("He went to the bank.", "他去银行了，他去银行了。"),
    ("I am tired.", "我很累。"),
]


def test_without_own_words_it_is_teacher_forcing() -> None:
    with Translator.load("en-zh-tiny", engine="torch") as translator, torch.inference_mode():
        module = translator.module
        assert isinstance(module, Transformer)
        subjects = [subject_of(translator, *pair, "", {}) for pair in PAIRS]
        (subject,) = (one for one in subjects if len(one.labels) > worth.MOST_OWN)
        found = worth._after_own(module, subject)
        logits = teacher_forced(module, subject.source(), shifted(subject.labels, None))
        p = logits.softmax(-1).gather(1, torch.tensor(subject.labels)[:, None])[worth.MOST_OWN :, 0]
        assert torch.allclose(found[:, 0], p, atol=1e-4)
        whole, cache = (worth._part(module, part, subjects) for part in (None, "cache"))
        assert (whole.bleu, whole.loss) == (cache.bleu, pytest.approx(cache.loss))


def test_the_gradient_is_the_norm_of_the_jacobian() -> None:
    scores = torch.randn(1, 1, 5, generator=torch.Generator().manual_seed(1))
    allowed = torch.tensor([[True, True, True, True, False]])
    ((variance, gradient),) = worth._spread(scores, allowed)
    jacobian = torch.autograd.functional.jacobian(lambda x: F.softmax(x, -1), scores[0, 0, :4])
    assert gradient.item() == pytest.approx(float(jacobian.norm()), rel=1e-5)  # type: ignore[union-attr]
    assert variance.item() == pytest.approx(float(scores[0, 0, :4].var(correction=0)), rel=1e-5)


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="none"):
        worth.main(worth.Measured(model=str(tmp_path / "none")))
