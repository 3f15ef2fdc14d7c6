"""A trace known in closed form, its JSON form, and what can be asked of it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dragoman.errors import UsageError
from dragoman.explain import Trace, explain
from dragoman.translate.translator import Translator
from explain.toy import SOURCE, SOURCE_VECTORS, STRENGTH, TARGET, TARGET_VECTORS, toy

CLOSE = 2e-4  # LayerNorm divides by sqrt(4 + 1e-5), not by 2


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return toy(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture(scope="module")
def trace(translator: Translator) -> Trace:
    return explain(translator, SOURCE, TARGET)


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


# -- by hand ------------------------------------------------------------------------------------------------------


def test_the_source_asks_itself(trace: Trace) -> None:
    """Head 1 sees (1, 1), (1, -1), (-1, -1): q . k of the first row is 2, 0, -2, divided by sqrt(2)."""
    found = trace.encoder[0].self
    a, b = np.exp(np.sqrt(2)), np.exp(-np.sqrt(2))
    z = a + 1 + b
    np.testing.assert_allclose(found.scores[0][0], [2, 0, -2], atol=CLOSE)
    np.testing.assert_allclose(found.weights[0][0], [a / z, 1 / z, b / z], atol=CLOSE)
    np.testing.assert_allclose(found.output[0][0], [(a + 1 - b) / z, (a - 1 - b) / z], atol=CLOSE)
    assert found.scale == pytest.approx(1 / np.sqrt(2))
    assert (found.q_from, found.k_from, found.v_from) == ("x", "x", "x")


def test_the_decoder_asks_the_memory(trace: Trace) -> None:
    """Query t is the target's vector, keys and values are the source's: every number follows from those."""
    found = trace.decoder[0].cross
    for head, part in enumerate((slice(0, 2), slice(2, 4))):
        q = np.array([vector[part] for vector in TARGET_VECTORS])
        k = np.array([vector[part] for vector in SOURCE_VECTORS])
        weights = softmax(q @ k.T / np.sqrt(2))
        np.testing.assert_allclose(found.q[head], q, atol=CLOSE)
        np.testing.assert_allclose(found.k[head], k, atol=CLOSE)
        np.testing.assert_allclose(found.weights[head], weights, atol=CLOSE)
        np.testing.assert_allclose(found.output[head], weights @ k, atol=CLOSE)
    assert (found.q_from, found.k_from, found.v_from) == ("x", "memory", "memory")
    assert dict(found.shapes)["split q"] == (1, 2, 3, 2)


def test_the_decoder_never_looks_ahead(trace: Trace) -> None:
    """Row 1: q = (1, -1), keys (1, 1) and (1, -1): scores 0 and 2."""
    assert trace.training is not None
    for found, mask in ((trace.decoder[0].self, "none"), (trace.training.decoder[0].self, "causal")):
        a = np.exp(np.sqrt(2))
        np.testing.assert_allclose(found.weights[0][0], [1, 0, 0], atol=0)
        np.testing.assert_allclose(found.weights[0][1], [1 / (1 + a), a / (1 + a), 0], atol=CLOSE)
        assert found.allowed == ((1, 0, 0), (1, 1, 0), (1, 1, 1))
        assert found.mask == mask, "with a cache one row is computed at a time: nothing is left to hide"


def test_the_stream_is_twice_the_vector(trace: Trace) -> None:
    passed = trace.inference.passed
    np.testing.assert_allclose(passed.embedding.source.token, SOURCE_VECTORS, atol=0)
    np.testing.assert_allclose(passed.embedding.source.sum, 2 * np.array(SOURCE_VECTORS), atol=0)
    np.testing.assert_allclose(passed.memory, SOURCE_VECTORS, atol=CLOSE)
    np.testing.assert_allclose(passed.hidden, TARGET_VECTORS, atol=CLOSE)
    for residual in trace.decoder[0].residuals:
        assert residual.x == residual.sum == pytest.approx((4, 4, 4))
        assert residual.sublayer == (0, 0, 0)
        assert residual.normed == pytest.approx((2, 2, 2), abs=CLOSE)
    assert trace.decoder[0].feed_forward.active == (0, 0, 0)


def test_the_output_table_decides(trace: Trace) -> None:
    """The next token has the logit 3 x 4 = 12, the 359 others 0; three of those may not be written."""
    assert [step.chosen.rank for step in trace.inference.steps] == [1, 1, 1]
    expected = np.exp(4 * STRENGTH) / (np.exp(4 * STRENGTH) + 356)
    assert [step.chosen.p for step in trace.inference.steps] == pytest.approx([expected] * 3, abs=1e-5)
    row = trace.inference.passed.logits[0]
    assert row.max == pytest.approx(12, abs=CLOSE)
    assert row.logsumexp == pytest.approx(np.log(np.exp(12) + 359), abs=CLOSE)
    assert trace.inference.text == TARGET
    assert trace.inference.stop.reason == "end"


def test_the_loss_is_known(trace: Trace) -> None:
    """-log p = log(1 + 359 e^-12) at each of three positions."""
    assert trace.training is not None
    loss = np.log1p(359 * np.exp(-12))
    assert trace.training.loss.mean == pytest.approx(loss, abs=1e-5)
    assert trace.training.loss.sum == pytest.approx(3 * loss, abs=3e-5)
    assert trace.training.loss.tokens == 3


def test_all_proofs_hold(trace: Trace) -> None:
    """But for one: no sublayer of the toy answers anything, so no order of the source reaches its logits."""
    assert {proof.id for proof in trace.proofs if not proof.passed} == {"order_needs_positions"}
    assert len(trace.proofs) == 9


# -- JSON ---------------------------------------------------------------------------------------------------------


def test_json_and_back(trace: Trace) -> None:
    text = trace.to_json()
    again = Trace.from_json(text)
    assert again.to_json() == text
    np.testing.assert_allclose(
        again.decoder[0].cross.weights, trace.decoder[0].cross.weights, atol=1e-3
    )  # float16
    assert again.inference.steps == Trace.from_json(text).inference.steps
    assert again.training is not None and again.training.loss.tokens == 3


def test_json_says_what_its_arrays_are(trace: Trace) -> None:
    plain = json.loads(trace.to_json())
    assert (plain["format"], plain["version"]) == ("dragoman.trace", 1)
    array = plain["inference"]["pass"]["decoder"][0]["cross"]["weights"]
    assert array["shape"] == [2, 3, 3] and array["dims"] == ["head", "target", "key"]
    assert plain["inference"]["steps"][1]["from"] == "chosen"
    assert "again" not in plain


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda text: text[:-1], "no JSON"),
        (lambda text: "[]", "no trace"),
        (lambda text: text.replace('"version":1', '"version":2', 1), "version 2"),
        (lambda text: text.replace('"proofs"', '"prooves"', 1), "trace has no 'proofs'"),
        (lambda text: text.replace('"rank":1', '"rank":"1"', 1), "must be a int"),
        (lambda text: text.replace('"shape":[3,4]', '"shape":[5,4]', 1), "is damaged"),
        (lambda text: text.replace('"shape":[3,4]', '"shape":[-1,4]', 1), "is damaged"),
    ],
)
def test_what_is_no_trace_is_refused(trace: Trace, spoil: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Trace.from_json(spoil(trace.to_json()))  # type: ignore[operator]


def test_a_trace_from_a_file_cannot_run_again(trace: Trace) -> None:
    with pytest.raises(UsageError, match="use explain"):
        Trace.from_json(trace.to_json()).without("scale")


# -- wrong questions ----------------------------------------------------------------------------------------------


def test_names_that_are_not_there(trace: Trace) -> None:
    with pytest.raises(
        UsageError, match=r"no attention 'decoder.2.cross': .* encoder.1.self, decoder.1.self"
    ):
        trace.attention("decoder.2.cross")
    with pytest.raises(UsageError, match="no head 3: its heads are 1 to 2"):
        trace.head("decoder.1.cross", 3)
    with pytest.raises(UsageError, match="no proof 'truth': there are rows_sum_to_one"):
        trace.proof("truth")
    with pytest.raises(UsageError, match="inference or training"):
        trace.attentions("both")
    with pytest.raises(UsageError, match="has no training mode"):
        replace(trace, training=None).attentions("training")


@pytest.mark.parametrize(
    "text, reference, message",
    [
        ("", None, "the text is empty"),
        (" \n ", None, "the text is empty"),
        ("!!! 🙂", None, "no letter and no digit"),
        (SOURCE, "a dog", "written in Latin letters"),
        (SOURCE, " ", "the reference is empty"),
        (SOURCE, "狗" * 600, "the reference has .* tokens"),
    ],
)
def test_wrong_input_is_refused_in_one_line(
    translator: Translator, text: str, reference: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        explain(translator, text, reference)
    assert "\n" not in str(error.value).replace(text, "")


def test_an_engine_without_layers_is_refused(tiny_model: Path) -> None:
    with (
        Translator.load(tiny_model, engine="ctranslate2") as fast,
        pytest.raises(UsageError, match="'auto' or 'torch'"),
    ):
        explain(fast, "the dog")


def test_a_model_without_an_encoder_is_refused(tiny_model: Path) -> None:
    with Translator.load(tiny_model) as translator:
        del translator.module.encoder
        with pytest.raises(UsageError, match="without an encoder"):
            explain(translator, "the dog")


def test_only_the_first_sentence_is_traced(translator: Translator) -> None:
    found = explain(translator, "The dog sees. The cat finds.")
    assert found.source.prepared == "The dog sees."
    assert "2 sentences" in found.limits.note


def test_a_beginning_can_be_forced(translator: Translator) -> None:
    assert explain(translator, SOURCE, prefix="猫").inference.text.startswith("猫")


def test_what_a_terminal_could_not_decode_is_dropped(translator: Translator) -> None:
    found = explain(translator, "dog\udcff cat")
    assert found.source.text == "dog cat" and found.to_json().encode()


def test_steps_point_into_the_translation(trace: Trace) -> None:
    spans = [step.input.span for step in trace.inference.steps]
    assert spans == [None, *(token.span for token in trace.inference.tokens[:-1])]


def test_twenty_tokens_take_a_second_of_two_cores() -> None:
    """Processor time, which others on the machine do not add to; measured 0.4 s, the first trace of a process 1 s."""
    with Translator.load("en-zh-tiny") as bundled:
        text = "The old man who lives next door told me that his daughter had gone to the station."
        assert len(explain(bundled, text, "你好吗？").source.tokens) >= 18
        began = time.process_time()
        explain(bundled, text, "住在隔壁的老人告诉我，他的女儿昨天晚上已经去了车站。")
        assert time.process_time() - began < 2
