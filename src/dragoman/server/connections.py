"""How long a connection is kept: while it is served, when its client is slow, and when the service ends.

uvicorn's HTTP with bounds. Knows no route and no setting but one.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from dragoman.server.settings import Limits

# Seconds that kept connections stay open after the service was told to end. Who has sent a request on one meanwhile,
# as a proxy does that has not heard of the end, gets an answer.
FAREWELL = 1.0
_CLOSE = (b"connection", b"close")


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP, but patient only for so long: its own waits for ever for the end of the headers."""

    patience = Limits.slowest  # seconds
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._due = self.loop.call_later(self.patience, self._too_slow)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy and self._due is not None:
            self._due.cancel()
            self._due = None
        elif not busy and self._due is None:  # the next request on a connection that is kept
            self._due = self.loop.call_later(self.patience, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._due is not None:
            self._due.cancel()
        super().connection_lost(exc)

    def _too_slow(self) -> None:
        self._due = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def leave(self) -> None:
        """Let the answer that is under way say that it is the last, if it has not begun."""
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.default_headers = [*self.cycle.default_headers, _CLOSE]


class Server(uvicorn.Server):
    """Ends in bounded time, however busy the connections are kept: each gets one answer more, which closes it."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        # Of all answers to come, on connections too that are being accepted just now.
        self.server_state.default_headers = [*self.server_state.default_headers, _CLOSE]
        for connection in self._connections():
            connection.leave()
        until = self._clock() + FAREWELL
        while self.server_state.connections and self._clock() < until and not self.force_exit:
            await asyncio.sleep(0.02)
        dropping = asyncio.create_task(self._drop_the_deaf())
        await super().shutdown(sockets)
        dropping.cancel()

    def _connections(self) -> list[PatientProtocol]:
        return cast(list[PatientProtocol], list(self.server_state.connections))

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()

    async def _drop_the_deaf(self) -> None:
        """Give up clients that have taken nothing of an answer for as long as they may take to send a request."""
        before: dict[PatientProtocol, int] = {}
        while True:
            now = {one: one.transport.get_write_buffer_size() for one in self._connections()}
            for one, left in now.items():
                if left and before.get(one) == left:
                    one.transport.abort()
            before = now
            await asyncio.sleep(PatientProtocol.patience)
