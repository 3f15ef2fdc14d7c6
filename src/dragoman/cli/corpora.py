"""`dragoman data`: fetch, clean, split and count sentence pairs. Judges no pair itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from dragoman.cli.flags import Corpus, FormatFlag, LanguageFlags, flags_of, given, languages
from dragoman.cli.terminal import counter, say, say_json
from dragoman.errors import CorpusError, UsageError
from dragoman.text.cleaning import CleaningConfig

if TYPE_CHECKING:
    from dragoman.text.cleaning import CleaningReport
    from dragoman.text.corpus import Pair

    CleaningFlags = Any
else:
    CleaningFlags = flags_of(CleaningConfig, "Rules")

data = App(
    "data",
    help="Fetch, clean, split and count sentence pairs.",
    usage="dragoman data COMMAND ...",
    help_epilogue="Examples:\n\n  dragoman data stats corpus.tsv.gz\n\n  dragoman data clean --help",
)

Output = Annotated[
    Path | None,
    Parameter(name=("--output", "-o"), help="file to write: .tsv or .jsonl, packed if .gz or .zst follows"),
]


@data.command(
    usage="dragoman data fetch NAME [-o DIR]",
    help_epilogue="Examples:\n\n  dragoman data fetch multi30k -o data/multi30k",
)
def fetch(
    name: Annotated[str, Parameter(help="a corpus that is known by name: multi30k")],
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="directory to put it in; data/NAME by default")
    ] = None,
) -> None:
    """Download a well-known corpus: checked by its sha256, resumed where it was cut off."""
    from dragoman.text.fetch import fetch as download

    for path in download(name, output or Path("data") / name):
        say(str(path))


@data.command(
    usage="dragoman data clean CORPUS... -o FILE [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman data clean train.en train.zh -o clean.tsv.gz --simplify target\n\n"
        "  dragoman data clean train.de train.en --max-ratio 2 --dry-run"
    ),
)
def clean(
    *corpus: Corpus,
    output: Output = None,
    dry_run: Annotated[bool, Parameter(help="only report what each rule would remove")] = False,
    language: Annotated[LanguageFlags, Parameter(name="*")] = LanguageFlags(),  # noqa: B008 - frozen
    rules: Annotated[CleaningFlags, Parameter(name="*")] = None,
) -> None:
    """Leave out the pairs that are not worth training on, and report how many each rule removed."""
    from dragoman.text.cleaning import CleaningReport
    from dragoman.text.cleaning import clean as cleaned
    from dragoman.text.corpus import read_corpus, write_pairs

    if (output is None) == (not dry_run):
        raise UsageError("add -o and a file to write to, or --dry-run to only look: one of the two")
    config = CleaningConfig(**(given(rules) if rules else {}))
    source, target = languages(corpus, language.source_lang, language.target_lang)
    report = CleaningReport()
    with counter("pairs") as progress:
        pairs = cleaned(read_corpus(corpus, source, target), config, source, target, report)
        kept = _some(pairs, report, progress)
        if output is None:
            deque(kept, maxlen=0)
        else:
            write_pairs(output, kept)
    say(str(report))


def _some(
    pairs: Iterator[Pair], report: CleaningReport, progress: Callable[[int], None] | None
) -> Iterator[Pair]:
    """`pairs`, but an error in place of a file with nothing in it."""
    for pair in pairs:
        if progress is not None:
            progress(report.read)
        yield pair
    if report.kept == 0:
        raise CorpusError(f"cleaning removed all {report.read:,} pairs of the corpus:\n{report}")
