"""Several models as one: what they find is what a slow search over the mean of their probabilities finds."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman.cli import main
from dragoman.decoding.options import DecodingOptions, Hypothesis, SearchRequest
from dragoman.engines import translate
from dragoman.engines.ensemble import Ensemble, mean_of
from dragoman.engines.torch import TorchEngine
from dragoman.errors import ConfigError, UsageError
from dragoman.ids import BOS, EOS, UNWRITTEN
from dragoman.model.directory import open_model
from dragoman.transformer.model import Transformer, TransformerConfig
from dragoman.translate.translator import Translator
from tiny import Parts, parts

V = 7
SOURCES = [[4, 5, 6, 4], [6], [5, 5, 4]]


def transformer(seed: int, **changes: object) -> Transformer:
    torch.manual_seed(seed)
    sizes = dict(d_model=16, d_ff=32, n_heads=2, encoder_layers=1, decoder_layers=1, norm="pre", dropout=0.0)
    model = Transformer(TransformerConfig(**sizes | changes), V, V).eval()  # type: ignore[arg-type]
    for parameter in model.parameters():
        parameter.data += 0.5 * torch.randn_like(parameter)
    return model.requires_grad_(False)


@pytest.fixture(scope="module")
def members() -> list[Transformer]:
    """Of other shapes: only the tokens have to be the same."""
    return [transformer(1), transformer(2, d_model=8, decoder_layers=2), transformer(3, norm="post")]


def chances(members: list[Transformer], source: list[int], prefix: list[int]) -> list[float]:
    """Of each token, by the definition: each member reads everything anew, and probabilities are added up in Python."""
    ids = torch.tensor([[*source, EOS]])
    target = torch.tensor([[BOS, *prefix]])
    each = [
        m(ids, torch.ones_like(ids, dtype=torch.bool), target)[0, -1].double().softmax(-1) for m in members
    ]
    mean = [sum(float(one[v]) for one in each) / len(each) for v in range(V)]
    allowed = sum(chance for v, chance in enumerate(mean) if v not in UNWRITTEN)
    return [0.0 if v in UNWRITTEN else chance / allowed for v, chance in enumerate(mean)]


def slow_beam(
    members: list[Transformer], source: list[int], width: int, limit: int
) -> list[tuple[float, list[int]]]:
    """A textbook beam search in lists: the `width` best go on, what ends among them is finished."""
    live: list[tuple[float, list[int]]] = [(0.0, [])]
    done: list[tuple[float, list[int]]] = []
    while live and len(done) < width:
        grown = [
            (total + math.log(chance), [*tokens, v])
            for total, tokens in live
            for v, chance in enumerate(chances(members, source, tokens))
            if chance > 0
        ]
        grown.sort(reverse=True)
        for total, tokens in grown[:width]:
            if tokens[-1] == EOS or len(tokens) == limit:
                done.append((total / len(tokens), [v for v in tokens if v != EOS]))
        live = [one for one in grown if one[1][-1] != EOS and len(one[1]) < limit][:width]
    return sorted(done, reverse=True)


def found(model: torch.nn.Module, **options: object) -> list[list[Hypothesis]]:
    asked = DecodingOptions(max_length_ratio=0, **options)  # type: ignore[arg-type]
    return translate(TorchEngine(model, workers=1), SOURCES, SearchRequest(asked))


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_beam_finds_what_a_slow_search_finds(members: list[Transformer], width: int) -> None:
    best = found(Ensemble(members), beam_size=width, max_length=6)
    for source, (first, *_) in zip(SOURCES, best, strict=True):
        score, tokens = slow_beam(members, source, width, 6)[0]
        assert first.tokens == tokens
        assert first.score == pytest.approx(score, abs=1e-4)


def test_one_member_is_that_model(members: list[Transformer]) -> None:
    for options in ({"beam_size": 3, "n_best": 3}, {"beam_size": 1, "sample": True, "n_best": 3}):
        alone, ensemble = (found(m, max_length=8, **options) for m in (members[0], Ensemble(members[:1])))
        assert [[h.tokens for h in some] for some in alone] == [[h.tokens for h in some] for some in ensemble]


def test_the_mean_is_that_of_probabilities_whatever_the_scale_of_the_logits() -> None:
    """A geometric mean would give (0.5, 0.5) here: the certainty of the first would count for nothing."""
    sure, doubtful = torch.tensor([0.9, 0.1]).log() + 30, torch.tensor([0.25, 0.75]).log() - 5
    assert mean_of([sure, doubtful]).exp().tolist() == pytest.approx([0.575, 0.425])
    assert mean_of([torch.tensor([0.0, -200.0]), torch.tensor([0.0, -200.0])]).isfinite().all()


def test_attention_is_the_mean_of_what_the_members_look_at(members: list[Transformer]) -> None:
    source, target = torch.tensor([[4, 5, EOS]]), torch.tensor([[BOS, 6, 4]])
    given = source, torch.ones_like(source, dtype=torch.bool), target
    align = Ensemble(members).align
    assert align is not None
    whole = sum(m.align(*given) for m in members) / 3
    torch.testing.assert_close(align(*given), whole)
    assert Ensemble([torch.nn.Linear(1, 1)]).align is None


# -- through the door ---------------------------------------------------------------------------------------------


def shaken(whole: Parts, seed: int = 5) -> Parts:
    """Another model of the same tokens."""
    draw = np.random.default_rng(seed)
    weights = {n: w + 0.1 * draw.standard_normal(w.shape, np.float32) for n, w in whole.weights.items()}
    return replace(whole, weights=weights)


@pytest.fixture(scope="module")
def two(tiny_parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("two")
    return [tiny_parts.write(folder / "one"), shaken(tiny_parts).write(folder / "two")]


TEXTS = ["The dog sees a cat.", "My old house.", "9"]


def test_texts_go_through_all_models(two: list[Path]) -> None:
    with Translator.load(two, workers=1) as together:
        found = together.translate(TEXTS, alignments=True)
        scores = together.score(TEXTS[:2], ["狗看见猫。", "我的老房子。"])
    with Translator.load(two[:1]) as alone:
        assert [t.text for t in alone.translate(TEXTS)] != [t.text for t in found]
        ids = [alone.encode(*pair) for pair in zip(TEXTS[:2], ["狗看见猫。", "我的老房子。"], strict=True)]
    modules = [open_model(path).build() for path in two]
    for (source, target), score in zip(ids, scores, strict=True):
        whole = torch.tensor([[*source, EOS]]), torch.tensor([[BOS, *target]])
        logits = [m(whole[0], whole[0] != 0, whole[1])[0] for m in modules]
        logs = mean_of(logits).gather(1, torch.tensor([[*target, EOS]]).T).squeeze(1)
        assert score.token_scores == pytest.approx(logs.tolist(), abs=1e-4)
    assert found[2].text == "9"  # what is kept is kept, whoever translates


def test_a_limit_is_the_smallest_of_all(tiny_parts: Parts, two: list[Path], tmp_path: Path) -> None:
    config = {**tiny_parts.config, "data": {"longest": 7}}
    short = replace(tiny_parts, config=config).write(tmp_path)
    assert Translator.load([two[0], short]).longest == 7


def test_what_does_not_fit_is_refused_by_name(two: list[Path], tiny_parts: Parts, tmp_path: Path) -> None:
    own = tiny_parts.config
    others = {
        "target vocabularies differ": parts(seed=2),
        "en-zh and de-zh": replace(tiny_parts, config=own | {"languages": {"source": "de", "target": "zh"}}),
        "cleaning.simplify": replace(tiny_parts, config=own | {"cleaning": {"simplify": "target"}}),
    }
    for number, (message, other) in enumerate(others.items()):
        path = other.write(tmp_path / str(number))
        with pytest.raises(ConfigError, match=message) as told:
            Translator.load([two[0], path])
        assert str(two[0]) in str(told.value) and str(path) in str(told.value)
    with pytest.raises(ConfigError, match="ctranslate2"):
        Translator.load(two, engine="ctranslate2")
    with pytest.raises(UsageError, match="no model"):
        Translator.load([])


def test_the_command_line_asks_for_an_ensemble_by_name(
    two: list[Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    both = ["-m", str(two[0]), "-m", str(two[1])]
    with Translator.load(two) as translator:
        expected = translator.translate(TEXTS[0]).text
    assert main(["translate", TEXTS[0], *both, "--ensemble"]) == 0
    assert capsys.readouterr().out == f"{expected}\n"
    assert main(["translate", TEXTS[0], *both]) == 2
    assert "add --ensemble" in capsys.readouterr().err
    assert main(["translate", TEXTS[0], *both[:2], "--ensemble"]) == 2
    assert "name the others too" in capsys.readouterr().err
    corpus = tmp_path / "pairs.tsv"
    corpus.write_text("The dog.\t狗。\n", encoding="utf-8")
    assert main(["evaluate", str(corpus), *both, "--ensemble", "--against", str(two[0])]) == 0
    assert f"{two[0]} + {two[1]}" in capsys.readouterr().out
