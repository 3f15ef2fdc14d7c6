"""The model that is examined, and the sentences that it is examined with. Judges nothing.

Dimensions: B batch, S source, T target.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dragoman.corpus.batches import pad
from dragoman.corpus.pairs import Pair
from dragoman.decoding.options import DecodingOptions, Hypothesis
from dragoman.decoding.search import search
from dragoman.ids import EOS, PAD
from dragoman.text.languages import base_language
from dragoman.translate.translator import Translator

SENTENCES = Path(__file__).with_name("sentences.toml")
EXAMINED = 10  # sentences, enough for several lengths
PIECES = (3, 6, 9, 14, 22)  # of sentences that are made up
LONGEST = 64  # tokens of a translation that is searched for: a wrong model may never end one
DRAWN = 1  # seed of what is made up


@dataclass(frozen=True)
class Patient:
    """A translator, and what there is to examine it with."""

    translator: Translator
    pairs: Sequence[Pair] = ()  # of the corpus, if one was given

    @cached_property
    def module(self) -> nn.Module:
        """Made outside of inference mode, whoever asks first: weights that are made within it have no gradients."""
        with torch.inference_mode(False):
            return self.translator.module

    @cached_property
    def texts(self) -> list[str]:
        """Sentences of the source language: of the corpus, else everyday ones, else made up of the model's pieces."""
        if self.pairs:
            step = max(1, len(self.pairs) // EXAMINED)
            found = [pair.source for pair in self.pairs[::step] if self._is_readable(pair.source)]
            if found:
                return found[:EXAMINED]
        known = tomllib.loads(SENTENCES.read_text(encoding="utf-8"))
        return known.get(base_language(self.translator.languages[0])) or self._made_up()

    def _is_readable(self, text: str) -> bool:
        ids = self.encoded(text)
        return 1 < len(ids) <= self.longest and any(map(str.isalnum, text))

    def _made_up(self) -> list[str]:
        tokenizer = self.translator.model.source_tokenizer
        spoken = [i for i, piece in enumerate(tokenizer.vocabulary()) if any(map(str.isalpha, piece))]
        words = [i for i in spoken if i > EOS and not tokenizer.vocabulary()[i].startswith("<")]
        draw = np.random.default_rng(DRAWN)
        return [tokenizer.decode(draw.choice(words, count).tolist()) for count in PIECES]

    @property
    def longest(self) -> int:
        """Tokens of a sentence that is examined: short, since some examinations compute each prefix anew."""
        return min(LONGEST, self.translator.longest)

    def encoded(self, text: str) -> list[int]:
        """Ids without </s>."""
        translator = self.translator
        return translator.model.source_tokenizer.encode(translator.prepare(text, "source"))

    @cached_property
    def sources(self) -> list[list[int]]:
        """The sentences as ids, without </s>."""
        return [self.encoded(text)[: self.longest] for text in self.texts]

    def source(self, rows: Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
        """Those sentences, or all, as source [B, S] and mask [B, S]."""
        chosen = range(len(self.sources)) if rows is None else rows
        ids = pad([[*self.sources[i], EOS] for i in chosen]).to(self.translator.device)
        return ids, ids != PAD

    @cached_property
    def options(self) -> DecodingOptions:
        """As the model's config.toml says, but for one translation of bounded length, and no draws."""
        own = self.translator.options
        own = own.changed(sample=False) if own.sample else own
        most = min(own.max_length, self.longest, self.translator.positions - 1)
        return replace(
            own, n_best=1, max_length=max(2, most), min_length=min(own.min_length, max(1, most - 1))
        )

    def searched(self, options: DecodingOptions, rows: Sequence[int] | None = None) -> list[Hypothesis]:
        """The best translation of each of those sentences, by the reference in one batch."""
        found = search(self.module, *self.source(rows), options)  # type: ignore[arg-type]
        return [best[0] for best in found]

    @cached_property
    def translated(self) -> list[Hypothesis]:
        """By the reference, all in one batch."""
        with torch.inference_mode():
            return self.searched(self.options)
