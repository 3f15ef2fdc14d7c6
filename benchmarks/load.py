"""Many clients at once against `dragoman serve`: is each answer right, and how long does it take? Trains nothing.

    python -m benchmarks.load [--clients 64] [--seconds 60] [--model en-zh] [--libretranslate]

Starts a server, asks each sentence once by one client alone, then all of them by many clients over and over, and
compares every answer with the one that the sentence got alone. Clients and server share the machine's cores; the time
of the processor is the server's alone, and means something on a busy machine too. With --libretranslate its server
gets the same weights, in int8 as its own models come, and the same requests: POST /translate, which both understand.
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
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import peers
from benchmarks.alternate import ROOT
from dragoman.corpus.pairs import read_corpus
from dragoman.interop import ctranslate2
from dragoman.model.directory import find_model, open_model

CORPUS = ROOT / "corpus/tatoeba/dev.tsv.gz"
SENTENCES = 500  # different ones
SHOWN = 10  # wrong answers
TIMEOUT = 30.0  # seconds; the service promises 9
PATH = "/translate"


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
        body = json.dumps({"q": text, "source": "en", "target": "zh"}).encode()
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
                answer = json.loads(body)["translatedText"]
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


def dragoman(model: str, workers: int, port: int) -> list[str]:
    return [
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


def libretranslate(packages: Path, port: int) -> list[str]:
    return [
        str(peers.LIBRETRANSLATE.python),
        "-m",
        "benchmarks.peers.libretranslate",
        str(packages),
        str(port),
    ]


def package(name: str, packages: Path) -> Path:
    """A model as LibreTranslate finds it in its directory of packages.

    It is there for the other direction too: of fewer than two packages the server goes looking for more.
    """
    model = open_model(find_model(name))
    vocabularies = model.source_tokenizer.vocabulary(), model.target_tokenizer.vocabulary()
    for source, target in (("en", "zh"), ("zh", "en")):
        directory = packages / f"translate-{source}_{target}-1_0"
        shape = model.config["model"]
        ctranslate2.export(model.weights, shape, *vocabularies, directory / "model", quantization="int8")
        (directory / "sentencepiece.model").write_bytes((model.path / "tokenizer.model").read_bytes())
        about = {
            "package_version": "1.0", "argos_version": "1.0", "from_code": source, "from_name": source,
            "to_code": target, "to_name": target,
        }  # fmt: skip
        (directory / "metadata.json").write_text(json.dumps(about))
    return packages


@asynccontextmanager
async def server(command: Callable[[int], list[str]]) -> AsyncIterator[tuple[int, int]]:
    """Port and process id of a server that is ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(command(port), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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


async def measure(
    command: Callable[[int], list[str]], clients: int, seconds: float, texts: Sequence[str]
) -> bool:
    """One server, shown; False where an answer was missing or another than it should be."""
    right: dict[str, str] = {}
    async with server(command) as (port, process):
        await load(port, 1, 0, texts[:100], {})  # warm
        start = processor_seconds(process)
        alone = await load(port, 1, 0, texts, right)
        show("one client", alone, processor_seconds(process) - start)
        await load(port, clients, 3, texts, right)
        before, start = resident(process), processor_seconds(process)
        many = await load(port, clients, seconds, texts, right)
        show(f"{clients} clients", many, processor_seconds(process) - start)
        print(f"{many.rate / alone.rate:.1f} times the throughput of one client; memory {before:.0f} MB before, "
              f"{resident(process):.0f} MB after")  # fmt: skip
    for text, answer, should in sorted({*alone.wrong, *many.wrong})[:SHOWN]:
        print(f"wrong: {text!r} -> {answer!r}, alone {should!r}")
    failed = sum(count for status, count in (alone.statuses + many.statuses).items() if status != 200)
    return not (failed or alone.wrong or many.wrong)


async def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--clients", type=int, default=64)
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--model", default="en-zh")
    asked.add_argument("--workers", type=int, default=1)
    asked.add_argument("--libretranslate", action="store_true", help="measure its server too")
    given = asked.parse_args()
    texts = list(dict.fromkeys(pair.source for pair in read_corpus([CORPUS], "en", "zh")))[:SENTENCES]
    well = await measure(partial(dragoman, given.model, given.workers), given.clients, given.seconds, texts)
    if given.libretranslate:
        peers.LIBRETRANSLATE.install()
        with tempfile.TemporaryDirectory() as directory:
            print("LibreTranslate, the same weights:")
            command = partial(libretranslate, package(given.model, Path(directory)))
            await measure(command, given.clients, given.seconds, texts)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
