"""Training killed at any moment, and on a full disk, then resumed: the result is that of a run nobody disturbed.

What a person does next is done: the command is typed again, and the advice that it gives is followed.
"""

from __future__ import annotations

import errno
import math
import os
import random
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from attacks.attack import Fault, NotTried, Trials, Try
from attacks.commands import Ended, fault_of
from attacks.product import Product, weights_of

ADVICE = 4  # commands in a row that each tell to do otherwise are a dead end

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def followed(product: Product, output: Path, resume: bool = True, most: int = ADVICE) -> Fault | None:
    """Bring a run to its end by typing the command again, with --resume or without as it asks; what is wrong."""
    said: list[str] = []
    while len(said) < most:
        ended = product.commands.run(*product.training(output, *(["--resume"] if resume else [])))
        if fault := fault_of(ended):
            return fault
        if ended.code == 0:
            return None
        said.append(ended.last.removeprefix("dragoman: ").replace(str(output), "DIR"))
        advice = advice_of(ended.last)
        if advice is None:
            break
        resume = advice
    return Fault(f"dead end: {' / '.join(dict.fromkeys(said))[:600]}")


def advice_of(message: str) -> bool | None:
    """Whether to type the command with --resume, as a message says; None if it says nothing of the kind."""
    if "without --resume" in message or "same command again" in message:
        return False
    return True if "--resume" in message else None


def judged(product: Product, output: Path, ended: Ended | None = None) -> Fault | None:
    """What is wrong with a run once it is brought to its end. What `ended` advised has to work at once."""
    advice = advice_of(ended.last) if ended is not None and ended.code else None
    if advice is None:
        fault = followed(product, output)
    elif fault := followed(product, output, advice, most=1):
        assert ended is not None
        said = ended.last.replace(str(output), "DIR")
        fault = Fault(f"the advice does not work: {said[:300]} / {fault.what}")
    if fault is None and weights_of(output) != product.result:
        fault = Fault(f"other weights than those of the undisturbed run: {weights_of(output)[:12] or 'none'}")
    return fault


# -- killed -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kill:
    """One end of a process: at the k-th call that changes a file, or after a part of the time that a run takes."""

    signal: int
    at: float  # of all calls, or of the time
    aimed: bool  # at a call; always SIGKILL

    def __str__(self) -> str:
        name = signal.Signals(self.signal).name
        return f"{name} at {self.at:.1%} of the {'changes to files' if self.aimed else 'time'}"


Kills = tuple[Kill, ...]
FIRST_SAVE: Kills = (Kill(signal.SIGKILL, -1.0, True),)


def drawn_kills(rng: random.Random) -> Kills:
    """One to three; more of them early, where there is least to fall back to."""
    return tuple(
        Kill(signal.SIGKILL, rng.random() ** 2, True)
        if rng.random() < 0.6
        else Kill(rng.choice(SIGNALS), rng.random(), False)
        for _ in range(rng.randint(1, 3))
    )


def killed(product: Product, output: Path, kill: Kill, resume: bool) -> Ended:
    """A run that is sent a signal; one that ended before it came is as good."""
    words = product.training(output, *(["--resume"] if resume else []))
    if kill.aimed:
        calls = {"root": str(output), "kill_at": _at(product, kill.at)}
        return product.commands.run(*words, inject={"calls": calls})
    product.commands.begin(words)
    timer = threading.Timer(kill.at * product.took.seconds, product.commands.kill, (kill.signal,))
    timer.start()
    try:
        return product.commands.end()
    finally:
        timer.cancel()


def _at(product: Product, share: float) -> int:
    """The number of a call; below 0 it is one in the middle of the first save."""
    return product.first_save if share < 0 else max(1, math.ceil(share * len(product.took.calls)))


@contextmanager
def run_and_kill(product: Product) -> Iterator[Try[Kills]]:
    assert product.result

    def try_(kills: Kills) -> Fault | None:
        with product.passing_folder() as folder:
            output = folder / "run"
            for number, kill in enumerate(kills):
                ended = killed(product, output, kill, resume=number > 0 and output.exists())
                if fault := fault_of(ended, killed=True):
                    return fault
            return judged(product, output) or left_over(output)

    yield try_


