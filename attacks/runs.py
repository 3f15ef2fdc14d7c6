"""The directory of a training run damaged, then --resume: as if nothing had happened, or refused in one sentence.

Whatever is done to the files, a run that is brought to its end has the weights of the run that nobody disturbed.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attacks.attack import Fault, Trials, Try
from attacks.commands import fault_of
from attacks.product import Product, weights_of
from attacks.sealing import NESTED, damaged, odd_json, reseal

Deed = Callable[[Path, random.Random], None]  # what is done to one file, or to its place


def _damage(path: Path, rng: random.Random) -> None:
    path.write_bytes(damaged(path.read_bytes(), rng))


def _delete(path: Path, rng: random.Random) -> None:
    path.unlink()


def _directory_instead(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _other_json(path: Path, rng: random.Random) -> None:
    path.write_text(json.dumps(odd_json(json.loads(path.read_bytes()), rng)), encoding="utf-8")


def _nested(path: Path, rng: random.Random) -> None:
    path.write_bytes(NESTED)


def _sealed_anew(path: Path, rng: random.Random) -> None:
    """Its content is other JSON, and the manifest beside it agrees with that."""
    if path.suffix != ".json":
        return _damage(path, rng)
    _other_json(path, rng)
    if path.name != "manifest.json" and (path.parent / "manifest.json").exists():
        reseal(path.parent)
    return None


def _write(content: bytes) -> Deed:
    def write(path: Path, rng: random.Random) -> None:
        path.write_bytes(content)

    return write


def _flip_a_bit(path: Path, rng: random.Random) -> None:
    """In the text of a piece of the vocabulary, where a file stays readable."""
    data = bytearray(path.read_bytes())
    place = data.rindex(b"\n") - 8 if b"\n" in data[-400:] else len(data) // 2
    data[place] ^= 1
    path.write_bytes(bytes(data))


DEEDS: dict[str, Deed] = {
    "damaged": _damage, "deleted": _delete, "a directory instead": _directory_instead, "other JSON": _sealed_anew,
    "nested deeply": _nested, "null": _write(b"null"), "not UTF-8": _write(b"\xff"), "a bit turned": _flip_a_bit,
    "empty": _write(b""), "elsewhere": _write(b"../../elsewhere/checkpoints/step-00000003\n"),
    "[]": _write(b"[]"), "text for numbers": _write(b'{"state.json": "x", "tensors.safetensors": "x"}'),
}  # fmt: skip
DRAWN = (
    "damaged", "damaged", "damaged", "deleted", "a directory instead", "other JSON", "other JSON", "other JSON",
)  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """A deed done to one file of a run. file: its path in it; `N` stands for the newest checkpoint.

    finished: of a run that was complete. must_work: it may not be refused, for all that is needed is there. number: for
    the random choices of the deed.
    """

    file: str
    deed: str
    finished: bool = False
    must_work: bool = False
    number: int = 0

    def __str__(self) -> str:
        return f"{self.file} {self.deed}{' (complete run)' if self.finished else ''}"


NAMED = (
    Damage("checkpoints/latest", "not UTF-8"),
    Damage("checkpoints/latest", "elsewhere"),
    Damage("checkpoints/N/manifest.json", "null"),
    Damage("checkpoints/N/manifest.json", "[]"),
    Damage("checkpoints/N/manifest.json", "text for numbers"),
    Damage("checkpoints/N/manifest.json", "nested deeply"),
    Damage("data/data.json", "empty"),
    Damage("data/tokenizer.model", "a bit turned"),
    Damage("model.safetensors", "deleted", finished=True, must_work=True),
    Damage("model.safetensors", "empty", finished=True, must_work=True),
)


def drawn(rng: random.Random) -> Damage:
    """Any file of the run: which there are is known when it is tried."""
    return Damage("?", rng.choice(DRAWN), number=rng.getrandbits(32))


def resolved(damage: Damage, run: Path) -> tuple[Damage, Path]:
    """The case with its file named, and the path of that."""
    newest = sorted(path.name for path in (run / "checkpoints").glob("step-*"))[-1]
    if damage.file != "?":
        return damage, run / damage.file.replace("/N/", f"/{newest}/")
    files = sorted(path for path in run.rglob("*") if path.is_file() and path.name != ".lock")
    weights = [4 if newest in path.parts else 1 for path in files]
    path = random.Random(damage.number).choices(files, weights)[0]
    name = str(path.relative_to(run)).replace(newest, "N")
    return Damage(name, damage.deed, damage.finished, damage.must_work, damage.number), path


@contextmanager
def damage_and_resume(product: Product) -> Iterator[Try[Damage]]:
    assert product.result
    with product.passing_folder() as folder:
        shutil.copytree(product.interrupted, folder / "run")
        whole = resumed(product, folder / "run", Damage("nothing", "done", must_work=True))
        assert whole is None, f"a run that nobody damaged: {whole}"

    def try_(damage: Damage) -> Fault | None:
        with product.passing_folder() as folder:
            run = folder / "run"
            shutil.copytree(product.finished if damage.finished else product.interrupted, run)
            other = folder / "elsewhere" / "checkpoints"
            shutil.copytree(product.finished / "checkpoints", other)
            case, path = resolved(damage, run)
            DEEDS[case.deed](path, random.Random(case.number))
            fault = resumed(product, run, case)
            return None if fault is None else Fault(fault.what, str(case))

    yield try_


def resumed(product: Product, run: Path, damage: Damage) -> Fault | None:
    ended = product.commands.run(*product.training(run, "--resume"))
    if fault := fault_of(ended):
        return fault
    if ended.code:
        return (
            Fault(f"refused, though all that is needed is there: {ended.last}") if damage.must_work else None
        )
    if weights_of(run) != product.result:
        return Fault(f"exit 0, and other weights than the undisturbed run: {weights_of(run)[:12] or 'none'}")
    translated = product.commands.run("translate", "-m", str(run), "The dog sees a cat.")
    if fault := fault_of(translated):
        return fault
    return None if translated.out.strip() else Fault(f"exit 0, and no model: {translated.last}")


RESUME: Trials[Product, Damage] = Trials(
    "resume",
    "a damaged run goes on from what is whole, or is refused in one sentence; a complete one is made whole again",
    damage_and_resume, drawn, NAMED, show=str, share=2.0,
)  # fmt: skip
