"""The tree of a watched search against the search itself, and against sums of the model's own log-probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from dragoman.decoding.options import DecodingOptions, SearchRequest
from dragoman.engines import translate
from dragoman.engines.torch import TorchEngine
from dragoman.explain import explain
from dragoman.explain.watch.beam import Branch, Searched, searched
from dragoman.ids import BOS, EOS
from dragoman.translate.translator import Translator

SENTENCES = ([5, 9, 12], [270, 280, 290, 300, 310], [33])
OPTIONS: dict[str, dict[str, Any]] = {
    "greedy": {"beam_size": 1},
    "beam": {"beam_size": 4},
    "no length penalty": {"beam_size": 4, "length_penalty": 0.0},
    "limit": {"beam_size": 3, "max_length": 4},
    "constraints": {"beam_size": 3, "min_length": 3, "no_repeat_ngram": 1},
    "sampled": {"beam_size": 1, "sample": True, "seed": 3},
}


@pytest.fixture(scope="module")
def translator(tiny_model: Path) -> Translator:
    return Translator.load(tiny_model, engine="torch")


def options(name: str) -> DecodingOptions:
    return DecodingOptions(**{"max_length": 24, **OPTIONS[name]})


def watched(translator: Translator, ids: list[int], name: str) -> Searched:
    return searched(translator.module, torch.tensor([[*ids, EOS]]), options(name))  # type: ignore[arg-type]


def path(tree: list[Branch], branch: Branch) -> list[Branch]:
    found = [branch]
    while found[-1].parent is not None:
        found.append(tree[found[-1].parent])
    return found[::-1]


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("ids", SENTENCES, ids=len)
def test_the_search_finds_what_it_finds_unwatched(translator: Translator, ids: list[int], name: str) -> None:
    (served,) = translate(TorchEngine(translator.module), [ids], SearchRequest(options(name)))
    found = watched(translator, ids, name)
    assert found.best.tokens == served[0].tokens
    assert found.best.score == pytest.approx(served[0].score)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("ids", SENTENCES, ids=len)
def test_the_tree_holds_together(translator: Translator, ids: list[int], name: str) -> None:
    chosen, found = options(name), watched(translator, ids, name)
    tree = found.tree
    assert [branch.id for branch in tree] == list(range(len(tree)))
    (won,) = (branch for branch in tree if branch.state == "won")
    said = [*found.best.tokens, EOS] if found.best.finished else found.best.tokens
    assert [branch.token for branch in path(tree, won)] == [BOS, *said]
    assert won.score == pytest.approx(found.best.score)
    for branch in tree[1:]:
        parent = tree[branch.parent or 0]
        assert parent.t == branch.t - 1 and parent.state in ("root", "live")
        assert branch.total == pytest.approx(parent.total + branch.logp, abs=1e-4)
        assert branch.score is None or branch.score == pytest.approx(
            chosen.normalise(branch.total, branch.t + 1)
        )
        assert branch.why
    for t in range(won.t + 1):
        level = [branch for branch in tree if branch.t == t]
        assert sum(branch.state == "live" for branch in level) <= chosen.beam_size
        assert len(level) <= 2 * chosen.beam_size
    others = [branch.score for branch in tree if branch.state == "finished" and branch.score is not None]
    assert not others or chosen.sample or max(others) <= won.score + 1e-6  # type: ignore[operator]


@pytest.mark.parametrize("name", ["greedy", "beam"])
def test_the_totals_are_the_models_log_probabilities(translator: Translator, name: str) -> None:
    """Every ending of the tree, pruned ones too, given back to the model as a reference."""
    found = watched(translator, SENTENCES[1], name)
    source = torch.tensor([[*SENTENCES[1], EOS]])
    for branch in [b for b in found.tree if b.token == EOS][:6]:
        labels = [b.token for b in path(found.tree, branch)[1:]]
        with torch.no_grad():
            logits = translator.module(source, source > 0, torch.tensor([[BOS, *labels[:-1]]]))[0]
        logits[:, :3] = float("-inf")  # what is never written
        expected = logits.log_softmax(-1).gather(1, torch.tensor(labels)[:, None]).sum()
        assert branch.total == pytest.approx(float(expected), abs=1e-4)


def test_the_winners_rows_are_found_among_the_beams(translator: Translator) -> None:
    found = watched(translator, SENTENCES[1], "beam")
    said = [*found.best.tokens, EOS] if found.best.finished else found.best.tokens
    assert found.fed == [BOS, *said[:-1]]
    with torch.no_grad():
        source = torch.tensor([[*SENTENCES[1], EOS]])
        logits = translator.module(source, source > 0, torch.tensor([found.fed]))[0]
    assert torch.allclose(found.logits, logits, atol=1e-4)


def test_a_node_says_why_it_died(translator: Translator) -> None:
    trace = explain(translator, "The dog sees the tree.", beam_size=3)
    pruned = [node for node in trace.inference.beam.nodes if node.state == "pruned"]
    assert any("of a beam of 3" in node.why for node in pruned)
    assert trace.inference.beam.width == 3
    assert max(step.beams for step in trace.inference.steps) == 3


def test_time_and_work_are_counted(translator: Translator) -> None:
    found = explain(translator, "The dog sees the tree.", beam_size=1).inference
    assert found.encoder_passes == 1
    assert found.decoder_passes == len(found.steps) == found.rows_computed
    assert [step.cache.after for step in found.steps] == list(range(1, len(found.steps) + 1))
    assert found.seconds["encoder"] > 0 and found.seconds["decoder"] > 0
    assert all(step.milliseconds > 0 for step in found.steps)
