"""A character stays a few bytes, whatever a model's own rules say."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import sentencepiece

from dragoman.errors import ModelError
from dragoman.text.rules import MOST_WRITTEN, longest_written
from dragoman.text.tokenizer import Tokenizer
from text.odd_tokenizers import CHARSMAP, DENORMALIZER, LENGTH, NORMALIZER, read, write

LINES = ["the cat sees a dog", "a dog sees the cat"] * 40


def trained(**rules: str) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=model, vocab_size=280, byte_fallback=True,
        hard_vocab_limit=False, pad_id=0, unk_id=1, bos_id=2, eos_id=3, pad_piece="<pad>", minloglevel=2, **rules,
    )  # fmt: skip
    return model.getvalue()


def with_rule(length: int, section: int, folder: Path) -> bytes:
    """A model that writes so many letters for a z, in one of its two sections of rules."""
    (folder / "rules.tsv").write_text("7A\t62 62\n")
    model = read(trained(normalization_rule_tsv=str(folder / "rules.tsv")))
    spec = next(value for number, _, value in model if number == NORMALIZER)
    assert isinstance(spec, bytes)
    changed = []
    for number, kind, value in read(spec):
        if number == CHARSMAP and isinstance(value, bytes):
            trie = value[: 4 + int.from_bytes(value[:4], "little")]
            value = trie + b"b" * length + b"\0"
        changed.append((number, kind, value))
    rest = [entry for entry in model if entry[0] != section]
    return write([*rest, (section, LENGTH, write(changed))])


@pytest.mark.parametrize("section", [NORMALIZER, DENORMALIZER])
def test_a_rule_that_writes_a_book_for_a_letter_is_refused(section: int, tmp_path: Path) -> None:
    # One letter was 100,000 tokens, and a request of 20,000 of them two thousand million.
    assert longest_written(with_rule(MOST_WRITTEN, section, tmp_path), "t") == MOST_WRITTEN
    Tokenizer(with_rule(MOST_WRITTEN, section, tmp_path))
    with pytest.raises(ModelError, match="writes 100,000 bytes for one character"):
        Tokenizer(with_rule(100_000, section, tmp_path))


@pytest.mark.parametrize("name", ["identity", "nmt_nfkc_cf", "nfkc"])
def test_the_rules_that_others_use_are_taken(name: str) -> None:
    assert Tokenizer(trained(normalization_rule_name=name)).encode("Ａ ﷺ")
