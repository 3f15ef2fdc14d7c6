"""Lines of text into tokens and back: subwords, characters or words. Numbers no token, reads no file.

A token is a subword of a SentencePiece tokenizer, a character, or a word: what stands between two spaces, or what a
segmenter makes of text that has none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dragoman.errors import MissingExtraError

if TYPE_CHECKING:
    from dragoman.text.tokenizer import Tokenizer

Unit = Literal["subwords", "characters", "words"]
Segmenter = Literal["jieba", "latin"]
SPACE = "▁"  # a space as a token has no white space in it, as in SentencePiece
# Letters and digits, with what may stand between them: don't, e-mail, 3.5.
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")


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
