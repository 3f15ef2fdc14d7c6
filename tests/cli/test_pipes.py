"""Pipes, signals, locales, terminals and imports: what needs a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calls import shell
from dragoman.cli.terminal import for_terminal


def test_a_reader_that_goes_away_is_no_error(tiny_model: Path) -> None:
    command = [sys.executable, "-m", "dragoman", "translate", "-m", str(tiny_model), "--beam-size", "1"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdout.close()
        try:
            process.stdin.write(b"The dog.\n" * 5000)
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.stdin = None
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize("words", [["--help"], ["translate", "--help"]])
def test_a_reader_that_goes_away_from_the_help_is_no_error_either(words: list[str]) -> None:
    """rich ended it with 1, as what has failed, and without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "dragoman", *words], stdout=out, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, b"dragoman: interrupted\n"),
        (signal.SIGTERM, 143, b"dragoman: ended by SIGTERM\n"),
        (signal.SIGHUP, 129, b"dragoman: ended by SIGHUP\n"),
    ],
)
def test_a_signal_is_one_line(tiny_model: Path, number: int, code: int, said: bytes) -> None:
    command = [sys.executable, "-m", "dragoman", "translate", "-m", str(tiny_model), "--unbuffered"]
    # Where the tests themselves run in the background, a shell has told them, and so their children, to ignore Ctrl-C.
    heeded = signal.signal(number, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    finally:
        signal.signal(number, heeded)
    with process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write(b"The dog.\n")
        process.stdin.flush()
        process.stdout.readline()  # now it waits for more
        process.send_signal(number)
        assert process.wait(60) == code
        assert process.stderr.read() == said


def test_what_is_half_made_goes_when_a_command_is_ended(tmp_path: Path) -> None:
    """SIGTERM left `.clean.tsv.tmp-1234` behind, which nothing ever removed."""
    corpus = tmp_path / "corpus.tsv"
    os.mkfifo(corpus)
    words = [
        "data",
        "clean",
        str(corpus),
        "--source-lang",
        "en",
        "--target-lang",
        "zh",
        "-o",
        str(tmp_path / "clean.tsv"),
    ]
    with (
        subprocess.Popen([sys.executable, "-m", "dragoman", *words], stderr=subprocess.DEVNULL) as process,
        corpus.open("wb") as writing,
    ):
        writing.write("The dog.\t狗。\n".encode() * 2000)
        writing.flush()
        until = time.monotonic() + 60
        while not [*tmp_path.glob(".clean.tsv.tmp-*")]:
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.02)
        process.terminate()
        assert process.wait(60) == 143
    assert [*tmp_path.iterdir()] == [corpus]


def test_output_is_utf8_whatever_the_locale_says(tiny_model: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = shell("translate", "The dog.", "-m", str(tiny_model), "--prefix", "你我", env=environment)
    assert done.returncode == 0
    assert done.stdout.decode().startswith("你我")


def test_translating_loads_no_torch(tiny_model: Path) -> None:
    """It takes longer to import than the sentence to translate, and need not be installed."""
    code = (
        "import sys; sys.modules['torch'] = None; from dragoman.cli import main;"
        f"sys.exit(main(['translate', 'The dog.', '-m', {str(tiny_model)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_needs_torch_says_how_to_get_it(tiny_model: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from dragoman.cli import main;"
        f"sys.exit(main(['translate', 'The dog.', '--sample', '-m', {str(tiny_model)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(b"dragoman: this needs torch") and b"dragoman[train]" in done.stderr


def test_a_terminal_is_spared_control_characters() -> None:
    assert for_terminal("a\x1b[31mb\u202ec\x07\td\n你好，") == "a[31mbc\td\n你好，"
