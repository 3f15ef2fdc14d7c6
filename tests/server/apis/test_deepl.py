"""DeepL's API, field by field. Its unmodified client talks to a live server in test_live.py."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from dragoman.translate.translator import Translator

TEXTS = ["The red dog sees my house.", "大狗。"]
ASK: dict[str, Any] = {"text": TEXTS, "target_lang": "ZH"}


@pytest.mark.parametrize("how", ["json", "data"])
def test_each_text_has_all_that_the_client_reads(
    client: TestClient, translator: Translator, how: str
) -> None:
    found = client.post("/v2/translate", **{how: ASK}).json()["translations"]  # type: ignore[arg-type]
    right = [translator.translate(TEXTS[0]).text, TEXTS[1]]  # the other one is Chinese already
    assert [one["text"] for one in found] == right
    assert [one["detected_source_language"] for one in found] == ["EN", "ZH"]
    assert [one["billed_characters"] for one in found] == [len(text) for text in TEXTS]


@pytest.mark.parametrize("code", ["ZH", "ZH-HANS", "zh"])
def test_codes(client: TestClient, code: str) -> None:
    assert (
        client.post("/v2/translate", json=ASK | {"target_lang": code, "source_lang": "EN"}).status_code == 200
    )


@pytest.mark.parametrize(
    "change, said",
    [
        ({"text": []}, "text"),
        ({"text": None}, "text"),
        ({"text": [None]}, "text"),
        ({"target_lang": ""}, "target_lang"),
        ({"target_lang": "FR"}, "fr is not supported"),
        ({"source_lang": "DE"}, "de is not supported"),
        ({"glossary_id": "x"}, "glossary_id"),
        ({"text": ["x"] * 500}, "exceeds"),
    ],
)
def test_refusals_have_its_shape(client: TestClient, change: dict[str, Any], said: str) -> None:
    response = client.post("/v2/translate", json=ASK | change)
    assert response.status_code == 400
    assert list(response.json()) == ["message"]
    assert said in response.json()["message"]


def test_unknown_paths_are_told_in_its_shape(client: TestClient) -> None:
    response = client.post("/v2/glossaries", json={})
    assert response.status_code == 404
    assert list(response.json()) == ["message"]


def test_languages(client: TestClient) -> None:
    assert client.get("/v2/languages").json() == [{"language": "EN", "name": "English"}]
    # Its client asks by GET and says in a form what for.
    request = client.build_request("GET", "/v2/languages", data={"type": "target"})
    (target,) = client.send(request).json()
    assert target == {"language": "ZH", "name": "Chinese", "supports_formality": False}
    assert client.get("/v2/languages", params={"type": "target"}).json() == [target]
    assert client.get("/v2/languages", params={"type": "x"}).status_code == 400


def test_usage(client: TestClient) -> None:
    found = client.get("/v2/usage").json()
    assert found["character_count"] == 0
    assert found["character_limit"] > 0
