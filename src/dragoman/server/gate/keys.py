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
from hashlib import sha256
from pathlib import Path

from dragoman.errors import UsageError
from dragoman.server.gate.counts import Count, Key, check_new, counted, removed, taken, unknown
from dragoman.server.gate.refusals import overloaded

PREFIX = "drg_"
LONGEST_WAIT = 1.0  # seconds for another process to finish with the file; it takes microseconds
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

    @property
    def in_force(self) -> bool:
        """Whether a key that is sent must be one of these: an empty file too is a file of keys."""
        return True

    def close(self) -> None:
        self._database.close()

    def add(self, name: str, per_minute: int = 0, quota: int = 0) -> str:
        """A new key, which is shown this once. Raises UsageError for a name that is taken."""
        check_new(name, per_minute, quota)
        key, now = new_key(), time.time()
        row = (name, hash_of(key), int(now), per_minute, quota, int(now), float(per_minute), now)
        try:
            self._database.execute(
                "insert into keys (name, hash, created, per_minute, quota, period, allowance, refilled) "
                "values (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        except sqlite3.IntegrityError:
            raise taken(name) from None
        return key

    def remove(self, name: str) -> None:
        if not self._database.execute("delete from keys where name = ?", (name,)).rowcount:
            raise unknown(name)

    def all(self) -> list[Key]:
        rows = self._database.execute(
            "select name, created, per_minute, quota, used from keys order by created"
        )
        return [Key(*row) for row in rows]

    def find(self, key: str) -> Key | None:
        """The key that a client sent, if it is one of ours and not removed."""
        row = self._database.execute(
            "select name, created, per_minute, quota, used from keys where hash = ?", (hash_of(key),)
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
                raise removed()
            left, refusal = counted(Count(*row), characters, time.time())
            self._database.execute(
                "update keys set used = ?, period = ?, allowance = ?, refilled = ? where name = ?",
                (left.used, left.period, left.allowance, left.refilled, name),
            )
        if refusal:
            raise refusal

    def rows(self) -> list[tuple[str, str, int, int, int, int, int]]:
        """All that has to be known to keep them elsewhere: name, hash, limits, use, when made, when counted from."""
        return self._database.execute(
            "select name, hash, per_minute, quota, used, created, period from keys order by created"
        ).fetchall()

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


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(key: str) -> str:
    """What is kept of a key."""
    return sha256(key.encode(errors="replace")).hexdigest()
