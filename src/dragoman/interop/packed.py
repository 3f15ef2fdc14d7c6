"""Archives of models, unpacked for as long as it takes to read them. Makes no path of what a zip names.

OPUS-MT publishes a zip of files side by side, and others pack such a directory: a file is taken by the name that it has
in the one folder where the model lies, and what lies elsewhere in the archive is not unpacked.
"""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from dragoman.corpus.archives import BROKEN
from dragoman.corpus.fetch import unpack
from dragoman.errors import DragomanError, ModelError
from dragoman.files import naming

# What a model is known by; and files that it may have beside, by their endings.
MARKS = re.compile(r"[^.].*\.npz|model\.bin|config\.json")
WEIGHTS = (".npz", ".bin", ".safetensors")
PARTS = (*WEIGHTS, ".spm", ".model", ".bpe", ".tcmodel", ".json", ".txt", ".yml", ".yaml", ".md")
TERMS = ("LICENSE", "LICENCE")
TAR = re.compile(r"(.+)\.(?:tar|tgz|tbz2?|txz|tar\.(?:gz|bz2|xz|zst))", re.IGNORECASE)
LARGEST_PART = 2**26  # bytes of any file but weights
# Weights are squeezed by a tenth to a half; a file that unpacks to more than this for each of its bytes holds none.
MOST_UNPACKED, SMALL = 20, 2**20


@contextmanager
def unfolded(path: Path) -> Iterator[Path]:
    """The directory that an archive of a model holds, in one named as the archive is; any other path as it is.

    Raises ModelError for an archive that is damaged, holds several models, or unpacks to more than any model does.
    """
    tar = TAR.fullmatch(path.name) if path.is_file() else None
    members = _model_in(path) if tar is None and path.is_file() else None
    if tar is None and members is None:
        yield path
        return
    with TemporaryDirectory(prefix="dragoman-") as folder:
        root = Path(folder, stem_of(path))
        with naming_archive(root, path):
            if members is None:
                yield _untarred(path, root)
            else:
                place = root / next(iter(members.values())).filename.rpartition("/")[0]
                place.mkdir(parents=True)
                write(path, members, place)
                yield place


def stem_of(path: Path) -> str:
    """The name of an archive without its endings."""
    tar = TAR.fullmatch(path.name)
    return tar[1] if tar else path.stem


@contextmanager
def naming_archive(root: Path, archive: Path) -> Iterator[None]:
    """Errors name the archive, and not where it lies unpacked for a moment."""
    try:
        yield
    except DragomanError as error:
        raise type(error)(str(error).replace(str(root), str(archive))) from error


def _untarred(path: Path, root: Path) -> Path:
    try:
        unpack(path, root, max(SMALL, MOST_UNPACKED * path.stat().st_size))
    except DragomanError as error:
        raise ModelError(str(error)) from error
    inside = [one for one in root.iterdir() if not one.name.startswith(".")]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else root


# -- zip ------------------------------------------------------------------------------------------------------------


def listed(path: Path) -> dict[str, zipfile.ZipInfo] | None:
    """What a zip holds, by name; None for what is no zip, or was cut short."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {info.filename: info for info in archive.infolist() if not info.is_dir()}
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return None


def _model_in(path: Path) -> dict[str, zipfile.ZipInfo] | None:
    """The files of the model in a zip, by their names in its folder; None where there is no model."""
    infos = listed(path) or {}
    placed = {name: name.rpartition("/")[::2] for name in infos}
    folders = sorted({place for place, name in placed.values() if MARKS.fullmatch(name) and _near(place)})
    if not folders:
        return None
    if len(folders) > 1:
        named = ", ".join(place or "the top" for place in folders[:4])
        raise ModelError(f"{path} holds several models ({named}): unpack it, and import the directory of one")
    return {
        name: infos[whole]
        for whole, (place, name) in placed.items()
        if place == folders[0] and _is_part(name, infos[whole])
    }


def _near(place: str) -> bool:
    """Whether a model may lie there: at the top, or in a folder that is no way out."""
    return "/" not in place and place not in (".", "..", "__MACOSX")


def _is_part(name: str, info: zipfile.ZipInfo) -> bool:
    """Whether a file may be of a model; what is too large for that stays where it is."""
    if re.search(r"[\\:\0]", name) or name.startswith("."):
        return False
    known = name.endswith(PARTS) or name.startswith(TERMS)
    return known and (name.endswith(WEIGHTS) or info.file_size <= LARGEST_PART)


def refuse_blown(path: Path, info: zipfile.ZipInfo) -> None:
    """Raises ModelError for a file that is a link, or would unpack to more than any of a model does."""
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ModelError(
            f"{path}: {info.filename} is a link, and no file of a model: pack it anew, with the files themselves"
        )
    if info.file_size > max(SMALL, MOST_UNPACKED * min(info.compress_size, path.stat().st_size)):
        raise ModelError(
            f"{path}: {info.filename} says that its {info.compress_size:,} bytes unpack to {info.file_size:,}: "
            "no file of a model does so"
        )


def write(path: Path, members: Mapping[str, zipfile.ZipInfo], root: Path) -> None:
    """Unpack members under the names they are given, whose folders are there. Raises ModelError."""
    for info in members.values():
        refuse_blown(path, info)
    needed, there = sum(one.file_size for one in members.values()), shutil.disk_usage(root).free
    if needed > there:
        raise ModelError(
            f"{path} takes {needed / 2**20:,.1f} MB unpacked, and {gettempdir()} has {there / 2**20:,.1f} MB free: "
            "make room, or let TMPDIR name a directory with more"
        )
    with zipfile.ZipFile(path) as archive:
        for name, member in members.items():
            try:
                with naming(root / name), archive.open(member) as source, (root / name).open("wb") as target:
                    shutil.copyfileobj(source, target, 2**20)  # no more than file_size: zipfile ends there
            except (*BROKEN, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # of the disk; what bzip2 finds damaged has no number
                raise ModelError(f"{path}: {member.filename} is damaged, or was cut short") from error
