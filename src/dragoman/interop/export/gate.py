"""What an export has to answer as the model it was made from: logits, and translations by beam search.

The reference is the torch module in float32. Knows no format.

Dimensions: T target, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import nn

from dragoman.decoding.options import DecodingOptions, Hypothesis
from dragoman.decoding.search import search
from dragoman.errors import ModelError
from dragoman.ids import BOS, EOS
from dragoman.model.directory import ModelDirectory

CLOSE = 1e-3  # nats: float32 in another order of sums
LONGEST = 80  # tokens of a translation


class Runtime(Protocol):
    """An export in its own program. Sources and targets are ids without <s> and </s>."""

    def encode(self, text: str) -> list[int]:
        """Text as the export's own tokenizer cuts it."""

    def log_probabilities(self, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
        """log p of each of the target's tokens, and of </s> after them, among the whole vocabulary [T + 1]."""

    def search(self, source: Sequence[int], options: DecodingOptions) -> list[int]:
        """The best translation, with the token in front that names its language, where the model has one."""


@dataclass(frozen=True)
class Gate:
    """Sentences, and what the model here makes of them."""

    model: ModelDirectory
    texts: Sequence[str]  # as the model's corpus was cleaned

    @cached_property
    def module(self) -> nn.Module:
        return self.model.build()

    @cached_property
    def options(self) -> DecodingOptions:
        """The model's own, as far as every search knows them."""
        own = DecodingOptions(**self.model.config["decoding"])
        beam = 1 if own.sample else own.beam_size
        return DecodingOptions(
            beam_size=beam,
            length_penalty=own.length_penalty,
            max_length=min(LONGEST, own.max_length),
            max_length_ratio=0.0,
        )

    @cached_property
    def sources(self) -> list[list[int]]:
        return [self.model.source_tokenizer.encode(text) for text in self.texts]

    def searched(self, source: Sequence[int], options: DecodingOptions) -> Hypothesis:
        """The best translation by the reference."""
        ids = torch.tensor([[*source, EOS]])
        with torch.inference_mode():
            real, lead = torch.ones_like(ids, dtype=torch.bool), self.model.target_tokenizer.lead
            return search(self.module, ids, real, options, prefixes=[lead])[0][0]  # type: ignore[arg-type]

    def log_probabilities(self, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
        """See Runtime; by the reference."""
        ids = torch.tensor([[*source, EOS]])
        inputs, labels = torch.tensor([[BOS, *target]]), torch.tensor([[*target, EOS]])
        with torch.inference_mode():
            logits = self.module(ids, torch.ones_like(ids, dtype=torch.bool), inputs)[0].float()
        return logits.log_softmax(-1).gather(1, labels.T)[:, 0].numpy()

    def admit(self, runtime: Runtime, target: str) -> None:
        """Raises ModelError where the export differs, with the first difference."""
        for text, ids in zip(self.texts, self.sources, strict=True):
            if (found := runtime.encode(text)) != ids:
                raise _differs(target, f"{text!r} becomes the tokens {found[:12]}, and {ids[:12]} here")
        for text, ids in zip(self.texts, self.sources, strict=True):
            best = self.searched(ids, self.options)
            ours = self.log_probabilities(ids, best.tokens)
            theirs = runtime.log_probabilities(ids, best.tokens)
            off = float(np.abs(ours - theirs).max())
            if not off <= CLOSE:
                raise _differs(
                    target, f"the log-probabilities of a translation of {text!r} are {off:.1e} apart"
                )
            written = runtime.search(ids, self.options)
            if written != best.tokens and self.worse(ids, best.tokens, written) > CLOSE:
                spelled = self.model.target_tokenizer.decode
                raise _differs(
                    target,
                    f"{text!r} is translated as {spelled(written)!r}, and {spelled(best.tokens)!r} here",
                )

    def worse(self, source: Sequence[int], ours: Sequence[int], theirs: Sequence[int]) -> float:
        """By how much their translation scores less than ours: where two are equally likely, either may win."""
        mine, other = (
            self.options.normalise(float(self.log_probabilities(source, one).sum()), len(one) + 1)
            for one in (ours, theirs)
        )
        return mine - other


def _differs(target: str, how: str) -> ModelError:
    return ModelError(f"the {target} export does not answer as the model does, and was not written: {how}")
