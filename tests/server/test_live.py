"""Real processes and real sockets: unmodified clients, rude ones, and every way to end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from dragoman.translate.translator import Translator
from server.live import ASK, Server, serving
from tiny import parts

TEXT = ASK["text"]


@pytest.fixture(scope="module")
def server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tiny_model, tmp_path_factory.mktemp("live"), "--slowest", "1", "--threads", "1") as server:
        yield server


@pytest.fixture(scope="module")
def right(translator: Translator) -> str:
    return translator.translate(TEXT).text


class TestClients:
    def test_the_client_of_libretranslate(self, server: Server, right: str) -> None:
        module = pytest.importorskip("libretranslatepy")
        client = module.LibreTranslateAPI(server.url, "a key that is not needed")
        assert client.translate(TEXT, "en", "zh") == right
        assert client.translate(TEXT, "auto", "zh-Hans") == right
        assert client.detect("你好吗") == [{"confidence": 100, "language": "zh-Hans"}]
        assert [language["code"] for language in client.languages()] == ["en", "zh-Hans"]
        with pytest.raises(HTTPError, match="400"):
            client.translate(TEXT, "en", "xx")

    def test_the_client_of_deepl(self, server: Server, right: str) -> None:
        deepl = pytest.importorskip("deepl")
        client = deepl.Translator("any key", server_url=server.url)
        result = client.translate_text(TEXT, target_lang="ZH")
        assert (result.text, result.detected_source_lang, result.billed_characters) == (
            right,
            "EN",
            len(TEXT),
        )
        several = client.translate_text([TEXT, "你好吗"], source_lang=None, target_lang="ZH-HANS")
        assert [one.text for one in several] == [right, "你好吗"]
        html = client.translate_text(
            f"<p>{TEXT}</p>", source_lang="EN", target_lang="ZH", tag_handling="html"
        )
        assert html.text.startswith("<p>")
        assert html.text.endswith("</p>")
        assert [language.code for language in client.get_source_languages()] == ["EN"]
        assert [language.code for language in client.get_target_languages()] == ["ZH"]
        assert not client.get_usage().any_limit_reached
        with pytest.raises(deepl.DeepLException, match="FR|fr"):
            client.translate_text(TEXT, target_lang="FR")
        client.close()


def test_a_long_search_whose_client_leaves_frees_its_engine(tmp_path: Path) -> None:
    """A beam that had begun ran to its end, 9 s and more, for a client that had gone."""
    # One that never ends: a sentence takes many seconds.
    slow = parts(d_model=128, d_ff=512, n_heads=4, max_length=1024)
    slow.config["decoding"] = {"max_length": 1000, "min_length": 999, "max_length_ratio": 0.0}
    flags = ("--threads", "1", "--engine", "torch")
    with serving(slow.write(tmp_path / "slow"), tmp_path, *flags) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=15) as leaving:
            body = json.dumps({"q": TEXT, "source": "en", "target": "zh"})
            head = f"POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            leaving.sendall(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())
            time.sleep(0.5)
        until = time.monotonic() + 2
        while server.counted("dragoman_cancelled_total") == 0:
            assert time.monotonic() < until
            time.sleep(0.05)


class TestRudeClients:
    def raw(self, server: Server, *parts: bytes, pause: float = 0.0) -> bytes:
        """Send something, and return what comes until the server hangs up."""
        with socket.create_connection(("127.0.0.1", server.port), timeout=15) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)
            except OSError:
                pass  # it hung up while we were sending
            received = b""
            try:
                while part := connection.recv(65_536):
                    received += part
            except ConnectionResetError:
                pass
            return received

    def test_a_byte_at_a_time_is_hung_up_on(self, server: Server) -> None:
        started = time.monotonic()
        head = [bytes([byte]) for byte in b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\n" * 10]
        assert self.raw(server, *head[:30], pause=0.1) == b""
        assert time.monotonic() - started < 6

    def test_a_body_that_drips_is_refused(self, server: Server) -> None:
        head = b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
        assert self.raw(server, head, *[b"x"] * 15, pause=0.1).startswith(b"HTTP/1.1 408")

    def test_an_idle_connection_is_hung_up_on(self, server: Server) -> None:
        assert self.raw(server) == b""

    def test_100_megabytes_cost_nothing(self, server: Server) -> None:
        before = server.resident()
        head = b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"
        assert self.raw(server, head, *[b"x" * 1_000_000] * 100).startswith((b"HTTP/1.1 413", b""))
        head = b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        self.raw(server, head, *[chunk] * 100)
        assert server.resident() - before < 10
        assert server.counted('dragoman_requests_total{route="/api/translate",status="413"}') == 2

    @pytest.mark.parametrize("data", [b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"x" * 200_000])
    def test_what_is_no_http(self, server: Server, data: bytes) -> None:
        answer = self.raw(server, data)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")

    def test_leaving_in_the_middle_costs_a_batch_at_most(self, server: Server) -> None:
        for client in range(20):  # equal sentences would be searched for once, before anybody can leave
            texts = [f"{TEXT} It likes {100 * client + n} birds." for n in range(100)]
            body = json.dumps(ASK | {"text": texts}).encode()
            head = "POST /api/translate HTTP/1.1\r\nHost: localhost\r\n"
            head += f"Content-Length: {len(body)}\r\n\r\n"
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(head.encode() + body)
        name = 'dragoman_requests_total{route="/api/translate",status="left"}'
        until = time.monotonic() + 10
        while server.counted(name) < 10 and time.monotonic() < until:
            time.sleep(0.05)
        assert server.counted(name) >= 10  # the others had their answer before they left
        assert server.counted("dragoman_queue_sentences") == 0
        assert server.ask("POST", "/api/translate", ASK)[0] == 200

    def test_it_still_answers(self, server: Server, right: str) -> None:
        status, body = server.ask("POST", "/api/translate", ASK)
        assert (status, json.loads(body)["translations"][0]["text"]) == (200, right)


def test_the_log_holds_events_and_no_text(tiny_model: Path, tmp_path: Path) -> None:
    with serving(tiny_model, tmp_path) as server:
        server.ask("POST", "/api/translate", ASK)
        server.ask("POST", "/api/translate", {"text": TEXT, "source": TEXT})
        server.ask("GET", "/nothing?q=secret")
    told, where, *lines = server.log.read_text().splitlines()
    assert "en -> zh" in told
    assert "this machine only" in where
    events = [json.loads(line) for line in lines]
    asked = [event for event in events if event.get("route") == "/api/translate"]
    assert [event["status"] for event in asked] == [200, 400]
    assert asked[0]["characters"] == len(TEXT)
    assert not any(word in "\n".join(lines) for word in ("red dog", "secret"))


class TestEnding:
    def ask_until_it_ends(self, server: Server, found: list[Any]) -> None:
        while True:
            try:
                found.append(server.ask("POST", "/api/translate", ASK | {"text": [TEXT] * 50})[0])
            except ConnectionRefusedError:
                return  # it no longer listens: nothing was accepted
            except OSError as error:
                found.append(error)
                return

    def test_what_was_accepted_is_finished(self, tiny_model: Path, tmp_path: Path) -> None:
        with serving(tiny_model, tmp_path) as server:
            found: list[Any] = []
            clients = [
                threading.Thread(target=self.ask_until_it_ends, args=(server, found)) for _ in range(8)
            ]
            for client in clients:
                client.start()
            time.sleep(1)
            server.process.terminate()
            assert server.process.wait(15) == 0
            for client in clients:
                client.join(10)
        answered = [status for status in found if status == 200]
        assert len(answered) > 8
        # A connection that was made and not yet accepted when the socket closed is reset by the system.
        assert {type(other) for other in found if other != 200} <= {ConnectionResetError}

    def test_an_idle_server_ends_at_once(self, tiny_model: Path, tmp_path: Path) -> None:
        with serving(tiny_model, tmp_path) as server:
            started = time.monotonic()
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(10) == 0
            assert time.monotonic() - started < 5

    def test_kill_9_keeps_keys_and_what_they_used(self, tiny_model: Path, tmp_path: Path) -> None:
        file = tmp_path / "keys.sqlite"
        key = dragoman("serve", "keys", "add", "alice", "--keys", str(file), "--per-minute", "3").strip()
        flags = ("--keys", str(file), "--require-key")
        mine = {"Authorization": f"Bearer {key}"}
        with serving(tiny_model, tmp_path, *flags) as server:
            assert server.ask("POST", "/api/translate", ASK)[0] == 403
            assert server.ask("POST", "/api/translate", ASK, Authorization="Bearer other")[0] == 403
            assert [server.ask("POST", "/api/translate", ASK, **mine)[0] for _ in range(2)] == [200, 200]
            server.process.kill()
            server.process.wait()
        (listed,) = dragoman("serve", "keys", "list", "--keys", str(file), "--format", "json").splitlines()
        assert json.loads(listed)["used"] == 2 * len(TEXT)
        with serving(tiny_model, tmp_path, *flags) as server:
            statuses = [server.ask("POST", "/api/translate", ASK, **mine)[0] for _ in range(3)]
            assert statuses == [200, 429, 429]
            dragoman("serve", "keys", "remove", "alice", "--keys", str(file))
            assert server.ask("POST", "/api/translate", ASK, **mine)[0] == 403


class TestSeveralProcesses:
    def children(self, server: Server) -> set[int]:
        tasks = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        return {int(child) for child in tasks.read_text().split()}

    def test_one_that_dies_is_replaced_and_all_end_together(
        self, tiny_model: Path, tmp_path: Path, right: str
    ) -> None:
        with serving(tiny_model, tmp_path, "--workers", "2") as server:
            first = self.children(server)
            assert len(first) == 2
            os.kill(min(first), signal.SIGKILL)
            until = time.monotonic() + 20
            while len(self.children(server) - {min(first)}) < 2 and time.monotonic() < until:
                time.sleep(0.05)
            server.wait_until_ready()
            for _ in range(10):
                assert (
                    json.loads(server.ask("POST", "/api/translate", ASK)[1])["translations"][0]["text"]
                    == right
                )
            children = self.children(server)
            assert len(children) == 2
            server.process.terminate()
            assert server.process.wait(15) == 0
            assert not any(Path(f"/proc/{child}").exists() for child in children)

    def test_they_end_with_their_parent(self, tiny_model: Path, tmp_path: Path) -> None:
        with serving(tiny_model, tmp_path, "--workers", "2") as server:
            children = self.children(server)
            server.process.kill()
            until = time.monotonic() + 15
            while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < until:
                time.sleep(0.05)
            assert not any(Path(f"/proc/{child}").exists() for child in children)


@pytest.mark.slow(reason="two thousand connections at once are the point")
def test_a_burst_is_answered_or_refused(tiny_model: Path, tmp_path: Path, right: str) -> None:
    body = json.dumps(ASK).encode()
    request = (
        f"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )

    async def one(port: int, answers: Counter[int]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split()[1])
        if status == 200:
            assert json.loads(await reader.read(10_000))["translations"][0]["text"] == right
        answers[status] += 1
        writer.close()

    async def burst(port: int) -> Counter[int]:
        answers: Counter[int] = Counter()
        await asyncio.wait_for(asyncio.gather(*(one(port, answers) for _ in range(2000))), 60)
        return answers

    with serving(tiny_model, tmp_path) as server:
        answers = asyncio.run(burst(server.port))
    assert answers.total() == 2000
    assert set(answers) <= {200, 503}
    assert answers[200] > 0


def dragoman(*words: str) -> str:
    """What a command writes."""
    command = [sys.executable, "-m", "dragoman", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "dragoman", "serve", "--port", port]
        found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 2
    assert "--port takes another port" in found.stderr
    assert "Traceback" not in found.stderr
