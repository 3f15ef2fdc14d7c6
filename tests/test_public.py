"""What `import dragoman` gives, and how little it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dragoman


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_import_is_quick_and_loads_nothing_heavy() -> None:
    program = (
        "import sys, time; start = time.perf_counter(); import dragoman; "
        "print(time.perf_counter() - start, *(m for m in sys.modules if m.split('.')[0] in "
        "('torch', 'numpy', 'sacrebleu', 'ctranslate2', 'sentencepiece', 'starlette', 'matplotlib', 'rich')))"
    )
    seconds, *heavy = run(program).split()
    assert float(seconds) < 0.2
    assert heavy == []


def test_the_translator_needs_neither_torch_nor_metrics() -> None:
    program = (
        "import sys; from dragoman import Translator; "
        "print(*(m for m in ('torch', 'sacrebleu', 'starlette') if m in sys.modules))"
    )
    assert run(program) == ""


def test_public_names_are_what_they_are_called() -> None:
    assert dragoman.Translator.__module__ == "dragoman.translate.translator"
    assert dragoman.Translation.__module__ == "dragoman.translate.translation"
    assert issubclass(dragoman.DragomanError, Exception)
    assert set(dragoman.__all__) <= set(dir(dragoman))
    assert dragoman.__version__.count(".") == 2


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Translater'"):
        dragoman.Translater  # noqa: B018
