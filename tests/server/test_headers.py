"""The policy that lets no foreign script run stands on every answer: of each route, each file, each refusal."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from dragoman.server.apis.openapi import document
from dragoman.server.app import ASSETS, STATIC, build
from dragoman.server.gate.gate import SECURITY
from server.conftest import HERE, settings
from server.live import serving

FORM = {"source": "en", "target": "zh"}
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY")
ASK = {"text": "A dog.", "q": "A dog.", "source": "en", "target": "zh", "target_lang": "ZH"}


def asked() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, address, and what is sent."""
    paths = [
        *document()["paths"],
        "/",
        "/docs",
        "/docs/style.css",
        "/openapi.json",
        "/spec",
        "/metrics",
        "/health",
    ]
    paths += [f"/static/{file.name}" for file in STATIC.iterdir()]
    paths += [f"/assets/{file.name}" for file in ASSETS.iterdir()] + ["/assets/places.json"]
    strange = [
        "/nothing",
        "//",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/",
        "/assets/x",
        "/%00",
        "/\u00e9",
    ]
    for path in [*paths, *strange]:
        for method in METHODS:
            yield method, path, {}
        yield "POST", path, {"json": ASK}
        yield "POST", path, {"json": {"text": 5, "q": 5}}
        yield "POST", path, {"content": b"\xff"}
        yield "POST", path, {"data": FORM, "files": {"file": ("<b>.txt", b"A dog.")}}
        yield "GET", path, {"headers": {"host": "evil.test"}}
        yield "GET", path, {"headers": {"sec-fetch-site": "cross-site", "origin": "http://evil.test"}}


def check(response: Any) -> None:
    for name, value in SECURITY.items():
        assert response.headers.get_list(name) == [value], (
            response.request.method,
            response.request.url,
            name,
        )


def test_every_answer_carries_it(client: TestClient) -> None:
    seen = set()
    for method, path, sent in asked():
        if path == "/api/explain" and sent.get("json") == ASK:
            continue  # takes seconds, and test_own.py asks it
        response = client.request(method, path, **sent)
        check(response)
        seen.add(response.status_code)
    assert seen >= {200, 400, 403, 404, 405}
    assert not {status for status in seen if status >= 500}


def test_downloads_do_and_are_no_page(client: TestClient) -> None:
    found = client.post(
        "/translate_file", data=FORM, files={"file": ("a.html", b"<script>x</script><p>A dog.")}
    )
    response = client.get(found.json()["translatedFileUrl"])
    check(response)
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "path, body",
    [
        ("/api/translate", {"text": "A dog."}),
        ("/translate", {"q": "A dog.", "source": "en", "target": "zh"}),
        ("/v2/translate", {"text": ["A dog."], "target_lang": "ZH"}),
    ],
)
def test_failures_of_the_server_do(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    app = build(settings(tiny_model))
    with TestClient(app, HERE, raise_server_exceptions=False) as broken:

        def fails(*_: Any) -> None:
            raise ArithmeticError("<script>")

        monkeypatch.setattr("dragoman.server.service.direct_each", fails)
        response = broken.post(path, json=body)
        assert response.status_code == 500
        assert "<script>" not in response.text
        check(response)


def test_too_much_and_too_many_do(small: TestClient) -> None:
    for sent in ({"content": b"x" * 1_000_000}, {"json": ASK | {"text": "x" * 60}}):
        response = small.post("/api/translate", **sent)
        assert response.status_code in (400, 413)
        check(response)


@pytest.mark.slow(reason="a server starts; what HTTP itself refuses is seen on a socket alone")
def test_on_a_socket(tiny_model: Path, tmp_path: Path) -> None:
    with serving(tiny_model, tmp_path, "--slowest", "1") as server:
        for method, path, body in (
            ("GET", "/", None),
            ("GET", "/nothing", None),
            ("POST", "/api/translate", json.dumps(ASK)),
            ("POST", "/api/translate", "?"),
            ("DELETE", "/api/translate", None),
        ):
            connection = server.connect()
            connection.request(method, path, body)
            headers = connection.getresponse().headers
            assert {name: headers[name] for name in SECURITY} == SECURITY, (method, path)
            connection.close()
        slow = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        slow.putrequest("POST", "/api/translate")
        slow.putheader("content-length", "100")
        slow.endheaders()
        answer = slow.getresponse()  # nothing is sent
        assert answer.status == 408
        assert {name: answer.headers[name] for name in SECURITY} == SECURITY
        slow.close()
