"""What the three APIs share, through HTTP: keys and limits, protection of text, models replaced under load."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from dragoman.documents.process import portions
from dragoman.errors import ConfigError, UsageError
from dragoman.server import models as models_module
from dragoman.server.app import _routes, build
from dragoman.server.downloads import Downloads
from dragoman.server.gate.keys import Keys
from dragoman.server.gate.logs import JsonLines
from dragoman.server.gate.refusals import Refusal
from dragoman.server.requests import ClientRequest
from dragoman.server.service import Service
from dragoman.server.settings import Limits, Network
from dragoman.text.normalize import to_traditional
from dragoman.translate.translator import Translator
from server.conftest import HERE, settings
from tiny import Parts

TEXT = "The red dog sees my house."
OWN = {"text": TEXT, "source": "en"}
LIBRE = {"q": TEXT, "source": "en", "target": "zh"}
DEEPL = {"text": [TEXT], "target_lang": "ZH"}


class TestKeys:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "keys.sqlite"

    @pytest.fixture
    def key(self, file: Path) -> str:
        keys = Keys(file)
        key = keys.add("alice", quota=4 * len(TEXT))
        keys.close()
        return key

    @pytest.fixture
    def locked(self, tiny_model: Path, file: Path, key: str) -> Iterator[TestClient]:
        app = build(settings(tiny_model, keys=file, require_key=True))
        with TestClient(app, HERE, raise_server_exceptions=False) as client:
            yield client

    def ask(self, client: TestClient, key: str | None) -> list[int]:
        """The statuses of the three APIs."""
        own = {"authorization": f"Bearer {key}"} if key else {}
        deepl = {"authorization": f"DeepL-Auth-Key {key}"} if key else {}
        return [
            client.post("/api/translate", json=OWN, headers=own).status_code,
            client.post("/translate", json=LIBRE | ({"api_key": key} if key else {})).status_code,
            client.post("/v2/translate", json=DEEPL, headers=deepl).status_code,
        ]

    def test_each_client_sends_it_in_its_way(self, locked: TestClient, key: str) -> None:
        assert self.ask(locked, None) == [403, 400, 403]
        assert self.ask(locked, "other") == [403, 403, 403]
        assert self.ask(locked, key) == [200, 200, 200]
        usage = locked.get("/v2/usage", headers={"authorization": f"DeepL-Auth-Key {key}"})
        assert usage.json() == {"character_count": 3 * len(TEXT), "character_limit": 4 * len(TEXT)}
        assert locked.get("/v2/usage").status_code == 403
        locked.post("/api/translate", json=OWN, headers={"authorization": f"Bearer {key}"})
        assert self.ask(locked, key) == [456, 456, 456]

    def test_what_needs_none(self, locked: TestClient) -> None:
        for path in ("/health", "/languages", "/api/models", "/docs", "/frontend/settings"):
            assert locked.get(path).status_code == 200
        assert locked.get("/api/models").json()["keys"] == {"required": True}

    def test_what_else_needs_one(self, locked: TestClient) -> None:
        assert locked.post("/api/translate/stream", json=OWN).status_code == 403
        assert locked.post("/api/explain", json={"text": TEXT}).status_code == 403
        assert locked.post("/detect", json={"q": TEXT}).status_code == 400
        file = {"file": ("a.txt", b"x")}
        assert locked.post("/translate_file", data=LIBRE, files=file).status_code == 400

    def test_without_need_a_wrong_one_is_wrong_and_none_is_fine(
        self, tiny_model: Path, file: Path, key: str
    ) -> None:
        with TestClient(build(settings(tiny_model, keys=file)), HERE) as client:
            assert self.ask(client, None) == [200, 200, 200]
            assert self.ask(client, "other") == [403, 403, 403]


def test_an_address_has_its_pace(tiny_model: Path) -> None:
    with TestClient(build(settings(tiny_model, limits=Limits(per_minute=3))), HERE) as client:
        answers = [client.post("/api/translate", json=OWN) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert "slow down" in answers[-1].json()["error"]
        assert client.post("/v2/translate", json=DEEPL).json()["message"]
        assert client.get("/health").status_code == 200


class TestProtection:
    """What must not change, whatever a model of random weights makes of the rest."""

    @pytest.mark.parametrize(
        "text",
        [
            "{name} sees the dog.",
            "The dog sees %s and %(count)d cats.",
            "  The dog sees the cat.\n\n\tThe bird sees http://example.org/a?b=c.  ",
            "Find the cat at bird@example.org or in house 4711.",
        ],
    )
    def test_placeholders_addresses_and_white_space_survive(self, client: TestClient, text: str) -> None:
        found = client.post("/api/translate", json=OWN | {"text": text}).json()["translations"][0]["text"]
        for kept in (
            "{name}",
            "%s",
            "%(count)d",
            "http://example.org/a?b=c",
            "bird@example.org",
            "4711",
            "\n\n\t",
        ):
            assert (kept in found) == (kept in text)
        assert len(found) - len(found.lstrip()) == len(text) - len(text.lstrip())
        assert len(found) - len(found.rstrip()) == len(text) - len(text.rstrip())

    def test_a_glossary_is_honoured(self, client: TestClient) -> None:
        asked = OWN | {"glossary": {"red dog": "赤犬"}}
        assert "赤犬" in client.post("/api/translate", json=asked).json()["translations"][0]["text"]
        bad = client.post("/api/translate", json=OWN | {"glossary": {" ": "x"}})
        assert (bad.status_code, "glossary" in bad.json()["error"]) == (400, True)

    def test_tags_stay_in_place(self, client: TestClient) -> None:
        page = '<p class="a">The dog sees <b>my house</b>.</p><br/><p>&amp; <!-- c --></p>'
        for body in (
            client.post("/translate", json=LIBRE | {"q": page, "format": "html"}).json()["translatedText"],
            client.post("/api/translate", json=OWN | {"text": page, "format": "html"}).json()["translations"][
                0
            ]["text"],
        ):
            for tag in ('<p class="a">', "<b>", "</b>", "<br/>", "<!-- c -->", "&amp;"):
                assert body.count(tag) == 1, tag


@pytest.mark.parametrize("asked", [False, True])
def test_text_stands_in_the_log_only_where_it_was_asked_for(
    tiny_model: Path, caplog: pytest.LogCaptureFixture, asked: bool
) -> None:
    with (
        caplog.at_level("INFO", "dragoman.server"),
        TestClient(build(settings(tiny_model, log_text=asked)), HERE) as client,
    ):
        client.post("/api/translate", json=OWN)
    assert (TEXT in " ".join(map(JsonLines().format, caplog.records))) is asked


def test_a_model_is_replaced_under_load(
    tiny_parts: Parts, other_parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_module, "LOOK_AGAIN", 0.0)
    path = tiny_parts.write(tmp_path / "model")
    old = Translator.load(path, workers=1).translate(TEXT).text
    seen: list[Any] = []
    ended = threading.Event()

    with TestClient(build(settings(path)), HERE) as client:

        def ask() -> None:
            while not ended.is_set():
                answer = client.post("/api/translate", json=OWN)
                seen.append(
                    answer.json()["translations"][0]["text"] if answer.status_code == 200 else answer.text
                )

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for one in clients:
            one.start()
        while not seen:
            ended.wait(0.01)
        other_parts.write(path)
        new = Translator.load(path, workers=1).translate(TEXT).text
        for _ in range(1000):
            if new in seen:
                break
            ended.wait(0.01)
        ended.set()
        for one in clients:
            one.join()
    assert set(seen) == {old, new}
    last_old = len(seen) - 1 - seen[::-1].index(old)
    assert new in seen[last_old:]


def test_neighbours_do_not_change_an_answer(client: TestClient, translator: Translator) -> None:
    """Sentences of many lengths at once, from many clients: each as if it were alone, to the last bit."""
    texts = [
        " ".join("the small red dog sees my big old house".split()[: 1 + n % 9]) + "." for n in range(90)
    ]
    right = {text: translator.translate(text) for text in set(texts)}
    wrong: list[str] = []

    def ask(text: str) -> None:
        answer = client.post("/api/translate", json=OWN | {"text": text}).json()
        found = answer["translations"][0]
        if (found["text"], found["score"]) != (right[text].text, right[text].score):
            wrong.append(text)

    clients = [threading.Thread(target=ask, args=(text,)) for text in texts]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert wrong == []


def test_a_file_comes_in_portions_that_a_request_could_hold() -> None:
    """A document of 95 kB held one text of 98 million characters, which was encoded at once."""
    assert list(portions(["aa", "b", "cc", "d", "e"], 3, 4)) == [["aa", "b"], ["cc", "d", "e"]]
    assert list(portions([], 3, 4)) == []
    with pytest.raises(UsageError, match="a paragraph of the file has 5 characters, and at most 4"):
        list(portions(["a", "bbbbb"], 3, 4))


GERMAN = "Das Haus ist alt und nicht sehr groß."


class TestLanguages:
    """German, Italian and Russian were translated as if they were English, with confidence 0 and nonsense."""

    @pytest.mark.parametrize(
        "text", [GERMAN, "Привет, как дела?", "Il fait beau aujourd'hui.", "ありがとうございます"]
    )
    def test_a_language_that_nobody_here_reads_is_named(self, client: TestClient, text: str) -> None:
        for path, asked in (
            ("/translate", {"q": text, "source": "auto", "target": "zh"}),
            ("/api/translate", {"text": text}),
            ("/v2/translate", {"text": [text], "target_lang": "ZH"}),
        ):
            response = client.post(path, json=asked)
            assert response.status_code == 400
            assert "this looks like" in response.text
            assert "there is en -> zh" in response.text

    def test_each_of_a_list_is_told_by_itself(self, client: TestClient) -> None:
        texts = [TEXT, "你好", GERMAN, "42"]
        found = client.post("/translate", json={"q": texts, "source": "auto", "target": "zh"}).json()
        assert [one["language"] for one in found["detectedLanguage"]] == ["en", "zh-Hans", "de", "en"]
        alone = client.post("/translate", json={"q": TEXT, "source": "en", "target": "zh"}).json()
        assert found["translatedText"] == [alone["translatedText"], *texts[1:]]
        own = client.post("/api/translate", json={"text": texts, "target": "zh"}).json()
        assert [one["source"] for one in own["translations"]] == ["en", "zh", "de", "en"]
        assert own["translations"][2]["flags"] == ["copied"]
        deepl = client.post("/v2/translate", json={"text": texts, "target_lang": "ZH"}).json()["translations"]
        assert [one["detected_source_language"] for one in deepl] == ["EN", "ZH", "DE", "EN"]

    @pytest.mark.parametrize("source", ["en", "eng", "eng_Latn", "en_US", "EN-GB"])
    @pytest.mark.parametrize("target", ["zh", "cmn", "zho_Hans", "chi", "zh-SG"])
    def test_all_codes_are_understood(self, client: TestClient, source: str, target: str) -> None:
        right = client.post("/translate", json={"q": TEXT, "source": "en", "target": "zh"}).json()
        assert client.post("/translate", json={"q": TEXT, "source": source, "target": target}).json() == right
        own = {"text": TEXT, "source": source, "target": target}
        found = client.post("/api/translate", json=own).json()["translations"][0]
        assert found["text"] == right["translatedText"]

    def test_detect_says_what_it_is(self, client: TestClient) -> None:
        assert client.post("/detect", json={"q": GERMAN}).json()[0]["language"] == "de"
        assert client.post("/detect", json={"q": "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ"}).status_code == 400

    @pytest.mark.parametrize("source", ["en", "auto"])
    def test_files_come_in_traditional_signs_too(self, client: TestClient, source: str) -> None:
        """Simplified Chinese came back under a name that said zh-Hant."""

        def translated(target: str, text: str = f"{TEXT}\n") -> str:
            fields = {"source": source, "target": target}
            file = {"file": ("a.txt", text.encode())}
            url = client.post("/translate_file", data=fields, files=file).json()["translatedFileUrl"]
            return client.get(url).text

        assert translated("zh-TW") == to_traditional(translated("zh"))
        if source == "auto":
            assert translated("zh-Hant", "这个房子很旧。") == "這個房子很舊。"

    @pytest.mark.parametrize("source", ["auto", "zh"])
    @pytest.mark.parametrize(
        "target, text, expected",
        [
            ("zh", "這個房子很舊。", "这个房子很旧。"),
            ("zh-Hans", "這個房子很舊。", "这个房子很旧。"),
            ("zh-Hant", "这个房子很旧。", "這個房子很舊。"),
            ("zh", "这个房子很旧。", "这个房子很旧。"),
            ("zh-TW", "這個房子很舊。", "這個房子很舊。"),
        ],
    )
    def test_chinese_comes_in_the_script_that_is_asked_for(
        self, client: TestClient, source: str, target: str, text: str, expected: str
    ) -> None:
        """Traditional signs came back as they were where simplified ones were wanted."""
        ways = {"source": source, "target": target}
        assert client.post("/translate", json={"q": text, **ways}).json()["translatedText"] == expected
        own = client.post("/api/translate", json={"text": [text], **ways}).json()
        assert (own["model"], own["translations"][0]["text"]) == (None, expected)
        asked = {"text": [text], "target_lang": target} | (
            {} if source == "auto" else {"source_lang": source}
        )
        assert client.post("/v2/translate", json=asked).json()["translations"][0]["text"] == expected
        html, page = "<p lang='zh'>{}<a href='/語言/语言'>{}</a></p>", {"format": "html", **ways}
        found = client.post("/translate", json={"q": html.format(text, text), **page}).json()[
            "translatedText"
        ]
        assert found.replace("zh-Hant", "zh") == html.format(expected, expected)
        file = {"file": ("a.txt", f"{text}\n".encode())}
        url = client.post("/translate_file", data=ways, files=file).json()["translatedFileUrl"]
        assert client.get(url).text == f"{expected}\n"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_json_is_read_whatever_it_is_called(client: TestClient, kind: str) -> None:
    """`curl -d '{...}'` was told that q was missing."""
    body = json.dumps({"q": TEXT, "source": "en", "target": "zh"})
    headers = {"content-type": kind} if kind else {}
    assert client.post("/translate", content=body, headers=headers).status_code == 200


def test_lists_as_php_writes_them(client: TestClient) -> None:
    found = client.post("/translate", data={"q[]": [TEXT, "The cat."], "source": "en", "target": "zh"}).json()
    assert len(found["translatedText"]) == 2
    (one,) = client.post("/translate", data={"q[]": TEXT, "source": "en", "target": "zh"}).json()[
        "translatedText"
    ]
    assert one == found["translatedText"][0]


class TestBehindAProxy:
    def link(self, tiny_model: Path, network: Network, **headers: str) -> str:
        with TestClient(build(settings(tiny_model, network=network)), HERE, client=("10.0.0.7", 4)) as client:
            file = {"file": ("a.txt", b"The cat.")}
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            asked = client.post(
                "/translate_file", data={"source": "en", "target": "zh"}, files=file, headers=named
            )
            return str(asked.json().get("translatedFileUrl") or asked.json()["error"])

    def test_links_are_what_the_client_knows(self, tiny_model: Path) -> None:
        """Behind an https proxy the link to a translated file was http, and led nowhere."""
        network = Network(proxies=("10.0.0.0/24",), root_path="/words", allowed_hosts=("tr.test",))
        forwarded = {"x_forwarded_proto": "https", "x_forwarded_host": "tr.test"}
        assert self.link(tiny_model, network, **forwarded).startswith("https://tr.test/words/download_file/")
        assert self.link(tiny_model, network).startswith("http://127.0.0.1/words/download_file/")

    def test_strangers_are_not_believed(self, tiny_model: Path) -> None:
        forwarded = {"x_forwarded_proto": "https", "x_forwarded_host": "evil.test"}
        assert self.link(tiny_model, Network(), **forwarded).startswith("http://127.0.0.1/download_file/")
        network = Network(proxies=("10.0.0.7",))
        assert "not known as" in self.link(tiny_model, network, **forwarded)
        assert self.link(tiny_model, network, x_forwarded_proto="javascript").startswith("http://")

    def test_below_a_path(self, tiny_model: Path) -> None:
        app = build(settings(tiny_model, network=Network(root_path="/words")))
        with TestClient(app, HERE, follow_redirects=False) as client:
            for path in (
                "/words/",
                "/",
                "/words/health",
                "/health",
                "/words/static/app.js",
                "/words/assets/look.js",
            ):
                assert client.get(path).status_code == 200, path
            assert client.get("/words").headers["location"] == "/words/"
            assert (
                client.post("/words/translate", json={"q": TEXT, "source": "en", "target": "zh"}).status_code
                == 200
            )

    def test_no_path_makes_an_address_mean_two_things(self, tiny_model: Path) -> None:
        paths = {
            route.path
            for route in _routes(Service(settings(tiny_model)), Downloads())
            if isinstance(route, Route)
        }
        firsts = {"/" + path.split("/")[1] for path in paths} - {"/"}
        twice = {root for root in firsts for path in paths - {"/"} if root + path in paths}
        for root in twice:
            with pytest.raises(ConfigError, match="addresses of its own"):
                Network(root_path=root)


def test_metrics_are_behind_the_key_where_one_is_needed(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.sqlite"
    key = Keys(file).add("prometheus")
    app = build(settings(tiny_model, keys=file, require_key=True))
    with TestClient(app, HERE) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 403
        assert client.get("/metrics", headers={"authorization": f"Bearer {key}"}).status_code == 200
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("leaves", [False, True])
def test_what_nobody_waits_for_is_taken_out_of_the_queue(tiny_model: Path, html: bool, leaves: bool) -> None:
    """A page went on being translated after its client had left or its deadline was over, up to nine seconds."""

    async def story() -> None:
        service = Service(settings(tiny_model, limits=Limits(deadline=1.0)))
        await service.start()
        begun, go = threading.Event(), threading.Event()
        search = service.queue._search

        def slow(batch: Any, wanted: Any) -> Any:
            begun.set()
            go.wait(10)
            return search(batch, wanted)

        service.queue._search = slow
        texts = [f"<p>The {n} red dogs see {'my house ' * (n % 9)}.</p>" for n in range(100)]
        asked = ClientRequest(["".join(texts)] if html else texts, "en", "zh", html=html)
        work = asyncio.create_task(service.translate(asked))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        assert service.queue.depth
        if leaves:
            work.cancel()
        with pytest.raises((Refusal, asyncio.CancelledError)):
            await work
        until = time.monotonic() + 2
        while service.queue.depth and time.monotonic() < until:
            await asyncio.sleep(0.01)
        assert service.queue.depth == 0
        go.set()
        await asyncio.sleep(0.1)
        done = await service.translate(ClientRequest([TEXT], "en", "zh", html=html))
        assert done.translations[0].text
        await service.stop()

    asyncio.run(story())
