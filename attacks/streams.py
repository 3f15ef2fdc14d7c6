"""Pipes, devices and links instead of files, readers that leave, and signals: what is there stays, nothing else does.

A shell stages each case around the command: who reads a pipe has to run beside it.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attacks.attack import Fault, Trials, Try
from attacks.commands import TRACEBACK, Ended, fault_of
from attacks.product import Product

PAIR = ("--source-lang", "en", "--target-lang", "zh")
ROOM = 6_000_000  # kilobytes of addresses: what never ends is not read whole
PATIENCE = 120.0  # seconds
PLAIN = f'ulimit -v {ROOM} && exec "$@"'

# What writes a file: its ending, and its words with the name of the file in place of FILE.
WRITERS: dict[str, tuple[str, Callable[[Product], list[str]]]] = {
    "clean": (".tsv", lambda product: ["data", "clean", str(product.corpus[0]), *PAIR, "-o", "FILE"]),
    "explain": (".html", lambda product: ["explain", "The dog sees a cat.", "-m", str(product.model), "-o", "FILE"]),
    "words": (".txt", lambda product: ["words", "train", str(product.corpus[0]), "-o", "FILE"]),
    "translations": (
        ".txt",
        lambda product: [
            "evaluate", str(product.corpus[1]), "-m", str(product.model), "--save-translations", "FILE",
        ],
    ),
}  # fmt: skip
# What reads a corpus, and may write into OUT.
READERS: dict[str, Callable[[Product], list[str]]] = {
    "clean": lambda product: ["data", "clean", "FILE", *PAIR, "-o", "OUT/clean.tsv"],
    "stats": lambda product: ["data", "stats", "FILE"],
    "evaluate": lambda product: ["evaluate", "FILE", "-m", str(product.model)],
    "files": lambda product: [
        "translate",
        "FILE",
        "-m",
        str(product.model),
        "-o",
        "OUT/made",
        "--workers",
        "2",
    ],
    "train": lambda product: product.training(Path("OUT/run"), training__max_steps=2),
}
OUTPUTS = ("a pipe", "a full device", "/dev/null", "a link")
INPUTS = ("a pipe", "a directory", "/dev/zero", "/dev/urandom", "a name that is no Unicode", "nothing")
ENDS = ("a reader that leaves", "SIGTERM", "SIGHUP")


@dataclass(frozen=True)
class Stream:
    """What a verb writes into or reads from, or how it is ended, and after how many seconds."""

    verb: str
    writes: str = ""
    reads: str = ""
    ends: str = ""
    after: float = 1.0

    def __str__(self) -> str:
        if self.writes:
            return f"{self.verb} into {self.writes}"
        return (
            f"{self.verb} from {self.reads}"
            if self.reads
            else f"{self.ends} after {self.after:.1f} s: {self.verb}"
        )


def drawn(rng: random.Random) -> Stream:
    kind = rng.choice(("writes", "reads", "ends"))
    if kind == "writes":
        return Stream(rng.choice(sorted(WRITERS)), writes=rng.choice(OUTPUTS))
    if kind == "reads":
        return Stream(rng.choice(sorted(READERS)), reads=rng.choice(INPUTS))
    return Stream(rng.choice(sorted(READERS)), ends=rng.choice(ENDS), after=rng.uniform(0.2, 4))


@contextmanager
def through(product: Product) -> Iterator[Try[Stream]]:
    assert product.model

    def try_(stream: Stream) -> Fault | None:
        with product.passing_folder() as folder:
            tried = _written if stream.writes else _read if stream.reads else _ended
            fault = tried(product, stream, folder)
            left = [path.name for path in folder.rglob("*") if "tmp-" in path.name]
            return fault or (Fault(f"it left {left[0]} behind") if left else None)

    yield try_


def _run(product: Product, words: list[str], file: Path, folder: Path, shell: str = PLAIN) -> Ended:
    """FILE and OUT of the words are put in; so are those that training has of its own."""
    said = [word.replace("OUT/", f"{folder}/").replace("FILE", str(file)) for word in words]
    if words[0] == "train":
        said[1] = str(file)
    return product.alone(said, folder=folder, prefix=["bash", "-c", shell, "bash"], seconds=PATIENCE)


def _written(product: Product, stream: Stream, folder: Path) -> Fault | None:
    ending, words = WRITERS[stream.verb]
    file, got = folder / f"there{ending}", folder / f"got{ending}"
    shell = PLAIN
    if stream.writes == "a pipe":
        os.mkfifo(file)
        shell = f'timeout {PATIENCE} cat "{file}" > "{got}" & {PLAIN.replace("exec ", "")}; code=$?; wait; exit $code'
    else:
        leads = {"a full device": Path("/dev/full"), "/dev/null": Path(os.devnull), "a link": got}
        file.symlink_to(leads[stream.writes])
    kind = stat.S_IFMT(os.lstat(file).st_mode)
    ended = _run(product, words(product), file, folder, shell)
    if not os.path.lexists(file) or stat.S_IFMT(os.lstat(file).st_mode) != kind:
        return Fault(f"{stream.writes} was replaced")
    if fault := fault_of(ended):
        return fault
    if stream.writes == "a full device":
        return None if ended.code else Fault("exit 0, and nothing was written")
    if ended.code:
        return Fault(f"exit {ended.code}: {ended.last[-200:]}")
    arrived = stream.writes == "/dev/null" or (got.is_file() and got.stat().st_size)
    return None if arrived else Fault("nothing arrived")


def _read(product: Product, stream: Stream, folder: Path) -> Fault | None:
    corpus, file, shell = product.corpus[1], folder / "there.tsv", PLAIN
    if stream.reads == "a pipe":
        os.mkfifo(file)
        shell = f'timeout {PATIENCE} cat "{corpus}" > "{file}" & {PLAIN}'
    elif stream.reads == "a directory":
        file.mkdir()
    elif stream.reads == "a name that is no Unicode":
        file = folder / os.fsdecode(b"\xff\xfe.tsv")
        shutil.copy(corpus, file)
    elif stream.reads == "nothing":
        file.touch()
    else:
        file.symlink_to(stream.reads)
    ended = _run(product, READERS[stream.verb](product), file, folder, shell)
    fault = fault_of(ended)
    if fault is None and ended.code and stream.reads == "a name that is no Unicode":
        return Fault(f"exit {ended.code}: {ended.last[-200:]}")
    return fault or _nothing(ended, folder, file)


def _ended(product: Product, stream: Stream, folder: Path) -> Fault | None:
    """However it is ended: no traceback, and, as the caller sees to, nothing half made. A run that was done is done."""
    number = {"SIGTERM": 15, "SIGHUP": 1}.get(stream.ends)
    shell = f'"$@" | head -c 1 > "{folder}/read"; exit ${{PIPESTATUS[0]}}'
    if number:
        shell = f'"$@" & one=$!; sleep {stream.after:.2f}; kill -{number} $one 2> /dev/null; wait $one'
    ended = _run(product, READERS[stream.verb](product), product.corpus[1], folder, shell)
    if ended.hung or TRACEBACK in ended.err:
        return fault_of(ended)
    allowed = (0, 128 + number) if number else (0, 141)
    if ended.code not in allowed:
        return Fault(f"exit {ended.code}: {ended.last[-200:]}")
    return _nothing(ended, folder)


def _nothing(ended: Ended, folder: Path, file: Path | None = None) -> Fault | None:
    """Of a command that says that it is done, and has neither said nor written anything. file: what it read."""
    if ended.code or ended.out:
        return None
    made = [path for path in folder.rglob("*") if path.is_file() and path != file and path.stat().st_size]
    return None if made else Fault("exit 0, and nothing is there")


NAMED = (
    *(Stream(verb, writes=one) for verb in ("clean", "explain") for one in OUTPUTS),
    *(Stream(verb, reads="a name that is no Unicode") for verb in ("train", "files")),
    Stream("clean", reads="/dev/zero"),
    Stream("stats", ends="a reader that leaves"),
    Stream("files", ends="SIGTERM", after=2),
)
STREAMS: Trials[Product, Stream] = Trials(
    "streams",
    "what is no file is written and read as what it is, and a command that is ended leaves nothing half made",
    through, drawn, NAMED, show=str, share=2.0,
    missing=lambda: "" if shutil.which("bash") else "there is no bash here, and it reads the pipes",
)  # fmt: skip
