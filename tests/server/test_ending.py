"""SIGTERM while a proxy keeps its connections busy: bounded, and nobody's request is lost."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.live import ASK, Server, serving

WORDS = {"q": ASK["text"], "source": "en", "target": "zh"}


@pytest.fixture
def server(tiny_model: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(tiny_model, tmp_path, "--slowest", "1", "--threads", "1") as server:
        server.wait_until_ready()
        yield server


def asked_again_and_again(server: Server, seen: list[tuple[int, str | None]]) -> None:
    """On one connection, until an answer says that it is the last."""
    connection = server.connect()
    while not seen or seen[-1][1] != "close":
        connection.request("POST", "/translate", json.dumps(WORDS), {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        seen.append((response.status, response.getheader("connection")))


def test_connections_that_are_kept_busy_get_a_last_answer_and_the_service_ends(server: Server) -> None:
    """They were closed under the next request: a proxy saw a reset, and its client an error. One that was accepted in
    the same moment was kept, and the service ran on for two minutes.

    Beside them stand one that says nothing, and one that never reads what it asked for.
    """
    seen: list[list[tuple[int, str | None]]] = [[], []]
    busy = [threading.Thread(target=asked_again_and_again, args=(server, one)) for one in seen]
    silent, deaf = (socket.create_connection(("127.0.0.1", server.port)) for _ in range(2))
    with silent, deaf:
        deaf.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 40)
        for one in busy:
            one.start()
        while not all(seen):
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        for one in busy:
            one.join(30)
        assert server.process.wait(30) == 0
    for answers in seen:
        assert {status for status, _ in answers} == {200}
        assert [word for _, word in answers] == [None] * (len(answers) - 1) + ["close"]
    with pytest.raises((OSError, http.client.HTTPException)):
        server.get("/health")
