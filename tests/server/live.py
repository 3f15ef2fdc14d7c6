"""A real server process for the tests that need one. Tests nothing itself."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ASK = {"text": "The red dog sees my house.", "source": "en", "target": "zh"}


@dataclass
class Server:
    """One that listens."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=40
        )  # longer than any deadline but a file's

    def get(self, path: str) -> str:
        return self.ask("GET", path)[1]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        connection = self.connect()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def counted(self, name: str) -> float:
        """A number of /metrics."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics"), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def resident(self) -> float:
        """Megabytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def wait_until_ready(self) -> None:
        until = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return
            except OSError:
                assert time.monotonic() < until, self.log.read_text()
                time.sleep(0.05)


@contextmanager
def serving(model: Path, folder: Path, *flags: str) -> Iterator[Server]:
    """`dragoman serve` on a free port, until it is ended or the block is left."""
    log = folder / f"log-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "dragoman", "serve", "-m", str(model), "--port", "0", *flags]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with log.open("w") as out, subprocess.Popen(command, stderr=out, text=True, env=environment) as process:
        try:
            server = Server(process, _port(process, log), log)
            server.wait_until_ready()
            yield server
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


def _port(process: subprocess.Popen[str], log: Path) -> int:
    """The one that it says it listens on."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"http://[^/]*:(\d+)/", log.read_text()):
            return int(found[1])
        time.sleep(0.02)
    raise AssertionError(f"the server did not come up: {log.read_text()}")
