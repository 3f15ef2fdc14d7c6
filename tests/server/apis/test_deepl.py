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


@pytest.mark.parametrize(
    "change, said",
    [
        ({"tag_handling": "sgml"}, "tag_handling"),
        ({"ignore_tags": ["x"]}, "ignore_tags"),
        ({"splitting_tags": "p,q"}, "splitting_tags"),
        ({"non_splitting_tags": ["p"]}, "non_splitting_tags"),
        ({"outline_detection": False}, "outline_detection"),
        ({"outline_detection": 0, "tag_handling": "html"}, "outline_detection"),
        ({"outline_detection": "perhaps", "tag_handling": "xml"}, "outline_detection"),
        ({"split_sentences": "2"}, "split_sentences"),
        ({"split_sentences": "0", "text": ["A dog. A cat is here."]}, "split_sentences"),
        ({"preserve_formatting": "perhaps"}, "preserve_formatting"),
    ],
)
def test_what_is_said_of_tags_and_sentences_is_heeded_or_refused_by_name(
    client: TestClient, change: dict[str, Any], said: str
) -> None:
    response = client.post("/v2/translate", json=ASK | change)
    assert response.status_code == 400
    assert said in response.json()["message"]


XML = {
    "text": "<d><t>The dog</t> and <ign>A cat</ign></d>",
    "source_lang": "EN",
    "target_lang": "ZH",
    "tag_handling": "xml",
}


@pytest.mark.parametrize("how", ["json", "data"])
@pytest.mark.parametrize(
    "change, kept",
    [
        ({"ignore_tags": ["ign", "x"]}, "<ign>A cat</ign>"),
        ({"ignore_tags": "x,ign"}, "<ign>A cat</ign>"),
        ({"splitting_tags": ["t"], "outline_detection": "0"}, "<d><t>"),
        ({"split_sentences": "1", "preserve_formatting": "1", "non_splitting_tags": ["t"]}, "</t>"),
    ],
)
def test_what_a_client_says_of_its_tags(
    client: TestClient, how: str, change: dict[str, Any], kept: str
) -> None:
    response = client.post("/v2/translate", **{how: XML | change})  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    assert kept in response.json()["translations"][0]["text"]


def test_line_ends_within_sentences_are_spaces_where_the_client_says_so(
    client: TestClient, translator: Translator
) -> None:
    asked = {"text": "The red dog\nsees my house.\nA cat.", "source_lang": "EN", "target_lang": "ZH"}
    found = [
        client.post("/v2/translate", json=asked | change).json()["translations"][0]["text"]
        for change in ({"split_sentences": "nonewlines"}, {"split_sentences": 1})
    ]
    assert found[0] == translator.translate("The red dog sees my house.\nA cat.").text
    assert found[1] == translator.translate(str(asked["text"])).text


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
