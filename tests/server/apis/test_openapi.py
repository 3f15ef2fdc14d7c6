"""The OpenAPI document: whole, true, and no request that fits it or breaks it makes the server fail."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from dragoman.server.apis.docs import page
from dragoman.server.apis.openapi import document
from server.live import ASK, serving

jsonschema = pytest.importorskip("jsonschema", reason="it comes with schemathesis: pip install -e '.[dev]'")

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.slow(reason="a thousand requests that a machine made up")
def test_no_request_makes_the_server_fail(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    tool = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    flags = [
        "--checks",
        CHECKS,
        "-n",
        "25",
        "--seed",
        "1",
        "--warnings",
        "off",
        "--generation-database",
        "none",
    ]
    with serving(tiny_model, tmp_path) as server:
        command = [*tool, f"{server.url}/openapi.json", *flags]
        found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert found.returncode == 0, found.stdout[-5000:]
        assert server.ask("POST", "/api/translate", ASK)[0] == 200
        assert "traceback" not in server.log.read_text()
        # Looking inside was asked what it refuses, and answers all the same.
        assert server.counted('dragoman_requests_total{route="/api/explain",status="400"}') > 0
        assert server.ask("POST", "/api/explain", {"text": ASK["text"]})[0] == 200


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_what_it_refers_to_is_there() -> None:
    found = document()
    named = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert set(references(found)) <= named


def test_every_path_is_answered(client: TestClient) -> None:
    for path, operations in document()["paths"].items():
        for method in operations:
            assert client.request(method, path).status_code != 404, path


def test_the_page_shows_all_of_it_and_needs_nothing_else(client: TestClient) -> None:
    shown = page("http://translate.test:8080/")
    for path in document()["paths"]:
        assert path in shown
    assert "<script" not in shown
    assert "style=" not in shown
    # Counted from where the page is, so that it works below a path of a proxy's.
    assert not re.search(r'(src|href)="(/|\w+:)', shown)
    for address in re.findall(r'href="([^"#]+)"', shown):
        assert client.get(f"/{address}").status_code == 200


def test_the_page_names_the_address_that_it_was_found_at(client: TestClient) -> None:
    """The example said port 5000, whichever the server listened on, and back quotes were shown as such."""
    shown = client.get("/docs", headers={"host": "localhost:8123"}).text
    assert "curl -s http://localhost:8123/api/translate" in shown
    assert "`" not in shown


def test_what_programs_may_ask_stands_in_the_document(client: TestClient) -> None:
    apart = re.compile(r"/(static|assets|docs|spec|openapi|metrics|__|suggest|download_file|$)")
    assert {path for path in client.app._paths if not apart.match(path)} == set(document()["paths"])


def examples() -> list[Any]:
    return [
        pytest.param(path, example["value"], id=f"{path} {name}")
        for path, operations in document()["paths"].items()
        for operation in operations.values()
        for body in operation.get("requestBody", {}).get("content", {}).values()
        for name, example in body.get("examples", {}).items()
    ]


@pytest.mark.parametrize(("path", "asked"), examples())
def test_an_example_is_answered_as_the_document_says(client: TestClient, path: str, asked: Any) -> None:
    response = client.post(path, json=asked)
    assert response.status_code == 200
    schema = document()["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(response.json(), schema)


def test_a_refusal_has_the_shape_that_the_document_says(client: TestClient) -> None:
    asked = {"text": "Hello", "source_lang": "EN", "target_lang": "KO"}
    response = client.post("/v1/translate", json=asked)
    assert response.status_code == 400
    schema = document()["paths"]["/v1/translate"]["post"]["responses"]["default"]["content"][
        "application/json"
    ]["schema"]
    jsonschema.validate(response.json(), schema)
