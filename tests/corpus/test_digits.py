"""Images that are made up: what they say is what is drawn, in reading order, from handwriting that is kept apart."""

from __future__ import annotations

import numpy as np
import pytest

from dragoman.corpus.digits import GLYPH, Image, Part, any_image, handwriting, image_of, room, varied
from dragoman.errors import UsageError

HEIGHT, WIDTH = 24, 32


def made(count: int = 60, height: int = HEIGHT, width: int = WIDTH, part: Part = "train") -> list[Image]:
    return [
        any_image(height, width, part, np.random.default_rng(i), vary=i % 2 == 1 and part == "train")
        for i in range(count)
    ]


def test_the_handwriting_is_that_of_the_data_set() -> None:
    """1,797 images of ink from 0 to 16, about as many of each digit (its description)."""
    parts = [handwriting("train"), handwriting("held out")]
    assert sum(len(part.digits) for part in parts) == 1797
    assert all(part.glyphs.min() == 0 and part.glyphs.max() == 1 for part in parts)
    counts = sum(np.bincount(part.digits, minlength=10) for part in parts)
    assert counts.min() > 170 and counts.max() < 190
    assert all(np.bincount(part.digits, minlength=10).min() >= 27 for part in parts)


def test_no_glyph_is_trained_on_and_measured_on() -> None:
    train, held = ({glyph.tobytes() for glyph in handwriting(part).glyphs} for part in ("train", "held out"))  # type: ignore[arg-type]
    assert not train & held


def test_what_an_image_says_stands_where_it_says_and_nothing_else_does() -> None:
    held = handwriting("held out")
    known = {glyph.tobytes(): int(digit) for glyph, digit in zip(held.glyphs, held.digits, strict=True)}
    for image in made(part="held out"):
        rest = image.pixels.copy()
        for digit, place in zip(image.digits, image.places, strict=True):
            box = slice(place.row, place.row + GLYPH), slice(place.column, place.column + GLYPH)
            assert known[np.ascontiguousarray(image.pixels[box]).tobytes()] == digit
            rest[box] = 0
        assert not rest.any(), "no two digits overlap, and there is no other ink"


def test_the_order_is_that_of_reading() -> None:
    """Line by line, and no line reaches into the next; in a line from left to right."""
    for image in made():
        order = [(place.row, place.column) for place in image.places]
        assert order == sorted(order)
        tops = sorted({row for row, _ in order})
        assert all(below - above >= GLYPH for above, below in zip(tops, tops[1:], strict=False))


def test_lines_lengths_and_places_vary() -> None:
    images = made(200)
    assert {len(image.digits) for image in images} == {2, 3, 4}
    assert {len({place.row for place in image.places}) for image in images} == {1, 2, 3}
    assert {place.row for image in images for place in image.places} == set(range(HEIGHT - GLYPH + 1))
    assert {place.column for image in images for place in image.places} == set(range(WIDTH - GLYPH + 1))


@pytest.mark.parametrize("height, width", [(8, 16), (16, 8), (9, 35), (40, 40)])
def test_any_canvas_with_room_for_two_will_do(height: int, width: int) -> None:
    for image in made(20, height, width):
        assert image.pixels.shape == (height, width)
        assert 2 <= len(image.digits) <= min(4, room(height, width))


def test_an_image_is_a_function_of_its_random_numbers() -> None:
    one, other = (any_image(HEIGHT, WIDTH, "train", np.random.default_rng(7)) for _ in range(2))
    assert one.digits == other.digits and np.array_equal(one.pixels, other.pixels)


def test_digits_that_are_asked_for_are_drawn_in_their_order() -> None:
    image = image_of([3, 1, 4, 1, 5, 9], HEIGHT, WIDTH, np.random.default_rng(1))
    assert image.digits == (3, 1, 4, 1, 5, 9) and len(image.places) == 6


@pytest.mark.parametrize("digits", [[], [1] * 13])
def test_more_digits_than_there_is_room_for_are_refused(digits: list[int]) -> None:
    with pytest.raises(UsageError, match="has room for 1 to 12"):
        image_of(digits, HEIGHT, WIDTH, np.random.default_rng(1))


def test_what_is_trained_on_is_never_written_twice_in_the_same_way_and_stays_what_it_is() -> None:
    """Turned and slanted a little: nearer to what it was than to nine in ten other glyphs of other digits."""
    hand, draw = handwriting("train"), np.random.default_rng(1)
    for i in range(0, 300, 10):
        glyph = hand.glyphs[i]
        one, other = varied(glyph, draw), varied(glyph, draw)
        assert not np.array_equal(one, other) and one.shape == glyph.shape and one.dtype == np.float32
        assert one.min() >= 0 and one.max() <= 1
        others = hand.glyphs[hand.digits != hand.digits[i]]
        far = np.abs(others - one).sum((1, 2))
        assert np.abs(glyph - one).sum() < np.quantile(far, 0.1)


def test_a_glyph_that_is_not_varied_at_all_is_itself() -> None:
    class Still:
        def uniform(self, low: object, high: object) -> tuple[float, ...]:
            return 0.0, 0.0, 1.0, 1.0, 1.0

    glyph = handwriting("train").glyphs[5]
    assert np.allclose(varied(glyph, Still()), glyph, atol=1e-6)  # type: ignore[arg-type]
