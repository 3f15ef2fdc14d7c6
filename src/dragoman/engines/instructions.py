"""Which of a processor's instructions CTranslate2 uses, and what they can do. Loads no engine.

It asks for 256-bit vectors unless told otherwise, for wider ones once slowed the whole processor down. Since Ice Lake
and Zen 4 they do not: measured on Sapphire Rapids, a translation takes an eighth less time with 512 bits.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "CT2_FORCE_CPU_ISA"
# What CTranslate2 itself asks for, then what only the processors have that keep their clock.
NEEDED = frozenset({"avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq", "avx512_vbmi2"})
VNNI = frozenset({"avx_vnni", "avx512_vnni"})
CPUINFO = Path("/proc/cpuinfo")


def use_wide_vectors(environment: MutableMapping[str, str] = os.environ, cpuinfo: Path = CPUINFO) -> None:
    """Before CTranslate2 first computes: ask for 512-bit vectors, where Linux says that the processor has them.

    Who sets CT2_FORCE_CPU_ISA has the last word.
    """
    if VARIABLE not in environment and _flags(cpuinfo) >= NEEDED:
        environment[VARIABLE] = "AVX512"


def adds_exactly(cpuinfo: Path = CPUINFO) -> bool:
    """Whether sums of products of bytes come out right, whatever the bytes: False where Linux says so of a processor.

    One of the x86 kind without VNNI adds two products of an unsigned and a signed byte in 16 bits, and what does not
    fit is cut off: 255 * 127 * 2. With signed bytes of at most 63 all fits.
    """
    flags = _flags(cpuinfo)
    return not flags or not flags.isdisjoint(VNNI)


def _flags(cpuinfo: Path) -> frozenset[str]:
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:  # no Linux
        return frozenset()
    return next(
        (frozenset(line.split(":")[1].split()) for line in lines if line.startswith("flags")), frozenset()
    )
