"""What an API key may do and has done, and why a request is refused. Keeps nothing: a file does, or Redis."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dragoman.errors import UsageError
from dragoman.server.gate.refusals import Refusal

MONTH = 30 * 86_400  # seconds of a quota's period


@dataclass(frozen=True)
class Key:
    """What is known about a key, which is not the key itself. 0 = no limit."""

    name: str
    created: int  # Unix time
    per_minute: int  # requests
    quota: int  # characters in 30 days
    used: int  # of them


@dataclass(frozen=True)
class Count:
    """What a key may do and what it has done."""

    per_minute: int
    quota: int
    used: int
    period: int  # Unix time at which it began
    allowance: float  # requests that may come at once
    refilled: float  # Unix time of the last request


def counted(count: Count, characters: int, now: float) -> tuple[Count, Refusal | None]:
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
        return left, used_up(quota)
    if per_minute and allowance < 1:
        return left, too_fast(per_minute, 1 + int((1 - allowance) * 60 / per_minute))
    return replace(left, used=used + characters, allowance=allowance - 1 if per_minute else allowance), None


def used_up(quota: int) -> Refusal:
    return Refusal(456, f"the quota of this API key, {quota:,} characters in 30 days, is used up")


def too_fast(per_minute: int, wait: int) -> Refusal:
    """wait: seconds."""
    return Refusal(429, f"slow down: this API key allows {per_minute:,} requests a minute", wait)


def removed() -> Refusal:
    return Refusal(403, "this API key has been removed")


def check_new(name: str, per_minute: int, quota: int) -> None:
    """Raises UsageError for what no key can be called or allow."""
    if not name or not name.isprintable() or len(name) > 100:
        raise UsageError(f"a key needs a printable name of at most 100 characters, not {name!r}")
    if min(per_minute, quota) < 0:
        raise UsageError("the limits of a key must be at least 0, which is no limit")


def taken(name: str) -> UsageError:
    return UsageError(f"there is a key named {name!r} already: remove it first")


def unknown(name: str) -> UsageError:
    return UsageError(f"there is no key named {name!r}")
