"""What one sentence and a thousand cost in time and memory, measured in a process of their own. Judges no translation.

    python -m dragoman.doctor.cost MODEL  <  {"texts": [...], "count": 1000, "seconds": 15}

A process of its own, since memory that this one took for its examinations would count as the translation's.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.doctor.finding import Finding, verdict

if TYPE_CHECKING:  # it loads torch, which a translation by the fast engine never needs
    from dragoman.doctor.patient import Patient

MANY = 1000
SECONDS = 12.0  # for the thousand: a slow model translates as many as it can, and the rest is reckoned
ALONE = 5  # times that one sentence is translated
PATIENCE = 300.0  # seconds for all of it, loading included
WORTH = 1.5  # a sentence among many may take so many times as long as one by itself


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one sentence (median); seconds of `count`; and memory in MB after each."""

    one: float
    one_memory: float
    count: int
    many: float
    many_memory: float

    @property
    def thousand(self) -> float:
        return self.many / self.count * MANY


def cost(patient: Patient) -> Finding:
    """What they cost through the engine that serves; a batch has to be no slower than its sentences one by one."""
    translator = patient.translator
    words = {"texts": patient.texts, "engine": translator.engine, "device": translator.device}
    asked = json.dumps(
        {**words, "compute_type": translator.compute_type, "max_length": patient.options.max_length}
    )
    command = [sys.executable, "-m", "dragoman.doctor.cost", str(translator.model.path)]
    try:
        done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return verdict(False, "a sentence and a thousand take more than {seconds:.0f} s", seconds=PATIENCE)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        return verdict(False, "translating ended with: {why}", why=last)
    return judged(Cost(**json.loads(done.stdout.splitlines()[-1])))


def judged(found: Cost) -> Finding:
    """Whether a thousand together are at least about as fast as one after another."""
    each = 1000 * found.many / found.count
    return verdict(
        each <= WORTH * found.one,
        "one: {one:.1f} ms, {one_memory:.0f} MB; a thousand: {thousand:.1f} s, {many_memory:.0f} MB"
        + ("" if found.count >= MANY else " (reckoned from {count})"),
        **asdict(found),
        thousand=found.thousand,
    )


def measure(path: str, texts: Sequence[str], max_length: int, **asked: str | None) -> Cost:
    """Translate one sentence ALONE times, then MANY, or as many as there is time for."""
    from dragoman.translate.translator import Translator

    translator = Translator.load(path, **{k: v for k, v in asked.items() if v is not None})  # type: ignore[arg-type]
    options = translator.options.changed(max_length=max_length) if max_length < 256 else translator.options
    middle = sorted(texts, key=len)[len(texts) // 2]
    times = []
    for _ in range(ALONE + 1):
        began = time.perf_counter()
        translator.translate(middle, options)
        times.append(time.perf_counter() - began)
    alone = statistics.median(times[1:])
    before = peak()
    # Half as long as one by one, if a batch is worth anything.
    count = int(min(MANY, max(2 * len(texts), 2 * SECONDS / alone)))
    began = time.perf_counter()
    translator.translate(list(islice(cycle(texts), count)), options)
    return Cost(1000 * alone, before, count, time.perf_counter() - began, peak())


def peak() -> float:
    """Most memory that this process had so far, in MB; NaN where the system does not tell."""
    try:
        # Not getrusage: on Linux a process begins with the peak of the one that started it.
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 2**10
    except (OSError, IndexError, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return float("nan")
    units = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / units


if __name__ == "__main__":
    print(json.dumps(asdict(measure(sys.argv[1], **json.loads(sys.stdin.read())))))
