"""Requests that nobody would send by mistake: bodies, methods, paths, bytes, and what schemathesis makes up.

Each is answered soon, none makes the server fail, and after each the server answers others.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attacks.attack import Budget, Counts, Example, Fault, Trials, Try, halves
from attacks.commands import environment
from attacks.product import Product
from attacks.service import Service, fault_of_answer, open_socket, serving

BODIES: dict[str, dict[str, Any]] = {
    "/api/translate": {"text": "A dog.", "source": "en", "target": "zh", "n_best": 2, "glossary": {"dog": "狗"},
                       "prefix": "狗", "beam_size": 3, "length_penalty": 1.0, "format": "html", "alignments": True,
                       "scores": True},
    "/api/translate/stream": {"text": "A dog.", "source": "en", "prefix": "狗"},
    "/api/explain": {"text": "A dog.", "reference": "狗。", "without": "causal_mask", "model": None},
    "/translate": {"q": "A dog.", "source": "en", "target": "zh", "format": "text", "alternatives": 1, "api_key": "x"},
    "/detect": {"q": "A dog."},
    "/v2/translate": {"text": ["A dog."], "target_lang": "ZH", "source_lang": "EN", "tag_handling": "html"},
    "/v2/usage": {}, "/v2/languages": {"type": "source"}, "/suggest": {"q": "a", "s": "b"},
    "/translate_file": {"source": "en", "target": "zh"},
}  # fmt: skip
READ = (
    "/",
    "/health",
    "/metrics",
    "/languages",
    "/docs",
    "/spec",
    "/openapi.json",
    "/api/models",
    "/frontend/settings",
)
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, 0.5, "", " ", "\x00", "\ud800", "🙂" * 50, "<b>", "%s", "a" * 5000, [], {}, [[]],
    ["x", None], {"a": 1}, ["x"] * 300, "../../etc/passwd", "zh-Hant-" * 10, "\u202eabc", "{{{{", "&#0;", "</p></p>",
    float("nan"), float("inf"), "\ufdd0", "0", -(2**63), [""], {"": ""}, {"a": None}, "en", 2**31,
)  # fmt: skip
KINDS = (
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain", "",
    "application/json; charset=utf-16", "multipart/form-data", "\xe9",
)  # fmt: skip
RAW = (
    b"", b"{", b"[" * 50_000, b'{"q":' * 3000, b"\xff" * 500, b"q=%ff%00&" * 20, b"&" * 5000, b"a=" * 2000,
    b"--b\r\n\r\n--b--", b'{"text":' + b"1" * 6000 + b"}", b'{"q":"a","q":[]}', b"null", b"NaN", b'"text"', b"\xef\xbb\xbf{}",
    b"--b\r\nContent-Disposition: form-data; name=file; filename=x.docx\r\n\r\nPK\x03\x04\r\n--b--", b"--b" * 5000,
    b'{"text":"\\ud800"}', b"q=a&source=en&target=zh&q=b", b"\0" * 100,
)  # fmt: skip
METHODS = (
    "POST",
    "POST",
    "POST",
    "POST",
    "GET",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "HEAD",
    "BREW",
)
ODD_PATHS = (
    "/..%2f..%2fetc/passwd", "/static/../app.py", "/static/%2e%2e/app.py", "//", "/download_file/../../x", "/%00", "/a" * 2000,
    "/download_file/%0d%0aX:%20y", "/api/translate/", "/static/", "/assets/%ff", "/?q=" + "a" * 5000, "*", "/translate?q=a",
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
            assert isinstance(part, bytes)
            yield replace(request, body=part)


@contextmanager
def ask(product: Product) -> Iterator[Try[Request]]:
    with serving(product) as service:

        def try_(request: Request) -> Fault | None:
            headers = {"content-type": request.kind} if request.kind else {}
            try:
                answer = service.ask(request.method, request.path, request.body, headers)
            except TimeoutError:
                return Fault("no answer within 45 s")
            except ValueError:
                return None  # http.client does not send such a path: SOCKETS does
            if answer.status == 0:
                return Fault("the server hung up without an answer")
            return fault_of_answer(service, answer, (501, 503, 504))

        yield try_


HTTP: Trials[Product, Request] = Trials(
    "http",
    "a malformed request is answered soon, with a reason: none makes the server fail, none leaves a traceback",
    ask, drawn, (), smaller, str, share=2.0,
)  # fmt: skip


# -- bytes ------------------------------------------------------------------------------------------------------

HEAD = b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = b'{"text":"A dog.","source":"en","target":"zh"}'
GOOD = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
RUDE = (
    HEAD + b"Content-Length: 45\r\nContent-Length: 4\r\n\r\n" + BODY,
    HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2d\r\n" + BODY + b"\r\n0\r\n\r\nGET /health HTTP/1.1\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n", HEAD + b"Content-Length: 9e9\r\n\r\n", HEAD + b"Content-Length: " + b"9" * 500 + b"\r\n\r\n",
    CHUNKED + b"ffffffffffffffffff\r\n" + BODY, CHUNKED + b"-1\r\n\r\n", CHUNKED + b"2d;" + b"x" * 100_000 + b"\r\n", CHUNKED + b"zz\r\n",
    CHUNKED + b"1\r\n{\r\n" * 20_000, CHUNKED, b"GET / HTTP/1.0\r\n\r\n", b"GET /\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, b"\0" * 100, b"\r\n" * 50_000, b"G" * 200_000, b"",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 200_000,
    b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", b"GET / HTTP/1.1\nHost: localhost\n\n", b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    HEAD + b"Expect: 100-continue\r\nContent-Length: 45\r\n\r\n" + BODY, HEAD + b"Content-Encoding: gzip\r\nContent-Length: 45\r\n\r\n" + BODY,
    GOOD * 50, GOOD[:-20], HEAD, GOOD[:30],
)  # fmt: skip


@dataclass(frozen=True)
class Bytes:
    """What is written to a socket. half_closed: nothing more will come, and the server is told so."""

    data: bytes
    half_closed: bool = False

    def __str__(self) -> str:
        return f"{self.data[:600]!r}{' half-closed' if self.half_closed else ''}"


def drawn_bytes(rng: random.Random) -> Bytes:
    if rng.random() < 0.25:
        return Bytes(rng.choice(RUDE), rng.random() < 0.5)
    data = bytearray(rng.choice((GOOD, CHUNKED + b"2d\r\n" + BODY + b"\r\n0\r\n\r\n", GOOD * 3)))
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data))
        kind = rng.random()
        if kind < 0.5:
            data[place] = rng.choice((rng.randrange(256), 0, 10, 13, 32, 58, 255))
        elif kind < 0.8:
            del data[place : place + rng.randint(1, 8)]
        else:
            data[place:place] = rng.choice((b"\r\n", b"\0", b": ", rng.randbytes(4)))
    return Bytes(bytes(data), rng.random() < 0.3)


@contextmanager
def write_bytes(product: Product) -> Iterator[Try[Bytes]]:
    with serving(product, "--slowest", "1") as service:

        def try_(sent: Bytes) -> Fault | None:
            began = time.monotonic()
            received = exchanged(service, sent)
            seconds = time.monotonic() - began
            if seconds > 30:
                return Fault(f"the connection stayed open for {seconds:.0f} s, with --slowest 1")
            statuses = [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
            if bad := [status for status in statuses if status >= 500 and status not in (501, 503, 505)]:
                return Fault(f"status {bad[0]}")
            health = service.ask("GET", "/health")
            return fault_of_answer(service, health) or (
                None if health.status == 200 else Fault("no health after it")
            )

        yield try_


def exchanged(service: Service, sent: Bytes) -> bytes:
    """All that comes back until the server hangs up, or has said nothing for long enough."""
    received = b""
    with open_socket(service, 20.0) as connection:
        try:
            connection.sendall(sent.data)
            if sent.half_closed:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65_536):
                received += part
        except OSError:
            pass  # it hung up while we were sending; a connection that is kept is left by us
    return received


SOCKETS: Trials[Product, Bytes] = Trials(
    "sockets",
    "bytes that are no HTTP, or two requests in one, are answered or hung up on, and others are served meanwhile",
    write_bytes, drawn_bytes, tuple(map(Bytes, RUDE)),
    lambda sent: (Bytes(part, sent.half_closed) for part in halves(sent.data) if isinstance(part, bytes)), str,
)  # fmt: skip


# -- schemathesis -----------------------------------------------------------------------------------------------

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


class Schema:
    """Whatever schemathesis makes of the OpenAPI document, looking inside included."""

    name = "schema"
    promise = "every answer is as the OpenAPI document says, and no request it allows or forbids makes the server fail"
    share = 2.0

    def run(self, product: Product, budget: Budget, rng: random.Random, only: int | None = None) -> Counts:
        if importlib.util.find_spec("schemathesis") is None:
            return Counts(left_out="schemathesis is not installed")
        seed = rng.getrandbits(31) if only is None else only
        with serving(product) as service, product.passing_folder() as folder:
            counts = self._counted(service, folder, seed, max(10.0, budget.left))
            if fault := fault_of_answer(service, service.ask("GET", "/health")):
                counts.examples.append(Example("all of them", fault.what, seed))
                counts.failed += 1
            return counts

    def _counted(self, service: Service, folder: Path, seed: int, seconds: float) -> Counts:
        tool = str(Path(sys.executable).with_name("schemathesis"))
        events = folder / "events.ndjson"
        command = [
            tool, "run", f"{service.url}/openapi.json", "--checks", CHECKS, "--seed", str(seed), "--warnings", "off",
            "--generation-database", "none", "-n", "1000", "--phases", "coverage,fuzzing", "--request-timeout", "45",
            "--report", "ndjson", "--report-ndjson-path", str(events), "--no-color",
        ]  # fmt: skip
        with subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
        ) as process:
            try:
                out, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)  # it then says what it has found so far
                try:
                    out, _ = process.communicate(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    out, _ = process.communicate()
        return counted(events.read_text(encoding="utf-8") if events.exists() else "", out, seed)


def counted(events: str, out: str, seed: int) -> Counts:
    """Requests and failed checks in the events that schemathesis writes, one JSON object a line."""
    counts = Counts()
    for line in filter(None, events.splitlines()):
        event = json.loads(line)
        recorder = event.get("ScenarioFinished", {}).get("recorder", {})
        for name, interaction in recorder.get("interactions", {}).items():
            counts.tried += 1
            failed = [
                one for one in recorder.get("checks", {}).get(name, []) if one.get("status") == "failure"
            ]
            if (interaction.get("response") or {}).get("status_code") in (503, 504):  # "try again": an answer
                failed = [one for one in failed if one.get("name") != "not_a_server_error"]
            if failed:
                counts.failed += 1
                if len(counts.examples) < 3:
                    counts.examples.append(_example(interaction, failed[0], seed))
    if not counts.tried:
        counts.tried = counts.failed = 1
        counts.examples.append(Example("schemathesis", f"tried nothing: {out[-500:]}", seed))
    return counts


def _example(interaction: dict[str, Any], check: dict[str, Any], seed: int) -> Example:
    request = interaction.get("request", {})
    body = request.get("body") or request.get("encoded_body") or ""
    if isinstance(body, dict):
        body = base64.b64decode(body.get("$base64", body.get("payload", ""))).decode(errors="replace")
    status = interaction.get("response", {}) or {}
    what = f"{check.get('name')}: {json.dumps(check.get('failure_info', check))[:300]}"
    return Example(
        f"{request.get('method')} {request.get('uri', '')} {str(body)[:300]}",
        f"{status.get('status_code')} {what}",
        seed,
    )


SCHEMA = Schema()
