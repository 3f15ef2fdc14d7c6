"""`dragoman words` as its users meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dragoman.cli import main

DATA = Path(__file__).parents[2] / "corpus" / "tatoeba"
SOURCES = Path(__file__).parents[2] / "src"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("numba")
    path = tmp_path_factory.mktemp("words") / "new" / "zh.bin"
    words = ("--unit", "characters", "--dimension", "20", "--epochs", "2")
    assert main(["words", "train", str(DATA / "train.tsv.gz"), "-o", str(path), *words]) == 0
    return path


def answer(capsys: Capture, *words: str) -> str:
    capsys.readouterr()
    assert main(["words", *words]) == 0
    return capsys.readouterr().out


def refused(capsys: Capture, *words: str) -> str:
    """The one line that a wrong call gets."""
    assert main(["words", *words]) in (1, 2)
    output, errors = capsys.readouterr()
    assert not output and errors.count("\n") == 1
    return errors


def test_a_sentence_in_three_ways_with_the_bundled_embedding(capsys: Capture) -> None:
    found = json.loads(answer(capsys, "show", "今天晚上吃你", "--format", "json"))
    assert "".join(token["token"] for token in found["tokens"]).strip("▁") == "今天晚上吃你"
    count = len(found["tokens"])
    assert found["vocabulary"] == 8983
    assert found["sizes"]["one-hot"] == {"numbers_per_token": 8983, "bytes": 35_932 * count}
    assert found["sizes"]["integer"] == {"numbers_per_token": 1, "bytes": 4 * count}
    assert found["sizes"]["embedding"] == {"numbers_per_token": 256, "bytes": 1024 * count}
    for token in found["tokens"]:
        assert token["id"] == token["one_hot_at"]
        assert len(token["embedding"]) == 256
        assert not any(word.startswith("<") for word, _ in token["near"]["embedding"])
    text = answer(capsys, "show", "今天晚上吃你")
    assert all(name in text for name in ("one-hot", "integer", "embedding", f"{35_932 * count:,}", "晚上"))


def test_the_bundled_model_knows_what_is_alike(capsys: Capture) -> None:
    numbers = json.loads(answer(capsys, "nearest", "三", "--format", "json"))["words"]
    assert {"四", "五", "二"} & {one["word"] for one in numbers[:6]}
    assert numbers == sorted(numbers, key=lambda one: -one["cosine"])
    assert answer(capsys, "analogy", "我", "我们", "他").startswith("我 : 我们 = 他 :  他们 ")


def test_vectors_of_a_file_are_asked_like_those_of_a_model(chinese: Path, capsys: Capture) -> None:
    lines = answer(capsys, "nearest", "我", "吃", "-m", str(chinese), "--count", "3").splitlines()
    assert [line.split()[0] for line in lines] == ["我", "吃"]
    assert all(len(line.split()) == 7 for line in lines)
    shown = answer(capsys, "show", "我吃", "-m", str(chinese), "--unit", "characters")
    assert "20 " in shown and "我" in shown


def test_a_picture(capsys: Capture, tmp_path: Path) -> None:
    named, frequent = tmp_path / "named.svg", tmp_path / "frequent.svg"
    assert "named.svg: " in answer(capsys, "plot", "红", "三", "-o", str(named))
    assert ">红</text>" in named.read_text(encoding="utf-8")
    assert "150 words" in answer(capsys, "plot", "-o", str(frequent))


def test_without_numba_it_says_how_to_get_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['numba'] = None; from dragoman.cli import main;"
        f"sys.exit(main(['words', 'train', {str(DATA / 'dev.tsv.gz')!r}, '-o', {str(tmp_path / 'zh.bin')!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"dragoman: this needs numba") and b"dragoman[words]" in done.stderr


def test_what_is_wrong_takes_one_line(chinese: Path, capsys: Capture, tmp_path: Path) -> None:
    capsys.readouterr()
    small, vectors = tmp_path / "small.txt", str(chinese)
    small.write_text("one two\n")
    out = str(tmp_path / "out.bin")
    assert "Add -o" in refused(capsys, "train", str(small))
    assert "there is no text" in refused(capsys, "train", "-o", out)
    assert "too small for a window" in refused(capsys, "train", str(small), "-o", out, "--unit", "words")
    assert "window 0" in refused(capsys, "train", str(small), "-o", out, "--window", "0")
    assert "near it are" in refused(capsys, "nearest", "kink")
    assert "'Ω' is none of" in refused(capsys, "nearest", "Ω", "-m", vectors)
    assert "'Ω' is none of" in refused(capsys, "show", "我Ω", "-m", vectors, "--unit", "characters")
    assert "near which word" in refused(capsys, "nearest")
    assert "no file of word vectors" in refused(capsys, "nearest", "a", "-m", str(small))
    assert "there is no model" in refused(capsys, "nearest", "a", "-m", str(tmp_path / "none"))
    assert "no text to show" in refused(capsys, "show", " ")
    assert "--count 0" in refused(capsys, "nearest", "三", "--count", "0")
    assert "Add -o" in refused(capsys, "plot")
    assert not Path(out).exists()


@pytest.mark.parametrize("lang, said", [("en", "Huffman tree"), ("zh", "哈夫曼树")])
def test_rows_99_and_100_the_window_and_what_a_word_is_guessed_against(
    capsys: Capture, lang: str, said: str
) -> None:
    shown = answer(capsys, "window", "今天晚上吃你", "--word", "晚", "--lang", lang)
    assert "(今 天 上 吃) → 晚" in shown and "晚 → 今, 天, 上, 吃" in shown
    assert "晚 · 今" in shown and said in shown and shown.count("─ ") == 6
    found = json.loads(answer(capsys, "window", "今天晚上吃你", "--format", "json"))
    assert len(found["windows"]) == len(found["paths"]) == 6
    assert "at least 1" in refused(capsys, "window", "今天", "--window", "0")
