"""Files sealed anew after they were changed, so that what reads them has to judge the content. Attacks nothing.

A directory with a manifest of name -> size and sha256 is sealed anew by writing what stands in it now; the weights
carry the sha256 of their tokenizers, which is renewed too.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dragoman.files import sha256

MANIFEST = "manifest.json"


def reseal(directory: Path) -> None:
    """Make the manifest of a model or of a checkpoint agree with the files beside it."""
    manifest = json.loads((directory / MANIFEST).read_bytes())
    for name, entry in manifest.get("files", manifest).items():
        data = (directory / name).read_bytes()
        entry.update(size=len(data), sha256=sha256(data))
    (directory / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def header_of(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and its numbers."""
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def with_header(header: dict[str, Any], numbers: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def belong_together(directory: Path) -> None:
    """Write the sha256 of the tokenizers into the weights, as if these had been trained with them."""
    path = directory / "model.safetensors"
    header, numbers = header_of(path.read_bytes())
    found = {file.name: sha256(file.read_bytes()) for file in sorted(directory.glob("tokenizer*.model"))}
    header["__metadata__"]["tokenizers"] = json.dumps(found)
    path.write_bytes(with_header(header, numbers))
    reseal(directory)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A file with a few bits turned, cut short, emptied, doubled in places, or made of something else."""
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: _flipped(data, rng),
        lambda: data[: rng.randrange(len(data) + 1)],
        lambda: b"",
        lambda: _moved(data, rng),
        lambda: rng.randbytes(rng.randint(1, 200)),
        lambda: data + rng.randbytes(rng.randint(1, 20)),
    )
    return rng.choices(kinds, (6, 3, 1, 3, 1, 1))[0]()


def _flipped(data: bytes, rng: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(rng.randint(1, 3) if found else 0):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def _moved(data: bytes, rng: random.Random) -> bytes:
    """A piece of the file once more, somewhere else in it."""
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.randint(1, 60)]
    place = rng.randrange(len(data) + 1)
    return data[:place] + piece * rng.choice((1, 1, 2, 50)) + data[place:]


def odd_json(value: Any, rng: random.Random) -> Any:
    """JSON that is not quite what it was: a key missing, too many, of another type, or all of it something else."""
    if not isinstance(value, dict) or not value or rng.random() < 0.2:
        return rng.choice((None, [], {}, 0, "", "x", True, [[]], 1e308, {"": {}}, -1, 10**30))
    found = dict(value)
    name = rng.choice(sorted(found))
    kind = rng.random()
    if kind < 0.3:
        del found[name]
    elif kind < 0.4:
        found["one-too-many"] = 1
    else:
        found[name] = odd_json(found[name], rng)
    return found


NESTED = b"[" * 100_000