def left_over(output: Path) -> Fault | None:
    """Files that only a process that writes them has a use for, in a run that is complete."""
    names = {path.name for path in output.rglob("*")}
    left = sorted(re.sub(r"\d{4,}", "N", name) for name in names if ".tmp" in name or ".new-" in name)
    return Fault(f"left for ever: {', '.join(left)}") if left else None


def fewer(kills: Kills) -> Iterator[Kills]:
    for at in range(len(kills)):
        if len(kills) > 1:
            yield kills[:at] + kills[at + 1 :]


def shown(kills: Kills) -> str:
    return "within the first save" if kills == FIRST_SAVE else ", then ".join(map(str, kills))


KILLS: Trials[Product, Kills] = Trials(
    "kills",
    "a run that is killed at any moment and resumed ends with the weights of one that was not, to the bit, and no "
    "temporary file is left",
    run_and_kill, drawn_kills, (FIRST_SAVE,), fewer, shown, share=4.0,
)  # fmt: skip

# -- a full disk ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Full:
    """A disk that is full from a moment on. kilobytes: of a real one (root only); else at a share of all changes."""

    at: float = 0.0
    kilobytes: int = 0
    error: int = errno.ENOSPC
    whole_process: bool = False  # a limit on the size of each file (RLIMIT_FSIZE), in bytes: at is that size

    def __str__(self) -> str:
        if self.kilobytes:
            return f"a disk of {self.kilobytes} KB"
        if self.whole_process:
            return f"ulimit -f: files of at most {self.at:.0f} bytes"
        if self.at < 0:
            return "full within the first save"
        return f"{errno.errorcode[self.error]} from {self.at:.1%} of the changes to files on"


def drawn_full(rng: random.Random) -> Full:
    kind = rng.random()
    if kind < 0.25 and _may_mount():
        return Full(kilobytes=rng.choice((120, 160, 200, 250, 300, 400, 600, 1000)))
    if kind < 0.4:
        return Full(at=float(rng.randint(100, 200_000)), whole_process=True)
    return Full(rng.random() ** 3, error=rng.choice((errno.ENOSPC, errno.EIO, errno.EDQUOT)))


def _may_mount() -> bool:
    return os.geteuid() == 0 and shutil.which("mount") is not None


def _enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=100m", str(folder)], check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[], None] | None]:
    """A file system of that size on `folder`, and how to make room on it; None where it may not be mounted."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "attacks", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        yield None
        return
    try:
        yield lambda: _enlarge(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def injected(product: Product, full: Full, output: Path) -> dict[str, object]:
    if full.whole_process:
        return {"limits": {"FSIZE": int(full.at)}}
    return {"calls": {"root": str(output), "fail_from": _at(product, full.at), "error": full.error}}


@contextmanager
def fill_and_go_on(product: Product) -> Iterator[Try[Full]]:
    assert product.result

    def try_(full: Full) -> Fault | None:
        with product.passing_folder() as folder:
            output = folder / "run"
            if not full.kilobytes:
                ended = product.commands.run(
                    *product.training(output), inject=injected(product, full, output)
                )
                return fault_of(ended) or judged(product, output, ended)
            with small_disk(folder, full.kilobytes) as make_room:
                if make_room is None:
                    raise NotTried
                ended = product.commands.run(*product.training(output))
                make_room()
                return fault_of(ended) or judged(product, output, ended)

    yield try_


DISK: Trials[Product, Full] = Trials(
    "disk",
    "a disk that is full, or fails, loses nothing: once there is room, doing what the message says ends the run",
    fill_and_go_on, drawn_full, (Full(-1.0), Full(0.5)),
    lambda full: [replace(full, at=full.at / 2)] if full.at > 0.01 and not full.whole_process else [],
    str, share=2.0,
)  # fmt: skip
