"""The command line called as a person calls it: in a process of its own, or by main()."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from dragoman.cli import main

Capture = pytest.CaptureFixture[str]


def shell(*words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """`dragoman ...` as a process."""
    return subprocess.run(
        [sys.executable, "-m", "dragoman", *words], capture_output=True, timeout=60, **options
    )  # type: ignore[call-overload, no-any-return]


def refused(capsys: Capture, words: Sequence[str], code: int = 2) -> str:
    """The one line that a wrong call gets."""
    assert main(words) == code
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("dragoman: ") and errors.endswith("\n")
    assert "Traceback" not in errors
    return errors.removeprefix("dragoman: ").rstrip("\n")
