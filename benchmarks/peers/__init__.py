"""Where the peers live: an environment of their own, made here. Measures nothing.

What they need and what Dragoman needs exclude each other: JoeyNMT reads vocabularies through sentencepiece 0.2.0.
The modules beside this one run in that environment, so they import nothing of Dragoman.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.alternate import ROOT

ENVIRONMENT = ROOT / ".bench-venv"
PYTHON = ENVIRONMENT / "bin" / "python"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_STAMP = ENVIRONMENT / "requirements.txt"  # what was installed, for as long as it is what should be


def installed() -> bool:
    return PYTHON.exists() and _STAMP.exists() and _STAMP.read_bytes() == REQUIREMENTS.read_bytes()


def install() -> Path:
    """The peers' interpreter, with its packages made current. Raises subprocess.CalledProcessError."""
    if not installed():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
        _STAMP.write_bytes(REQUIREMENTS.read_bytes())
    return PYTHON
