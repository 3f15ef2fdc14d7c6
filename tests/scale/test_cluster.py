"""The same files from a Ray cluster, of which hosts die on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dragoman.cli import main
from tiny import lines


@pytest.mark.slow("three raylets take half a minute to start: the only test in which hosts die")
def test_hosts_that_die_lose_nothing_and_double_nothing(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is an extra")
    folder = tmp_path / "in"
    folder.mkdir()
    for seed in range(8):
        (folder / f"part-{seed}.txt").write_text("\n".join(lines(seed, 4000)), encoding="utf-8")
    words = ["translate", str(folder), "-m", str(tiny_model)]
    program = str(Path(__file__).with_name("raylets.py"))
    out = tmp_path / "ray"
    ended = subprocess.run(
        [sys.executable, program, str(out), *words, "-o", str(out), "--workers", "3"],
        capture_output=True,
        text=True,
        timeout=200,
        # Ray looks for its hosts through proxies, too.
        env={**os.environ, "NO_PROXY": "*", "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    assert "a worker died" in ended.stderr
    assert main([*words, "-o", str(tmp_path / "plain"), "--workers", "1"]) == 0
    for path in sorted(folder.iterdir()):
        assert (out / path.name).read_bytes() == (tmp_path / "plain" / path.name).read_bytes()


def test_a_cluster_that_is_not_there_is_told_at_once(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ray tried for more than ten minutes to reach a port where nobody listens."""
    pytest.importorskip("ray", reason="Ray is an extra")
    (tmp_path / "a.txt").write_text("a\n")
    words = ["translate", str(tmp_path / "a.txt"), "-o", str(tmp_path / "out"), "-m", str(tiny_model)]
    assert main([*words, "--ray", "127.0.0.1:1"]) == 2
    assert "--ray 127.0.0.1:1: no Ray cluster answers there" in capsys.readouterr().err


def test_without_ray_the_extra_is_named(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "a.txt").write_text("a\n")
    words = [
        "translate",
        str(tmp_path / "a.txt"),
        "-o",
        str(tmp_path / "out"),
        "-m",
        str(tiny_model),
        "--ray",
    ]
    assert main(words) == 1
    assert "pip install 'dragoman[ray]'" in capsys.readouterr().err
