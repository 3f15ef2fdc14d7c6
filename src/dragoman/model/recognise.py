"""What lies where a model was expected, and which command wants it. Opens no model and verifies nothing.

Whatever was named by mistake (a run that has kept no model yet, prepared data, word vectors, a corpus, somebody else's
format) is called by its name, so that the next command is the right one.
"""

from __future__ import annotations

import json
import re
import zipfile
from contextlib import suppress
from pathlib import Path

from dragoman.model.fields import CONFIG
from dragoman.model.seal import MANIFEST

# By the type that config.json names: what people call a model that dragoman import reads.
IMPORTED = {
    "marian": "an OPUS-MT model (Marian, in Hugging Face format)",
    "m2m_100": "an M2M-100 or NLLB model (in Hugging Face format)",
}
_CTRANSLATE2 = {
    f"{side}_vocabulary.{kind}" for side in ("shared", "source", "target") for kind in ("json", "txt")
}
_HEAD = 4096  # bytes of a file that are looked at
_TEXTS = {".txt", ".tsv", ".csv", ".jsonl", ".gz", ".xz", ".bz2", ".zst", ".zip", ".tmx"}
_PREPARED = ("store.json", "data.json", "texts.json")  # what the data of a run end with
_PARTS = {"model.safetensors", "ngram.safetensors", "tokenizer.model", "vocabulary.txt", CONFIG, MANIFEST}


def is_sealed(path: Path) -> bool:
    """Whether a manifest of a model is there; a checkpoint has one of its own."""
    return (path / MANIFEST).exists() and not (path / "state.json").exists()


def unsealed(path: Path) -> str:
    """What a path is that is no sealed model directory, in one sentence with the path and what to do."""
    if path.is_dir():
        return f"{path} {_directory(path)}"
    if path.exists():
        return f"{path} is a file, and a model is a directory: {_file(path)}"
    return f"{path}: there is no such directory"


def _directory(path: Path) -> str:
    names = {entry.name for entry in path.iterdir()}
    if not names:
        return "is an empty directory: a model stands in it when a training that was told -o has kept one"
    if "state.json" in names or all(name == "latest" or name.startswith("step-") for name in names):
        return (
            "is no model directory: it belongs to the checkpoints of a training run, whose model stands in the "
            "directory that was its -o; dragoman models average makes one of several checkpoints"
        )
    if names & {"checkpoints", "stages", "log.jsonl"} or {".lock", "data"} <= names:
        return (
            f"is no model directory: {MANIFEST} is missing: the training run there has not kept a model yet; let it "
            f"reach its first validation, or {_go_on(names)}"
        )
    if names & set(_PREPARED) or any((path / "train" / name).exists() for name in _PREPARED):
        return f"holds prepared data, not a model: the model of that run stands in {path.parent}"
    if foreign := _foreign(path, names):
        return foreign
    if {Path(name).suffix for name in names} & _TEXTS or re.search(
        r"(?m)^(train|dev|test)\.", "\n".join(names)
    ):
        return "holds a corpus, not a model: dragoman train and dragoman lm train read its files"
    return f"is no model directory: {MANIFEST} is missing"


def _go_on(names: set[str]) -> str:
    if names & {"checkpoints", "stages"}:
        return "go on with it (the command it began with, and --resume)"
    return "begin it again: there is no checkpoint to go on from"


def _foreign(path: Path, names: set[str]) -> str | None:
    """Of somebody else's format."""
    if "model.bin" in names and names & _CTRANSLATE2:
        return f"is a CTranslate2 model: dragoman import {path} -o DIR makes a model of it"
    if "metadata.json" in names and (path / "model" / "model.bin").exists():
        return f"is an Argos package: dragoman import {path} -o DIR makes a model of it"
    if any(name.endswith(".npz") for name in names) and any(name.endswith(".spm") for name in names):
        return f"is a Marian model (npz): dragoman import {path} -o DIR makes a model of it"
    with suppress(OSError, ValueError, AttributeError):
        kind = json.loads((path / "config.json").read_text(encoding="utf-8")).get("model_type")
        if kind == "pegasus" and "source.spm" in names:  # as dragoman export writes a pre-norm model
            kind = "marian"
        if isinstance(kind, str) and kind in IMPORTED:
            return f"is {IMPORTED[kind]}: dragoman import {path} -o DIR makes a model of it"
        if isinstance(kind, str):
            return (
                f"holds a model in Hugging Face format, of type {kind[:40]!r}: dragoman lm import reads those of type "
                "'bert'"
            )
    return None


def _file(path: Path) -> str:
    if path.name in _PARTS or path.parent.joinpath(MANIFEST).exists():
        return f"name {path.parent}, which it is a part of"
    with suppress(OSError):
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if re.match(rb"\d+ \d+\n", head):
            return f"this one holds word vectors, which dragoman words asks (dragoman words nearest WORD -m {path})"
        if head.lstrip().startswith(b"\\data\\"):
            return f"this one holds n-grams in ARPA format (dragoman lm import {path} -o DIR)"
    if path.suffix == ".argosmodel":
        return f"this one is an Argos package (dragoman import {path} -o DIR)"
    if path.suffix == ".npz":
        return f"this one looks like a model of Marian's (dragoman import {path} -o DIR)"
    if _is_packed(path):
        return f"this one may be a model that was packed (dragoman import {path} -o DIR)"
    if path.suffix == ".toml":
        return "this one holds settings, which --config or --recipe takes"
    if path.suffix in _TEXTS:
        return "this one looks like text, which is named without -m"
    return "give the directory that a training wrote to (-o)"


def _is_packed(path: Path) -> bool:
    """Whether a file is an archive that may hold a model: of a zip its names tell, of a tar its own."""
    if re.search(r"\.(tar|tgz|tar\.\w+)$", path.name):
        return True
    with (
        suppress(OSError, ValueError, zipfile.BadZipFile, NotImplementedError),
        zipfile.ZipFile(path) as archive,
    ):
        return any(re.search(r"\.npz$|(^|/)(model\.bin|config\.json)$", name) for name in archive.namelist())
    return False
