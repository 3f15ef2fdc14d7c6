"""word2vec: CBOW and skip-gram, each with negative sampling or a Huffman tree. Knows lists of words, and no file.

Mikolov et al., "Efficient Estimation of Word Representations in Vector Space" (2013a) and "Distributed Representations
of Words and Phrases and their Compositionality" (2013b); in the details as word2vec.c. What is computed for one pair of
words stands in word2vec_kernels.py.

Dimensions: V vocabulary, D width of a vector, T tokens of a text, S sentences, P length of all paths together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dragoman.bounds import LARGEST_WHOLE, MOST_TOKENS, SHARE, Within, refuse_out_of_bounds
from dragoman.errors import CorpusError
from dragoman.lineage.wordvectors import WordVectors

Array = NDArray[Any]

JOB_TOKENS = (
    10_000  # after so many the learning rate falls by a step; a longer sentence is cut, as word2vec.c does
)
LAST_RATE = 1e-4  # where the learning rate ends, as in gensim
POWER = 0.75  # of the frequencies from which words are drawn (2013b, section 2.2)


@dataclass(frozen=True)
class Word2VecConfig:
    """What is predicted from what, and how long."""

    method: Annotated[
        Literal["skip-gram", "cbow"], "skip-gram: each near word predicts the word; cbow: their mean does"
    ] = "skip-gram"
    objective: Annotated[
        Literal["negative-sampling", "hierarchical-softmax"], "against what a word is predicted"
    ] = "negative-sampling"
    dimension: Annotated[int, "width of the vectors", Within(1, 2**14)] = 100
    window: Annotated[
        int, "words to each side, at most; how many is drawn anew for each word", Within(1, MOST_TOKENS)
    ] = 5
    min_count: Annotated[int, "words seen less often are left out", Within(1, LARGEST_WHOLE)] = 5
    negative: Annotated[int, "words drawn against each real one, with negative sampling", Within(1, 1000)] = 5
    sample: Annotated[
        float, "words more frequent than this share are left out now and then; 0 = never", SHARE
    ] = 1e-3
    epochs: Annotated[int, "times to go over the text", Within(1, 10_000)] = 5
    learning_rate: Annotated[
        float, "of the first word; it falls to almost nothing at the last", Within(0, 1000, open_least=True)
    ] = 0.025
    seed: Annotated[
        int, "of first vectors and of all draws; decides everything with one thread", Within(0, LARGEST_WHOLE)
    ] = 1
    threads: Annotated[int, "that learn side by side", Within(1, 1024)] = 2

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self)


# -- the text ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A text as ids of its vocabulary, the most frequent word first."""

    words: tuple[str, ...]
    counts: Array  # int64 [V]
    ids: Array  # int32 [T]
    starts: Array  # int64 [S + 1]: where each sentence begins, and T


def read_text(sentences: Iterable[Sequence[str]], config: Word2VecConfig) -> Text:
    """Count the words, leave out the rare ones. Raises CorpusError where nothing is left to learn from."""
    first: dict[str, int] = {}  # ids in the order of appearance
    parts, lengths = [], []
    for sentence in sentences:
        parts.append(np.array([first.setdefault(word, len(first)) for word in sentence], np.int32))
        lengths.append(len(sentence))
    seen = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    counts = np.bincount(seen, minlength=len(first))
    kept = [word for word, count in zip(first, counts, strict=True) if count >= config.min_count]
    kept.sort(key=lambda word: (-counts[first[word]], word))
    order = np.array([first[word] for word in kept], np.int64)
    rank = np.full(len(first), -1, np.int32)
    rank[order] = np.arange(len(kept))
    ids = rank[seen]
    sentence_of = np.repeat(np.arange(len(lengths)), lengths)[ids >= 0]
    ids = ids[ids >= 0]
    starts = np.append(np.searchsorted(sentence_of, np.unique(sentence_of)), len(ids))
    starts = np.unique(
        np.concatenate([np.arange(a, b, JOB_TOKENS) for a, b in _spans(starts)] + [starts[-1:]])
    )
    if not (np.diff(starts) > 1).any():
        raise CorpusError(
            f"this corpus is too small for a window: no sentence of it has two words that are seen {config.min_count} "
            "times or more; use more text or a smaller --min-count"
        )
    return Text(tuple(kept), counts[order], ids, starts)


def _spans(starts: Array) -> Iterator[tuple[int, int]]:
    yield from zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)


# -- tables -----------------------------------------------------------------------------------------------------


def keep_chances(counts: Array, sample: float) -> Array:
    """With what probability each word stays where it stands: float32 [V]. As word2vec.c, not as 2013b says it."""
    if not sample:
        return np.ones(len(counts), np.float32)
    times = counts / (sample * counts.sum())  # more frequent than `sample` by this factor
    return np.minimum((np.sqrt(times) + 1) / times, 1).astype(np.float32)


