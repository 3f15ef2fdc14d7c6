"""word2vec: Dragoman against gensim with the same settings on the same sentences, in speed and in what was learnt.

Both arms run under the Python that this runs under: `make test` installs gensim beside Dragoman.
"""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter

from benchmarks.alternate import Arm
from benchmarks.comparison import Column, How, Question, compare
from dragoman.errors import UsageError

DATA = "DRAGOMAN_DATA"
FREQUENT = 30_000  # analogies are sought among so many words, as their authors did
AT_ONCE = 500  # analogies
WARM_UP = [["some", "words", "of", "a", "sentence"]] * 50  # compiles what is not compiled yet


@dataclass(frozen=True)
class Words:
    """What is learnt from, and how."""

    language: Annotated[
        Literal["en", "zh"],
        Parameter(
            help="en: books, WordSim-353 and Google's analogies; zh: subtitles cut by jieba, and CA8's"
        ),
    ] = "en"
    method: Annotated[Literal["skip-gram", "cbow"], Parameter(help="as of dragoman words train")] = (
        "skip-gram"
    )
    objective: Annotated[
        Literal["negative-sampling", "hierarchical-softmax"], Parameter(help="as of dragoman words train")
    ] = "negative-sampling"
    epochs: Annotated[int, Parameter(help="times over the text")] = 5
    dimension: Annotated[int, Parameter(help="width of the vectors")] = 100


def main(
    words: Annotated[Words, Parameter(name="*")] = Words(),  # noqa: B008 - frozen
    how: Annotated[How, Parameter(name="*")] = How(),  # noqa: B008 - frozen
) -> Path:
    """Learn word vectors, and compare speed and quality with gensim's."""
    task = {**asdict(words), "threads": how.all_threads, "data": str(_data())}
    question = Question(
        name=f"words-{words.language}-{words.method}-{words.objective}",
        title=f"word2vec, {words.method}, {words.objective}, {words.epochs} epochs, width {words.dimension}",
        columns=(
            Column("tokens_per_second", "tokens/s"),
            *([Column("similarity", "WordSim-353, Spearman", ".3f")] if words.language == "en" else []),
            Column("analogies", "analogies right, %", ".2f", times=100),
        ),
        ratios=(("Dragoman", "gensim"),),
        settings={key: value for key, value in task.items() if key != "data"},
    )
    arms = [Arm(name, f"benchmarks.words:{function}", task) for name, function in
            (("Dragoman", "ours"), ("gensim", "gensims"))]  # fmt: skip
    return compare(question, arms, how)


def _data() -> Path:
    if DATA not in os.environ:
        raise UsageError(f"set {DATA} to the directory that has books, subtitles and words in it")
    return Path(os.environ[DATA])


# -- arms -------------------------------------------------------------------------------------------------------


def ours(**task: Any) -> dict[str, float]:
    from dragoman.lineage.word2vec import Word2VecConfig, read_text, train

    sentences = _sentences(task)
    seed = int.from_bytes(
        os.urandom(3), "big"
    )  # another one each turn: chance shows as a spread between turns
    config = Word2VecConfig(
        method=task["method"], objective=task["objective"], epochs=task["epochs"], dimension=task["dimension"],
        threads=task["threads"], seed=seed,
    )  # fmt: skip
    train(read_text(WARM_UP, config), config)
    text = read_text(sentences, config)
    started = time.perf_counter()
    found = train(text, config)
    seconds = time.perf_counter() - started
    return _turn(seconds, len(text.ids) * config.epochs, found.words, found.vectors, task)


def gensims(**task: Any) -> dict[str, float]:
    from gensim.models import Word2Vec

    sentences = _sentences(task)
    tree = task["objective"] == "hierarchical-softmax"
    model = Word2Vec(
        sg=int(task["method"] == "skip-gram"), hs=int(tree), negative=0 if tree else 5, min_count=5, window=5,
        sample=1e-3, alpha=0.025, min_alpha=1e-4, vector_size=task["dimension"], workers=task["threads"],
        seed=int.from_bytes(os.urandom(3), "big"),
    )  # fmt: skip
    model.build_vocab(sentences)
    tokens = sum(model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key) * task["epochs"]
    started = time.perf_counter()
    model.train(sentences, total_examples=len(sentences), epochs=task["epochs"])
    seconds = time.perf_counter() - started
    return _turn(seconds, tokens, model.wv.index_to_key, model.wv.vectors, task)


def _sentences(task: dict[str, Any]) -> list[list[str]]:
    from dragoman.corpus.monolingual import read_texts
    from dragoman.text.splitter import Splitter

    english = task["language"] == "en"
    path = Path(task["data"]) / ("books/train.txt.gz" if english else "subtitles/train.tsv.gz")
    return Splitter("words", segmenter="latin" if english else "jieba").split(list(read_texts([path])))


# -- what was learnt --------------------------------------------------------------------------------------------


def _turn(
    seconds: float, tokens: int, words: Sequence[str], vectors: np.ndarray, task: dict[str, Any]
) -> dict[str, float]:
    from dragoman.lineage.wordvectors import WordVectors

    found = WordVectors(tuple(words), vectors)
    data = Path(task["data"]) / "words"
    sets = ["questions-words"] if task["language"] == "en" else ["ca8-semantic", "ca8-morphological"]
    right, asked = np.sum([analogies(found, data / f"{name}.txt.gz") for name in sets], axis=0)
    turn = {
        "tokens_per_second": tokens / seconds,
        "seconds": seconds,
        "analogies": right / max(asked, 1),
        "analogies_asked": int(asked),
        "vocabulary": len(words),
    }
    return turn | (similarity(found, data / "wordsim353.tsv.gz") if task["language"] == "en" else {})


def similarity(found: Any, path: Path) -> dict[str, float]:
    """Spearman's correlation between the cosine of pairs of words and what people say."""
    from scipy.stats import spearmanr

    rows = [line.split("\t") for line in _lines(path) if not line.startswith("#")]
    known = [(float(row[2]), row) for row in rows if {row[0].lower(), row[1].lower()} <= found.ids.keys()]
    cosines = [found.similarity(row[0].lower(), row[1].lower()) for _, row in known]
    return {
        "similarity": float(spearmanr([said for said, _ in known], cosines)[0]),
        "similarity_asked": len(known),
    }


def analogies(found: Any, path: Path) -> tuple[int, int]:
    """How many of a file's questions "a b c d" are answered right, of how many whose words are all known."""
    ids = found.ids
    questions = [line.lower().split() for line in _lines(path) if not line.startswith(":")]
    rows = np.array([[ids[word] for word in row] for row in questions if {*row} <= ids.keys()], np.int64)
    rows = rows.reshape(-1, 4)[(rows.reshape(-1, 4) < FREQUENT).all(1)]
    directions = found.directions[:FREQUENT]
    right = 0
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        wanted = directions[some[:, 1]] - directions[some[:, 0]] + directions[some[:, 2]]
        scores = wanted @ directions.T
        np.put_along_axis(scores, some[:, :3], -np.inf, axis=1)
        right += int((scores.argmax(1) == some[:, 3]).sum())
    return right, len(rows)


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(str.strip, file)
