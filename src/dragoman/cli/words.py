"""`dragoman words`: vectors of words, learnt, asked and drawn. Computes nothing itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from dragoman.cli import cloze
from dragoman.cli.flags import FormatFlag, LanguageFlags, flags_of, given
from dragoman.cli.language import LangFlag, Say, chosen, speaker
from dragoman.cli.terminal import aligned, counter, say, say_json
from dragoman.cli.texts import SideFlag, Texts, TokenFlags, read, refuse_ranks
from dragoman.errors import ModelError, UsageError
from dragoman.files import refuse_directory
from dragoman.lineage.word2vec import Word2VecConfig

if TYPE_CHECKING:
    from dragoman.lineage.representations import Representation
    from dragoman.lineage.wordvectors import Neighbours, WordVectors
    from dragoman.model.directory import ModelDirectory

    Word2VecFlags = Any
else:
    Word2VecFlags = flags_of(Word2VecConfig, "word2vec")

words = App(
    "words",
    help="Words as vectors: learn them, ask who is near whom, draw them.",
    usage="dragoman words COMMAND ...",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman words show 今天晚上吃你\n\n"
        "  dragoman words window 今天晚上吃你\n\n"
        "  dragoman words train corpus/tatoeba/train.tsv.gz -o runs/zh.bin\n\n"
        "  dragoman words nearest 红 -m runs/zh.bin"
    ),
)
ModelFlag = Annotated[
    str,
    Parameter(
        name=("--model", "-m"),
        help="a word2vec file, or a translator's embedding: a bundled model by name, or a model directory",
        show_default=True,
    ),
]
CountFlag = Annotated[int, Parameter(help="how many", show_default=True)]
_COLUMNS_OF_NUMBERS = 4
_NO_WORD = re.compile(r"<(pad|unk|s|/s|0x[0-9A-F]{2})>")  # special tokens, and single bytes
_DRAWN_WORDS = 150


# -- commands ---------------------------------------------------------------------------------------------------


@words.command(
    usage="dragoman words train TEXT... -o FILE [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman words train corpus/tatoeba/train.tsv.gz -o runs/zh.bin\n\n"
        "  dragoman words train corpus/tatoeba/train.tsv.gz -o runs/zh.txt --unit words --segmenter jieba\n\n"
        "  dragoman words train books.txt.gz -o runs/en.bin --unit words --segmenter latin --method cbow"
    ),
)
def train(
    *corpus: Texts,
    output: Annotated[
        Path | None,
        Parameter(
            name=("--output", "-o"), help="word2vec file to write: binary if it ends in .bin, else text"
        ),
    ] = None,
    side: SideFlag = "target",
    language: Annotated[LanguageFlags, Parameter(name="*")] = LanguageFlags(),  # noqa: B008 - frozen
    tokens: Annotated[TokenFlags, Parameter(name="*")] = TokenFlags(),  # noqa: B008 - frozen
    word2vec: Annotated[Word2VecFlags, Parameter(name="*")] = None,
    lang: LangFlag = None,
) -> None:
    """Learn a vector for each word of a text: word2vec."""
    from dragoman.lineage.word2vec import read_text
    from dragoman.lineage.word2vec import train as learn
    from dragoman.lineage.wordvectors import write_vectors

    if output is None:
        raise UsageError("where should the vectors go? Add -o and a file, such as -o runs/words.bin")
    refuse_directory(output)
    refuse_ranks("vectors of words are learnt")
    told = speaker(chosen(lang))
    config = Word2VecConfig(**(given(word2vec) if word2vec else {}))
    lines = read(corpus, side, language)
    text = read_text(tokens.splitter(lines).split(lines), config)
    with counter("tokens", len(text.ids) * config.epochs) as progress:
        found = learn(text, config, progress)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_vectors(output, found)
    sizes = {"words": len(found.words), "width": config.dimension, "tokens": len(text.ids)}
    say(f"{output}: {told('{words:,} words, {width} numbers each, from {tokens:,} tokens', **sizes)}")


@words.command(
    usage="dragoman words nearest WORD... [-m MODEL] [OPTIONS]",
    help_epilogue="Examples:\n\n  dragoman words nearest 吃 红 三\n\n  dragoman words nearest king -m runs/en.bin",
)
def nearest(
    *word: Annotated[str, Parameter(help="of the vocabulary")],
    model: ModelFlag = "en-zh",
    side: SideFlag = "target",
    count: CountFlag = 10,
    format: FormatFlag = "text",
) -> None:
    """The words whose vectors point most nearly the same way, with the cosine."""
    if not word:
        raise UsageError("near which word? Name one, such as  dragoman words nearest 吃")
    vectors = _vectors(model, side)
    for one, found in [(one, vectors.nearest(one, _positive(count))) for one in word]:
        _answer(one, found, format)


@words.command(
    usage="dragoman words analogy A B C [-m MODEL] [OPTIONS]",
    help_epilogue="Examples:\n\n  dragoman words analogy 我 我们 他\n\n  dragoman words analogy he his she -m en.bin",
)
def analogy(
    a: Annotated[str, Parameter(help="is to")],
    b: Annotated[str, Parameter(help="as")],
    c: Annotated[str, Parameter(help="is to what?")],
    /,
    *,
    model: ModelFlag = "en-zh",
    side: SideFlag = "target",
    count: CountFlag = 5,
    format: FormatFlag = "text",
) -> None:
    """A is to B as C is to what? The words nearest to B - A + C."""
    found = _vectors(model, side).analogy(a, b, c, _positive(count))
    _answer(f"{a} : {b} = {c} :", found, format)


@words.command(
    usage="dragoman words plot [WORD...] -o FILE [-m MODEL] [OPTIONS]",
    help_epilogue="Examples:\n\n  dragoman words plot 吃 红 三 -o words.svg",
)
def plot(
    *word: Annotated[
        str, Parameter(help="drawn with the words near it; with none named, the most frequent words")
    ],
    output: Annotated[Path | None, Parameter(name=("--output", "-o"), help="SVG file to write")] = None,
    model: ModelFlag = "en-zh",
    side: SideFlag = "target",
    count: CountFlag = 10,
    lang: LangFlag = None,
) -> None:
    """Draw words as points, near ones near each other as far as a plane can show it (PCA)."""
    from dragoman.files import publish
    from dragoman.lineage.wordmap import word_map

    if output is None:
        raise UsageError("where should the picture go? Add -o and a file, such as -o words.svg")
    told = speaker(chosen(lang))
    vectors = _vectors(model, side)
    groups = [
        [vectors.id_of(name) for name in (one, *(near for near, _ in vectors.nearest(one, _positive(count))))]
        for one in word
    ] or [_drawable(vectors)]
    publish(output, word_map(vectors, groups).encode())
    say(f"{output}: {told('{n} words', n=sum(map(len, groups)))}")


@words.command(
    usage="dragoman words show TEXT [-m MODEL] [OPTIONS]",
    help_epilogue="Examples:\n\n  dragoman words show 今天晚上吃你\n\n  dragoman words show 红花 -m runs/zh.bin",
)
def show(
    text: Annotated[str, Parameter(help="a sentence")],
    /,
    *,
    model: ModelFlag = "en-zh",
    side: SideFlag = "target",
    tokens: Annotated[TokenFlags, Parameter(name="*")] = TokenFlags(),  # noqa: B008 - frozen
    count: CountFlag = 5,
    format: FormatFlag = "text",
    lang: LangFlag = None,
) -> None:
    """One sentence as one-hot vectors, as integers and as embeddings, side by side: what each is, and what it knows."""
    from dragoman.lineage.representations import represent
    from dragoman.text.normalize import normalize

    told = speaker(chosen(lang))
    vectors = _vectors(model, side)
    sentence = normalize(text)
    if Path(model).is_file():
        pieces: Sequence[str] = tokens.splitter().split([sentence])[0]
    else:
        tokenizer = _tokenizer(_directory(model), side)
        pieces = tokenizer.pieces(tokenizer.encode(sentence))
    if not pieces:
        raise UsageError("there is no text to show")
    found = represent([vectors.id_of(piece) for piece in pieces], vectors, _positive(count))
    if format == "json":
        say_json(_as_json(pieces, vectors, found))
        return
    say(_as_text(pieces, vectors, found, told))


words.command(cloze.window, usage=cloze.USAGE, help_epilogue=cloze.EXAMPLES)


# -- where vectors come from ------------------------------------------------------------------------------------


def _positive(count: int) -> int:
    if count < 1:
        raise UsageError(f"--count {count}: must be at least 1")
    return count


def _vectors(model: str, side: str) -> WordVectors:
    """Of a word2vec file, or a translator's embedding of one side."""
    from dragoman.lineage.wordvectors import WordVectors, read_vectors

    if Path(model).is_file():
        return read_vectors(Path(model))
    directory = _directory(model)
    for name in ("embedding.weight", f"{side}_embedding.weight"):
        if name in directory.weights:
            pieces = tuple(_tokenizer(directory, side).vocabulary())
            strange = frozenset(i for i, piece in enumerate(pieces) if _NO_WORD.fullmatch(piece))
            return WordVectors(pieces, directory.weights[name].astype("float32"), strange)
    raise ModelError(f"{directory.path} has no embedding of its {side} side")


