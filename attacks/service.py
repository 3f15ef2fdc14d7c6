"""A running `dragoman serve`, and what is asked of it over HTTP. Judges an answer, and attacks nothing.

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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attacks.attack import Fault
from attacks.commands import TRACEBACK, Ended, Spawner
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
        self.spawner, self.port = spawner, port
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
        """Megabytes of memory; 0 where that cannot be told."""
        try:
            pages = int(Path(f"/proc/{self.spawner.pid}/statm").read_text(encoding="utf-8").split()[1])
        except (OSError, ValueError):
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def cpu(self) -> float:
        """Seconds that it has computed, all threads together; 0 where that cannot be told."""
        try:
            fields = (
                Path(f"/proc/{self.spawner.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            )
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

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
    spawner = product.spawner()
    try:
        spawner.begin(["serve", "-m", str(product.model), "--port", "0", "--threads", "1", *flags], **named)
        service = Service(spawner, _port(spawner))
        until = time.monotonic() + STARTING
        while service.ask("GET", "/health", seconds=STARTING).status != 200:
            assert time.monotonic() < until, f"the server did not come up: {spawner.said()[-2000:]}"
            time.sleep(0.05)
        service.new_in_log()
        yield service
    finally:
        spawner.close()


def _port(spawner: Spawner) -> int:
    until = time.monotonic() + STARTING
    while time.monotonic() < until:
        if found := re.search(r"http://[^/]*:(\d+)/", spawner.said()):
            return int(found[1])
        time.sleep(0.02)
    raise AssertionError(f"the server did not come up: {spawner.said()[-2000:]}")


def fault_of_answer(service: Service, answer: Answer, reasons: tuple[int, ...] = (503, 504)) -> Fault | None:
    """What is wrong with an answer, whatever was asked: a failure of the server, or one told in no words.

    reasons: statuses from 500 on that are an answer, if they say why.
    """
    said = answer.body[:200].decode(errors="replace")
    failed = answer.status >= 500 and answer.status not in reasons
    if (error := _logged_error(service, 1.0 if failed else 0.0)) is not None:
        return Fault(f"status {answer.status}, and a traceback in the log: {error}")
    if failed:
        return Fault(f"status {answer.status}: {said}")
    if answer.status >= 400 and answer.body and not _reason(answer):
        return Fault(f"status {answer.status} without a reason: {said!r}")
    return None


def _logged_error(service: Service, patience: float) -> str | None:
    """The last line of a traceback in the log. It is written after the answer, so it may take a moment to come."""
    until = time.monotonic() + patience
    while True:
        log = service.new_in_log()
        if TRACEBACK in log:
            found = re.findall(r"(?:\\n|\n)([\w.]*(?:[eE]rror|Exception)\b[^\\\n\"]{0,150})", log)
            return found[-1] if found else log[-300:]
        if time.monotonic() >= until:
            return None
        time.sleep(0.02)


def _reason(answer: Answer) -> str:
    try:
        found = json.loads(answer.body)
        return str(found.get("error") or found.get("message") or "")
    except (ValueError, AttributeError):
        return answer.body.decode(errors="replace") if answer.status == 400 else ""  # of HTTP itself


def open_socket(service: Service, seconds: float = ANSWERING) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=seconds)
