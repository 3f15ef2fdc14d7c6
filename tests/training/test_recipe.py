"""Recipes: what a file may say, which stage begins where, and that an interrupted recipe ends as one that was not."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from rich.console import Console

from dragoman.errors import ConfigError, TrainingError
from dragoman.training.outlook import Result
from dragoman.training.presets import PRESETS
from dragoman.training.recipe import find_recipe, read_recipe, shipped
from dragoman.training.session import Session
from dragoman.training.settings import DataConfig, RunConfig, resolve_run
from dragoman.training.state import Progress
from dragoman.training.tasks import stages as stages_module
from dragoman.training.tasks.stages import StagedRun, check_stages, run_stages

TWO = """
preset = "tiny"
[data]
weights = ["a=2"]
[[stage]]
name = "one"
[stage.training]
max_steps = 5
[[stage]]
name = "two"
[stage.model]
dropout = 0.0
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_has_shared_sections_and_stages(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, TWO))
    assert (recipe.name, recipe.preset, recipe.shared) == ("mine", "tiny", {"data": {"weights": ["a=2"]}})
    assert [(stage.name, stage.sections) for stage in recipe.stages] == [
        ("one", {"training": {"max_steps": 5}}),
        ("two", {"model": {"dropout": 0.0}}),
    ]
    config = resolve_run([("preset", PRESETS["tiny"]), *recipe.layers(recipe.stages[0])]).value
    assert (config.training.max_steps, config.data.weights) == (5, ("a=2",))


def test_a_configuration_without_stages_is_a_recipe_of_one(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, "[training]\nmax_steps = 7\n"))
    assert [stage.name for stage in recipe.stages] == ["mine"]


