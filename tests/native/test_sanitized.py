"""The compiled kernels once more under GCC's sanitizers, which see what reads or writes beyond its memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
KERNELS = [
    *(
        TESTS / "training" / "cpu" / name
        for name in ("test_kernels.py", "test_packed.py", "test_products.py")
    ),
    TESTS / "engines" / "test_compiled.py",
]


def runtime(name: str) -> Path | None:
    """The sanitizer's library, which must be loaded before all others."""
    if shutil.which("gcc") is None:
        return None
    asked = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    found = Path(asked.stdout.strip())
    return found if found.is_absolute() else None


@pytest.mark.slow(reason="torch is loaded under a sanitizer, and all tests of the kernels run: 20 s")
def test_kernels_stay_within_their_memory(tmp_path: Path) -> None:
    libraries = [runtime(name) for name in ("libasan.so", "libubsan.so")]
    if None in libraries:
        pytest.skip("gcc's sanitizers are not on this machine")
    environment = os.environ | {
        "CC": "gcc -g -fsanitize=address,undefined -fno-sanitize-recover=all",
        "XDG_CACHE_HOME": str(tmp_path),
        "LD_PRELOAD": " ".join(map(str, libraries)),
        "ASAN_OPTIONS": "detect_leaks=0",
    }
    # Those that set CC themselves; and without the kernels all the others would be skipped.
    words = ["-q", "-p", "no:cacheprovider", "-k", "not compiler and not instructions", *map(str, KERNELS)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "skipped" not in done.stdout
    made = list((tmp_path / "dragoman").iterdir())
    assert len(made) == 2 and all(b"__asan_" in library.read_bytes() for library in made)
