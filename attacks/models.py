"""Model directories that were changed and sealed anew: translated with, or refused in one sentence. By both engines.

A manifest proves that files are those that somebody sealed, not that somebody meant well.
"""

from __future__ import annotations

import json
import random
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from attacks.attack import Fault, Trials, Try
from attacks.commands import fault_of
from attacks.product import Product
from attacks.sealing import NESTED, damaged, header_of, reseal, with_header

SECONDS = 20.0  # for one short sentence
ENGINES = ("ctranslate2", "torch")
TEXT = "The dog sees a cat."
LIMITS = {"limits": {"AS": 8 << 30}}  # bytes of memory: more would trouble the machine


@dataclass(frozen=True)
class Change:
    """One change to a model. what: for people; number: for its random choices."""

    what: str
    engine: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.what} ({self.engine})"


Apply = Callable[[Path, Change], str]  # does it, and says what it did


def staged(apply: Apply) -> Callable[[Product], AbstractContextManager[Try[Change]]]:
    """Cases that change a copy of the model and translate a sentence with it."""

    @contextmanager
    def stage(product: Product) -> Iterator[Try[Change]]:
        for engine in ENGINES:
            assert not (fault := sound(product, engine)), f"an unchanged model: {fault}"

        def try_(change: Change) -> Fault | None:
            with product.passing_folder() as folder:
                model = folder / "model"
                shutil.copytree(product.model, model)
                done = apply(model, change)
                fault = translated(product, model, change.engine)
                return None if fault is None else Fault(fault.what, f"{done} ({change.engine})")

        yield try_

    return stage


def sound(product: Product, engine: str) -> Fault | None:
    """What is wrong with how a model that nobody changed is translated with: refusing all of them is no defence."""
    ended = product.commands.run(*_translate(product.model, engine), inject=LIMITS)
    said = ended.out.decode(errors="replace").strip()
    return fault_of(ended) or (
        None if said and ended.code == 0 else Fault(f"exit {ended.code}: {ended.last} {said}")
    )


def _translate(model: Path, engine: str) -> list[str]:
    return ["translate", "-m", str(model), "--engine", engine, "--format", "json", TEXT]


def translated(product: Product, model: Path, engine: str) -> Fault | None:
    """What is wrong with how one sentence is translated, or refused."""
    ended = product.commands.run(*_translate(model, engine), seconds=SECONDS, inject=LIMITS)
    if (fault := fault_of(ended)) or ended.code:
        return fault
    lines = ended.out.decode(errors="replace").splitlines()
    if len(lines) != 1:
        return Fault(f"{len(lines)} lines for one")
    found = json.loads(lines[0])
    if not found["text"] and not found["flags"]:
        return Fault("an empty translation, exit 0, and nothing said")
    return None


# -- config.toml ------------------------------------------------------------------------------------------------

VALUES = (
    "0", "-1", "1", "3", "0.5", "1000000", "1073741824", "9223372036854775807", "9223372036854775808",
    "1e308", "-1e308", "nan", "inf", "-inf", '""', '"x"', "true", "[]", "[1]", "{}", "1979-05-27", f"1{'0' * 5000}",
    '"\\u0000"', f'"{"x" * 10_000}"', "-0.0", "2",
)  # fmt: skip
ABSENT = "absent"
ODD_FILES = {
    "nested deeply": b"a = " + NESTED, "dotted keys": b"a" + b".a" * 3000 + b" = 1", "NUL": b"\0" * 50,
    "UTF-16": "[model]\n".encode("utf-16"), "empty": b"", "a number of 5,000 digits": b"x = 1" + b"0" * 5000,
    "a table twice": b"[model]\n[model]\n", "not UTF-8": b"\xff\xfe\xfd", "sections that are numbers": b"model = 1",
    "a million comments": b"#\n" * 1_000_000,
}  # fmt: skip
NAMED_CONFIG = (
    ("model.n_heads", "0"), ("model.n_heads", "0.5"), ("model.n_heads", "3"), ("model.n_heads", "1000000"),
    ("model.n_heads", '"x"'), ("model.n_heads", ABSENT), ("model.max_length", '"x"'), ("model.max_length", "nan"),
    ("decoding.beam_size", "1000000"), ("decoding.beam_size", "9223372036854775808"), ("decoding.beam_size", "1e308"),
    ("decoding.min_length", "0.5"), ("decoding.no_repeat_ngram", "1e308"), ("decoding.max_length_ratio", "1e308"),
    ("decoding.n_best", f"1{'0' * 5000}"),
)  # fmt: skip


