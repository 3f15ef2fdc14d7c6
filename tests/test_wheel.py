"""What is published: the sdist is the repository, the wheel is the package, and it translates where nothing else is.

The wheel is built from the sdist, as an index would have it, and installed into a virtual environment of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import dragoman

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

pytestmark = pytest.mark.slow(
    reason="two environments are made and the base packages installed: half a minute"
)

# A variable of the tests' own Python would let the installed one see the checkout.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def run(*words: str | Path, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=where, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def succeed(*words: str | Path, where: Path) -> str:
    done = run(*words, where=where)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tracked(*which: str) -> set[str]:
    """The repository's files; with --others those too that git neither knows nor ignores."""
    words = ("git", "ls-files", "--cached", "--exclude-standard", *which)
    done = run(*words, where=ROOT) if (ROOT / ".git").exists() else None
    if done is None or done.returncode:
        pytest.skip("no git checkout that could tell which files belong to the repository")
    return {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}


def environment(place: Path) -> Path:
    """The Python of a new virtual environment that sees no other packages."""
    venv.create(place, with_pip=True, symlinks=True)
    return place / "bin" / "python"


@dataclass(frozen=True)
class Built:
    sdist: Path
    source: Path  # the sdist, unpacked
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    place = tmp_path_factory.mktemp("built")
    python = environment(place / "venv")
    installed = run(python, "-m", "pip", "install", *PYPROJECT["build-system"]["requires"], where=place)
    if installed.returncode:
        pytest.skip(f"hatchling cannot be installed, is there no network? {installed.stderr.strip()[-300:]}")
    build = (python, "-m", "hatchling", "build", "-d", place / "dist", "-t")
    succeed(*build, "sdist", where=ROOT)
    (sdist,) = (place / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(place / "source", filter="data")
    (source,) = (place / "source").iterdir()
    succeed(*build, "wheel", where=source)
    (wheel,) = (place / "dist").glob("*.whl")
    return Built(sdist, source, wheel)


@pytest.fixture(scope="module")
def bare(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment's commands in which the wheel and what it needs are all there is."""
    place = tmp_path_factory.mktemp("bare")
    python = environment(place / "venv")
    constraints = built.source / "constraints.txt"
    succeed(python, "-m", "pip", "install", "-c", constraints, built.wheel, where=place)
    return python.parent


def test_the_sdist_is_the_repository(built: Built) -> None:
    """And nothing else: corpora and models that lie in somebody's checkout are not published with it."""
    files = {str(path.relative_to(built.source)) for path in built.source.rglob("*") if path.is_file()}
    assert not tracked() - files
    assert not files - {"PKG-INFO"} - tracked("--others")


def test_the_wheel_is_the_package_with_everything_that_is_no_python(built: Built) -> None:
    package = {name.removeprefix("src/") for name in tracked("--others") if name.startswith("src/dragoman/")}
    with zipfile.ZipFile(built.wheel) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert files == package
    kinds = {Path(name).suffix for name in files}
    assert {".py", ".c", ".h", ".js", ".css", ".html", ".safetensors", ".toml", ".md"} <= kinds


def test_the_wheel_carries_the_licences_and_says_what_it_needs(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
        licences = {Path(name).name for name in archive.namelist() if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}
    assert f"\nVersion: {dragoman.__version__}\n" in metadata
    needed = [line for line in re.findall(r"^Requires-Dist: (.*)$", metadata, re.M) if "extra ==" not in line]
    assert {re.split(r"[<>=;]", line)[0] for line in needed} == {
        re.split(r"[<>=;]", line)[0] for line in PYPROJECT["project"]["dependencies"]
    }


def test_it_translates_with_the_base_packages_alone(bare: Path, tmp_path: Path) -> None:
    assert dragoman.__version__ in succeed(bare / "dragoman", "--version", where=tmp_path)
    where = succeed(bare / "python", "-c", "import dragoman; print(dragoman.__file__)", where=tmp_path)
    assert Path(where).is_relative_to(bare.parent), "the installed package was to be tried, not the checkout"
    translated = succeed(bare / "dragoman", "translate", "Are you OK ?", where=tmp_path)
    assert re.fullmatch(r"[\u4e00-\u9fff，]+[？。！]\n", translated)
    for chinese in ("你好吗？", "這本書是誰的？"):  # what brings one script to the other was an extra
        back = succeed(bare / "dragoman", "translate", chinese, where=tmp_path)
        assert re.fullmatch(r"[A-Z][a-zA-Z ',]+[?.!]\n", back)
    assert list(tmp_path.iterdir()) == []


def test_what_needs_more_says_what_to_install(bare: Path, tmp_path: Path) -> None:
    """torch is not among the base packages, and whoever trains without it is told so in one line."""
    assert "torch" not in succeed(bare / "python", "-m", "pip", "list", where=tmp_path)
    (tmp_path / "pairs.tsv").write_text("a dog\t狗\n" * 100, encoding="utf-8")
    command = "train pairs.tsv --source-lang en --target-lang zh -o run".split()
    done = run(bare / "dragoman", *command, where=tmp_path)
    assert done.returncode != 0
    assert "torch" in done.stderr and "Traceback" not in done.stderr
