"""Argos packages as model directories: a CTranslate2 directory, zipped, with a label. Unpacks nothing it does not read.

A package is a file that ends in .argosmodel, or the directory that argostranslate made of one.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import get_args

from dragoman.errors import ModelError
from dragoman.interop import packed
from dragoman.interop.brought import INSTEAD, Brought, Pair, licence_of
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


def is_package(path: Path) -> bool:
    """Whether it is a package, as a file or as it was installed."""
    if path.is_dir():
        return (path / LABEL).exists() and (path / "model").is_dir()
    return path.suffix == ENDING or (zipfile.is_zipfile(path) and _label_of(path) is not None)


def _label_of(path: Path) -> str | None:
    names = map(PurePosixPath, packed.listed(path) or ())
    return next((str(name) for name in names if name.name == LABEL and len(name.parts) <= 2), None)


def read(path: Path, asked: Pair) -> Brought:
    """The model in a package. Raises ModelError for one that is damaged."""
    with unpacked(path) as root, packed.naming_archive(root, path):
        label = json_of(root / LABEL)
        if not (root / SPM).exists():
            why = (
                f"cut with BPE after Moses' rules for words ({BPE})"
                if (root / BPE).exists()
                else f"without a {SPM}"
            )
            raise ModelError(
                f"{path}: its text is {why}, and only packages with SentencePiece are read: take a later package of "
                f"these languages, or {INSTEAD.removeprefix('take ')}"
            )
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
        (root / "model").mkdir()
        packed.write(path, _members(path), root)
        yield root


def _members(path: Path) -> dict[str, zipfile.ZipInfo]:
    """The files of a package that are read, by their name below its folder: no other path is ever made of one."""
    if (infos := packed.listed(path)) is None:
        raise ModelError(f"{path} is no zip file, as an Argos package is, or was cut short")
    label = _label_of(path)
    if label is None:
        raise ModelError(f"{path} has no {LABEL}: it is no Argos package")
    folder = label.removesuffix(LABEL)
    found = {name: infos[folder + name] for name in WANTED if folder + name in infos}
    for name, info in found.items():
        if name != WEIGHTS and info.file_size > packed.LARGEST_PART:
            raise ModelError(
                f"{path}: {info.filename} says that it has {info.file_size:,} bytes: it is no part of a model"
            )
        packed.refuse_blown(path, info)
    return found
