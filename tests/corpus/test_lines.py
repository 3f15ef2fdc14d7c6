"""Lines end at LF only; archives are told by their content; damage is named, never read over."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
import zstandard

from dragoman.corpus import lines
from dragoman.corpus.lines import new_file, read_lines
from dragoman.errors import CorpusError

TEXT = "".join(f"line {i} 第{i}行\n" for i in range(3000))


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("odd", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\r"])
def test_nothing_but_lf_ends_a_line(tmp_path: Path, odd: str) -> None:
    path = write(tmp_path / "a", f"one{odd}still one\ntwo\n".encode())
    assert list(read_lines(path)) == [f"one{odd}still one", "two"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\r\r\n", ["a\r"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        ("😀\nשלום\n".encode(), ["😀", "שלום"]),
    ],
)
def test_lines(tmp_path: Path, data: bytes, expected: list[str]) -> None:
    assert list(read_lines(write(tmp_path / "a", data))) == expected


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


@pytest.mark.parametrize("name", ["a.txt", "a.gz", "a.zst"])
@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, zst, lambda d: gzip.compress(d[:99]) + gzip.compress(d[99:])]
)
def test_archives_are_known_by_their_bytes(tmp_path: Path, name: str, pack: object) -> None:
    path = write(tmp_path / name, pack(TEXT.encode()))  # type: ignore[operator]
    assert list(read_lines(path)) == TEXT.splitlines()


def test_zstd_frames_one_after_another_are_one_file(tmp_path: Path) -> None:
    data = TEXT.encode()
    path = write(tmp_path / "a.zst", zst(data[:5000]) + zst(b"") + zst(data[5000:]))
    assert list(read_lines(path)) == TEXT.splitlines()


@pytest.mark.parametrize("pack", [gzip.compress, zst])
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_cut_off_archive_is_never_taken_for_a_short_one(tmp_path: Path, pack: object, kept: float) -> None:
    packed: bytes = pack(os.urandom(20_000).hex().encode())  # type: ignore[operator]
    path = write(tmp_path / "a", packed[: int(len(packed) * kept)])
    with pytest.raises(CorpusError, match=r"a: damaged or cut off after line 0: .*fetch it again"):
        list(read_lines(path))


@pytest.mark.parametrize("pack", [gzip.compress, zst])
def test_a_damaged_archive_is_named(tmp_path: Path, pack: object) -> None:
    packed = bytearray(pack(TEXT.encode()))  # type: ignore[operator]
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(CorpusError, match=r"a: damaged|a:\d+: .* not UTF-8"):
        list(read_lines(write(tmp_path / "a", bytes(packed))))


@pytest.mark.parametrize("pack", [gzip.compress, zst])
def test_a_bomb_is_refused_at_the_limit_of_a_line(
    tmp_path: Path, pack: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE_BYTES", 200_000)
    path = write(tmp_path / "bomb", pack(b"ok\n" + bytes(50_000_000)))  # type: ignore[operator]
    with pytest.raises(CorpusError, match=r"bomb:2: a line of more than 200,000 bytes"):
        list(read_lines(path))


def test_a_hundred_thousand_characters_are_a_line(tmp_path: Path) -> None:
    assert [len(line) for line in read_lines(write(tmp_path / "a", ("字" * 100_000).encode()))] == [100_000]


def test_what_is_not_utf8_is_named_with_line_and_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "a.en", b"good\nb\xc3\xa9d \xff\n")
    with pytest.raises(CorpusError, match=r"a\.en:2: byte 6 of the line \(0xff\) is not UTF-8"):
        list(read_lines(path))


def test_an_encoded_surrogate_is_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="a:1: byte 2 of the line"):
        list(read_lines(write(tmp_path / "a", b"x\xed\xa0\x80\n")))


def test_utf16_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="looks like UTF-16"):
        list(read_lines(write(tmp_path / "a", "hello\n".encode("utf-16"))))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("naïve hello\n", "UTF-16-BE"), ("naïve hello\n", "UTF-16-LE"), ("hello\nnaïve hello\n", "UTF-16-LE")],
)
def test_utf16_without_a_mark_is_recognised_by_its_zeros(tmp_path: Path, text: str, encoding: str) -> None:
    with pytest.raises(CorpusError, match=f"looks like {encoding.replace('16-', '16')}"):
        list(read_lines(write(tmp_path / "a", text.encode(encoding))))


@pytest.mark.parametrize("name", ["out.txt", "out.gz", "out.zst"])
def test_a_new_file_is_whole_or_not_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with new_file(path) as stream:
        stream.write(b"old\n")
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), new_file(path) as stream:
        stream.write(b"new\n")
        raise ZeroDivisionError
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert list(read_lines(path)) == ["old"]


def test_gzip_archives_of_the_same_lines_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        with new_file(tmp_path / name) as stream:
            stream.write(b"text\n")
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