def alias_table(counts: Array) -> tuple[Array, Array]:
    """Walker's alias table of counts ** 0.75: chance to stay float32 [V], the other word int32 [V].

    To draw, take any column; it stands for its own word with the chance to stay, else for the other.
    """
    share = counts.astype(np.float64) ** POWER
    share *= len(share) / share.sum()
    stay, other = np.ones(len(share)), np.arange(len(share), dtype=np.int32)
    rest: list[float] = share.tolist()
    low = [i for i, value in enumerate(rest) if value < 1]
    high = [i for i, value in enumerate(rest) if value >= 1]
    while low and high:
        needy, rich = low.pop(), high[-1]
        stay[needy], other[needy] = rest[needy], rich
        rest[rich] -= 1 - rest[needy]
        if rest[rich] < 1:
            low.append(high.pop())
    return stay.astype(np.float32), other


def huffman(counts: Array) -> tuple[Array, Array, Array]:
    """The paths from the root to each word, one after another: the more frequent the word, the shorter.

    Where each path begins int32 [V + 1]; inner nodes int32 [P], numbered 0..V - 2; turns float32 [P], 0 or 1.
    `counts` must not rise.
    """
    size = len(counts)
    weight = [*counts.tolist(), *[0] * (size - 1)]
    parent = np.zeros(2 * size - 1, np.int64)
    turn = np.zeros(2 * size - 1, np.float32)
    leaf, inner = size - 1, size  # the lightest of each that is not below another yet
    for made in range(size, 2 * size - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and (inner >= made or weight[leaf] < weight[inner]):
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(inner)
                inner += 1
        parent[pair], turn[pair[1]] = made, 1
        weight[made] = weight[pair[0]] + weight[pair[1]]
    return _paths(parent, turn, size)


def _paths(parent: Array, turn: Array, size: int) -> tuple[Array, Array, Array]:
    """Walk from all words up to the root at once, then write down each way from the root."""
    root = len(parent) - 1
    nodes, turns = [], []
    here = np.arange(size)
    while (climbing := here != root).any():
        nodes.append(np.where(climbing, parent[here] - size, -1))
        turns.append(turn[here])
        here = np.where(climbing, parent[here], root)
    down = np.stack(nodes[::-1] or [np.full(size, -1)], axis=1)  # [V, depth]
    begins = np.append(0, (down >= 0).sum(1).cumsum())
    turned = np.stack(turns[::-1] or [np.zeros(size, np.float32)], axis=1)
    return begins.astype(np.int32), down[down >= 0].astype(np.int32), turned[down >= 0]


# -- training ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """Some sentences to learn from at one learning rate."""

    first: int  # sentence
    last: int
    rate: float
    tokens: int  # learnt from, of all epochs, when it is done


def jobs(text: Text, config: Word2VecConfig) -> Iterator[Job]:
    """All the work, in order: the learning rate falls with each job, in a straight line."""
    total = len(text.ids) * config.epochs
    cuts = np.searchsorted(text.starts, np.arange(0, len(text.ids), JOB_TOKENS))
    bounds = np.unique(np.append(cuts, len(text.starts) - 1)).tolist()
    for epoch in range(config.epochs):
        before = epoch * len(text.ids)
        for first, last in zip(bounds, bounds[1:], strict=False):
            done = (before + text.starts[first]) / total
            rate = config.learning_rate + done * min(0.0, LAST_RATE - config.learning_rate)
            yield Job(first, last, float(rate), int(before + text.starts[last]))


def train(text: Text, config: Word2VecConfig, progress: Callable[[int], None] | None = None) -> WordVectors:
    """Learn a vector for each word. `progress` is told how many tokens of all epochs are done."""
    from dragoman.lineage import word2vec_kernels as kernels  # numba, which takes a second to load

    draw = np.random.default_rng(config.seed)
    size = len(text.words)
    # As wide as gensim's, twice as wide as word2vec.c's: from ten megabytes of text it learns measurably more.
    vectors = ((2 * draw.random((size, config.dimension)) - 1) / config.dimension).astype(np.float32)
    outputs = np.zeros((size, config.dimension), np.float32)  # with the tree, of its V - 1 inner nodes
    tree = config.objective == "hierarchical-softmax"
    weights = kernels.Weights(vectors, outputs)
    drawn = kernels.Drawn(*alias_table(text.counts), 0 if tree else config.negative)
    none = (np.zeros(1, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))
    paths = kernels.Paths(*(huffman(text.counts) if tree else none))
    keep = keep_chances(text.counts, config.sample)
    learn = kernels.cbow if config.method == "cbow" else kernels.skip_gram

    def run(job: Job, seed: int) -> int:
        starts = text.starts[job.first : job.last + 1]
        sentences = kernels.Sentences(text.ids[starts[0] : starts[-1]], starts - starts[0])
        state = np.array([seed], np.uint64)
        learn(sentences, weights, keep, config.window, job.rate, drawn, paths, state)
        return job.tokens

    todo = jobs(text, config)
    with ThreadPoolExecutor(config.threads) as pool:
        # By the handful, so that an interrupt is not kept waiting by all the work there is.
        while some := list(islice(todo, 16 * config.threads)):
            for done in pool.map(run, some, draw.integers(2**48, size=len(some)).tolist()):
                if progress is not None:
                    progress(done)
    return WordVectors(text.words, vectors)
