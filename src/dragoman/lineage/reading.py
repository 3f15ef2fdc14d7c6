"""Images read: pixels in, text out, through the search that translates. Opens no file.

Dimensions: B images, h and w pixels, S patches, T tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dragoman.decoding.options import DecodingOptions
from dragoman.decoding.search import search
from dragoman.lineage.imagereader import ImageReader, patches
from dragoman.processor import one_thread
from dragoman.text.vocabulary import Vocabulary

LONGEST = 32  # tokens that are written at most


@dataclass(frozen=True)
class Reading:
    """What was written about one image."""

    text: str
    tokens: tuple[int, ...]  # without <s> and </s>
    probability: float  # of all tokens together, and of the end


@one_thread()
def read(
    model: ImageReader, vocabulary: Vocabulary, pixels: Tensor, options: DecodingOptions | None = None
) -> list[Reading]:
    """pixels [B, h, w], 0 to 1 -> what each image says, by greedy search if `options` say nothing else."""
    options = options or DecodingOptions(beam_size=1, max_length=LONGEST, max_length_ratio=0.0)
    source = patches(pixels, model.config.patch)
    found = search(model, source, torch.ones(source.shape[:2], dtype=torch.bool), options)
    return [_reading(vocabulary, best.tokens, best.token_scores) for best, *_ in found]


def _reading(vocabulary: Vocabulary, tokens: Sequence[int], scores: Sequence[float]) -> Reading:
    return Reading(vocabulary.decode(tokens), tuple(tokens), math.exp(sum(scores)))
