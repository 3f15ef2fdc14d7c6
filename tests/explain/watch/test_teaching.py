"""Teaching a copy: the loss falls, the gradient is that of torch, and nothing that serves is touched."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from dragoman.errors import UsageError
from dragoman.explain import Trace, explain, explain_both
from dragoman.explain.trace.trials import Wanted
from dragoman.explain.watch.teaching import RATE, box_of
from dragoman.translate.translator import Translator
from tiny import parts

TEXT, REFERENCE = "The dog sees the old tree.", "我喜欢你的老树"


@pytest.fixture(scope="module")
def translator(tiny_model: Path) -> Translator:
    return Translator.load(tiny_model, engine="torch")


def files(directory: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_nothing_that_serves_changes(tiny_model: Path) -> None:
    translator, before = Translator.load(tiny_model, engine="torch"), files(tiny_model)
    weights = {name: weight.clone() for name, weight in translator.module.state_dict().items()}
    was = translator.translate(TEXT).text
    trace = explain(translator, TEXT, REFERENCE, wanted=Wanted(teach=3))
    assert trace.taught is not None and trace.taught.moved > 0
    assert files(tiny_model) == before
    assert all(torch.equal(weight, weights[name]) for name, weight in translator.module.state_dict().items())
    assert not any(weight.requires_grad for weight in translator.module.parameters())
    assert translator.translate(TEXT).text == was


def test_the_bundled_model_learns_the_pair_and_its_numbers_are_those_of_the_trace() -> None:
    with Translator.load("en-zh-tiny", engine="torch") as bundled:
        trace = explain(bundled, "Are you OK ?", "你干什么？", wanted=Wanted(teach=5))
    taught = trace.taught
    assert taught is not None and trace.training is not None
    assert taught.loss[0] == pytest.approx(trace.training.loss.mean, rel=1e-4)
    assert [row.p[0] for row in taught.rows] == pytest.approx(
        [step.p_label for step in trace.training.steps], rel=1e-3, abs=1e-7
    )
    assert all(later < earlier for earlier, later in zip(taught.loss, taught.loss[1:], strict=False))
    assert len(taught.loss) == 6 and len(taught.norms) == 5
    assert taught.own.before == trace.inference.text and taught.own.after != taught.own.before
    assert len(taught.others) == 3
    names = [box.name for box in taught.boxes]
    expected = [
        "embedding",
        "encoder.1.self",
        "encoder.6.feed",
        "decoder.1.cross",
        "decoder.2.feed",
        "output",
    ]
    assert set(expected) <= set(names) and names[-1] == "output"


@pytest.mark.parametrize("tie", ["all", "target", "none"])
def test_the_boxes_share_the_gradient_out(tie: str, tmp_path: Path) -> None:
    """Where tables are apart, the squares of the boxes add up to that of the whole; the output's is torch's own."""
    translator = Translator.load(parts(tie=tie).write(tmp_path / tie), engine="torch")
    trace = explain(translator, TEXT, REFERENCE, wanted=Wanted(teach=1))
    taught = trace.taught
    assert taught is not None
    if tie == "none":
        whole = sum(box.norms[0] ** 2 for box in taught.boxes) ** 0.5
        assert whole == pytest.approx(taught.norms[0], rel=1e-4)
    source, labels = translator.encode(TEXT, REFERENCE)
    module = translator.module
    ids, wanted = torch.tensor([[*source, 3]]), torch.tensor([*labels, 3])
    weight = module.output_weight.detach().clone().requires_grad_()
    real = torch.ones_like(ids, dtype=torch.bool)
    hidden = module.decode(torch.tensor([[2, *labels]]), module.encode(ids, real), real).detach()
    (gradient,) = torch.autograd.grad(F.cross_entropy(F.linear(hidden, weight)[0], wanted), weight)
    assert taught.boxes[-1].norms[0] == pytest.approx(float(gradient.norm()), rel=1e-3)


def test_one_step_is_the_rate_times_the_gradient(translator: Translator) -> None:
    taught = explain(translator, TEXT, REFERENCE, wanted=Wanted(teach=1)).taught
    assert taught is not None
    length = sum(float(weight.double().square().sum()) for weight in translator.module.parameters()) ** 0.5
    assert taught.moved * length == pytest.approx(RATE * taught.norms[0], rel=1e-3)


def test_what_is_taught_is_in_the_record(translator: Translator) -> None:
    trace = explain_both(translator, TEXT, REFERENCE, wanted=Wanted(teach=2))
    again = Trace.from_json(trace.to_json())
    assert again.taught is not None and len(again.taught.rows) == len(again.training.steps)  # type: ignore[union-attr]
    assert "taught" not in explain(translator, TEXT).to_dict()


def test_wrong_wishes_are_refused(translator: Translator) -> None:
    with pytest.raises(UsageError, match="1 to 20"):
        explain(translator, TEXT, REFERENCE, wanted=Wanted(teach=21))
    with pytest.raises(UsageError, match="--reference"):
        explain(translator, TEXT, wanted=Wanted(teach=1))


@pytest.mark.parametrize(
    "name, box",
    [
        ("embedding.weight", "embedding"),
        ("target_input.learned.weight", "embedding"),
        ("encoder.layers.0.self_attention.q.weight", "encoder.1.self"),
        ("decoder.layers.1.cross_attention.output.bias", "decoder.2.cross"),
        ("decoder.layers.1.feed_forward.inner.weight", "decoder.2.feed"),
        ("encoder.layers.3.residuals.0.norm.weight", "encoder.4.norm"),
        ("encoder.norm.weight", "encoder.norm"),
    ],
)
def test_a_weight_belongs_to_a_box(name: str, box: str) -> None:
    assert box_of(name) == box


def test_what_is_translated_in_one_batch_is_what_each_sentence_gets_alone(translator: Translator) -> None:
    """The sentence taught and the others are of different lengths, so most of them are padded."""
    trace = explain(translator, TEXT, REFERENCE, wanted=Wanted(teach=1))
    assert trace.taught is not None and len(trace.taught.others) == 3
    for other in trace.taught.others:
        assert other.before == explain(translator, other.text).inference.text
