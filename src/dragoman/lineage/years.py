"""When each system came, what was new in it and how large it was. Knows no model of this package.

Weights are in millions, as the papers give them; None where it has none, or its paper says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Milestone:
    """One system; `here` is the kind that came with this package."""

    year: int
    system: str
    paper: str
    new: str
    weights: float | None = None
    here: str | None = None


MILESTONES = (
    Milestone(1948, "n-gram", "Shannon", "counts of the last few words", here="ngram"),
    Milestone(2003, "NNLM", "Bengio et al.", "a vector a word, learnt with the rest", here="nnlm"),
    Milestone(2010, "RNN", "Mikolov et al.", "one state carries along what was read", here="rnn"),
    Milestone(2013, "word2vec", "Mikolov et al.", "vectors of words, in minutes"),
    Milestone(2014, "seq2seq", "Sutskever et al.", "one network reads, one writes; 4 layers", 384),
    Milestone(2014, "attention", "Bahdanau et al.", "every word that was read, at each step"),
    Milestone(2017, "Transformer", "Vaswani et al.", "attention alone, all places at once", 65, "transformer"),
    Milestone(2018, "GPT-1", "Radford et al.", "decoder alone: pre-train, fine-tune", 117, "gpt"),
    Milestone(2018, "BERT", "Devlin et al.", "encoder alone: 15 % of words hidden", 110, "bert"),
    Milestone(2019, "GPT-2", "Radford et al.", "larger: no fine-tuning needed", 1_542),
    Milestone(2020, "GPT-3", "Brown et al.", "larger: examples in the prompt do", 175_000),
)  # fmt: skip
