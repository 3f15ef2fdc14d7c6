"""Work that grows faster than what is asked for: inputs of n, 2n, 4n signs through every reader and every text door.

Seconds of a processor are counted, not of a clock, so that busy neighbours do not matter. Documents are read in a
process of their own, with a translator that gives back what it gets: the reader is what is measured.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from attacks.attack import Fault, NotTried, Trials, Try
from attacks.commands import Spawner, fault_of
from attacks.documents import SAMPLES, around, docx, pattern
from attacks.product import Product
from attacks.service import Service, serving

FLOOR = 0.15  # seconds of a processor below which nothing is concluded from a ratio
STEEP = 3.0  # times the work for twice the input: a linear reader needs 2, a quadratic one 4
LONGEST = 10.0  # seconds of a processor that one upload may take, whatever is in it
MEGABYTES = 1500.0
SMALLEST, LARGEST = 1_000, 4_000_000  # signs
CHARACTERS = 20_000  # that one request may have
UNPACKED = 98_000_000  # characters of the largest part that a document may have


@dataclass(frozen=True)
class Growing:
    """Signs repeated. door: the ending of a file, or a path of the server and, where it has one, a format."""

    door: str
    before: str
    unit: str
    after: str
    closing: str = ""  # repeated too, after the middle: nested elements

    def text(self, size: int) -> str:
        times = max(1, size // max(1, len(self.unit + self.closing)))
        return self.before + self.unit * times + self.closing * times + self.after

    def __str__(self) -> str:
        closing = f" + {self.closing!r} x n" if self.closing else ""
        return f"{self.door}: {self.before!r} + {self.unit!r} x n{closing} + {self.after!r}"


DOORS = ("/translate text", "/translate html", "/detect")
NAMED = (
    Growing(".srt", "", " ", ""),
    Growing(".srt", "", "</a> ", ""),
    Growing(".docx", "<w:p><w:r><w:t>", "a ", "</w:t></w:r></w:p>"),
    Growing(".docx", "<w:p><w:r><w:t>", "A dog. ", "</w:t></w:r></w:p>"),
    Growing(".docx", "", "<w:p>", "", "</w:p>"),
    Growing(".html", "", "A dog. ", ""),
    Growing(".html", "", "<b>", ""),
    Growing("/translate html", "", "<b>", ""),
    Growing("/detect", "", "🙂", ""),
)


def drawn(rng: random.Random) -> Growing:
    door = rng.choice((*sorted(SAMPLES), ".docx", ".srt", *DOORS))
    suffix = door if door.startswith(".") else ".html" if "html" in door else ""
    before, unit, after = pattern(suffix, rng)
    closing = ""
    if unit.startswith("<") and unit.endswith(">") and unit[1:2].isalpha() and rng.random() < 0.5:
        closing = f"</{unit[1:-1].split()[0].rstrip('/')}>"
    if suffix == ".docx" and rng.random() < 0.5:
        before, after = f"<w:p><w:r><w:t>{before}", f"{after}</w:t></w:r></w:p>"
    return Growing(door, before, unit, after, closing)


@dataclass(frozen=True)
class Work:
    """What one input cost."""

    seconds: float  # of a processor
    refused: bool
    fault: Fault | None = None


Measure = Callable[[Growing, int], Work]


def grows(measure: Measure, case: Growing, largest: int) -> Fault | None:
    """Twice the input again and again, until the work is enough to judge. What looks steep is measured once more."""
    before: tuple[int, Work] | None = None
    steep = 0
    size = SMALLEST
    while size <= largest:
        work = measure(case, size)
        if work.fault is not None:
            return work.fault
        if work.refused:
            return None  # a bound that is told
        if before is not None and before[1].seconds >= FLOOR:
            steep = steep + 1 if work.seconds > STEEP * before[1].seconds else 0
            if steep and work.seconds > 1.0 and _confirmed(measure, case, size):
                ratio = work.seconds / before[1].seconds
                return Fault(
                    f"{before[1].seconds:.2f} s for n = {before[0]:,}, {work.seconds:.2f} s for 2 n (x {ratio:.1f})"
                )
            if work.seconds > 3.0:
                return None
        before = size, work
        size *= 2
    return None


def _confirmed(measure: Measure, case: Growing, size: int) -> bool:
    """The least of two measurements each, once more: what noise made steep is not so twice."""
    half, whole = (min(measure(case, n).seconds for _ in range(2)) for n in (size // 2, size))
    return half >= FLOOR and whole > STEEP * half


# -- documents --------------------------------------------------------------------------------------------------


def read_document(path: str) -> dict[str, object]:
    """In a process of its own: seconds that the reader of a format takes, and whether it refused the file."""
    from dragoman.documents.files import translate_file
    from dragoman.errors import UsageError

    data, refused = Path(path).read_bytes(), False
    began = time.process_time()
    try:
        translate_file(f"a{Path(path).suffix}", data, list)
    except UsageError:
        refused = True
    return {"seconds": time.process_time() - began, "refused": refused}


def measured_document(spawner: Spawner, suffix: str, data: bytes) -> Work:
    handle, name = tempfile.mkstemp(suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        limits = {"limits": {"CPU": int(LONGEST) + 1}}
        spawner.begin([name], call="attacks.growth:read_document", inject=limits)
        ended = spawner.end(10 * LONGEST)
    finally:
        os.unlink(name)
    if ended.cpu > LONGEST:
        fault: Fault | None = Fault(f"{len(data):,} bytes: more than {LONGEST:.0f} s of a processor")
    elif ended.peak / 1000 > MEGABYTES:
        fault = Fault(f"{len(data):,} bytes: {ended.peak / 1000:.0f} MB of memory")
    elif not (fault := fault_of(ended)):
        found = json.loads(ended.out)
        return Work(found["seconds"], found["refused"])
    return Work(ended.cpu, False, fault)


# -- texts ------------------------------------------------------------------------------------------------------


def measured_text(service: Service, case: Growing, size: int) -> Work:
    """Seconds that the server computed for one text, its model's included."""
    path, _, form = case.door.partition(" ")
    asked = {"q": case.text(size), "source": "en", "target": "zh", "format": form or "text"}
    if path == "/detect":
        del asked["format"]
    began = service.cpu
    try:
        answer = service.post(path, asked)
    except TimeoutError:
        return Work(service.cpu - began, False, Fault(f"no answer within 45 s (n = {size:,})"))
    if answer.status == 0 or answer.status >= 500 and answer.status != 503:
        return Work(
            0.0,
            False,
            Fault(f"status {answer.status} (n = {size:,}): {answer.body[:200].decode(errors='replace')}"),
        )
    return Work(service.cpu - began, answer.status != 200)


