"""Machines that have too little of something, or the wrong thing: one sentence that names it, and never a traceback.

Each command runs in an interpreter of its own, for limits have to be there from the first moment on.
"""

from __future__ import annotations

import ctypes
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from attacks.attack import Fault, NotTried, Trials, Try
from attacks.commands import Ended, fault_of
from attacks.product import Product

DROP, DAC_OVERRIDE = 24, 1  # PR_CAPBSET_DROP of linux/prctl.h, CAP_DAC_OVERRIDE of linux/capability.h
PATIENCE = (
    180.0  # seconds: some of the verbs load torch and prove much, which a busy machine takes its time for
)
LOCKED = "a directory that cannot be written"


@dataclass(frozen=True)
class Machine:
    """What is amiss, and what is done there.

    verb: one of VERBS. shell: run before the command, in the same shell. names: a pattern of what the message has to
    name, if the command fails. must_work: it may not.
    """

    amiss: str
    verb: str = "translate"
    shell: str = ""
    changes: Mapping[str, str | None] = field(default_factory=dict)
    names: str = ""
    full_output: bool = False
    must_work: bool = False

    def __str__(self) -> str:
        return f"{self.amiss}: {self.verb}"


SENTENCE = "The dog sees a cat."
PAIR = ("--source-lang", "en", "--target-lang", "zh")


def _clean(product: Product, place: Path) -> list[str]:
    return ["data", "clean", str(product.corpus[0]), *PAIR, "-o", str(place / "clean.tsv")]


def _files(product: Product, place: Path) -> list[str]:
    """With processes of their own, of which each opens the model."""
    model, made = str(product.model), str(place / "made")
    return ["translate", str(product.corpus[1]), "-m", model, "-o", made, "--workers", "2"]


# What is done: the words of each, which write at most within the folder that they are given.
VERBS: dict[str, Callable[[Product, Path], list[str]]] = {
    "translate": lambda product, place: ["translate", "-m", str(product.model), SENTENCE],
    "files": _files,
    "train": lambda product, place: product.training(place / "run", training__max_steps=2),
    "clean": _clean,
    "missing": lambda product, place: ["translate", "-m", os.fsdecode(b"missing\xff\xfe"), SENTENCE],
    "doctor": lambda product, place: ["doctor", str(product.model)],
    "evaluate": lambda product, place: ["evaluate", "-m", str(product.model), str(product.corpus[1])],
    "align": lambda product, place: ["align", str(product.corpus[1]), "-m", str(product.model)],
    "explain": lambda product, place: ["explain", SENTENCE, "-m", str(product.model), "-o", str(place / "a.html")],
    "lineage": lambda product, place: ["lineage", "The [ ] sees a cat."],
    "average": lambda product, place: [
        "models", "average", str(product.model), str(product.model), "-o", str(place / "mean"),
    ],
    "export": lambda product, place: ["export", str(product.model), "--to", "ctranslate2", "-o", str(place / "made")],
    "import": lambda product, place: ["import", str(product.exported), *PAIR, "-o", str(place / "made")],
}  # fmt: skip
# What each of those that write has written when it ends with 0; of the others something is on standard output.
MADE = {
    "train": "model.safetensors", "clean": "clean.tsv", "files": "*.tsv", "explain": "a.html",
    "average": "model.safetensors", "export": "model.bin", "import": "model.safetensors",
}  # fmt: skip

MEMORY = r"(?i)memory|ulimit"
FILES = r"(?i)open files|descriptors|ulimit|/"
NAMED = (
    *(Machine(f"ulimit -n {n}", shell=f"ulimit -n {n}", names=FILES) for n in (4, 6, 10, 16, 32)),
    *(Machine(f"ulimit -v {n}", shell=f"ulimit -v {n}", names=MEMORY) for n in (300_000, 600_000, 1_000_000)),
    # Between what loading takes and what computing takes libraries end the process by themselves, or wait for ever.
    *(
        Machine(f"ulimit -v {n}", verb, f"ulimit -v {n}", names=MEMORY)
        for n, verb in (
            (395_000, "translate"),
            (467_000, "translate"),
            (479_000, "translate"),
            (900_000, "train"),
            (1_050_000, "train"),
        )
    ),
    Machine("HOME unset", changes={"HOME": None, "XDG_CACHE_HOME": None}, must_work=True),
    Machine(
        "a cache that cannot be written", "train", changes={"XDG_CACHE_HOME": "/proc/no"}, must_work=True
    ),
    Machine("no compiler", "train", changes={"PATH": "/nowhere", "XDG_CACHE_HOME": "FOLDER"}, must_work=True),
    Machine(
        "CC=/bin/false", "train", changes={"CC": "/bin/false", "XDG_CACHE_HOME": "FOLDER"}, must_work=True
    ),
    Machine("TMPDIR that is not there", changes={"TMPDIR": "/nowhere"}, must_work=True),
    Machine("an ASCII locale", changes={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}),
    Machine("standard output /dev/full", full_output=True, names=r"(?i)output|/dev/full"),
    Machine(LOCKED, "train", names="run"),
    Machine(LOCKED, "clean", names="clean"),
    Machine("a name that is not UTF-8", "missing", names="missing"),
    Machine("ulimit -f 0", "clean", shell="ulimit -f 0", names="clean"),
)


