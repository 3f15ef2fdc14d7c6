"""What can be set about the service, each with its default. Opens nothing and decides nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from dragoman.errors import ConfigError

EngineName = Literal["auto", "ctranslate2", "torch"]


# Some proxies take the path away and some do not: below these an address could mean two things.
_OURS = ("/api", "/v1", "/v2")
_ROOT = re.compile(r"(/[A-Za-z0-9._~-]+)+")


_NAME = r"[A-Za-z0-9_-]{1,63}"  # between the dots of a host's: Python has another error for what is longer, or empty
_STATE = re.compile(
    rf"rediss?://([^/?#@\s]*@)?(\[[0-9A-Fa-f:.]+\]|{_NAME}(\.{_NAME})*\.?)(:(?P<port>[0-9]{{1,5}}))?(/[0-9]{{0,4}})?"
    r"(\?ssl_ca_certs=[^&#\s]+)?"
)


def check_state(address: str) -> None:
    """Raises ConfigError for what is no address of a Redis; says nothing of it that could be a password."""
    found = _STATE.fullmatch(address)
    if not found or not 0 < int(found["port"] or 6379) <= 65535:
        raise ConfigError(
            "--state: an address such as redis://HOST:6379/0, or rediss://:PASSWORD@HOST:6379/0 over TLS "
            "(signs in a password as in any URL: %40 for @), not what was given"
        )


@dataclass(frozen=True)
class Network:
    """Where the service listens, and whom it listens to."""

    host: Annotated[
        str, "address to listen on; 0.0.0.0 lets other machines in, :: or * does over IPv4 and IPv6"
    ] = "127.0.0.1"
    port: Annotated[int, "port to listen on; 0 takes a free one"] = 5000
    workers: Annotated[int, "processes; each has engines of its own, and the weights are shared"] = 1
    allowed_hosts: Annotated[
        tuple[str, ...], "names under which browsers may reach it, beside localhost and numeric addresses"
    ] = ()
    origins: Annotated[
        tuple[str, ...], "web sites whose pages may call it, such as https://example.org; * = any"
    ] = ()
    proxies: Annotated[
        tuple[str, ...],
        "addresses or networks of reverse proxies whose X-Forwarded-For, -Proto and -Host are believed",
    ] = ()
    root_path: Annotated[str, "path under which a reverse proxy shows it, such as /dragoman"] = ""

    def __post_init__(self) -> None:
        for proxy in self.proxies:
            try:
                ip_network(proxy, strict=False)
            except ValueError:
                raise ConfigError(
                    f"proxies = {proxy!r}: an address such as 127.0.0.1, or a network such as 172.16.0.0/12"
                ) from None
        if self.root_path in _OURS:
            raise ConfigError(
                f"root_path = {self.root_path!r}: the service has addresses of its own there; take another path"
            )
        if self.root_path and not _ROOT.fullmatch(self.root_path):
            raise ConfigError(
                f"root_path = {self.root_path!r}: a path such as /dragoman, without a / at its end"
            )
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port = {self.port}: must be from 0 to 65535")
        if self.workers < 1:
            raise ConfigError(f"workers = {self.workers}: must be at least 1")


@dataclass(frozen=True)
class Limits:
    """What one request may ask for, and how much work may wait."""

    characters: Annotated[int, "characters of all texts of one request"] = 20_000
    items: Annotated[int, "texts of one request"] = 128
    file_bytes: Annotated[int, "largest file to translate"] = 10_000_000
    beam_size: Annotated[int, "widest beam that may be asked for"] = 10
    n_best: Annotated[int, "most translations of one text that may be asked for"] = 10
    deadline: Annotated[float, "seconds after which a request is refused that could not be answered"] = 9.0
    file_deadline: Annotated[float, "the same, for files"] = 120.0
    files: Annotated[int, "files translated at once; others wait"] = 4
    file_memory: Annotated[int, "bytes of memory that reading one file may take"] = 1_500_000_000
    file_seconds: Annotated[int, "seconds of a processor that reading one file may take"] = 60
    queue: Annotated[int, "sentences that may wait; more are refused at once"] = 2048
    per_minute: Annotated[int, "requests a minute from one address without an API key; 0 = no limit"] = 0
    slowest: Annotated[float, "seconds a client may take to send its request"] = 10.0

    def __post_init__(self) -> None:
        for option in fields(self):
            value, least = getattr(self, option.name), 0 if option.name == "per_minute" else 1
            if not value >= least:
                raise ConfigError(f"{option.name} = {value}: must be at least {least}")

    @property
    def body_bytes(self) -> int:
        """Of a request that is no file: each character may take six bytes in JSON, and there is more than texts."""
        return 12 * self.characters + 65_536


@dataclass(frozen=True)
class Engines:
    """Which models there are, and who computes."""

    models: tuple[str, ...] = ("en-zh",)
    keep: int = 4
    engine: EngineName = "auto"
    device: str = "cpu"
    threads: int | None = None
    compute_type: str | None = None

    def __post_init__(self) -> None:
        if not self.models:
            raise ConfigError("there is no model to serve: name one with -m")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads = {self.threads}: must be at least 1")
        if self.keep < 1:
            raise ConfigError(f"keep = {self.keep}: at least 1 model must stay loaded")


@dataclass(frozen=True)
class Settings:
    """All of it."""

    engines: Engines = field(default_factory=Engines)
    network: Network = field(default_factory=Network)
    limits: Limits = field(default_factory=Limits)
    keys: Path | None = None  # the file of API keys
    require_key: bool = False
    log_text: bool = False  # whether users' text may stand in the log
    state: str | None = field(default=None, repr=False)  # address of Redis, perhaps with a password

    def __post_init__(self) -> None:
        if self.state is not None:
            check_state(self.state)
        if self.keys is not None and self.state is not None:
            raise ConfigError(
                f"--keys {self.keys} and --state: replicas share their keys in Redis, where "
                f"`dragoman serve keys import {self.keys} --state ...` brings those of a file; leave --keys out"
            )
        if self.require_key and self.keys is None and self.state is None:
            raise ConfigError("a key is required, but there is no file of keys: name one with --keys")

    @property
    def threads(self) -> int:
        """Batches that one process translates side by side: one a core, or one on a GPU, unless told otherwise."""
        if self.engines.threads is not None:
            return self.engines.threads
        if self.engines.device != "cpu":
            return 1
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores // self.network.workers)
