"""Our own API: what it answers is what the Translator says, and what it refuses is refused in a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from dragoman.server.apis import own as api
from dragoman.server.apis.exchange import PART, as_json
from dragoman.server.gate.schema import parts_of
from dragoman.text.normalize import to_traditional
from dragoman.translate.translation import Translation
from dragoman.translate.translator import Translator

TEXTS = ["The red dog sees my house.", "A small cat finds the old tree."]


def translate(client: TestClient, **asked: Any) -> dict[str, Any]:
    response = client.post("/api/translate", json={"target": "zh", "source": "en"} | asked)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def refusal(client: TestClient, status: int, body: Any, path: str = "/api/translate") -> str:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = client.post(path, content=content)
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    return str(response.json()["error"])


def test_all_that_is_known_about_a_translation(client: TestClient, translator: Translator) -> None:
    asked = {"n_best": 3, "alignments": True, "scores": True}
    (found,) = translate(client, text=TEXTS[0], **asked)["translations"]
    right = translator.translate(TEXTS[0], n_best=3, beam_size=5, alignments=True, token_scores=True)
    assert found["text"] == right.text
    assert found["score"] == pytest.approx(right.score)
    assert (found["source_tokens"], found["tokens"]) == (right.source_tokens, right.tokens)
    assert found["token_scores"] == pytest.approx(right.token_scores)
    assert found["alignment"] == [list(pair) for pair in right.alignment]
    assert found["flags"] == list(right.flags)
    assert [other["text"] for other in found["alternatives"]] == [other.text for other in right.alternatives]


def test_several_texts_come_back_in_their_order(client: TestClient, translator: Translator) -> None:
    texts = TEXTS * 3 + ["", "!"]
    found = translate(client, text=texts)["translations"]
    assert [one["text"] for one in found] == [translator.translate(text).text for text in texts]


def test_options_reach_the_search(client: TestClient, translator: Translator) -> None:
    (found,) = translate(client, text=TEXTS[0], beam_size=2, length_penalty=0.5)["translations"]
    assert found["text"] == translator.translate(TEXTS[0], beam_size=2, length_penalty=0.5).text


def test_a_prefix_is_what_the_translation_begins_with(client: TestClient) -> None:
    (found,) = translate(client, text=TEXTS[0], prefix="大狗")["translations"]
    assert found["text"].startswith("大狗")
    many = translate(client, text=TEXTS, prefix=["大", "小"])["translations"]
    assert [one["text"][0] for one in many] == ["大", "小"]


def test_more_alternatives_than_the_beam_widen_it(client: TestClient) -> None:
    (found,) = translate(client, text=TEXTS[0], n_best=8)["translations"]
    assert len(found["alternatives"]) == 7


@pytest.mark.parametrize("code", ["zh", "zh-Hans", "ZH_cn", "zh-CN"])
def test_chinese_has_several_codes(client: TestClient, code: str) -> None:
    assert translate(client, text=TEXTS[0], target=code)["target"] == "zh"


def test_traditional_signs_where_these_are_asked_for(client: TestClient) -> None:
    answer = translate(client, text=TEXTS[0], target="zh-Hant", prefix="猫见")
    assert answer["target"] == "zh-Hant"
    assert answer["translations"][0]["text"].startswith("貓見")


def test_the_language_is_detected(client: TestClient) -> None:
    answer = translate(client, text=TEXTS[0], source="auto")
    assert (answer["source"], answer["detected"]["language"]) == ("en", "en")
    assert answer["detected"]["confidence"] > 80


def test_text_in_the_target_language_is_left_as_it_is(client: TestClient) -> None:
    answer = translate(client, text="大狗看见小猫。", source="auto")
    assert (answer["model"], answer["detected"]["language"]) == (None, "zh")
    assert answer["translations"][0]["text"] == "大狗看见小猫。"


def test_what_is_not_said_has_a_default(client: TestClient) -> None:
    answer = client.post("/api/translate", json={"text": TEXTS[0]}).json()
    assert (answer["model"], answer["source"], answer["target"]) == ("tiny", "en", "zh")


@pytest.mark.parametrize(
    "body, said",
    [
        (b"", "JSON"),
        (b"[]", "object"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "deep"),
        (b'{"text": ' + b"9" * 5000 + b"}", "JSON"),
        (b'{"text": "x", "length_penalty": NaN}', "NaN"),
        ({}, "text is missing"),
        ({"text": 5}, "text must be a string or a list"),
        ({"text": ["a", None]}, "text must be"),
        ({"text": "x", "beam_size": "5"}, "beam_size must be a whole number"),
        ({"text": "x", "beam_size": True}, "beam_size must be a whole number"),
        ({"text": "x", "beam_size": 0}, "beam_size = 0"),
        ({"text": "x", "beam_size": 1000}, "more than this server allows: 10"),
        ({"text": "x", "n_best": 10_000}, "more than this server allows: 10"),
        ({"text": "x", "length_penalty": 1e300}, "length_penalty"),
        ({"text": "x", "beam": 5}, '"beam" is no field'),
        ({"text": "x", "format": "pdf"}, '"text" or "html"'),
        ({"text": "x", "source": "de"}, "de is not supported"),
        ({"text": "x", "target": "fr"}, "fr is not supported"),
        ({"text": "x", "target": "<script>"}, "no language has this code"),
        ({"text": "x", "model": "../../etc"}, "there is no model"),
        ({"text": ["x", "y"], "prefix": "z"}, "prefix must be a list"),
        ({"text": ["x", "y"], "prefix": ["z"]}, "there must be one for each"),
        ({"text": "x", "prefix": "猫" * 500}, "prefix"),
        ({"text": "x", "prefix": "猫" * 20_001}, "exceeds text limit"),
        # What a term becomes is written as often as the term is read: 290,000 characters made 2.9 GB of one request.
        ({"text": "a " * 9_000, "glossary": {"a": "w" * 1_001}}, "1,001 characters, and may become 1,000"),
        ({"text": "x", "glossary": {"w" * 1_001: "a"}}, "200"),
        ({"text": "x", "glossary": {"a": 1}}, "glossary must be"),
        ({"text": "x " * 20_000}, "exceeds text limit"),
        ({"text": ["x"] * 200}, "exceeds text limit"),
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, body: Any, said: str) -> None:
    assert said in refusal(client, 400, body)


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\x00\x1b[31m", "‮abc", "e" + "\u0301" * 500])
def test_strange_characters_are_answered(client: TestClient, text: str) -> None:
    body = json.dumps({"text": text, "source": "en"}).encode()
    assert client.post("/api/translate", content=body).status_code == 200


class TestStream:
    def events(self, client: TestClient, **asked: Any) -> list[tuple[str, Any]]:
        response = client.post("/api/translate/stream", json={"source": "en"} | asked)
        assert response.headers["content-type"].startswith("text/event-stream")
        blocks = response.text.strip().split("\n\n")
        lines = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
        return [(block["event"], json.loads(block["data"])) for block in lines]

    def test_a_token_at_a_time_and_then_the_answer(self, client: TestClient, translator: Translator) -> None:
        text = " ".join(TEXTS)
        *tokens, (last, answer) = self.events(client, text=text)
        assert last == "translation"
        assert answer["translations"][0]["text"] == translator.translate(text).text
        assert {name for name, _ in tokens} == {"token"}
        assert {one["sentence"] for _, one in tokens} == {0, 1}
        assert tokens[-1][1]["text"] == translator.translate(text, beam_size=1).text

    def test_begins_with_the_prefix(self, client: TestClient) -> None:
        for _, event in self.events(client, text=TEXTS[0], prefix="大狗")[:-1]:
            assert event["text"].startswith("大狗")

    def test_what_is_refused_is_refused_before_it_begins(self, client: TestClient) -> None:
        assert "must be a string" in refusal(client, 400, {"text": ["x"]}, "/api/translate/stream")
        assert "fr" in refusal(client, 400, {"text": "x", "target": "fr"}, "/api/translate/stream")

    def test_what_fails_later_is_an_event(self, client: TestClient) -> None:
        *_, (name, data) = self.events(client, text="x", prefix="猫" * 500)
        assert name == "error"
        assert "prefix" in data["error"]


class TestModels:
    def test_what_is_served(self, client: TestClient) -> None:
        found = client.get("/api/models").json()
        (model,) = found["models"]
        assert (model["name"], model["source"], model["target"]) == ("tiny", "en", "zh")
        assert (model["loaded"], model["default"], model["decoding"]) == (True, True, {"max_length": 24})
        assert found["languages"] == [{"code": "en", "name": "English"}, {"code": "zh", "name": "Chinese"}]
        assert found["limits"]["n_best"] == 10


def test_explain_answers_with_a_trace(client: TestClient) -> None:
    response = client.post("/api/explain", json={"text": TEXTS[0], "reference": "大狗"})
    assert response.status_code == 200, response.text
    assert response.json()["format"] == "dragoman.trace"
    # Its own words stand in for a reference that nobody gave.
    own = client.post("/api/explain", json={"text": TEXTS[0]}).json()
    assert own["training"] is None or own["training"]["reference"] == own["inference"]["text"]
    assert "empty" in refusal(client, 400, {"text": " "}, "/api/explain")
    assert refusal(client, 400, {"text": "x", "without": "everything"}, "/api/explain")


def test_what_is_too_long_to_look_into_is_refused_before_it_is_computed(client: TestClient) -> None:
    """A hundred characters of four bytes took 30 seconds and gigabytes, and nobody could look inside meanwhile."""
    said = refusal(client, 400, {"text": "\U0001d538" * 100}, "/api/explain")
    assert "tokens, and 64 at most are looked into" in said
    assert "the reference has" in refusal(
        client, 400, {"text": TEXTS[0], "reference": "狗" * 100}, "/api/explain"
    )


@pytest.mark.parametrize("cls", parts_of(api.TranslateResponse))
def test_answers_have_the_fields_that_are_documented(client: TestClient, cls: type) -> None:
    described = client.get("/openapi.json").json()["components"]["schemas"]
    assert cls.__name__ in described
    answer = translate(client, text=TEXTS[0], source="auto", n_best=2)
    parts = {
        "TranslateResponse": answer,
        "TranslatedText": answer["translations"][0],
        "Alternative": answer["translations"][0]["alternatives"][0],
        "DetectedLanguage": answer["detected"],
    }
    assert list(described[cls.__name__]["properties"]) == list(parts[cls.__name__])


def test_tokens_are_in_the_signs_of_the_text() -> None:
    """The page finds the words of a translation by its tokens, and found none of those that are written otherwise."""
    found = Translation("x", "我的头发干了。", None, tokens=["\u2581我的", "头发", "干了", "。"])
    turned = found.mapped(to_traditional)
    assert turned.text == "我的頭髮幹了。" or turned.text == "我的頭髮乾了。"
    assert "".join(turned.tokens) == f"\u2581{turned.text}"
    assert found.mapped(str) == found


@pytest.mark.parametrize(
    "value",
    [
        {}, [], {"a": []}, [{}],
        {"a": [{"b": [[i, i + 1] for i in range(2 * PART + 1)], "c": None}, {}], "d": "中\u2028\""},
        {"a": [0.5, "x", None, True] * PART, "b": [1] * PART, "c": [[]] * (PART + 1)},
    ],
)  # fmt: skip
def test_an_answer_that_is_written_in_parts_is_the_same(value: object) -> None:
    assert as_json(value, long=True).body == as_json(value).body
