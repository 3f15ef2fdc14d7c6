"""What prepared data were made from: asked for now, noted then, compared. Prepares nothing.

data.json holds it beside the data, with the sha256 of each file: data that were made from something else, or changed
since, are never trained on in silence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from zlib import crc32

from dragoman.config import difference
from dragoman.corpus.augment import AugmentConfig
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.corpus.pairs import fingerprint_of
from dragoman.errors import TrainingError
from dragoman.files import publish, sha256
from dragoman.text.tokenizer import Tokenizer, TokenizerConfig
from dragoman.training.settings import DataConfig

RECORD = "data.json"
# By key of data.json, where that is not the name of the field: earlier versions wrote these.
_KEYS = {"corpus": "fingerprint"}


@dataclass(frozen=True)
class Recipe:
    """The part of a configuration that decides what the model reads."""

    data: DataConfig
    cleaning: CleaningConfig
    tokenizer: TokenizerConfig
    augment: AugmentConfig
    seed: int

    @property
    def name(self) -> str:
        """Of what becomes of the pairs in an epoch: that of other settings is not taken for it. Empty: nothing does."""
        young = [part for part in (self.data.tags, self.tokenizer.sampling) if part]
        said = (self.augment, self.data.weights, *young)
        changed = self.augment.active or self.data.weights or young
        return f"-{crc32(repr(said).encode()):08x}" if changed else ""

    @property
    def changing(self) -> bool:
        """Whether each epoch has ids of its own."""
        return self.tokenizer.sampling > 0 or self.augment.active or bool(self.data.weights)

    @property
    def sections(self) -> dict[str, dict[str, Any]]:
        """Of what is prepared once. What an epoch makes of it is a function of the settings of the day."""
        found = {name: asdict(getattr(self, name)) for name in ("data", "cleaning", "tokenizer")}
        del found["tokenizer"]["sampling"]
        return {**found, "training": {"seed": self.seed}}


@dataclass(frozen=True)
class Origin:
    """From what data were made; of an earlier version's, only the corpus is known."""

    corpus: str  # fingerprint of its files
    dev: str = ""  # fingerprint of the dev files; empty: pairs were held out
    recipe: dict[str, dict[str, Any]] = field(default_factory=dict)
    base: str = ""  # sha256 of the tokenizers of a model that is trained further; empty: they were learnt
    files: dict[str, str] = field(default_factory=dict)  # sha256 by name
    report: str = ""  # on cleaning, for people
    pairs: int = 0  # in train.tsv

    @classmethod
    def asked(
        cls,
        corpus: Sequence[Path],
        dev: Sequence[Path],
        recipe: Recipe,
        tokenizers: Mapping[str, Tokenizer] | None,
    ) -> Origin:
        """What a command asks for: the files of corpus and dev set. Raises CorpusError where one is missing."""
        base = digest({n: sha256(t.serialized) for n, t in tokenizers.items()}) if tokenizers else ""
        of_corpus, of_dev = (fingerprint_of(files) if files else "" for files in (corpus, dev))
        return cls(of_corpus, of_dev, recipe.sections, base)

    @classmethod
    def read(cls, directory: Path) -> Origin:
        """What was noted. Raises ValueError for a record that is damaged, OSError where there is none."""
        try:
            found = json.loads((directory / RECORD).read_bytes())
            values = {
                part.name: found[key]
                for part in fields(cls)
                if (key := _KEYS.get(part.name, part.name)) in found
            }
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{directory / RECORD} is damaged") from error
        kinds = {"recipe": dict, "files": dict, "pairs": int}
        sound = all(type(value) is kinds.get(name, str) for name, value in values.items())
        if not sound or "corpus" not in values or not _are_sections(values.get("recipe", {})):
            raise ValueError(f"{directory / RECORD} is damaged")
        return cls(**values)

    def write(self, directory: Path, report: str, pairs: int) -> None:
        """Note it beside the data, which are complete."""
        whole = asdict(replace(self, files=hashes(directory), report=report, pairs=pairs))
        named = {_KEYS.get(name, name): value for name, value in whole.items()}
        publish(
            directory / RECORD,
            json.dumps(named, ensure_ascii=False, indent=1).encode(errors="backslashreplace"),
        )

    def others_than(self, before: Origin) -> str | None:
        """What of this is not that of `before`; a dev set that nobody names is that of before."""
        if self.corpus and self.corpus != before.corpus:
            return "other corpus files"
        if self.dev and before.files and self.dev != before.dev:
            return "other dev files" if before.dev else "pairs held out of the corpus, rather"
        if before.files and self.base and self.base != before.base:
            return "the vocabulary of another model"
        return None


def is_prepared(
    directory: Path, asked: Origin, given: Sequence[Path], say: Callable[[str], None], resume: bool
) -> bool:
    """Whether the data in `directory` are what is asked for, and whole. If not, `say` is told why.

    `given` are the files that were named. Raises TrainingError where a run is resumed, and so depends on the data,
    with other files than it began with.
    """
    try:
        before = Origin.read(directory)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        say(f"{error}: the corpus is prepared anew")
        return False
    if resume and (other := asked.others_than(before)) is not None:
        raise TrainingError(
            f"{directory} was prepared from {other} than {', '.join(map(str, given))}: give the files of the first "
            "run, or another output directory"
        )
    why = _changed_since(directory, before)
    if why is None and not resume:
        why = _other_origin(asked, before)
    if why is not None:
        say(f"{directory} {why}: the corpus is prepared anew")
    return why is None


def _changed_since(directory: Path, before: Origin) -> str | None:
    """An earlier version noted no hashes; a missing file is found by that, too."""
    now = hashes(directory)
    for name in before.files or ("train.tsv", "dev.tsv"):
        if name not in now:
            return f"lacks {name}"
        if before.files and now[name] != before.files[name]:
            return f"has a {name} that was changed since it was made"
    return None


def _other_origin(asked: Origin, before: Origin) -> str | None:
    if not before.files:
        return "was prepared by an earlier version"
    if (asked.corpus, asked.dev, asked.base) != (before.corpus, before.dev, before.base):
        return "was prepared from other files"
    changes = difference(before.recipe, asked.recipe)
    return f"was prepared with other settings ({'; '.join(changes)})" if changes else None


def _are_sections(values: Any) -> bool:
    return isinstance(values, dict) and all(isinstance(section, dict) for section in values.values())


def hashes(directory: Path) -> dict[str, str]:
    """sha256 by name of what is made once: the cleaned corpus, the dev set, the tokenizers."""
    found = {}
    for path in sorted(directory.glob("*")):
        if path.name in ("train.tsv", "dev.tsv") or (
            path.name.startswith("tokenizer") and path.suffix == ".model"
        ):
            with open(path, "rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def digest(by_name: Mapping[str, str]) -> str:
    """One fingerprint of several."""
    return sha256(json.dumps(by_name, sort_keys=True).encode())
