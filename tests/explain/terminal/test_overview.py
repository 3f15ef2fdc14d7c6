"""The terminal shows what the trace says, in both languages, and nothing that it does not say."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from dragoman import Translator
from dragoman.cli import app
from dragoman.errors import UsageError
from dragoman.explain import Trace, explain
from dragoman.explain.terminal.answers import qkv, training_vs_inference
from dragoman.explain.terminal.attention import attention_view
from dragoman.explain.terminal.drawing import Lines, Screen
from dragoman.explain.terminal.overview import alarm, inference, more, overview, proof_table, title
from dragoman.explain.terminal.reading import chosen, entropy, labels, mistakes, strongest, training_of
from dragoman.explain.terminal.training import training
from dragoman.explain.terminal.without import comparison, learnt
from dragoman.explain.trace.values import Proof, Served, TrainingStep
from dragoman.explain.watch.broken import PARTS
from dragoman.explain.watch.unmasked import Taught
from dragoman.lineage.rnn import Rnn, RnnConfig
from screen import printed
from tiny import parts

SENTENCE, REFERENCE = "The big dog sees my cat.", "大狗看见我的猫。"
PLAIN = Screen(100)


@pytest.fixture(scope="module")
def trace(tiny_model: Path) -> Trace:
    with Translator.load(tiny_model, engine="torch") as translator:
        return explain(translator, SENTENCE, REFERENCE, beam_size=3, max_length=9)


@pytest.fixture(scope="module")
def unscaled(trace: Trace) -> Trace:
    return trace.without("scale")


def shown(lines: Lines, screen: Screen = PLAIN) -> list[str]:
    return printed(lines, screen.width)


def told(lines: Lines, screen: Screen = PLAIN) -> str:
    """All of it in one line, wherever it was broken."""
    return " ".join(" ".join(shown(lines, screen)).split())


# -- what every view keeps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("colour", [False, True])
def test_every_view_fits_its_screen(
    trace: Trace, unscaled: Trace, width: int, colour: bool, language: str
) -> None:
    screen = Screen(width, colour, language)
    views = [
        overview(trace, screen),
        proof_table(trace, screen),
        training(trace, screen),
        attention_view(trace, screen, "encoder.2.self", None, "inference"),
        attention_view(trace, screen, "decoder.1.self", 2, "training"),
        training_vs_inference(trace, screen),
        qkv(trace, screen, 1, 2, 0),
        comparison(trace, unscaled, screen),
    ]
    for view in views:
        assert max(map(cell_len, printed(view, width))) <= width


@pytest.mark.parametrize("view", [overview, training, training_vs_inference])
def test_each_language_speaks_its_own(trace: Trace, view: object) -> None:
    """Words of the trace itself (tokens, statements of proofs, names in code) stay as they are."""
    english, chinese = (told(view(trace, Screen(100, language=one))) for one in ("en", "zh"))  # type: ignore[operator, arg-type]
    assert " the " in english and "，" not in english
    assert chinese.count("，") > 3 and " is what " not in chinese


def test_plain_output_has_no_blocks_and_no_escapes(trace: Trace) -> None:
    words = {token.piece for token in (*trace.source.tokens, *trace.inference.tokens)}
    text = "\n".join(shown(overview(trace, PLAIN)))
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "")
    assert "\x1b" not in text and "█" not in text and "─" not in text


# -- long sentences, and other models ------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [(3, 2), (99, 99)])
def test_a_trace_that_was_cut_is_shown_as_far_as_it_goes(tiny_model: Path, kept: tuple[int, int]) -> None:
    """Arrays of a long sentence end before its tokens do; the tables go on."""
    with Translator.load(tiny_model, engine="torch") as translator, pytest.MonkeyPatch.context() as patch:
        patch.setattr("dragoman.explain.watch.inside.kept_positions", lambda *_: kept)
        trace = explain(translator, SENTENCE, REFERENCE, beam_size=1, max_length=6)
    columns = min(kept[0], len(trace.source.tokens))
    for name in ("encoder.1.self", "decoder.1.self", "decoder.1.cross"):
        for run in ("inference", "training"):
            attention_view(trace, PLAIN, name, None, run)  # type: ignore[arg-type]
    assert ("</s>" in told(attention_view(trace, PLAIN, "encoder.1.self", 1, "inference"))) == (columns > 3)
    assert len([line for line in shown(inference(trace, PLAIN)) if "->" in line]) == len(
        trace.inference.steps
    )
    overview(trace, PLAIN)
    training_vs_inference(trace, PLAIN)
    if kept == (3, 2):
        with pytest.raises(UsageError, match="step 3 were not kept: of a long translation, steps 0 to 1 are"):
            qkv(trace, PLAIN, 1, 1, 3)


def hints(trace: Trace) -> list[str]:
    return [line.split("  ")[0] for line in shown(more(trace, PLAIN)) if line.startswith("-")]


def test_what_else_there_is_to_ask_can_be_asked(trace: Trace, tmp_path: Path) -> None:
    assert len(hints(trace)) == 12
    for words in hints(trace):
        app.parse_args(["explain", SENTENCE, *words.split()], exit_on_error=False, print_error=False)
    other = explain(recurrent("none", tmp_path), SENTENCE, REFERENCE, max_length=6)
    assert len(hints(other)) == 7


@pytest.mark.parametrize("kind", ["additive", "none"])
def test_a_recurrent_model_shows_what_it_has(kind: str, tmp_path: Path) -> None:
    trace = explain(recurrent(kind, tmp_path), SENTENCE, REFERENCE, beam_size=2, max_length=6)
    for view in (overview, training, training_vs_inference, proof_table):
        assert len(shown(view(trace, PLAIN))) > 5
    assert ("This model has no attention" in told(overview(trace, PLAIN))) == (kind == "none")
    with pytest.raises(UsageError, match=r"a rnn has no Q, K and V|no decoder layer 1"):
        qkv(trace, PLAIN, 1, 1, 0)


def recurrent(attention: str, directory: Path) -> Translator:
    made = parts()
    config = RnnConfig(d_model=16, layers=1, attention=attention)  # type: ignore[arg-type]
    weights = {name: weight.numpy() for name, weight in Rnn(config, 360, 360).state_dict().items()}
    model = replace(made, config=made.config | {"model": asdict(config)}, weights=weights)
    return Translator.load(model.write(directory / "rnn"))


# -- proofs -------------------------------------------------------------------------------------------------------


def test_a_failed_proof_stands_above_all(trace: Trace) -> None:
    broken = replace(trace, proofs=(Proof("no_future", "nothing leaks", 0.5, 0.0, False), *trace.proofs[1:]))
    lines = shown(alarm(broken, PLAIN))
    assert lines[0].startswith("PROOF FAILED")
    assert "no_future" in lines[1] and "5.0e-01" in lines[1]
    assert alarm(trace, PLAIN) == []


def test_each_proof_is_shown_with_its_number(trace: Trace) -> None:
    text = told(proof_table(trace, PLAIN))
    for proof in trace.proofs:
        assert proof.id in text and f"{proof.value:.1e}" in text


# -- inference ----------------------------------------------------------------------------------------------------


def test_a_row_for_each_step_feeds_what_the_row_before_chose(trace: Trace) -> None:
    lines = shown(inference(trace, PLAIN))
    rows = [line.split() for line in lines if line.split()[:1] and line.split()[0].isdigit() and "->" in line]
    assert len(rows) == len(trace.inference.steps)
    assert [row[1] for row in rows] == ["<s>", *(chosen(step).piece for step in trace.inference.steps[:-1])]


def test_another_answer_of_the_serving_engine_is_told(trace: Trace) -> None:
    assert "dragoman translate" not in told(inference(trace, PLAIN))
    served = Served("ctranslate2", "另一句", False)
    other = replace(trace, inference=replace(trace.inference, served=served))
    assert "through the engine ctranslate2, and that gives another text: 另一句" in told(
        inference(other, PLAIN)
    )


def test_what_was_left_out_is_told(trace: Trace) -> None:
    cut = replace(trace, limits=replace(trace.limits, note="the text has 3 sentences: this is the first"))
    assert "The text has 3 sentences" in told(title(cut, PLAIN))


# -- attention ----------------------------------------------------------------------------------------------------


def test_the_heat_map_holds_the_weights_of_the_head(trace: Trace) -> None:
    weights = trace.attention("decoder.1.cross").weights[1]
    lines = shown(attention_view(trace, PLAIN, "decoder.1.cross", 2, "inference"))
    rows = [line for line in lines[lines.index("") + 1 :] if line][2:]
    heads = next(n for n, line in enumerate(rows) if line.split()[-1] == "</s>")
    assert len(rows[heads + 1 :]) >= len(weights)
    for row, expected in zip(rows[heads + 1 :], weights, strict=False):
        cells = row.split()[1:]
        found = [int(cell.strip(".:-=+*#%@")) for cell in cells if cell.strip(".:-=+*#%@")]
        assert found == [round(100 * float(weight)) for weight in expected]


def test_the_causal_mask_shows_as_hidden(trace: Trace) -> None:
    lines = shown(attention_view(trace, PLAIN, "decoder.1.self", 1, "training"))
    count = len(training_of(trace).input)
    assert sum(line.split().count("x") for line in lines) == count * (count - 1) // 2


def test_names_of_rows_and_columns(trace: Trace) -> None:
    run = training_of(trace)
    source = [token.piece for token in trace.source.tokens]
    assert labels(trace, "training", "encoder_self") == (source, source)
    rows, columns = labels(trace, "training", "cross")
    assert (rows, columns) == ([token.piece for token in run.labels], source)
    rows, columns = labels(trace, "training", "decoder_self")
    assert rows == columns == [token.piece for token in run.input]


def test_spread_in_bits() -> None:
    assert entropy(np.array([[1.0, 0.0], [0.5, 0.5]])).tolist() == [0.0, 1.0]
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(3.0)


def test_the_strongest_look_is_one_that_was_a_choice() -> None:
    """Under a causal mask the first row looks at <s> whatever the head is like, and <s> is where a head rests."""
    weights = np.array([[1.0, 0.0, 0.0], [0.9, 0.1, 0.0], [0.5, 0.3, 0.2]])
    rows = np.array([1, 2])
    assert strongest(weights, rows, rest=0) == (2, 1)
    assert strongest(weights, rows, rest=None) == (1, 0)
    assert strongest(np.array([[0.1, 0.2], [0.9, 0.3]]), np.arange(2), None) == (1, 0)


# -- training -----------------------------------------------------------------------------------------------------


def test_the_table_shows_each_label_with_its_loss(trace: Trace) -> None:
    run = training_of(trace)
    text = "\n".join(shown(training(trace, PLAIN)))
    for step in run.steps:
        (line,) = (line for line in text.splitlines() if line.split()[:1] == [str(step.t)] and "|" in line)
        assert step.label.piece in line and f"{step.p_label:.2f}" in line and f"{step.loss:.2f}" in line
        assert line.split("|")[0].count("!") == (step.prediction.id != step.label.id)
    assert f"{sum(step.loss for step in run.steps):.2f}" in text
    assert np.isclose(-sum(np.log(step.p_label) for step in run.steps), sum(step.loss for step in run.steps))


def test_the_first_mistake_is_told_with_its_numbers(trace: Trace) -> None:
    first = mistakes(training_of(trace))[0]
    text = told(training(trace, PLAIN))
    said = f"at t={first.t} the label is {first.label.piece} and the model says {first.prediction.piece}"
    assert said in text and f"a loss of {first.loss:.2f}" in text


def corrected(trace: Trace) -> tuple[TrainingStep, ...]:
    """The rows of training as a model would fill them that knows the reference."""
    return tuple(
        replace(step, prediction=replace(step.prediction, id=step.label.id, piece=step.label.piece))
        for step in training_of(trace).steps
    )


def test_a_mistake_at_the_end_has_no_row_after_it(trace: Trace) -> None:
    run = training_of(trace)
    steps = (*corrected(trace)[:-1], run.steps[-1])
    assert steps[-1].prediction.id != steps[-1].label.id
    text = told(training(replace(trace, training=replace(run, steps=steps)), PLAIN))
    said = (
        f"at the end: at t={len(steps) - 1} the label is </s> and the model says {steps[-1].prediction.piece}"
    )
    assert said in text and f"t={len(steps)}" not in text


def test_without_a_mistake_nothing_is_made_up(trace: Trace) -> None:
    run, right = training_of(trace), corrected(trace)
    text = told(training(replace(trace, training=replace(run, steps=right)), PLAIN))
    assert "both say the same, so both are fed the same" in text and "the model says" not in text


# -- the two questions --------------------------------------------------------------------------------------------


def test_training_and_inference_side_by_side(trace: Trace) -> None:
    text = told(training_vs_inference(trace, PLAIN))
    at = mistakes(training_of(trace))[0].t + 1
    assert f"encoder passes 1 {trace.inference.encoder_passes}" in text
    assert f"1 all {len(training_of(trace).steps)} positions together" in text
    assert f"t={at} is fed {training_of(trace).input[at].piece} from the reference" in text
    assert f"{trace.proof('train_equals_infer').value:.1e}" in text


def test_one_row_is_worked_out_from_q_and_k(trace: Trace) -> None:
    """The numbers on the screen are a softmax over dot products: done again here from q and k."""
    attention = trace.attention("decoder.1.cross")
    assert attention.q is not None and attention.k is not None
    scores = attention.k[0] @ attention.q[0, 1]
    scaled = scores * attention.scale
    weights = np.exp(scaled) / np.exp(scaled).sum()
    lines = shown(qkv(trace, PLAIN, 1, 1, 1))
    start = next(n for n, line in enumerate(lines) if line.startswith("K ") and "q.k" in line) + 2
    for line, score, scale, weight in zip(lines[start:], scores, scaled, weights, strict=False):
        numbers = [float(word) for word in line.split()[1:4]]
        assert numbers == pytest.approx([score, scale, weight], abs=0.011)


@pytest.mark.parametrize(
    "layer, head, step, said",
    [
        (3, 1, 0, "no decoder layer 3: its layers are 1 to 1"),
        (1, 5, 0, "decoder.1.cross has no head 5: its heads are 1 to 2"),
        (1, 1, 99, "there is no step 99: this translation has steps 0 to "),
        (1, 1, -1, "there is no step -1"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(
    trace: Trace, layer: int, head: int, step: int, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        qkv(trace, PLAIN, layer, head, step)


def test_no_reference_no_training(trace: Trace) -> None:
    for view in (training, training_vs_inference):
        with pytest.raises(UsageError, match="reference"):
            view(replace(trace, training=None), PLAIN)


# -- before and after ---------------------------------------------------------------------------------------------


def test_before_and_after_tell_the_loss(trace: Trace) -> None:
    after = trace.without("causal_mask")
    text = told(comparison(trace, after, PLAIN))
    was, now = (f"{training_of(one).loss.mean:.2f}" for one in (trace, after))
    assert f"from {was} to {now} nats a token" in text
    assert "no_future" in text  # a proof that is about the mask


def test_the_cache_changes_no_word(trace: Trace) -> None:
    assert "Here the translation stays the same." in told(comparison(trace, trace.without("cache"), PLAIN))


def test_what_is_learnt_without_a_mask() -> None:
    masked, unmasked = (
        Taught((3.5,) * 9 + (2.2, 2.09), 2.1, 2.08),
        Taught((3.6,) * 9 + (2.1, 0.01), 6.8, 2.08),
    )
    lines = shown(learnt(masked, unmasked, PLAIN))
    for name, numbers in [
        ("step 1", "3.5 3.6"),
        ("step 10", "2.2 2.1"),
        ("step 11", "2.1 0.0"),
        ("inference", "2 7"),
    ]:
        (line,) = (line for line in lines if line.startswith(f"loss at {name} "))
        assert line.split()[-2:] == numbers.split()


def test_every_part_has_its_sentence(trace: Trace) -> None:
    said = {told(comparison(trace, replace(trace, removed=part), PLAIN)) for part in (*PARTS, "head:x:1")}
    assert len({text.partition("token")[0] for text in said}) == len(PARTS) + 1
