"""How good a translator of English and Chinese is: by kind of text, and on what people type. Measures no time.

    python -m benchmarks quality [-m MODEL] [-o FILE]

Written as Markdown, for each direction that the model has:
- BLEU and chrF2 on each dev set, and on each source of one that names its sources;
- in capitals: BLEU of the upper-cased side against that of the normal one;
- joined: BLEU of two sentences given as one text against that of the same two given alone, put side by side;
- words alone: of the most frequent words of the corpus, those that come out empty or as nothing but a sign;
- the phrase book: lines that come out as they stand there;
- the thirty sentences of sentences.tsv, which were written down before any of the models was trained. What they are
  worth is for a person to say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks.alternate import ROOT
from benchmarks.comparison import say
from dragoman import Translator
from dragoman.corpus.pairs import Pair, read_corpus
from dragoman.evaluate import scored

CORPUS = ROOT / "corpus"
SENTENCES = Path(__file__).with_name("sentences.tsv")  # English, Chinese, kind
DEV = {
    "Tatoeba": CORPUS / "tatoeba/dev.tsv.gz",
    "captions": CORPUS / "captions/val.tsv.gz",
    "general": CORPUS / "general/dev.tsv.gz",
}
PHRASES = CORPUS / "phrases/train.tsv"
READ = [
    CORPUS / "tatoeba/train.tsv.gz",
    CORPUS / "captions/train.tsv.gz",
    *sorted(CORPUS.glob("general/*.xz")),
]
LEAST = 20  # pairs of a source that has a row
_WORD = {"en": re.compile(r"[A-Za-z]{2,}"), "zh": re.compile(r"[\u4e00-\u9fff]+")}
_SAYS = re.compile(r"\w")


@dataclass(frozen=True)
class Row:
    """One number of one direction."""

    what: str
    pairs: int
    bleu: float
    chrf: float

    def __str__(self) -> str:
        return f"| {self.what} | {self.pairs:,} | {self.bleu:.1f} | {self.chrf:.1f} |"


class Direction:
    """A translator one way, and what it makes of pairs."""

    def __init__(self, translator: Translator, source: str, target: str) -> None:
        self.source, self.target = source, target
        self._translator = translator.toward(source, target)

    def pairs(self, *paths: Path) -> Iterator[Pair]:
        """Those of tables whose columns are English and Chinese, this way round."""
        for pair in read_corpus(paths, "en", "zh"):
            yield pair if self.source == "en" else Pair(pair.target, pair.source, pair.extra)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return [found.text for found in self._translator.translate(list(texts))]

    def score(self, what: str, texts: Sequence[str], references: Sequence[str]) -> Row:
        return Row(what, len(texts), *scored(texts, list(references), self.target, self.target == "zh"))


def by_kind(way: Direction) -> list[Row]:
    """A row for each dev set, and for each source of those that name them."""
    rows = []
    for name, path in DEV.items():
        pairs = list(way.pairs(path))
        texts = way([pair.source for pair in pairs])
        rows.append(way.score(name, texts, [pair.target for pair in pairs]))
        if name != "general":
            continue
        both = sorted(zip(pairs, texts, strict=True), key=lambda one: one[0].extra or "")
        for source, some in groupby(both, key=lambda one: one[0].extra):
            of = list(some)
            if len(of) >= LEAST:
                references = [pair.target for pair, _ in of]
                rows.append(way.score(f"- {source}", [text for _, text in of], references))
    return rows


def as_typed(way: Direction) -> list[Row]:
    """The first dev set as it is, in capitals, and two sentences at a time in one text and alone."""
    pairs = list(way.pairs(DEV["Tatoeba"]))
    targets = [pair.target for pair in pairs]
    alone = way([pair.source for pair in pairs])
    rows = []
    if way.source == "en":
        texts = way([pair.source.upper() for pair in pairs])
        rows.append(way.score("Tatoeba in capitals", texts, targets))
    space = " " if way.source == "en" else ""
    between = " " if way.target == "en" else ""
    twos = range(0, len(pairs) - 1, 2)
    references = [between.join(targets[i : i + 2]) for i in twos]
    apart = [between.join(alone[i : i + 2]) for i in twos]
    joined = way([space.join(pair.source for pair in pairs[i : i + 2]) for i in twos])
    rows.append(way.score("two sentences, each alone", apart, references))
    rows.append(way.score("two sentences, one text", joined, references))
    return rows


def frequent(way: Direction, count: int) -> list[str]:
    """The words that the corpus has most often, all small; of Chinese, runs of signs up to a stop."""
    counts: Counter[str] = Counter()
    for pair in way.pairs(*READ):
        counts.update(word.lower() for word in _WORD[way.source].findall(pair.source))
    return [word for word, _ in counts.most_common(count)]


@dataclass(frozen=True)
class Asked:
    """What is measured."""

    model: Annotated[str, Parameter(name=("--model", "-m"), help="name or directory of a translator")] = (
        "en-zh"
    )
    words: Annotated[int, Parameter(help="of the corpus, to be translated alone")] = 5000
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="file to write as well; else it is only printed")
    ] = None


def main(asked: Annotated[Asked, Parameter(name="*")] = Asked()) -> None:  # noqa: B008 - frozen
    """How good a translator of English and Chinese is, by kind of text and on what people type."""
    lines: list[str] = []
    with Translator.load(asked.model) as translator:
        for source, target in translator.directions:
            for line in _told(Direction(translator, source, target), asked.words):
                say(line)
                lines.append(line)
    if asked.output is not None:
        asked.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _told(way: Direction, words: int) -> Iterator[str]:
    yield f"### {way.source} -> {way.target}\n"
    yield "| text | pairs | BLEU | chrF2 |\n|---|--:|--:|--:|"
    yield from map(str, by_kind(way))
    yield from map(str, as_typed(way))
    asked = frequent(way, words)
    empty = [word for word, text in zip(asked, way(asked), strict=True) if not _SAYS.search(text)]
    yield f"\nOf the {len(asked):,} most frequent words, each alone, {len(empty)} came out as no word. {_some(empty)}"
    phrases = list(way.pairs(PHRASES))
    meant: dict[str, set[str]] = {}
    for pair in phrases:
        meant.setdefault(pair.source, set()).add(pair.target)
    answers = way([*meant])
    other = [text for text, answer in zip(meant, answers, strict=True) if answer not in meant[text]]
    yield f"\nOf the {len(meant)} lines of the phrase book, {len(other)} came out otherwise. {_some(other)}\n"
    yield "| sentence | translation |\n|---|---|"
    sentences = list(way.pairs(SENTENCES))
    for pair, text in zip(sentences, way([pair.source for pair in sentences]), strict=True):
        yield f"| {pair.source} | {text} |"
    yield ""


def _some(texts: Sequence[str]) -> str:
    return "Among them: " + ", ".join(f"`{text}`" for text in islice(texts, 10)) if texts else ""
