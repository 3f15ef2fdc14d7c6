"""A causal language model of text: how probable a text is, and what may come next. Knows no network and no file.

Dimensions: B batch, T tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dragoman.corpus.batches import pad
from dragoman.decoding.options import DecodingOptions
from dragoman.decoding.search import search
from dragoman.errors import UsageError
from dragoman.ids import BOS, EOS, PAD, UNK
from dragoman.lineage.causal import CausalLM, log_probabilities
from dragoman.lineage.perplexity import Scored
from dragoman.processor import one_thread
from dragoman.text.vocabulary import Vocabulary

_SCORED_AT_ONCE = 1024  # tokens; their logits are V times as many numbers


@dataclass(frozen=True)
class NeuralLM:
    """A causal language model of text."""

    model: CausalLM
    vocabulary: Vocabulary

    def score(self, lines: Sequence[str]) -> list[Scored]:
        """How probable each line is. Every line counts, empty ones too.

        A line longer than the positions of a GPT is read in windows that overlap by half.
        """
        encoded = self.vocabulary.encode(lines)
        totals = np.zeros(len(lines))
        windows = [
            (i, tokens, first)
            for i, ids in enumerate(encoded)
            for tokens, first in _windows([BOS, *ids, EOS], self.model.longest)
        ]
        windows.sort(key=lambda window: len(window[1]))
        for chosen in _within(windows, _SCORED_AT_ONCE):
            tokens = pad([tokens for _, tokens, _ in chosen])
            found = log_probabilities(self.model, tokens, tokens != PAD)
            for (i, _, first), row in zip(chosen, found, strict=True):
                totals[i] += float(row[first:].sum())
        return [
            Scored(float(total), len(ids) + 1, len(line) + 1, ids.count(UNK))
            for total, ids, line in zip(totals, encoded, lines, strict=True)
        ]

    @one_thread()
    def sample(self, prompt: str = "", longest: int = 100, temperature: float = 1.0, seed: int = 1) -> str:
        """A text that begins with `prompt`, drawn token by token, of at most `longest` tokens more.

        Raises UsageError for a prompt that fills all positions.
        """
        (ids,) = self.vocabulary.encode([prompt])
        room = longest if self.model.longest is None else min(longest, self.model.longest - len(ids))
        if room < 1:
            raise UsageError(
                f"the prompt has {len(ids):,} tokens, and the model has {self.model.longest:,} positions: shorten it"
            )
        options = DecodingOptions(
            beam_size=1, sample=True, temperature=temperature, seed=seed, max_length=len(ids) + room,
            max_length_ratio=0,
        )  # fmt: skip
        nothing = torch.tensor([[EOS]])
        (best,) = search(
            self.model,
            nothing,
            nothing != PAD,
            options,
            prefixes=[ids],
        )[0]
        return self.vocabulary.decode(best.tokens)


def _windows(tokens: list[int], longest: int | None) -> Iterator[tuple[list[int], int]]:
    """Pieces that a model can read, and how many of the predictions of each were made in the piece before."""
    if longest is None or len(tokens) - 1 <= longest:
        yield tokens, 0
        return
    stride = max(longest // 2, 1)
    yield tokens[: longest + 1], 0
    done = longest + 1  # tokens predicted, <s> counted
    while done < len(tokens):
        end = min(done + stride, len(tokens))
        begin = end - longest - 1
        yield tokens[begin:end], done - begin - 1
        done = end


def _within(windows: Sequence[Any], budget: int) -> Iterator[list[Any]]:
    """Windows of rising length in batches of at most so many tokens."""
    batch: list[Any] = []
    for window in windows:
        if batch and len(window[1]) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch
