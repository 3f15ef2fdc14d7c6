"""Files that were damaged on their way: translated, or refused with a reason, soon, whatever library reads them."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from attacks.answers import fault_of_answer, fault_of_service
from attacks.attack import Fault, NotTried, Trials, Try, halves
from attacks.documents import SAMPLES, WORD, packed, signs
from attacks.product import Product
from attacks.sealing import damaged
from attacks.service import ANSWERING, Service, serving

SECONDS = 20.0  # for a file of some kilobytes, on a busy machine
MEGABYTES = 600.0  # that the server may grow by, with the processes that it starts
ODD_PARTS = ("../../x", "/x", "word/header1.xml", "word/a\0.xml", "x" * 5000, "word/footnotes.xml")


@dataclass(frozen=True)
class File:
    """A file to upload."""

    suffix: str
    data: bytes

    def __str__(self) -> str:
        return f"{self.suffix} of {len(self.data):,} bytes: {self.data[:300]!r}"


def drawn(rng: random.Random) -> File:
    """A valid file with some bytes changed, signs put in, or its inside changed and packed again."""
    suffix = rng.choice(sorted(SAMPLES))
    data = SAMPLES[suffix]
    if data.startswith(b"PK") and rng.random() < 0.6:
        return File(suffix, _repacked(data, rng))
    if data.startswith(b"PK") or rng.random() < 0.5:
        return File(suffix, damaged(data, rng))
    return File(suffix, _with_signs(data, suffix, rng))


def _with_signs(data: bytes, suffix: str, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data) + 1)
        put = "".join(rng.choices(signs(suffix), k=rng.randint(1, 4))).encode(errors="replace")
        data = data[:place] + put * rng.choice((1, 1, 30)) + data[place + rng.choice((0, 0, 5)) :]
    return data


def _repacked(data: bytes, rng: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        parts: dict[str, str | bytes] = {name: file.read(name) for name in file.namelist()}
    inside = parts[WORD]
    assert isinstance(inside, bytes)
    kind = rng.random()
    if kind < 0.45:
        parts[WORD] = _with_signs(inside, ".docx", rng)
    elif kind < 0.85:
        parts[WORD] = damaged(inside, rng)
    elif kind < 0.95:
        parts[rng.choice(ODD_PARTS)] = damaged(inside, rng)
    else:
        del parts[rng.choice(sorted(parts))]
    return packed(parts)


@contextmanager
def upload(product: Product) -> Iterator[Try[File]]:
    with serving(product) as service:
        formats, resident = service.formats, service.resident
        assert set(formats) <= set(SAMPLES), f"documents.py has no sample of one of {formats}"

        def try_(file: File) -> Fault | None:
            if file.suffix not in formats:
                raise NotTried
            fault = uploaded(service, file, resident) or fault_of_service(service)
            return None if fault is None else Fault(fault.what, where=file.suffix)

        yield try_


def uploaded(service: Service, file: File, resident: float) -> Fault | None:
    try:
        answer = service.upload(f"a{file.suffix}", file.data)
    except TimeoutError:
        return Fault(f"no answer within {ANSWERING:.0f} s")
    if fault := fault_of_answer(service, answer):
        return fault
    if answer.status != 200 and not 400 <= answer.status < 500:
        return Fault(f"status {answer.status}: {answer.body[:200].decode(errors='replace')}")
    if answer.status != 200 and file.data == SAMPLES[file.suffix]:
        return Fault(f"a sound file is refused: {answer.body[:200].decode(errors='replace')}")
    if answer.seconds > SECONDS:
        return Fault(f"took {answer.seconds:.1f} s")
    if service.resident > resident + MEGABYTES:
        return Fault(f"the server grew from {resident:.0f} to {service.resident:.0f} MB")
    return None


def _compressed_byte_turned() -> File:
    """The least that shows it: a byte in the compressed part of a Word document."""
    data = bytearray(SAMPLES[".docx"])
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as file:
        entry = file.getinfo(WORD)
    data[entry.header_offset + 30 + len(entry.filename) + 5] ^= 0xFF
    return File(".docx", bytes(data))


def smaller(file: File) -> Iterator[File]:
    if not file.data.startswith(b"PK"):
        for part in halves(file.data):
            yield File(file.suffix, part)


SOUND = tuple(File(suffix, data) for suffix, data in SAMPLES.items())
UPLOADS: Trials[Product, File] = Trials(
    "uploads",
    "a damaged file is translated or refused with a reason, within bounds of time and memory",
    upload, drawn, (_compressed_byte_turned(), *SOUND), smaller, str, share=2.0,
)  # fmt: skip
