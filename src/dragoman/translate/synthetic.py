"""Pairs out of text that has no partner: a model writes the other side. Knows no command line and judges no flag anew.

What is translated is kept beside the output, in FILE.part, from where another start goes on; filters and cleaning come
last, when all of it is there, and FILE is written in one step. So nothing is lost and nothing stands there twice, and
other filters cost no other translation.

Back-translation: Sennrich et al. (2016), its tag on the source: Caswell et al. (2019), sampling: Edunov et al. (2018).
Forward translation by a better model or an ensemble is sequence-level distillation: Kim and Rush (2016).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

from dragoman.bounds import Within, refuse_out_of_bounds
from dragoman.corpus.cleaning import CleaningConfig, CleaningReport, clean
from dragoman.corpus.pairs import Pair, write_pairs
from dragoman.decoding.options import DecodingOptions
from dragoman.errors import ConfigError, CorpusError
from dragoman.files import naming, sync_directory
from dragoman.translate.translation import Translation

if TYPE_CHECKING:
    from dragoman.model.directory import ModelDirectory
    from dragoman.translate.translator import Translator

AT_ONCE = 512  # texts, after which they are safe on the disk
# Flags of a translation that is no translation.
BROKEN = ("empty", "copied", "untranslated", "loop", "too_long", "meaningless")


@dataclass(frozen=True)
class SyntheticConfig:
    """What becomes of a text and its translation."""

    back: Annotated[
        bool, "back-translation: the text becomes the target side, what the model makes of it the source"
    ] = False
    tag: Annotated[
        str, "a word before each source, such as <bt>; name it in tokenizer.symbols when training"
    ] = ""
    label: Annotated[str, "third column of each pair; forward:MODEL or back:MODEL if not given"] = ""
    min_score: Annotated[
        float | None,
        "leave out translations whose tokens have a lower mean log-probability, in nats, such as -1.5",
        Within(-1e6, 1e6),
    ] = None

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "synthetic")
        if self.tag and (len(self.tag.split()) != 1 or self.tag != self.tag.strip()):
            raise ConfigError(f"--tag {self.tag!r}: a tag is one word without a space, such as <bt>")
        if any(sign in self.label for sign in "\t\r\n"):
            raise ConfigError(f"--label {self.label!r}: a label is one column of a line")


@dataclass
class SyntheticReport:
    """What was left out, and why, before cleaning and by it."""

    texts: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    cleaning: CleaningReport = field(default_factory=CleaningReport)

    def __str__(self) -> str:
        lines = [f"{self.texts:,} texts, {self.cleaning.read + self.removed.total():,} translations"]
        lines += [f"{name.replace('_', ' '):<12}  {-count:,}" for name, count in self.removed.items()]
        return "\n".join((*lines, str(self.cleaning)))


@dataclass(frozen=True)
class Order:
    """What is translated, by what, how: translations of another order are not gone on with."""

    texts: str  # fingerprint
    models: tuple[str, ...]  # sha256 each
    decoding: dict[str, Any]
    protect: bool

    def line(self) -> bytes:
        return _line(asdict(self))

    def others_than(self, line: bytes) -> list[str]:
        """What differs in the order that a file begins with."""
        try:
            before = json.loads(line)
            return [name for name, value in json.loads(self.line()).items() if before[name] != value]
        except (ValueError, KeyError, TypeError):
            return ["first line"]


def translated(
    translator: Translator,
    texts: Iterable[str],
    output: Path,
    options: DecodingOptions,
    *,
    protect: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Iterator[Translation]:
    """Each text's translation, those of an earlier start read from FILE.part, where the others are kept.

    texts: can be read twice, and are the first time to see whether they are those of the earlier start.
    Raises CorpusError for a FILE.part of another order, or one that somebody is writing to.
    """
    order = Order(
        _digest(text.encode() for text in texts),
        tuple(_fingerprint(model) for model in (translator.model, *translator.partners)),
        asdict(options),
        protect,
    )
    with _kept(part_of(output), order) as (file, done):
        if progress is not None:
            progress(done)
        yield from _written(file, done)
        coming = islice(texts, done, None)
        while chunk := list(islice(coming, AT_ONCE)):
            found = translator.translate(chunk, options, protect=protect, token_scores=True)
            with naming(part_of(output)):
                file.write(b"".join(_line(_record(one)) for one in found))
                file.flush()
                os.fsync(file.fileno())
            done += len(chunk)
            if progress is not None:
                progress(done)
            yield from (replace(_translation(_record(one)), source_tokens=one.source_tokens) for one in found)


def part_of(output: Path) -> Path:
    """Where translations are kept until the file is written."""
    return output.with_name(f"{output.name}.part")


def write(
    output: Path,
    translations: Iterable[Translation],
    config: SyntheticConfig,
    cleaning: CleaningConfig,
    languages: tuple[str, str],
) -> SyntheticReport:
    """Pairs of what is worth training on; `languages` are those of the model. Removes FILE.part.

    Raises CorpusError where nothing is left; the translations then stay for other filters.
    """
    report = SyntheticReport()
    candidates = _candidates(translations, config, report)
    source, target = languages[::-1] if config.back else languages
    kept = clean(candidates, cleaning, source, target, report.cleaning)
    tagged = (Pair(f"{config.tag} {one.source}", one.target, one.extra) for one in kept)
    write_pairs(output, _some(tagged if config.tag else kept, report))
    part_of(output).unlink(missing_ok=True)
    sync_directory(output.parent)
    return report


def _candidates(
    translations: Iterable[Translation], config: SyntheticConfig, report: SyntheticReport
) -> Iterator[Pair]:
    for translation in translations:
        report.texts += 1
        seen: set[str] = set()
        for one in (translation, *translation.alternatives):
            if one.text in seen:  # cut into other tokens
                continue
            seen.add(one.text)
            if why := _fault(one, config):
                report.removed[why] += 1
            elif config.back:
                yield Pair(one.text, translation.source, config.label)
            else:
                yield Pair(translation.source, one.text, config.label)


def _fault(one: Translation, config: SyntheticConfig) -> str:
    """Why a translation is not used; a text without words is its own, and cleaning knows what to do with it."""
    if found := next((flag for flag in BROKEN if flag in one.flags), ""):
        return found
    low = config.min_score is not None and one.score is not None and one.score < config.min_score
    return "low_score" if low else ""


def _some(pairs: Iterable[Pair], report: SyntheticReport) -> Iterator[Pair]:
    yield from pairs
    if report.cleaning.kept == 0:
        raise CorpusError(
            "no pair is left to write; the translations are kept, and other filters take no time to try:"
            f"\n{report}"
        )


# -- what is kept -------------------------------------------------------------------------------------------------


@contextmanager
def _kept(path: Path, order: Order) -> Iterator[tuple[BinaryIO, int]]:
    """The file of translations, open at its end, and how many it has. A line that a kill cut short is cut off."""
    with naming(path), open(path, "a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CorpusError(
                f"another process is translating into {path}: wait for it, or stop it"
            ) from error
        file.seek(0)
        first = file.readline()
        if first.endswith(b"\n"):
            if differing := order.others_than(first):
                raise CorpusError(
                    f"{path} holds translations of another order ({', '.join(differing)}): give the command that began "
                    "it, or remove it to begin again"
                )
        else:
            file.truncate(0)
            file.write(order.line())
            first = order.line()
        file.seek(len(first))
        whole, done = len(first), 0
        for line in file:
            if not line.endswith(b"\n"):
                break
            whole, done = whole + len(line), done + 1
        file.truncate(whole)
        yield file, done


def _written(file: BinaryIO, count: int) -> Iterator[Translation]:
    """The first `count` translations of a file."""
    place = len(_header(file))
    for _ in range(count):
        file.seek(place)
        line = file.readline()
        place = file.tell()
        yield _translation(json.loads(line))
    file.seek(0, os.SEEK_END)


def _header(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.readline()


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def _record(one: Translation) -> dict[str, Any]:
    """What the filters ask for. Its score is a mean, whatever the length penalty of the search was."""
    score = sum(one.token_scores) / len(one.token_scores) if one.token_scores else None
    said = {"source": one.source, "text": one.text, "score": score, "flags": one.flags}
    return {**said, "alternatives": [_record(other) for other in one.alternatives]}


def _translation(record: dict[str, Any]) -> Translation:
    alternatives = [_translation(other) for other in record["alternatives"]]
    return Translation(
        record["source"],
        record["text"],
        record["score"],
        flags=tuple(record["flags"]),
        alternatives=alternatives,
    )


def _fingerprint(model: ModelDirectory) -> str:
    """Of all that a model translates with, wherever it lies."""
    config = json.dumps(model.config, sort_keys=True).encode()
    tokenizers = [tokenizer.serialized for tokenizer in model.tokenizers.values()]
    return _digest((config, *tokenizers, *(model.weights[name].tobytes() for name in sorted(model.weights))))


def _digest(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "little") + part)
    return total.hexdigest()
