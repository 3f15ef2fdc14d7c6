"""Settings and the flags that set them; what cannot be meant is refused with what to do."""

from __future__ import annotations

import json
import logging
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from dragoman.cli import app, main
from dragoman.errors import ConfigError
from dragoman.server.gate.logs import JsonLines
from dragoman.server.settings import Engines, Limits, Network, Settings
from tiny import Parts


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda: Network(port=70_000), "port = 70000"),
        (lambda: Network(workers=0), "workers = 0"),
        (lambda: Limits(deadline=0), "deadline = 0"),
        (lambda: Limits(deadline=float("nan")), "deadline = nan"),
        (lambda: Limits(per_minute=-1), "per_minute = -1"),
        (lambda: Engines(()), "no model"),
        (lambda: Engines(keep=0), "keep = 0"),
        (lambda: Engines(threads=0), "threads = 0"),
        (lambda: Settings(require_key=True), "--keys"),
    ],
)
def test_what_cannot_be_meant(wrong: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        wrong()


def test_it_listens_to_this_machine_alone_unless_told() -> None:
    network = Network()
    assert network.host == "127.0.0.1"
    assert network.origins == network.allowed_hosts == network.proxies == ()


def test_threads_are_shared_out_among_processes() -> None:
    one = Settings().threads
    assert one >= 1
    assert Settings(network=Network(workers=one)).threads == 1
    assert Settings(Engines(threads=3), Network(workers=4)).threads == 3
    assert Settings(Engines(device="cuda")).threads == 1


def test_a_body_has_room_for_the_characters_that_are_allowed() -> None:
    limits = Limits(characters=1000)
    worst = json.dumps({"text": "\U0001f600" * 1000})  # twelve bytes each
    assert len(worst) <= limits.body_bytes


def test_every_setting_has_a_flag() -> None:
    words = ["serve"]
    for cls in (Network, Limits):
        for option in fields(cls):
            value = option.default or ("x",) if option.name != "per_minute" else 5
            words += [
                f"--{option.name.replace('_', '-')}",
                *(value if isinstance(value, tuple) else (str(value),)),
            ]
    _, bound, *_ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert bound.arguments["network"].allowed_hosts == ("x",)
    assert bound.arguments["limits"].queue == Limits.queue


def test_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "-m", "nothing-of-this-name"]) == 1
    assert "there is no model" in capsys.readouterr().err


def test_a_model_that_is_damaged(
    tiny_parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny_parts.write(tmp_path / "model")
    (path / "model.safetensors").write_bytes(b"x")
    assert main(["serve", "-m", str(path), "--port", "0"]) == 1
    told = capsys.readouterr().err
    assert "model.safetensors" in told
    assert "Traceback" not in told


def test_keys_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "keys.sqlite")
    assert main(["serve", "keys", "add", "alice", "--keys", file, "--quota", "1000"]) == 0
    key, told = capsys.readouterr()
    assert key.startswith("drg_")
    assert "cannot be shown again" in told
    assert main(["serve", "keys", "add", "alice", "--keys", file]) == 2
    capsys.readouterr()
    assert main(["serve", "keys", "list", "--keys", file]) == 0
    assert "0 of 1,000 characters used" in capsys.readouterr().out
    assert main(["serve", "keys", "remove", "alice", "--keys", file]) == 0
    assert main(["serve", "keys", "remove", "alice", "--keys", file]) == 2


def test_a_line_of_the_log_is_one_line_of_ascii() -> None:
    record = logging.makeLogRecord(
        {"msg": "it\nhappened", "levelname": "INFO", "created": 1.5, "who": "\x1b[31m\u202e"}
    )
    line = JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line)
    assert found["time"] == "1970-01-01T00:00:01.500Z"
    assert (found["event"], found["who"]) == ("it\nhappened", "\x1b[31m\u202e")
