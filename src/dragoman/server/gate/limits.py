"""How many requests an address may send. Knows no key, and forgets who has been quiet."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from dragoman.server.gate.refusals import Refusal

REMEMBERED = 10_000  # addresses
IPV6_PREFIX = 64  # bits: what one customer gets, and may take any address of


class AddressLimit:
    """A bucket of requests for each address: filled at an even pace, holding a minute's worth."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        """per_minute: 0 lets all through."""
        self._per_minute, self._clock = per_minute, clock
        self._room = max(1.0, per_minute)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when

    def spend(self, address: str) -> None:
        """Count one request. Raises Refusal (429) when they come too fast."""
        if not self._per_minute:
            return
        now, who = self._clock(), network_of(address)
        left, then = self._buckets.pop(who, (self._room, now))
        left = min(self._room, left + (now - then) * self._per_minute / 60)
        refused = left < 1
        self._buckets[who] = (left if refused else left - 1, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if refused:
            wait = math.ceil((1 - left) * 60 / self._per_minute)
            raise too_fast(self._per_minute, wait)


def too_fast(per_minute: float, wait: int) -> Refusal:
    """wait: seconds."""
    return Refusal(429, f"slow down: {per_minute:g} requests a minute are allowed", wait)


def network_of(address: str) -> str:
    """Whom an address belongs to: itself, or for IPv6 its network."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False))
