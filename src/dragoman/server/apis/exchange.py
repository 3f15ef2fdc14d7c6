"""What the APIs have in common of HTTP: who asks, and JSON as an answer. Knows no API's shapes."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dragoman.server.gate.addresses import client_of
from dragoman.server.requests import Client
from dragoman.server.settings import Network


def client(http: Request, network: Network, key: str | None, keyless: int = 403) -> Client:
    """Who asks, with the key that was found in the request. `keyless`: see Client."""
    return Client(client_of(http.scope, network), key, http.scope["state"]["noted"], keyless)


def as_json(value: Any, status: int = 200) -> Response:
    """Half a surrogate pair is no character of UTF-8; it becomes a question mark."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Response(body, status, media_type="application/json")
