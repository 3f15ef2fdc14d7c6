"""Bytes that are no HTTP, or two requests in one, on a socket: answered or hung up on, and others are served."""

from __future__ import annotations

import random
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from attacks.answers import REASONS, fault_of_service
from attacks.attack import Fault, Trials, Try, halves
from attacks.product import Product
from attacks.service import Service, open_socket, serving

HEAD = b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = b'{"text":"A dog.","source":"en","target":"zh"}'
GOOD = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# What is no request is refused before there is anything to answer: in plain text, which runs nothing anywhere.
OF_HTTP = b"Invalid HTTP request received."
RUDE = (
    HEAD + b"Content-Length: 45\r\nContent-Length: 4\r\n\r\n" + BODY,
    HEAD
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2d\r\n"
    + BODY
    + b"\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n",
    HEAD + b"Content-Length: 9e9\r\n\r\n",
    HEAD + b"Content-Length: " + b"9" * 500 + b"\r\n\r\n",
    CHUNKED + b"ffffffffffffffffff\r\n" + BODY,
    CHUNKED + b"-1\r\n\r\n",
    CHUNKED + b"2d;" + b"x" * 100_000 + b"\r\n",
    CHUNKED + b"zz\r\n",
    CHUNKED + b"1\r\n{\r\n" * 20_000,
    CHUNKED,
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET /\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
    b"\0" * 100,
    b"\r\n" * 50_000,
    b"G" * 200_000,
    b"",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 200_000,
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
    b"GET / HTTP/1.1\nHost: localhost\n\n",
    b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    HEAD + b"Expect: 100-continue\r\nContent-Length: 45\r\n\r\n" + BODY,
    HEAD + b"Content-Encoding: gzip\r\nContent-Length: 45\r\n\r\n" + BODY,
    GOOD * 50,
    GOOD[:-20],
    HEAD,
    GOOD[:30],
)


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
            if bad := [status for status in statuses if status >= 500 and status not in (*REASONS, 505)]:
                return Fault(f"status {bad[0]}")
            carried = received.lower().count(b"content-security-policy: ") + received.count(OF_HTTP)
            if sum(status >= 200 for status in statuses) > carried:  # 100 (Continue) is no answer yet
                return Fault(f"statuses {statuses}, and a Content-Security-Policy is missing")
            return fault_of_service(service)

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
    lambda sent: (Bytes(part, sent.half_closed) for part in halves(sent.data)), str,
)  # fmt: skip
