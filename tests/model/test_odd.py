"""Whatever a model directory says, it is opened, or refused in one line: no traceback, no end by a signal, no hang.

Each kind is tried in a program of its own (odd_directories.py, odd_tokenizers.py), since what is looked for ends
programs: heads of an odd width were a SIGFPE in CTranslate2, a key of 100,000 parts took minutes, and a piece of a
tokenizer that was no UTF-8 was a traceback in the first translation.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from directories import write
from dragoman.bounds import Within
from dragoman.config import section_options
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.decoding.options import DecodingOptions
from dragoman.lineage.kinds import kind_of, names
from dragoman.model.directory import open_model
from dragoman.model.kinds import TRANSLATORS
from dragoman.model.soundness import examined
from dragoman.training.settings import RunConfig
from tiny import parts

TESTS = Path(__file__).parents[1]
LONGEST_SENTENCE = 500  # characters
USES = [
    *((f"{name}, a translator", "torch") for name in TRANSLATORS),
    ("transformer, a translator", "ctranslate2"),
    ("transformer, a translator", "torch bfloat16"),
    *((name, "lm") for name in names()),
]


def _ran(script: Path, *arguments: str) -> dict[str, str]:
    """What came of each odd thing, by its name."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((*sys.path, str(TESTS))),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, timeout=900, env=environment
    )
    last = done.stdout.rpartition("\n")[2]
    assert done.returncode == 0, f"{last}: ended by {done.returncode}\n{done.stderr[-2000:]}"
    found = dict(line.split("\t") for line in done.stdout.splitlines())
    for name, said in found.items():
        sentence = "ok" if said == "ok" else ast.literal_eval(said)
        assert "\n" not in sentence and len(sentence) < LONGEST_SENTENCE, f"{name}: {sentence[:2000]}"
    assert found["'as it is'"] == "ok"
    return found


@pytest.mark.slow  # 1,700 directories of a translator, a minute each kind
@pytest.mark.parametrize(("kind", "engine"), USES, ids=lambda value: str(value).replace(", a ", "-"))
def test_no_odd_setting_ends_a_program(kind: str, engine: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    if kind.startswith("transformer"):
        parts(d_model=32).write(path)  # as wide as the C decoder asks for
    else:
        write(path, kind)
    found = _ran(TESTS / "model" / "odd_directories.py", str(path), kind, engine, "1")
    assert sum(said != "ok" for said in found.values()) > 300


def test_no_odd_tokenizer_ends_a_program(tmp_path: Path) -> None:
    model = tmp_path / "tokenizer.model"
    model.write_bytes(parts().tokenizers["joint"])
    found = _ran(TESTS / "text" / "odd_tokenizers.py", str(model), "1", "150")
    assert 50 < sum(said != "ok" for said in found.values()) < len(found) - 50


SECTIONS = {
    "decoding": DecodingOptions,
    "cleaning": CleaningConfig,
    **{f"model of {name}": kind.load()[0] for name, kind in TRANSLATORS.items()},
    **{f"model of {name}, a language model": kind_of(name).config for name in names()},
    **{name: field.default_factory for name, field in RunConfig.__dataclass_fields__.items()},
}


@pytest.mark.parametrize("name", SECTIONS)
def test_every_number_says_what_it_may_be(name: str) -> None:
    for option in section_options(SECTIONS[name], name):  # type: ignore[arg-type]
        if option.kind in (int, float):
            assert option.within is not None, f"{option.name} has no bounds"


@pytest.mark.parametrize(
    ("within", "inside", "outside", "said"),
    [
        (Within(1, 10), [1, 10, 1.5], [0, 11, float("nan"), 10**400], "at least 1 and at most 10"),
        (Within(0, 1, open_most=True), [0, 0.5], [1, -1e-9, float("inf")], "at least 0 and below 1"),
        (Within(0, open_least=True), [1e-300, 1e300], [0, float("inf"), float("nan")], "above 0 and finite"),
    ],
)
def test_bounds(within: Within, inside: list[float], outside: list[float], said: str) -> None:
    assert all(map(within.holds, inside)) and not any(map(within.holds, outside))
    assert within.said == said


def test_weights_that_no_training_leaves_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Weights times ten thousand, or times nothing, translated to an empty line, and nobody was told."""
    made = parts()
    assert examined(made.weights) == {}
    for factor, words in (
        (1e4, "holds numbers as large as"),
        (0.0, "is zero everywhere"),
        (1e-30, "no number above"),
    ):
        weights = {name: (weight * factor).astype("float32") for name, weight in made.weights.items()}
        odd = examined(weights)
        assert any(words in reason for reason in odd.values())
        path = replace(made, weights=weights).write(tmp_path / str(factor))
        caplog.clear()
        open_model(path)
        assert "what this model answers may mean nothing" in caplog.text


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    made, path = parts(), tmp_path / "model"
    path.mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale, living = (path / f".manifest.json.tmp-{process}" for process in (dead.pid, os.getppid()))
    stale.touch()
    living.touch()
    made.write(path)
    assert not stale.exists() and living.exists()
