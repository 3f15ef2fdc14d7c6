"""Where limits and keys are kept: in this process and a file, or in a Redis that replicas share. Refuses nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from dragoman.server.gate.counts import Key
from dragoman.server.gate.keys import Keys
from dragoman.server.gate.limits import AddressLimit
from dragoman.server.gate.link import PATIENCE, Link
from dragoman.server.gate.replicas import SharedAddressLimit, SharedKeys
from dragoman.server.settings import Settings

T = TypeVar("T")
ASKING = 8  # threads that wait for Redis; each waits for less than a millisecond as a rule
ALL_IN_ALL = PATIENCE + 0.1  # seconds, where it is not Redis that is slow: a name server may take many
READ_AGAIN = 2.0  # seconds between two readings of the keys, for the time without Redis


class AddressStore(Protocol):
    def spend(self, address: str) -> None: ...


class KeyStore(Protocol):
    @property
    def in_force(self) -> bool: ...
    def find(self, key: str) -> Key | None: ...
    def spend(self, name: str, characters: int) -> None: ...


class State(Protocol):
    """What one process of the service needs of it."""

    addresses: AddressStore
    keys: KeyStore | None

    @property
    def told(self) -> str | None:
        """How it stands, for /health."""

    async def open(self) -> None: ...
    async def run(self, work: Callable[[], T]) -> T:
        """Work with the stores, where it does not hold up the event loop. It may be begun anew."""

    async def close(self) -> None: ...


class LocalState:
    """Of one machine: addresses in memory, keys in a file that its processes share."""

    def __init__(self, settings: Settings) -> None:
        self.addresses: AddressStore = _alone(settings)
        self._file = Keys(settings.keys) if settings.keys else None
        self.keys: KeyStore | None = self._file

    @property
    def told(self) -> str | None:
        return None

    async def open(self) -> None:
        pass

    async def run(self, work: Callable[[], T]) -> T:
        return work()

    async def close(self) -> None:
        if self._file:
            self._file.close()


class SharedState:
    """Of all replicas."""

    def __init__(self, settings: Settings, link: Link) -> None:
        self._link, self._keys = link, SharedKeys(link)
        self._pool = ThreadPoolExecutor(ASKING, "state")
        self.keys: KeyStore | None = self._keys
        self.addresses: AddressStore = SharedAddressLimit(link, settings.limits.per_minute, _alone(settings))

    @property
    def told(self) -> str | None:
        return self._link.told

    async def open(self) -> None:
        await asyncio.to_thread(self._link.watch, self._keys.refresh, READ_AGAIN)

    async def run(self, work: Callable[[], T]) -> T:
        if not self._link.is_up:
            return work()
        asked = asyncio.get_running_loop().run_in_executor(self._pool, work)
        try:
            return await asyncio.wait_for(asyncio.shield(asked), ALL_IN_ALL)
        except TimeoutError:
            asked.add_done_callback(lambda late: late.cancelled() or late.exception())  # seen
            self._link.lose(f"no answer within {ALL_IN_ALL:g} seconds")
            return work()

    async def close(self) -> None:
        await asyncio.to_thread(self._link.close)
        self._pool.shutdown(wait=False, cancel_futures=True)


def _alone(settings: Settings) -> AddressLimit:
    # Each process counts for itself, and connections come to all of them alike.
    return AddressLimit(settings.limits.per_minute / settings.network.workers)
