"""Text of one language for language models and word vectors: lines out of files, tokens out of lines. Counts nothing.

A token is a subword of a SentencePiece tokenizer, a character, or a word: what stands between two spaces, or what a
segmenter makes of text that has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dragoman.corpus.lines import read_lines
from dragoman.corpus.pairs import read_corpus
from dragoman.errors import CorpusError, MissingExtraError
from dragoman.text.normalize import normalize
from dragoman.text.tokenizer import Tokenizer

Side = Literal["source", "target"]
Unit = Literal["subwords", "characters", "words"]
Segmenter = Literal["jieba", "latin"]
SPACE = "▁"  # a space as a token has no white space in it, as in SentencePiece
# Letters and digits, with what may stand between them: don't, e-mail, 3.5.
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_PAIRS = {".tsv", ".jsonl", ".json"}


def read_texts(
    paths: Sequence[Path | str], side: Side = "target", source: str = "", target: str = ""
) -> Iterator[str]:
    """The lines of texts, normalised, without empty ones; of sentence pairs (.tsv, .jsonl) one side.

    `source` and `target` are language codes, for JSON that names its sides by them. Raises CorpusError.
    """
    if not paths:
        raise CorpusError("no corpus file was given")
    empty = True
    for path in map(Path, paths):
        pairs = bool(_PAIRS & {suffix.lower() for suffix in path.suffixes})
        lines = (
            (getattr(pair, side) for pair in read_corpus([path], source, target))
            if pairs
            else read_lines(path)
        )
        for line in lines:
            if line := normalize(line):
                empty = False
                yield line
    if empty:
        raise CorpusError(f"nothing to read: {', '.join(map(str, paths))} has no text")


@dataclass(frozen=True)
class Splitter:
    """Lines into tokens and back.

    Words stand between spaces, unless `segmenter` names what finds them: jieba those of Chinese, latin those of other
    languages in lower case and without punctuation.
    """

    unit: Unit
    tokenizer: Tokenizer | None = None
    segmenter: Segmenter | None = None

    def __post_init__(self) -> None:
        assert (self.tokenizer is not None) == (self.unit == "subwords")

    def split(self, lines: Sequence[str]) -> list[list[str]]:
        """The tokens of each line; a line of no tokens has none."""
        if self.tokenizer is not None:
            pieces = self.tokenizer.vocabulary()
            return [[pieces[i] for i in ids] for ids in self.tokenizer.encode_batch(lines)]
        if self.unit == "characters":
            return [list(line.replace(" ", SPACE)) for line in lines]
        if self.segmenter == "latin":
            return [_WORD.findall(line.lower()) for line in lines]
        if self.segmenter == "jieba":
            cut = _jieba().lcut
            return [[word for word in cut(line) if word.strip()] for line in lines]
        return [line.split() for line in lines]

    def join(self, tokens: Sequence[str]) -> str:
        """The text of tokens."""
        if self.tokenizer is not None:
            known = {piece: i for i, piece in enumerate(self.tokenizer.vocabulary())}
            return self.tokenizer.decode([known[token] for token in tokens if token in known])
        if self.unit == "characters":
            return "".join(tokens).replace(SPACE, " ")
        return ("" if self.segmenter == "jieba" else " ").join(tokens)


def _jieba() -> Any:
    try:
        import jieba
    except ImportError as error:
        raise MissingExtraError(
            "segmenting Chinese needs jieba: install it with  pip install 'dragoman[words]'"
        ) from error
    jieba.setLogLevel(60)  # it tells how long its dictionary took to load
    # Its cache is code to Python (marshal), and by default lies where any user of the machine may put one.
    jieba.dt.tmp_dir = str(Path(jieba.__file__).parent)
    return jieba
