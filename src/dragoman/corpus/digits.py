"""Images with handwritten digits in them, and what they say: handwriting read from one file, placed on a canvas at
random. Knows no model and no tokens.

The handwriting is the test set of Alpaydin and Kaynak's "Optical Recognition of Handwritten Digits" (1998; UCI Machine
Learning Repository, CC BY 4.0): 1,797 images of 8 x 8 pixels by 13 people, each pixel how much of it is ink, 0 to 16.
A line of the file is 64 pixels, row by row, and the digit.

Dimensions: G glyphs (images of one digit), h rows and w columns of pixels.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dragoman.errors import UsageError

Pixels = NDArray[np.float32]  # [h, w], 0 paper to 1 ink

FILE = Path(__file__).with_name("digits.csv.gz")
GLYPH = 8  # pixels of a side
INK = 16  # of the file: all of a pixel
HELD_OUT = 297  # the last of the file, whose writers wrote little of the rest: never trained on
FEWEST, MOST = 2, 4  # digits of an image that is made up to be measured on

Part = Literal["train", "held out"]

# Rows and columns of a glyph's pixels from its middle [2, 64].
_GRID = np.indices((GLYPH, GLYPH)).reshape(2, -1) - (GLYPH - 1) / 2


@dataclass(frozen=True)
class Handwriting:
    """Glyphs [G, 8, 8], and the digit [G] that each is."""

    glyphs: NDArray[np.float32]
    digits: NDArray[np.int64]

    def of(self, digit: int) -> NDArray[np.int64]:
        """Which glyphs are this digit."""
        return np.flatnonzero(self.digits == digit)


@dataclass(frozen=True)
class Place:
    """Where a glyph lies: its first row and its first column, in pixels."""

    row: int
    column: int


@dataclass(frozen=True)
class Image:
    """A canvas, what it says in reading order (line by line, each from left to right), and where each digit lies."""

    pixels: Pixels
    digits: tuple[int, ...]
    places: tuple[Place, ...]


@cache
def handwriting(part: Part) -> Handwriting:
    """What is trained on, or what is held out."""
    with gzip.open(FILE, "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.int64)
    rows = rows[:-HELD_OUT] if part == "train" else rows[-HELD_OUT:]
    glyphs = (rows[:, :-1].reshape(-1, GLYPH, GLYPH) / INK).astype(np.float32)
    return Handwriting(glyphs, rows[:, -1])


def room(height: int, width: int) -> int:
    """How many digits a canvas of so many pixels has room for."""
    return (height // GLYPH) * (width // GLYPH)


def any_image(
    height: int,
    width: int,
    part: Part,
    draw: np.random.Generator,
    fewest: int = FEWEST,
    vary: bool = False,
) -> Image:
    """`fewest` to four digits, at places by chance, each as somebody wrote it; with `vary`, nearly so."""
    hand = handwriting(part)
    count = int(draw.integers(fewest, min(MOST, room(height, width)) + 1))
    chosen = draw.integers(0, len(hand.digits), count)
    glyphs = hand.glyphs[chosen]
    if vary:
        glyphs = np.stack([varied(glyph, draw) for glyph in glyphs])
    return _placed(glyphs, hand.digits[chosen], height, width, draw)


def image_of(
    digits: Sequence[int], height: int, width: int, draw: np.random.Generator, part: Part = "held out"
) -> Image:
    """These digits, in this order, each as somebody wrote it. Raises UsageError where they have no room."""
    if not 1 <= len(digits) <= room(height, width):
        raise UsageError(
            f"{len(digits)} digits: an image of {width} x {height} pixels has room for 1 to {room(height, width)}"
        )
    hand = handwriting(part)
    chosen = np.array([draw.choice(hand.of(digit)) for digit in digits])
    return _placed(hand.glyphs[chosen], hand.digits[chosen], height, width, draw)


def varied(glyph: Pixels, draw: np.random.Generator) -> Pixels:
    """A glyph [8, 8] turned, slanted, stretched and inked a little otherwise: 1,500 are few to learn from.

    Each pixel is the mean of the four that it comes from, weighed by how near they are.
    """
    angle, slant, tall, wide, ink = draw.uniform((-0.2, -0.2, 0.88, 0.88, 0.75), (0.2, 0.2, 1.12, 1.12, 1.15))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    come_from = (
        turn @ np.array([[tall, 0], [slant, wide]]) @ _GRID + (GLYPH - 1) / 2 + 1
    )  # on paper around it
    near = np.clip(np.floor(come_from).astype(int), 0, GLYPH)
    (down, right), (row, column) = come_from - near, near
    paper = np.pad(glyph, 1)
    down, right = np.clip(down, 0, 1), np.clip(right, 0, 1)
    above = paper[row, column] * (1 - right) + paper[row, column + 1] * right
    below = paper[row + 1, column] * (1 - right) + paper[row + 1, column + 1] * right
    mixed = (above * (1 - down) + below * down).reshape(GLYPH, GLYPH)
    return np.minimum(ink * mixed, 1).astype(np.float32)


def _placed(
    glyphs: NDArray[np.float32], digits: NDArray[np.int64], height: int, width: int, draw: np.random.Generator
) -> Image:
    pixels = np.zeros((height, width), np.float32)
    places = _places(len(digits), height, width, draw)
    for glyph, place in zip(glyphs, places, strict=True):
        pixels[place.row : place.row + GLYPH, place.column : place.column + GLYPH] = glyph
    return Image(pixels, tuple(digits.tolist()), tuple(places))


def _places(count: int, height: int, width: int, draw: np.random.Generator) -> list[Place]:
    """In lines of any number and length, with gaps by chance above them and between their digits."""
    longest = width // GLYPH
    lines = int(draw.integers(-(-count // longest), min(count, height // GLYPH) + 1))
    while max(lengths := _shares(count, lines, draw)) > longest:
        pass
    tops = _starts(lines, height, draw)
    return [
        Place(top, column)
        for top, length in zip(tops, lengths, strict=True)
        for column in _starts(length, width, draw)
    ]


def _shares(count: int, parts: int, draw: np.random.Generator) -> list[int]:
    """`count` things in so many parts, none empty."""
    cuts = np.sort(draw.choice(np.arange(1, count), parts - 1, replace=False))
    return np.diff([0, *cuts.tolist(), count]).tolist()


def _starts(count: int, pixels: int, draw: np.random.Generator) -> list[int]:
    """Where so many glyphs begin, side by side on so many pixels."""
    spare = np.sort(draw.integers(0, pixels - GLYPH * count + 1, count))
    return (spare + GLYPH * np.arange(count)).tolist()
