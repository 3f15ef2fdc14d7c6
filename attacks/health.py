"""Whether others are served while the worst requests are: /health, memory, and looking inside right afterwards."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from attacks.attack import Fault, NotTried, Trials, Try
from attacks.documents import SAMPLES, around, pattern
from attacks.growth import worst
from attacks.product import Product
from attacks.service import Service, serving

SLOW = 0.5  # seconds; 0.2 are promised, and a machine with busy neighbours takes its time
FROZEN = 2.0  # seconds: once is enough
CROWD = 16  # clients at once
PAUSE = 0.05  # seconds between two questions
WATCHED = 10.0  # seconds that one request is watched; then its client leaves
MEGABYTES = 1000.0  # that the server may grow by
GRACE = 4.0  # seconds after which nothing more may be computed for a client that left
INSIDE = 10.0  # seconds after which looking inside has to work again


@dataclass(frozen=True)
class Heavy:
    """A request, and how many clients send it at once. what: "file NAME", or one of DOORS."""

    what: str
    data: bytes
    clients: int = 1

    def __str__(self) -> str:
        shown = self.data[:60].decode(errors="replace") if not self.data.startswith(b"PK") else "..."
        times = f", {self.clients} at once" if self.clients > 1 else ""
        return f"{self.what} of {len(self.data):,} bytes{times}: {shown}"


def _pair(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "source": "en", "target": "zh", **more}


# From a text to the path that it is sent to and the JSON that it stands in.
DOORS: dict[str, Callable[[str], tuple[str, dict[str, Any]]]] = {
    "explain": lambda text: ("/api/explain", {"text": text}),
    "translate": lambda text: ("/translate", {"q": text, "source": "en", "target": "zh", "format": "text"}),
    "html": lambda text: ("/translate", {"q": text, "source": "en", "target": "zh", "format": "html"}),
    "stream": lambda text: ("/api/translate/stream", _pair(text)),
    "best": lambda text: ("/api/translate", _pair(text, n_best=4, scores=True, alignments=True)),
    "prefix": lambda text: ("/api/translate", _pair("A dog.", target="zh-Hant", prefix=text)),
    "terms": lambda text: (
        "/api/translate",
        _pair(text[:4000], glossary={f"a {n}": "w" for n in range(14_000)}),
    ),
    "streamed terms": lambda text: (
        "/api/translate/stream",
        _pair(text[:40], glossary={f"a {n}": "w" for n in range(14_000)}),
    ),
    "long term": lambda text: (
        "/api/translate",
        _pair(text[:19_000], glossary={text[:1] or "a": "w" * 200_000}),
    ),
    "uncut": lambda text: ("/v2/translate", {"text": [text], "target_lang": "ZH", "split_sentences": "0"}),
}


def drawn(rng: random.Random) -> Heavy:
    """As much of a format's own signs as a request may hold, through any door."""
    what = rng.choice((*DOORS, *(f"file a{suffix}" for suffix in sorted(SAMPLES))))
    suffix = what.partition("a")[2] if what.startswith("file") else ".html" if what == "html" else ""
    before, unit, after = pattern(suffix, rng)
    size = (
        rng.choice((50_000, 200_000))
        if suffix.startswith(".") and what != "html"
        else rng.choice((500, 2_000, 19_000))
    )
    text = before + unit * max(1, size // len(unit)) + after
    clients = 1 if what.startswith("file") else rng.choice((1, CROWD))
    return Heavy(what, around(suffix if what.startswith("file") else "")(text), clients)


NAMED = (
    *(Heavy(f"file {name}", data) for name, data in worst()),
    Heavy("explain", "🙂".encode() * 100),
    Heavy("explain", "🙂".encode() * 2000),
    *(Heavy(door, b"The dog sees a cat. " * 990, CROWD) for door in DOORS),
    Heavy(
        "uncut", b"a. " * 90_000, CROWD
    ),  # far more than the limits let in, and once cut before it was counted
    Heavy("prefix", "学".encode() * 90_000, CROWD),
    Heavy("long term", b"a " * 9_000, CROWD),
)


def send(service: Service, heavy: Heavy) -> None:
    """The request; whatever it answers, and whether it does, is not the question here."""
    try:
        if heavy.what.startswith("file "):
            service.upload(heavy.what.partition(" ")[2], heavy.data, WATCHED)
            return
        service.post(*DOORS[heavy.what](heavy.data.decode(errors="replace")), WATCHED)
    except TimeoutError:
        pass


def waits(service: Service, heavy: Heavy) -> list[float]:
    """How long each look at /health took while the request was being answered, in seconds."""
    threads = [
        threading.Thread(target=send, args=(service, heavy), daemon=True) for _ in range(heavy.clients)
    ]
    found: list[float] = []
    for thread in threads:
        thread.start()
    while not found or (any(thread.is_alive() for thread in threads) and sum(found) < WATCHED):
        began = time.monotonic()
        with suppress(TimeoutError):
            service.ask("GET", "/health", seconds=WATCHED)
        found.append(time.monotonic() - began)
        time.sleep(PAUSE)
    for thread in threads:
        thread.join(2 * WATCHED)
    return found


def too_slow(found: list[float]) -> bool:
    return max(found) > FROZEN or sum(wait > SLOW for wait in found) >= 3


@contextmanager
def watch(product: Product) -> Iterator[Try[Heavy]]:
    """A server for each case that failed: what one request has done to it is not held against the next."""
    with ExitStack() as stack:
        running: list[Service] = []

        def fresh() -> Service:
            stack.close()
            running[:] = [stack.enter_context(serving(product))]
            return running[0]

        formats = fresh().formats

        def try_(heavy: Heavy) -> Fault | None:
            if heavy.what.startswith("file ") and not heavy.what.endswith(tuple(formats)):
                raise NotTried
            fault = judged(running[0] if running else fresh(), heavy)
            if fault is not None:
                fault = judged(fresh(), heavy)  # noise does not freeze a server twice
                running.clear()
            return fault

        yield try_


def judged(service: Service, heavy: Heavy) -> Fault | None:
    resident = service.resident
    found = waits(service, heavy)
    if too_slow(found):
        times = sum(wait > SLOW for wait in found)
        what = f"/health took up to {max(found):.1f} s, and more than {SLOW:g} s {times} times"
        return Fault(what, where=heavy.what)
    if service.resident > resident + MEGABYTES:
        return Fault(f"the server grew from {resident:.0f} to {service.resident:.0f} MB", where=heavy.what)
    if heavy.what == "explain":
        return _inside_again(service)
    if _computes(service):
        return Fault(f"computes on, {GRACE:.0f} s after its client has left", where=heavy.what)
    return None


def _computes(service: Service) -> bool:
    """Whether the server is at work although nobody waits for anything."""
    until = time.monotonic() + GRACE
    while True:
        before = service.cpu
        time.sleep(0.5)
        if service.cpu - before < 0.1:
            return False
        if time.monotonic() > until:
            return True


def _inside_again(service: Service) -> Fault | None:
    until = time.monotonic() + INSIDE
    status = 0
    while time.monotonic() < until:
        try:
            status = service.post("/api/explain", {"text": "A dog."}, INSIDE).status
        except TimeoutError:
            status = 0
        if status in (200, 501):
            return None
        time.sleep(0.5)
    return Fault(f"looking inside does not work again within {INSIDE:.0f} s: status {status}")


HEALTH: Trials[Product, Heavy] = Trials(
    "health",
    "whatever is asked of the server, /health answers within 0.2 s (0.5 s on a busy machine), memory stays bounded, "
    "nothing is computed for a client that left, and looking inside works right afterwards",
    watch, drawn, NAMED, lambda heavy: [replace(heavy, clients=1)] if heavy.clients > 1 else [], str, share=3.0,
)  # fmt: skip
