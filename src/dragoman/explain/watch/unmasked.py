"""What training does without the causal mask: a small model taught on noise, with the mask and without it.

A model that was trained behind the mask has never learnt to look ahead, so taking the mask away from it (broken.py)
confuses it. Trained without the mask it learns nothing else: the label stands in its own input, one place to the right.
On texts of random tokens nothing can be foreseen, so log C nats a token is the best that is honest.

Dimensions: B batch, T target, C choices of a token.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from dragoman.explain.watch.broken import machine
from dragoman.ids import BOS, EOS
from dragoman.processor import one_thread
from dragoman.transformer.model import Transformer, TransformerConfig

CHOICES, LENGTH, BATCH = 8, 6, 32
FIRST = EOS + 1  # the first id that is no special token


@dataclass(frozen=True)
class Taught:
    """Losses in nats a token: at each step of training, of the loop afterwards, and the least that is honest."""

    training: tuple[float, ...]
    inference: float
    honest: float


@one_thread()
def taught_on_noise(masked: bool, steps: int = 150, seed: int = 0) -> Taught:
    """Train a Transformer of 1 + 1 layers, d 32, on random texts; takes a second or two.

    `inference` is measured where the loop stands: at the last position of a beginning, which nothing follows yet.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        config = TransformerConfig(
            d_model=32, d_ff=32, n_heads=2, encoder_layers=1, decoder_layers=1, norm="pre", dropout=0.0
        )
        whole = Transformer(config, FIRST + CHOICES, FIRST + CHOICES)
        model = machine(whole, None if masked else "causal_mask").module
        source = torch.full((BATCH, 1), EOS)  # says nothing
        real = torch.ones_like(source, dtype=torch.bool)
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        losses = []
        for _ in range(steps):
            words = torch.randint(FIRST, FIRST + CHOICES, (BATCH, LENGTH))
            inputs = F.pad(words, (1, 0), value=BOS)  # [B, T + 1]: <s> and every word
            logits = model(source, real, inputs)[:, :-1]  # its last position has no label among the words
            loss = F.cross_entropy(logits.flatten(0, 1), words.flatten())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            alone = [
                F.cross_entropy(model(source, real, inputs[:, : t + 1])[:, -1], words[:, t]).item()
                for t in range(LENGTH)
            ]
    return Taught(tuple(losses), sum(alone) / LENGTH, math.log(CHOICES))
