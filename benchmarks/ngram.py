"""n-gram models: how fast Dragoman counts, and how fast it scores a text beside KenLM with the same model.

KenLM runs under the Python that this runs under: pip install 'dragoman[oracles]'. It counts with a program of its own,
lmplz, which the Python package does not bring.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from benchmarks.alternate import Arm
from benchmarks.comparison import WORK, Column, How, Question, compare
from dragoman.errors import UsageError
from dragoman.ids import EOS, SPECIALS


@dataclass(frozen=True)
class Ngrams:
    """What is counted and scored."""

    text: Annotated[Path | None, Parameter(help="text, a sentence a line, or sentence pairs")] = None
    order: Annotated[int, Parameter(help="of the model")] = 5


def main(
    ngrams: Annotated[Ngrams, Parameter(name="*")] = Ngrams(),  # noqa: B008 - frozen
    how: Annotated[How, Parameter(name="*")] = How(),  # noqa: B008 - frozen
) -> Path:
    """Count n-grams, and score the same text."""
    if ngrams.text is None:
        raise UsageError("which text? Name it with --text, such as --text corpus/tatoeba/train.tsv.gz")
    task = {**asdict(ngrams), "text": str(ngrams.text.resolve()), "arpa": str(WORK / "ngram.arpa")}
    _write_arpa(**task)
    question = Question(
        name="ngram",
        title=f"n-grams of order {ngrams.order} on {ngrams.text.name}",
        columns=(Column("scored", "tokens/s scored"), Column("counted", "tokens/s counted and estimated")),
        ratios=(("Dragoman", "KenLM"),),
        settings={"order": ngrams.order},
    )
    arms = [Arm("Dragoman", "benchmarks.ngram:ours", task), Arm("KenLM", "benchmarks.ngram:kenlms", task)]
    return compare(question, arms, how)


def _tokens(text: str) -> tuple[list[list[str]], int]:
    """The subwords of each line, and how many there are with the ends of lines."""
    from dragoman.corpus.monolingual import read_texts
    from dragoman.model.directory import find_model
    from dragoman.text.splitter import Splitter
    from dragoman.text.tokenizer import Tokenizer

    tokenizer = Tokenizer.load(find_model("en-zh-tiny") / "tokenizer.model")
    split = Splitter("subwords", tokenizer).split(list(read_texts([text])))
    return split, sum(map(len, split)) + len(split)


def _model(split: list[list[str]], order: int) -> tuple[Any, list[list[int]], list[str], float]:
    from dragoman.lineage.ngram import NgramConfig, train

    words = [*SPECIALS, *sorted({token for tokens in split for token in tokens} - set(SPECIALS))]
    ids = {word: i for i, word in enumerate(words) if i > EOS}
    encoded = [[ids[token] for token in tokens] for tokens in split]
    started = time.perf_counter()
    model = train(encoded, len(words), NgramConfig(order, discount_fallback=True))
    return model, encoded, words, time.perf_counter() - started


def _write_arpa(text: str, order: int, arpa: str) -> None:
    from dragoman.lineage.arpa import write_arpa

    model, _, words, _ = _model(_tokens(text)[0], order)
    Path(arpa).parent.mkdir(parents=True, exist_ok=True)
    write_arpa(Path(arpa), model, words)


# -- arms -------------------------------------------------------------------------------------------------------


def ours(text: str, order: int, **_: Any) -> dict[str, float]:
    split, tokens = _tokens(text)
    model, encoded, _, seconds = _model(split, order)
    started = time.perf_counter()
    total = sum(float(found.sum()) for found in model.score(encoded))
    return {"scored": tokens / (time.perf_counter() - started), "counted": tokens / seconds, "log10": total}


def kenlms(text: str, arpa: str, **_: Any) -> dict[str, float]:
    import kenlm

    split, tokens = _tokens(text)
    lines = [" ".join(sentence) for sentence in split]
    model = kenlm.Model(arpa)
    started = time.perf_counter()
    total = sum(model.score(line) for line in lines)
    return {"scored": tokens / (time.perf_counter() - started), "log10": total}
