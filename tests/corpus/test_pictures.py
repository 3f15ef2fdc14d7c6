"""Pictures from a disk, held against what other people's programs write: Pillow, and Netpbm's own description."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dragoman.corpus.pictures import read_picture, write_picture
from dragoman.errors import UsageError

HEIGHT, WIDTH = 24, 32
LIGHT = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), np.uint8)


def saved(tmp_path: Path, image: Image.Image, name: str = "picture.png", **options: object) -> Path:
    path = tmp_path / name
    image.save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("name", ["picture.png", "picture.pgm"])
def test_dark_is_ink(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, Image.fromarray(LIGHT), name)
    assert np.allclose(read_picture(path, HEIGHT, WIDTH), 1 - LIGHT / 255, atol=1e-6)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_a_png_of_colours_is_read_by_its_lightness(tmp_path: Path, mode: str) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    image = Image.fromarray(noise).convert(mode)
    grey = np.asarray(image.convert("RGB").convert("F"))
    assert np.allclose(read_picture(saved(tmp_path, image), HEIGHT, WIDTH), 1 - grey / 255, atol=2e-3)


def test_what_is_transparent_is_paper(tmp_path: Path) -> None:
    image = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    image.putpixel((3, 2), (0, 0, 0, 255))
    ink = read_picture(saved(tmp_path, image), HEIGHT, WIDTH)
    assert ink[2, 3] == 1 and ink.sum() == 1


def test_every_line_filter_of_png_is_undone(tmp_path: Path) -> None:
    """Pillow chooses among all five, by what packs best: slopes, stripes and noise bring each of them."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    light = np.vstack(((rows * 5 + columns * 3)[:8], (columns * 7)[8:16], LIGHT[16:])).astype(np.uint8)
    path = saved(tmp_path, Image.fromarray(light), optimize=True)
    assert np.allclose(read_picture(path, HEIGHT, WIDTH), 1 - light / 255, atol=1e-6)


def test_a_larger_picture_is_averaged(tmp_path: Path) -> None:
    large = np.kron(LIGHT, np.ones((5, 5), np.uint8))
    path = saved(tmp_path, Image.fromarray(large))
    assert np.allclose(read_picture(path, HEIGHT, WIDTH), 1 - LIGHT / 255, atol=1e-6)


def test_a_pgm_in_letters_may_have_remarks(tmp_path: Path) -> None:
    path = tmp_path / "picture.pgm"
    path.write_text("P2\n# made by hand\n2 2\n# black and white\n4\n0 1\n2 4\n")
    assert np.allclose(read_picture(path, 2, 2), [[1, 0.75], [0.5, 0]])


def test_what_is_written_is_what_others_read(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(write_picture((1 - LIGHT / 255).astype(np.float32)))
    assert np.array_equal(np.asarray(Image.open(path)), LIGHT)


def _damaged(tmp_path: Path) -> dict[str, bytes]:
    good = saved(tmp_path, Image.fromarray(LIGHT)).read_bytes()
    return {
        "no picture": b"GIF89a" + bytes(20),
        "nothing": b"",
        "cut": good[: len(good) // 2],
        "headless": good[:8],
        "damaged": good[:60] + bytes(20) + good[80:],
        "claims": b"P5\n99999 99999\n255\n" + bytes(10),
        "short": b"P5\n32 24\n255\n" + bytes(10),
        "letters": b"P2\n2 1\n255\nzwei drei\n",
    }


@pytest.mark.parametrize(
    "name", ["no picture", "nothing", "cut", "headless", "damaged", "claims", "short", "letters"]
)
def test_a_file_that_is_no_picture_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "other.png"
    path.write_bytes(_damaged(tmp_path)[name])
    with pytest.raises(UsageError, match="other.png is no picture that can be read"):
        read_picture(path, HEIGHT, WIDTH)


def test_sixteen_bits_and_other_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="16 bits"):
        read_picture(saved(tmp_path, Image.fromarray(LIGHT.astype(np.uint16))), HEIGHT, WIDTH)
    with pytest.raises(UsageError, match="has 32 x 24 pixels: the model reads 24 x 32"):
        read_picture(saved(tmp_path, Image.fromarray(LIGHT)), WIDTH, HEIGHT)
    with pytest.raises(UsageError, match="cannot read"):
        read_picture(tmp_path / "nowhere.png", HEIGHT, WIDTH)
