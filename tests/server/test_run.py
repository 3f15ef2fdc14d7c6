"""The socket that the service listens on."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dragoman.server import run
from dragoman.server.app import build
from dragoman.server.gate.addresses import client_of
from dragoman.server.run import listen
from dragoman.server.settings import Engines, Network, Settings
from dragoman.text import normalize
from dragoman.translate.translator import Translator


def test_connections_send_at_once() -> None:
    """Each answer took 50 ms on a connection that was kept: its body waited until the client acknowledged its head."""
    with (
        listen(Settings(network=Network(port=0))) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::", "*"])
def test_everywhere_is_both_kinds_of_addresses(host: str) -> None:
    """`::` answered on IPv6 alone, and `*` meant `::1`."""
    with listen(Settings(network=Network(host=host, port=0))) as listening:
        port = listening.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), timeout=5).close()


def test_a_client_over_both_is_known_by_its_address() -> None:
    scope = {"type": "http", "client": ("::ffff:10.0.0.1", 5), "headers": [(b"x-forwarded-for", b"1.2.3.4")]}
    assert client_of(scope, Network()) == "10.0.0.1"
    assert client_of(scope, Network(proxies=("10.0.0.1",))) == "1.2.3.4"


def test_without_a_place_for_files_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model: Path
) -> None:
    """On a read-only disk it said where it listened, and ended."""

    def nowhere(*_: object, **__: object) -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    monkeypatch.setattr(tempfile, "TemporaryDirectory", nowhere)
    monkeypatch.setattr(run, "MEMORY", tmp_path / "none")
    told: list[str] = []
    with run._folder(told.append) as folder:
        app = build(Settings(Engines((str(tiny_model),), threads=1)), None, folder)
        with TestClient(app, "http://127.0.0.1") as client:
            asked = {"source": "en", "target": "zh"}
            refused = client.post("/translate_file", data=asked, files={"file": ("a.txt", b"The cat.")})
            assert refused.status_code == 507
            assert "TMPDIR" in refused.json()["error"]
            assert client.post("/translate", json=asked | {"q": "The cat."}).status_code == 200
    assert "TMPDIR" in told[0]


def test_dictionaries_of_chinese_are_read_before_the_first_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model: Path
) -> None:
    """The first text that went into traditional characters kept `/health` waiting for a tenth of a second."""
    monkeypatch.setattr(run.Server, "run", lambda server, sockets: None)
    monkeypatch.setattr(run, "_collect_little", lambda: None)
    monkeypatch.setattr(run.sys, "setswitchinterval", lambda seconds: None)
    normalize._opencc.cache_clear()
    settings = Settings(Engines((str(tiny_model),), threads=1), network=Network(port=0))
    with listen(settings) as listening:
        run.serve(settings, listening, Translator.load, tmp_path)
    assert normalize._opencc.cache_info().currsize == 2
