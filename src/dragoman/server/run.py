"""From settings to a listening process, or to several that share a socket and the weights. Knows no route."""

from __future__ import annotations

import gc
import ipaddress
import logging
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from dragoman.errors import DragomanError, UsageError
from dragoman.memory import MEGABYTE, SERVING, require
from dragoman.model.directory import open_model
from dragoman.server.app import build
from dragoman.server.connections import PatientProtocol, Server
from dragoman.server.gate.link import check, without_password
from dragoman.server.gate.logs import prepare_log
from dragoman.server.models import Load, Loader, Served, find, stamp_of
from dragoman.server.settings import Settings
from dragoman.text.normalize import read_dictionaries
from dragoman.translate.translator import Translator

log = logging.getLogger("dragoman.server")

Tell = Callable[[str], None]  # says a line to whoever started the service

CONNECTIONS = 4096  # at the same time; more are told to come back
EVERYWHERE = ("::", "*")  # hosts that mean every address there is
MEMORY = Path("/dev/shm")  # where files may be written though the disk is read-only
# Seconds that a thread of Python keeps the interpreter while others want it; Python's own are 0.005. The event loop
# lets it go at every read and write of a socket, and with two threads computing waited twice that for each: with 16
# pages of the largest size at once `/health` took up to 0.49 s, and now up to 0.20, and the pages no longer.
SWITCHING = 0.0005
RESTART_PAUSE = 1.0  # seconds before a process that died is replaced: one that cannot start must not spin


def run(settings: Settings, tell: Tell) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises UsageError for an address that cannot be listened on, and ModelError.

    Several processes have all models read before they part, so that the weights are in memory once; one has the first.
    """
    served = find(settings.engines.models)
    first = [model.path for model in served][: 1 if settings.network.workers == 1 else None]
    load = Loader(settings, {path: (stamp_of(path), open_model(path)) for path in first})
    listening = listen(settings)
    _allow_many_files()
    prepare_log()
    if settings.state:
        _tell_state(settings.state, tell)
    _tell_where(settings, listening, served, tell)
    signal.signal(signal.SIGTERM, _leave)  # after uvicorn's own, which finishes what was accepted
    with _folder(tell) as folder:
        try:
            if settings.network.workers == 1:
                serve(settings, listening, load, folder)
            else:
                _supervise(settings, listening, load, folder)
        except KeyboardInterrupt:
            tell("Stopped.")


@contextmanager
def _folder(tell: Tell) -> Iterator[Path]:
    """For translated files until they are fetched. Where nothing can be written, the rest of the service goes on."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        if os.access(MEMORY, os.W_OK):
            tempfile.tempdir = str(MEMORY)
    try:
        folder = tempfile.TemporaryDirectory(prefix="dragoman-")
    except OSError:
        tell("No files are translated: there is no directory for temporary ones (TMPDIR names one).")
        yield Path(os.devnull)
        return
    with folder as name:
        yield Path(name)


def serve(settings: Settings, listening: socket.socket, load: Load, downloads: Path) -> None:
    """One process of the service. The first model is loaded before it: what is wrong then is the starter's to hear."""
    served = find(settings.engines.models)
    first = served[0].path
    ready = [(first, stamp_of(first), load(first))]
    require(SERVING * MEGABYTE, "serving")

    def loaded(path: Path) -> Translator:
        known, stamp, translator = ready.pop() if ready else (None, None, None)
        fresh = translator if known == path and stamp == stamp_of(path) else None
        return fresh or load(path)

    if any("zh" in (source, *targets) for model in served for source, targets in model.pairs.items()):
        read_dictionaries()
    _collect_little()
    sys.setswitchinterval(SWITCHING)
    Server(configuration(settings, build(settings, loaded, downloads))).run([listening])


def _collect_little() -> None:
    """Let the search for cycles of garbage go through what is young, in small parts, and seldom through all there is.

    With a few long requests at hand there are a million objects; looking through all of them held every thread up for
    0.6 s, again and again, and through 50,000 for 0.12 s. What is loaded by now stays for ever, and is not looked at.
    """
    gc.freeze()
    gc.set_threshold(1_000, 5, 10_000)


