"""Many clients at once against `dragoman serve`: is each answer right, and how long does it take? Trains nothing.

    python benchmarks/load.py [--clients 64] [--seconds 60] [--model en-zh]

Starts a server, asks each sentence once by one client alone, then all of them by many clients over and over, and
compares every answer with the one that the sentence got alone. Clients and server share the machine's cores; the time
of the processor is the server's alone, and means something on a busy machine too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dragoman.text.corpus import read_corpus

CORPUS = Path(__file__).parents[1] / "corpus/tatoeba/dev.tsv.gz"
SENTENCES = 500  # different ones
TIMEOUT = 30.0  # seconds; the service promises 9
PATH = "/api/translate"


@dataclass
class Found:
    """What came of some requests."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)  # sentence, answer, what it should be
    took: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.took


class Client:
    """One connection that is kept, and as little work as possible: the server should be what is measured."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def ask(self, text: str) -> tuple[int, bytes]:
        body = json.dumps({"text": text, "source": "en", "target": "zh"}).encode()
        self._writer.write(
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        assert length is not None, head
        return int(head.split()[1]), await self._reader.readexactly(int(length[1]))

    def close(self) -> None:
        self._writer.close()


async def ask_all(
    client: Client, texts: Sequence[str], right: dict[str, str], found: Found, until: float
) -> None:
    """Ask for one after another, over and over until the time is up (once, where until is 0)."""
    await client.open()
    while True:
        for text in texts:
            started = time.perf_counter()
            status, body = await asyncio.wait_for(client.ask(text), TIMEOUT)
            found.seconds.append(time.perf_counter() - started)
            found.statuses[status] += 1
            if status == 200:
                answer = json.loads(body)["translations"][0]["text"]
                if answer != right.setdefault(text, answer):
                    found.wrong.append((text, answer, right[text]))
            if until and time.perf_counter() > until:
                return client.close()
        if not until:
            return client.close()


async def load(port: int, clients: int, seconds: float, texts: Sequence[str], right: dict[str, str]) -> Found:
    """Each client goes through the sentences in an order of its own."""
    found, started = Found(), time.perf_counter()
    shares = [texts[n * 7 % len(texts) :] + texts[: n * 7 % len(texts)] for n in range(clients)]
    async with asyncio.TaskGroup() as group:
        for share in shares:
            group.create_task(ask_all(Client(port), share, right, found, started + seconds if seconds else 0))
    found.took = time.perf_counter() - started
    return found


@asynccontextmanager
async def server(model: str, workers: int) -> AsyncIterator[tuple[int, int]]:
    """Port and process id of a server that is ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "dragoman",
        "serve",
        "-m",
        model,
        "--port",
        str(port),
        "--workers",
        str(workers),
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                if b" 200 " in await reader.readline():
                    break
            except OSError:
                await asyncio.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def resident(process: int) -> float:
    """Megabytes of memory of a process; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor_seconds(process: int) -> float:
    """What a process has used of the processor; 0 where the system does not tell."""
    try:
        numbers = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def show(name: str, found: Found, processor: float) -> None:
    cuts = [1000 * cut for cut in statistics.quantiles(found.seconds, n=1000)]
    print(
        f"{name:<24} {len(found.seconds):>7,} requests  {found.rate:>6.0f}/s   "
        f"p50 {cuts[499]:6.1f}  p95 {cuts[949]:6.1f}  p99 {cuts[989]:6.1f}  max {1000 * max(found.seconds):6.1f} ms   "
        f"processor {1000 * processor / len(found.seconds):.1f} ms a request   {dict(found.statuses)}  "
        f"wrong {len(found.wrong)}"
    )


async def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--clients", type=int, default=64)
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--model", default="en-zh")
    asked.add_argument("--workers", type=int, default=1)
    given = asked.parse_args()
    texts = list(dict.fromkeys(pair.source for pair in read_corpus([CORPUS], "en", "zh")))[:SENTENCES]
    right: dict[str, str] = {}
    async with server(given.model, given.workers) as (port, process):
        await load(port, 1, 0, texts[:100], {})  # warm
        start = processor_seconds(process)
        alone = await load(port, 1, 0, texts, right)
        show("one client", alone, processor_seconds(process) - start)
        await load(port, given.clients, 3, texts, right)
        before, start = resident(process), processor_seconds(process)
        many = await load(port, given.clients, given.seconds, texts, right)
        show(f"{given.clients} clients", many, processor_seconds(process) - start)
        print(f"{many.rate / alone.rate:.1f} times the throughput of one client; memory {before:.0f} MB before, "
              f"{resident(process):.0f} MB after")  # fmt: skip
    for text, answer, should in {*alone.wrong, *many.wrong}:
        print(f"wrong: {text!r} -> {answer!r}, alone {should!r}")
    failed = sum(count for status, count in (alone.statuses + many.statuses).items() if status != 200)
    return 1 if failed or alone.wrong or many.wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
