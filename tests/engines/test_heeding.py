"""No option is swallowed: every engine does what a field of DecodingOptions says, or refuses the field by name.

A rule that a stranger added ("no token twice in a row") was once obeyed by the search and ignored in silence by the
default engine, by the ranking in C and by drafts; it is added here again, as a stranger would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dragoman import engines
from dragoman.decoding.constraints import FORBIDDEN, RULES, Rule
from dragoman.decoding.options import DecodingOptions, SearchRequest
from dragoman.decoding.search import search
from dragoman.engines import Engine, compiled
from dragoman.engines.ctranslate2 import CTranslate2Engine
from dragoman.engines.torch import TorchEngine
from dragoman.errors import ConfigError
from dragoman.explain.watch.beam import searched
from dragoman.ids import EOS, SPECIALS
from dragoman.server.drafting import draft
from dragoman.server.queue import search as search_batch
from dragoman.server.queue import works_of
from dragoman.transformer.model import Transformer, TransformerConfig
from dragoman.translate.translator import ENGINES, Translator

VOCABULARY = [*SPECIALS, *(f"▁{i}" for i in range(4, 40))]
SOURCES = [[5, 6, 7], [9] * 14, [30], [12, 31, 8, 8, 20, 21, 35], [11, 4], list(range(4, 36))]
TEXT = "No no no. The red dog sees my house. A small cat!\nThe bird likes the tree."

# Each field at a value that asks for something, with what else it takes to make sense of it.
ASKING: dict[str, dict[str, Any]] = {
    "beam_size": {"beam_size": 4},
    "n_best": {"n_best": 2, "beam_size": 4},
    "length_penalty": {"length_penalty": 3.0, "beam_size": 4},
    "max_length": {"max_length": 5},
    "max_length_ratio": {"max_length_ratio": 0.5, "max_length": 120},
    "min_length": {"min_length": 20, "max_length": 40},
    "no_repeat_ngram": {"no_repeat_ngram": 1},
    "sample": {"sample": True},
    "temperature": {"temperature": 3.0, "sample": True},
    "top_k": {"top_k": 2, "sample": True},
    "top_p": {"top_p": 0.3, "sample": True},
    "seed": {"seed": 7, "sample": True},
}
PLAIN = {"beam_size": 1, "length_penalty": 0.0, "max_length": 24, "max_length_ratio": 0.0}


@dataclass(frozen=True)
class StrangeOptions(DecodingOptions):
    """With what a stranger would have written into the class."""

    no_stutter: bool = False
    loudness: int = 0  # which nobody heeds


@dataclass(frozen=True)
class NoStutter(Rule):
    """No token twice in a row."""

    wanted: bool

    def apply(self, logits: Tensor, history: Tensor) -> Tensor:
        if not history.size(-1):
            return logits
        return logits.scatter(-1, history[..., -1:], FORBIDDEN)


def stutters(tokens: list[int]) -> bool:
    return any(one == other for one, other in zip(tokens, tokens[1:], strict=False))


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "no_stutter", NoStutter)


def build(seed: int = 0, **changes: Any) -> Transformer:
    torch.manual_seed(seed)
    small = {
        "d_model": 24,
        "d_ff": 48,
        "n_heads": 3,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "dropout": 0.0,
    }
    model = Transformer(TransformerConfig(**small | changes, max_length=128), 40, 40).eval()
    for parameter in model.parameters():  # far from the initial weights, which say nearly nothing
        parameter.data += (0.3 if parameter.dim() > 1 else 0.1) * torch.randn_like(parameter)
    return model


@pytest.fixture(scope="module")
def model() -> Transformer:
    return build(2)  # of these weights hypotheses end in both ways


def _ctranslate2(model: Transformer) -> Engine:
    return CTranslate2Engine.from_weights(
        model.state_dict(), model.config, VOCABULARY, VOCABULARY, compute_type="float32", workers=1
    )


MADE: dict[str, Callable[[Transformer], Engine]] = {"torch": TorchEngine, "ctranslate2": _ctranslate2}


@pytest.fixture(scope="module", params=MADE)
def engine(request: pytest.FixtureRequest, model: Transformer) -> Engine:
    return MADE[request.param](model)


def reference(model: Transformer, source: list[int], options: DecodingOptions) -> list[list[int]]:
    ids = torch.tensor([[*source, EOS]])
    return [h.tokens for h in search(model, ids, torch.ones_like(ids, dtype=torch.bool), options)[0]]


def test_every_engine_and_every_field_is_walked_over() -> None:
    assert MADE.keys() == ENGINES.keys()
    assert ASKING.keys() == {field.name for field in fields(DecodingOptions)}
    assert RULES.keys() <= ASKING.keys()
    for name, asking in ASKING.items():
        assert name in DecodingOptions(**PLAIN | asking).demands


@pytest.mark.parametrize("name", ASKING)
def test_translating_heeds_a_field_or_refuses_it_by_name(
    engine: Engine, model: Transformer, name: str
) -> None:
    options = DecodingOptions(**PLAIN | ASKING[name])
    if options.demands.keys() - engine.heeds:
        with pytest.raises(ConfigError, match=rf"decoding\.\w+ = .*{engine.name}.*use the torch engine"):
            engine.begin(SOURCES, SearchRequest(options))
        return
    found = engines.translate(engine, SOURCES, SearchRequest(options))
    assert [[h.tokens for h in best] for best in found] == [reference(model, s, options) for s in SOURCES]


@pytest.mark.parametrize("name", ASKING)
def test_a_field_that_asks_for_something_gets_it(model: Transformer, name: str) -> None:
    """Or the comparison above would compare nothing."""
    asking = ASKING[name]
    without = {key: value for key, value in asking.items() if key != name}
    with_it, plain = (
        [reference(model, s, DecodingOptions(**PLAIN | options)) for s in SOURCES]
        for options in (asking, without)
    )
    assert with_it != plain


@pytest.mark.parametrize("name", ASKING)
def test_a_draft_heeds_a_field_or_refuses_it_by_name(engine: Engine, model: Transformer, name: str) -> None:
    options = DecodingOptions(**PLAIN | ASKING[name])
    if options.demands.keys() - engine.heeds_in_drafts:
        with pytest.raises(ConfigError, match=rf"decoding\.\w+ = .*{engine.name}.* in a draft"):
            next(engine.write(SOURCES[0], options))
        return
    for source in SOURCES:
        assert list(engine.write(source, options)) == reference(model, source, options)[0]


@pytest.mark.parametrize("name", ASKING)
def test_the_beam_that_is_watched_heeds_every_field(model: Transformer, name: str) -> None:
    options = DecodingOptions(**PLAIN | ASKING[name])
    for source in SOURCES:
        with torch.no_grad():
            found = searched(model, torch.tensor([[*source, EOS]]), options)
        assert found.best.tokens == reference(model, source, options)[0]
        (at,) = (branch for branch in found.tree if branch.state == "won")
        drawn = []
        while at.parent is not None:
            drawn.insert(0, at.token)
            at = found.tree[at.parent]
        assert drawn == [*found.best.tokens, *[EOS] * found.best.finished]


# -- the C decoder, which ranks beside the search ---------------------------------------------------------------


class Unranked:
    """A model in C of which the search asks for logits only, and so goes by its own rules."""

    def __init__(self, fast: Any) -> None:
        self.start, self.step = fast.start, fast.step


@pytest.fixture(scope="module")
def in_c() -> TorchEngine:
    if compiled.library() is None:
        pytest.skip("no C compiler on this machine")
    model = build(d_model=64, d_ff=96, n_heads=4, activation="relu", positions="sinusoidal")
    engine = TorchEngine(model, compute_type="bfloat16", workers=1)
    assert isinstance(engine.decodable, compiled.CompiledTransformer)
    return engine


@pytest.mark.parametrize("draft", [False, True])
@pytest.mark.parametrize("name", ASKING)
def test_the_c_decoder_heeds_every_field(in_c: TorchEngine, name: str, draft: bool) -> None:
    options = DecodingOptions(**PLAIN | ASKING[name])
    if options.demands.keys() - (in_c.heeds_in_drafts if draft else in_c.heeds):
        with pytest.raises(ConfigError, match=r"decoding\.\w+ = .* leave it out"):
            next(in_c.write(SOURCES[0], options))
        return
    for source in SOURCES:
        expected = reference(Unranked(in_c.decodable), source, options)  # type: ignore[arg-type]
        if draft:
            assert list(in_c.write(source, options)) == expected[0]
        else:
            (found,) = engines.translate(in_c, [source], SearchRequest(options))
            assert [h.tokens for h in found] == expected


@pytest.fixture(scope="module")
def auto(tiny_model: Path) -> Iterator[Translator]:
    with Translator.load(tiny_model, workers=1) as translator:
        yield translator


class TestStranger:
    """A field, a class and a line in a table."""

    @pytest.mark.parametrize("beam", [1, 4])
    def test_the_search_obeys_a_new_rule_at_once(self, stranger: None, model: Transformer, beam: int) -> None:
        asked = {"beam_size": beam, "n_best": beam, "max_length": 24}
        plain = [reference(model, s, StrangeOptions(**asked)) for s in SOURCES]
        assert any(stutters(tokens) for best in plain for tokens in best), "there is nothing to forbid"
        request = SearchRequest(StrangeOptions(**asked, no_stutter=True))
        found = engines.translate(TorchEngine(model), SOURCES, request)
        assert not any(stutters(h.tokens) for best in found for h in best)

    def test_so_does_a_draft(self, stranger: None, model: Transformer) -> None:
        options = StrangeOptions(beam_size=1, max_length=24, no_stutter=True)
        for source in SOURCES:
            written = list(TorchEngine(model).write(source, options))
            assert written == reference(model, source, options)[0] and not stutters(written)

    @pytest.mark.skipif(compiled.library() is None, reason="no C compiler on this machine")
    @pytest.mark.parametrize("beam", [1, 4])
    def test_so_does_the_engine_that_ranks_in_c(
        self, stranger: None, monkeypatch: pytest.MonkeyPatch, beam: int
    ) -> None:
        model = build(d_model=64, d_ff=96, n_heads=4, activation="relu", positions="sinusoidal")
        engine = TorchEngine(model, compute_type="bfloat16", workers=1)
        assert isinstance(engine.decodable, compiled.CompiledTransformer)
        monkeypatch.setattr(engine.decodable, "rank", lambda *_: pytest.fail("no rule is heeded there"))
        request = SearchRequest(StrangeOptions(beam_size=beam, max_length=24, no_stutter=True))
        assert not any(stutters(best[0].tokens) for best in engines.translate(engine, SOURCES, request))

    def test_so_does_the_beam_that_is_watched(self, stranger: None, model: Transformer) -> None:
        options = StrangeOptions(beam_size=3, max_length=12, no_stutter=True)
        for source in SOURCES:
            with torch.no_grad():
                found = searched(model, torch.tensor([[*source, EOS]]), options)
            assert found.best.tokens == reference(model, source, options)[0]
            tokens = {branch.id: branch.token for branch in found.tree}
            assert all(b.parent is None or tokens[b.parent] != b.token for b in found.tree)

    def test_the_fast_engine_refuses_it_by_name(self, stranger: None, model: Transformer) -> None:
        options = StrangeOptions(beam_size=1, no_stutter=True)
        fast, said = (
            _ctranslate2(model),
            r"decoding\.no_stutter = true: the ctranslate2 engine does not heed it",
        )
        with pytest.raises(ConfigError, match=f"{said}: use the torch engine"):
            fast.begin(SOURCES, SearchRequest(options))
        with pytest.raises(ConfigError, match=f"{said} in a draft"):
            next(fast.write(SOURCES[0], options))

    def test_what_nobody_heeds_everybody_refuses(self, engine: Engine) -> None:
        options = StrangeOptions(beam_size=1, loudness=3)
        with pytest.raises(ConfigError, match=r"decoding\.loudness = 3: .* leave it out"):
            engine.begin(SOURCES, SearchRequest(options))
        with pytest.raises(ConfigError, match=r"decoding\.loudness = 3: .* leave it out"):
            next(engine.write(SOURCES[0], options))

    def test_auto_takes_the_engine_that_obeys(self, stranger: None, auto: Translator) -> None:
        plain = auto.translate(TEXT, StrangeOptions(beam_size=1, max_length=30))
        assert stutters(auto.model.target_tokenizer.encode(plain.text)) or stutters(plain.tokens)  # type: ignore[arg-type]
        options = StrangeOptions(beam_size=1, max_length=30, no_stutter=True)
        assert auto.plan(TEXT, StrangeOptions(beam_size=1)).engine.name == "ctranslate2"
        assert auto.plan(TEXT, options).engine.name == "torch"
        sentences = [auto.translate(line, options).tokens for line in ("The red dog.", "The bird likes it.")]
        assert not any(stutters(tokens) for tokens in sentences)  # type: ignore[arg-type]

    def test_so_do_the_servers_queue_and_its_drafts(
        self, stranger: None, auto: Translator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        options = StrangeOptions(beam_size=1, max_length=30, no_stutter=True)
        text = TEXT.partition("\n")[0]  # of the line after it this model writes no sign, and is asked again
        works = works_of(auto.plan(text, options))
        found = [search_batch([work], lambda: True)[0][0] for work in works]
        assert {work.engine.name for work in works} == {"torch"}
        assert not any(stutters(hypothesis.tokens) for hypothesis in found)
        monkeypatch.setattr(auto, "options", options)
        assert list(draft(auto, text))[-1].text == auto.translate(text).text

    def test_an_engine_that_was_asked_for_refuses_before_anything_is_read(
        self, stranger: None, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def texts() -> Iterator[str]:
            pytest.fail("read")
            yield ""

        options = StrangeOptions(beam_size=1, no_stutter=True)
        with Translator.load(tiny_model, engine="ctranslate2", workers=1) as translator:
            with pytest.raises(ConfigError, match="no_stutter"):
                translator.stream(texts(), options)
            with pytest.raises(ConfigError, match="no_stutter"):
                translator.plan(TEXT, options)
            monkeypatch.setattr(translator, "options", options)
            with pytest.raises(ConfigError, match=r"no_stutter.* in a draft"):
                next(draft(translator, TEXT))
