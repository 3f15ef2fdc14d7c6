"""`dragoman data`: fetch, clean, split and count sentence pairs. Judges no pair itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from dragoman.cli.bulk import RayFlag, clean_files
from dragoman.cli.flags import Corpus, FormatFlag, LanguageFlags, flags_of, given, languages
from dragoman.cli.terminal import counter, say, say_json
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.errors import CorpusError, UsageError

if TYPE_CHECKING:
    from dragoman.corpus.cleaning import CleaningReport
    from dragoman.corpus.pairs import Pair

    CleaningFlags = Any
else:
    CleaningFlags = flags_of(CleaningConfig, "Rules")

data = App(
    "data",
    help="Fetch, clean, split and count sentence pairs, and make them of text without a partner.",
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
    from dragoman.corpus.fetch import fetch as download

    for path in download(name, output or Path("data") / name):
        say(str(path))


@data.command(
    usage="dragoman data clean CORPUS... -o FILE [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman data clean train.en train.zh -o clean.tsv.gz --simplify target\n\n"
        "  dragoman data clean train.de train.en --max-ratio 2 --dry-run\n\n"
        "  dragoman data clean shards/*.tsv.gz -o cleaned --workers 4"
    ),
)
def clean(
    *corpus: Corpus,
    output: Output = None,
    dry_run: Annotated[bool, Parameter(help="only report what each rule would remove")] = False,
    rejects: Annotated[
        Path | None, Parameter(help="file to write what was removed to, with the rule as third column")
    ] = None,
    workers: Annotated[
        int | None,
        Parameter(
            help="clean files side by side in so many processes, each into one of its name in the directory -o"
        ),
    ] = None,
    ray: RayFlag = None,
    language: Annotated[LanguageFlags, Parameter(name="*")] = LanguageFlags(),  # noqa: B008 - frozen
    rules: Annotated[CleaningFlags, Parameter(name="*")] = None,
) -> None:
    """Leave out the pairs that are not worth training on, and report how many each rule removed."""
    from dragoman.corpus.cleaning import CleaningReport
    from dragoman.corpus.cleaning import clean as cleaned
    from dragoman.corpus.pairs import grouped, pair_writer, read_corpus, write_pairs

    if rejects is not None and rejects == output:
        raise UsageError(
            f"--output and --rejects are both {rejects}: what is kept and what is not are two files"
        )
    if (output is None) == (not dry_run):
        raise UsageError("add -o and a file to write to, or --dry-run to only look: one of the two")
    asked = given(rules) if rules else {}
    config = CleaningConfig(**asked)
    source, target = languages(corpus, language.source_lang, language.target_lang)
    if workers is not None or ray is not None:
        if rejects is not None or output is None:
            raise UsageError(
                f"--{'rejects' if rejects else 'dry-run'} looks at one corpus: leave out --workers and --ray"
            )
        say(str(clean_files(grouped(corpus, source, target), output, (source, target), asked, workers, ray)))
        return
    report = CleaningReport()
    with counter("pairs") as progress, ExitStack() as stack:
        keep = None if rejects is None else stack.enter_context(pair_writer(rejects))
        pairs = cleaned(
            read_corpus(corpus, source, target),
            config,
            source,
            target,
            report,
            _rejected(keep),
            processes=None,
            scratch=None if output is None else output.parent,
        )
        kept = _some(pairs, report, progress)
        if output is None:
            deque(kept, maxlen=0)
        else:
            write_pairs(output, kept)
    say(str(report))


def _rejected(write: Callable[[Pair], None] | None) -> Callable[[Pair, str], None]:
    """What puts aside a pair that a rule leaves out, if anything does."""

    def put(pair: Pair, rule: str) -> None:
        if write is not None:
            write(replace(pair, extra=rule if pair.extra is None else f"{rule}\t{pair.extra}"))

    return put


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


@data.command(
    usage="dragoman data split CORPUS... -o DIR [--dev N] [--test N] [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman data split corpus.tsv.gz -o data/mine\n\n"
        "  dragoman data split train.de train.en -o data/mine --dev 500 --test 0.02"
    ),
)
def split(
    *corpus: Corpus,
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="directory for train.tsv, dev.tsv and test.tsv")
    ] = None,
    dev: Annotated[
        float, Parameter(help="pairs to validate on, or their share; 0 = none", show_default=True)
    ] = 1000,
    test: Annotated[
        float, Parameter(help="pairs to test on, or their share; 0 = none", show_default=True)
    ] = 1000,
    seed: Annotated[int, Parameter(help="of the choice")] = 1,
    language: Annotated[LanguageFlags, Parameter(name="*")] = LanguageFlags(),  # noqa: B008 - frozen
) -> None:
    """Divide a corpus so that no sentence, of either side, stands in two parts."""
    from dragoman.corpus.heldout import split as divided
    from dragoman.corpus.pairs import read_corpus, write_pairs

    if output is None:
        raise UsageError("where should the parts go? Add -o and a directory, such as -o data/mine")
    sizes = {name: size for name, size in (("dev", dev), ("test", test)) if size}
    if not sizes:
        raise UsageError("--dev 0 --test 0 leaves nothing to split: ask for one of them")
    paths = {name: output / f"{name}.tsv" for name in ("train", *sizes)}
    for path in paths.values():
        if path.exists():
            raise UsageError(f"{path} is already there: choose another directory, or remove it")
    parts = divided(read_corpus(corpus, *_known(corpus, language)), sizes, seed)
    output.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        say(f"{path}  {write_pairs(path, parts[name]):,}")


@data.command(
    usage="dragoman data stats CORPUS... [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman data stats corpus/tatoeba/train.tsv.gz\n\n"
        "  dragoman data stats train.de train.en --format json"
    ),
)
def stats(
    *corpus: Corpus,
    language: Annotated[LanguageFlags, Parameter(name="*")] = LanguageFlags(),  # noqa: B008 - frozen
    format: FormatFlag = "text",
) -> None:
    """Count pairs, lengths, duplicates and scripts."""
    from dragoman.corpus.pairs import read_corpus
    from dragoman.corpus.stats import stats as counted

    found = counted(read_corpus(corpus, *_known(corpus, language)))
    if format == "json":
        say_json(asdict(found))
    else:
        say(str(found))


def _known(corpus: tuple[Path, ...], asked: LanguageFlags) -> tuple[str, str]:
    """The languages as far as anything tells them: a table can be read without knowing what it is in."""
    try:
        return languages(corpus, asked.source_lang, asked.target_lang)
    except UsageError:
        return asked.source_lang or "", asked.target_lang or ""
