"""`dragoman import`: whose model it is, and a sealed directory made of it. Knows no format from the inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dragoman.errors import ModelError, UsageError
from dragoman.files import sha256_of
from dragoman.interop import argos, fromctranslate2, m2m100, marian, npz, packed
from dragoman.interop.brought import Brought, Pair, available_memory, licence_of
from dragoman.interop.foreign import json_of, weight_files
from dragoman.interop.variables import variables_of
from dragoman.model.directory import write_model
from dragoman.model.recognise import IMPORTED, unsealed
from dragoman.model.seal import MANIFEST
from dragoman.text.languages import name_of

# Bytes of memory for each of the weights': the arrays, and the file made of them; and what a program has anyway.
COPIES, BESIDE = 2.3, 200 * 2**20


@dataclass(frozen=True)
class Make:
    """A format that is read."""

    title: str  # what people call it
    read: Callable[[Path, Pair], Brought]
    files: Callable[[Path], list[Path]]  # that the model is made of
    size: Callable[[Path], int] = lambda path: 0  # bytes of the weights in memory, where files are smaller


@dataclass(frozen=True)
class Origin:
    """Where a model comes from, for its card."""

    name: str
    make: Make
    path: Path  # of what was read
    files: Sequence[Path]  # that were given


def _parts(*names: str) -> Callable[[Path], list[Path]]:
    """The files of weights, and those of the names that there are."""
    return lambda path: [*weight_files(path), *_there(path, *names)]


def _there(path: Path, *names: str) -> list[Path]:
    return [path / name for name in names if (path / name).exists()]


MARIAN = Make(
    IMPORTED["marian"],
    marian.read,
    _parts("config.json", "vocab.json", "target_vocab.json", "source.spm", "target.spm"),
)
M2M100 = Make(
    IMPORTED["m2m_100"],
    m2m100.read,
    _parts("config.json", "vocab.json", "tokenizer.json", "sentencepiece.bpe.model"),
)
CTRANSLATE2_ENDINGS = {".bin", ".json", ".txt", ".spm", ".model"}
CTRANSLATE2 = Make(
    "a CTranslate2 model",
    fromctranslate2.read,
    lambda path: _there(
        path, *sorted(one.name for one in path.iterdir() if one.suffix in CTRANSLATE2_ENDINGS)
    ),
    lambda path: variables_of(path / fromctranslate2.WEIGHTS).size,
)
ARGOS = Make("an Argos package", argos.read, argos.files_of, argos.size_of)
NPZ = Make("a Marian model (npz)", npz.read, npz.files_of)
HUGGING_FACE: Mapping[str, Make] = {"marian": MARIAN, "m2m_100": M2M100}
READ = (
    "OPUS-MT and other Marian models, M2M-100, NLLB, CTranslate2 directories (each also as .zip or .tar.gz) and Argos "
    "packages"
)


def recognised(path: Path) -> Make:
    """Whose format it is. Raises ModelError, with the name of a format that is known and not read."""
    if (path / MANIFEST).exists():
        raise UsageError(f"{path} is a model of Dragoman's already: use it as it is (-m {path})")
    if path.exists() and argos.is_package(path):
        return ARGOS
    if path.exists() and npz.npz_of(path) is not None:
        return NPZ
    if path.is_file():
        raise ModelError(f"{path} is no file of a model that is known here: dragoman import reads {READ}")
    if not path.is_dir():
        raise ModelError(f"{unsealed(path)}; dragoman import reads {READ}")
    if (path / fromctranslate2.WEIGHTS).exists():
        return CTRANSLATE2
    if (path / "config.json").exists():
        kind = json_of(path / "config.json").get("model_type")
        if kind == "pegasus" and (path / "source.spm").exists():  # as dragoman export writes a pre-norm model
            return MARIAN
        if isinstance(kind, str) and kind in HUGGING_FACE:
            return HUGGING_FACE[kind]
        if isinstance(kind, str):
            raise ModelError(
                f"{path} is a model of type {kind[:40]!r}, whose layers are not those of the Transformer here: "
                f"dragoman import reads {READ}"
            )
    raise ModelError(f"{unsealed(path)}; dragoman import reads {READ}")


def bring(source: Path, directory: Path, asked: Pair, say: Callable[[str], None], name: str = "") -> None:
    """Make a model directory of somebody else's model. Raises ModelError, before anything is written."""
    if (directory / MANIFEST).exists():
        raise UsageError(f"{directory} holds a model already: give another -o, or remove it first")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        # Its weights may have the names of ours: a model that was imported into its own directory lost them.
        raise UsageError(f"{directory} is there already: name a directory that is new or empty")
    plain = argos.is_package(source) if source.exists() else False
    with nullcontext(source) if plain else packed.unfolded(source) as path:
        found, origin = _found(path, source, asked, say, name)
        _write(directory, found, origin)
    say(f"{directory}: translates {name_of(found.languages[0])} into {name_of(found.languages[1])}")


