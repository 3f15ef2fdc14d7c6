"""Whatever config.toml lacks or says wrongly is named by section and key, in the directories of all kinds alike."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from directories import KINDS, TRANSLATOR_KINDS, write
from dragoman.config import dump_toml
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.errors import ModelError
from dragoman.lineage.kinds import kind_of, names
from dragoman.model import directory, languagemodels
from dragoman.model.contents import read_files, write_files
from dragoman.model.directory import open_model
from dragoman.model.fields import CONFIG, Field, check, fields_of
from dragoman.model.kinds import TRANSFORMER_FIELDS, TRANSLATORS
from dragoman.model.languagemodels import open_lm

TABLE = '"<table>"'  # what our writer of TOML cannot write
WRONG: tuple[object, ...] = ("x", -1, 10**30, math.nan, math.inf, [1], [], True, "<table>", 0.5)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A directory of each kind."""
    root = tmp_path_factory.mktemp("kinds")

    def made(kind: str) -> Path:
        path = root / kind.replace(", a ", "-")
        if not path.exists():
            write(path, kind)
        return path

    return made


def opened(kind: str) -> Callable[[Path], object]:
    return open_model if kind in TRANSLATOR_KINDS else open_lm


def described(kind: str) -> tuple[Field, ...]:
    if kind in TRANSLATOR_KINDS:
        return directory.fields(TRANSLATORS[kind.split(",")[0]])
    return languagemodels.fields(kind_of(kind))


def config_of(path: Path) -> dict[str, dict[str, Any]]:
    return tomllib.loads((path / CONFIG).read_text(encoding="utf-8"))


@pytest.fixture
def refusal(sealed: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str | None]:
    """What is said of a directory of a kind with another configuration; None where it opens.

    The files are handed over unwritten: sealing each of some hundred directories would take a minute.
    """

    def said(kind: str, config: dict[str, Any]) -> str | None:
        path = sealed(kind)
        files = read_files(path) | {CONFIG: dump_toml(config).replace(TABLE, "{}").encode()}
        for module in (directory, languagemodels):
            monkeypatch.setattr(module, "read_files", lambda path, verify=True: files)
        try:
            opened(kind)(path)
        except ModelError as error:  # whatever else is raised is a fault of ours
            assert str(error).startswith(f"{path}: ")
            return str(error)
        return None

    return said


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_setting_is_named_by_section_and_key(
    kind: str, sealed: Callable[[str], Path], refusal: Callable[..., str | None]
) -> None:
    """A directory without [tokens] unit used to say KeyError('unit')."""
    for field in described(kind):
        config = config_of(sealed(kind))
        if config.get(field.section, {}).pop(field.key, None) is None:
            assert not field.required, f"{field.name} is required, and yet not written"
            continue
        message = refusal(kind, config)
        assert (message is not None) == field.required, f"{field.name}: {message}"
        assert message is None or f"{CONFIG}: {field.name} is missing: it must be" in message


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_value_is_named_by_section_and_key(
    kind: str, sealed: Callable[[str], Path], refusal: Callable[..., str | None]
) -> None:
    for field in described(kind):
        for value in (value for value in WRONG if not is_right(field, value)):
            config = config_of(sealed(kind))
            config.setdefault(field.section, {})[field.key] = value
            message = refusal(kind, config)
            assert message is not None, f"{field.name} = {value!r} was taken"
            assert f"{CONFIG}: {field.name} = " in message, message
            assert not any(word in message for word in ("KeyError", "TypeError", "Traceback")), message


def is_right(field: Field, value: object) -> bool:
    """Whether the value is of the setting's own type; whether it contradicts other settings is not asked here."""
    if field.kind is float:
        most = 1 if field.section == "model" else math.inf
        return type(value) in (int, float) and 0 <= value < most  # type: ignore[operator]
    if get_origin(field.kind) is tuple:
        return value == []
    return (field.kind is bool and value is True) or (field.kind is str and value == "x")


@pytest.mark.parametrize("kind", KINDS)
def test_a_section_that_is_not_there_is_named(
    kind: str, sealed: Callable[[str], Path], refusal: Callable[..., str | None]
) -> None:
    for section in {field.section for field in described(kind) if field.required}:
        config = config_of(sealed(kind))
        del config[section]
        assert f"{CONFIG} has no section [{section}]" in (refusal(kind, config) or "it opened")


@pytest.mark.parametrize("kind", KINDS)
def test_a_setting_that_no_model_of_the_kind_has_is_refused_with_the_nearest(
    kind: str, sealed: Callable[[str], Path], refusal: Callable[..., str | None]
) -> None:
    config = config_of(sealed(kind))
    key = next(key for key in config["model"] if key != "kind")
    config["model"][f"{key}_"] = 3
    message = refusal(kind, config) or "it opened"
    assert f"model.{key}_ is no setting" in message and f"did you mean model.{key}?" in message


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_the_manifest_leaves_out_is_named(
    kind: str, sealed: Callable[[str], Path], tmp_path: Path
) -> None:
    files = read_files(sealed(kind))
    for name in files.keys() - {"card.md", "vocabulary.txt"}:
        write_files(tmp_path / name, {other: data for other, data in files.items() if other != name})
        with pytest.raises(ModelError, match=f"manifest.json.*{name}|manifest.json must list {name}"):
            opened(kind)(tmp_path / name)


def test_who_reads_a_directory_is_told(sealed: Callable[[str], Path]) -> None:
    with pytest.raises(
        ModelError, match="this is a language model of kind 'gpt', not a translator: dragoman lm"
    ):
        open_model(sealed("gpt"))
    with pytest.raises(ModelError, match="this is a translator, not a language model: dragoman translate -m"):
        open_lm(sealed("transformer, a translator"))
    # Two kinds of the same name in two tables.
    with pytest.raises(ModelError, match="this is a translator"):
        open_lm(sealed("rnn, a translator"))
    with pytest.raises(ModelError, match="this is a language model"):
        open_model(sealed("rnn"))


def test_the_sketch_of_a_transformer_is_its_configuration() -> None:
    """Fields, types and choices are told a second time, since translating loads no torch: here both are compared."""
    from dragoman.transformer.model import TransformerConfig

    told = {field.key: field for field in TRANSFORMER_FIELDS}
    asked = {field.key: field for field in fields_of(TransformerConfig, "model")}
    assert told.keys() == asked.keys()
    assert told.pop("positions").kind is str  # a new encoding needs no line here: the table of all is asked
    for key, field in told.items():
        assert get_origin(field.kind) == get_origin(asked[key].kind)
        assert set(get_args(field.kind)) == set(get_args(asked[key].kind)) or field.kind == asked[key].kind


def test_the_kind_in_a_configuration_is_the_name_of_its_record() -> None:
    for name in names(counted=False):
        hints = get_type_hints(kind_of(name).config)
        assert hints["kind"] == Literal[name]


def test_fields_that_fill_a_class_are_optional_where_they_may_be_none() -> None:
    (field,) = (field for field in fields_of(CleaningConfig, "cleaning") if field.key == "simplify")
    assert field.required and get_args(field.kind) == ("", "source", "target", "both")
    check({"cleaning": json.loads('{"simplify": ""}')}, (field,))
