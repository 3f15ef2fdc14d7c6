"""Where lines of Chinese and Latin words end."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from dragoman.cli import main
from dragoman.cli.commands import app
from dragoman.cli.wrapping import Wrapped, breaks

TEXTS = [
    "每一步的logits和probabilities；用ctranslate2算（默认），不行就用torch。",
    "快的引擎：int8（CPU 上的默认值）、float32……；torch：float32（默认）、bfloat16",
    "plain English words, as ever",
    "“引号”里的《书名》，和一个averyveryverylongword",
    "",
    "  ",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("width", [4, 11, 18, 25, 40, 200])
def test_lines_fit_and_nothing_is_lost(text: str, width: int) -> None:
    places = [0, *breaks(text, width), len(text)]
    lines = [text[a:b] for a, b in zip(places, places[1:], strict=False)]
    assert "".join(lines) == text
    assert all(cell_len(line.rstrip()) <= width for line in lines)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("width", [28, 31, 40])
def test_no_latin_word_is_cut_and_no_line_begins_with_a_sign_that_closes(text: str, width: int) -> None:
    for at in breaks(text, width):
        assert not re.fullmatch("[A-Za-z0-9]{2}", text[at - 1 : at + 1]), text[:at]
        assert text[at] not in "，。、；：）》”…"


@pytest.mark.parametrize("width", range(71, 120, 9))  # below, the names of flags themselves do not fit
@pytest.mark.parametrize("verb", ["translate", "explain", "train"])
def test_the_chinese_help_cuts_no_latin_word(
    width: int, verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At 80 columns the help of explain said "logi" on one line and "ts" on the next."""

    def words(columns: int) -> set[str]:
        monkeypatch.setattr(app, "_console", Console(width=columns))
        assert main([verb, "--help", "--lang", "zh"]) == 0
        return {
            word for line in capsys.readouterr().out.splitlines() for word in re.findall("[A-Za-z]{3,}", line)
        }

    assert words(width) <= words(400)


def test_it_is_drawn_as_it_is_cut() -> None:
    console = Console(width=20, record=True, file=None, force_terminal=False)
    with console.capture() as drawn:
        console.print(Wrapped(TEXTS[0]))
    lines = drawn.get().splitlines()
    assert "".join(lines).replace(" ", "") == TEXTS[0]
