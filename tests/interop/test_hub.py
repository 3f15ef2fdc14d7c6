"""Models by their names on the hub; no test reaches it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

import foreign
from dragoman.cli import main
from dragoman.errors import UsageError
from dragoman.interop import hub
from dragoman.model.directory import open_model

pytestmark = pytest.mark.filterwarnings("ignore")
NAME = "Helsinki-NLP/opus-mt-en-zh"


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model in the hub's cache, in a folder that is named by its commit."""
    directory = tmp_path / "0123abcd"
    foreign.marian(directory)
    (directory / "tokenizer_config.json").unlink()
    names = [path.name for path in directory.iterdir()]
    there = SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in (*names, "tf_model.h5")])
    monkeypatch.setattr(huggingface_hub, "model_info", lambda name, revision: there)

    def download(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        assert "tf_model.h5" not in allow_patterns and "vocab.json" in allow_patterns
        return str(directory)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return directory


@pytest.mark.parametrize("call", [["models", "get", NAME], ["import", NAME]], ids=" ".join)
def test_a_model_is_fetched_and_imported_by_its_name(snapshot: Path, tmp_path: Path, call: list[str]) -> None:
    assert main([*call, "-o", str(tmp_path / "out")]) == 0
    model = open_model(tmp_path / "out")
    assert model.languages == ("en", "zh")
    assert model.card.startswith(f"# {NAME}: English into Chinese") and "apache-2.0" in model.card


def test_weights_are_fetched_in_one_format_and_nothing_from_below() -> None:
    names = ["README.md", "config.json", "model.safetensors", "pytorch_model.bin", "rust_model.ot", "onnx/model.onnx",
             "source.spm", "flax_model.msgpack", "onnx/config.json"]  # fmt: skip
    assert hub.wanted(names) == ["README.md", "config.json", "model.safetensors", "source.spm"]
    names.remove("model.safetensors")
    assert "pytorch_model.bin" in hub.wanted(names)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("setting", [{"HF_HUB_OFFLINE": True}, {"ENDPOINT": "http://127.0.0.1:9"}], ids=str)
def test_a_hub_out_of_reach_is_told_in_a_sentence(
    setting: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in setting.items():
        monkeypatch.setattr(huggingface_hub.constants, name, value)
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", "http://127.0.0.1:9")
    assert main(["models", "get", NAME, "-o", str(tmp_path / "out")]) == 1
    assert "cannot be reached from here" in told(capsys)
    assert not (tmp_path / "out").exists()


def test_what_was_fetched_before_needs_no_hub(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> Any:
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "model_info", unreachable)
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, revision, local_files_only: str(snapshot)
    )
    assert hub.fetched(NAME) == snapshot


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b/c", "http://x/y", "/etc/passwd", "x/..y"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is no name on the Hugging Face hub"):
        hub.fetched(name)


def test_what_is_known_to_work_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "get"]) == 0
    assert "facebook/m2m100_418M" in capsys.readouterr().out
    assert main(["models", "get", "a b"]) == 2
    assert "OWNER/MODEL" in capsys.readouterr().err
