"""Does what must come out exactly come out once, wherever in a sentence it stands, through each door? Measures no time.

    python -m benchmarks kept [--sentences 50] [--show] [--log runs/kept.json]

Each of the kinds in kept.tsv is put first, in the middle and last into ordinary sentences; these are translated in
Python, over HTTP by a server, and on the command line from a file. What is kept of a kind whose words may be
translated is what stands around them: they stand between ⟨ and ⟩ in the table.
With --log the counts are written down a slice at a time, and the next call goes on where the last one was stopped.
Texts that differ in what is kept alone go through a door side by side: the model reads the same of them, and a door
that searches for equal sentences once is so much quicker.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks.alternate import ROOT
from benchmarks.comparison import say
from dragoman import Translator
from dragoman.corpus.pairs import read_corpus
from dragoman.errors import UsageError
from dragoman.files import publish

KINDS = Path(__file__).with_name("kept.tsv")  # group, what is kept
CORPUS = ROOT / "corpus/tatoeba/dev.tsv.gz"
SLICE = 100  # kinds that are counted before the next line of a log: a minute of work is lost at most
AT_ONCE = 100  # texts of a request: the service takes 128
_WORDS = re.compile("⟨([^⟩]*)⟩")
_ORDINARY = re.compile(r"(?:[A-Za-z']+ ){3,8}[A-Za-z']+\.")  # four to nine words

Through = Callable[[Sequence[str]], list[str]]  # texts -> translations
Door = Callable[[str], AbstractContextManager[Through]]  # of a model, open as long as it is needed


@dataclass(frozen=True)
class Kind:
    """Something that is no word."""

    group: str
    marked: str

    @property
    def written(self) -> str:
        return _WORDS.sub(r"\1", self.marked)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a translation that kept it has once."""
        return re.compile("(?s:.+?)".join(map(re.escape, _WORDS.split(self.marked)[::2])))

    def within(self, sentence: str) -> tuple[str, str, str]:
        """First, in the middle, last."""
        words = sentence.split()
        half = len(words) // 2
        middle = " ".join((*words[:half], self.written, *words[half:]))
        return f"{self.written} {sentence}", middle, f"{sentence[:-1]} {self.written}."

    def is_kept(self, translation: str) -> bool:
        return len(self.pattern.findall(translation)) == 1


def kinds() -> list[Kind]:
    """Those of the table, in its order: one group after another."""
    return [Kind(*line.split("\t", 1)) for line in KINDS.read_text(encoding="utf-8").splitlines()]


def ordinary(count: int) -> list[str]:
    """The first sentences of held-out pairs that have no digit and no sign."""
    found = (pair.source for pair in read_corpus([CORPUS], "en", "zh") if _ORDINARY.fullmatch(pair.source))
    return [sentence for _, sentence in zip(range(count), found, strict=False)]


# -- doors -------------------------------------------------------------------------------------------------------------


@contextmanager
def in_python(model: str) -> Iterator[Through]:
    with Translator.load(model, source_lang="en", target_lang="zh") as translator:
        yield lambda texts: [found.text for found in translator.translate(texts)]


@contextmanager
def over_http(model: str) -> Iterator[Through]:
    """POST /translate, many texts a request."""
    with _server(model) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

        def through(texts: Sequence[str]) -> list[str]:
            found: list[str] = []
            for at in range(0, len(texts), AT_ONCE):
                body = json.dumps({"q": list(texts[at : at + AT_ONCE]), "source": "en", "target": "zh"})
                connection.request("POST", "/translate", body, {"Content-Type": "application/json"})
                found += json.loads(connection.getresponse().read())["translatedText"]
            return found

        yield through


@contextmanager
def on_the_command_line(model: str) -> Iterator[Through]:
    """A file of one text a line, on standard input."""
    command = [sys.executable, "-m", "dragoman", "translate", "-m", model]
    command += ["--source-lang", "en", "--target-lang", "zh"]

    def through(texts: Sequence[str]) -> list[str]:
        with tempfile.TemporaryFile() as file:
            file.write("".join(f"{text}\n" for text in texts).encode())
            file.seek(0)
            done = subprocess.run(command, stdin=file, stdout=subprocess.PIPE, check=True)
        return done.stdout.decode().split("\n")[:-1]

    yield through


