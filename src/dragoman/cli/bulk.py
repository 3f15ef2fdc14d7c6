"""Work over many files: what `translate -o` and `data clean --workers` ask for, and how they tell how far it is.

Translates and cleans nothing itself.
"""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from dragoman.cli.flags import EngineFlags, EnsembleFlags, Format
from dragoman.cli.terminal import counter, say, say_json, tell
from dragoman.errors import CorpusError, DragomanError, UsageError

if TYPE_CHECKING:
    from dragoman.cli.answers import AnswerFlags
    from dragoman.cli.reading import DirectionFlags
    from dragoman.corpus.cleaning import CleaningReport
    from dragoman.scale.jobs import Job
    from dragoman.scale.pool import Event
    from dragoman.scale.shards import Result, Shard

_GROUP = Group("Files", help="With -o, the words are names of files to translate.", sort_key=9)
_ADDRESS = re.compile(r"auto|local|ray://.+|[\w.-]+:\d+|\[[\da-fA-F:]+\]:\d+")
RayFlag = Annotated[
    str | None,
    Parameter(
        help="workers on a Ray cluster: its address, such as host:6379; alone, the cluster of this machine, else a new "
        "one on it"
    ),
]


@dataclass(frozen=True)
class FilesFlags:
    """Where files are translated to, and by whom."""

    output: Annotated[
        Path | None,
        Parameter(
            name=("--output", "-o"),
            group=_GROUP,
            help="directory to write to: a file for each (.txt, .tsv, .csv, .jsonl, .parquet, .html, .docx, .srt, "
            ".vtt; packed as it was); what is finished there is not done again. Of one file also the name of a new "
            "one, of its kind",
        ),
    ] = None
    field: Annotated[
        str | None,
        Parameter(
            group=_GROUP,
            help="which text of a record: a key or column (text by default), of a table its number (1) or its name in "
            "the first row",
        ),
    ] = None
    into: Annotated[
        str | None,
        Parameter(group=_GROUP, help="key or column that the translation goes to; translation by default"),
    ] = None
    ray: Annotated[RayFlag, Parameter(group=_GROUP)] = None

    def refuse_without_output(self) -> None:
        """Raises UsageError for a flag that says something of files where none are translated."""
        for name in ("field", "into", "ray"):
            if getattr(self, name) is not None:
                raise UsageError(
                    f"--{name} is for files: add -o and a directory to write their translations to"
                )


def with_address(arguments: Sequence[str]) -> list[str]:
    """The words of a command with an address for each bare --ray, so that it takes no file for one."""
    words = list(arguments)
    for number, word in enumerate(words):
        following = words[number + 1] if number + 1 < len(words) else ""
        if word == "--":
            break
        if word == "--ray" and not _ADDRESS.fullmatch(following):
            words[number] = "--ray=auto"
    return words


def tell_of_files(texts: Sequence[str]) -> None:
    """A text that is the name of a file is translated all the same, for it may be meant; but somebody should know."""
    for text in texts:
        with suppress(OSError, ValueError):
            if Path(text).is_file():
                tell(
                    f"note: {text} is a file, and its name was translated; for what is in it:  "
                    f"dragoman translate < {text}  or  dragoman translate {text} -o NEW_FILE"
                )


def tell_of_directories(inputs: Iterable[Path], output: Path) -> None:
    """Those within a directory whose files are read are passed over, and may not be meant to be."""
    from dragoman.corpus.pairs import passed_over

    for path in inputs:
        if note := passed_over(path, output):
            tell(note)


