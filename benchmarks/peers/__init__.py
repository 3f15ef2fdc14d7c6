"""Where the peers live: environments of their own, made here. Measures nothing.

What they need and what Dragoman needs exclude each other: JoeyNMT reads vocabularies through sentencepiece 0.2.0, and
LibreTranslate and MindSpore are made for numpy 1. The modules beside this one run in those environments, so they import
nothing of Dragoman.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.alternate import ROOT

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Environment:
    """A directory with an interpreter, and the file that names its packages."""

    directory: Path
    requirements: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    @property
    def _stamp(self) -> Path:
        """What was installed, for as long as it is what should be."""
        return self.directory / "requirements.txt"

    def installed(self) -> bool:
        stamp = self._stamp
        return (
            self.python.exists() and stamp.exists() and stamp.read_bytes() == self.requirements.read_bytes()
        )

    def install(self) -> Path:
        """The interpreter, with its packages made current. Raises subprocess.CalledProcessError."""
        if not self.installed():
            subprocess.run([sys.executable, "-m", "venv", str(self.directory)], check=True)
            pip = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
            subprocess.run([*pip, "-r", str(self.requirements)], check=True)
            self._stamp.write_bytes(self.requirements.read_bytes())
        return self.python


TOOLKITS = Environment(ROOT / ".bench-venv", HERE / "requirements.txt")
LIBRETRANSLATE = Environment(ROOT / ".bench-libretranslate-venv", HERE / "libretranslate-requirements.txt")
MINDSPORE = Environment(ROOT / ".bench-mindspore-venv", HERE / "mindspore-requirements.txt")
PYTHON, install = TOOLKITS.python, TOOLKITS.install
