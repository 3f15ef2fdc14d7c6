"""Flags for text of one language: which files, which side of pairs, and what a token is. Knows no verb."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dragoman.cli.flags import LanguageFlags
from dragoman.cli.terminal import tell
from dragoman.errors import UsageError
from dragoman.text.splitter import Segmenter, Splitter, Unit

Texts = Annotated[
    Path,
    Parameter(help="text, a sentence a line, or sentence pairs (.tsv, .jsonl); may be packed (.gz, .zst)"),
]
SideFlag = Annotated[Literal["source", "target"], Parameter(help="which side of sentence pairs")]


@dataclass(frozen=True)
class TokenFlags:
    """What the tokens of a model are."""

    unit: Annotated[Unit, Parameter(help="what a token is", show_default=True)] = "subwords"
    tokenizer: Annotated[
        str,
        Parameter(
            help="whose subwords: a tokenizer.model, a model directory, a bundled model", show_default=True
        ),
    ] = "en-zh"
    vocab_size: Annotated[int | None, Parameter(help="learn so many subwords from the corpus instead")] = None
    segmenter: Annotated[
        Segmenter | None,
        Parameter(
            help="what finds the words, if not spaces: jieba in Chinese, latin without case and punctuation"
        ),
    ] = None

    def splitter(self, lines: Sequence[str] = ()) -> Splitter:
        """The tokens that the flags describe; `lines` are what subwords are learnt from."""
        from dragoman.model.contents import TOKENIZERS
        from dragoman.model.directory import find_model
        from dragoman.text.tokenizer import Tokenizer, TokenizerConfig

        if self.segmenter is not None and self.unit != "words":
            raise UsageError(f"--segmenter {self.segmenter} makes words: add --unit words")
        if self.unit != "subwords":
            return Splitter(self.unit, segmenter=self.segmenter)
        if self.vocab_size is not None:
            learnt = Tokenizer.train(lines, TokenizerConfig(vocab_size=self.vocab_size))
            if learnt.vocab_size < self.vocab_size:
                tell(
                    f"the text has no more than {learnt.vocab_size:,} subwords to learn, not {self.vocab_size:,}"
                )
            return Splitter("subwords", learnt)
        path = Path(self.tokenizer)
        if not path.is_file():
            found = find_model(self.tokenizer)
            names = (TOKENIZERS["joint"], TOKENIZERS["target"])
            path = next((found / name for name in names if (found / name).exists()), found / names[0])
        return Splitter("subwords", Tokenizer.load(path))


def read(corpus: Sequence[Path], side: Literal["source", "target"], language: LanguageFlags) -> list[str]:
    """The lines of the files that a verb was given."""
    from dragoman.corpus.monolingual import read_texts

    if not corpus:
        raise UsageError("there is no text: name its files, such as corpus.txt.gz or pairs.tsv (see --help)")
    return list(read_texts(corpus, side, language.source_lang or "", language.target_lang or ""))


def refuse_ranks(what: str) -> None:
    """Raises UsageError under torchrun for what one process does: several would all write the same file."""
    if os.environ.get("WORLD_SIZE", "1") not in ("", "1"):
        raise UsageError(
            f"{what} by one process: leave out torchrun (WORLD_SIZE={os.environ['WORLD_SIZE']} is set)"
        )