@contextmanager
def grow(product: Product) -> Iterator[Try[Growing]]:
    def read(case: Growing, size: int) -> Work:
        return measured_document(product.commands, case.door, around(case.door)(case.text(size)))

    with serving(product) as service:
        formats = service.formats
        for suffix in formats:
            work = measured_document(product.commands, suffix, SAMPLES[suffix])
            assert not (work.refused or work.fault), f"a sound {suffix} is refused: {work.fault}"

        def try_(case: Growing) -> Fault | None:
            if not case.door.startswith("."):
                fault = grows(lambda one, size: measured_text(service, one, size), case, CHARACTERS)
            elif case.door in formats:
                fault = grows(read, case, LARGEST)
            else:
                raise NotTried
            return None if fault is None else Fault(fault.what, where=case.door)

        yield try_


def smaller(case: Growing) -> Iterator[Growing]:
    for change in ({"before": ""}, {"after": ""}, {"closing": ""}):
        if getattr(case, next(iter(change))):
            yield replace(case, **change)


GROWTH: Trials[Product, Growing] = Trials(
    "growth",
    "work grows as what is asked for does: no text and no file takes the server for longer than it is long",
    grow, drawn, NAMED, smaller, str, share=3.0,
)  # fmt: skip


def worst() -> Sequence[tuple[str, bytes]]:
    """Files that took a server for a minute or more once, each as large as the server lets in: a name, and bytes."""
    return (
        ("a.srt", around(".srt")(" " * 40_000)),
        ("a.docx", docx("<w:p>" * 12_000 + "</w:p>" * 12_000)),
        ("big.docx", docx(f"<w:p><w:r><w:t>{'a ' * (UNPACKED // 2)}</w:t></w:r></w:p>")),
    )
