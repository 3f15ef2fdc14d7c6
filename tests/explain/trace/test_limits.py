"""A trace is small however long its sentence is, and says what it left out."""

from __future__ import annotations

import numpy as np
import pytest

from dragoman.explain import Trace, explain
from dragoman.explain.trace.limits import MOST_BYTES, MOST_POSITIONS, array_bytes, kept_positions
from dragoman.transformer.model import TransformerConfig
from dragoman.translate.translator import Translator
from tiny import parts

SMALL = TransformerConfig(d_model=256, n_heads=4, encoder_layers=6, decoder_layers=2)
LARGE = TransformerConfig(d_model=1024, n_heads=16, encoder_layers=6, decoder_layers=6)


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    made = parts()
    made.config["decoding"] = {"max_length": 90, "min_length": 80}
    return Translator.load(made.write(tmp_path_factory.mktemp("models") / "wordy"), engine="torch")


@pytest.fixture(scope="module")
def trace(translator: Translator) -> Trace:
    return explain(translator, "the old dog sees my cat " * 20, "我喜欢你的老树" * 15)


def test_short_sentences_are_kept_whole() -> None:
    assert kept_positions(SMALL, 20, 25, 2) == (20, 25)


@pytest.mark.parametrize("config", [SMALL, LARGE])
def test_arrays_stay_within_the_limit(config: TransformerConfig) -> None:
    kept = kept_positions(config, 500, 500, 2)
    assert array_bytes(config, *kept, 2) <= MOST_BYTES and max(kept) <= MOST_POSITIONS
    assert min(kept) >= 4


def test_arrays_are_cut_and_tables_are_whole(trace: Trace) -> None:
    source, target = trace.limits.kept_source, trace.limits.kept_target
    assert trace.limits.truncated and (source, target) == (64, 64)
    assert f"64 of {len(trace.source.tokens)} source" in trace.limits.note
    assert len(trace.inference.steps) > 64 and len(trace.source.tokens) > 64
    assert trace.training is not None and len(trace.training.steps) > 64
    for found in (trace, trace.training):
        assert found.decoder[0].cross.weights.shape == (2, 64, 64)
        assert np.array(found.encoder[0].self.allowed).shape == (64, 64)
        assert len(found.decoder[0].residuals[0].x) == len(found.decoder[0].feed_forward.active) == 64
    assert trace.influence.value_zeroing is not None
    assert trace.influence.value_zeroing.shape == trace.influence.attention.shape == (64, 64)
    assert len(trace.training.causal_mask) == 64


def test_the_estimate_is_what_the_arrays_take(trace: Trace) -> None:
    """Measured on the JSON itself: every string of base64."""

    def base64(value: object) -> int:
        if isinstance(value, dict):
            return len(value["data"]) if "data" in value else sum(map(base64, value.values()))
        return sum(map(base64, value)) if isinstance(value, list) else 0

    plain = trace.to_dict()
    found = base64(plain["inference"]["pass"]) + base64(plain["training"]["pass"])
    config = TransformerConfig(d_model=16, n_heads=2, encoder_layers=2, decoder_layers=1)
    assert found == pytest.approx(array_bytes(config, 64, 64, 2), rel=0.02)


def test_proofs_look_at_all_of_a_long_sentence(trace: Trace) -> None:
    assert {proof.id for proof in trace.proofs if not proof.passed} == set()


def test_a_cut_trace_reads_back(trace: Trace) -> None:
    assert Trace.from_json(trace.to_json()).to_json() == trace.to_json()
