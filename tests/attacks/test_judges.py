"""No attack passes by doing nothing: each is shown programs that break its promise, and has to say so."""

from __future__ import annotations

import itertools
import json
import math
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from attacks.__main__ import ATTACKS
from attacks.answers import fault_of_answer
from attacks.attack import Budget, Counts, Fault
from attacks.commands import TRACEBACK, Ended
from attacks.growth import Growing, Work, grows
from attacks.models import ENGINES
from attacks.runner import attempted
from attacks.schema import counted

from attacks import answers, health, load, pages, service
from doubles import PROGRAMS, SAID, Double, Handler, Program, Reply, Words, ends, model_of, sound

CASES = 40  # as many as the attack with most named cases has
BY_NAME = {attack.name: attack for attack in ATTACKS}


def sober(method: str, path: str, body: bytes) -> None:
    """Nothing is wrong with this server."""


def attacked(
    name: str, program: Program = sound, handler: Handler | None = sober, cases: int = CASES
) -> Counts:
    budget = Budget(
        cases, itertools.count().__next__
    )  # asked once a case: however busy the machine, as many are tried
    with Double(program, handler) as double:
        return attempted(BY_NAME[name], double, budget, random.Random(1))


def told(counts: Counts) -> str:
    return " / ".join(example.fault for example in counts.examples)


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_never_works_passes_no_attack(
    program: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doing nothing, and refusing everything with a good reason, would keep most promises to the letter."""
    monkeypatch.setattr(service, "STARTING", 0.02)  # none of them ever listens
    counts = attacked(name, PROGRAMS[program], None, CASES if name == "environment" else 3)
    assert counts.failed or counts.left_out


def empty(method: str, path: str, body: bytes) -> Reply:
    return 200, b"", {}


def refusing(method: str, path: str, body: bytes) -> Reply | None:
    return None if path == "/health" else (400, {"error": "this is refused, for a reason that is told"}, {})


SERVED = ("http", "sockets", "schema", "uploads", "growth", "health", "load", "endings", "crashes", "scripts")


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.parametrize("handler", [empty, refusing])
def test_a_server_that_never_translates_passes_no_attack(handler: Handler, name: str) -> None:
    counts = attacked(name, handler=handler)
    assert counts.failed or counts.left_out


# -- commands: what is wrong in one place only ------------------------------------------------------------------


def wrong_weights(words: Words) -> Ended:
    ended = sound(words)
    if words[0] == "train":
        model_of(words).write_bytes(b"other weights")
    return ended


def stale_file(words: Words) -> Ended:
    ended = sound(words)
    if words[0] == "train":
        model_of(words).with_name(".manifest.json.tmp-12345").write_bytes(b"")
    return ended


def not_finite(words: Words) -> Ended:
    ended = sound(words)
    path = model_of(words)
    safetensors.numpy.save_file({"w": np.array([np.nan], np.float32)}, path)
    return ended


def circular(words: Words) -> Ended:
    """The dead end of a kill within the first save: each of two messages sends to the other."""
    other = "train without --resume" if "--resume" in words else "add --resume to go on"
    return ends(1, err=f"dragoman: this cannot be done here: {other}")(words)


class NoFlag:
    """Empty translations of which nothing is said; but what nobody changed is translated, once by each engine."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, words: Words) -> Ended:
        self.seen += 1
        return sound(words) if self.seen <= len(ENGINES) else ends(out=json.dumps(SAID | {"text": ""}))(words)


class LeavesADirectory:
    """What nobody changed is imported, once in each format; of what is refused after that, an empty directory stays."""

    def __init__(self) -> None:
        self.seen = set[str]()

    def __call__(self, words: Words) -> Ended:
        name = Path(words[1]).name
        if words[0] != "import" or name not in self.seen:
            self.seen |= {name}
            return sound(words)
        Path(words[words.index("-o") + 1]).mkdir()
        return ends(1, err="dragoman: this is no model of any format, and is refused")(words)


def replaces_what_is_there(words: Words) -> Ended:
    """A file takes the name of whatever has it."""
    if "-o" in words and (output := Path(words[words.index("-o") + 1])).suffix:
        output.unlink(missing_ok=True)
        output.write_bytes(b"text")
    return ends(out="done")(words)


def leaves_a_half(words: Words) -> Ended:
    if "-o" in words:
        output = Path(words[words.index("-o") + 1])
        output.with_name(f".{output.name}.tmp-1").write_bytes(b"te")
    return ends(out="done")(words)


FLAWED: list[tuple[str, Program, str]] = [
    ("kills", wrong_weights, "other weights"),
    ("kills", stale_file, "left for ever"),
    ("kills", circular, "dead end"),
    ("disk", wrong_weights, "other weights"),
    ("disk", circular, "the advice does not work"),
    ("resume", wrong_weights, "other weights"),
    ("rivals", wrong_weights, "other weights"),
    ("rivals", ends(1, err="dragoman: this cannot be done here, for a reason"), "each stopped the other"),
    ("divergence", not_finite, "NaN or infinity"),
    ("divergence", ends(1, err="dragoman: the loss rose, and the run was given up"), "says no rate"),
    ("divergence", ends(1, err="dragoman: diverged: try --set optimizer.peak_lr=0.1"), "doing as it says"),
    *((name, NoFlag(), "nothing said") for name in ("config", "manifest", "weights", "tokenizer")),
    ("imports", LeavesADirectory(), "left made behind"),
    ("clock", ends(1, err="dragoman: the clock is not to be trusted"), "exit 1"),
    ("environment", ends(1, err="dragoman: something went wrong, sorry"), "does not name it"),
    ("streams", replaces_what_is_there, "was replaced"),
    ("streams", leaves_a_half, "behind"),
]


@pytest.mark.parametrize(("name", "program", "words"), FLAWED)
def test_what_is_wrong_with_a_command_is_told(name: str, program: Program, words: str) -> None:
    assert words in told(attacked(name, program))


def test_what_is_sound_is_not_blamed() -> None:
    for name in ("kills", "disk", "config", "weights", "tokenizer"):
        assert not attacked(name).failed, name


# -- the server -------------------------------------------------------------------------------------------------


def failing(method: str, path: str, body: bytes) -> Reply | None:
    return (500, {"error": "no"}, {}) if path != "/api/translate" and method == "POST" else None


def unlawful(method: str, path: str, body: bytes) -> Reply | None:
    return (
        None
        if path in ("/health", "/api/translate")
        else (400, {"error": "no"}, {"Content-Security-Policy": ""})
    )


def unreasoned(method: str, path: str, body: bytes) -> Reply | None:
    return None if path in ("/health", "/api/translate") else (404, {}, {})


class Forgetful:
    """A server that translates otherwise from the n-th sentence on."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, method: str, path: str, body: bytes) -> Reply | None:
        self.left -= path == "/api/translate"
        return (200, {"translations": [{"text": f"{self.left}"}]}, {}) if self.left < 0 else None


def picky(method: str, path: str, body: bytes) -> Reply | None:
    return (400, {"error": "no"}, {}) if path == "/translate_file" else None


ANSWERS: list[tuple[str, Callable[[], Handler], str]] = [
    ("http", lambda: failing, "status 500"),
    ("http", lambda: unlawful, "of its policy"),
    ("http", lambda: unreasoned, "without a reason"),
    ("http", lambda: Forgetful(1), "a plain sentence is translated to"),
    ("sockets", lambda: Forgetful(1), "a plain sentence is translated to"),
    ("uploads", lambda: failing, "status 500"),
    ("uploads", lambda: picky, "a sound file is refused"),
    ("endings", lambda: sober, "were not answered"),  # this server is gone at once
    ("crashes", lambda: sober, "processes instead of"),
]


@pytest.mark.parametrize(("name", "handler", "words"), ANSWERS)
def test_what_is_wrong_with_an_answer_is_told(
    name: str, handler: Callable[[], Handler], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "LATE", 0.0)
    assert words in told(attacked(name, handler=handler(), cases=CASES if name == "uploads" else 8))


def test_answers_that_depend_on_others_are_told() -> None:
    with Double(handler=Forgetful(2)) as double, load.crowd(double) as try_:
        fault = try_(load.Crowd(("A dog.",), clients=2))
    assert fault is not None and "answers to" in fault.what


def test_a_traceback_in_the_log_is_told() -> None:
    with Double() as double, service.serving(double) as served:
        double.servers.log = f"{TRACEBACK}\n  ...\nzlib.error: Error -3\n"
        fault = fault_of_answer(served, served.ask("GET", "/health"))
    assert fault is not None and "zlib.error" in fault.what


def test_a_server_that_others_wait_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = {"file": False}

    def handler(method: str, path: str, body: bytes) -> Reply | None:
        if path in ("/translate_file", "/translate", "/api/explain"):
            busy["file"] = True
            time.sleep(0.3)
            busy["file"] = False
        elif path == "/health" and busy["file"]:
            time.sleep(0.1)
        return None

    monkeypatch.setattr(health, "SLOW", 0.05)
    monkeypatch.setattr(health, "FROZEN", 0.09)
    monkeypatch.setattr(health, "PAUSE", 0.0)
    assert "/health took up to" in told(attacked("health", handler=handler, cases=4))


def test_work_for_a_client_that_left_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "GRACE", 0.1)
    monkeypatch.setattr(service.Service, "cpu", property(lambda self: time.monotonic()))
    with Double() as double, service.serving(double) as served:
        fault = health.judged(served, health.Heavy("file a.txt", b"A dog."))
    assert fault is not None and "computes on" in fault.what


def test_memory_that_grows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.Service, "resident", property(lambda self: time.monotonic() * 1e6))
    with Double() as double, service.serving(double) as served:
        fault = health.judged(served, health.Heavy("file a.txt", b"A dog."))
    assert fault is not None and "the server grew" in fault.what
    assert "the server grew" in told(attacked("uploads"))


def test_no_judge_is_left_out() -> None:
    """Those that neither table names have tests of their own here."""
    alone = {"schema", "growth", "health", "load", "scripts"}
    assert {name for name, _, _ in (*FLAWED, *ANSWERS)} | alone == set(BY_NAME)


# -- what needs no product --------------------------------------------------------------------------------------

CASE = Growing(".txt", "", "a", "")


@pytest.mark.parametrize(("power", "faulty"), [(1.0, False), (1.3, False), (2.0, True), (3.0, True)])
def test_work_that_grows_faster_than_its_input_is_told(power: float, faulty: bool) -> None:
    def measure(case: Growing, size: int) -> Work:
        return Work((size / 20_000) ** power, False)

    assert (grows(measure, CASE, 4_000_000) is not None) == faulty


def test_one_slow_moment_is_no_growth() -> None:
    slow = iter([True])

    def measure(case: Growing, size: int) -> Work:
        noise = 5.0 if size == 32_000 and next(slow, False) else 1.0
        return Work(size / 40_000 * noise, False)

    assert grows(measure, CASE, 4_000_000) is None


def test_a_bound_that_is_told_ends_the_growth() -> None:
    assert grows(lambda case, size: Work(math.inf, True), CASE, 4_000_000) is None
    assert grows(lambda case, size: Work(0.0, False, Fault("no")), CASE, 4_000_000) == Fault("no")


def test_schemathesis_that_tried_nothing_has_failed() -> None:
    assert counted("", "connection refused", 1).failed == 1
    failure = {"name": "not_a_server_error", "status": "failure"}
    recorder = {
        "interactions": {"1": {"request": {"method": "GET", "uri": "/x"}, "response": {"status_code": 500}}},
        "checks": {"1": [failure]},
    }
    found = counted(json.dumps({"ScenarioFinished": {"recorder": recorder}}), "", 1)
    assert (found.tried, found.failed) == (1, 1)


@pytest.mark.slow(
    reason="a browser takes seconds to start; nothing else shows that a script that runs is seen"
)
@pytest.mark.skipif(bool(pages.no_browser()), reason="needs playwright and a Chromium")
@pytest.mark.parametrize("payload", [pages.PAYLOADS[0], pages.PAYLOADS[1], "<form data-pwned action=//x>"])
def test_a_page_that_runs_its_text_is_told(payload: str, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><title>a</title><p>{payload}</p>", encoding="utf-8")
    sober = tmp_path / "sober.html"
    sober.write_text("<!doctype html><title>a</title><p>&lt;script&gt;</p>", encoding="utf-8")
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=pages.CHROMIUM, args=["--no-sandbox"])
        script = pages.Script(pages.EXPLAINED, payload)
        found = [pages.opened(browser, path.as_uri(), script, lambda *asked: None) for path in (page, sober)]
        browser.close()
    assert found[0] is not None and found[1] is None


def test_random_numbers_are_those_of_the_seed() -> None:
    """A case is drawn from its own number alone: the table's seed gives it again."""
    for attack in ATTACKS:
        if draw := getattr(attack, "draw", None):
            assert draw(random.Random(7)) == draw(random.Random(7)), attack.name