def _directory(model: str) -> ModelDirectory:
    from dragoman.model.directory import find_model, open_model

    return open_model(find_model(model))


def _tokenizer(directory: ModelDirectory, side: str) -> Any:
    return directory.source_tokenizer if side == "source" else directory.target_tokenizer


def _drawable(vectors: WordVectors) -> list[int]:
    """The most frequent words of more than a sign or a letter, which crowd the picture and say little."""
    chosen = [i for i, word in enumerate(vectors.words) if len(word) > 1 and word.strip("▁").isalpha()]
    if len(chosen) < 2:
        raise UsageError("there are no words to draw: name some")
    return chosen[:_DRAWN_WORDS]


# -- how it is told ---------------------------------------------------------------------------------------------


def _answer(asked: str, found: Neighbours, format: str) -> None:
    if format == "json":
        say_json({"asked": asked, "words": [{"word": word, "cosine": round(cos, 6)} for word, cos in found]})
        return
    say(f"{asked}  {_list(found)}")


def _list(found: Neighbours) -> str:
    return "  ".join(f"{word} {cosine:.2f}" for word, cosine in found)


def _as_json(pieces: Sequence[str], vectors: WordVectors, found: Sequence[Representation]) -> dict[str, Any]:
    hot, integer, embedding = found
    return {
        "vocabulary": len(vectors.words),
        "tokens": [
            {
                "token": piece,
                "id": int(integer.numbers[t, 0]),
                "one_hot_at": int(hot.numbers[t].argmax()),
                "embedding": embedding.numbers[t].tolist(),
                "near": {one.name: one.neighbours[t] for one in found},
            }
            for t, piece in enumerate(pieces)
        ],
        "sizes": {one.name: {"numbers_per_token": one.width, "bytes": one.bytes} for one in found},
    }


