"""C beside Python: sources compiled on first use and called through ctypes. Knows no kernel and no torch.

The headers beside this file are what kernels share: vectors.h, and tiles.h for products of packed matrices.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dragoman.files import publish, sha256

HERE = Path(__file__).parent
FLAGS = ("-O3", "-march=native", "-fPIC", "-shared", f"-I{HERE}")
PATIENCE = 300.0  # seconds for a compiler that takes ten, on a machine that does much else

INT, FLOAT, POINTER = ctypes.c_int64, ctypes.c_float, ctypes.c_void_p
Signatures = Mapping[str, Sequence[Any]]


def load(name: str, sources: Sequence[Path], signatures: Signatures) -> ctypes.CDLL | None:
    """The functions of some C files, from the cache or compiled now (seconds); None where that cannot be.

    They return nothing. A library is kept under XDG_CACHE_HOME by what it was made from and for: sources, headers,
    flags and processor.
    """
    try:
        path = _place(name, sources)
        try:
            return _opened(path, signatures)
        except OSError:  # not there, or not whole
            compiled = _compiled(sources)
            path.parent.mkdir(parents=True, exist_ok=True)
            publish(path, compiled)
            return _opened(path, signatures)
    except (OSError, RuntimeError, subprocess.SubprocessError):  # RuntimeError: no home directory
        return None


def _place(name: str, sources: Sequence[Path]) -> Path:
    made_from = "\n".join((*FLAGS[:-1], platform.machine(), processor())).encode()
    folders = {HERE, *(path.parent for path in sources)}
    headers = sorted(header for folder in folders for header in folder.glob("*.h"))
    made_from += b"".join(path.read_bytes() for path in (*sources, *headers))
    return cache() / f"{name}-{sha256(made_from)[:16]}.so"


def _opened(path: Path, signatures: Signatures) -> ctypes.CDLL:
    found = ctypes.CDLL(str(path))  # lets go of the interpreter's lock during each call
    for name, arguments in signatures.items():
        function = getattr(found, name)
        function.argtypes, function.restype = arguments, None
    return found


def cache() -> Path:
    """Where to keep what this machine made for itself. Raises RuntimeError where nobody has a home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dragoman"


def processor() -> str:
    """What -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


def _compiled(sources: Sequence[Path]) -> bytes:
    """Raises OSError or SubprocessError where there is no compiler, or none that can."""
    compiler = shlex.split(os.environ.get("CC", "")) or [*filter(shutil.which, ("cc", "gcc", "clang"))][:1]
    if not compiler:
        raise FileNotFoundError("no C compiler")
    with tempfile.TemporaryDirectory() as directory:
        made = Path(directory) / "made.so"
        command = [*compiler, *FLAGS, "-o", str(made), *map(str, sources), "-lm"]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
        return made.read_bytes()


def call(library: Any, name: str, *arguments: Any) -> None:
    """Call a function; a tensor stands for its address, None for no address."""
    getattr(library, name)(
        *(argument.data_ptr() if hasattr(argument, "data_ptr") else argument for argument in arguments)
    )
