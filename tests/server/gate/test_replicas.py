"""Limits and keys: kept here or in Redis they are the same, and a lost Redis is survived."""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol
from unittest import mock

import pytest

from dragoman.errors import ConfigError, MissingExtraError, UsageError
from dragoman.server.downloads import Downloads, SharedDownloads
from dragoman.server.gate import link as link_module
from dragoman.server.gate.counts import MONTH
from dragoman.server.gate.keys import Keys
from dragoman.server.gate.limits import AddressLimit
from dragoman.server.gate.link import Link, LostError, Words, check, without_password
from dragoman.server.gate.refusals import Refusal
from dragoman.server.gate.replicas import SharedAddressLimit, SharedKeys
from dragoman.server.gate.state import SharedState
from dragoman.server.settings import Limits, Settings, check_state
from server.shared_redis import Redis, needs_redis, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with running(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
def link(server: Redis) -> Iterator[Link]:
    server.client.flushall()
    found = Link(server.address, patience=5)  # on a busy machine too
    yield found
    found.close()


class Place(Protocol):
    """One of the ways to keep limits and keys."""

    def keys(self) -> Keys | SharedKeys:
        """The same keys in another process."""

    def addresses(self, per_minute: float) -> AddressLimit | SharedAddressLimit: ...
    def later(self, seconds: float) -> None: ...


class Here:
    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._file, self.now = folder / "keys.sqlite", time.time()
        patch.setattr("time.time", lambda: self.now)

    def keys(self) -> Keys:
        return Keys(self._file)

    def addresses(self, per_minute: float) -> AddressLimit:
        return AddressLimit(per_minute, lambda: self.now)

    def later(self, seconds: float) -> None:
        self.now += seconds


class InRedis:
    """The clock of Redis cannot be set: what is kept is made older instead."""

    def __init__(self, server: Redis, link: Link) -> None:
        self._client, self._link = server.client, link

    def keys(self) -> SharedKeys:
        return SharedKeys(self._link)

    def addresses(self, per_minute: float) -> SharedAddressLimit:
        return SharedAddressLimit(self._link, per_minute, AddressLimit(per_minute))

    def later(self, seconds: float) -> None:
        for name in self._client.keys("dragoman:*:*"):  # type: ignore[union-attr]
            for field in ("at", "refilled", "period"):
                if (value := self._client.hget(name, field)) is not None:
                    self._client.hset(name, field, f"{float(value) - seconds:.6f}")


@pytest.fixture(params=["here", pytest.param("redis", marks=needs_redis)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "here":
        return Here(tmp_path, monkeypatch)
    return InRedis(request.getfixturevalue("server"), request.getfixturevalue("link"))


def refusal(spend: Callable[[], None]) -> tuple[int, int | None] | None:
    try:
        spend()
    except Refusal as refused:
        return refused.status, refused.retry_after
    return None


def test_an_address_has_a_minute_s_worth_at_once_and_then_an_even_pace(place: Place) -> None:
    limit = place.addresses(6)
    ask = lambda who: refusal(lambda: limit.spend(who))  # noqa: E731
    assert [ask("1.2.3.4") for _ in range(8)] == [None] * 6 + [(429, 10)] * 2
    assert ask("1.2.3.5") is None
    place.later(10)
    assert [ask("1.2.3.4") for _ in range(2)] == [None, (429, 10)]
    place.later(1000)
    assert [ask("1.2.3.4") for _ in range(7)] == [None] * 6 + [(429, 10)]


def test_less_than_one_a_minute_is_some_and_none_is_no_limit(place: Place) -> None:
    limit = place.addresses(0.5)
    assert [refusal(lambda: limit.spend("a")) for _ in range(2)] == [None, (429, 120)]
    place.later(121)
    assert refusal(lambda: limit.spend("a")) is None
    assert not any(refusal(lambda: place.addresses(0).spend("a")) for _ in range(100))


def test_networks_of_ipv6_are_one(place: Place) -> None:
    limit = place.addresses(1)
    assert refusal(lambda: limit.spend("2001:db8::1")) is None
    assert refusal(lambda: limit.spend("2001:db8::2")) == (429, 60)


def test_a_key_is_found_until_it_is_removed(place: Place) -> None:
    keys, other = place.keys(), place.keys()
    key = keys.add("Älice: 1", per_minute=5, quota=1000)
    found = other.find(key)
    assert found is not None
    assert (found.name, found.per_minute, found.quota, found.used) == ("Älice: 1", 5, 1000, 0)
    assert abs(found.created - time.time()) < 60
    assert other.find(key + "x") is None and other.find("") is None
    assert other.all() == [found]
    keys.remove("Älice: 1")
    assert other.find(key) is None and other.all() == []
    assert refusal(lambda: other.spend("Älice: 1", 1)) == (403, None)
    for wrong in ("", "a\nb", "x" * 101):
        with pytest.raises(UsageError):
            keys.add(wrong)
    with pytest.raises(UsageError, match="no key named"):
        keys.remove("bob")
    keys.add("bob")
    with pytest.raises(UsageError, match="already"):
        other.add("bob")


def test_a_key_s_requests_come_at_an_even_pace(place: Place) -> None:
    keys = place.keys()
    keys.add("alice", per_minute=3)
    asked = [refusal(lambda: keys.spend("alice", 1)) for _ in range(4)]
    assert asked[:3] == [None] * 3
    assert asked[3] in [(429, 20), (429, 21)]
    place.later(21)
    assert [bool(refusal(lambda: keys.spend("alice", 1))) for _ in range(2)] == [False, True]


def test_a_quota_is_of_all_processes_and_lasts_a_month(place: Place) -> None:
    keys, other = place.keys(), place.keys()
    key = keys.add("alice", quota=100)
    keys.spend("alice", 90)
    assert refusal(lambda: other.spend("alice", 11)) == (456, None)
    other.spend("alice", 10)
    found = keys.find(key)
    assert found is not None and found.used == 100
    place.later(MONTH + 1)
    keys.spend("alice", 100)
    assert refusal(lambda: keys.spend("alice", 1)) == (456, None)


def test_a_clock_that_is_set_back_is_not_waited_for(place: Place) -> None:
    keys, limit = place.keys(), place.addresses(6)
    keys.add("alice", per_minute=60, quota=100)
    keys.spend("alice", 1)
    place.later(-400 * 86_400)
    keys.spend("alice", 30)
    place.later(MONTH + 1)
    keys.spend("alice", 99)
    limit.spend("a")


# -- of Redis alone ----------------------------------------------------------------------------------------------


@needs_redis
def test_many_at_once_get_what_there_is_and_no_more(server: Redis, link: Link) -> None:
    links = [Link(server.address, patience=5) for _ in range(3)]
    limits = [SharedAddressLimit(one, 50, AddressLimit(50)) for one in links]
    stores = [SharedKeys(one) for one in links]
    stores[0].add("alice", quota=500)
    asks = [lambda n=n: limits[n % 3].spend("1.2.3.4") for n in range(200)]
    asks += [lambda n=n: stores[n % 3].spend("alice", 7) for n in range(200)]
    with ThreadPoolExecutor(16) as pool:
        passed = [one is None for one in pool.map(refusal, asks)]
    assert 50 <= sum(passed[:200]) <= 52  # what came in meanwhile
    assert sum(passed[200:]) == 500 // 7
    for one in links:
        one.close()


@needs_redis
def test_redis_holds_neither_keys_nor_addresses_nor_buckets_for_ever(server: Redis, link: Link) -> None:
    key = SharedKeys(link).add("alice")
    SharedAddressLimit(link, 60, AddressLimit(60)).spend("203.0.113.77")
    kept = b"".join(server.client.dump(name) or b"" for name in server.client.keys("*"))  # type: ignore
    names = server.client.keys("*")
    assert key.encode() not in kept and b"203.0.113" not in kept + b"".join(names)  # type: ignore
    (bucket,) = server.client.keys("dragoman:address:*")  # type: ignore[misc]
    assert 0 < server.client.ttl(bucket) <= 61  # type: ignore[operator]


@needs_redis
def test_keys_of_a_file_are_taken_with_what_they_used(link: Link, tmp_path: Path) -> None:
    file, shared = Keys(tmp_path / "keys.sqlite"), SharedKeys(link)
    key = file.add("alice", per_minute=5, quota=1000)
    file.spend("alice", 123)
    assert (shared.take(file), shared.take(file)) == (1, 0)
    assert shared.find(key) == file.find(key)


@needs_redis
def test_a_lost_redis_is_survived_and_told_what_it_missed(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        link = Link(server.address)
        keys = SharedKeys(link)
        key, limit = keys.add("alice", quota=100), SharedAddressLimit(link, 3, AddressLimit(3))
        keys.spend("alice", 40)
        link.watch(keys.refresh, 0.2)
        server.kill()
        found = keys.find(key)
        assert found is not None and link.told.startswith("local since 2")
        assert [refusal(lambda: limit.spend("a")) for _ in range(4)] == [None] * 3 + [(429, 20)]
        keys.spend("alice", 50)
        assert refusal(lambda: keys.spend("alice", 11)) == (456, None)
        assert refusal(lambda: keys.find("drg_other")) == (503, 1)  # a new one, for all that is known
        server.start()
        _until(lambda: link.is_up and keys.find(key).used == 90)  # type: ignore[union-attr]
        link.close()


@needs_redis
def test_what_was_counted_alone_is_told_once_though_the_answer_is_lost(server: Redis, link: Link) -> None:
    """On a busy machine the answer came too late, and the same characters were told, and counted, once more."""
    keys = SharedKeys(link)
    key = keys.add("alice", quota=100)
    keys.refresh()
    with mock.patch.object(link, "command", side_effect=LostError("gone")):
        keys.spend("alice", 40)
    told = link.script

    def unheard(name: str, names: list[str], *arguments: Words) -> object:
        answer = told(name, names, *arguments)
        if name == "owe":
            raise LostError("too late")
        return answer

    with mock.patch.object(link, "script", side_effect=unheard), pytest.raises(LostError):
        keys.refresh()
    with mock.patch.object(link, "command", side_effect=LostError("gone")):
        keys.spend("alice", 7)
    keys.refresh()
    assert keys.find(key).used == 47  # type: ignore[union-attr]


@needs_redis
@pytest.mark.parametrize("restarted", [False, True], ids=["FLUSHALL", "restarted without its data"])
def test_a_redis_that_was_emptied_gets_its_keys_back(
    restarted: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients were told that their key is not known, or their key meant nothing: and no key can be made again."""
    with running(tmp_path, "--appendonly", "no") as server, ExitStack() as stack:
        links = [Link(server.address, patience=5) for _ in range(3)]
        replicas = [SharedKeys(link) for link in links]
        key, gone = replicas[0].add("alice", per_minute=3, quota=100), replicas[0].add("bob")
        replicas[0].spend("alice", 40)
        replicas[0].remove("bob")
        for link, keys in zip(links, replicas, strict=True):
            stack.callback(link.close)
            link.watch(keys.refresh, 3600)  # what a request finds before anybody looks
        if restarted:
            server.kill()
            server.start()
        else:
            server.client.flushall()
        for link, keys in zip(links, replicas, strict=True):
            found = keys.find(key)
            assert found is not None and (found.used, found.quota) == (40, 100) and keys.find(gone) is None
            _until(lambda link=link: link.is_up)  # type: ignore[misc]
            assert keys.in_force
        replicas[0].spend("alice", 50)
        assert refusal(lambda: replicas[1].spend("alice", 11)) == (456, None)
        for keys in replicas:
            keys.refresh()
        assert [one.name for one in replicas[2].all()] == ["alice"]
        said = [record for record in caplog.records if "was emptied" in record.message]
        assert len(said) == 3 and all(record.keys == 1 for record in said)  # type: ignore[attr-defined]


@needs_redis
def test_a_key_is_spent_in_a_redis_that_was_emptied_after_it_was_found(server: Redis, link: Link) -> None:
    keys = SharedKeys(link)
    keys.add("alice", quota=100)
    keys.refresh()
    server.client.flushall()
    keys.spend("alice", 60)
    assert refusal(lambda: keys.spend("alice", 60)) == (456, None)


@needs_redis
def test_the_last_key_that_is_removed_stays_removed(server: Redis, link: Link) -> None:
    """A Redis without keys is not one that was emptied."""
    keys, other = SharedKeys(link), SharedKeys(link)
    key = keys.add("alice")
    keys.refresh()
    other.remove("alice")
    assert keys.find(key) is None and refusal(lambda: keys.spend("alice", 1)) == (403, None)
    keys.refresh()
    assert not keys.in_force and not keys.all()


@needs_redis
def test_limits_begin_anew_and_files_are_gone_where_redis_was_emptied(
    server: Redis, link: Link, tmp_path: Path
) -> None:
    limit, files = SharedAddressLimit(link, 2, AddressLimit(2)), SharedDownloads(link, Downloads(tmp_path))
    with files.open():
        name = files.put(b"text", ".txt")
        assert [refusal(lambda: limit.spend("a")) for _ in range(3)] == [None, None, (429, 30)]
        server.client.flushall()
        assert [refusal(lambda: limit.spend("a")) for _ in range(3)] == [None, None, (429, 30)]
        with pytest.raises(Refusal, match="no such file, or not any more: translate it again"):
            files.get(name)


@needs_redis
def test_nobody_waits_for_a_redis_that_hangs(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        state = SharedState(Settings(state=server.address, limits=Limits(per_minute=5)), Link(server.address))

        async def ask() -> list[float]:
            await state.open()
            server.process.send_signal(signal.SIGSTOP)
            waits = []
            for _ in range(5):
                began = time.monotonic()
                await state.run(lambda: state.addresses.spend("a"))
                waits.append(time.monotonic() - began)
            with pytest.raises(Refusal):
                await state.run(lambda: state.addresses.spend("a"))
            await state.close()
            return waits

        waits = asyncio.run(ask())
        assert waits[0] < 1 and max(waits[1:]) < 0.1  # the first notices: 0.2 seconds on a quiet machine


@needs_redis
def test_what_is_slow_before_redis_is_not_waited_for(server: Redis, link: Link) -> None:
    """A name server that does not answer held requests for as long as it liked: no timeout of a socket is its."""
    state, asked = SharedState(Settings(state=server.address), link), []

    def work() -> int:
        asked.append(link.is_up)
        if link.is_up:
            time.sleep(1)
        return len(asked)

    began = time.monotonic()
    assert asyncio.run(state.run(work)) == 2
    assert asked == [True, False] and time.monotonic() - began < 0.9


def test_a_replica_that_never_met_redis_says_so_to_those_with_keys() -> None:
    link = Link("redis://127.0.0.1:1/0")
    keys = SharedKeys(link)
    assert keys.in_force
    assert refusal(lambda: keys.find("drg_x")) == (503, 1)  # type: ignore[arg-type,return-value]
    with pytest.raises(LostError, match=r"127\.0\.0\.1:1"):
        keys.add("alice")
    link.close()


@needs_redis
def test_loss_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(tmp_path) as server, mock.patch.object(link_module, "TRIED_AGAIN", 0.05):
        link = Link(server.address)
        link.watch(lambda: link.command("PING"), 0.05)
        server.kill()
        _until(lambda: not link.is_up)
        time.sleep(0.3)
        assert [record.message.split(":")[0] for record in caplog.records] == ["the shared state is lost"]
        server.start()
        _until(lambda: link.is_up)
        _until(lambda: len(caplog.records) == 2)
        link.close()


@needs_redis
def test_results_are_given_out_by_any_replica_and_not_for_ever(
    server: Redis, link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (SharedDownloads(link, Downloads(tmp_path)) for _ in range(2))
    with one.open(), other.open():
        name = one.put(b"\0data\xff", ".TXT")
        assert other.get(name) == b"\0data\xff"
        assert 590 <= server.client.ttl(f"dragoman:file:{name}") <= 600  # type: ignore[operator]
        for wrong in ("", "..", "x" * 22, "x" * 22 + ".txt\n", "keys"):
            assert refusal(lambda wrong=wrong: other.get(wrong)) == (404, None)  # type: ignore
        monkeypatch.setattr("dragoman.server.downloads.ROOM", 10)
        newer = other.put(b"12345", ".txt")
        assert refusal(lambda: one.get(name)) == (404, None)  # type: ignore[arg-type,return-value]
        assert one.get(newer) == b"12345"
        link.lose("tried")
        here = one.put(b"here", ".txt")
        assert one.get(here) == b"here"


@needs_redis
def test_a_clock_that_was_set_back_leaves_no_file_for_ever(server: Redis, link: Link, tmp_path: Path) -> None:
    """What had come before it stayed for as long as the clock had jumped, and what came after it went in its place."""
    downloads, ahead = SharedDownloads(link, Downloads(tmp_path)), time.time() + 86_400
    with downloads.open():
        before = downloads.put(b"before", ".txt")
        server.client.zadd("dragoman:files", {before: ahead})
        server.client.expireat(f"dragoman:file:{before}", int(ahead) + 600)
        after = downloads.put(b"after", ".txt")
        assert downloads.get(before) == b"before" and downloads.get(after) == b"after"
        assert server.client.ttl(f"dragoman:file:{before}") <= 600  # type: ignore[operator]
        assert server.client.zscore("dragoman:files", before) <= time.time() + 1  # type: ignore[operator]


@needs_redis
def test_a_file_that_redis_has_no_room_for_stays_here(tmp_path: Path) -> None:
    """One large file made a replica count alone for a while."""
    with running(tmp_path, "--maxmemory", "3mb") as server:
        link, folder = Link(server.address), tmp_path / "here"
        folder.mkdir()
        downloads = SharedDownloads(link, Downloads(folder))
        with downloads.open():
            name = downloads.put(b"x" * 4_000_000, ".txt")
            other = downloads.put(b"y" * 4_000_000, ".txt")
            assert len(downloads.get(name)) == len(downloads.get(other)) == 4_000_000
        assert link.is_up
        link.close()


# -- addresses of Redis ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["redis://h", "redis://h:6379", "redis://h/1", "redis://a_b.c-d.:1", "rediss://u:p%40@h.example:1/15", "redis://[::1]:6379/0",
     "rediss://h/0?ssl_ca_certs=/etc/ca.pem"],
)  # fmt: skip
def test_addresses_of_redis(address: str) -> None:
    check_state(address)
    assert "p%40" not in without_password(address)


@pytest.mark.parametrize(
    "address",
    ["", "h:6379", "http://h", "redis://", "redis://h:0", "redis://h:99999", "redis://:secret@", "redis://h/x",
     "redis://:secret@h/0?db=1", "redis://:sec/ret@h:1/0", "redis://h:6379/0/1",
     # Passed on, these were a traceback: Python's own errors for a part of a name and for a number.
     "redis://a..b", "redis://.:1", f"redis://{'a' * 64}", "redis://h:６３", "redis://h/٣"],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ConfigError, match="redis://HOST") as refused:
        Settings(state=address)
    assert "sec" not in str(refused.value)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_of_no_authority_is_named_at_the_start(content: bytes | None, tmp_path: Path) -> None:
    """Redis counted as lost for good, for "No such file or directory" and no name."""
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(UsageError, match=r"ca.pem \(ssl_ca_certs\) holds no certificates"):
        check(f"rediss://:secret@127.0.0.1:1/0?ssl_ca_certs={tmp_path / 'ca.pem'}")


def test_a_certificate_that_is_not_believed_is_the_starter_s_to_hear(monkeypatch: pytest.MonkeyPatch) -> None:
    """It will not be believed later either: the server went by its own, as if Redis were away."""
    import redis

    def doubt(*_: object) -> None:
        try:
            raise ssl.SSLCertVerificationError("self-signed certificate")
        except ssl.SSLError as error:
            raise redis.ConnectionError(str(error)) from error

    monkeypatch.setattr(redis.Redis, "execute_command", doubt)
    with pytest.raises(UsageError, match="not believed") as refused:
        check("rediss://:secret@localhost:1/0")
    assert "secret" not in str(refused.value)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dragoman\[redis\]'"):
        check("redis://h")


def test_a_file_of_keys_and_a_state_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="serve keys import"):
        Settings(state="redis://h", keys=Path("k.sqlite"))
    assert "secret" not in repr(Settings(state="redis://:secret@h"))


@needs_redis
def test_a_wrong_password_is_the_starter_s_to_hear(tmp_path: Path) -> None:
    with running(tmp_path, "--requirepass", "right") as server:
        assert check(server.address.replace("//", "//:right@")) is None
        for wrong in (server.address, server.address.replace("//", "//:wrong@")):
            with pytest.raises(UsageError, match="password that is right") as refused:
                check(wrong)
            assert "wrong@" not in str(refused.value)
        with pytest.raises(UsageError, match="refuses"):
            check(server.address.replace("//", "//:right@").replace("/0", "/99"))
    assert check(server.address) is not None


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
