"""A package that argostranslate installs and LibreTranslate serves: a CTranslate2 directory, zipped, with a label."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from dragoman.errors import ConfigError
from dragoman.files import write_new
from dragoman.interop.export import ctranslate2
from dragoman.interop.export.cutting import cutter
from dragoman.interop.export.gate import Runtime
from dragoman.model.directory import ModelDirectory
from dragoman.text.languages import base_language, name_of

VERSION = "1.0"  # of the package; argostranslate takes a later one for an update
ARGOS = "1.9.0"  # the oldest that reads byte pieces, which spell what a vocabulary lacks
ENDING = ".argosmodel"


def refusal(model: ModelDirectory) -> str | None:
    """What of a model such a package has no place for, or None."""
    if model.source_tokenizer.sentencepiece != model.target_tokenizer.sentencepiece:
        return "a package has one SentencePiece model for both languages, and this model has two"
    if model.many:
        return "a package is for one pair of languages, and this model is told which by a token"
    return ctranslate2.refusal(model)


def write(model: ModelDirectory, directory: Path) -> None:
    """One file, NAME.argosmodel."""
    if why := refusal(model):
        raise ConfigError(f"an Argos export is not possible: {why}")
    name = _name(model)
    with TemporaryDirectory(dir=directory) as made:
        root = Path(made)
        (root / "model").mkdir()
        ctranslate2.write_model(model, root / "model")
        write_new(root / "sentencepiece.model", model.source_tokenizer.sentencepiece)
        write_new(root / "metadata.json", json.dumps(_metadata(model), ensure_ascii=False, indent=1).encode())
        write_new(root / "README.md", model.card.encode())
        with zipfile.ZipFile(directory / f"{name}{ENDING}", "w", zipfile.ZIP_DEFLATED) as package:
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    package.write(path, f"{name}/{path.relative_to(root)}")


def _name(model: ModelDirectory) -> str:
    source, target = map(base_language, model.languages)
    return f"translate-{source}_{target}-{VERSION.replace('.', '_')}"


def _metadata(model: ModelDirectory) -> dict[str, str]:
    source, target = map(base_language, model.languages)
    return {
        "package_version": VERSION,
        "argos_version": ARGOS,
        "from_code": source,
        "from_name": name_of(source),
        "to_code": target,
        "to_name": name_of(target),
    }


def runtime(model: ModelDirectory, directory: Path) -> Runtime:
    """The package, unpacked as its installer does it; once it is open, it is in memory."""
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(directory / f"{_name(model)}{ENDING}") as package:
            package.extractall(folder)
        root = Path(folder) / _name(model)
        spelled = (root / "sentencepiece.model").read_bytes()
        sides = (cutter(one, spelled) for one in (model.source_tokenizer, model.target_tokenizer))
        return ctranslate2.CTranslate2(root / "model", *sides)