def translate_files(
    inputs: Sequence[str],
    flags: FilesFlags,
    model: EnsembleFlags,
    language: DirectionFlags,
    answer: AnswerFlags,
    options: Mapping[str, Any],
) -> None:
    """Every file into one of the same name in the directory -o, or the one file into the file -o."""
    from dragoman.corpus.pairs import ending, shards_of
    from dragoman.scale.files import DOCUMENTS, names_a_file, refuse_unfit
    from dragoman.scale.jobs import TranslateJob
    from dragoman.scale.shards import alone, claimed, in_directory, left_behind, settle

    assert flags.output is not None
    if not inputs:
        raise UsageError("there is nothing to translate: name files, directories or patterns before -o")
    paths = [path for one in inputs for path in shards_of(Path(one))]
    tell_of_directories(map(Path, inputs), flags.output)
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} is not there: with -o the words are names of files")
        if path.is_dir():
            raise UsageError(f"{path} is a directory")
        if not path.is_file():  # what is interrupted is read again
            raise UsageError(f"{path} is a pipe or a device, which can be read only once: name files")
        refuse_unfit(path)
        if answer.raw and ending(path) in DOCUMENTS:
            raise UsageError(f"{path}: --raw would lose the markup of a document: leave it out")
    output = flags.output
    single = [Path(one) for one in inputs] == paths and len(paths) == 1 and names_a_file(paths[0], output)
    if single:
        shards = [alone(paths[0], output)]
        output = Path(shards[0].output).parent
    else:
        shards = in_directory([(path,) for path in paths], [path.name for path in paths], output)
    engine = {one.name: getattr(model, one.name) for one in fields(EngineFlags)}
    workers = engine.pop("workers")
    fields_of = {"text": flags.field, "translation": flags.into}
    job = TranslateJob(
        tuple(str(Path(one).absolute()) if Path(one).is_dir() else one for one in model.names()),
        {name: value for name, value in engine.items() if value is not None},
        dict(options),
        answer.prefix,
        answer.raw,
        (language.source_lang, language.target_lang),
        tuple(answer.tag or ()),
        fields={name: value for name, value in fields_of.items() if value is not None},
    )
    job.checked()
    with claimed(output, job.settings(), shards):
        if others := left_behind(output, shards):
            tell(
                f"note: {output} also holds {', '.join(others[:3])}{' and more' * (len(others) > 3)}, of "
                f"{len(others):,} files that are not among these: left alone"
            )
        done = _all(job, shards, workers, flags.ray, "texts", answer.format)
    if single:
        settle(shards[0])
    _summary(done, answer.format)


@dataclass
class _Done:
    """What came of all shards."""

    results: list[Result]
    records: int = 0  # of this run
    seconds: float = 0.0
    before: int = 0  # shards that were done already


def _all(
    job: Job, shards: Sequence[Shard], workers: int | None, ray: str | None, noun: str, format: Format
) -> _Done:
    """Do the shards that are not done. Raises DragomanError, after all others, for those that cannot be."""
    from dragoman.scale.shards import finished

    found = {shard: finished(shard) for shard in shards}
    todo = [shard for shard in shards if found[shard] is None]
    if len(todo) < len(shards):
        tell(f"{len(shards) - len(todo):,} of {len(shards):,} files are done already")
    began = time.monotonic()
    failed: list[Event] = []
    under_way: dict[Shard, int] = {}
    ended = 0
    with counter(noun) as progress:
        for event in _events(job, todo, workers, ray):
            if event.note:
                tell(event.note)
            if event.shard is None:
                continue
            under_way[event.shard] = event.records
            if event.result is not None:
                del under_way[event.shard]
                found[event.shard] = event.result
                ended += event.result["records"]
                _say_shard(event.shard, event.result, noun, format)
            elif event.full:
                raise DragomanError(f"{event.error}: make room, and the same command goes on")
            elif event.error:
                failed.append(event)
                tell(event.error)
            if progress is not None:
                progress(ended + sum(under_way.values()))
    if failed:
        kind = UsageError if all(event.code == 2 for event in failed) else DragomanError
        first = "" if len(failed) > 1 else f": {failed[0].error}"
        raise kind(
            f"{len(failed):,} of {len(shards):,} files failed{first}; the same command does only these again"
        )
    results = [result for result in found.values() if result is not None]
    return _Done(results, ended, time.monotonic() - began, len(shards) - len(todo))


def _events(job: Job, shards: Sequence[Shard], workers: int | None, ray: str | None) -> Iterator[Event]:
    from dragoman.processor import cores
    from dragoman.scale.pool import run

    if workers is not None and not 1 <= workers <= 1024:
        raise UsageError(f"--workers {workers}: must be between 1 and 1,024")
    if not shards:
        return iter(())
    if ray is None:
        return run(job, shards, workers or cores())
    from dragoman.scale.cluster import run as run_on_cluster

    return run_on_cluster(job, shards, workers, "" if ray == "auto" else ray)