def _as_text(pieces: Sequence[str], vectors: WordVectors, found: Sequence[Representation], told: Say) -> str:
    hot, integer, embedding = found
    size, shown = len(vectors.words), embedding.numbers[:, :_COLUMNS_OF_NUMBERS]
    rows = [list(map(told, ("token", "integer", "one-hot", "embedding")))]
    for t, piece in enumerate(pieces):
        numbers = " ".join(f"{value:6.2f}" for value in shown[t])
        at = int(hot.numbers[t].argmax())
        zeros = told("{before:,} zeros, 1, {after:,} zeros", before=at, after=size - at - 1)
        rows.append([piece, f"{integer.numbers[t, 0]}", zeros, f"{numbers} ..."])
    sizes = [["", *map(told, ("numbers a token", "bytes of the sentence", "what the numbers say"))]]
    says = {
        "one-hot": "which token it is; any two are equally unlike (cosine 0)",
        "integer": "which token it is; near numbers mean nothing",
        "embedding": "which tokens are used alike: those have a high cosine",
    }
    sizes += [[told(one.name), f"{one.width:,}", f"{one.bytes:,}", told(says[one.name])] for one in found]
    near = [list(map(told, ("near", "by integer", "by embedding (cosine)")))]
    for t, piece in enumerate(pieces):
        beside = " ".join(word for word, _ in integer.neighbours[t] or ())
        near.append([piece, beside, _list(embedding.neighbours[t] or [])])
    return "\n\n".join("\n".join(aligned(table)) for table in (rows, sizes, near))
