"""`dragoman health`: does the service on this machine answer? For containers and supervisors. Starts nothing."""

from __future__ import annotations

import http.client
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dragoman.cli.terminal import say
from dragoman.errors import DragomanError, UsageError

USAGE = "dragoman health [--port PORT] [--host ADDRESS]"
EXAMPLES = """Examples:

  dragoman health

  dragoman health --port 8080"""

PROCESSES = Path("/proc")


class UnhealthyError(DragomanError):
    """The service does not answer."""


def health(
    *,
    host: Annotated[
        str | None, Parameter(help="address to ask; by default where `dragoman serve` listens")
    ] = None,
    port: Annotated[int | None, Parameter(help="port to ask; by default that of `dragoman serve`")] = None,
    timeout: Annotated[float, Parameter(help="seconds to wait for the answer", show_default=True)] = 3.0,
) -> None:
    """Ask a running service whether it lives: exit code 0 if it does, 1 if it does not.

    Which port it runs on is read from the command line of the running `dragoman serve`, where the system shows it.
    """
    from dragoman.server.settings import Network

    if port is None:
        found = _the_only_one(serving(PROCESSES)) or (Network.host, Network.port)
        host, port = host or found[0], found[1]
    host = _asked(host or Network.host)
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise UnhealthyError(
            f"nobody answers at {host}, port {port}: {getattr(error, 'strerror', None) or error}"
        ) from error
    finally:
        connection.close()
    if status != 200:
        raise UnhealthyError(f"{host}, port {port}, answers with status {status}")
    say("ok")


def serving(processes: Path) -> set[tuple[str, int]]:
    """Host and port of each `dragoman serve` whose command line the system shows."""
    from dragoman.server.settings import Network

    found = set()
    for path in processes.glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended, or belongs to somebody else
            continue
        if any(_is_serve(pair) for pair in zip(words, words[1:], strict=False)):
            port = _option(words, "--port") or str(Network.port)
            if port.isdecimal() and port != "0":  # which one the system gave it is not shown
                found.add((_option(words, "--host") or Network.host, int(port)))
    return found


def _the_only_one(services: set[tuple[str, int]]) -> tuple[str, int] | None:
    if len(services) > 1:
        ports = ", ".join(sorted(str(port) for _, port in services))
        raise UsageError(f"several services run here, on ports {ports}: name one with --port")
    return next(iter(services), None)


def _is_serve(pair: tuple[str, str]) -> bool:
    program, verb = pair
    return verb == "serve" and Path(program).name in ("dragoman", "__main__.py")


def _option(words: Sequence[str], name: str) -> str:
    """The value of an option, the last where it comes twice; "" where it was not given."""
    found = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == name:
            found = following
        elif word.startswith(f"{name}="):
            found = word.removeprefix(f"{name}=")
    return found


def _asked(host: str) -> str:
    """Where to ask a service that listens on `host`, which may stand for every address."""
    try:
        return "127.0.0.1" if host == "*" or ipaddress.ip_address(host).is_unspecified else host
    except ValueError:
        return host