def config_change(rng: random.Random) -> Change:
    """Any key of the sections that are used, with any odd value; now and then a file that is odd as a whole."""
    engine = rng.choice(ENGINES)
    if rng.random() < 0.05:
        return Change(f"a file: {rng.choice(sorted(ODD_FILES))}", engine)
    return Change(f"?={rng.choice((*VALUES, ABSENT))}", engine, rng.getrandbits(32))


def change_config(model: Path, change: Change) -> str:
    path = model / "config.toml"
    kind, _, name = change.what.partition(": ")
    done = change.what
    if kind == "a file":
        path.write_bytes(ODD_FILES[name])
    else:
        key, _, value = change.what.partition("=")
        text = path.read_text(encoding="utf-8")
        if key == "?":
            config = tomllib.loads(text)
            used = ("model", "languages", "cleaning", "decoding", "data")
            keys = [f"{section}.{key}" for section in used for key in config.get(section, {})]
            key = random.Random(change.number).choice(
                [*keys, "decoding.sample", "decoding.top_k", "decoding.seed"]
            )
        path.write_text(with_value(text, key, value), encoding="utf-8")
        done = f"{key}={value}"
    reseal(model)
    return done


def with_value(text: str, key: str, value: str) -> str:
    """A TOML file in which `section.name` has another value, or is absent."""
    section, _, name = key.partition(".")
    lines, inside, done = [], False, False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[{section}]"
            lines.append(line)
            if inside and value != ABSENT:
                lines.append(f"{name} = {value}")
                done = True
        elif not (inside and line.partition("=")[0].strip() == name):
            lines.append(line)
    if not done and value != ABSENT:
        lines += [f"[{section}]", f"{name} = {value}"]
    return "\n".join(lines) + "\n"


CONFIG: Trials[Product, Change] = Trials(
    "config",
    "a model whose config.toml says anything at all is translated with, or refused in one sentence, soon",
    staged(change_config), config_change,
    tuple(Change(f"{key}={value}", engine) for key, value in NAMED_CONFIG for engine in ENGINES),
    show=lambda change: f"{str(change)[:70]}#{change.number}" if change.what[0] == "?" else str(change)[:90],
    share=2.0,
)  # fmt: skip

# -- manifest.json ----------------------------------------------------------------------------------------------

ODD_SIZES: tuple[Any, ...] = (-1, 0, 2**63, 2**63 - 1, 2**64, 10**400, 1.5, "1", None, True, [], 1e308)
ODD_NAMES = (
    "../../etc/passwd", "/etc/passwd", "..", "", "config.toml/", "\0", "a" * 5000, "CONFIG.TOML", "/dev/zero",
)  # fmt: skip


def manifest_change(rng: random.Random) -> Change:
    return Change("manifest.json", rng.choice(ENGINES), rng.getrandbits(32))


