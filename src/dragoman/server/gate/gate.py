"""What every request passes, whatever it asks for: who may come in, how much, how long. Knows no route's meaning.

Requests are read here, whole, within bounds of size and time; what runs behind is cancelled when the client leaves.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dragoman.server.gate.addresses import HOST, client_of, host_of, without_root
from dragoman.server.gate.metrics import Metrics
from dragoman.server.gate.refusals import Refusal, failed, stopping
from dragoman.server.gate.schema import shown
from dragoman.server.settings import Limits, Network

log = logging.getLogger("dragoman.server")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
UPLOADS = ("/translate_file",)
_LABELS = re.compile(r"/(static|assets|download_file)/")


class Gate:
    """An ASGI application around another."""

    def __init__(
        self, app: ASGIApp, network: Network, limits: Limits, metrics: Metrics, paths: frozenset[str]
    ) -> None:
        """paths: those that are counted under their own name."""
        self._app, self._network, self._limits, self._metrics, self._paths = (
            app,
            network,
            limits,
            metrics,
            paths,
        )
        self._hosts = {"localhost", network.host.lower(), *(name.lower() for name in network.allowed_hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, _ended_at_last(receive), send)
        if scope["type"] != "http":  # a websocket
            return await send({"type": "websocket.close", "code": 1008})
        root = self._network.root_path
        scope["path"] = without_root(scope["path"], self._network)
        if root and scope["path"] == root and scope["method"] == "GET" and root not in self._paths:
            return await moved(send, f"{root}/")
        started, answer = time.monotonic(), _Answer(scope, send, self._origin(scope))
        noted: dict[str, object] = {}
        scope.setdefault("state", {})["noted"] = noted
        try:
            await self._pass(scope, receive, answer)
        except Refusal as refusal:
            await answer.refuse(refusal)
        except asyncio.CancelledError:  # the service ends, and this was not done in time
            await answer.refuse(stopping())
        except _Left:
            self._metrics.count("dragoman_requests_total", route=self._label(scope), status="left")
        except Exception:
            log.exception("a request failed", extra={"path": self._label(scope)})
            await answer.refuse(failed())
        seconds, label = time.monotonic() - started, self._label(scope)
        if answer.status:
            self._metrics.count("dragoman_requests_total", route=label, status=str(answer.status))
            self._metrics.observe("dragoman_request_seconds", seconds, route=label)
        extra = {"method": scope["method"], "route": label, "status": answer.status or "left", **noted}
        log.info(
            "request", extra=extra | {"seconds": round(seconds, 4), "client": client_of(scope, self._network)}
        )
        return None

    def _label(self, scope: Scope) -> str:
        path: str = scope["path"]
        if path in self._paths:
            return path
        group = _LABELS.match(path)
        return group.group() if group else "other"

    # -- who ----------------------------------------------------------------------------------------------------

    def _origin(self, scope: Scope) -> str | None:
        """The site that this answer may be read by, beside our own pages."""
        origin = Headers(scope=scope).get("origin")
        origins = self._network.origins
        return origin if origin and (origin in origins or "*" in origins) else None

    def _refuse_strangers(self, scope: Scope, headers: Headers) -> None:
        host = HOST.fullmatch(host_of(scope, self._network))
        name = host["name"].lower().rstrip(".") if host else ""
        # A name that an attacker makes point to this machine is how a web page would get at a local server
        # (DNS rebinding); an address cannot be made to point elsewhere.
        if not (name in self._hosts or name.endswith(".localhost") or _is_address(name)):
            raise Refusal(
                403,
                f"this server is not known as {shown(name)}: start it with --allowed-hosts to let that name in",
            )
        # Browsers send this one; other sites' pages may ask for nothing, not even what they could not read.
        origin = headers.get("origin", "")
        cross = headers.get("sec-fetch-site") == "cross-site" and origin.startswith(("http:", "https:"))
        if cross and origin not in self._network.origins and "*" not in self._network.origins:
            raise Refusal(403, f"pages of {shown(origin)} may not use this server: --origins lets them")

    # -- how much -----------------------------------------------------------------------------------------------

    async def _pass(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        headers = Headers(scope=scope)
        self._refuse_strangers(scope, headers)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return await answer.allow()
        body = await self._body(scope, headers, receive)
        # The client may leave while we work: then nobody needs the answer.
        work = asyncio.ensure_future(self._app(scope, _given(body), answer.send))
        watch = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and not answer.complete:
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                raise _Left
            await work
        finally:
            work.cancel()
            watch.cancel()
        return None

    async def _body(self, scope: Scope, headers: Headers, receive: Receive) -> bytes:
        most = self._limits.body_bytes
        if scope["path"] in UPLOADS:
            most = self._limits.file_bytes + 65_536  # what multipart adds
        too_long = Refusal(413, f"the request is larger than {most:,} bytes")
        announced = headers.get("content-length", "")
        if announced.isdigit() and (len(announced) > 18 or int(announced) > most):
            raise too_long
        found = bytearray()
        try:
            async with asyncio.timeout(self._limits.slowest):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Left
                    found += message.get("body", b"")
                    if len(found) > most:
                        raise too_long
                    if not message.get("more_body", False):
                        return bytes(found)
        except TimeoutError:
            raise Refusal(
                408, f"the request took longer than {self._limits.slowest:g} seconds to arrive"
            ) from None


class _Left(Exception):
    """The client is gone."""


class _Answer:
    """What goes back to the client, with the headers that every answer carries."""

    def __init__(self, scope: Scope, send: Send, origin: str | None) -> None:
        self._scope, self._send, self._origin = scope, send, origin
        self.status, self.complete = 0, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
            if self._origin:
                headers["access-control-allow-origin"] = self._origin
                headers.append("vary", "origin")
            else:
                headers.setdefault("cross-origin-resource-policy", "same-origin")
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.complete = True
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        if self.status:
            return  # too late: the answer has begun
        body, named = refusal.told(self._scope["path"])
        named["content-length"] = str(len(body))
        headers = [(name.encode(), value.encode()) for name, value in named.items()]
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    async def allow(self) -> None:
        """To a browser that asks first whether a page of another site may send something."""
        headers = [(b"access-control-allow-methods", b"GET, POST"), (b"access-control-max-age", b"600"),
                   (b"access-control-allow-headers", b"authorization, content-type")]  # fmt: skip
        allowed = self._origin is not None
        await self.send(
            {
                "type": "http.response.start",
                "status": 204 if allowed else 403,
                "headers": headers if allowed else [],
            }
        )
        await self.send({"type": "http.response.body", "body": b""})


def _ended_at_last(receive: Receive) -> Receive:
    """A `receive` for which being cancelled, as at a second Ctrl-C, is the end of the service too."""

    async def next_message() -> Message:
        try:
            return await receive()
        except asyncio.CancelledError:
            return {"type": "lifespan.shutdown"}

    return next_message


async def moved(send: Send, path: str) -> None:
    """To a browser that left out the last /, from which the addresses in the page are counted."""
    await send({"type": "http.response.start", "status": 308, "headers": [(b"location", path.encode())]})
    await send({"type": "http.response.body", "body": b""})


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _given(body: bytes) -> Callable[[], Awaitable[Message]]:
    """A `receive` that gives what has been read, and then nothing more."""
    todo: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if todo:
            return todo.pop()
        return await asyncio.get_running_loop().create_future()

    return receive


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
