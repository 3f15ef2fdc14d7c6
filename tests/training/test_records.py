"""What a run counts, records and keeps is what it did: data left out, ties, models to begin with, limits."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from dragoman.errors import ConfigError, CorpusError
from dragoman.model.directory import open_model
from dragoman.training import run as runs
from dragoman.training.settings import RunConfig, ValidationConfig
from dragoman.training.tasks.languagemodels import perplexity
from dragoman.training.tasks.networks import MeasuredScores
from dragoman.training.tasks.texts import share_to_hold_out
from dragoman.training.tasks.validate import SAMPLE, Scores, Validator
from smallruns import begin, config, go, write_corpus


def test_a_tie_in_bleu_goes_to_chrf_and_then_to_the_loss() -> None:
    """BLEU could not cut Thai: 0.000 three times was "no better", and the worst model of three was kept."""
    looks = [Scores(1.225, 0.0, 15.1), Scores(0.787, 0.0, 16.2), Scores(0.544, 0.0, 30.9)]
    assert sorted(looks, key=lambda scores: scores.rank) == looks
    assert Scores(4.9, 0.015, 5.0).rank > Scores(5.2, 0.033, 4.0).rank  # below one, BLEU is noise
    assert Scores(1.0, 20.0, 40.0).rank < Scores(0.9, 20.0, 40.0).rank
    assert Scores(1.0, 20.1, 40.0).rank > Scores(0.9, 20.0, 41.0).rank
    assert Scores(1.0).rank < Scores(0.9).rank
    assert (
        MeasuredScores((0.5, -0.7), {}).rank < MeasuredScores((0.5, -0.6), {}).rank
    )  # a classifier's, of equal accuracy


def test_a_run_whose_bleu_stands_still_keeps_the_last_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([1.2, 0.8, 0.5])
    monkeypatch.setattr(Validator, "validate", lambda *_: Scores(next(losses), 0.0, 15.0))
    result, said = go(tmp_path, config(validation={"every": 8, "patience": 1}))
    assert result.progress.best_step == 24 and said.count("(new best)") == 3


def test_what_is_too_long_to_be_trained_on_is_counted(tmp_path: Path) -> None:
    """It said that 1,200 pairs were kept, 100 %, and trained on 299."""
    train, dev = write_corpus(tmp_path)
    long = (
        "The dog sees a cat and the bird likes a tree and the child draws a book.\t"
        + "狗看见一个猫，鸟喜欢一个树。" * 3
    )
    train.write_text(train.read_text(encoding="utf-8") + long + "\n", encoding="utf-8")
    _, said = begin(
        [train],
        [dev],
        tmp_path,
        config(data={"longest": 20}, tokenizer={"sampling": 0.0}, training={"max_steps": 1}),
    )
    assert "1 pair has more than data.longest = 20 tokens on a side: the other 158 are trained on" in said
    assert "158 pairs" in said and "158 pairs" in (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
    with pytest.raises(CorpusError, match="every pair of the corpus has more than data.longest = 1 tokens"):
        begin([train], [dev], tmp_path / "none", config(data={"longest": 1}))


def test_of_a_small_corpus_a_tenth_is_held_out_and_the_rest_is_counted(tmp_path: Path) -> None:
    """Of 1,100 pairs 1,000 were held out, and "1,100 pairs" trained on; with 1,000 it was an error."""
    train, _ = write_corpus(tmp_path)
    _, said = begin([train], [], tmp_path, config(training={"max_steps": 1}))
    count = len(train.read_text(encoding="utf-8").splitlines())
    left = len((tmp_path / "run" / "data" / "train.tsv").read_text(encoding="utf-8").splitlines())
    assert f"{count // 10} pairs of the corpus are held out for validation, a tenth" in said
    assert f"and {left} are trained on" in said and f", {left} pairs, " in said
    assert [share_to_hold_out(1000, n) for n in (1, 9, 1100, 100_000)] == [1, 1, 110, 1000]


def test_a_dev_set_is_named_with_what_it_holds(tmp_path: Path) -> None:
    train, dev = write_corpus(tmp_path)
    settings = config(training={"max_steps": 1})
    _, said = begin([train], [dev, train], tmp_path, settings)
    assert f"dev set: 168 pairs of {dev}, {train}" in said and f"corpus: {train}" in said


def test_a_dev_line_longer_than_the_model_is_left_out_before_the_first_step(tmp_path: Path) -> None:
    """It ended the run at its first validation, before there was a checkpoint, and each resumed run as well."""
    train, dev = write_corpus(tmp_path)
    long = " ".join(["The dog sees a cat."] * 30) + "\t" + "狗看见一个猫。" * 30 + "\n"
    dev.write_text(dev.read_text(encoding="utf-8") + long, encoding="utf-8")
    asked = config(
        model={"positions": "learned", "max_length": 64}, data={"longest": 40}, training={"max_steps": 8}
    )
    result, said = begin([train], [dev], tmp_path, asked)
    assert result.finished and "1 of 11 dev pairs have more tokens than the 64 that the model reads" in said
    dev.write_text(long, encoding="utf-8")
    with pytest.raises(CorpusError, match="no pair of the dev set is shorter than the 64 tokens"):
        begin([train], [dev], tmp_path / "none", asked)


def test_a_validation_that_fails_loses_no_step_and_is_made_up_for(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Validator, "validate", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            go(tmp_path, config(training={"checkpoint_minutes": 60}))
    result, said = go(tmp_path, resume=True)
    assert "resuming" in said and "from step 8" in said and result.finished
    steps = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in steps if line["kind"] == "validation"] == [8, 16, 24]


@pytest.mark.parametrize("patience", [-1, -10])
def test_patience_is_no_negative_number(patience: int) -> None:
    """-1, which means never elsewhere, ended the run after its first step, without a model."""
    with pytest.raises(ConfigError, match=f"validation.patience = {patience}: must be at least 0"):
        ValidationConfig(patience=patience)


def test_time_that_is_over_before_the_first_validation_leaves_a_model_for_now(tmp_path: Path) -> None:
    result, said = go(tmp_path, max_minutes=0)
    assert not result.finished and "the model of step 1 is kept for now" in said and "try it" in said
    assert open_model(tmp_path / "run").languages == ("en", "zh")
    result, said = go(tmp_path, resume=True)
    assert result.progress.best_step >= 8  # nothing of it was remembered


def test_a_signal_before_the_first_validation_says_that_there_is_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs.Run, "__init__", stopping(runs.Run.__init__))
    _, said = go(tmp_path)
    assert "no model is kept yet: the first validation, at step 8, keeps one" in said and "try it" not in said


def stopping(init: Any) -> Any:
    def begun(run: Any, *given: Any) -> None:
        init(run, *given)
        run.stop_reason = "stopped by SIGINT"

    return begun


# -- a model to begin with --------------------------------------------------------------------------------------


def further(directory: Path, base: Path, settings: RunConfig) -> tuple[Any, str]:
    return go(directory, settings, base=open_model(base))


def test_the_model_to_begin_with_is_the_first_that_is_measured(tmp_path: Path) -> None:
    """51.6 BLEU was trained down to 0.1, and that was published as the best."""
    (tmp_path / "first").mkdir()
    go(tmp_path / "first", config(training={"max_steps": 40, "precision": "fp32"}))
    base = tmp_path / "first" / "run"
    harmful = config(
        optimizer={"peak_lr": 0.5, "warmup_steps": 0, "ema_decay": 0.0},
        training={"max_steps": 4, "precision": "fp32"},
    )
    result, said = further(tmp_path, base, harmful)
    assert result.progress.best_step == 0 and "step 0: loss" in said
    assert "nothing was better than the model it began with" in said and "try it" in said
    before, after = (open_model(path).build().state_dict() for path in (base, tmp_path / "run"))
    assert all((before[name] == after[name]).all() for name in before)


def test_the_last_model_is_kept_whatever_it_scores_where_that_is_asked_for(tmp_path: Path) -> None:
    """The last stage of a recipe is to learn what no dev set asks for; it was thrown away for a BLEU no better."""
    (tmp_path / "first").mkdir()
    go(tmp_path / "first", config(training={"max_steps": 40, "precision": "fp32"}))
    harmful = config(
        optimizer={"peak_lr": 0.5, "warmup_steps": 0, "ema_decay": 0.0},
        training={"max_steps": 4, "precision": "fp32"},
        validation={"every": 4},
    )
    last = dataclasses.replace(harmful, validation=dataclasses.replace(harmful.validation, keep="last"))
    kept = {}
    for name, settings in (("best", harmful), ("last", last)):
        (tmp_path / name).mkdir()
        result, said = further(tmp_path / name, tmp_path / "first" / "run", settings)
        kept[name] = result.progress.best_step
        if name == "last":
            assert "(kept, no better 1 of 10)" in said and "the last that was measured, of step 4" in said
    assert kept == {"best": 0, "last": 4}
    assert "which is kept: --resume --set validation.keep=last keeps the last one" in further_again(
        tmp_path / "best", tmp_path / "first" / "run", harmful
    )
    further_again(tmp_path / "best", tmp_path / "first" / "run", last)
    weights = [open_model(tmp_path / name / "run").build().state_dict() for name in kept]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])


def further_again(directory: Path, base: Path, settings: RunConfig) -> str:
    return go(directory, settings, base=open_model(base), resume=True)[1]


def test_settings_that_a_model_to_begin_with_decides_are_refused_and_languages_remarked(
    tmp_path: Path,
) -> None:
    """vocab_size = 8000 was recorded of a model that has 6,000."""
    (tmp_path / "first").mkdir()
    go(tmp_path / "first", config(training={"max_steps": 1}))
    base = tmp_path / "first" / "run"
    short = config(training={"max_steps": 1}, tokenizer={"sampling": 0.0})  # how it is used may change
    _, said = further(
        tmp_path, base, dataclasses.replace(short, data=dataclasses.replace(short.data, source="de"))
    )
    assert "the model to begin with translates en -> zh, and is trained on de -> zh" in said
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigError, match=r"its vocabulary.* tokenizer.vocab_size: 330 -> 400"):
        further(tmp_path / "other", base, config(tokenizer={"vocab_size": 400}))


def test_a_lowered_vocabulary_is_recorded_as_it_is_and_can_be_trained_further(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    large = config(tokenizer={"vocab_size": 6000}, training={"max_steps": 1})
    _, said = go(tmp_path / "first", large)
    assert "the vocabulary has so many, instead of tokenizer.vocab_size = 6,000" in said
    made = open_model(tmp_path / "first" / "run")
    size = made.tokenizers["joint"].vocab_size
    assert made.config["tokenizer"]["vocab_size"] == size < 6000
    _, said = go(tmp_path / "first", large, resume=True)  # asked for as before, and the same run
    assert "resuming" in said
    result, _ = further(
        tmp_path, made.path, config(tokenizer={"vocab_size": size}, training={"max_steps": 1})
    )
    assert result.finished


def test_perplexity_of_any_loss_is_a_number() -> None:
    """That of a loss of some hundreds, which a run that diverges has, was a traceback."""
    assert perplexity(1e6) == perplexity(700.0) < float("inf")


def test_a_warm_up_that_is_longer_than_the_run_is_remarked(tmp_path: Path) -> None:
    settings = config(training={"max_steps": 2}, optimizer={"warmup_steps": 100}, validation={"every": 2})
    _, said = go(tmp_path, settings)
    assert "the learning rate still rises at the end, to 6e-05 of 0.003" in said


def test_what_a_beginner_of_a_model_babbles_fills_no_screen(tmp_path: Path) -> None:
    """After three steps a sample was one word seventy times, line after line."""
    train, dev = write_corpus(tmp_path)
    first, *others = dev.read_text(encoding="utf-8").splitlines()
    source, target = first.split("\t")[:2]
    dev.write_text("\n".join([f"{f'{source} ' * 40}\t{target * 40}", *others]) + "\n", encoding="utf-8")
    _, said = begin(
        [train], [dev], tmp_path, config(training={"max_steps": 1}, validation={"metric": "bleu"})
    )
    samples = [line for line in said.splitlines() if line.startswith("    ") and " -> " in line]
    assert len(samples) == 2 and all(len(line) <= 2 * (SAMPLE + 3) + 8 for line in samples)
    assert f"    {(f'{source} ' * 40)[:SAMPLE]}... -> " in said
