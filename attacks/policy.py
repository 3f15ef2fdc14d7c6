"""The policy that every answer of the server carries: a page runs nothing but what came with it. Opens no browser."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from attacks.attack import Fault, Trials, Try
from attacks.product import Product
from attacks.service import Answer, Service, open_socket, serving

DIRECTIVES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
RAW = (
    b"G\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
)


@dataclass(frozen=True)
class Asked:
    """A request: a method and a path, or bytes of any kind."""

    method: str
    path: str
    raw: bytes = b""

    def __str__(self) -> str:
        return repr(self.raw) if self.raw else f"{self.method} {self.path}"


STATIC = (
    "/static/main.js",
    "/static/style.css",
    "/static/none.js",
    "/assets/look.js",
    "/assets/none",
    "/docs/style.css",
)
ASKED = tuple(
    [
        Asked("GET", path)
        for path in (
            "/",
            "/docs",
            "/health",
            "/metrics",
            "/languages",
            "/openapi.json",
            "/spec",
            "/api/models",
            "/frontend/settings",
            "/nothing",
            "/download_file/x",
            "/v2/usage",
            *STATIC,
        )
    ]
    + [
        Asked("POST", path)
        for path in (
            "/api/translate",
            "/api/explain",
            "/translate",
            "/detect",
            "/translate_file",
            "/v2/translate",
            "/suggest",
            "/health",
            "/api/translate/stream",
        )
    ]
    + [Asked(method, "/") for method in ("PUT", "OPTIONS", "HEAD", "BREW")]
    + [Asked("RAW", "", raw) for raw in RAW]
)


def drawn_request(rng: random.Random) -> Asked:
    path = rng.choice([asked.path for asked in ASKED if asked.path])
    return Asked(
        rng.choice(("GET", "POST", "PUT", "OPTIONS", "HEAD")), path + rng.choice(("", "", "/", "?a=b", "%00"))
    )


@contextmanager
def look_at_headers(product: Product) -> Iterator[Try[Asked]]:
    with serving(product) as service:

        def try_(asked: Asked) -> Fault | None:
            answer = _raw(service, asked.raw) if asked.raw else service.ask(asked.method, asked.path, b"{}")
            if answer.status == 0:
                return None
            return policy_of(answer)

        yield try_


def _raw(service: Service, data: bytes) -> Answer:
    with open_socket(service) as connection:
        connection.sendall(data)
        received = connection.recv(65_536).decode(errors="replace")
    head = received.partition("\r\n\r\n")[0].splitlines()
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
    return Answer(int(head[0].split()[1]) if head else 0, b"", headers, 0.0)


def policy_of(answer: Answer) -> Fault | None:
    policy = answer.headers.get("content-security-policy", "")
    if not policy:
        return Fault(f"status {answer.status} without a Content-Security-Policy")
    told = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    for name, value in DIRECTIVES.items():
        if told.get(name) != value:
            return Fault(f"status {answer.status}: {name} is {told.get(name)!r} instead of {value!r}")
    if "unsafe" in policy or answer.headers.get("x-content-type-options") != "nosniff":
        return Fault(f"status {answer.status}: {policy}; x-content-type-options must be nosniff")
    return None


POLICY: Trials[Product, Asked] = Trials(
    "policy",
    "every answer, a refusal too, carries the policy that lets a page run nothing but what came with it",
    look_at_headers,
    drawn_request,
    ASKED,
    show=str,
    share=0.5,
    most=500,
)