def _found(
    path: Path, source: Path, asked: Pair, say: Callable[[str], None], name: str
) -> tuple[Brought, Origin]:
    """What lies in a path, which is where `source` lies unpacked where it was an archive."""
    archive = path != source
    if archive and (path / MANIFEST).exists():
        raise UsageError(
            f"{source} holds a model of Dragoman's: unpack it, and use its directory as it is (-m)"
        )
    make = recognised(path)
    say(f"{source} is {make.title}" + (", packed" if archive else ""))
    refuse_too_large(path, make)
    files = [source] if archive else make.files(path)
    if archive and not asked.name:
        asked = replace(asked, name=packed.stem_of(source))
    return make.read(path, asked), Origin(name or source.name, make, path, files)


def _write(directory: Path, found: Brought, origin: Origin) -> None:
    longest = {"longest": found.longest} if found.longest else {}
    config: dict[str, dict[str, Any]] = {
        "model": dict(found.model),
        "languages": dict(zip(("source", "target"), found.languages, strict=True)),
        # The text as it is: what these models were trained on went through the normalisation of SentencePiece.
        "cleaning": {"normalize": False},
        "data": {"source": found.languages[0], "target": found.languages[1], **longest},
        "tokenizer": {"kind": found.kind, "joint": len(found.tokenizers) == 1, "vocab_size": found.pieces},
        "decoding": dict(found.decoding),
        "origin": {"name": origin.name, "format": origin.make.title},
    }
    card = card_of(origin, found)
    write_model(directory, config=config, weights=found.weights, tokenizers=found.tokenizers, card=card)


def refuse_too_large(path: Path, make: Make) -> None:
    """Raises ModelError for a model that would not find room in memory, before any of it is read."""
    size = max(make.size(path), sum(one.stat().st_size for one in make.files(path)))
    needed, there = int(COPIES * size) + BESIDE, available_memory()
    if there is not None and needed > there:
        raise ModelError(
            f"{path} has {size / 2**30:.1f} GB, and importing it takes about {needed / 2**30:.1f} GB of memory; this "
            f"machine has {there / 2**30:.1f} GB free: close something, or import it on a larger machine"
        )


# -- the card -------------------------------------------------------------------------------------------------------


def card_of(origin: Origin, found: Brought) -> str:
    """card.md: where the model comes from, on which terms, and of which files it was made."""
    source, target = map(name_of, found.languages)
    licence = found.licence or licence_of(origin.path if origin.path.is_dir() else origin.path.parent)
    files = "\n".join(f"    {sha256_of(path)}  {path.name}" for path in origin.files)
    return (
        f"# {origin.name}: {source} into {target}\n\n"
        f"Imported from {origin.make.title}; trained by others. The numbers are theirs: features and tokens stand in "
        "another order here, and the start of a sentence has a row of its own.\n\n"
        f"Licence, as the source states it: {licence}.\n\n"
        f"sha256 of the files it was made of:\n\n{files}\n"
    )
