"""Models of other programs that were damaged before they are imported: imported, or refused in one sentence.

What is imported has to open and to translate as any model does; of what is refused nothing is left, not even a
directory. The models are the product's own exports, so that no other program is needed to make them.
"""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from attacks.attack import Fault, Trials, Try
from attacks.commands import Ended, fault_of
from attacks.models import ENGINES, LIMITS, SECONDS, translated
from attacks.product import Product
from attacks.sealing import NESTED, damaged, header_of, odd_json, with_header

FORMATS = ("huggingface", "ctranslate2", "argos")
PAIR = ("--source-lang", "en", "--target-lang", "zh")
# Numbers that settings hold, and those that a program might take for one.
NUMBERS = (
    0,
    -1,
    1,
    3,
    2**24,
    2**31,
    2**63,
    2**64,
    10**400,
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    True,
    "1",
    None,
)


@dataclass(frozen=True)
class Damage:
    """What is done to a model in a format, drawn from a number."""

    format: str
    number: int

    def __str__(self) -> str:
        return f"{self.format}#{self.number}"


def drawn(rng: random.Random) -> Damage:
    return Damage(rng.choice(FORMATS), rng.getrandbits(32))


def exported(product: Product, format: str) -> Path:
    """The model in a format: a directory, or a file. It is imported unchanged first, for refusing all is no defence."""
    folder = product.exported if format == "ctranslate2" else product.folder / f"exported-{format}"
    if not folder.exists():
        ended = product.commands.run("export", str(product.model), "--to", format, "-o", str(folder))
        assert ended.code == 0, f"the model could not be exported: {ended.err[-2000:]}"
    source = next(folder.iterdir()) if format == "argos" else folder
    with product.passing_folder() as place:
        fault = imported(product, source, place, "ctranslate2", refused=False)
        assert fault is None, f"an unchanged model, {format}: {fault.what}"
    return source


@contextmanager
def importing(product: Product) -> Iterator[Try[Damage]]:
    source_of = cache(partial(exported, product))  # an export takes seconds: those that are drawn

    def try_(damage: Damage) -> Fault | None:
        rng, source = random.Random(damage.number), source_of(damage.format)
        with product.passing_folder() as folder:
            copied = folder / source.name
            if source.is_dir():
                shutil.copytree(source, copied)
                done = spoilt(copied, rng)
            else:
                done = repacked(source, copied, folder / "unpacked", rng)
            fault = imported(product, copied, folder, rng.choice(ENGINES))
        return None if fault is None else Fault(fault.what, f"{damage}: {done}", damage.format)

    yield try_


def imported(product: Product, source: Path, folder: Path, engine: str, refused: bool = True) -> Fault | None:
    """What is wrong with how a model is imported, or refused where it may be, and with what it becomes."""
    made, before = folder / "made", {path.name for path in folder.iterdir()}
    ended = product.commands.run(
        "import", str(source), *PAIR, "-o", str(made), seconds=SECONDS, inject=LIMITS,
        changes={"TMPDIR": str(folder)},
    )  # fmt: skip
    if fault := fault_of(ended):
        return fault
    if ended.code:
        return left_behind(folder, before, ended) if refused else Fault(f"refused: {ended.last}")
    fault = translated(product, made, engine)
    return None if fault is None else Fault(f"imported, and then: {fault.what}")


def left_behind(folder: Path, before: set[str], ended: Ended) -> Fault | None:
    """What a command that has failed did not take away."""
    left = sorted({path.name for path in folder.iterdir()} - before)
    return Fault(f"it left {left[0]} behind, after: {ended.last[-160:]}") if left else None


def repacked(source: Path, target: Path, unpacked: Path, rng: random.Random) -> str:
    """A package with something in it changed, or changed as a whole."""
    if rng.random() < 0.3 or not zipfile.is_zipfile(source):
        target.write_bytes(damaged(source.read_bytes(), rng))
        return "the package damaged"
    with zipfile.ZipFile(source) as package:
        package.extractall(unpacked)
    done = spoilt(unpacked, rng)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(unpacked.rglob("*")):
            with suppress(OSError):
                if path.is_dir() or path.is_file():
                    package.write(path, path.relative_to(unpacked))
    shutil.rmtree(unpacked)
    return done


def spoilt(directory: Path, rng: random.Random) -> str:
    """One file of a model changed; says what was done to which."""
    path = rng.choice(sorted(path for path in directory.rglob("*") if path.suffix not in (".py", ".md")))
    while path.is_dir():
        path = rng.choice(sorted(path.iterdir()))
    data = path.read_bytes()
    kinds: dict[str, Callable[[], bytes | None]] = {"bytes": lambda: damaged(data, rng)}
    if path.suffix == ".json":
        kinds |= {
            "odd": lambda: json.dumps(odd_json(json.loads(data), rng)).encode(),
            "value": lambda: with_odd_number(data, rng),
            "shape": lambda: rng.choice((NESTED, b"null", b"1" + b"0" * 5000, b"\xff\xfe{\0}\0", b'"x"')),
        }
    if path.suffix == ".safetensors" and data[8:9] == b"{":
        kinds["header"] = lambda: with_odd_header(data, rng)
    if rng.random() < 0.12:
        path.unlink()
        instead: dict[str, Callable[[], object]] = {
            "gone": lambda: None,
            "a directory": path.mkdir,
            "a link to itself": lambda: path.symlink_to(path.name),
        }
        kind = rng.choice(sorted(instead))
        instead[kind]()
        return f"{path.name}: {kind}"
    kind = rng.choice(sorted(kinds))
    path.write_bytes(kinds[kind]() or b"")
    return f"{path.name}: {kind}"


def with_odd_number(data: bytes, rng: random.Random) -> bytes:
    """One setting that is a number or a word is another; of a list of tokens one is no word, or there twice."""
    found = json.loads(data)
    if not found:
        return b""
    if isinstance(found, list):
        place = rng.randrange(len(found))
        found[place] = rng.choice((None, 1, "", found[0], [], "\ud800", "x" * 100_000))
    else:
        found[rng.choice(sorted(found))] = rng.choice(NUMBERS)
    return json.dumps(found).encode()


def with_odd_header(data: bytes, rng: random.Random) -> bytes:
    header, numbers = header_of(data)
    name = rng.choice(sorted(header.keys() - {"__metadata__"}))
    header[name][rng.choice(("dtype", "shape", "data_offsets"))] = rng.choice(
        (None, "F64", "F16", "BF16", "I8", [0], [-1, 2], [2**62, 2**62], [0, 10**30], [1.5], "x", [])
    )
    return with_header(header, numbers)


IMPORTS: Trials[Product, Damage] = Trials(
    "imports",
    "a damaged model of another program is imported and translates, or is refused in one sentence that leaves nothing",
    importing, drawn, show=str, share=1.5,
)  # fmt: skip
