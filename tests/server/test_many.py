"""A model that a token tells its languages: all of its pairs are served, and none of them costs more than another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import tiny
from dragoman.server.app import build
from dragoman.server.models import find
from dragoman.translate.translator import Translator
from server.conftest import HERE, settings

CODES = ("en", "zh_Hans", "zh_Hant", "deu_Latn", "fr", "pt")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.many(CODES).write(tmp_path_factory.mktemp("many") / "many")


@pytest.fixture(scope="module")
def client(directory: Path) -> Iterator[TestClient]:
    with TestClient(build(settings(directory)), HERE, raise_server_exceptions=False) as client:
        yield client


def own(client: TestClient, **asked: Any) -> Any:
    answer = client.post("/api/translate", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["translations"][0]


def test_its_languages_are_known_before_it_is_loaded(directory: Path) -> None:
    (served,) = find([str(directory)])
    assert served.sources == ("en", "zh", "de", "fr", "pt")
    assert served.targets == ("zh", "en", "de", "fr", "pt")  # the usual one first
    assert served.told == "en and 4 more -> zh and 4 more"
    assert [(way.source, way.target) for way in served.ways("fr")] == [
        (one, "fr") for one in ("en", "zh", "de", "pt")
    ]
    assert ("zh", "en") in [(way.source, way.target) for way in served.ways()]


def test_a_model_told_only_what_to_write_reads_one_language(tmp_path: Path) -> None:
    """As OPUS-MT models of several targets are; their token stands in front of the source."""
    (served,) = find([str(tiny.many(CODES, told=("target",)).write(tmp_path / "model"))])
    assert served.sources == ("en",) and served.targets[0] == "zh" and len(served.targets) == 5
    assert served.pairs == {"en": ["zh", "de", "fr", "pt"]}


def test_the_lists_have_all_pairs(client: TestClient) -> None:
    listed = {one["code"]: one["targets"] for one in client.get("/languages").json()}
    assert set(listed) == {"en", "zh-Hans", "de", "fr", "pt"}
    assert set(listed["fr"]) == set(listed)
    (model,) = client.get("/api/models").json()["models"]
    assert set(model["sources"]) == set(model["targets"]) == {"en", "zh", "de", "fr", "pt"}


@pytest.mark.parametrize(
    "source, target, tokens",
    [
        ("en", "zh", ("__en__", "__zh_Hans__")),
        ("de", "fr", ("__deu_Latn__", "__fr__")),
        ("zh-Hant", "pt-BR", ("__zh_Hans__", "__pt__")),
        ("FR", "zh-TW", ("__fr__", "__zh_Hans__")),
    ],
)
def test_a_pair_is_told_by_its_tokens(
    client: TestClient, source: str, target: str, tokens: tuple[str, str]
) -> None:
    text = "狗。" if source == "zh-Hant" else "The dog."  # what is written as the target is stays as it is
    found = own(client, text=text, source=source, target=target)
    assert (found["source_tokens"][0], found["tokens"][0]) == tokens


def test_the_language_of_a_text_is_found_among_all(client: TestClient) -> None:
    found = own(client, text="Das ist ein sehr schöner Tag, und wir gehen nach Hause.", target="fr")
    assert found["source_tokens"][0] == "__deu_Latn__"
    found = own(client, text="Das ist ein sehr schöner Tag, und wir gehen nach Hause.")
    assert (found["source_tokens"][0], found["tokens"][0]) == ("__deu_Latn__", "__zh_Hans__")
    found = own(client, text="我们今天去看房子。")  # of the language that is usually written: back
    assert (found["source_tokens"][0], found["tokens"][0]) == ("__zh_Hans__", "__en__")


def test_a_language_it_has_not_is_refused_in_one_short_line(client: TestClient) -> None:
    answer = client.post("/api/translate", json={"text": "x", "source": "en", "target": "ja"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "ja is not supported: there is en and 4 more -> zh and 4 more (many)"


def test_a_pair_that_was_asked_for_is_kept(directory: Path) -> None:
    """Reading the table of 128,000 pieces again took longer than the translation of a sentence."""
    translator = Translator.load(directory)
    first = translator.toward("de", "fr")
    started = time.perf_counter()
    assert all(translator.toward("de", "fr") is first for _ in range(1000))
    assert first.toward("en", "zh") is translator.toward("en", "zh")
    assert time.perf_counter() - started < 1