def drawn(rng: random.Random) -> Machine:
    verb = rng.choice(sorted(VERBS.keys() - {"missing"}))
    limit, most, names = rng.choice(
        (
            ("n", 64, FILES),
            ("v", round(10 ** rng.uniform(5, 6.7)), MEMORY),
            ("v", round(10 ** rng.uniform(5.5, 6.2)), MEMORY),  # where libraries have enough to begin
            ("f", 40, r"(?i)/|large|space|disk"),
        )
    )
    value = most if limit == "v" else rng.randint(3 if limit == "n" else 0, most)
    if limit == "f":
        verb = rng.choice(sorted(MADE))
    return Machine(f"ulimit -{limit} {value}", verb, f"ulimit -{limit} {value}", names=names)


def never_began(ended: Ended) -> bool:
    """The interpreter did not come up: nothing of ours had a word in it."""
    return ended.code in (126, 127) or (ended.code == 1 and "dragoman" not in ended.err)


@contextmanager
def elsewhere(product: Product) -> Iterator[Try[Machine]]:
    assert product.model

    def try_(machine: Machine) -> Fault | None:
        with product.passing_folder() as folder:
            ended = carried_out(product, machine, folder)
            made = MADE.get(machine.verb)
            done = any(folder.rglob(made)) if made else bool(ended.out) and not machine.full_output
            left = [path.name for path in folder.rglob("*") if ".tmp-" in path.name]
        if machine.shell and never_began(ended):
            raise NotTried
        if fault := fault_of(ended):
            return fault
        if left and not ended.hung:
            return Fault(f"it left {left[0]} behind")
        if ended.code == 0:
            return None if done else Fault("exit 0, and nothing is there")
        if machine.must_work:
            return Fault(f"exit {ended.code}: {ended.last[-200:]}")
        if machine.names and not re.search(machine.names, ended.last.removeprefix("dragoman: ")):
            return Fault(f"the message does not name it: {ended.last[-200:]}")
        return None

    yield try_


def carried_out(product: Product, machine: Machine, folder: Path) -> Ended:
    """The command, where something is amiss."""
    locked = folder / "locked"
    locked.mkdir()
    place = locked if machine.amiss == LOCKED else folder
    prefix = ["bash", "-c", f'{machine.shell} && exec "$@"', "bash"] if machine.shell else []
    changes = {name: str(folder) if value == "FOLDER" else value for name, value in machine.changes.items()}
    full = os.open("/dev/full", os.O_WRONLY) if machine.full_output else None
    locked.chmod(0o555)
    try:
        return product.alone(
            VERBS[machine.verb](product, place), changes=changes, prefix=prefix, stdout=full, folder=folder,
            seconds=PATIENCE, prepare=obey_modes if place is locked and os.geteuid() == 0 else None,
        )  # fmt: skip
    finally:
        locked.chmod(0o755)
        if full is not None:
            os.close(full)


def obey_modes() -> None:
    """Root may write where it may not; for what this process becomes next, that right is gone."""
    ctypes.CDLL(None).prctl(DROP, DAC_OVERRIDE)


ENVIRONMENT: Trials[Product, Machine] = Trials(
    "environment",
    "where memory, files, room or rights are missing, one sentence names what, and there is never a traceback",
    elsewhere, drawn, NAMED, show=str, share=2.0,
    missing=lambda: "" if shutil.which("bash") else "there is no bash here, and it sets the limits",
)  # fmt: skip
