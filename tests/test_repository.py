"""What a stranger meets first agrees with what is there: what is run before a change, versions, templates, paths."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

import dragoman

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GITHUB = ROOT / ".github"
FORMS = sorted(path for path in GITHUB.glob("ISSUE_TEMPLATE/*.yml") if path.name != "config.yml")


def parsed(path: Path) -> Any:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not here; schemathesis would bring it")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


# -- what has to pass before a change is accepted ----------------------------------------------------------------


def test_style_and_types_are_checked_before_the_tests_run() -> None:
    """`exec make test` alone was the last line once, and a change that broke mypy was accepted."""
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "set -euo pipefail" in lines
    assert [line for line in lines if "make" in line.split()] == ["make lint", "make test"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_workflow_runs_the_same_on_every_python() -> None:
    workflow = parsed(GITHUB / "workflows" / "ci.yml")
    (job,) = workflow["jobs"].values()
    pythons = job["strategy"]["matrix"]["python"]
    assert PYPROJECT["project"]["requires-python"] == f">={pythons[0]}"
    assert pythons == [f"3.{minor}" for minor in range(11, 15)]
    assert workflow["permissions"] == {"contents": "read"}
    assert job["timeout-minutes"] <= 120
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)


def test_every_target_of_make_is_told_by_make_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.M)
    told = re.findall(r'@echo "make (\w+) ', makefile)
    assert sorted(told) == sorted(set(targets.split()) - {"help"})


# -- versions and dependencies ------------------------------------------------------------------------------------


def test_the_citation_is_of_this_version() -> None:
    """A citation that lags behind sends readers to other code than the one that was used."""
    citation = parsed(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == dragoman.__version__
    assert citation["license"] == PYPROJECT["project"]["license"]
    assert {"message", "title", "authors", "date-released"} <= set(citation)
    assert f"## {dragoman.__version__} - {citation['date-released']}" in changelog()


def changelog() -> list[str]:
    return [
        line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line[:3] == "## "
    ]


def test_the_changelog_tells_versions_newest_first() -> None:
    first, *released = changelog()
    assert first == "## Unreleased"
    matches = [re.fullmatch(r"## (\d+)\.(\d+)\.(\d+) - (\d{4}-\d\d-\d\d)", line) for line in released]
    assert all(matches)
    keys = [(match[4], *map(int, match.groups()[:3])) for match in matches if match]
    assert keys == sorted(keys, reverse=True)


def required() -> set[str]:
    """Every package that pyproject.toml names, but Dragoman itself."""
    project = PYPROJECT["project"]
    lines = chain(project["dependencies"], *project["optional-dependencies"].values())
    names = {re.match(r"[\w.-]+", line)[0] for line in lines}  # type: ignore[index]
    return names - {"dragoman"}


def test_every_dependency_has_its_reason() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert not {name for name in required() if name not in page}


# -- templates ----------------------------------------------------------------------------------------------------


def test_there_is_a_form_for_what_is_wrong_and_one_for_what_is_missing() -> None:
    assert [form.stem for form in FORMS] == ["bug", "feature"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_asks_something_and_each_thing_once(form: Path) -> None:
    """GitHub shows no form at all, and no reason, where one of these is missing."""
    page = parsed(form)
    assert {"name", "description", "body"} <= set(page)
    fields = [field for field in page["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"textarea", "input", "dropdown", "checkboxes"}
    ids = [field["id"] for field in fields]
    assert len(ids) == len(set(ids)) and all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


# -- what documents name ------------------------------------------------------------------------------------------

PACKAGE = ROOT / "src" / "dragoman"
PAGES = {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"), *GITHUB.glob("*.md")}
# The changelog tells where things were.
PAGES -= {ROOT / "CHANGELOG.md"}
BEGINNINGS = {path.name for folder in (ROOT, PACKAGE) for path in folder.iterdir()}
OF_USERS = {"runs", "data"}  # folders of somebody who types the commands of the guide


def named(page: Path) -> set[str]:
    """What stands in code font on a page and looks like a path of ours (`cpu/`, `tests/tiny.py`) or a module."""
    spans = set(re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")))
    paths = {span for span in spans if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", span) and "/" in span}
    modules = {span for span in spans if re.fullmatch(r"dragoman(\.[a-z_0-9]+)+", span)}
    return {path for path in paths if path.split("/")[0] in BEGINNINGS - OF_USERS} | modules


def is_there(span: str) -> bool:
    if "/" in span:
        # `lineage/bert` is the name of a bundled model.
        return any((place / span).exists() for place in (ROOT, PACKAGE, PACKAGE / "models"))
    try:
        return bool(resolve_name(span))
    except (ImportError, AttributeError):
        return False


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_and_modules_that_a_document_names_are_there(page: Path) -> None:
    """Modules move; the sentences that name them used to stay behind."""
    assert not {span for span in named(page) if not is_there(span)}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "CONTRIBUTING.zh-CN.md"])
def test_the_map_of_the_house_shows_every_room(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    (shown,) = re.findall(r"^src/dragoman/\n(.*?)^\S", text, re.M | re.S)
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(re.findall(r"^  (\w+)/ ", shown, re.M)) == rooms
