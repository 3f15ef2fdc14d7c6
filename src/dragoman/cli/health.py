"""`dragoman health`: does the service on this machine answer? For containers and supervisors. Starts nothing."""

from __future__ import annotations

import http.client
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dragoman.cli.terminal import say
from dragoman.errors import DragomanError

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

    served = serving(PROCESSES)
    host = host or _asked(_option(served, "--host") or Network.host)
    port = port or int(_option(served, "--port") or Network.port)
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise UnhealthyError(f"nobody answers at {host}, port {port}: {error}") from error
    finally:
        connection.close()
    if status != 200:
        raise UnhealthyError(f"{host}, port {port}, answers with status {status}")
    say("ok")


def serving(processes: Path) -> Sequence[str]:
    """The words of the `dragoman serve` that runs longest; none where no process shows itself as one."""
    numbers = sorted(int(path.name) for path in processes.glob("[0-9]*")) if processes.is_dir() else []
    for number in numbers:
        try:
            words = (processes / str(number) / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended, or belongs to somebody else
            continue
        if "serve" in words and any(
            Path(word).name in ("dragoman", "__main__.py") for word in _before(words)
        ):
            return words
    return []


def _before(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("serve")]


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
