"""The way to the Redis that replicas share: every request over it is short, and none waits for one that is lost.

Knows commands and scripts, not what is kept. Whoever asks gets an answer or `LostError`, and does without.
"""

from __future__ import annotations

import logging
import re
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from dragoman.errors import DragomanError, MissingExtraError, UsageError

if TYPE_CHECKING:
    import redis

log = logging.getLogger("dragoman.server")

PATIENCE = 0.2  # seconds for an answer: then Redis counts as lost
PATIENCE_WITH_FILES = 2.0  # seconds to send or to get one of some megabytes
TRIED_AGAIN = 0.5  # seconds between attempts to find it again
SCRIPTS = Path(__file__).parent / "lua"
# What every decision needs: a script that writes. One that answers and is full, or runs no scripts, was found again and
# lost again twice a second.
_PROBE = ("EVAL", "return redis.call('SET', KEYS[1], 1, 'PX', 1000)", 1, "dragoman:probe")

Words = str | bytes | int | float


class LostError(DragomanError):
    """Redis does not answer, or says that it cannot."""


class Link:
    """To one Redis. Safe to use from any thread; `watch` looks after it."""

    def __init__(self, address: str, patience: float = PATIENCE) -> None:
        """address: as settings.Settings.state has it. patience: seconds. Raises MissingExtraError."""
        self.shown = without_password(address)
        self._client, self._for_files = _client(address, patience), _client(address, PATIENCE_WITH_FILES)
        self._lost: str | None = None  # when, for people
        self._watching: threading.Thread | None = None
        self._is_served = (
            False  # for a command of the terminal, what it could not do is said by its own error
        )
        self._ended, self._woken = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    @property
    def is_up(self) -> bool:
        return self._lost is None

    @property
    def told(self) -> str:
        """How it stands, for /health."""
        return f"local since {self._lost}" if self._lost else "shared"

    def command(self, *words: Words, with_file: bool = False) -> Any:
        """One command's answer. Raises LostError, at once while Redis is known to be lost.

        with_file: whether megabytes go one way or the other, which takes longer.
        """
        if self._lost is not None:
            raise LostError(f"the Redis at {self.shown} has been lost since {self._lost}")
        return self._attempt(self._for_files if with_file else self._client, *words)

    def script(self, name: str, keys: list[str], *arguments: Words) -> Any:
        """What a script of lua/ gives. Raises LostError."""
        text, digest = _script(name)
        try:
            return self.command("EVALSHA", digest, len(keys), *keys, *arguments)
        except _UnknownScriptError:  # a Redis that was started anew
            return self.command("EVAL", text, len(keys), *keys, *arguments)

    def _attempt(self, client: redis.Redis, *words: Words) -> Any:
        import redis

        try:
            return client.execute_command(*words)  # type: ignore[no-untyped-call]
        except redis.exceptions.NoScriptError:
            raise _UnknownScriptError from None
        except (redis.RedisError, OSError) as error:
            why = _told(error)
            # A file for which there is no room is no reason to count alone.
            if not (client is self._for_files and isinstance(error, redis.ResponseError)):
                self.lose(why)
            raise LostError(f"the Redis at {self.shown} {why}") from None

    def lose(self, why: str) -> None:
        """Do without Redis until it is found again; said once."""
        with self._lock:
            if self._lost is not None:
                return
            self._lost = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self._is_served:
            log.warning(
                "the shared state is lost: limits are this process's own until it is back",
                extra={"redis": self.shown, "why": why},
            )
        self._woken.set()

    # -- finding it again ---------------------------------------------------------------------------------------

    def watch(self, refresh: Callable[[], None], seconds: float) -> None:
        """Call `refresh` now, every so many seconds, and when Redis is found again, until `close`."""
        self._is_served = True
        self._refresh(refresh)
        self._watching = threading.Thread(target=self._watch, args=(refresh, seconds), daemon=True)
        self._watching.start()

    def _watch(self, refresh: Callable[[], None], seconds: float) -> None:
        while not self._ended.is_set():
            if self._lost is None:
                self._woken.wait(seconds)
                self._woken.clear()
            else:
                self._ended.wait(TRIED_AGAIN)
            if not self._ended.is_set():
                self._refresh(refresh)

    def _refresh(self, refresh: Callable[[], None]) -> None:
        since = self._lost
        try:
            if since is not None:
                self._client.execute_command(*_PROBE)  # type: ignore[no-untyped-call]
                self._lost = None
            refresh()
        except LostError:
            return
        except Exception as error:  # the thread that finds Redis again must not end
            if self._lost is None:
                self.lose(f"{type(error).__name__}: {error}")
            return
        if since is not None:
            log.warning("the shared state is back", extra={"redis": self.shown, "since": since})

    def close(self) -> None:
        self._ended.set()
        self._woken.set()
        if self._watching is not None:
            self._watching.join(2 * PATIENCE)
        self._client.close()
        self._for_files.close()


def _told(error: Exception) -> str:
    """What is wrong with Redis, after its name."""
    import redis

    said = str(error)
    if isinstance(error, redis.AuthenticationError) or said.startswith("NOAUTH"):
        return f"wants a name or password that is right: redis://NAME:PASSWORD@HOST ({said})"
    if isinstance(error, redis.ResponseError):
        return f"refuses: {said[:200]}"
    return f"does not answer: {said[:200]}"


class _UnknownScriptError(Exception):
    """Redis does not have it yet."""


@cache
def _script(name: str) -> tuple[str, str]:
    """Its text, and the digest that Redis knows it by."""
    text = (SCRIPTS / f"{name}.lua").read_text(encoding="utf-8")
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


def _client(address: str, patience: float) -> redis.Redis:
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise MissingExtraError(
            "--state redis://... needs redis: install it with  pip install 'dragoman[redis]'"
        ) from error
    _check_authority(address)
    # A command that got no answer may have been done: sent again, a request would count twice.
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(
        address,
        socket_timeout=patience,
        socket_connect_timeout=patience,
        retry=once,
        protocol=2,  # which Redis 5 speaks too
    )


def _check_authority(address: str) -> None:
    """Raises UsageError for a file of certificates that no connection could be checked with.

    Otherwise Redis would count as lost for good, for the reason "No such file or directory" without a name.
    """
    for file in parse_qs(urlsplit(address).query).get("ssl_ca_certs", []):
        try:
            ssl.create_default_context(cafile=file)
        except OSError as error:
            raise UsageError(
                f"--state: {file} (ssl_ca_certs) holds no certificates that can be read: {error.strerror or error}"
            ) from error


def check(address: str) -> str | None:
    """Why Redis does not answer, if it does not. Raises UsageError where it does, and refuses us."""
    link = Link(address, patience=2.0)  # at the start there is time for a name to be looked up
    import redis

    try:
        link._client.execute_command(*_PROBE)  # type: ignore[no-untyped-call]
    except redis.exceptions.OutOfMemoryError as error:  # which passes
        return str(error)
    except (redis.AuthenticationError, redis.ResponseError) as error:
        raise UsageError(f"the Redis at {link.shown} {_told(error)}") from None
    except (redis.RedisError, OSError, ValueError) as error:
        if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
            raise UsageError(
                f"the Redis at {link.shown} shows a certificate that is not believed ({error}): name the file of its "
                "authority with ?ssl_ca_certs=FILE, and the host as the certificate does"
            ) from None
        return str(error)
    finally:
        link.close()
    return None


def without_password(address: str) -> str:
    """An address as it may be printed."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path}"
    except ValueError:
        return re.sub(r"//.*@", "//", address)
