"""What the documents tell people to type is understood, in both languages alike, and what they link to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from dragoman.cli import app
from dragoman.config import parse_set, resolve
from dragoman.training.presets import PRESETS
from dragoman.training.settings import DEFAULT_PRESET, resolve_run
from dragoman.training.tasks.languagemodels import defaults, run_config

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "corpus" / "README.md"]
TRANSLATED = sorted(page for page in PAGES if page.name.endswith(".zh-CN.md"))


def commands(page: Path) -> list[str]:
    """The `dragoman ...` lines of a page's blocks, those continued with a backslash made one."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    lines = "\n".join(block for language, block in blocks if not language).replace("\\\n", " ").splitlines()
    return [line for part in lines for line in part.split(" && ") if line.startswith("dragoman ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_understood(page: Path) -> None:
    for command in commands(page):
        words = shlex.split(re.split(r" [<>] ", command)[0], comments=True)
        app.parse_args(words[1:], exit_on_error=False, print_error=False)
        settings = [parse_set(word) for name, word in zip(words, words[1:], strict=False) if name == "--set"]
        understood(words, [("--set", setting) for setting in settings])


def understood(words: list[str], layers: list[tuple[str, Any]]) -> None:
    """Raises ConfigError for a --set that the command does not have."""
    flags = dict(zip(words, words[1:], strict=False))
    if flags.get("--kind") == "ngram":
        assert not layers, "n-grams are counted: they have flags, and no --set"
    elif words[1] == "lm":
        resolve(run_config(flags.get("--kind", "bert")), [("defaults", defaults("bert")), *layers])
    else:
        resolve_run([("--preset", PRESETS[flags.get("--preset", DEFAULT_PRESET)]), *layers])


def test_there_are_commands_to_check() -> None:
    """Or the test above would pass for want of any."""
    assert len(commands(ROOT / "README.md")) > 10


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: str(page.relative_to(ROOT)))
def test_both_languages_show_the_same_commands(page: Path) -> None:
    assert commands(page) == commands(page.with_name(page.name.replace(".zh-CN", "")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_readme_begins_with_the_two_commands() -> None:
    for page in (ROOT / "README.md", ROOT / "README.zh-CN.md"):
        first = re.search(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
        assert first is not None
        assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make demo", "make test"]