def _say_shard(shard: Shard, result: Result, noun: str, format: Format) -> None:
    if noun == "pairs":  # it is no output yet
        tell(f"{shard.inputs[0]}  {result['records']:,} {noun} read")
    elif format == "json":
        say_json({"file": shard.told, **result})
    else:
        say(f"{shard.told}  {result['records']:,} {noun}")


def _summary(done: _Done, format: Format) -> None:
    files = "1 file" if len(done.results) == 1 else f"{len(done.results):,} files"
    flags: Counter[str] = Counter()
    for result in done.results:
        flags.update(result["flags"])
    records = sum(result["records"] for result in done.results)
    rate = done.records / done.seconds if done.seconds else 0.0
    if format == "json":
        say_json(
            {
                "files": len(done.results),
                "records": records,
                "flags": dict(sorted(flags.items())),
                "done_before": done.before,
                "seconds": round(done.seconds, 3),
                "records_per_second": round(rate, 1),
            }
        )
        return
    say(f"{files}, {records:,} texts" + (f", {rate:,.1f} a second" if done.records else ""))
    for flag, count in flags.most_common():
        say(f"{flag.replace('_', ' '):<16}  {count:,}")


def clean_files(
    corpora: Sequence[tuple[Path, ...]],
    output: Path,
    languages: tuple[str, str],
    rules: Mapping[str, Any],
    workers: int | None,
    ray: str | None,
) -> CleaningReport:
    """Every corpus into a file of its name in the directory `output`, without what stands in an earlier one."""
    from dragoman.scale.duplicates import publish_all
    from dragoman.scale.jobs import CleanJob
    from dragoman.scale.shards import RECORDS, claimed, finished, in_directory, short_ending

    names = [_cleaned_name(paths) for paths in corpora]
    job = CleanJob(*languages, dict(rules))
    shards = in_directory(corpora, names, output)
    settings = {**job.settings(), "corpora": [list(shard.inputs) for shard in shards]}
    with claimed(output, settings, shards):
        results = [finished(shard) for shard in shards]
        if None in results:
            folder = output / RECORDS / "parts"
            # By number: more is written after such a name, and one as long as it may be has no room for it.
            drafts = [f"{number}{short_ending(name)}" for number, name in enumerate(names)]
            parts = in_directory(corpora, drafts, folder)
            (folder / RECORDS).mkdir(parents=True, exist_ok=True)
            _all(job, parts, workers, ray, "pairs", "text")
            results = list(publish_all(parts, shards, not settings["rules"]["drop_duplicates"]))
            shutil.rmtree(folder, ignore_errors=True)
    return _sum(shards, [result["report"] for result in results if result is not None])


def _cleaned_name(paths: Sequence[Path]) -> str:
    """Tables and JSON keep their names; what else there is becomes a table."""
    from dragoman.corpus.lines import COMPRESSED
    from dragoman.corpus.pairs import kind_of

    name, packing = paths[0].name, ""
    if paths[0].suffix.lower() in COMPRESSED:
        packing = paths[0].suffix.lower()
        name = name[: -len(packing)]
    if kind_of(paths[0]) == "table" or (kind_of(paths[0]) == "json" and name.lower().endswith(".jsonl")):
        return name + packing
    return f"{Path(name).stem}.tsv{packing}"


def _sum(shards: Sequence[Shard], reports: Sequence[Mapping[str, Any]]) -> CleaningReport:
    from dragoman.corpus.cleaning import CleaningReport

    total = CleaningReport()
    for shard, report in zip(shards, reports, strict=True):
        total.read += report["read"]
        total.kept += report["kept"]
        for rule, count in report["removed"].items():
            total.removed[rule] += count
        total.notes += [f"{shard.inputs[0]}: {note}" for note in report["notes"]]
    if total.read == 0:
        raise CorpusError("nothing to read: none of the files has a line")
    if total.kept == 0:
        raise CorpusError(f"cleaning removed all {total.read:,} pairs of the corpus:\n{total}")
    return total
