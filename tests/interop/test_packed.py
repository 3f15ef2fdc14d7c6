"""Models as they are published: zips of OPUS-MT, and directories of other formats packed as zip or tar."""

from __future__ import annotations

import io
import json
import re
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import foreign
from dragoman.cli import main
from dragoman.errors import DragomanError
from dragoman.files import sha256_of
from dragoman.interop.brought import Pair
from dragoman.interop.importing import bring
from dragoman.interop.packed import LARGEST_PART
from dragoman.model.directory import open_model
from interop.test_npz import marian_files, quiet

pytestmark = pytest.mark.filterwarnings("ignore")
# As the zips of OPUS-MT have them.
README = """# opus-2020-07-17.zip

* dataset: opus
* model: transformer
* source language(s): eng
* target language(s): zho
* pre-processing: normalization + SentencePiece (spm32k,spm32k)
* download: [opus-2020-07-17.zip](https://object.pouta.csc.fi/Tatoeba-MT-models/eng-zho/opus-2020-07-17.zip)
"""
LICENSE = "\nAttribution 4.0 International\n\n=======\n"
DECODER = """relative-paths: true
models:
  - opus.npz
vocabs:
  - opus.vocab.yml
  - opus.vocab.yml
beam-size: 6
normalize: 1
word-penalty: 0
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("opus") / "opus-mt-en-zh"
    foreign.marian(directory)
    return directory


@pytest.fixture(scope="module")
def published(theirs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a zip of OPUS-MT."""
    directory = marian_files(theirs, tmp_path_factory.mktemp("published") / "files")
    for name, text in (
        ("README.md", README), ("LICENSE", LICENSE), ("decoder.yml", DECODER), ("preprocess.sh", "#!/bin/sh\n")
    ):  # fmt: skip
        (directory / name).write_text(text, encoding="utf-8")
    return directory