def change_manifest(model: Path, change: Change) -> str:
    path = model / "manifest.json"
    manifest = json.loads(path.read_bytes())
    if change.what.startswith("size "):
        manifest["files"]["config.toml"]["size"] = int(change.what.partition(" ")[2])
        path.write_text(json.dumps(manifest), encoding="utf-8")
        return change.what
    rng = random.Random(change.number)
    name = rng.choice(sorted(manifest["files"]))
    entry = manifest["files"][name]
    kinds: dict[str, Callable[[], object]] = {
        "size": lambda: entry.update(size=rng.choice(ODD_SIZES)),
        "sha256": lambda: entry.update(
            sha256=rng.choice((None, "", "0" * 64, "é" * 64, "0" * 10_000, 1, []))
        ),
        "name": lambda: manifest["files"].update({rng.choice(ODD_NAMES): entry}),
        "entry": lambda: manifest["files"].update({name: rng.choice((None, [], 1, "x", {}))}),
        "files": lambda: manifest.update(files=rng.choice((None, [], 1, "x", {}, [["config.toml", entry]]))),
        "format": lambda: manifest.update(format=rng.choice((None, [], 0, 2, 1.0, True, "1", 10**400, {}))),
        "absent": lambda: manifest["files"].pop(name),
    }
    kind = rng.choice(sorted(kinds))
    kinds[kind]()
    data = json.dumps(manifest).encode()
    if rng.random() < 0.3:
        data = rng.choice(
            (damaged(data, rng), NESTED, b"null", data.replace(b"{", b'{"files":{},', 1), b"1" + b"0" * 5000)
        )
    path.write_bytes(data)
    if rng.random() < 0.1:
        (model / name).unlink()
        rng.choice((lambda: (model / name).symlink_to("/dev/zero"), lambda: (model / name).mkdir()))()
    return f"manifest: {kind} of {name}: {data[:300].decode(errors='replace')}"


MANIFESTS: Trials[Product, Change] = Trials(
    "manifest",
    "a manifest that says anything at all leads to no file outside of the model, and is refused in one sentence",
    staged(change_manifest), manifest_change,
    (Change(f"size {2**63}", "torch"), Change(f"size {2**64}", "ctranslate2")),
    show=lambda change: f"{change}#{change.number}" if change.number else str(change),
)  # fmt: skip

# -- model.safetensors ------------------------------------------------------------------------------------------


def weights_change(rng: random.Random) -> Change:
    kinds = ("times", "one number", "header", "bytes")
    kind = rng.choice(kinds)
    value = rng.choice((0.0, 1e-30, 1e4, 1e8, 1e20, 3e38)) if kind == "times" else ""
    return Change(f"{kind} {value}".strip(), rng.choice(ENGINES), rng.getrandbits(32))


def change_weights(model: Path, change: Change) -> str:
    path = model / "model.safetensors"
    data, rng = path.read_bytes(), random.Random(change.number)
    kind, _, value = change.what.partition(" ")
    if kind == "times":
        weights = safetensors.numpy.load(data)
        with np.errstate(all="ignore"):
            most = np.finfo(np.float32).max
            found = {name: np.clip(w * np.float32(value), -most, most) for name, w in weights.items()}
        data = safetensors.numpy.save(found, header_of(data)[0]["__metadata__"])
    elif kind == "one":
        header, numbers = header_of(data)
        odd = np.array([rng.choice((np.nan, np.inf, 3e38, -0.0, 1e-45))], np.float32).tobytes()
        place = rng.randrange(len(numbers) // 4) * 4
        data = with_header(header, numbers[:place] + odd + numbers[place + 4 :])
    elif kind == "header":
        header, numbers = header_of(data)
        name = rng.choice([name for name in header if name != "__metadata__"])
        header[name][rng.choice(("dtype", "shape", "data_offsets"))] = rng.choice(
            (None, "F64", "I8", [0], [-1, 2], [2**62, 2**62], [0, 10**30], [1.5], "x", [])
        )
        data = with_header(header, numbers)
    else:
        data = damaged(data, rng)
    path.write_bytes(data)
    reseal(model)
    return f"weights: {change.what}"


WEIGHTS: Trials[Product, Change] = Trials(
    "weights",
    "weights that hold anything at all are refused in one sentence, or what they translate to carries a flag",
    staged(change_weights), weights_change,
    tuple(Change(f"times {value}", engine) for value in (0.0, 1e8, 3e38) for engine in ENGINES),
    show=lambda change: f"{change}#{change.number}" if change.number else str(change),
)  # fmt: skip
