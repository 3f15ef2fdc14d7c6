"""A probe is a small, readable line, taken from a model of any precision that goes on training afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman.errors import UsageError
from dragoman.explain import add_probe, explain, probe, read_probes
from dragoman.translate.translator import Translator
from tiny import parts

TEXT, REFERENCE = "The dog sees the old tree.", "我喜欢你的老树"


@pytest.fixture(scope="module")
def translator(tiny_model: Path) -> Translator:
    return Translator.load(tiny_model, engine="torch")


def of(translator: Translator, module: object, target: str | None = REFERENCE, step: int = 7):  # type: ignore[no-untyped-def]
    tokenizers = translator.model.source_tokenizer, translator.model.target_tokenizer
    return probe(module, *tokenizers, TEXT, target, step)  # type: ignore[arg-type]


def test_a_probe_shows_what_the_trace_shows(translator: Translator) -> None:
    trace, found = explain(translator, TEXT, REFERENCE, beam_size=1), of(translator, translator.module)
    assert trace.training is not None
    assert found.loss == pytest.approx(trace.training.loss.mean, abs=1e-5)
    assert found.p_label == pytest.approx([step.p_label for step in trace.training.steps], abs=1e-5)
    assert found.labels == trace.training.labels and found.source == trace.source.tokens
    assert [one.name for one in found.attention] == ["decoder.1.cross"]
    np.testing.assert_allclose(found.attention[0].weights, trace.training.decoder[0].cross.weights, atol=1e-6)


def test_without_a_reference_its_own_words_are_the_labels(translator: Translator) -> None:
    found = of(translator, translator.module, None)
    assert found.text and len(found.labels) == found.attention[0].weights.shape[1]


def test_a_model_in_training_is_left_as_it_is(translator: Translator) -> None:
    module = translator.model.build().bfloat16().train()
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    found = of(translator, module)
    assert all(torch.equal(before[name], weight) for name, weight in module.state_dict().items())
    assert module.training and np.isfinite(found.loss)


def test_lines_read_back(translator: Translator, tmp_path: Path) -> None:
    lines = [of(translator, translator.module, step=step).to_json() for step in (100, 200)]
    path = tmp_path / "probe.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert all("\n" not in line and len(line) < 10_000 for line in lines)
    assert json.loads(lines[0])["format"] == "dragoman.probe"
    assert [found.step for found in read_probes(path)] == [100, 200]
    assert [found.to_json() for found in read_probes(path)] == lines


def test_a_resumed_run_forgets_what_came_after(translator: Translator, tmp_path: Path) -> None:
    path = tmp_path / "probe.jsonl"
    for step in (100, 200, 300, 200):
        add_probe(path, of(translator, translator.module, step=step))
    assert [found.step for found in read_probes(path)] == [100, 200]


def test_dropout_is_off(tmp_path: Path) -> None:
    with Translator.load(parts(dropout=0.5).write(tmp_path / "m"), engine="torch") as translator:
        training = translator.model.build().train()
        assert of(translator, training).p_label == of(translator, translator.module).p_label


@pytest.mark.parametrize("line", ["{", "[]", '{"format":"dragoman.probe","version":2}'])
def test_another_file_is_refused_by_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "probe.jsonl"
    path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 1"):
        read_probes(path)
