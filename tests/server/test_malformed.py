"""A thousand requests that nobody would send by mistake: each is answered, at once, and none makes the server fail."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

from starlette.testclient import TestClient

PATHS = {
    "/api/translate": {
        "text": "A dog.",
        "source": "en",
        "target": "zh",
        "n_best": 2,
        "glossary": {"dog": "狗"},
    },
    "/api/translate/stream": {"text": "A dog.", "source": "en", "prefix": "狗"},
    "/translate": {
        "q": "A dog.",
        "source": "en",
        "target": "zh",
        "format": "text",
        "alternatives": 1,
        "api_key": "x",
    },
    "/detect": {"q": "A dog."},
    "/v2/translate": {"text": ["A dog."], "target_lang": "ZH", "source_lang": "EN", "tag_handling": "html"},
    "/translate_file": {"source": "en", "target": "zh"},
}
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, 0.5, "", " ", "\x00", "\ud800", "🙂" * 50, "<b>", "%s", "a" * 5000, [], {}, [[]],
    ["x", None], {"a": 1}, ["x"] * 300, "../../etc/passwd", "zh-Hant-" * 10, "\u202eabc", "{{{{", "&#0;", "</p></p>",
)  # fmt: skip
KINDS = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/plain",
    "",
    "é",
)
DOCX = b"--b\r\nContent-Disposition: form-data; name=file; filename=x.docx\r\n\r\nPK\x03\x04\r\n--b--"
RUDE = (
    b"", b"{", b"[" * 50_000, b'{"q":' * 3000, b"\xff" * 500, b"q=%ff%00&" * 20, b"&" * 5000, b"a=" * 2000, DOCX,
    b"--b\r\n\r\n--b--", b'{"text":' + b"1" * 6000 + b"}", b'{"q":"a","q":[]}', b"null", b"NaN", b'"text"',
    b"\xef\xbb\xbf{}",
)  # fmt: skip


def requests(count: int) -> Iterator[tuple[str, str, bytes]]:
    """Path, type and body."""
    draw = random.Random(1)
    for _ in range(count):
        path = draw.choice(list(PATHS))
        if draw.random() < 0.3:
            yield path, draw.choice(KINDS), draw.choice(RUDE)
            continue
        body = dict(PATHS[path])
        for name in draw.sample([*body, "more"], 1 + draw.randrange(2)):
            body[name] = draw.choice(VALUES)
        yield path, draw.choice(KINDS[:1] * 4 + KINDS), json.dumps(body).encode()


def test_a_thousand_of_them(client: TestClient) -> None:
    slowest = 0.0
    for path, kind, body in requests(1000):
        started = time.perf_counter()
        headers = {"content-type": kind.encode()} if kind else {}
        response = client.post(path, content=body, headers=headers)
        slowest = max(slowest, time.perf_counter() - started)
        assert response.status_code < 500, (path, kind, body[:200], response.text)
        if response.status_code != 200:
            assert list(response.json()) == ["message" if path.startswith("/v2/") else "error"]
    assert slowest < 5
    assert client.get("/health").status_code == 200
