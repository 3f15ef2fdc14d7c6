"""The socket that the service listens on."""

from __future__ import annotations

import socket

from dragoman.server.run import listen
from dragoman.server.settings import Network, Settings


def test_connections_send_at_once() -> None:
    """Each answer took 50 ms on a connection that was kept: its body waited until the client acknowledged its head."""
    with (
        listen(Settings(network=Network(port=0))) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