def configuration(settings: Settings, app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=type("Patient", (PatientProtocol,), {"patience": settings.limits.slowest}),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        # Files too are finished; a second Ctrl-C does not wait for them.
        timeout_graceful_shutdown=int(max(settings.limits.deadline, settings.limits.file_deadline)) + 1,
    )


def listen(settings: Settings) -> socket.socket:
    """A listening socket; of `::` and `*` for IPv6 and IPv4 both. Raises UsageError, saying what to do."""
    network = settings.network
    try:
        both = network.host in EVERYWHERE and socket.has_dualstack_ipv6()
        host = "::" if both else "0.0.0.0" if network.host == "*" else network.host
        family, *_, address = socket.getaddrinfo(host, network.port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address[:2], family=family, backlog=2048, dualstack_ipv6=both)
        # Connections inherit it. asyncio does not set it for a socket whose protocol is unnamed, as here, and the body
        # of each answer then waits 40 ms for the client to acknowledge the head.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise UsageError(
            f"cannot listen on {network.host}, port {network.port}: {error.strerror or error}; "
            "--port takes another port (0 a free one), --host another address"
        ) from error


def _tell_where(settings: Settings, listening: socket.socket, served: list[Served], tell: Tell) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    pairs = ", ".join(f"{model.name} ({model.told})" for model in served)
    tell(f"Dragoman serves {pairs}")
    if ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        tell(
            f"on http://{shown}:{port}/ for this machine only (--host 0.0.0.0 lets others in). Ctrl-C stops it."
        )
    else:
        who = (
            "whoever has an API key"
            if settings.require_key
            else "anybody who can reach it (--require-key: only with a key)"
        )
        tell(f"on http://{shown}:{port}/ for {who}. Ctrl-C stops it.")


def _tell_state(address: str, tell: Tell) -> None:
    """Raises UsageError where Redis is there, and refuses us."""
    why = check(address)
    lost = f", which does not answer ({why}): this server goes by its own until it does" if why else ""
    tell(f"Limits, keys and results are shared through {without_password(address)}{lost}.")


def _allow_many_files() -> None:
    """Each connection is an open file, and the usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 2 * CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


# -- several processes ------------------------------------------------------------------------------------------


def _supervise(settings: Settings, listening: socket.socket, load: Load, downloads: Path) -> None:
    """Keep as many processes as were asked for; all end with this one."""
    # The children hold the reading end: it ends when this process does, even by kill -9.
    reading, writing = os.pipe()
    children: set[int] = set()

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for child in children:
            os.kill(child, signal.SIGTERM)
        while children:
            children.discard(os.wait()[0])
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while True:
        while len(children) < settings.network.workers:
            children.add(_start(settings, listening, load, downloads, reading, writing))
        ended, _ = os.wait()
        children.discard(ended)
        log.error("a process of the service ended and is replaced", extra={"child": ended})
        time.sleep(RESTART_PAUSE)


def _start(
    settings: Settings,
    listening: socket.socket,
    load: Load,
    downloads: Path,
    reading: int,
    writing: int,
) -> int:
    """The id of a new process that serves."""
    child = os.fork()
    if child:
        return child
    try:
        os.close(writing)
        signal.signal(signal.SIGTERM, _leave)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=_end_with_parent, args=(reading,), daemon=True).start()
        serve(settings, listening, load, downloads)
        os._exit(0)
    except KeyboardInterrupt:
        os._exit(0)
    except SystemExit as ending:
        os._exit(ending.code if isinstance(ending.code, int) else 1)
    except (DragomanError, MemoryError) as error:
        log.error("a process of the service cannot begin", extra={"why": str(error)})
        os._exit(1)
    except BaseException:
        log.exception("a process of the service failed")
        os._exit(1)


def _end_with_parent(reading: int) -> None:
    os.read(reading, 1)
    os.kill(os.getpid(), signal.SIGTERM)