@contextmanager
def _server(model: str) -> Iterator[int]:
    """The port of a service that runs meanwhile, and says on stderr where it listens."""
    command = [
        sys.executable,
        "-m",
        "dragoman",
        "serve",
        "-m",
        model,
        "--port",
        "0",
        "--characters",
        "100000",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        address = next(found for line in process.stderr if (found := re.search(r"http://\S+?:(\d+)", line)))
        # A pipe that nobody reads is full after some hundred requests, and the service waits for it.
        threading.Thread(target=deque, args=(process.stderr, 0), daemon=True).start()
        yield int(address[1])
    finally:
        process.terminate()
        process.wait()


DOORS: dict[str, Door] = {"Python": in_python, "HTTP": over_http, "command line": on_the_command_line}

# -- counting ----------------------------------------------------------------------------------------------------------


def count(texts: Sequence[str], asked: Sequence[Kind], through: Through) -> list[list[int]]:
    """How often each kind was kept first, in the middle and last. texts: for each kind those of each sentence."""
    each = len(texts) // len(asked)
    order = sorted(range(len(texts)), key=lambda at: at % each)  # those of one sentence and place together
    found = dict(zip(order, through([texts[at] for at in order]), strict=True))
    kept = [asked[at // each].is_kept(found[at]) for at in range(len(texts))]
    return [
        [sum(kept[number * each + place : (number + 1) * each : 3]) for place in range(3)]
        for number in range(len(asked))
    ]


def count_all(
    asked: Sequence[Kind], chosen: Sequence[str], door: str, model: str, log: Log
) -> list[list[int]]:
    """Those of the log, and the others a slice at a time."""
    missing = [kind for kind in asked if log.of(door, kind) is None]
    with ExitStack() as open_doors:
        through = open_doors.enter_context(DOORS[door](model)) if missing else list
        for at in range(0, len(missing), SLICE):
            some = missing[at : at + SLICE]
            texts = [text for kind in some for sentence in chosen for text in kind.within(sentence)]
            log.take(door, some, count(texts, some, through))
            say(f"{door}: {len(asked) - len(missing) + at + len(some)} of {len(asked)} kinds")
    return [found for kind in asked if (found := log.of(door, kind)) is not None]


class Log:
    """What was counted so far, in a file if there is one; of one model and one number of sentences.

    Raises UsageError where a file is of others.
    """

    def __init__(self, path: Path | None, model: str, sentences: int) -> None:
        self.path = path
        self.counts: dict[str, dict[str, list[int]]] = {}
        self.about = {"model": model, "sentences": sentences}
        if path is not None and path.exists():
            known = json.loads(path.read_bytes())
            if known["about"] != self.about:
                raise UsageError(
                    f"{path} is about {known['about']}, not {self.about}: give another file to --log"
                )
            self.counts = known["counts"]

    def of(self, door: str, kind: Kind) -> list[int] | None:
        return self.counts.get(door, {}).get(kind.marked)

    def take(self, door: str, kinds: Sequence[Kind], found: Sequence[list[int]]) -> None:
        for kind, places in zip(kinds, found, strict=True):
            self.counts.setdefault(door, {})[kind.marked] = places
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            written = {"about": self.about, "counts": self.counts}
            publish(self.path, json.dumps(written, ensure_ascii=False, indent=1).encode())


def main(
    sentences: Annotated[int, Parameter(help="how many, each with every kind in three places")] = 50,
    model: Annotated[str, Parameter(help="a bundled model, or a directory")] = "en-zh",
    doors: Annotated[tuple[str, ...], Parameter(help=", ".join(DOORS))] = tuple(DOORS),
    log: Annotated[Path | None, Parameter(help="a file to count into, and to go on from")] = None,
    show: Annotated[bool, Parameter(help="also each kind, and how often it was kept in each place")] = False,
) -> None:
    """How often what must come out exactly does, through three doors."""
    asked, chosen = kinds(), ordinary(sentences)
    each = 3 * len(chosen)
    say(f"{len(asked)} kinds in {len(chosen)} sentences and 3 places: {len(asked) * each:,} texts a door")
    counted = Log(log, model, len(chosen))
    counts = {name: count_all(asked, chosen, name, model, counted) for name in doors}
    say("\n".join(_table(asked, counts, each)))
    for number, kind in enumerate(asked):
        places = {name: found[number] for name, found in counts.items()}
        if show or any(sum(found) < each for found in places.values()):
            say(f"{kind.written}  {places}")


def _table(asked: Sequence[Kind], counts: dict[str, list[list[int]]], each: int) -> Iterator[str]:
    """In Markdown: a line a group, with how many of its kinds were kept always, and how often of all."""
    yield f"| | kinds | {' | '.join(counts)} | for example |"
    yield f"|---|---|{'---|' * len(counts)}---|"
    for group, numbers in groupby(range(len(asked)), lambda number: asked[number].group):
        members = list(numbers)
        kept = [
            f"{sum(sum(found[number]) for number in members):,} of {len(members) * each:,}"
            for found in counts.values()
        ]
        shown = [asked[number].written for number in members if "|" not in asked[number].written][:4]
        examples = " ".join(f"`` {one} ``" if "`" in one else f"`{one}`" for one in shown)
        yield f"| {group} | {len(members)} | {' | '.join(kept)} | {examples} |"
