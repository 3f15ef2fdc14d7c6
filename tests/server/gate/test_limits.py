"""The limit on addresses: an even pace, whole networks of IPv6, and no memory without end."""

from __future__ import annotations

import pytest

from dragoman.server.gate.limits import REMEMBERED, AddressLimit, network_of
from dragoman.server.gate.refusals import Refusal


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def passes(limit: AddressLimit, address: str) -> bool:
    try:
        limit.spend(address)
    except Refusal as refusal:
        assert refusal.status == 429
        assert refusal.retry_after
        return False
    return True


def test_a_minute_s_worth_at_once_and_then_an_even_pace() -> None:
    clock = Clock()
    limit = AddressLimit(6, clock)
    assert [passes(limit, "1.2.3.4") for _ in range(8)] == [True] * 6 + [False] * 2
    clock.now = 10
    assert [passes(limit, "1.2.3.4") for _ in range(2)] == [True, False]
    assert passes(limit, "1.2.3.5")
    clock.now = 1000
    assert [passes(limit, "1.2.3.4") for _ in range(7)] == [True] * 6 + [False]


def test_less_than_one_a_minute_is_some() -> None:
    clock = Clock()
    limit = AddressLimit(0.5, clock)
    assert [passes(limit, "a") for _ in range(2)] == [True, False]
    clock.now = 121
    assert passes(limit, "a")


def test_none_is_no_limit() -> None:
    limit = AddressLimit(0)
    assert all(passes(limit, "1.2.3.4") for _ in range(1000))


def test_it_forgets_whom_it_has_not_seen_for_long() -> None:
    limit = AddressLimit(1, Clock())
    for n in range(REMEMBERED + 10):
        limit.spend(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    assert len(limit._buckets) == REMEMBERED


@pytest.mark.parametrize(
    "address, network",
    [
        ("1.2.3.4", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_whom_an_address_belongs_to(address: str, network: str) -> None:
    assert network_of(address) == network
