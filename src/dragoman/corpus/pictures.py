"""Pictures on disk as grey pixels: PNG (W3C, second edition) and PGM (Netpbm). Knows no model.

Dark on light is ink, whatever the colours; what is transparent is paper.

Dimensions: h rows and w columns of pixels.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dragoman.errors import UsageError

Pixels = NDArray[np.float32]  # [h, w], 0 paper to 1 ink

PICTURES = (".png", ".pgm")
MOST_PIXELS = 2**24  # of a picture: a small file can claim any size
_PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type: grey, RGB, palette, and the first two with alpha
_GREY = np.array([0.299, 0.587, 0.114])  # of red, green and blue: ITU-R BT.601
_PGM = re.compile(rb"P([25])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s")


def read_picture(path: Path, height: int, width: int) -> Pixels:
    """A picture of height x width pixels, or of whole multiples of them, of which the mean is taken.

    Raises UsageError for a file that is no such picture.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    try:
        light = _png(data) if data.startswith(_PNG) else _pgm(data)
    except (ValueError, IndexError, KeyError, zlib.error) as error:
        raise UsageError(f"{path} is no picture that can be read: {error}") from error
    (h, w), times = light.shape, light.shape[0] // height
    if times < 1 or (h, w) != (height * times, width * times):
        raise UsageError(
            f"{path} has {w} x {h} pixels: the model reads {width} x {height}, or a whole multiple of both"
        )
    mean = light.reshape(height, times, width, times).mean((1, 3))
    return (1 - mean).astype(np.float32)


def write_picture(pixels: Pixels) -> bytes:
    """A PNG of grey pixels, dark where there is ink."""
    height, width = pixels.shape
    grey = np.rint(255 * (1 - pixels)).astype(np.uint8)
    lines = np.hstack(
        (np.zeros((height, 1), np.uint8), grey)
    )  # before each line the filter that it has: none
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 0, 0, 0, 0))
    body = zlib.compress(lines.tobytes(), 9)
    return _PNG + b"".join(_chunk(*one) for one in ((b"IHDR", head), (b"IDAT", body), (b"IEND", b"")))


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def _pgm(data: bytes) -> NDArray[np.float64]:
    """Light [h, w], 0 to 1. Raises ValueError."""
    found = _PGM.match(data)
    if found is None:
        raise ValueError("it begins as neither PNG nor PGM does")
    width, height, most = (int(number) for number in found.groups()[1:])
    _check_size(width, height)
    if not 0 < most < 65536:
        raise ValueError(f"its whitest grey is {most}")
    if found[1] == b"2":
        values = np.array(data[found.end() :].split()[: width * height]).astype(np.float64)
    else:
        kind = np.dtype(">u1" if most < 256 else ">u2")
        values = np.frombuffer(data, kind, width * height, found.end()).astype(np.float64)
    return values.reshape(height, width) / most


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= MOST_PIXELS:
        raise ValueError(f"it claims {width:,} x {height:,} pixels: {MOST_PIXELS:,} at most")


def _png(data: bytes) -> NDArray[np.float64]:
    """Light [h, w], 0 to 1. Raises ValueError for a PNG that is damaged, or not of 8 bits a channel in one piece."""
    chunks: dict[bytes, bytes] = {}
    place = len(_PNG)
    while place + 12 <= len(data):
        size, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        chunks[name] = chunks.get(name, b"") + data[place + 8 : place + 8 + size]
        place += 12 + size
    head = chunks[b"IHDR"]
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    _check_size(width, height)
    bits, colour, _, _, interlaced = head[8:13]
    if bits != 8 or interlaced:
        raise ValueError(
            f"it is a PNG of {bits} bits{', interlaced' if interlaced else ''}: save it with 8, plain"
        )
    count = _CHANNELS[colour]
    room = height * (1 + width * count)
    raw = zlib.decompressobj().decompress(chunks[b"IDAT"], room)
    lines = _unfiltered(np.frombuffer(raw, np.uint8, room).reshape(height, -1), count)
    return _light(lines.reshape(height, width, count), colour, chunks)


def _light(pixels: NDArray[np.uint8], colour: int, chunks: dict[bytes, bytes]) -> NDArray[np.float64]:
    """pixels [h, w, channels] -> light [h, w], on white paper."""
    if colour == 3:
        palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
        alpha = np.full(len(palette), 255, np.uint8)
        given = np.frombuffer(chunks.get(b"tRNS", b""), np.uint8)
        alpha[: len(given)] = given
        pixels = np.hstack((palette, alpha[:, None]))[pixels[:, :, 0]]
    values = pixels / 255
    if colour in (3, 6):
        light, opaque = values[:, :, :3] @ _GREY, values[:, :, 3]
    elif colour == 2:
        light, opaque = values @ _GREY, np.ones(values.shape[:2])
    else:
        light, opaque = values[:, :, 0], values[:, :, 1] if colour == 4 else np.ones(values.shape[:2])
    return light * opaque + (1 - opaque)


def _unfiltered(lines: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Each line begins with the number of its filter, by which its bytes were told from those before (section 9)."""
    above = np.zeros(lines.shape[1] - 1, np.int64)
    out = np.empty((len(lines), lines.shape[1] - 1), np.uint8)
    for row, line in enumerate(lines):
        kind, found = int(line[0]), line[1:].astype(np.int64)
        if kind == 2:
            found = (found + above) % 256
        elif kind:
            found = _by_left(found, above, step, kind)
        out[row], above = found, found
    return out


def _by_left(line: NDArray[np.int64], above: NDArray[np.int64], step: int, kind: int) -> NDArray[np.int64]:
    """Filters that look at the pixel to the left, byte by byte. Raises ValueError for one that there is not."""
    found, over = line.tolist(), above.tolist()
    for i, value in enumerate(found):
        left, corner = (found[i - step], over[i - step]) if i >= step else (0, 0)
        guess = {1: left, 3: (left + over[i]) // 2, 4: _paeth(left, over[i], corner)}.get(kind)
        if guess is None:
            raise ValueError(f"line filter {kind} is none of PNG's")
        found[i] = (value + guess) % 256
    return np.array(found)


def _paeth(left: int, above: int, corner: int) -> int:
    """That of the three which is nearest to left + above - corner (section 9.4)."""
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))
