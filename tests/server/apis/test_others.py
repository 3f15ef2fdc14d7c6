"""Shapes that clients made for other services send, as their documents give them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from dragoman.translate.translator import Translator

TEXT = "The red dog sees my house."
GERMAN = "Das Haus ist alt und nicht sehr groß."


@pytest.fixture(scope="session")
def right(translator: Translator) -> str:
    (found,) = translator.translate([TEXT])
    return found.text


@pytest.mark.parametrize("path", ["/translate", "/v1/translate"])
@pytest.mark.parametrize("source", ["EN", "auto", "", "eng"])
def test_deeplx(client: TestClient, right: str, path: str, source: str) -> None:
    asked = {"text": TEXT, "source_lang": source, "target_lang": "ZH"}
    response = client.post(path, json=asked, headers={"authorization": "Bearer any"})
    found = response.json()
    assert list(found) == ["code", "id", "data", "alternatives", "source_lang", "target_lang", "method"]
    assert (found["code"], found["data"], found["source_lang"], found["target_lang"]) == (
        200,
        right,
        "EN",
        "ZH",
    )
    assert right not in found["alternatives"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target_lang": "DE"}, "de is not supported"),
        ({"text": GERMAN}, "German"),
        ({"tag_handling": "x"}, "tag_handling"),
    ],
)
def test_deeplx_refuses_with_a_code_and_a_message(
    client: TestClient, change: dict[str, str], said: str
) -> None:
    response = client.post(
        "/translate", json={"text": TEXT, "source_lang": "auto", "target_lang": "ZH"} | change
    )
    assert response.status_code == response.json()["code"] == 400
    assert said in response.json()["message"]


@pytest.mark.parametrize("body", ["[null]", "{", '"text"'])
def test_a_body_that_is_no_object_is_refused_in_the_same_shape(client: TestClient, body: str) -> None:
    response = client.post("/v1/translate", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, list(response.json())) == (400, ["code", "message"])


def test_mtranserver(client: TestClient, right: str) -> None:
    asked = {"from": "en", "to": "zh-Hans", "text": TEXT, "html": False}
    assert client.post("/translate", json=asked).json() == {"result": right}
    batch = {"from": "auto", "to": "zh-CN", "texts": [TEXT, "你好", ""]}
    assert client.post("/translate/batch", json=batch).json() == {"results": [right, "你好", ""]}
    page = {"from": "en", "to": "zh", "text": f"<p>{TEXT}</p>", "html": True}
    assert client.post("/translate", json=page).json() == {"result": f"<p>{right}</p>"}
    assert "version" in client.get("/version").json()
    assert client.get("/__heartbeat__").text == client.get("/__lbheartbeat__").text == "Ready"


@pytest.mark.parametrize("path", ["/imme", "/translate"])
def test_immersive_translate(client: TestClient, right: str, path: str) -> None:
    asked = {"source_lang": "auto", "target_lang": "zh-CN", "text_list": [TEXT, "你好"]}
    found = client.post(path, json=asked).json()
    told = [{"detected_source_lang": "en", "text": right}, {"detected_source_lang": "zh", "text": "你好"}]
    assert found == {"translations": told}


def test_kiss_translator(client: TestClient, right: str) -> None:
    one = {"from": "en", "to": "zh", "text": TEXT}
    assert client.post("/kiss", json=one).json() == {"text": right, "src": "en"}
    several = {"from": "auto", "to": "zh", "texts": [TEXT]}
    assert client.post("/kiss", json=several).json() == {"translations": [{"text": right, "src": "en"}]}


@pytest.mark.parametrize(
    ("path", "body", "missing"),
    [
        ("/imme", {"target_lang": "zh"}, "text_list"),
        ("/imme", {"text_list": ["a"]}, "target_lang"),
        ("/translate/batch", {"to": "zh"}, "texts"),
        ("/kiss", {"to": "zh"}, "text"),
        ("/translate", {"text": "a"}, "q"),
    ],
)
def test_what_is_missing_is_named(client: TestClient, path: str, body: dict[str, Any], missing: str) -> None:
    response = client.post(path, json=body)
    assert response.status_code == 400
    assert f"missing {missing} parameter" in response.json()["error"]
