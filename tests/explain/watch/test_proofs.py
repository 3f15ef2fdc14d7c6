"""The nine proofs hold on real models; and each fault that a model can have turns red the proof that is about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from broken import LosesItsPlace, ReadsPadding, SeesTheFuture
from dragoman.explain import Trace, explain
from dragoman.explain.watch import inside, record
from dragoman.explain.watch.proofs import STATEMENTS, Evidence, prove
from dragoman.transformer.attention import KVCache, MultiHeadAttention
from dragoman.transformer.decoder import DecoderLayer
from dragoman.transformer.model import Transformer
from dragoman.translate.translator import Translator

TEXT, REFERENCE = "The dog sees the old tree.", "我喜欢你的老树"


def failed(trace: Trace) -> set[str]:
    return {proof.id for proof in trace.proofs if not proof.passed}


@pytest.fixture
def translator(tiny_model: Path) -> Translator:
    """One of its own for each test, which may break it."""
    return Translator.load(tiny_model, engine="torch")


@pytest.mark.parametrize(
    "text, reference",
    [
        ("Are you OK ?", "你好吗？"),
        ("The old man who lives next door told me that his daughter had gone to the station.", None),
        ("🙂 <script> ĳ", None),
    ],
)
def test_the_bundled_model_proves_itself(text: str, reference: str | None) -> None:
    with Translator.load("en-zh-tiny", engine="torch") as bundled:
        trace = explain(bundled, text, reference)
    assert [proof.id for proof in trace.proofs] == list(STATEMENTS)
    assert failed(trace) == set()
    assert trace.inference.served.same


def test_the_bundled_model_without_a_cache_says_the_same() -> None:
    """The encoder once for each word, each prefix anew: the same words for many times the work."""
    with Translator.load("en-zh-tiny", engine="torch") as bundled:
        trace = explain(bundled, "Are you OK ?", "你好吗？")
    without = trace.without("cache")
    assert without.inference.text == trace.inference.text
    assert without.inference.encoder_passes == without.inference.decoder_passes > 1
    assert without.inference.rows_computed > 3 * trace.inference.rows_computed
    assert failed(without) == {"encoder_once"}


# -- faults -------------------------------------------------------------------------------------------------------


class EncodesTwice(Transformer):
    def encode(self, source: Tensor, source_mask: Tensor) -> Tensor:
        super().encode(source, source_mask)
        return super().encode(source, source_mask)


class AsksOtherKeys(DecoderLayer):
    """Right numbers, wasted work: the memory is copied at each step."""

    def step(
        self, x: Tensor, past: KVCache, memory: KVCache, memory_mask: Tensor | None
    ) -> tuple[Tensor, KVCache]:
        return super().step(x, past, KVCache(memory.keys.clone(), memory.values), memory_mask)


class ComputesOtherwise(MultiHeadAttention):
    """The layer answers something that is not its attention."""

    def attend(self, q: Tensor, kv: KVCache, mask: Tensor | None) -> Tensor:
        return 1.01 * super().attend(q, kv, mask)


@pytest.mark.parametrize(
    "path, fault, proof, others",
    [
        ("decoder", SeesTheFuture, "no_future", {"train_equals_infer", "cache_equals_full"}),
        ("encoder", ReadsPadding, "pad_free", set()),
        ("target_input", LosesItsPlace, "cache_equals_full", {"train_equals_infer"}),
        ("", EncodesTwice, "encoder_once", set()),
        ("decoder.layers.0", AsksOtherKeys, "encoder_once", set()),
        ("decoder.layers.0.cross_attention", ComputesOtherwise, "arithmetic", set()),
    ],
)
def test_a_fault_turns_its_proof_red(
    translator: Translator, path: str, fault: type[nn.Module], proof: str, others: set[str]
) -> None:
    translator.module.get_submodule(path).__class__ = fault
    trace = explain(translator, TEXT, REFERENCE)
    found = trace.proof(proof)
    assert not found.passed and found.value > found.limit
    assert failed(trace) <= {proof, *others}


def test_rows_that_do_not_sum_to_one_are_found(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = record.attention_weights
    monkeypatch.setattr(record, "attention_weights", lambda *given: 1.01 * right(*given))
    assert failed(explain(translator, TEXT)) == {"rows_sum_to_one", "arithmetic"}


def test_weight_on_what_is_masked_is_found(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask of -10 instead of the lowest number: nearly nothing leaks, and only where there is padding or a future."""

    def leaky(q: Tensor, k: Tensor, mask: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        assert bias is None
        scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
        return (scores if mask is None else scores - 10 * (~mask).float()).softmax(-1)

    monkeypatch.setattr(record, "attention_weights", leaky)
    assert "rows_sum_to_one" in failed(explain(translator, TEXT))


def test_a_trace_of_other_words_than_were_served_is_found(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Evidence] = []
    monkeypatch.setattr(inside, "prove", lambda evidence: kept.append(evidence) or prove(evidence))
    explain(translator, TEXT)
    (evidence,) = kept
    best = evidence.served.best
    other = replace(evidence.served, best=replace(best, tokens=[*best.tokens[:-1], 5]))
    with torch.inference_mode():
        proofs = {proof.id: proof for proof in prove(replace(evidence, served=other))}
    assert not proofs["traced_equals_served"].passed and proofs["traced_equals_served"].value == 2
