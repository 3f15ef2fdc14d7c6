"""Every verb, given what is no model of its kind: called by its name, with the verb that wants it, in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.cli import main
from tiny import parts
from toys import lines, random_lm

Make = Callable[[Path], object]


def _run(path: Path) -> None:
    (path / "data").mkdir(parents=True)
    (path / ".lock").touch()
    (path / "checkpoints").mkdir()


def _begun(path: Path) -> None:
    (path / "data").mkdir(parents=True)
    (path / ".lock").touch()


def _prepared(path: Path) -> None:
    path.mkdir()
    (path / "data.json").write_text("{}")


def _vectors(path: Path) -> None:
    path.write_text("2 3\na 1 0 0\nb 0 1 0\n")


def _corpus(path: Path) -> None:
    path.mkdir()
    (path / "train.zh").write_text("\n".join(lines(count=20)))


def _hugging_face(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))


def _exported(path: Path) -> None:
    _hugging_face(path)
    (path / "config.json").write_text(json.dumps({"model_type": "pegasus"}))
    (path / "source.spm").touch()


def _checkpoint(path: Path) -> None:
    path.mkdir()
    for name in ("manifest.json", "state.json", "state.safetensors"):
        (path / name).write_text("{}")


def _checkpoints(path: Path) -> None:
    path.mkdir()
    (path / "latest").write_text("step-00000003\n")
    _checkpoint(path / "step-00000003")


def _classifier(path: Path) -> None:
    random_lm(path, "bert", classes=2)
    config = (path / "config.toml").read_text() + '\n[labels]\nnames = ["good", "bad"]\n'
    (path / "config.toml").write_text(config)
    from dragoman.model.contents import write_files

    names = ("config.toml", "model.safetensors", "vocabulary.txt")
    write_files(path, {name: (path / name).read_bytes() for name in names})


# What there is, how it is made, and what everybody must say of it.
THINGS: dict[str, tuple[Make, str]] = {
    "translator": (lambda path: parts().write(path), "this is a translator, not a language model"),
    "gpt": (lambda path: random_lm(path, "gpt"), "this is a language model of kind 'gpt'"),
    "nnlm": (lambda path: random_lm(path, "nnlm"), "this is a language model of kind 'nnlm'"),
    "bert": (lambda path: random_lm(path, "bert"), "this is a language model of kind 'bert'"),
    "classifier": (_classifier, "this is a classifier of kind 'bert'"),
    "vectors": (_vectors, "holds word vectors, which dragoman words asks"),
    "run": (_run, "has not kept a model yet; let it reach its first validation, or go on"),
    "begun": (_begun, "or begin it again"),
    "prepared": (_prepared, "holds prepared data, not a model"),
    "empty": (lambda path: path.mkdir(), "is an empty directory"),
    "corpus": (_corpus, "holds a corpus, not a model"),
    "hugging face": (_hugging_face, "in Hugging Face format, of type 'gpt2'"),
    "exported": (_exported, "is an OPUS-MT model (Marian, in Hugging Face format): dragoman import"),
    "checkpoint": (_checkpoint, "belongs to the checkpoints of a training run"),
    "checkpoints": (_checkpoints, "belongs to the checkpoints of a training run"),
    "text": (lambda path: path.with_suffix(".txt").write_text("a"), "looks like text"),
    "weights": (lambda path: path.write_bytes(b"\0"), "is a file, and a model is a directory"),
}
LANGUAGE_MODELS = {"gpt", "nnlm", "bert", "classifier"}
# Verbs that want a translator, and those that want a language model. {} is the model.
TRANSLATORS = {
    "translate": "translate hello -m {}",
    "serve": "serve -m {}",
    "evaluate": "evaluate {corpus} {corpus} -m {}",
    "explain": "explain hello -m {}",
    "train": "train {corpus} {corpus} --from {} -o {output} --source-lang en --target-lang zh",
    "models": "models {}",
}
ASKING = {
    "perplexity": "lm perplexity {corpus} -m {}",
    "sample": "lm sample -m {}",
    "fill": "lm fill [MASK] -m {}",
    "lm train": "lm train {corpus} --kind gpt --from {} -o {output}",
    "export": "lm export -m {} -o {output}",
}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Read only."""
    root = tmp_path_factory.mktemp("zoo")
    for name, (make, _) in THINGS.items():
        make(root / name)
    (root / "corpus.zh").write_text("\n".join(lines(count=20)))
    found = {name: root / name for name in THINGS}
    return found | {"text": root / "text.txt"}


def said(
    words: str, model: Path, zoo: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> str:
    corpus, output = model.parent / "corpus.zh", tmp_path / "out"
    asked = [word.format(model, corpus=corpus, output=output) for word in words.split()]
    assert main(asked) in (1, 2)
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0 and error.startswith("dragoman: "), error
    assert str(model) in error
    assert not output.exists()
    return error


@pytest.mark.parametrize("thing", [name for name in THINGS if name != "translator"])
@pytest.mark.parametrize("verb", TRANSLATORS)
def test_who_wants_a_translator_says_what_this_is(
    zoo: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, thing: str
) -> None:
    """`serve` once said of a language model that languages.source is missing."""
    error = said(TRANSLATORS[verb], zoo[thing], zoo, tmp_path, capsys)
    assert THINGS[thing][1] in error
    if thing in LANGUAGE_MODELS:
        assert "not a translator: dragoman lm" in error


@pytest.mark.parametrize("thing", [name for name in THINGS if name not in LANGUAGE_MODELS])
@pytest.mark.parametrize("verb", ASKING)
def test_who_wants_a_language_model_says_what_this_is(
    zoo: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, thing: str
) -> None:
    error = said(ASKING[verb], zoo[thing], zoo, tmp_path, capsys)
    assert THINGS[thing][1] in error
    if thing == "translator":
        assert "dragoman translate -m" in error and "dragoman train --from" in error


def test_words_ask_a_translator_or_vectors(
    zoo: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for thing in LANGUAGE_MODELS | {"run", "prepared", "empty", "corpus", "hugging face"}:
        assert THINGS[thing][1] in said("words nearest a -m {}", zoo[thing], zoo, tmp_path, capsys)
