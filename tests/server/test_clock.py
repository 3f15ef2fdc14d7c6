"""A clock that is set back, or forward, under what runs: nobody waits for a time that was, and nothing is lost."""

from __future__ import annotations

import ast
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from dragoman.server.gate.keys import Keys
from server.live import ASK, serving
from server.test_documents import FILES, upload

SOURCE = Path(__file__).parents[2] / "src" / "dragoman"
LIBRARIES = [
    found
    for folder in ("/usr/lib", "/usr/local/lib")
    for found in Path(folder).glob("**/faketime/libfaketime.so.1")
]


def test_only_what_outlives_the_machine_is_told_by_the_clock_on_the_wall() -> None:
    """Waits, deadlines, expiry and the hours of a training go by a clock that nobody sets: time.monotonic."""
    asking = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"):
                asking.add(path.relative_to(SOURCE).as_posix())
    # Periods of quotas, in a file and while Redis is lost, and since when it is, which a person reads; the time of day
    # that torchrun asks for in the file in which a rank tells why it failed.
    assert asking == {
        "server/gate/keys.py",
        "server/gate/replicas.py",
        "server/gate/link.py",
        "cli/failures.py",
    }


@pytest.mark.slow(reason="a server starts, and a clock is watched for seconds")
@pytest.mark.skipif(
    not LIBRARIES or shutil.which("faketime") is None,
    reason="there is no libfaketime here: install faketime to set a clock back",
)
def test_a_server_whose_clock_is_set(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    for name, value in {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Else waits on the monotonic clock end at once: threads ask each other for the interpreter without a pause.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }.items():
        monkeypatch.setenv(name, value)
    key = Keys(tmp_path / "keys").add("alice", per_minute=20)
    mine = {"authorization": f"Bearer {key}"}
    flags = ("--threads", "1", "--keys", str(tmp_path / "keys"), "--per-minute", "60")
    with serving(tiny_model, tmp_path, *flags) as server:

        def told() -> str:
            """The time that the server writes into its log."""
            before = len(server.log.read_text().splitlines())
            server.get("/health")
            until = time.monotonic() + 10
            while (
                len(lines := server.log.read_text().splitlines()) <= before
            ):  # it is written after the answer
                assert time.monotonic() < until
                time.sleep(0.01)
            return str(json.loads(lines[-1])["time"])

        status, answer = upload(server, "a.txt", FILES[".txt"])
        assert status == 200, answer
        address = json.loads(answer)["translatedFileUrl"].partition(str(server.port))[2]
        until = time.monotonic() + 60
        while server.ask("POST", "/api/translate", ASK, **mine)[0] == 200:
            assert time.monotonic() < until, "the pace of the key was not kept"
        assert server.ask("POST", "/api/translate", ASK, **mine)[0] == 429
        before = told()
        clock.write_text("-3d\n")
        assert told() < before, "the clock was not set"
        server.ask("POST", "/api/translate", ASK, **mine)  # from this one on it counts by the new clock
        time.sleep(3.2)
        assert server.ask("POST", "/api/translate", ASK, **mine)[0] == 200
        assert server.ask("POST", "/api/translate", ASK)[0] == 200
        assert server.get(address)
        assert upload(server, "a.docx", FILES[".docx"])[0] == 200
        clock.write_text("+400d\n")
        assert server.ask("POST", "/api/translate", ASK, **mine)[0] == 200
        assert upload(server, "a.html", FILES[".html"])[0] == 200
        assert server.get(address)  # ten minutes have not gone by
        assert "raceback" not in server.log.read_text()
        assert os.path.exists(f"/proc/{server.process.pid}") or not os.path.exists("/proc")
