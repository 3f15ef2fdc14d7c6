"""Limits and API keys in a Redis that replicas share, and what each replica does alone while it is lost.

Each decision is one script by the clock of Redis, so that limits are exact over all replicas. A Redis that was emptied,
or started anew without its data, gets back the keys that replicas know by heart. Knows no HTTP.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass
from hashlib import sha256

from dragoman.server.gate.counts import (
    MONTH,
    Count,
    Key,
    check_new,
    counted,
    removed,
    taken,
    too_fast,
    unknown,
    used_up,
)
from dragoman.server.gate.keys import Keys, hash_of, new_key
from dragoman.server.gate.limits import AddressLimit, network_of
from dragoman.server.gate.limits import too_fast as address_too_fast
from dragoman.server.gate.link import Link, LostError
from dragoman.server.gate.refusals import Refusal

KEY, HASHES, ADDRESS = "dragoman:key:", "dragoman:keys", "dragoman:address:"
OWED = "dragoman:owed:"
MARK = "dragoman:keys-mark"  # another one in a Redis that was emptied
log = logging.getLogger("dragoman.server")


class SharedAddressLimit:
    """`AddressLimit` over all replicas."""

    def __init__(self, link: Link, per_minute: float, alone: AddressLimit) -> None:
        """alone: what counts while Redis is lost."""
        self._link, self._per_minute, self._alone = link, per_minute, alone

    def spend(self, address: str) -> None:
        """Count one request. Raises Refusal (429) when they come too fast."""
        if not self._per_minute:
            return
        # Redis has no use for addresses as such, and one that a proxy hands on may be of any length.
        who = sha256(network_of(address).encode(errors="replace")).hexdigest()[:32]
        try:
            wait = self._link.script("address", [ADDRESS + who], self._per_minute)
        except LostError:
            self._alone.spend(address)
            return
        if wait:
            raise address_too_fast(self._per_minute, wait)


@dataclass(frozen=True)
class _Known:
    """A key as it was last read."""

    key: Key
    period: int  # Unix time


class SharedKeys:
    """`Keys` over all replicas. Each knows them by heart, so that those who have one are let in without Redis."""

    def __init__(self, link: Link) -> None:
        self._link, self._lock = link, threading.Lock()
        self._known: dict[str, _Known] | None = None  # by hash; None before they have been read
        self._mark: bytes | None = None  # of the Redis that they were read from
        self._alone: dict[str, Count] = {}  # counted since Redis was lost, by name
        self._owed: dict[str, int] = {}  # characters that Redis has not been told of, by name
        # As they are told, each under a mark: the answer may be lost, and not what was told.
        self._telling: list[tuple[str, str, int]] = []

    @property
    def in_force(self) -> bool:
        """Whether a key that is sent must be one of these. Without any, keys are of no meaning here."""
        return self._known is None or bool(self._known)

    def close(self) -> None:
        """The link is its owner's."""

    def add(self, name: str, per_minute: int = 0, quota: int = 0) -> str:
        """A new key, which is shown this once. Raises UsageError for a name that is taken, and LostError."""
        check_new(name, per_minute, quota)
        key = new_key()
        if not self._link.script("add", [KEY + name, HASHES], name, hash_of(key), per_minute, quota):
            raise taken(name)
        return key

    def take(self, keys: Keys) -> int:
        """Keep here what a file holds, with what has been used; those that are here already stay as they are.

        Returns how many were new.
        """
        return sum(self._link.script("add", [KEY + row[0], HASHES], *row) for row in keys.rows())

    def remove(self, name: str) -> None:
        if not self._link.script("remove", [KEY + name, HASHES]):
            raise unknown(name)

    def all(self) -> list[Key]:
        return sorted((known.key for known in self._read().values()), key=lambda key: (key.created, key.name))

    def _read(self, *hashes: str) -> dict[str, _Known]:
        rows = self._link.script("find", [HASHES], KEY, *hashes)
        found = {}
        for digest, name, *numbers in rows:
            created, per_minute, quota, used, period = map(int, numbers)
            found[digest.decode()] = _Known(Key(name.decode(), created, per_minute, quota, used), period)
        return found

    def find(self, key: str) -> Key | None:
        """The key that a client sent, if it is one of ours and not removed.

        Raises Refusal (503) where it cannot be told: without Redis, a key that was not read before may be a new one.
        """
        digest = hash_of(key)
        try:
            known = self._read(digest).get(digest)
            if known is None and digest in (self._known or {}):  # removed just now, or Redis was emptied
                self._put_back()
                known = self._read(digest).get(digest)
        except LostError:
            known = (self._known or {}).get(digest)
            if known is None:
                raise Refusal(
                    503, "API keys cannot be looked up just now: try again in a moment", 1
                ) from None
        return known.key if known else None

    def spend(self, name: str, characters: int) -> None:
        """Count one request. Raises Refusal: 429 when they come too fast, 456 when the quota is used up."""
        try:
            status, per_minute, quota, wait = self._link.script("spend", [KEY + name], characters, MONTH)
            if status == 403 and self._put_back():
                status, per_minute, quota, wait = self._link.script("spend", [KEY + name], characters, MONTH)
        except LostError:
            self._spend_alone(name, characters)
            return
        if status == 403:
            raise removed()
        if status == 456:
            raise used_up(quota)
        if status == 429:
            raise too_fast(per_minute, wait)

    def _spend_alone(self, name: str, characters: int) -> None:
        with self._lock:
            now = time.time()
            count = self._alone.get(name) or self._begun(name, now)
            self._alone[name], refusal = counted(count, characters, now)
            if refusal is None:
                self._owed[name] = self._owed.get(name, 0) + characters
        if refusal:
            raise refusal

    def _begun(self, name: str, now: float) -> Count:
        """From what Redis said last; a minute's worth of requests may come, as after a quiet minute."""
        for known in (self._known or {}).values():
            key = known.key
            if key.name == name:
                return Count(key.per_minute, key.quota, key.used, known.period, float(key.per_minute), now)
        raise removed()

    def refresh(self) -> None:
        """Tell Redis what was counted without it, and learn which keys there are. Raises LostError."""
        self._put_back()
        with self._lock:
            self._telling += [(secrets.token_hex(8), *owed) for owed in self._owed.items()]
            self._owed.clear()
            while self._telling:
                mark, name, characters = self._telling[0]
                self._link.script("owe", [KEY + name, OWED + mark], characters)
                del self._telling[0]
            self._alone.clear()
        self._known = self._read()

    def _put_back(self) -> bool:
        """If Redis was emptied since keys were read last, give it those: whether it was. Raises LostError.

        Of what they have used, what was counted since then is forgotten: two seconds. A key that another replica has
        put back stays as it is, and one that was removed before is known to nobody.
        """
        with self._lock:
            mark: bytes = self._link.script("mark", [MARK], secrets.token_hex(8))
            emptied, known = self._mark not in (None, mark), self._known or {}
            if emptied:
                for digest, one in known.items():
                    key = one.key
                    row = key.name, digest, key.per_minute, key.quota, key.used, key.created, one.period
                    self._link.script("add", [KEY + key.name, HASHES], *row)
                log.warning(
                    "the shared state was emptied: API keys are put back as they were, translated files are gone, "
                    "and limits begin anew (have Redis write to disk: --appendonly yes)",
                    extra={"redis": self._link.shown, "keys": len(known)},
                )
            self._mark = mark
        return emptied
