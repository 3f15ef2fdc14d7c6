"""What the numbers were measured on: processor, threads, memory, versions; and its best matrix product."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

# Of all flags, those that decide how fast matrices are multiplied.
FLAGS = (
    "avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8",
)  # fmt: skip
CPUINFO = Path("/proc/cpuinfo")
SIDES = (1024, 2048, 4096)


def cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(threads: int) -> dict[str, Any]:
    """The machine as JSON; what a system does not tell is left out."""
    found: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        "threads": threads,
    }
    if hasattr(os, "getloadavg"):
        found["load_before"] = round(os.getloadavg()[0], 2)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_gib"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return found | processor(CPUINFO)


def processor(cpuinfo: Path) -> dict[str, Any]:
    """Name and flags as Linux tells them; elsewhere what Python knows."""
    try:
        text = cpuinfo.read_text()
    except OSError:
        return {"processor": platform.processor() or "unknown", "flags": []}
    fields = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())
    }
    present = set(fields.get("flags", fields.get("Features", "")).split())
    name = fields.get("model name", platform.processor() or "unknown")
    return {"processor": name, "flags": [flag for flag in FLAGS if flag in present]}


def fast_precision() -> str:
    """What `dragoman train` computes in on this processor when nothing is asked."""
    return "bf16" if {"avx512_bf16", "amx_bf16"} & set(processor(CPUINFO)["flags"]) else "fp32"


def matrix_products(seconds: float = 1.0) -> dict[str, float]:
    """The best rate of square products in bf16 and in fp32, in FLOP/s, on all threads: what 100 % means."""
    import torch

    found = {}
    for name in ("bfloat16", "float32"):
        found[f"{name}_flops"] = max(_rate(side, getattr(torch, name), seconds) for side in SIDES)
    return found


def _rate(side: int, dtype: Any, seconds: float) -> float:
    import torch

    a, b, out = (torch.randn(side, side).to(dtype) for _ in range(3))
    torch.mm(a, b, out=out)  # the first call chooses the kernel
    count, started = 0, time.perf_counter()
    while (taken := time.perf_counter() - started) < seconds or not count:
        torch.mm(a, b, out=out)
        count += 1
    return count * 2 * side**3 / taken
