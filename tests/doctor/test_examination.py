"""Each line of the doctor fails on a model in which one thing is broken, and none on the bundled one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from broken import LosesItsPlace, ReadsPadding, SeesTheFuture
from dragoman.cli import main
from dragoman.corpus.pairs import Pair, read_corpus, write_pairs
from dragoman.decoding import constraints, search
from dragoman.doctor import corpora, cost, engines, wiring, words
from dragoman.doctor.cost import Cost
from dragoman.doctor.examination import _ALONE, FIRST, STATEMENTS, examined
from dragoman.doctor.finding import Finding
from dragoman.doctor.patient import Patient
from dragoman.explain import tracing
from dragoman.explain.watch.proofs import STATEMENTS as PROOFS
from dragoman.ids import EOS, PAD
from dragoman.interop import ctranslate2
from dragoman.text.tokenizer import Tokenizer
from dragoman.transformer.attention import KVCache
from dragoman.transformer.decoder import Decoder, DecoderState
from dragoman.transformer.encoder import Encoder
from dragoman.transformer.model import Transformer
from dragoman.transformer.positions import Positions
from dragoman.translate.detokenise import Detokeniser
from dragoman.translate.translator import Translator
from tiny import parts

Break = Callable[[Transformer], None]
DEV = Path(__file__).parents[2] / "corpus" / "tatoeba" / "dev.tsv.gz"


@pytest.fixture
def patient(tiny_model: Path) -> Patient:
    """A model that the test may break."""
    return Patient(Translator.load(tiny_model, workers=1))


@pytest.fixture(scope="module")
def learned() -> Patient:
    """The bundled model, which knows a language, with a corpus that belongs to it."""
    pairs = list(read_corpus([DEV], "en", "zh"))[:90]
    return Patient(Translator.load("en-zh-tiny", workers=1), pairs)


def state(finding: Finding) -> str:
    return finding.state


# -- wiring -------------------------------------------------------------------------------------------------------


class MixesNeighbours(Encoder):
    """A sentence takes something of the others in its batch."""

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        found = super().forward(x, mask)
        return found + found.mean(0, keepdim=True)


class Unmoved(DecoderState):
    """The cache stays where it is when beams change places."""

    def select(self, rows: Tensor) -> DecoderState:
        found = super().select(rows)
        past = tuple(
            KVCache(new.keys[torch.arange(len(rows)) % len(old.keys)] * 0 + old.keys[:1], new.values)
            for new, old in zip(found.past, self.past, strict=True)
        )
        return Unmoved(past, found.memory, found.memory_mask, found.owner)


class ForgetsBeams(Decoder):
    def start(self, memory: Tensor, memory_mask: Tensor) -> DecoderState:
        return Unmoved(**vars(super().start(memory, memory_mask)))

    def step(self, x: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        x, after = super().step(x, state)
        return x, Unmoved(**vars(after))


class EncodesTwice(Transformer):
    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        self.encode(torch.full((1, 3), EOS), torch.ones(1, 3, dtype=torch.bool))
        return super().step(tokens, state)


class TaughtOtherwise(Transformer):
    """Training and inference are not the same function."""

    def decode(self, target: Tensor, memory: Tensor, source_mask: Tensor) -> Tensor:
        return super().decode(target, memory, source_mask) * 1.1


def become(part: str, kind: type) -> Break:
    def change(module: Transformer) -> None:
        module.get_submodule(part).__class__ = kind

    return change


def without_positions(module: Transformer) -> None:
    for side in (module.source_input, module.target_input):
        side.positions = Positions(side.positions.sizes)


BROKEN_PROOFS: dict[str, Break] = {
    "no_future": become("decoder", SeesTheFuture),
    "pad_free": become("encoder", ReadsPadding),
    "cache_equals_full": become("target_input", LosesItsPlace),
    "train_equals_infer": become("", TaughtOtherwise),
    "encoder_once": become("", EncodesTwice),
    "order_needs_positions": without_positions,
}


@pytest.mark.parametrize("name", BROKEN_PROOFS)
def test_a_proof_of_a_trace_fails_as_a_line_of_the_doctor(patient: Patient, name: str) -> None:
    """What a trace proves is proved by a trace: tests/explain/watch/test_proofs.py breaks each of the nine."""
    BROKEN_PROOFS[name](patient.module)  # type: ignore[arg-type]
    assert wiring.proofs(patient)[name].state == "failed"


@pytest.mark.parametrize("name", sorted(set(PROOFS) - set(BROKEN_PROOFS)))
def test_each_other_proof_decides_its_own_line(
    patient: Patient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows, arithmetic and what is served: one number of the trace is spoiled."""
    whole = wiring.explain

    def spoiled(*given: Any, **asked: Any) -> Any:
        trace = whole(*given, **asked)
        found = tuple(replace(p, value=1.0) if p.id == name else p for p in trace.proofs)
        return replace(trace, proofs=found)

    monkeypatch.setattr(wiring, "explain", spoiled)
    found = wiring.proofs(patient)
    assert {key for key, finding in found.items() if finding.state == "failed"} == {name}
    assert tracing.explain is whole


