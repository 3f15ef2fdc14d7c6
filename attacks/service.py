"""A running `dragoman serve`, and what is asked of it over HTTP. Judges no answer, and attacks nothing.

Everything goes to 127.0.0.1, to a port that the server chose.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attacks.commands import Ended, Spawner
from attacks.product import Product

STARTING = 60.0  # seconds
ANSWERING = 45.0  # seconds for any answer at all; a look inside may take 30
JSON = "application/json"
ASK = {"text": "The dog sees a cat.", "source": "en", "target": "zh"}


@dataclass(frozen=True)
class Answer:
    """status 0: the server hung up without one."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    seconds: float


class Service:
    """One that listens."""

    def __init__(self, spawner: Spawner, port: int) -> None:
        self.spawner, self.port, self.expected = spawner, port, ""
        self._read = 0  # characters of the log that were looked at

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = ANSWERING,
    ) -> Answer:
        """Raises TimeoutError when no answer has come in time, ValueError for what no request can be made of."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        began = time.monotonic()
        try:
            connection.request(method, path, body, dict(headers or {}))
            found = connection.getresponse()
            named = {name.lower(): value for name, value in found.getheaders()}
            return Answer(found.status, found.read(), named, time.monotonic() - began)
        except (http.client.HTTPException, ConnectionError):
            return Answer(0, b"", {}, time.monotonic() - began)
        finally:
            connection.close()

    def post(self, path: str, value: Any, seconds: float = ANSWERING) -> Answer:
        body = json.dumps(value).encode(errors="surrogatepass")
        return self.ask("POST", path, body, {"content-type": JSON}, seconds)

    def translation(self) -> str:
        """Of a plain sentence; "" if it was refused. Raises TimeoutError."""
        answer = self.post("/api/translate", ASK)
        if answer.status != 200:
            return ""
        with suppress(ValueError, LookupError, TypeError):
            return str(json.loads(answer.body)["translations"][0]["text"])
        return ""

    def upload(self, name: str, data: bytes, seconds: float = ANSWERING, **fields: str) -> Answer:
        """To /translate_file."""
        parts = {"source": "en", "target": "zh"} | fields
        body = b"".join(
            f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in parts.items()
        )
        head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body += head.encode() + data + b"\r\n--b--\r\n"
        kind = {"content-type": "multipart/form-data; boundary=b"}
        return self.ask("POST", "/translate_file", body, kind, seconds)

    @property
    def formats(self) -> list[str]:
        """Endings of the files that it translates."""
        return list(json.loads(self.ask("GET", "/api/models").body)["files"])

    @property
    def resident(self) -> float:
        """Megabytes of memory, of all its processes; 0 where that cannot be told."""
        return sum(int(fields[21]) for fields in self._processes()) * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def cpu(self) -> float:
        """Seconds that it has computed: all its processes, with those that have ended; 0 where it cannot be told."""
        used = sum(int(ticks) for fields in self._processes() for ticks in fields[11:15])
        return used / os.sysconf("SC_CLK_TCK")

    @property
    def children(self) -> list[int]:
        """Ids of the processes that it has started."""
        return [int(fields[-1]) for fields in self._processes() if int(fields[1]) == self.spawner.pid]

    def _processes(self) -> Iterator[list[str]]:
        """Of each process of its group: the fields of /proc/PID/stat (proc_pid_stat(5)) from the third on, its id."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has just ended
                fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                if int(fields[2]) == self.spawner.pid and fields[0] != "Z":
                    yield [*fields, path.parent.name]

    def new_in_log(self) -> str:
        """What it has written to its log since this was asked last."""
        said = self.spawner.said()
        found, self._read = said[self._read :], len(said)
        return found

    def stop(self, number: int, seconds: float) -> Ended:
        self.spawner.kill(number)
        return self.spawner.end(seconds)


@contextmanager
def serving(product: Product, *flags: str, **named: Any) -> Iterator[Service]:
    """A server with the tiny model, until the block is left. named: as Spawner.begin takes them."""
    spawner = product.servers
    spawner.begin(["serve", "-m", str(product.model), "--port", "0", "--threads", "1", *flags], **named)
    try:
        service = Service(spawner, _port(spawner))
        until = time.monotonic() + STARTING
        while service.ask("GET", "/health", seconds=STARTING).status != 200:
            assert time.monotonic() < until, f"the server did not come up: {spawner.said()[-2000:]}"
            time.sleep(0.05)
        service.expected = service.translation()
        assert service.expected, f"the server does not translate: {spawner.said()[-2000:]}"
        service.new_in_log()
        yield service
    finally:
        if spawner.pid:  # an attack may have stopped it
            spawner.kill()
            spawner.end()


def _port(spawner: Spawner) -> int:
    until = time.monotonic() + STARTING
    while time.monotonic() < until:
        if found := re.search(r"http://[^/]*:(\d+)/", spawner.said()):
            return int(found[1])
        time.sleep(0.02)
    raise AssertionError(f"the server did not come up: {spawner.said()[-2000:]}")


def open_socket(service: Service, seconds: float = ANSWERING) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=seconds)
