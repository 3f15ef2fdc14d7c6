"""Flags made from the fields of frozen dataclasses, and the few flags that several verbs share. Knows no verb.

An option is declared once, beside the class it configures; its flag has the field's name, type and meaning. A flag
that is not given is None, so that the default stays where it has its home: in the class, or in a model's config.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_origin

from cyclopts import Group, Parameter

from dragoman.config import section_options
from dragoman.errors import UsageError
from dragoman.text.languages import UNDERSTOOD, base_language, read_tag

if TYPE_CHECKING:
    from dragoman.translate.translator import Translator

Format = Literal["text", "json"]
RawFlag = Annotated[
    bool,
    Parameter(
        help="what the model makes of the text as it stands: nothing is kept as it is, and capitals are not read"
    ),
]
FormatFlag = Annotated[Format, Parameter(help="for people, or one JSON object a line for programs")]
CORPUS_HELP = (
    "sentence pairs: a table (.tsv), JSON Lines (.jsonl), two texts that follow each other "
    "(train.en train.zh), or the beginning of their names (train); each may be packed (.gz, .zst)"
)
Corpus = Annotated[Path, Parameter(help=CORPUS_HELP)]


def flags_of(section: type, title: str, hint: str = "") -> type:
    """A dataclass with one optional field for each field of `section`; cyclopts makes flags of them."""
    group = Group(title, help=hint, sort_key=10)
    made = make_dataclass(
        f"{section.__name__}Flags",
        [
            (option.key, _flag(option.kind, option.meaning, group), None)
            for option in section_options(section)
        ],
        frozen=True,
    )
    made.__module__ = __name__  # cyclopts takes a class of the module "types", the default, for a builtin
    return made


def _flag(kind: Any, meaning: str, group: Group) -> Any:
    negative = "no-" if kind is bool else ()
    several = get_origin(kind) is tuple  # --prune 0 0 1
    return Annotated[
        kind | None,
        Parameter(help=meaning, group=group, negative_bool=negative, consume_multiple=several),
    ]


def given(flags: Any) -> dict[str, Any]:
    """The flags that were given."""
    return {key: value for key, value in asdict(flags).items() if value is not None}


@dataclass(frozen=True)
class EngineFlags:
    """Who computes."""

    engine: Annotated[
        Literal["auto", "ctranslate2", "torch"] | None,
        Parameter(help="fast (ctranslate2) or reference (torch); auto takes the fast one where it can"),
    ] = None
    device: Annotated[Literal["cpu", "cuda"] | None, Parameter(help="where to compute")] = None
    workers: Annotated[
        int | None, Parameter(help="batches side by side, with -o processes; one for each core by default")
    ] = None
    compute_type: Annotated[
        str | None,
        Parameter(
            help="fast engine: int8 (default on a CPU), float32, ...; torch: float32 (default), bfloat16"
        ),
    ] = None

    def open(self, *models: str) -> Translator:
        """The translator that these flags describe, of one model or of several that translate together."""
        from dragoman.translate.translator import Translator

        flags = {field.name: getattr(self, field.name) for field in fields(EngineFlags)}
        asked = {name: value for name, value in flags.items() if value is not None}
        return Translator.load(models[0] if len(models) == 1 else models, **asked)


@dataclass(frozen=True)
class ModelFlags(EngineFlags):
    """Which model, and who computes."""

    model: Annotated[
        str,
        Parameter(
            name=("--model", "-m"), help="a bundled model by name, or a model directory", show_default=True
        ),
    ] = "en-zh"

    def load(self, model: str | None = None) -> Translator:
        """The translator that these flags describe, of another model if one is named."""
        return self.open(model or self.model)


@dataclass(frozen=True)
class EnsembleFlags(EngineFlags):
    """Which model, or models that translate together, and who computes."""

    model: Annotated[
        tuple[str, ...],
        Parameter(
            name=("--model", "-m"),
            help="a bundled model by name, or a model directory; several with --ensemble",
            show_default=" ".join,
        ),
    ] = ("en-zh",)
    ensemble: Annotated[
        bool,
        Parameter(
            help="translate with all models of several -m together, by the mean of their probabilities (torch)"
        ),
    ] = False

    @property
    def name(self) -> str:
        """What the translator is called where a model would be named."""
        return " + ".join(self.model)

    def load(self) -> Translator:
        """The translator that these flags describe. Raises UsageError as `names` does."""
        return self.open(*self.names())

    def names(self) -> tuple[str, ...]:
        """The models. Raises UsageError for several that are not an ensemble."""
        if len(self.model) > 1 and not self.ensemble:
            raise UsageError(
                f"-m names {len(self.model)} models ({', '.join(self.model)}): add --ensemble to translate with all of "
                "them together, or name one"
            )
        if self.ensemble and len(self.model) == 1:
            raise UsageError(f"--ensemble of {self.model[0]} alone: name the others too, each with -m")
        return self.model


@dataclass(frozen=True)
class LanguageFlags:
    """Which languages a corpus is in."""

    source_lang: Annotated[
        str | None, Parameter(help="language to translate from, such as en, eng or en_US")
    ] = None
    target_lang: Annotated[
        str | None,
        Parameter(help="language to translate into, such as zh; both are read from names like train.en"),
    ] = None


def languages(corpus: Sequence[Path], source: str | None, target: str | None) -> tuple[str, str]:
    """Codes of source and target: as given, else as the suffixes of the first two files say.

    Raises UsageError for what cannot be told, and for a code that no language has.
    """
    for flag, code in (("--source-lang", source), ("--target-lang", target)):
        if code and read_tag(code) is None:
            raise UsageError(f"{flag} {code}: no language has this code; {UNDERSTOOD}")
    if source and target:
        return source, target
    suffixes = _suffixes(corpus)
    if len(suffixes) == 2:
        if not source and not target:
            return suffixes[0], suffixes[1]
        given = base_language(source or target or "")
        others = [suffix for suffix in suffixes if base_language(suffix) != given]
        if len(others) == 1:
            return source or others[0], target or others[0]
    missing = " and ".join(
        flag for flag, code in (("--source-lang", source), ("--target-lang", target)) if not code
    )
    raise UsageError(
        f"which languages these are cannot be told from {' '.join(path.name for path in corpus) or 'no file'}: "
        f"add {missing} (such as --source-lang en --target-lang zh)"
    )


def _suffixes(corpus: Iterable[Path]) -> list[str]:
    """The two language codes that text files end in, compression aside; nothing when there are not just two."""
    ends = []
    for path in corpus:
        suffixes = [suffix for suffix in path.suffixes if suffix.lower() not in (".gz", ".zst")]
        code = suffixes[-1].removeprefix(".") if suffixes else ""
        plain = re.split("[-_]", code, maxsplit=1)[0]
        if (
            code in ("tsv", "jsonl", "json", "txt")
            or not 2 <= len(plain) <= 3
            or read_tag(code) is None
            or code in ends
        ):
            continue
        ends.append(code)
    return ends if len(ends) == 2 else []
