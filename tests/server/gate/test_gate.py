"""Who comes in, with how much, and what every answer carries. Bodies that arrive slowly are in test_live.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from dragoman.server.gate.addresses import client_of
from dragoman.server.gate.gate import Gate
from dragoman.server.gate.metrics import Metrics
from dragoman.server.settings import Limits, Network

ASK = {"text": "A dog.", "source": "en"}


class TestHosts:
    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "127.0.0.1:5000", "localhost:5000", "LOCALHOST", "[::1]:5000", "192.168.1.7", "translate.test",
         "a.localhost", "translate.test."],
    )  # fmt: skip
    def test_those_we_are_known_as(self, small: TestClient, host: str) -> None:
        assert small.get("/health", headers={"host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host",
        ["evil.test", "evil.test:5000", "127.0.0.1.evil.test", "localhost.evil.test", "", "[::1", "a b",
         "translate.test.evil", "127.0.0.1@evil.test", "xlocalhost", "1.2.3.4.5", "evil.test#localhost"],
    )  # fmt: skip
    def test_any_other_may_be_an_attacker_s(self, small: TestClient, host: str) -> None:
        for path in ("/health", "/", "/static/app.js", "/api/models"):
            response = small.get(path, headers={"host": host})
            assert response.status_code == 403, path
            assert "--allowed-hosts" in response.json()["error"]


class TestOtherSites:
    def ask(self, client: TestClient, origin: str, site: str = "cross-site") -> Any:
        return client.post("/api/translate", json=ASK, headers={"origin": origin, "sec-fetch-site": site})

    def test_pages_elsewhere_may_not_use_us(self, client: TestClient) -> None:
        response = self.ask(client, "https://evil.test")
        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers

    def test_those_that_are_named_may(self, small: TestClient) -> None:
        response = self.ask(small, "https://good.test")
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://good.test"
        assert "access-control-allow-credentials" not in response.headers
        assert self.ask(small, "https://evil.test").status_code == 403

    def test_refusals_can_be_read_by_them(self, small: TestClient) -> None:
        response = small.post("/api/translate", content=b"?", headers={"origin": "https://good.test"})
        assert response.status_code == 400
        assert response.headers["access-control-allow-origin"] == "https://good.test"

    def test_our_own_page_and_extensions_of_browsers_may(self, client: TestClient) -> None:
        assert self.ask(client, "http://127.0.0.1", "same-origin").status_code == 200
        assert self.ask(client, "chrome-extension://abc").status_code == 200

    def test_browsers_that_ask_first_are_told(self, small: TestClient) -> None:
        asking = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        yes = small.options("/api/translate", headers=asking | {"origin": "https://good.test"})
        assert yes.status_code == 204
        assert yes.headers["access-control-allow-methods"] == "GET, POST"
        no = small.options("/api/translate", headers=asking | {"origin": "https://evil.test"})
        assert no.status_code == 403
        assert "access-control-allow-methods" not in no.headers


def test_every_answer_carries_the_headers_that_protect_browsers(client: TestClient) -> None:
    answers = [
        client.get(path)
        for path in ("/health", "/docs", "/openapi.json", "/nothing", "/static/x", "/metrics")
    ]
    answers += [client.post("/api/translate", json=ASK), client.post("/api/translate", content=b"?")]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] in ("no-store", "no-cache")
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_nothing_is_redirected(client: TestClient) -> None:
    for path in ("/translate/", "/api/translate/", "/v2/translate/"):
        assert client.post(path, json=ASK, follow_redirects=False).status_code == 404


def test_a_method_that_is_not_there(client: TestClient) -> None:
    response = client.get("/api/translate")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["error"]


def test_a_body_that_is_too_large_is_refused(small: TestClient) -> None:
    most = Limits(characters=50).body_bytes
    assert small.post("/api/translate", content=b"x" * most).status_code == 400  # read, and no JSON
    for content in (b"x" * (most + 1), iter([b"x" * most, b"x"])):
        response = small.post("/api/translate", content=content)
        assert response.status_code == 413
        assert response.headers["connection"] == "close"


def test_what_is_announced_too_large_is_not_read(small: TestClient) -> None:
    for length in ("1000000000", "9" * 30):
        response = small.post("/api/translate", content=b"x", headers={"content-length": length})
        assert response.status_code == 413


# -- around an application of our own ---------------------------------------------------------------------------


class Exchange:
    """One request through a gate, message by message."""

    def __init__(self, app: Any, limits: Limits | None = None, **scope: Any) -> None:
        self.metrics = Metrics()
        self._gate = Gate(app, Network(), limits or Limits(), self.metrics, frozenset({"/x"}))
        headers = [(b"host", b"localhost")]
        self._scope = {
            "type": "http",
            "method": "POST",
            "path": "/x",
            "headers": headers,
            "client": ("::1", 1),
        } | scope
        self.sent: list[Message] = []
        self.arriving: asyncio.Queue[Message] = asyncio.Queue()

    async def run(self) -> None:
        async def send(message: Message) -> None:
            self.sent.append(message)

        await asyncio.wait_for(self._gate(self._scope, self.arriving.get, send), 5)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None


BODY: Message = {"type": "http.request", "body": b"{}", "more_body": False}


def test_work_is_cancelled_when_the_client_leaves() -> None:
    async def story() -> None:
        seen: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append("began")
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        exchange = Exchange(app)
        running = asyncio.create_task(exchange.run())
        exchange.arriving.put_nowait(BODY)
        while not seen:
            await asyncio.sleep(0.001)
        exchange.arriving.put_nowait({"type": "http.disconnect"})
        await running
        assert seen == ["began", "cancelled"]
        assert exchange.sent == []
        assert 'dragoman_requests_total{route="/x",status="left"} 1' in exchange.metrics.text()

    asyncio.run(story())


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("the body is not there")

    async def story() -> None:
        exchange = Exchange(app, Limits(slowest=1.0))
        exchange.arriving.put_nowait({"type": "http.request", "body": b"{", "more_body": True})
        await exchange.run()
        assert exchange.status == 408

    asyncio.run(story())


def test_an_unforeseen_error_tells_the_client_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("secret")

    async def story() -> None:
        exchange = Exchange(app)
        exchange.arriving.put_nowait(BODY)
        await exchange.run()
        assert exchange.status == 500
        assert b"secret" not in exchange.sent[1]["body"]

    asyncio.run(story())
    assert "secret" in caplog.text


def test_websockets_are_turned_away() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("nothing of ours speaks it")

    async def story() -> None:
        exchange = Exchange(app, type="websocket")
        await exchange.run()
        assert exchange.sent == [{"type": "websocket.close", "code": 1008}]

    asyncio.run(story())


@pytest.mark.parametrize(
    "peer, forwarded, address",
    [
        ("9.9.9.9", "1.2.3.4", "9.9.9.9"),  # no proxy of ours: anybody can write this header
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4"),  # what the client wrote itself stands first
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_the_address_of_a_client_behind_a_proxy(peer: str, forwarded: str, address: str) -> None:
    scope = {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    assert client_of(scope, Network(proxies=("10.0.0.1",))) == address
