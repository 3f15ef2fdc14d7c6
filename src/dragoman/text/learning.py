"""Learning the pieces of a vocabulary with SentencePiece, and its complaints in our words. Reads no corpus files."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import sentencepiece

from dragoman.errors import CorpusError
from dragoman.ids import BOS, EOS, PAD, SPECIALS, UNK
from dragoman.text.selection import some_of

if TYPE_CHECKING:
    from dragoman.text.tokenizer import TokenizerConfig

SHUFFLE_SEED = 1
# Different characters at most, and their share of the vocabulary, where each of them is worth a piece.
_ALPHABET, _SHARE = 1000, 1 / 8
_ALL_OF_IT, _MOST_OF_IT = 0.99999, 0.9995  # shares of a text's characters
_LONGEST_WORD = 15  # characters; a piece of SentencePiece has 16, with the sign of a space
_MANY_WORDS = 2**20  # at once; rare ones are forgotten
# What SentencePiece says, in its words, of a vocabulary that is too large or too small for a text.
TOO_HIGH = re.compile(r"set it to a value <= (\d+)")
_TOO_LOW = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")


def placeholder_words(count: int) -> tuple[str, ...]:
    """The first words that a vocabulary reserves for what no model knows."""
    return tuple(f"⟦{number}⟧" for number in range(count))


def learnt(lines: Iterable[str], config: TokenizerConfig, symbols: Sequence[str], exact: bool) -> bytes:
    """A SentencePiece model; if not `exact`, one with fewer pieces will do.

    Lines that can be read only once are not looked at before: their words are learnt as SentencePiece does.
    """
    model = io.BytesIO()
    once = iter(lines) is lines
    characters, words = _looked_at(() if once else some_of(lines, config.training_lines, SHUFFLE_SEED))
    alphabet = not once and characters <= min(_ALPHABET, _SHARE * config.vocab_size)
    coverage = config.character_coverage or (_ALL_OF_IT if alphabet else _MOST_OF_IT)
    words = words if config.kind == "unigram" else []
    # Lines are shuffled before they are read; without this each process would shuffle them its own way.
    sentencepiece.set_random_generator_seed(SHUFFLE_SEED)
    train: Callable[..., None] = sentencepiece.SentencePieceTrainer.train
    if not exact:  # what is said is written into the model, even if it is the default
        train = partial(train, hard_vocab_limit=False)
    if symbols:
        train = partial(train, control_symbols=list(dict.fromkeys(symbols)))
    train(
        sentence_iterator=chain(some_of(lines, config.training_lines, SHUFFLE_SEED), words),
        model_writer=model,
        model_type=config.kind,
        vocab_size=config.vocab_size,
        character_coverage=coverage,
        byte_fallback=True,
        normalization_rule_name="identity",
        input_sentence_size=config.training_lines and config.training_lines + len(words),
        shuffle_input_sentence=True,
        train_extremely_large_corpus=False,
        max_sentence_length=100_000,
        pad_id=PAD,
        unk_id=UNK,
        bos_id=BOS,
        eos_id=EOS,
        pad_piece=SPECIALS[PAD],
        user_defined_symbols=[*placeholder_words(config.placeholders), *config.symbols],
        num_threads=2,  # fixed: the learnt pieces must not depend on the machine
        minloglevel=2,
    )
    return model.getvalue()


def _looked_at(lines: Iterable[str]) -> tuple[int, list[str]]:
    """How many different characters there are, and the words that are there more than once.

    These become lines of their own. For a unigram model SentencePiece tries what is repeated and followed by more than
    one character: a word that has a space after it wherever it stands ("einem" in picture captions) never became a
    piece, however frequent.
    """
    characters, words, most = set[str](), Counter[str](), _MANY_WORDS
    for line in lines:
        characters.update(line)
        words.update(word for word in line.split() if 1 < len(word) <= _LONGEST_WORD)
        if len(words) > most:
            words = Counter({word: count for word, count in words.items() if count > 1})
            most = max(most, 2 * len(words))
    return len(characters), [word for word, count in words.items() if count > 1]


def refused(error: Exception, config: TokenizerConfig) -> CorpusError:
    """What a person is told of an `error` of SentencePiece's."""
    why = f"no vocabulary of {config.vocab_size:,} pieces can be learnt from this corpus: "
    if found := _TOO_LOW.search(str(error)):
        return CorpusError(
            f"{why}its characters and the 256 bytes are {int(found[1]):,} pieces by themselves: raise "
            "tokenizer.vocab_size to more than that, or lower tokenizer.character_coverage"
        )
    if found := TOO_HIGH.search(str(error)):
        return CorpusError(f"{why}lower tokenizer.vocab_size to {int(found[1]):,}, or use more text")
    return CorpusError(f"{why}{reason(error)}")


def reason(error: Exception) -> str:
    """The last clause of SentencePiece's message, without its source file and line."""
    text = " ".join(str(error).split("] ")[-1].split()).rstrip(".")
    return text or "it cannot be read"
