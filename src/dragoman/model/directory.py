"""The directory of a translator, raw text in to raw text out: write it, open it, find it by name. Translates nothing.

config.toml          [model] [languages] [data] [cleaning] [decoding] are used; other sections are a record
model.safetensors    the weights; its metadata hold the sha256 of the tokenizers they were trained with
tokenizer.model      or tokenizer.source.model and tokenizer.target.model
card.md              for people; may be absent
manifest.json        the seal of all these

Its files are read by contents.py, as those of a language model are (languagemodels.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.bounds import LENGTH
from dragoman.config import dump_toml, load_toml
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.decoding.options import DecodingOptions
from dragoman.errors import ConfigError, ModelError, UsageError
from dragoman.files import sha256
from dragoman.lineage.kinds import reader_names
from dragoman.model.contents import (
    CARD,
    TOKENIZERS,
    TRAINED_WITH,
    VOCABULARY,
    WEIGHTS,
    Files,
    config_of,
    header_of,
    naming,
    read_files,
    require,
    serialized,
    text,
    weights_of,
    write_files,
)
from dragoman.model.fields import CONFIG, NOT_EMPTY, Field, check, configured, fields_of
from dragoman.model.kinds import TranslatorKind, kind_of
from dragoman.model.recognise import unsealed
from dragoman.model.seal import MANIFEST
from dragoman.text.directions import Direction, read_directions, target_tags, told
from dragoman.text.languages import UNDERSTOOD, base_language, read_tag
from dragoman.text.mapped import MappedTokenizer, spoken, tokenizer_of
from dragoman.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from torch import nn

BUNDLED = Path(__file__).parents[1] / "models"


@dataclass(frozen=True)
class ModelDirectory:
    """A verified model in memory: what was checked is what is used, whatever happens to the files later."""

    path: Path
    config: dict[str, Any]
    weights: dict[str, np.ndarray]  # fp32 or fp16
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    card: str

    @property
    def languages(self) -> tuple[str, str]:
        """Codes of the source and target language; of several directions, of the first."""
        return self.config["languages"]["source"], self.config["languages"]["target"]

    @property
    def directions(self) -> tuple[Direction, ...]:
        """All that it translates; the first is `languages`."""
        return read_directions(self.config["languages"].get("directions", ())) or (self.languages,)

    def tags(self, direction: Direction, more: Sequence[str] = ()) -> list[int]:
        """The ids that stand before a source to be translated so: the tag of the target language, and `more`.

        Raises UsageError for a symbol that the vocabulary does not have.
        """
        symbols = self.source_tokenizer.controls
        known = target_tags(self.directions, self.config["languages"].get("tagged", False))
        for symbol in more:
            if symbol not in symbols or symbol in known.values():
                there = ", ".join(one for one in symbols if one not in known.values()) or "none"
                raise UsageError(f"the model knows no tag {symbol!r}: there is {there}")
        asked = [known[direction[1]]] if known else []
        return [symbols[symbol] for symbol in (*asked, *more)]

    @property
    def tokenizers(self) -> dict[str, Tokenizer]:
        """The tokenizers as `write_model` takes them: one called joint, or a source and a target."""
        if self.source_tokenizer is self.target_tokenizer:
            return {"joint": self.source_tokenizer}
        return {"source": self.source_tokenizer, "target": self.target_tokenizer}

    def between(self, source: str | None, target: str | None) -> ModelDirectory:
        """The same model for another pair of its languages, where it has several.

        Raises UsageError for a language that it does not translate.
        """
        codes = list(self.languages)
        leads = self._leads()
        for place, (side, asked) in enumerate((("source", source), ("target", target))):
            if asked and side in leads:
                codes[place] = spoken(asked, leads[side], side)
            elif asked and read_tag(asked) is None and asked != codes[place]:
                raise UsageError(f"--{side}-lang {asked}: no language has this code; {UNDERSTOOD}")
            elif asked and base_language(asked) != base_language(codes[place]):
                raise UsageError(
                    f"--{side}-lang {asked}: this model translates {' -> '.join(self.languages)}"
                )
        joint = self.source_tokenizer is self.target_tokenizer
        first = self.source_tokenizer.between(*codes)
        second = first if joint else self.target_tokenizer.between(*codes)
        languages = dict(zip(("source", "target"), codes, strict=True))
        config = {**self.config, "languages": languages}
        return replace(self, config=config, source_tokenizer=first, target_tokenizer=second)

    @property
    def many(self) -> bool:
        """Whether a token chooses among languages, as in NLLB; `between` then tells which are meant."""
        return bool(self._leads())

    def _leads(self) -> dict[str, Mapping[str, int]]:
        return _leads_of(self.tokenizers.values())

    def build(self) -> nn.Module:
        """The model as a torch module, in evaluation mode. Imports torch."""
        model = self.config["model"]
        vocabularies = self.source_tokenizer.vocab_size, self.target_tokenizer.vocab_size
        return kind_of(model).build(model, *vocabularies, self.weights)


def _leads_of(tokenizers: Iterable[Tokenizer]) -> dict[str, Mapping[str, int]]:
    """For each side whose language a token tells: the languages there are."""
    mapped = [one.table for one in tokenizers if isinstance(one, MappedTokenizer)]
    return {str(table.told_by): table.leads for table in mapped if table.told_by and table.leads}


def languages_told(directory: Path, config: Mapping[str, Any]) -> dict[str, list[str]]:
    """For each side whose language a token tells: the model's codes, without reading its weights.

    `config` is what its config.toml holds. Raises ModelError for a tokenizer that is damaged or not there.
    """
    if config.get("tokenizer", {}).get("kind") != "mapped":
        return {}
    found = []
    with naming(directory):
        for name in sorted(TOKENIZERS.values()):
            if (directory / name).exists():
                found.append(tokenizer_of((directory / name).read_bytes(), name))
    return {side: [*leads] for side, leads in _leads_of(found).items()}


# -- open -------------------------------------------------------------------------------------------------------


def open_model(directory: str | Path, verify: bool = True) -> ModelDirectory:
    """Read and check the model in `directory`. Raises ModelError, naming the part that is missing or wrong.

    `verify=False` trusts the files to be those that were sealed, and saves reading them twice.
    """
    directory = Path(directory)
    files = read_files(directory, verify)
    with naming(directory):
        return _assemble(directory, files)


def _assemble(directory: Path, files: Files) -> ModelDirectory:
    """Check the parts against each other. Errors name the part, not the directory."""
    if VOCABULARY in files:
        raise not_a_translator(config_of(files))
    tokenizer_names = _tokenizer_names(files)
    require(files, CONFIG, WEIGHTS)
    config = config_of(files)
    kind = _checked_kind(config)
    shapes, trained_with = header_of(files[WEIGHTS])
    for name in sorted(tokenizer_names):
        if trained_with.get(name) != sha256(files[name]):
            raise ModelError(
                f"{name} is the tokenizer of another model: its sha256 is not the one that {WEIGHTS} was trained with"
            )
    tokenizers = {side: tokenizer_of(files[name], name) for side, name in TOKENIZERS.items() if name in files}
    languages = config["languages"]["source"], config["languages"]["target"]
    try:
        tokenizers = {side: one.between(*languages) for side, one in tokenizers.items()}
    except ConfigError as error:
        raise ModelError(f"{CONFIG}, [languages]: {error}") from error
    source, target = (tokenizers.get(side) or tokenizers["joint"] for side in ("source", "target"))
    _check_tags(config["languages"], source)
    weights = weights_of(files, kind.shapes(config["model"], source.vocab_size, target.vocab_size))
    return ModelDirectory(directory, config, weights, source, target, text(files.get(CARD, b""), CARD))


def _check_tags(languages: Mapping[str, Any], tokenizer: Tokenizer) -> None:
    """Raises ModelError for a vocabulary without a tag of one of the target languages."""
    ways = read_directions(languages.get("directions", ())) or ((languages["source"], languages["target"]),)
    for tag in target_tags(ways, languages.get("tagged", False)).values():
        if tag not in tokenizer.controls:
            raise ModelError(f"the tokenizer has no symbol {tag}, which [languages] in {CONFIG} asks for")


def not_a_translator(config: Mapping[str, Any]) -> ModelError:
    """What any other model is told where a translator is wanted; `config` is its config.toml."""
    check(config, (Field("model", "kind", str),))
    kind = config["model"]["kind"]
    if kind in reader_names():
        return ModelError("this reads images and is no translator: dragoman digits read -m asks it")
    if config.get("labels"):
        return ModelError(
            f"this is a classifier of kind {kind!r}, not a translator: dragoman lm classify -m asks it"
        )
    return ModelError(
        f"this is a language model of kind {kind!r}, not a translator: dragoman lm asks it (dragoman lm --help)"
    )


def _tokenizer_names(files: Files) -> set[str]:
    names = set(files) & set(TOKENIZERS.values())
    if names not in ({TOKENIZERS["joint"]}, {TOKENIZERS["source"], TOKENIZERS["target"]}):
        raise ModelError(
            f"{MANIFEST} must list {TOKENIZERS['joint']}, or {TOKENIZERS['source']} and {TOKENIZERS['target']}; "
            f"it lists {' and '.join(sorted(names)) or 'no tokenizer'}"
        )
    return names


def fields(kind: TranslatorKind) -> tuple[Field, ...]:
    """What config.toml says of a translator. What it does not say of [data], [cleaning] and [decoding] has defaults."""
    return (
        *kind.fields(),
        Field("languages", "source", str, within=NOT_EMPTY),
        Field("languages", "target", str, within=NOT_EMPTY),
        Field("languages", "directions", tuple[str, ...], required=False),
        Field("languages", "tagged", bool, required=False),
        Field("data", "longest", int, required=False, within=LENGTH),
        *fields_of(CleaningConfig, "cleaning", required=False),
        *fields_of(DecodingOptions, "decoding", required=False),
    )


def _checked_kind(config: dict[str, Any]) -> TranslatorKind:
    """The kind of the translator, its configuration checked, and its optional sections there."""
    check(config, (Field("model", "kind", str),))
    kind = kind_of(config["model"])
    for section in ("data", "cleaning", "decoding"):
        config.setdefault(section, {})
    check(config, fields(kind), closed=("model", "decoding"), known=f"model of kind {kind.name!r}")
    configured(DecodingOptions, config["decoding"])
    directions_of(config["languages"])
    return kind


def directions_of(languages: Mapping[str, Any]) -> tuple[Direction, ...]:
    """What [languages] says of several directions; nothing where it says nothing. Raises ModelError."""
    try:
        directions = read_directions(languages.get("directions", ()))
    except (ConfigError, TypeError, AttributeError) as error:  # of a list of anything
        raise ModelError(f"{CONFIG}: languages.directions: {error}") from error
    if directions and directions[0] != (languages["source"], languages["target"]):
        raise ModelError(
            f"{CONFIG}: languages.directions begins with {told(directions[0])}, and languages.source and "
            f"languages.target say {languages['source']} -> {languages['target']}"
        )
    return directions


# -- write ------------------------------------------------------------------------------------------------------


def write_model(
    directory: str | Path,
    *,
    config: Mapping[str, Mapping[str, Any]],
    weights: Mapping[str, np.ndarray],
    tokenizers: Mapping[str, bytes],
    card: str = "",
) -> None:
    """Seal a model in `directory`, in one step: until it is done, the model that was there is what opens.

    `tokenizers` is {"joint": ...} or {"source": ..., "target": ...}, each a serialised SentencePiece model. Other
    files in the directory are left alone. Raises ModelError when the parts do not fit together, or the disk refuses.
    """
    directory = Path(directory)
    named = {TOKENIZERS[side]: model for side, model in tokenizers.items()}
    # One entry: safetensors writes several in a random order, and equal models shall be equal files.
    trained_with = {TRAINED_WITH: json.dumps({name: sha256(named[name]) for name in sorted(named)})}
    files = {CONFIG: dump_toml(config).encode(), WEIGHTS: serialized(weights, trained_with), **named}
    if card:
        files[CARD] = card.encode(errors="replace")  # names of files need not be Unicode
    try:
        _assemble(directory, files)  # what could not be opened again is not written
    except ModelError as error:
        raise ModelError(f"nothing was written to {directory}: {error}") from error
    write_files(directory, files)


# -- find -------------------------------------------------------------------------------------------------------


def find_model(name_or_path: str | Path) -> Path:
    """A model directory by its path, or by the name of a model that came with the package, or of one of its directions.

    A sealed directory of that name is preferred: a model of one's own can stand in for a bundled one. Raises
    ModelError with the names there are.
    """
    if name_or_path == "":  # which a Path would take for the directory that one is in
        raise ModelError(
            "the name of the model is empty: give the path of a model directory, or the name of a bundled one"
        )
    path = Path(name_or_path)
    bundled = {model.name: model for model in list_models()}
    if str(name_or_path) in bundled and not (path / MANIFEST).exists():
        return bundled[str(name_or_path)]
    if path.is_dir():
        return path
    if path.exists():
        raise ModelError(unsealed(path))
    for model in bundled.values():
        if str(name_or_path) in {
            "-".join(way) for way in directions_of(load_toml(model / CONFIG)["languages"])
        }:
            return model
    names = ", ".join(bundled) or "none"
    raise ModelError(
        f"there is no model {str(name_or_path)!r}: give the path of a model directory, or the name of a bundled "
        f"model ({names})"
    )


def list_models() -> list[Path]:
    """The models that came with the package, by name; each directory is named as its model."""
    return sorted(manifest.parent for manifest in BUNDLED.glob(f"*/{MANIFEST}"))