def zipped(directory: Path, path: Path, folder: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(directory.iterdir()):
            archive.write(one, f"{folder}{one.name}")
    return path


def tarred(directory: Path, path: Path, folder: str = ".") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(directory, folder)
    return path


def same(one: Path, two: Path) -> bool:
    first, second = open_model(one), open_model(two)
    return (
        first.config == {**second.config, "origin": first.config["origin"]}
        and first.source_tokenizer.vocabulary() == second.source_tokenizer.vocabulary()
        and all(np.array_equal(weight, second.weights[name]) for name, weight in first.weights.items())
    )


@pytest.mark.parametrize("pack, name, folder", [
    (zipped, "opus-2020-07-17.zip", ""), (zipped, "opus.zip", "opus-2020-07-17/"), (zipped, "fetched", ""),
    (tarred, "opus-2020-07-17.tar.gz", "."), (tarred, "opus.tgz", "opus-2020-07-17"),
])  # fmt: skip
def test_an_archive_is_the_model_that_it_holds(
    published: Path, tmp_path: Path, pack: object, name: str, folder: str
) -> None:
    archive = pack(published, tmp_path / name, folder)  # type: ignore[operator]
    said: list[str] = []
    bring(archive, tmp_path / "out", Pair(), said.append)
    bring(published, tmp_path / "plain", Pair(), quiet)
    assert same(tmp_path / "out", tmp_path / "plain")
    assert said[0] == f"{archive} is a Marian model (npz), packed"
    model = open_model(tmp_path / "out")
    assert model.languages == ("eng", "zho")  # which nothing but README.md says
    assert model.config["decoding"] == {"beam_size": 6, "length_penalty": 1.0}
    card = (tmp_path / "out" / "card.md").read_text(encoding="utf-8")
    assert f"# {name}: English into Chinese" in card and "states it: Attribution 4.0 International." in card
    assert f"{sha256_of(archive)}  {name}" in card


def test_a_directory_of_any_format_may_be_packed(theirs: Path, tmp_path: Path) -> None:
    bring(theirs, tmp_path / "plain", Pair(), quiet)
    bring(zipped(theirs, tmp_path / "opus-mt-en-zh.zip"), tmp_path / "a", Pair(), quiet)
    bring(tarred(theirs, tmp_path / "model.tar.gz", "opus-mt-en-zh"), tmp_path / "b", Pair(), quiet)
    assert same(tmp_path / "a", tmp_path / "plain") and same(tmp_path / "b", tmp_path / "plain")


def told(archive: Path, directory: Path) -> str:
    with pytest.raises(DragomanError) as error:
        bring(archive, directory, Pair("en", "zh"), quiet)
    assert "\n" not in str(error.value) and not directory.exists() and "/dragoman-" not in str(error.value)
    return str(error.value)


def test_what_climbs_out_of_a_zip_is_not_unpacked(published: Path, tmp_path: Path) -> None:
    archive = zipped(published, tmp_path / "in.zip")
    with zipfile.ZipFile(archive, "a") as file:
        for name in ("../climbed.npz", "/tmp/dragoman-climbed.npz", "a/b/climbed.npz", "a/../../climbed.yml",
                     "__MACOSX/._climbed.npz", "climbed\\..\\x.spm", "._climbed.npz"):  # fmt: skip
            file.writestr(name, "x")
    bring(archive, tmp_path / "out", Pair(), quiet)
    assert not list(tmp_path.rglob("*climbed*")) and not Path("/tmp/dragoman-climbed.npz").exists()


def linked(archive: Path, name: str) -> Path:
    with zipfile.ZipFile(archive, "a") as file:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    return archive


def test_a_link_in_a_zip_is_refused_by_name(published: Path, tmp_path: Path) -> None:
    archive = linked(zipped(published, tmp_path / "opus.zip"), "other.vocab.yml")
    assert "other.vocab.yml is a link" in told(archive, tmp_path / "out")


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("info, says", [
    (member("../climbed.spm"), "would be written outside"), (member("/tmp/climbed.spm"), "would be written outside"),
    (member("x.spm", tarfile.SYMTYPE, "/etc/passwd"), "neither a file nor a directory"),
    (member("x.spm", tarfile.LNKTYPE, "opus.npz"), "neither a file nor a directory"),
    (member("x.spm", tarfile.CHRTYPE), "neither a file nor a directory"),
], ids=["climbing", "absolute", "link", "hard link", "device"])  # fmt: skip
def test_a_tar_with_more_than_files_is_refused(
    published: Path, tmp_path: Path, info: tarfile.TarInfo, says: str
) -> None:
    path = tmp_path / "opus.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(published, ".")
        archive.addfile(info, io.BytesIO())
    assert says in told(path, tmp_path / "out") and not list(tmp_path.rglob("*climbed*"))


@pytest.mark.parametrize("name", ["opus.npz", "source.spm", "opus.vocab.yml"])
def test_a_zip_that_unpacks_to_much_more_than_it_is_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "opus.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for one in ("opus.npz", "source.spm", "opus.vocab.yml"):
            archive.writestr(one, bytes(40 * 2**20) if one == name else b"x")
    assert f"{name} says that its" in told(tmp_path / "opus.zip", tmp_path / "out")


def test_a_tar_that_unpacks_to_much_more_than_it_is_is_refused(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "opus.npz").write_bytes(bytes(40 * 2**20))
    path = tarred(tmp_path / "files", tmp_path / "opus.tar.gz")
    assert "unpacks to more than" in told(path, tmp_path / "out")


def test_a_part_as_large_as_no_part_is_stays_in_the_zip(published: Path, tmp_path: Path) -> None:
    """Translations of test sets lie beside the model in some."""
    archive = zipped(published, tmp_path / "opus.zip")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("translations.txt", bytes(LARGEST_PART + 1))
    bring(archive, tmp_path / "out", Pair(), quiet)


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
@pytest.mark.parametrize("size", [20, 0.5, -30])
def test_an_archive_that_was_cut_short_is_told(
    published: Path, tmp_path: Path, ending: str, size: float
) -> None:
    pack = zipped if ending == "zip" else tarred
    whole, path = pack(published, tmp_path / "whole").read_bytes(), tmp_path / f"cut.{ending}"
    path.write_bytes(whole[: int(size * len(whole)) if 0 < size < 1 else int(size)])
    assert f"cut.{ending}" in told(path, tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_within_a_zip_is_told(published: Path, tmp_path: Path, method: int) -> None:
    """Of LZMA it was a traceback, of bzip2 a sentence that named no file."""
    path = tmp_path / "opus.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for one in sorted(published.iterdir()):
            archive.write(one, one.name)
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 3, len(data) // 3 + 40):
        data[place] ^= 0xFF
    path.write_bytes(data)
    assert "opus.npz is damaged" in told(path, tmp_path / "out")


def test_several_models_and_none_are_told_apart(published: Path, tmp_path: Path) -> None:
    path = zipped(published, tmp_path / "both.zip", "one/")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("two/config.json", "{}")
    assert "holds several models (one, two): unpack it" in told(path, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "texts.zip", "w") as file:
        file.writestr("corpus.en", "x")
    assert "is no file of a model that is known here" in told(tmp_path / "texts.zip", tmp_path / "out")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "train.en").touch()
    assert "holds a corpus, not a model" in told(
        tarred(tmp_path / "texts", tmp_path / "texts.tgz"), tmp_path / "out"
    )


def test_what_is_wrong_in_an_archive_is_said_of_the_archive(theirs: Path, tmp_path: Path) -> None:
    """It lies unpacked for a moment, in a place that is gone when its name is read."""
    kinds = json.loads((theirs / "config.json").read_text(encoding="utf-8")) | {"model_type": "t5"}
    with zipfile.ZipFile(tmp_path / "t5.zip", "w") as archive:
        archive.writestr("t5/config.json", json.dumps(kinds))
    assert told(tmp_path / "t5.zip", tmp_path / "out").startswith(
        f"{tmp_path / 't5.zip'}/t5 is a model of type"
    )


def test_a_model_of_ours_that_was_packed_is_not_imported(theirs: Path, tmp_path: Path) -> None:
    bring(theirs, tmp_path / "ours", Pair(), quiet)
    path = tarred(tmp_path / "ours", tmp_path / "ours.tar.gz")
    assert "holds a model of Dragoman's: unpack it" in told(path, tmp_path / "out")


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from dragoman.interop import packed

    monkeypatch.setattr(packed.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    yield


@pytest.mark.usefixtures("small_disk")
def test_a_disk_without_room_is_told_beforehand(published: Path, tmp_path: Path) -> None:
    says = told(zipped(published, tmp_path / "opus.zip"), tmp_path / "out")
    assert re.search(r"takes [\d.]+ MB unpacked, and .* has 0.0 MB free: make room, or let TMPDIR name", says)


@pytest.mark.parametrize("lines, languages", [
    ("* source languages: en\n* target languages: zh\n", ("en", "zh")),
    ("* source language(s): deu eng\n* target language(s): zho\n", None),
    ("nothing of the kind", None),
])  # fmt: skip
def test_languages_are_read_from_the_readme_where_it_names_one_a_side(
    published: Path, tmp_path: Path, lines: str, languages: tuple[str, str] | None
) -> None:
    archive = zipped(published, tmp_path / "opus.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(tmp_path / "new.zip", "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, lines if info.filename == "README.md" else old.read(info))
    if languages is None:
        with pytest.raises(DragomanError, match=r"does not say its source language: add --source-lang"):
            bring(tmp_path / "new.zip", tmp_path / "out", Pair(), quiet)
    else:
        bring(tmp_path / "new.zip", tmp_path / "out", Pair(), quiet)
        assert open_model(tmp_path / "out").languages == languages


def test_a_packed_model_in_place_of_one_says_which_command_reads_it(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pack, name in ((zipped, "opus.zip"), (tarred, "opus.tar.gz")):
        archive = pack(published, tmp_path / name)
        assert main(["translate", "Hello.", "-m", str(archive)]) != 0
        assert f"dragoman import {archive} -o DIR" in capsys.readouterr().err


def test_a_zip_of_before_sentencepiece_says_what_to_take_instead(published: Path, tmp_path: Path) -> None:
    archive = zipped(published, tmp_path / "opus.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(tmp_path / "old.zip", "w") as new:
        for info in old.infolist():
            new.writestr(info.filename.replace(".spm", ".bpe"), old.read(info))
    says = told(tmp_path / "old.zip", tmp_path / "out")
    assert "is cut with BPE after Moses' rules for words (source.bpe)" in says
    assert "take an OPUS-MT model of these languages that has source.spm" in says
