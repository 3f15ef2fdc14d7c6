"""Door against door: terminal, Python, evaluate, service and documents say the same of the same sentence."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from dragoman import Translator
from dragoman.corpus.pairs import Pair
from dragoman.evaluate import evaluate
from dragoman.model.directory import find_model
from dragoman.server.app import build
from server.conftest import HERE, settings

TEXTS = [
    "He is here.She is there.", "He is here.<br />She is there.", "She has 2 dogs. The price increased by 15% in 2023.",
    "Hello {name}, how are you?", "I love dogs 🐶", "hi", "I LOVE YOU", "Save And Close", "Read https://e.org/a_(b)?q=1.",
    "%d%% complete", "Click <0>here</0> to continue.", "NASA", "2x4=8", "Some *red* cars and `code`.", "  leading", "",
    "{count, plural, one {# dog} other {# dogs}} here", "Are you OK ?", "I live in the USA. It is big.",
]  # fmt: skip


@pytest.fixture(scope="module")
def wanted() -> list[str]:
    with Translator.load("en-zh-tiny", workers=1) as translator:
        return [found.text for found in translator.translate(TEXTS)]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(build(settings(find_model("en-zh-tiny"))), HERE) as client:
        yield client


def test_the_terminal(wanted: list[str]) -> None:
    command = [sys.executable, "-m", "dragoman", "translate", "-m", "en-zh-tiny"]
    lines = "".join(f"{text}\n" for text in TEXTS)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, encoding="utf-8")
    assert done.stdout.split("\n")[:-1] == wanted


def test_python_one_by_one_and_together(wanted: list[str]) -> None:
    with Translator.load("en-zh-tiny", workers=1) as translator:
        assert [translator.translate(text).text for text in TEXTS] == wanted


def test_evaluate(wanted: list[str]) -> None:
    pairs = [Pair(text, "狗") for text in TEXTS]
    with Translator.load("en-zh-tiny", workers=1) as translator:
        report = evaluate(translator, pairs, perplexity=False)
    assert [found.text for found in report.translations] == wanted


def test_the_service(client: TestClient, wanted: list[str]) -> None:
    own = client.post("/api/translate", json={"text": TEXTS, "source": "en", "target": "zh"}).json()
    assert [found["text"] for found in own["translations"]] == wanted
    libre = client.post("/translate", json={"q": TEXTS, "source": "en", "target": "zh"}).json()
    assert libre["translatedText"] == wanted
    deepl = client.post(
        "/v2/translate", json={"text": TEXTS, "source_lang": "EN", "target_lang": "ZH"}
    ).json()
    assert [found["text"] for found in deepl["translations"]] == wanted


def test_a_document(client: TestClient, wanted: list[str]) -> None:
    file = ("a.txt", io.BytesIO("\n".join(TEXTS).encode()), "text/plain")
    answer = client.post(
        "/translate_file", files={"file": file}, data={"source": "en", "target": "zh"}
    ).json()
    page = client.get(answer["translatedFileUrl"].removeprefix(HERE))
    assert page.content.decode().split("\n") == wanted
