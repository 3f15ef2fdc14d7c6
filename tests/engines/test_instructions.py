"""Wide vectors are asked for where the processor has them, and nobody has said otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from dragoman.engines.instructions import NEEDED, VARIABLE, adds_exactly, use_wide_vectors

WIDE = f"processor\t: 0\nflags\t\t: fpu avx2 {' '.join(NEEDED)}\n\nprocessor\t: 1\n"


@pytest.mark.parametrize(
    ("cpuinfo", "before", "after"),
    [
        (WIDE, {}, {VARIABLE: "AVX512"}),
        (WIDE, {VARIABLE: "AVX2"}, {VARIABLE: "AVX2"}),
        (WIDE.replace("avx512_vbmi2", ""), {}, {}),
        ("Features\t: fp asimd\n", {}, {}),
        (None, {}, {}),
    ],
    ids=["wide", "chosen", "narrow", "arm", "unknown"],
)
def test_only_where_they_are_and_nobody_chose(
    cpuinfo: str | None, before: dict[str, str], after: dict[str, str], tmp_path: Path
) -> None:
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    use_wide_vectors(before, tmp_path / "cpuinfo")
    assert before == after


@pytest.mark.parametrize(
    ("flags", "exactly"),
    [("avx2", False), ("avx2 avx_vnni", True), ("avx512f avx2 avx512_vnni", True), ("avx512f avx2", False)],
)
def test_bytes_are_added_in_sixteen_bits_without_vnni(flags: str, exactly: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n")
    assert adds_exactly(tmp_path / "cpuinfo") == exactly
    (tmp_path / "cpuinfo").write_text("Features\t: fp asimd\n")
    assert adds_exactly(tmp_path / "cpuinfo") and adds_exactly(tmp_path / "none")