WIRING: dict[str, tuple[Callable[[Patient], Finding], Break]] = {
    "batched_equals_alone": (wiring.batched_equals_alone, become("encoder", MixesNeighbours)),
    "beams_may_be_reordered": (wiring.beams_may_be_reordered, become("decoder", ForgetsBeams)),
    "beam_one_is_greedy": (wiring.beam_of_one_is_greedy, become("target_input", LosesItsPlace)),
}


@pytest.mark.parametrize("name", WIRING)
def test_wiring_that_is_wrong_is_found(patient: Patient, name: str) -> None:
    examine, change = WIRING[name]
    assert state(examine(patient)) == "passed"
    again = Patient(patient.translator)
    change(again.module)  # type: ignore[arg-type]
    assert state(examine(again)) == "failed"


def test_a_search_that_is_not_greedy_with_one_beam_is_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = search.likeliest_tokens

    def second(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
        values, tokens = first(logits, count + 1)
        return values[..., 1:], tokens[..., 1:]

    monkeypatch.setattr(search, "likeliest_tokens", second)
    assert state(wiring.beam_of_one_is_greedy(patient)) == "failed"


# -- engines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", engines.ENGINES)
def test_an_engine_that_computes_something_else_is_found(learned: Patient, name: str) -> None:
    """The reference is changed and the engine is not, or the other way round: the two no longer agree."""
    if isinstance(engines.ENGINES[name].make(learned), str):
        pytest.skip("this engine does not run here")
    assert state(engines.compared(learned, name)) == "passed"
    made = engines.ENGINES[name].make(learned)  # before the weights change
    other = Patient(Translator.load("en-zh-tiny", workers=1))
    module = copy.deepcopy(learned.module)
    with torch.no_grad():
        for layer in module.decoder.layers:  # type: ignore[union-attr, attr-defined]
            layer.feed_forward.outer.weight.mul_(0.0)
    other.translator.__dict__["_module"] = module
    computed = replace(engines.ENGINES[name], make=lambda _: made)
    engines.ENGINES["broken"] = computed
    try:
        assert state(engines.compared(other, "broken")) == "failed"
    finally:
        del engines.ENGINES["broken"]


def test_an_engine_that_does_not_compute_a_model_is_named_and_not_failed(tmp_path: Path) -> None:
    model = Patient(Translator.load(parts(positions="alibi").write(tmp_path / "alibi")))
    found = engines.compared(model, "ctranslate2_int8")
    assert found.state == "unchecked" and "alibi" in found.told()
    assert ctranslate2.refusal(model.translator.model.config["model"]) is not None


# -- words --------------------------------------------------------------------------------------------------------


def test_a_tokenizer_that_forgets_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state(words.survives_a_round_trip(patient)) == "passed"
    whole = Tokenizer.encode
    monkeypatch.setattr(Tokenizer, "encode", lambda self, text: whole(self, text)[:-1])
    assert state(words.survives_a_round_trip(patient)) == "failed"


def test_special_tokens_that_come_out_are_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that forbids nothing, and a model that prefers <pad> or <s> to any word."""
    assert state(words.specials_stay_inside(patient)) == "passed"
    monkeypatch.setattr(constraints, "UNWRITTEN", (1,))
    broken = Patient(patient.translator)
    with torch.no_grad():
        table = broken.module.embedding.weight  # type: ignore[union-attr]
        table[2] = 50 * table[10]
        table[PAD] = -50 * table[10]  # type: ignore[operator]
    assert state(words.specials_stay_inside(broken)) == "failed"


def test_an_address_that_is_lost_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state(words.what_is_kept_comes_out(patient)) == "passed"
    monkeypatch.setattr(Detokeniser, "_filled", lambda self, sentence, text, *_: "")
    assert state(words.what_is_kept_comes_out(patient)) == "failed"


def test_a_model_that_does_not_write_its_placeholders_is_found(tmp_path: Path) -> None:
    """Random weights write one only by chance."""
    model = Translator.load(parts(placeholders=4).write(tmp_path / "model"))
    found = words.what_is_kept_comes_out(Patient(model))
    assert found.state == "failed" and "⟦0⟧" in found.told()


def test_a_directory_that_was_changed_after_it_was_opened_is_found(tmp_path: Path) -> None:
    model = Patient(Translator.load(parts().write(tmp_path / "model")))
    assert state(words.tokenizer_is_the_models(model)) == "passed"
    parts(seed=2).write(tmp_path / "other")
    (tmp_path / "model" / "tokenizer.model").write_bytes(
        (tmp_path / "other" / "tokenizer.model").read_bytes()
    )
    assert state(words.tokenizer_is_the_models(model)) == "failed"


# -- corpora ------------------------------------------------------------------------------------------------------


def of(learned: Patient, pairs: list[Pair]) -> Patient:
    return Patient(learned.translator, pairs)


def test_a_corpus_that_belongs_to_the_model_passes(learned: Patient) -> None:
    for examine in (corpora.loss, corpora.sides, corpora.alignment):
        assert state(examine(learned)) == "passed"


def test_a_model_that_knows_nothing_of_a_corpus_is_found(tiny_model: Path) -> None:
    model = Translator.load(tiny_model)
    assert state(corpora.loss(Patient(model, [Pair("The dog sees a cat.", "狗看见猫。")] * 20))) == "failed"


@pytest.mark.parametrize("pair", [Pair("", ""), Pair("word " * 900, "字" * 900)])
def test_pairs_that_cannot_be_read_say_nothing_of_a_model(learned: Patient, pair: Pair) -> None:
    """Empty lines had a loss without end, and sentences far too long one below that of counting words."""
    unread = of(learned, [pair] * 5)
    for examine in (corpora.loss, corpora.sides, corpora.alignment):
        assert state(examine(unread)) == "unchecked"


def test_a_few_pairs_do_not_explain_themselves(learned: Patient) -> None:
    """Counted on themselves alone, three short pairs were said to be known better than by any model."""
    few = of(learned, [Pair(sign, sign) for sign in ("12", ":)", "...")])
    assert state(corpora.loss(few)) == "passed"


def test_of_a_model_that_goes_both_ways_the_scripts_tell_exchanged_sides() -> None:
    """English is the easier side, so the loss of right pairs was above that of exchanged ones."""
    right = [Pair("He is here.", "他在这里。"), Pair("Where is the dog?", "狗在哪里？"), Pair("OK", "好")]
    with Translator.load("en-zh") as translator:
        assert state(corpora.sides(Patient(translator, right))) == "passed"
        wrong = [Pair(pair.target, pair.source) for pair in right]
        assert state(corpora.sides(Patient(translator, wrong))) == "failed"
        assert state(corpora.sides(Patient(translator, [Pair("12", "34")]))) == "unchecked"


def test_exchanged_sides_are_found(learned: Patient) -> None:
    exchanged = of(learned, [Pair(pair.target, pair.source) for pair in learned.pairs])
    assert state(corpora.sides(exchanged)) == "failed"


def test_lines_that_do_not_belong_together_are_found_wherever_they_begin(learned: Patient) -> None:
    """One line of the target side is missing in the middle: the first half still fits."""
    pairs, middle = list(learned.pairs), len(learned.pairs) // 2
    targets = [pair.target for number, pair in enumerate(pairs) if number != middle]
    shifted = [Pair(pair.source, target) for pair, target in zip(pairs, targets, strict=False)]
    assert state(corpora.alignment(of(learned, shifted))) == "failed"


def test_lines_that_are_all_the_same_are_not_misaligned(learned: Patient) -> None:
    assert state(corpora.alignment(of(learned, [Pair("Hello.", "你好。")] * 5))) == "passed"


def test_pairs_of_the_training_data_are_found(tiny_model: Path, tmp_path: Path) -> None:
    directory = parts().write(tmp_path / "model")
    pairs = [Pair(f"The dog sees {n} cats.", f"狗看见{n}猫。") for n in range(50)]
    model = Translator.load(directory)
    assert state(corpora.leaking(Patient(model, pairs))) == "unchecked"
    (directory / "data").mkdir()
    write_pairs(directory / "data" / "train.tsv", pairs[:10])
    assert state(corpora.leaking(Patient(model, pairs[10:]))) == "passed"
    assert state(corpora.leaking(Patient(model, pairs))) == "failed"


class Deaf(Decoder):
    """No gradient comes through, as after a .detach() too many; and the table that it is read with is out of reach."""

    def forward(self, x: Tensor, memory: Tensor, memory_mask: Tensor | None) -> Tensor:
        return super().forward(x, memory, memory_mask).detach() * 0


def test_a_model_that_cannot_learn_is_found(learned: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "MOST_STEPS", 8)
    assert state(corpora.learns(learned)) == "passed"
    broken = of(learned, list(learned.pairs))
    whole = learned.module
    module = copy.deepcopy(whole)
    module.decoder.__class__ = Deaf  # type: ignore[union-attr]
    learned.translator.__dict__["_module"] = module
    try:
        assert state(corpora.learns(broken)) == "failed"
    finally:
        learned.translator.__dict__["_module"] = whole


# -- cost ---------------------------------------------------------------------------------------------------------


def test_a_batch_that_is_slower_than_its_sentences_is_found() -> None:
    assert state(cost.judged(Cost(10.0, 200.0, 1000, 5.0, 300.0))) == "passed"
    assert state(cost.judged(Cost(10.0, 200.0, 500, 20.0, 300.0))) == "failed"
    assert "(reckoned from 500)" in cost.judged(Cost(10.0, 200.0, 500, 1.0, 300.0)).told()


def test_a_model_that_ends_its_process_is_found(patient: Patient, tmp_path: Path) -> None:
    gone = replace(patient.translator.model, path=tmp_path / "gone")
    patient.translator.model = gone
    found = cost.cost(patient)
    assert found.state == "failed" and "gone" in found.told()


# -- as a whole ---------------------------------------------------------------------------------------------------


def test_every_property_is_examined_and_has_a_statement() -> None:
    assert [name for name in STATEMENTS if name not in PROOFS] == list(_ALONE)


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> Any:
        raise RuntimeError("sizes do not match")

    monkeypatch.setattr(cost, "measure", breaks)
    monkeypatch.setattr(type(patient.module.encoder), "forward", breaks)
    lines = {line.name: line.finding for line in examined(patient)}
    assert list(lines) == list(STATEMENTS)
    assert lines["beam_one_is_greedy"].state == lines["no_future"].state == "failed"
    assert "sizes do not match" in lines["beam_one_is_greedy"].told()
    assert lines[FIRST].state == "passed"


@pytest.mark.slow(reason="all properties of the bundled model, with a corpus, as a reader runs them")
def test_no_line_fails_on_the_bundled_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "en-zh", str(DEV), "--format", "json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == list(STATEMENTS)
    states = {line["name"]: line["state"] for line in lines}
    assert {name for name, found in states.items() if found == "unchecked"} <= {
        "corpus_leaks",
        "engine_c_bfloat16",
    }
