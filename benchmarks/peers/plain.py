"""What a good afternoon with PyTorch gives: torch.nn.Transformer trained plainly, and a greedy loop with a cache.

Nothing of Dragoman is imported. Dimensions: B batch, S source, T target, D model, H heads, K head width, V vocabulary.
"""

from __future__ import annotations

import json
import math
import time
import tomllib
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.peers.batches import PAD, read
from benchmarks.timing import Stopwatch

BOS, EOS = 2, 3
LABEL_SMOOTHING, CLIP_NORM = 0.1, 1.0


def sinusoids(length: int, d_model: int) -> Tensor:
    """[T, D], sine and cosine side by side."""
    angle = torch.arange(length)[:, None] * torch.exp(
        torch.arange(0, d_model, 2) * (-math.log(1e4) / d_model)
    )
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(1)


class Model(nn.Module):
    """torch.nn.Transformer between one table of embeddings and the same table as output."""

    def __init__(
        self, d_model: int, d_ff: int, layers: int, n_heads: int, vocab: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, d_model)
        nn.init.normal_(self.embedding.weight, std=d_model**-0.5)
        with warnings.catch_warnings():  # it warns that norm_first rules out a shortcut of evaluation
            warnings.simplefilter("ignore", UserWarning)
            self.body = nn.Transformer(
                d_model, n_heads, layers, layers, d_ff, dropout, norm_first=True, batch_first=True
            )
        self.dropout = nn.Dropout(dropout)
        self.positions: Tensor
        self.register_buffer("positions", sinusoids(512, d_model))

    def embed(self, ids: Tensor) -> Tensor:
        x: Tensor = self.embedding(ids) * math.sqrt(self.embedding.embedding_dim)
        dropped: Tensor = self.dropout(x + self.positions[: ids.size(1)])
        return dropped

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """source [B, S], target [B, T] -> logits [B, T, V]."""
        padding = source == PAD
        hidden = self.body(
            self.embed(source),
            self.embed(target),
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(target.size(1)),
            tgt_is_causal=True,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return F.linear(hidden, self.embedding.weight)


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the real tokens of the smoothed cross-entropy."""
    return F.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=PAD, label_smoothing=LABEL_SMOOTHING
    )


def train(
    batches: str, size: dict[str, Any], dropout: float, precision: str, warm_up: int, seconds: float
) -> dict[str, float]:
    """fp32, or bf16 through autocast as PyTorch's documentation shows it."""
    torch.manual_seed(1)
    model = Model(**size, dropout=dropout).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    bf16 = torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext()
    watch = Stopwatch(warm_up, seconds)
    for source, target in read(batches):
        started = time.perf_counter()
        with bf16:
            loss = loss_of(model(source, target[:, :-1]), target[:, 1:])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        if watch.step(time.perf_counter() - started, int((target[:, 1:] != PAD).sum())):
            break
    return watch.result() | {"parameters": sum(p.numel() for p in model.parameters())}


class Greedy:
    """A pre-norm Transformer's weights, and the loop that everyone writes first: a cache, log-softmax, argmax."""

    def __init__(self, model: Path, dtype: torch.dtype) -> None:
        config = tomllib.loads((model / "config.toml").read_text())["model"]
        wanted = {"norm": "pre", "positions": "sinusoidal", "activation": "relu", "tie": "all"}
        other = {key: config[key] for key in wanted if config[key] != wanted[key]}
        if other:
            raise ValueError(
                f"the plain loop decodes models with {json.dumps(wanted)}, not {json.dumps(other)}"
            )
        self.weights = {name: w.to(dtype) for name, w in load_file(model / "model.safetensors").items()}
        self.heads, self.layers = config["n_heads"], (config["encoder_layers"], config["decoder_layers"])
        self.positions = sinusoids(4096, config["d_model"]).to(dtype)

    def linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def split(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, H, T, K]."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def attend(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, name: str) -> Tensor:
        q = self.split(self.linear(x, f"{name}.q"))
        found = F.scaled_dot_product_attention(q, keys, values, mask)
        return self.linear(found.transpose(1, 2).flatten(2), f"{name}.output")

    def feed_forward(self, x: Tensor, name: str) -> Tensor:
        return self.linear(self.linear(x, f"{name}.inner").relu(), f"{name}.outer")

    def embed(self, ids: Tensor, offset: int) -> Tensor:
        table = self.weights["embedding.weight"]
        return table[ids] * math.sqrt(table.size(1)) + self.positions[offset : offset + ids.size(1)]

    def keys_values(self, x: Tensor, name: str) -> tuple[Tensor, Tensor]:
        return self.split(self.linear(x, f"{name}.k")), self.split(self.linear(x, f"{name}.v"))

    def encode(self, source: Tensor, mask: Tensor) -> Tensor:
        x = self.embed(source, 0)
        for name in (f"encoder.layers.{n}" for n in range(self.layers[0])):
            y = self.norm(x, f"{name}.residuals.0.norm")
            attention = f"{name}.self_attention"
            x = x + self.attend(y, *self.keys_values(y, attention), mask, attention)
            x = x + self.feed_forward(self.norm(x, f"{name}.residuals.1.norm"), f"{name}.feed_forward")
        return self.norm(x, "encoder.norm")

    def translate(self, sources: Sequence[Sequence[int]], longest: int) -> list[list[int]]:
        """Ids without specials -> ids up to </s>; every row goes on until the last has ended."""
        width = max(map(len, sources)) + 1
        source = torch.tensor([[*row, EOS, *[PAD] * (width - len(row) - 1)] for row in sources])
        mask = (source != PAD)[:, None, None]  # [B, 1, 1, S]
        memory = self.encode(source, mask)
        names = [f"decoder.layers.{n}" for n in range(self.layers[1])]
        crossed = [self.keys_values(memory, f"{name}.cross_attention") for name in names]
        cache: list[tuple[Tensor, Tensor] | None] = [None] * len(names)
        tokens = torch.full((len(sources), 1), BOS)
        ended = torch.zeros(len(sources), dtype=torch.bool)
        for step in range(longest):
            x = self.embed(tokens[:, -1:], step)
            for n, name in enumerate(names):
                y = self.norm(x, f"{name}.residuals.0.norm")
                new = self.keys_values(y, f"{name}.self_attention")
                past = cache[n]
                kept = (
                    new
                    if past is None
                    else (torch.cat((past[0], new[0]), 2), torch.cat((past[1], new[1]), 2))
                )
                cache[n] = kept
                x = x + self.attend(y, *kept, None, f"{name}.self_attention")
                y = self.norm(x, f"{name}.residuals.1.norm")
                x = x + self.attend(y, *crossed[n], mask, f"{name}.cross_attention")
                x = x + self.feed_forward(self.norm(x, f"{name}.residuals.2.norm"), f"{name}.feed_forward")
            hidden = self.norm(x, "decoder.norm")[:, -1]
            scores = F.linear(hidden, self.weights["embedding.weight"]).float().log_softmax(-1)
            following = scores.argmax(-1).masked_fill(ended, PAD)
            tokens = torch.cat((tokens, following[:, None]), 1)
            ended |= following == EOS
            if bool(ended.all()):
                break
        return [[i for i in row[1:] if i not in (PAD, EOS)] for row in tokens.tolist()]


@torch.inference_mode()
def translate(
    model: str, source: str, output: str, compute_type: str, batch: int, sort: bool = True
) -> dict[str, float]:
    """Text file in, text file out: SentencePiece, batches of `batch` sentences of like length, the loop."""
    started = time.perf_counter()
    greedy = Greedy(Path(model), getattr(torch, compute_type))
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(Path(model) / "tokenizer.model"))
    loaded = time.perf_counter()
    ids = tokenizer.encode(Path(source).read_text(encoding="utf-8").split("\n")[:-1])
    order = sorted(range(len(ids)), key=lambda i: len(ids[i])) if sort else list(range(len(ids)))
    found: list[list[int]] = [[] for _ in ids]
    for start in range(0, len(order), batch):
        indices = order[start : start + batch]
        longest = 3 * max(len(ids[i]) for i in indices) + 10
        translated = greedy.translate([ids[i] for i in indices], longest)
        for i, row in zip(indices, translated, strict=True):
            found[i] = row
    Path(output).write_text("".join(f"{line}\n" for line in tokenizer.decode(found)), encoding="utf-8")
    taken = time.perf_counter() - loaded
    return {
        "sentences_per_second": len(ids) / taken,
        "tokens_per_second": sum(map(len, found)) / taken,
        "load_seconds": loaded - started,
    }