@pytest.mark.parametrize("name", shipped())
def test_what_is_shipped_can_be_run_from_stage_to_stage(name: str) -> None:
    recipe = find_recipe(name)
    assert recipe.about
    check_stages([
        StagedRun(stage.name, resolve_run([("preset", PRESETS[recipe.preset or "small"]), *recipe.layers(stage)]).value)
        for stage in recipe.stages
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stage = 3", "stage"),
        ("[[stage]]\n[stage.training]\nmax_steps = 1", "name = None in stage 1"),
        ('[[stage]]\nname = "../x"', "small letters"),
        ('[[stage]]\nname = "a"\n[[stage]]\nname = "a"', "two stages"),
        ('[[stage]]\nname = "a"\nmax_steps = 3', "stage a: max_steps = 3 stands outside a section"),
        ("max_steps = 3", "outside a section"),
        ("preset = 3", "preset = 3: must be text"),
        ("[[stage", "not TOML"),
        ("x = " + "1" * 5000, "not TOML"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_recipe(write(tmp_path, text))


def test_an_unknown_recipe_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean small-data"):
        find_recipe("smal-data")


def test_some_of_its_stages_keep_its_order(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, TWO))
    assert [stage.name for stage in recipe.only(["two", "one", "two"]).stages] == ["one", "two"]
    assert recipe.only(["two"]).layers(recipe.stages[1]) == recipe.layers(recipe.stages[1])
    with pytest.raises(
        ConfigError, match="--stages 'tow': the stages of mine are one, two; did you mean two"
    ):
        recipe.only(["one", "tow"])


def test_a_stage_cannot_ask_for_another_shape() -> None:
    one = RunConfig()
    wide = replace(one, model=replace(one.model, d_ff=one.model.d_ff * 2))
    with pytest.raises(ConfigError, match=r"stage b begins at the model of a, and cannot change model\.d_ff"):
        check_stages([StagedRun("a", one), StagedRun("b", wide)])
    calm = replace(one, model=replace(one.model, dropout=0.0), tokenizer=replace(one.tokenizer, sampling=0.3))
    check_stages([StagedRun("a", one), StagedRun("b", calm)])


def test_a_stage_may_leave_one_of_two_directions() -> None:
    one = RunConfig(data=DataConfig("de", "en", both_ways=True, tagged=True))
    alone = replace(one, data=DataConfig("de", "en", tagged=True))
    check_stages([StagedRun("a", one), StagedRun("b", alone)])
    with pytest.raises(
        ConfigError, match=r"stage b begins sources with ⟨de⟩, which the model of a .* set data\.both_ways"
    ):
        check_stages([StagedRun("a", alone), StagedRun("b", one)])
    bare = RunConfig(data=DataConfig("de", "en", both_ways=True))
    with pytest.raises(ConfigError, match=r"set data\.tagged = true for all stages"):
        check_stages([StagedRun("a", bare), StagedRun("b", RunConfig(data=DataConfig("de", "en")))])


STAGES = [StagedRun(name, RunConfig()) for name in ("a", "b", "c")]


class Starts:
    """Notes what was begun, and ends each stage as it is told."""

    def __init__(self, unfinished: str = "") -> None:
        self.begun: list[tuple[str, bool, object]] = []
        self.configs: list[RunConfig] = []
        self.unfinished = unfinished

    def __call__(self, *, output: Path, config: RunConfig, session: Session, base: object) -> Result:
        place = output
        self.begun.append((place.name, session.resume, base))
        self.configs.append(config)
        (place / "checkpoints" / "step-00000001").mkdir(parents=True, exist_ok=True)
        (place / "checkpoints" / "latest").write_text("step-00000001\n")
        return Result(Progress(), "done", place.name != self.unfinished)


class Left(str):
    """The model that a stage has left, with fewer pieces than were asked for."""

    config: ClassVar = {"tokenizer": {"vocab_size": 300}}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages_module, "open_model", lambda path: Left(f"model of {path.name}"))


def go(
    output: Path,
    start: Starts,
    resume: bool = False,
    minutes: float | None = None,
    stages: list[StagedRun] = STAGES,
) -> Result:
    return run_stages(stages, output, start, Session(Console(quiet=True), resume, minutes), None)


@pytest.mark.usefixtures("opened")
def test_each_stage_begins_at_the_model_of_the_one_before(tmp_path: Path) -> None:
    start = Starts()
    assert go(tmp_path / "run", start).finished
    assert start.begun == [("a", False, None), ("b", False, "model of a"), ("run", False, "model of b")]


@pytest.mark.usefixtures("opened")
def test_a_stage_takes_the_vocabulary_that_the_one_before_has_left(tmp_path: Path) -> None:
    """Hours after the start, the second stage of a small corpus, or of an extended vocabulary, was refused."""
    start = Starts()
    large = replace(RunConfig(), data=replace(RunConfig().data, extend_vocab=50))
    go(tmp_path / "run", start, stages=[StagedRun(name, large) for name in ("a", "b")])
    first, second = start.configs
    assert (first.tokenizer.vocab_size, first.data.extend_vocab) == (large.tokenizer.vocab_size, 50)
    assert (second.tokenizer.vocab_size, second.data.extend_vocab) == (300, 0)


@pytest.mark.usefixtures("opened")
def test_an_interrupted_recipe_goes_on_with_the_stage_it_was_in(tmp_path: Path) -> None:
    first = Starts(unfinished="b")
    assert not go(tmp_path / "run", first).finished
    with pytest.raises(TrainingError, match="add --resume"):
        go(tmp_path / "run", Starts())
    second = Starts()
    assert go(tmp_path / "run", second, resume=True).finished
    assert second.begun == [("b", True, "model of a"), ("run", False, "model of b")]


@pytest.mark.usefixtures("opened")
def test_a_start_that_failed_before_its_first_checkpoint_may_be_repeated(tmp_path: Path) -> None:
    """A corpus of which nothing was left made a directory that wanted --resume, with nothing to resume."""
    (tmp_path / "run" / "stages" / "a" / "data").mkdir(parents=True)
    start = Starts()
    assert go(tmp_path / "run", start).finished
    assert start.begun[0] == ("a", False, None)


@pytest.mark.usefixtures("opened")
def test_when_the_time_is_over_no_other_stage_begins(tmp_path: Path) -> None:
    start = Starts()
    result = go(tmp_path / "run", start, minutes=1e-9)
    assert [name for name, _, _ in start.begun] == ["a"]
    assert not result.finished
    assert "--max-minutes" in result.reason


@pytest.mark.usefixtures("opened")
def test_another_recipe_does_not_go_on_with_these_stages(tmp_path: Path) -> None:
    go(tmp_path / "run", Starts(unfinished="b"))
    with pytest.raises(TrainingError, match="another recipe, which has a stage a"):
        run_stages(STAGES[1:], tmp_path / "run", Starts(), Session(Console(quiet=True), resume=True), None)


@pytest.mark.slow(reason="three trainings of a few seconds: what a recipe promises is one command's result")
def test_one_command_runs_a_recipe_and_resumes_it_to_the_bit(tmp_path: Path) -> None:
    corpus = tmp_path / "c.tsv"
    corpus.write_text("".join(f"dog {n} runs.\t狗{n}在跑。\n" for n in range(80)), encoding="utf-8")
    recipe = write(tmp_path, """
[model]
d_model = 16
d_ff = 32
n_heads = 2
encoder_layers = 1
decoder_layers = 1
[tokenizer]
vocab_size = 320
sampling = 0.1
[data]
held_out = 8
[validation]
every = 4
[[stage]]
name = "one"
[stage.training]
max_steps = 8
[[stage]]
name = "two"
[stage.model]
dropout = 0.0
[stage.training]
max_steps = 4
""")  # fmt: skip

    def train(output: Path, *more: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "dragoman",
            "train",
            str(corpus),
            "--source-lang",
            "en",
            "--target-lang",
            "zh",
        ]
        return subprocess.run(
            [*command, "-o", str(output), "--recipe", str(recipe), *more],
            capture_output=True,
            text=True,
            timeout=300,
        )

    whole = train(tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    assert "stage 1 of 2: one" in whole.stderr
    assert "stage 2 of 2: two" in whole.stderr
    cut = train(tmp_path / "cut", "--max-minutes", "1e-6")
    assert cut.returncode == 0, cut.stderr
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    rest = train(tmp_path / "cut", "--resume")
    assert rest.returncode == 0, rest.stderr
    digests = {
        hashlib.sha256((tmp_path / run / "model.safetensors").read_bytes()).hexdigest()
        for run in ("whole", "cut")
    }
    assert len(digests) == 1
    card = (tmp_path / "whole" / "card.md").read_text(encoding="utf-8")
    assert "At the weights of a model called one" in card and "> Transformer, " in card
