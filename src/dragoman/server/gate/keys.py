"""API keys in an SQLite file: hashed, with limits and what has been used. Knows no HTTP.

A key is 256 random bits, so one SHA-256 of it is enough: nothing can be guessed from the hash. The file is in WAL mode:
several processes share it, and what was counted survives kill -9.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from dragoman.errors import UsageError
from dragoman.server.gate.refusals import Refusal, overloaded

PREFIX = "drg_"
LONGEST_WAIT = 1.0  # seconds for another process to finish with the file; it takes microseconds
MONTH = 30 * 86_400  # seconds of a quota's period
_TABLE = """
create table if not exists keys (
    name text primary key,
    hash text not null unique,
    created integer not null,
    per_minute integer not null,
    quota integer not null,
    used integer not null default 0,
    period integer not null,
    allowance real not null,
    refilled real not null
) strict
"""


@dataclass(frozen=True)
class Key:
    """What is known about a key, which is not the key itself. 0 = no limit."""

    name: str
    created: int  # Unix time
    per_minute: int  # requests
    quota: int  # characters in 30 days
    used: int  # of them


class Keys:
    """The file of keys. Safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError for a file that is something else."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                path, timeout=LONGEST_WAIT, isolation_level=None, check_same_thread=False
            )
            self._database.execute("pragma journal_mode = wal")
            # With WAL a crash of the program loses nothing; a power cut may lose the last counts, never the file.
            self._database.execute("pragma synchronous = normal")
            self._database.execute(_TABLE)
            path.chmod(0o600)
        except (sqlite3.Error, OSError) as error:
            raise UsageError(f"{path} is no file of API keys: {error}") from error

    def close(self) -> None:
        self._database.close()

    def add(self, name: str, per_minute: int = 0, quota: int = 0) -> str:
        """A new key, which is shown this once. Raises UsageError for a name that is taken."""
        if not name or not name.isprintable() or len(name) > 100:
            raise UsageError(f"a key needs a printable name of at most 100 characters, not {name!r}")
        if min(per_minute, quota) < 0:
            raise UsageError("the limits of a key must be at least 0, which is no limit")
        key, now = PREFIX + secrets.token_urlsafe(32), time.time()
        row = (name, _hash(key), int(now), per_minute, quota, int(now), float(per_minute), now)
        try:
            self._database.execute(
                "insert into keys (name, hash, created, per_minute, quota, period, allowance, refilled) "
                "values (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        except sqlite3.IntegrityError:
            raise UsageError(f"there is a key named {name!r} already: remove it first") from None
        return key

    def remove(self, name: str) -> None:
        if not self._database.execute("delete from keys where name = ?", (name,)).rowcount:
            raise UsageError(f"there is no key named {name!r}")

    def all(self) -> list[Key]:
        rows = self._database.execute(
            "select name, created, per_minute, quota, used from keys order by created"
        )
        return [Key(*row) for row in rows]

    def find(self, key: str) -> Key | None:
        """The key that a client sent, if it is one of ours and not removed."""
        row = self._database.execute(
            "select name, created, per_minute, quota, used from keys where hash = ?", (_hash(key),)
        ).fetchone()
        return Key(*row) if row else None

    def spend(self, name: str, characters: int) -> None:
        """Count one request. Raises Refusal: 429 when they come too fast, 456 when the quota is used up.

        Requests are let through at an even pace, with up to a minute's worth at once.
        """
        with self._alone():
            row = self._database.execute(
                "select per_minute, quota, used, period, allowance, refilled from keys where name = ?",
                (name,),
            ).fetchone()
            if row is None:
                raise Refusal(403, "this API key has been removed")
            counted, refusal = _counted(_Count(*row), characters, time.time())
            self._database.execute(
                "update keys set used = ?, period = ?, allowance = ?, refilled = ? where name = ?",
                (counted.used, counted.period, counted.allowance, counted.refilled, name),
            )
        if refusal:
            raise refusal

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A transaction that no other process can come between. Raises Refusal where others do not let us in."""
        try:
            self._database.execute("begin immediate")
        except sqlite3.OperationalError:
            raise overloaded(1) from None
        try:
            yield
        except BaseException:
            self._database.execute("rollback")
            raise
        self._database.execute("commit")


@dataclass(frozen=True)
class _Count:
    """What a key may do and what it has done: a row of the file."""

    per_minute: int
    quota: int
    used: int
    period: int  # Unix time at which it began
    allowance: float  # requests that may come at once
    refilled: float  # Unix time of the last request


def _counted(count: _Count, characters: int, now: float) -> tuple[_Count, Refusal | None]:
    """After one more request, and why it is refused, if it is.

    A clock that was set back begins to count from where it stands: what was to come at a time of the other clock, an
    hour or a year ahead, would else be waited for.
    """
    per_minute, quota = count.per_minute, count.quota
    used, period = count.used, min(count.period, int(now))
    allowance = min(per_minute, count.allowance + max(0.0, now - count.refilled) * per_minute / 60)
    if now - period >= MONTH:
        used, period = 0, int(now)
    left = replace(count, used=used, period=period, allowance=allowance, refilled=now)
    if quota and used + characters > quota:
        return left, Refusal(456, f"the quota of this API key, {quota:,} characters in 30 days, is used up")
    if per_minute and allowance < 1:
        wait = 1 + int((1 - allowance) * 60 / per_minute)
        return left, Refusal(429, f"slow down: this API key allows {per_minute:,} requests a minute", wait)
    return replace(left, used=used + characters, allowance=allowance - 1 if per_minute else allowance), None


def _hash(key: str) -> str:
    return sha256(key.encode(errors="replace")).hexdigest()
