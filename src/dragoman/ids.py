"""The four ids that stand for no piece of text, the same in every vocabulary. Knows no tokenizer and no model."""

from __future__ import annotations

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")  # how they are spelled, by id

# No model writes these: padding and the start are no output, and nobody could read an unknown piece.
UNWRITTEN = (PAD, UNK, BOS)
