"""`dragoman data translate`: pairs out of text without a partner. Translates and judges nothing itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dragoman.cli.flags import EnsembleFlags, RawFlag, flags_of, given
from dragoman.cli.measure import only_direction
from dragoman.cli.reading import DirectionFlags, Reading
from dragoman.cli.terminal import counter, say, tell
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.decoding.options import DecodingOptions
from dragoman.errors import UsageError
from dragoman.files import refuse_directory
from dragoman.translate.synthetic import SyntheticConfig

if TYPE_CHECKING:
    from dragoman.translate.translation import Translation

    CleaningFlags = Any
    DecodingFlags = Any
    PairFlags = Any
else:
    CleaningFlags = flags_of(CleaningConfig, "Rules")
    DecodingFlags = flags_of(
        DecodingOptions, "Decoding", "What is not given is as the model's config.toml says."
    )
    PairFlags = flags_of(SyntheticConfig, "Pairs")

USAGE = "dragoman data translate TEXT... -m MODEL -o FILE [--back] [OPTIONS]"
EXAMPLES = """Examples:

  dragoman data translate mono.en.gz -m runs/en-de -o forward.tsv.gz

  dragoman data translate mono.en.gz -m runs/en-de --back --sample --tag "<bt>" -o back.tsv.gz

  dragoman data translate train.de --ensemble -m runs/one -m runs/two --min-score -1 -o distilled.tsv"""


@dataclass(frozen=True)
class _Texts:
    """The lines of texts, as often as they are asked for."""

    paths: tuple[Path, ...]
    back: bool
    languages: tuple[str, str]  # of the pairs

    def __iter__(self) -> Iterator[str]:
        from dragoman.corpus.monolingual import read_texts

        return read_texts(self.paths, "target" if self.back else "source", *self.languages)


def translate(
    *text: Annotated[
        Path,
        Parameter(
            help="text, a sentence a line, or pairs (.tsv, .jsonl), of which the source is taken, with --back the "
            "target; may be packed (.gz, .zst)"
        ),
    ],
    model: Annotated[EnsembleFlags, Parameter(name="*")] = EnsembleFlags(),  # noqa: B008 - frozen
    direction: Annotated[DirectionFlags, Parameter(name="*")] = DirectionFlags(),  # noqa: B008 - frozen
    output: Annotated[
        Path | None,
        Parameter(
            name=("--output", "-o"), help="file to write: .tsv or .jsonl, packed if .gz or .zst follows"
        ),
    ] = None,
    pairs: Annotated[PairFlags, Parameter(name="*")] = None,
    raw: RawFlag = False,
    decoding: Annotated[DecodingFlags, Parameter(name="*")] = None,
    rules: Annotated[CleaningFlags, Parameter(name="*")] = None,
) -> None:
    """Translate text that has no partner, and write pairs to train on: those that cleaning keeps.

    After a kill the same command goes on where it was.
    """
    from dragoman.translate.synthetic import part_of, translated, write

    if not text:
        raise UsageError("there is no text to translate: name its files (see --help)")
    if output is None:
        raise UsageError("where should the pairs go? Add -o and a file, such as -o back.tsv.gz")
    refuse_directory(output)
    if output.exists() and not part_of(output).exists():
        raise UsageError(f"{output} is already there: choose another name, or remove it")
    asked = given(pairs) if pairs else {}
    name = "+".join(Path(one).name for one in model.model)
    config = SyntheticConfig(**{"label": f"{'back' if asked.get('back') else 'forward'}:{name}"} | asked)
    cleaning = CleaningConfig(**(given(rules) if rules else {}))
    translator = only_direction(direction.toward(model.load()))
    languages = translator.languages
    texts = _Texts(text, config.back, languages[::-1] if config.back else languages)
    options = translator.options.changed(**given(decoding)) if decoding else translator.options
    reading = Reading(translator)

    def seen(found: Iterator[Translation]) -> Iterator[Translation]:
        for one in found:
            reading.see(one)
            yield one

    try:
        with counter("texts") as progress:
            found = translated(translator, texts, output, options, protect=not raw, progress=progress)
            report = write(output, seen(found), config, cleaning, languages)
    finally:
        reading.tell()
    say(str(report))
    if config.tag:
        setting = shlex.quote(f"tokenizer.symbols={config.tag}")
        tell(f"train with --set {setting}, so that the tag stays one token")
