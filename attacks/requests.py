"""Requests that nobody would send by mistake: fields, bodies, methods and paths that are not what they should be.
What is no HTTP at all is in sockets.py.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from attacks.answers import fault_of_answer, fault_of_service
from attacks.attack import Fault, NotTried, Trials, Try, halves
from attacks.product import Product
from attacks.service import ANSWERING, serving

BODIES: dict[str, dict[str, Any]] = {
    "/api/translate": {
        "text": "A dog.", "source": "en", "target": "zh", "n_best": 2, "glossary": {"dog": "狗"}, "prefix": "狗",
        "beam_size": 3, "length_penalty": 1.0, "format": "html", "alignments": True, "scores": True,
    },
    "/api/translate/stream": {"text": "A dog.", "source": "en", "prefix": "狗"},
    "/api/explain": {"text": "A dog.", "reference": "狗。", "without": "causal_mask", "model": None},
    "/api/explain?teach": {"text": "A dog.", "reference": "狗。", "teach": 1, "say": "0=狗"},
    "/translate?": {"text": "A dog.", "from": "en", "to": "zh", "html": False},
    "/translate/batch": {"texts": ["A dog."], "from": "en", "to": "zh", "html": True},
    "/imme": {"source_lang": "en", "target_lang": "zh", "text_list": ["A dog."]},
    "/kiss": {"text": "A dog.", "from": "en", "to": "zh"},
    "/v1/translate": {"text": "A dog.", "source_lang": "EN", "target_lang": "ZH"},
    "/translate": {"q": "A dog.", "source": "en", "target": "zh", "format": "text", "alternatives": 1, "api_key": "x"},
    "/detect": {"q": "A dog."},
    "/v2/translate": {"text": ["A dog."], "target_lang": "ZH", "source_lang": "EN", "tag_handling": "html"},
    "/v2/usage": {},
    "/v2/languages": {"type": "source"},
    "/suggest": {"q": "a", "s": "b"},
    "/translate_file": {"source": "en", "target": "zh"},
}  # fmt: skip
READ = (
    "/", "/health", "/metrics", "/languages", "/docs", "/spec", "/openapi.json", "/api/models",
    "/frontend/settings", "/version", "/__heartbeat__", "/__lbheartbeat__",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, 0.5, "", " ", "\x00", "\ud800", "🙂" * 50, "<b>", "%s", "a" * 5000, [], {},
    [[]], ["x", None], {"a": 1}, ["x"] * 300, "../../etc/passwd", "zh-Hant-" * 10, "\u202eabc", "{{{{", "&#0;",
    "</p></p>", float("nan"), float("inf"), "\ufdd0", "0", -(2**63), [""], {"": ""}, {"a": None}, "en", 2**31,
)  # fmt: skip
KINDS = (
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain", "",
    "application/json; charset=utf-16", "multipart/form-data", "\xe9",
)  # fmt: skip
RAW = (
    b"", b"{", b"[" * 50_000, b'{"q":' * 3000, b"\xff" * 500, b"q=%ff%00&" * 20, b"&" * 5000, b"a=" * 2000,
    b"--b\r\n\r\n--b--", b'{"text":' + b"1" * 6000 + b"}", b'{"q":"a","q":[]}', b"null", b"NaN", b'"text"',
    b"\xef\xbb\xbf{}",
    b"--b\r\nContent-Disposition: form-data; name=file; filename=x.docx\r\n\r\nPK\x03\x04\r\n--b--",
    b"--b" * 5000, b'{"text":"\\ud800"}', b"q=a&source=en&target=zh&q=b", b"\0" * 100,
)  # fmt: skip
METHODS = (
    "POST", "POST", "POST", "POST", "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "BREW",
)  # fmt: skip
ODD_PATHS = (
    "/..%2f..%2fetc/passwd", "/static/../app.py", "/static/%2e%2e/app.py", "//", "/download_file/../../x", "/%00",
    "/a" * 2000, "/download_file/%0d%0aX:%20y", "/api/translate/", "/static/", "/assets/%ff", "/?q=" + "a" * 5000,
    "*", "/translate?q=a",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What is sent."""

    method: str
    path: str
    kind: str
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path[:60]} [{self.kind}] {self.body[:400]!r}"


def drawn(rng: random.Random) -> Request:
    """Nearly a good request, most of the time: what is refused at the first look tests only the first look."""
    path = rng.choice((*BODIES, "/api/translate", "/api/explain", "/translate"))
    method, kind = "POST", "application/json"
    if rng.random() < 0.15:
        method, path = rng.choice(METHODS), rng.choice((*READ, *ODD_PATHS, *BODIES))
    if rng.random() < 0.25:
        return Request(method, path, rng.choice(KINDS), rng.choice(RAW))
    body = dict(BODIES.get(path, {}))
    for name in rng.sample([*body, "more"], min(len(body) + 1, rng.randint(1, 2))):
        if rng.random() < 0.2:
            body.pop(name, None)
        else:
            body[name] = rng.choice(VALUES)
    if rng.random() < 0.2:
        kind = rng.choice(KINDS)
    return Request(method, path, kind, json.dumps(body).encode())


def smaller(request: Request) -> Iterator[Request]:
    """Fewer fields, or fewer bytes."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        for name in body:
            less = {key: value for key, value in body.items() if key != name}
            yield replace(request, body=json.dumps(less).encode())
    else:
        for part in halves(request.body):
            yield replace(request, body=part)


@contextmanager
def ask(product: Product) -> Iterator[Try[Request]]:
    with serving(product) as service:

        def try_(request: Request) -> Fault | None:
            headers = {"content-type": request.kind} if request.kind else {}
            try:
                answer = service.ask(request.method, request.path, request.body, headers)
            except TimeoutError:
                return Fault(f"no answer within {ANSWERING:.0f} s")
            except ValueError:
                raise NotTried from None  # http.client does not send such a path: SOCKETS does
            return fault_of_answer(service, answer) or fault_of_service(service)

        yield try_


HTTP: Trials[Product, Request] = Trials(
    "http",
    "a malformed request is answered soon, with a reason and the policy of pages; none makes the server fail, or "
    "changes what others get",
    ask, drawn, tuple(Request("GET", path, "", b"") for path in READ), smaller, str, share=2.0,
)  # fmt: skip
