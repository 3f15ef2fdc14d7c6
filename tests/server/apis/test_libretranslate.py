"""LibreTranslate's API, field by field. Its unmodified client talks to a live server in test_live.py."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from dragoman.translate.translator import Translator

TEXT = "The red dog sees my house."
ASK = {"q": TEXT, "source": "en", "target": "zh"}


def test_json_and_forms_and_addresses_are_alike(client: TestClient, translator: Translator) -> None:
    right = {"translatedText": translator.translate(TEXT).text}
    assert client.post("/translate", json=ASK).json() == right
    assert client.post("/translate", data=ASK).json() == right
    assert client.post("/translate", params=ASK).json() == right
    assert client.post("/translate", data=ASK, files={"x": ("", b"")}).json() == right


def test_a_list_gets_a_list(client: TestClient, translator: Translator) -> None:
    found = client.post("/translate", json=ASK | {"q": [TEXT, "42", TEXT]}).json()
    right = translator.translate(TEXT).text
    assert found == {"translatedText": [right, "42", right]}
    assert client.post("/translate", json=ASK | {"q": [TEXT]}).json() == {"translatedText": [right]}


def test_auto_says_what_was_detected(client: TestClient) -> None:
    found = client.post("/translate", json=ASK | {"source": "auto"}).json()
    assert set(found) == {"translatedText", "detectedLanguage"}
    assert found["detectedLanguage"]["language"] == "en"
    assert 0 < found["detectedLanguage"]["confidence"] <= 100
    many = client.post("/translate", json=ASK | {"source": "auto", "q": [TEXT, TEXT]}).json()
    assert len(many["detectedLanguage"]) == 2


def test_what_has_no_words_comes_back_unchanged(client: TestClient) -> None:
    found = client.post("/translate", json=ASK | {"source": "auto", "q": "🙂 !!"}).json()
    assert found == {"translatedText": "🙂 !!", "detectedLanguage": {"confidence": 0, "language": "en"}}


def test_alternatives_are_others(client: TestClient) -> None:
    found = client.post("/translate", json=ASK | {"alternatives": 3}).json()
    others = found["alternatives"]
    assert 0 < len(others) <= 3
    assert len({*others, found["translatedText"]}) == len(others) + 1
    assert client.post("/translate", data=ASK | {"alternatives": "3"}).json() == found
    many = client.post("/translate", json=ASK | {"q": [TEXT], "alternatives": 3}).json()
    assert many["alternatives"] == [others]


def test_entities_in_plain_text_are_plain_text(client: TestClient) -> None:
    text = "& < &#33; 🙂"
    assert client.post("/translate", data=ASK | {"q": text, "target": "en"}).json()["translatedText"] == text


@pytest.mark.parametrize(
    "change, said",
    [
        ({"q": ""}, "missing q"),
        ({"q": []}, "missing q"),
        ({"q": None}, "missing q"),
        ({"q": 5}, "q parameter must be"),
        ({"q": [1]}, "q parameter must be"),
        ({"q": {"a": 1}}, "q parameter must be"),
        ({"source": ""}, "missing source"),
        ({"target": None}, "missing target"),
        ({"source": 1}, "source parameter must be"),
        ({"source": "xx"}, "xx is not supported"),
        ({"target": "de"}, "de is not supported"),
        ({"format": "pdf"}, "pdf format is not supported"),
        ({"alternatives": -1}, "alternatives"),
        ({"alternatives": "many"}, "alternatives"),
        ({"alternatives": 10_000}, "exceeds limit"),
        ({"q": "x" * 30_000}, "exceeds text limit"),
        ({"q": ["x"] * 1000}, "exceeds text limit"),
    ],
)
def test_refusals_have_its_shape(client: TestClient, change: dict[str, Any], said: str) -> None:
    response = client.post("/translate", json=ASK | change)
    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    assert said in response.json()["error"]


def test_alternatives_may_be_null(client: TestClient) -> None:
    assert client.post("/translate", json=ASK | {"alternatives": None}).status_code == 200


def test_languages(client: TestClient) -> None:
    assert client.get("/languages").json() == [
        {"code": "en", "name": "English", "targets": ["en", "zh-Hans"]},
        {"code": "zh-Hans", "name": "Chinese", "targets": ["zh-Hans"]},
    ]
    # Its client sends a form with this GET.
    request = client.build_request("GET", "/languages", data={"api_key": "x"})
    assert client.send(request).status_code == 200


def test_a_language_is_a_target_of_itself(client: TestClient) -> None:
    assert client.post("/translate", json=ASK | {"target": "en"}).json() == {"translatedText": TEXT}


def test_detect(client: TestClient) -> None:
    found = client.post("/detect", data={"q": "你好吗"}).json()
    assert found[0] == {"confidence": 100, "language": "zh-Hans"}
    assert client.post("/detect", data={"q": "123"}).json() == [{"confidence": 0, "language": "en"}]
    assert client.post("/detect", json={}).status_code == 400


def test_settings(client: TestClient) -> None:
    found = client.get("/frontend/settings").json()
    assert set(found) == {
        "charLimit", "frontendTimeout", "apiKeys", "keyRequired", "suggestions", "filesTranslation",
        "supportedFilesFormat", "language",
    }  # fmt: skip
    assert found["language"]["target"]["code"] == "zh-Hans"


class TestFiles:
    def send(self, client: TestClient, name: str, data: bytes, **change: str) -> Any:
        form = {"source": "en", "target": "zh"} | change
        return client.post("/translate_file", data=form, files={"file": (name, data)})

    def test_a_file_comes_back_translated(self, client: TestClient, translator: Translator) -> None:
        lines = [TEXT, "", "A small cat."]
        response = self.send(client, "letter.txt", "\n".join(lines).encode())
        assert response.status_code == 200, response.text
        address = response.json()["translatedFileUrl"]
        assert address.startswith("http://127.0.0.1/download_file/")
        fetched = client.get(address)
        assert fetched.headers["content-disposition"].startswith("attachment")
        assert fetched.text.split("\n") == [translator.translate(line).text for line in lines]

    def test_names_lead_nowhere_else(self, client: TestClient) -> None:
        for name in ("..%2f..%2fetc%2fpasswd", "x.txt", "A" * 22 + ".txt", "%2e%2e"):
            assert client.get(f"/download_file/{name}").status_code == 404

    def test_refusals(self, client: TestClient, small: TestClient) -> None:
        assert "missing file" in client.post("/translate_file", data=ASK, files={"x": b"y"}).json()["error"]
        assert "multipart" in client.post("/translate_file", data=ASK).json()["error"]
        assert "not supported" in self.send(client, "run.exe", b"MZ").json()["error"]
        assert "missing target" in self.send(client, "a.txt", b"x", target="").json()["error"]
        assert self.send(small, "a.txt", b"x" * 101).status_code == 413
