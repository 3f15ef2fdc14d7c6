"""Argos packages as model directories: a CTranslate2 directory, zipped, with a label. Unpacks nothing it does not read.

A package is a file that ends in .argosmodel, or the directory that argostranslate made of one.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import get_args

from dragoman.errors import ModelError
from dragoman.files import naming
from dragoman.interop.brought import Brought, Pair, licence_of
from dragoman.interop.foreign import json_of
from dragoman.interop.fromctranslate2 import read_parts
from dragoman.interop.variables import variables_of
from dragoman.text.mapped import Side

ENDING, LABEL, SPM, BPE = ".argosmodel", "metadata.json", "sentencepiece.model", "bpe.model"
WEIGHTS = "model/model.bin"
WANTED = (LABEL, SPM, BPE, WEIGHTS, "README.md", "LICENSE", "model/config.json", *(
    f"model/{side}_vocabulary.{kind}" for side in ("shared", "source", "target") for kind in ("json", "txt")
))  # fmt: skip
# How argostranslate searches with every package (argostranslate/translate.py).
DECODING = {"beam_size": 4, "length_penalty": 0.2}
LARGEST_LABEL = 2**26  # bytes of any file but the weights
# Weights are squeezed by a tenth to a half; a file that unpacks to more than this for each of its bytes holds none.
MOST_UNPACKED, SMALL = 20, 2**20


def is_package(path: Path) -> bool:
    """Whether it is a package, as a file or as it was installed."""
    if path.is_dir():
        return (path / LABEL).exists() and (path / "model").is_dir()
    return path.suffix == ENDING or (zipfile.is_zipfile(path) and _label_of(path) is not None)


def _label_of(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as package:
            names = [PurePosixPath(name) for name in package.namelist()]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    return next((str(name) for name in names if name.name == LABEL and len(name.parts) <= 2), None)


def read(path: Path, asked: Pair) -> Brought:
    """The model in a package. Raises ModelError for one that is damaged."""
    with unpacked(path) as root, _naming(root, path):
        label = json_of(root / LABEL)
        if not (root / SPM).exists():
            why = "cut with BPE and a word segmenter" if (root / BPE).exists() else f"without a {SPM}"
            raise ModelError(f"{path}: its text is {why}: only packages with SentencePiece are read")
        if not (root / WEIGHTS).exists():
            raise ModelError(f"{path} has no {WEIGHTS}: it is no package of a translator")
        if (kind := label.get("type", "translate")) != "translate":
            raise ModelError(f"{path} is a package of type {str(kind)[:40]!r}, and translates nothing")
        if not isinstance(begun := label.get("target_prefix") or None, str | None):
            raise ModelError(f"{root / LABEL}: target_prefix = {str(begun)[:40]}: must be a token")
        codes = [label.get(key) for key in ("from_code", "to_code")]
        said = [code.replace("_", "-") if isinstance(code, str) else None for code in codes]
        pair = Pair(asked.source or said[0], asked.target or said[1])
        models = dict.fromkeys(get_args(Side), root / SPM)
        found = read_parts(root / "model", models, pair, path.stem, begun=begun)
        return replace(found, decoding=DECODING, licence=licence_of(root))


@contextmanager
def _naming(root: Path, package: Path) -> Iterator[None]:
    """Errors name the package, and not where it lies unpacked for a moment."""
    try:
        yield
    except ModelError as error:
        raise ModelError(str(error).replace(str(root), str(package))) from error


def size_of(path: Path) -> int:
    """Bytes of the weights in float32; of a file, of its weights as they are."""
    if path.is_dir():
        return variables_of(path / WEIGHTS).size if (path / WEIGHTS).exists() else 0
    return sum(one.file_size for one in _members(path).values())


def files_of(path: Path) -> list[Path]:
    """What the model is made of."""
    return [path / name for name in WANTED if (path / name).exists()] if path.is_dir() else [path]


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A directory with the files of a package that are read, for as long as it takes."""
    if path.is_dir():
        yield path
        return
    with TemporaryDirectory(prefix="dragoman-") as folder:
        root = Path(folder)
        members = _members(path)
        needed, there = sum(one.file_size for one in members.values()), shutil.disk_usage(root).free
        if needed > there:
            raise ModelError(
                f"{path} takes {needed / 2**20:,.1f} MB unpacked, and {folder} has {there / 2**20:,.1f} MB free: make "
                "room, or let TMPDIR name a directory with more"
            )
        (root / "model").mkdir()
        with zipfile.ZipFile(path) as package:
            for name, member in members.items():
                try:
                    with (
                        naming(root / name),
                        package.open(member) as source,
                        (root / name).open("wb") as target,
                    ):
                        # No more than member.file_size: zipfile ends there.
                        shutil.copyfileobj(source, target, 2**20)
                except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
                    raise ModelError(f"{path}: {member.filename} is damaged, or was cut short") from error
        yield root


def _members(path: Path) -> dict[str, zipfile.ZipInfo]:
    """The files of a package that are read, by their name below its folder: no other path is ever made of one."""
    try:
        with zipfile.ZipFile(path) as package:
            infos = {info.filename: info for info in package.infolist()}
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ModelError(f"{path} is no zip file, as an Argos package is, or was cut short") from error
    label = _label_of(path)
    if label is None:
        raise ModelError(f"{path} has no {LABEL}: it is no Argos package")
    folder = label.removesuffix(LABEL)
    found = {name: infos[folder + name] for name in WANTED if folder + name in infos}
    whole = path.stat().st_size
    for name, info in found.items():
        if name != WEIGHTS and info.file_size > LARGEST_LABEL:
            raise ModelError(
                f"{path}: {info.filename} says that it has {info.file_size:,} bytes: it is no part of a model"
            )
        if info.file_size > max(SMALL, MOST_UNPACKED * min(info.compress_size, whole)):
            raise ModelError(
                f"{path}: {info.filename} says that its {info.compress_size:,} bytes unpack to {info.file_size:,}: "
                "no file of a model does so"
            )
    return found
