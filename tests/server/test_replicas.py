"""Three replicas, a real Redis and a real nginx: they are one service, whichever of them ends."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dragoman.server.gate.state import READ_AGAIN
from dragoman.translate.translator import Translator
from server.shared_redis import Redis, free_port, needs_redis, running

DEPLOY = Path(__file__).parents[2] / "deploy"
TEXTS = [
    f"The {colour} dog sees my {thing}." for colour in ("red", "big") for thing in ("house", "car", "cat")
]
PER_MINUTE, CLIENTS = 60, 64

pytestmark = [
    needs_redis,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed: apt-get install nginx"),
    pytest.mark.slow(reason="three servers start, and are ended again and again beside 64 clients"),
]


@dataclass
class Replica:
    model: Path
    state: str
    log: Path
    port: int = field(default_factory=free_port)

    def start(self) -> None:
        flags = ["-m", str(self.model), "--port", str(self.port), "--threads", "1", "--proxies", "127.0.0.1"]
        limits = ["--per-minute", str(PER_MINUTE), "--deadline", "30"]
        command = [sys.executable, "-m", "dragoman", "serve", *flags, *limits]
        with self.log.open("a") as out:
            environment = os.environ | {"OMP_NUM_THREADS": "1", "DRAGOMAN_STATE": self.state}
            self.process = subprocess.Popen(command, stderr=out, env=environment)

    def is_up(self) -> bool:
        try:
            return ask(self.port, "GET", "/health")[0] == 200
        except OSError:
            return False

    def wait(self) -> None:
        until = time.monotonic() + 60
        while not self.is_up():
            assert time.monotonic() < until and self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Cluster:
    redis: Redis
    replicas: list[Replica]
    port: int  # of nginx


def ask(port: int, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, data, named)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def cluster(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("replicas")
    with ExitStack() as stack:
        redis = stack.enter_context(running(folder))
        replicas = [Replica(tiny_model, redis.address, folder / f"log-{n}") for n in range(3)]
        for replica in replicas:
            replica.start()
            stack.callback(replica.end)
        for replica in replicas:
            replica.wait()
        found = Cluster(redis, replicas, stack.enter_context(nginx(folder, replicas)))
        keys(found, "add", "first")
        time.sleep(READ_AGAIN + 0.5)  # replicas notice that keys have a meaning now
        yield found


@contextmanager
def nginx(folder: Path, replicas: list[Replica]) -> Iterator[int]:
    """The file of deploy/, with other addresses."""
    port, text = free_port(), (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for number, replica in enumerate(replicas, 1):
        text = text.replace(f"replica-{number}:5000", f"127.0.0.1:{replica.port}")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("/tmp/", f"{folder}/nginx-")
    text = text.replace("worker_processes auto", "worker_processes 1")
    if os.getuid() == 0:
        text = "user root;\n" + text
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = ["nginx", "-e", "stderr", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with (folder / "nginx.log").open("w") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            until = time.monotonic() + 20
            while True:
                try:
                    assert ask(port, "GET", "/health")[0] == 200
                    break
                except OSError:
                    assert time.monotonic() < until, (folder / "nginx.log").read_text()
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def keys(cluster: Cluster, *words: str) -> str:
    command = [sys.executable, "-m", "dragoman", "serve", "keys", *words, "--state", cluster.redis.address]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_limit_is_one_over_all_replicas(cluster: Cluster) -> None:
    def passes(number: int) -> bool:
        port = cluster.replicas[number % 3].port
        body = {"text": "The dog.", "source": "en", "target": "zh"}
        status, _ = ask(port, "POST", "/api/translate", body, X_Forwarded_For="198.51.100.7")
        assert status in (200, 429)
        return status == 200

    began = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        passed = sum(pool.map(passes, range(2 * PER_MINUTE)))
    seconds = time.monotonic() - began
    assert PER_MINUTE <= passed <= PER_MINUTE + seconds * PER_MINUTE / 60 + 1
    assert json.loads(ask(cluster.port, "GET", "/health")[1]) == {"status": "ok", "state": "shared"}


def test_a_file_translated_by_one_is_fetched_from_another(cluster: Cluster) -> None:
    one, other = cluster.replicas[0].port, cluster.replicas[1].port
    fields = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % part
        for part in (
            (b"source", b"", b"en"),
            (b"target", b"", b"zh"),
            (b"file", b'; filename="a.txt"', b"The dog."),
        )
    )
    kind = {"Content_Type": "multipart/form-data; boundary=x"}
    status, body = ask(one, "POST", "/translate_file", fields + b"--x--\r\n", **kind)
    assert status == 200, body
    name = json.loads(body)["translatedFileUrl"].rpartition("/")[2]
    found = [ask(port, "GET", f"/download_file/{name}") for port in (one, other)]
    assert found[0] == found[1]
    assert found[0][0] == 200 and found[0][1].strip()


@dataclass
class Asked:
    began: float
    ended: float
    status: int
    text: str
    right: bool


class Crowd:
    """Clients that ask without a pause."""

    def __init__(self, port: int, key: str, right: dict[str, str]) -> None:
        self._port, self._key, self._right, self._over = port, key, right, threading.Event()
        self.asked: list[Asked] = []

    def _client(self, number: int) -> None:
        while not self._over.is_set():
            text = TEXTS[number % len(TEXTS)]
            number += 1
            began, answer = time.monotonic(), b"{}"
            body = {"text": text, "source": "en", "target": "zh"}
            try:
                status, answer = ask(
                    self._port, "POST", "/api/translate", body, Authorization=f"Bearer {self._key}"
                )
            except (OSError, http.client.HTTPException):
                status = 0
            right = status == 200 and json.loads(answer)["translations"][0]["text"] == self._right[text]
            self.asked.append(Asked(began, time.monotonic(), status, text, right))

    @contextmanager
    def asking(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._client, args=(n,)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def right(translator: Translator) -> dict[str, str]:
    return {text: translator.translate(text).text for text in TEXTS}


def test_replicas_that_are_killed_take_with_them_what_was_in_flight_and_no_more(
    cluster: Cluster, right: dict[str, str]
) -> None:
    crowd, killed = Crowd(cluster.port, keys(cluster, "add", "alice"), right), []
    time.sleep(READ_AGAIN + 0.5)
    with crowd.asking():
        for replica in cluster.replicas[:2]:
            time.sleep(1)
            killed.append(time.monotonic())
            replica.end()
            replica.start()
            replica.wait()
    answered = [asked for asked in crowd.asked if asked.status == 200]
    failed = [asked for asked in crowd.asked if asked.status != 200]
    assert len(answered) > CLIENTS and all(asked.right for asked in answered)
    assert {asked.status for asked in failed} <= {0, 502}
    assert all(any(asked.began - 0.5 <= kill <= asked.ended for kill in killed) for asked in failed)
    found = [json.loads(line) for line in keys(cluster, "list", "--format", "json").splitlines()]
    (used,) = [key["used"] for key in found if key["name"] == "alice"]
    counted = sum(len(asked.text) for asked in answered)
    # What was counted and not answered was in flight: once, or twice where another replica was asked.
    assert counted <= used <= counted + 2 * len(killed) * CLIENTS * max(map(len, TEXTS))


def test_a_rolling_restart_loses_nothing(cluster: Cluster, right: dict[str, str]) -> None:
    crowd = Crowd(cluster.port, keys(cluster, "add", "bob"), right)
    time.sleep(READ_AGAIN + 0.5)  # where Redis is slow for once, a replica goes by the keys that it has read
    with crowd.asking():
        for replica in cluster.replicas:
            replica.process.terminate()
            replica.process.wait(30)
            replica.start()
            replica.wait()
            time.sleep(0.5)
    wrong = [asked for asked in crowd.asked if not asked.right]
    assert not wrong, (wrong[:3], (cluster.replicas[0].log.parent / "nginx.log").read_text()[-1500:])
    found = [json.loads(line) for line in keys(cluster, "list", "--format", "json").splitlines()]
    (used,) = [key["used"] for key in found if key["name"] == "bob"]
    assert used >= sum(len(asked.text) for asked in crowd.asked)


def test_replicas_that_were_all_away_are_asked_as_soon_as_they_are_back(
    cluster: Cluster, right: dict[str, str]
) -> None:
    key = keys(cluster, "add", "erin")

    def asked() -> tuple[int, bytes]:
        body = {"text": TEXTS[0], "source": "en", "target": "zh"}
        return ask(cluster.port, "POST", "/api/translate", body, Authorization=f"Bearer {key}")

    for replica in cluster.replicas:
        replica.end()
    assert asked()[0] == 502
    for replica in cluster.replicas:
        replica.start()
    until = time.monotonic() + 60
    while not cluster.replicas[0].is_up():
        asked()  # nginx looks again and again, and finds nothing
        assert time.monotonic() < until
        time.sleep(0.05)
    status, answer = asked()
    assert (status, json.loads(answer)["translations"][0]["text"]) == (200, right[TEXTS[0]])
    for replica in cluster.replicas:
        replica.wait()


def test_no_text_is_in_redis_but_results(cluster: Cluster) -> None:
    """And those have an end."""
    client = cluster.redis.client
    names = [name.decode() for name in client.keys("*")]  # type: ignore[union-attr]
    assert names and all(
        re.match(r"dragoman:(keys$|keys-mark$|key:|address:|owed:|file:|files$|sizes$|probe$)", name)
        for name in names
    )
    forever = [name for name in names if client.ttl(name) == -1]
    assert all(name.startswith("dragoman:key") for name in forever)
    log = "".join(replica.log.read_text() for replica in cluster.replicas)
    assert "Traceback" not in log


def test_the_service_goes_on_without_redis_and_finds_it_again(
    cluster: Cluster, right: dict[str, str]
) -> None:
    key, text = keys(cluster, "add", "carol"), TEXTS[0]
    time.sleep(READ_AGAIN + 0.5)  # what a replica knows of keys when Redis is gone
    cluster.redis.kill()
    for replica in cluster.replicas:
        body = {"text": text, "source": "en", "target": "zh"}
        status, answer = ask(replica.port, "POST", "/api/translate", body, Authorization=f"Bearer {key}")
        assert (status, json.loads(answer)["translations"][0]["text"]) == (200, right[text])
        assert json.loads(ask(replica.port, "GET", "/health")[1])["state"].startswith("local since 20")
    cluster.redis.start()
    until = time.monotonic() + 10
    while any(b"local" in ask(replica.port, "GET", "/health")[1] for replica in cluster.replicas):
        assert time.monotonic() < until
        time.sleep(0.1)
    found = [json.loads(line) for line in keys(cluster, "list", "--format", "json").splitlines()]
    assert [one["used"] for one in found if one["name"] == "carol"] == [3 * len(text)]


def test_keys_and_limits_outlive_a_redis_that_was_emptied(cluster: Cluster, right: dict[str, str]) -> None:
    """A replica that finds it first puts back what it knows; whoever has a key notices nothing."""
    key, text = keys(cluster, "add", "dave"), TEXTS[0]
    time.sleep(READ_AGAIN + 0.5)
    cluster.redis.client.flushall()
    for replica in cluster.replicas:
        body = {"text": text, "source": "en", "target": "zh"}
        status, answer = ask(replica.port, "POST", "/api/translate", body, Authorization=f"Bearer {key}")
        assert (status, json.loads(answer)["translations"][0]["text"]) == (200, right[text])
        status, answer = ask(replica.port, "POST", "/api/translate", body, Authorization="Bearer drg_other")
        assert status == 403 and b"this API key is not known here" in answer
    time.sleep(READ_AGAIN + 0.5)
    found = [json.loads(line) for line in keys(cluster, "list", "--format", "json").splitlines()]
    assert [one["used"] for one in found if one["name"] == "dave"] == [3 * len(text)]
    for replica in cluster.replicas:
        assert replica.log.read_text().count("the shared state was emptied") == 1
        assert json.loads(ask(replica.port, "GET", "/health")[1])["state"] == "shared"
