"""What is recorded is what the layers computed, by the model's own encode, decode, align; and nobody else notices."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dragoman import processor
from dragoman.explain import Trace, explain
from dragoman.explain.watch.broken import machine
from dragoman.explain.watch.passes import Frame, all_rows, recorded_pass
from dragoman.explain.watch.record import private_copy, watch, wrap
from dragoman.explain.watch.teacher import teacher_forced
from dragoman.translate.translator import Translator
from tiny import parts

TEXT, REFERENCE = "The dog sees the old tree.", "我喜欢你的老树"
KINDS: dict[str, dict[str, object]] = {
    "pre": {},
    "post": {"norm": "post"},
    "rotary": {"positions": "rotary", "decoder_layers": 2},
    "learned": {"positions": "learned", "max_length": 64},
    "swiglu": {"activation": "swiglu", "tie": "target"},
    "gelu": {"activation": "gelu", "tie": "none", "n_heads": 4},
}


@pytest.fixture(scope="module", params=KINDS)
def translator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Translator:
    directory = tmp_path_factory.mktemp("models") / request.param
    return Translator.load(parts(**KINDS[request.param]).write(directory), engine="torch")


@pytest.fixture(scope="module")
def trace(translator: Translator) -> Trace:
    return explain(translator, TEXT, REFERENCE)


def ids(tokens: object) -> Tensor:
    return torch.tensor([[token.id for token in tokens]])  # type: ignore[attr-defined]


def test_memory_hidden_and_attention_are_the_models_own(translator: Translator, trace: Trace) -> None:
    module, source = translator.module, ids(trace.source.tokens)
    real = torch.ones_like(source, dtype=torch.bool)
    assert trace.training is not None
    inputs = ids(trace.training.input)
    with torch.no_grad():
        memory = module.encode(source, real)  # type: ignore[operator]
        hidden = module.decode(inputs, memory, real)  # type: ignore[operator]
        looked = module.align(source, real, inputs)  # type: ignore[operator]
    np.testing.assert_allclose(trace.inference.passed.memory, memory[0], atol=1e-5)
    np.testing.assert_allclose(trace.training.passed.hidden, hidden[0], atol=1e-5)
    np.testing.assert_allclose(trace.training.decoder[-1].cross.weights.mean(0), looked[0], atol=1e-5)


def test_the_loop_records_what_one_pass_does(translator: Translator, trace: Trace) -> None:
    """Fed the words of the inference, one parallel pass records the numbers that the loop recorded row by row."""
    watched = machine(translator.module, watched=True)  # type: ignore[arg-type]
    fed = [step.input.id for step in trace.inference.steps]
    source = ids(trace.source.tokens)
    with torch.no_grad():
        teacher_forced(watched.module, source, fed)
        frame = Frame(watched.module, watched.tape, translator.model.target_tokenizer, None)
        once = recorded_pass(frame, all_rows(source.size(1)), all_rows(len(fed)))
    for row, column in zip(trace.decoder, once.decoder, strict=True):
        for a, b in ((row.self, column.self), (row.cross, column.cross)):
            assert a is not None and b is not None
            for name in ("q", "k", "v", "weights", "output"):
                np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-5)
            np.testing.assert_allclose(a.scores * a.allowed, b.scores * b.allowed, atol=1e-4)
        for left, right in zip(row.residuals, column.residuals, strict=True):
            np.testing.assert_allclose(left.sum, right.sum, atol=1e-5)


def test_residuals_add_up_and_the_next_layer_reads_them(trace: Trace) -> None:
    """The norm of the stream that a sublayer leaves is the norm that the next one finds, with pre-norm."""
    for layer in (*trace.encoder, *trace.decoder):
        for before, after in zip(layer.residuals, layer.residuals[1:], strict=False):
            left = before.sum if before.order == "pre" else before.normed
            assert left == pytest.approx(after.x, rel=1e-5)


def test_feed_forward_activity_is_a_share(trace: Trace) -> None:
    shares = [share for layer in (*trace.encoder, *trace.decoder) for share in layer.feed_forward.active]
    assert all(0 <= share <= 1 for share in shares) and len(set(shares)) > 1


def test_embeddings_add_up(trace: Trace) -> None:
    for side in (trace.inference.passed.embedding.source, trace.inference.passed.embedding.target):
        np.testing.assert_allclose(side.scaled, side.token * 4, atol=1e-6)  # sqrt of d_model 16
        np.testing.assert_allclose(side.scaled + side.positions, side.sum, atol=1e-6)


def test_the_last_line_of_the_lens_is_the_prediction(trace: Trace) -> None:
    assert trace.training is not None
    assert [guess.id for guess in trace.training.passed.lens[-1]] == [
        step.prediction.id for step in trace.training.steps
    ]


def test_all_proofs_hold_for_every_kind(trace: Trace) -> None:
    assert {proof.id: proof.value for proof in trace.proofs if not proof.passed} == {}


def test_padding_gets_nothing_and_changes_nothing(trace: Trace) -> None:
    """Beside a sentence that is three tokens longer."""
    padded, length = trace.source.padded, len(trace.source.tokens)
    assert padded is not None and trace.source.mask == (1,) * length + (0,) * 3
    assert padded.shape == (len(trace.inference.steps), trace.source.padded_to)
    assert not padded[:, length:].any()
    np.testing.assert_allclose(padded[:, :length], trace.influence.attention, atol=1e-5)


def test_code_points_at_real_lines(trace: Trace) -> None:
    file, line = trace.decoder[0].cross.code.split(":")
    source = (Path(explain.__globals__["dragoman"].__file__).parent / file).read_text().splitlines()
    assert source[int(line) - 1].startswith("def attention_weights")


# -- nobody notices -----------------------------------------------------------------------------------------------


def test_a_copy_shares_the_weights_and_nothing_else() -> None:
    original = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    copied = private_copy(original)
    assert copied[0] is not original[0]  # type: ignore[index]
    assert copied[0].weight is original[0].weight  # type: ignore[index]
    wrap(copied[0], "forward", lambda forward, x: forward(x) + 1)  # type: ignore[index]
    x = torch.zeros(1, 2)
    assert torch.equal(copied[0](x), original[0](x) + 1)  # type: ignore[index]


def test_watching_changes_no_number(tiny_model: Path) -> None:
    with Translator.load(tiny_model, engine="torch") as translator, torch.no_grad():
        source = torch.tensor([[5, 6, 7, 3]])
        given = source, source > 0, torch.tensor([[2, 8, 9]])
        plain = translator.module(*given)
        copied = private_copy(translator.module)
        tape = watch(copied)
        assert torch.equal(copied(*given), plain)
        assert tape.calls and torch.equal(translator.module(*given), plain)


def test_threads_share_a_translator_while_it_is_traced(tiny_model: Path) -> None:
    """Nothing global is patched: traces, broken traces and translations at once give what they give alone."""
    with Translator.load(tiny_model, engine="torch") as translator:
        texts = ["The dog.", "My old cat sees your house.", "A tree.", "The red bird finds the cat."]
        alone = [explain(translator, text) for text in texts]
        broken = [trace.without("positions").inference.text for trace in alone]

        def work(i: int) -> tuple[str, str, str]:
            trace = explain(translator, texts[i % 4])
            return (
                trace.inference.text,
                trace.without("positions").inference.text,
                translator.translate(texts[i % 4]).text,
            )

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(work, range(8)))
    for i, words in enumerate(found):
        text = alone[i % 4].inference.text
        assert words == (text, broken[i % 4], text)


def test_a_trace_takes_one_thread_and_leaves_those_of_translations_alone(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page took 112 seconds on a busy machine, for its small products waited for each other's threads."""
    seen: dict[str, set[int]] = {"trace": set(), "translation": set()}
    tracing = threading.get_ident()
    real = nn.functional.linear

    def linear(x: Tensor, *arguments: Tensor) -> Tensor:
        seen["trace" if threading.get_ident() == tracing else "translation"].add(torch.get_num_threads())
        return real(x, *arguments)

    monkeypatch.setattr(nn.functional, "linear", linear)
    monkeypatch.setattr(processor, "WORTH_A_THREAD", 0)
    monkeypatch.setattr(processor, "_they_count", False)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with Translator.load(tiny_model, engine="torch") as translator, ThreadPoolExecutor(1) as pool:
            others = [pool.submit(translator.translate, TEXT) for _ in range(6)]
            trace = explain(translator, TEXT, REFERENCE)
            trace.without("positions")
            for other in others:
                other.result()
        assert trace.environment.threads == 1
        assert seen == {"trace": {1}, "translation": {3}}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
