"""Hugging Face Marian trained with a plain loop: the model that Opus-MT translators are made of. fp32, as it comes."""

from __future__ import annotations

import time
from typing import Any

import torch
from transformers import MarianConfig, MarianMTModel

from benchmarks.peers.batches import PAD, read
from benchmarks.peers.plain import BOS, CLIP_NORM, EOS, loss_of
from benchmarks.timing import Stopwatch


def train(
    batches: str, size: dict[str, Any], dropout: float, warm_up: int, seconds: float
) -> dict[str, float]:
    torch.manual_seed(1)
    layers, heads, wide = size["layers"], size["n_heads"], size["d_ff"]
    config = MarianConfig(
        vocab_size=size["vocab"], d_model=size["d_model"], dropout=dropout, activation_function="relu",
        encoder_layers=layers, encoder_attention_heads=heads, encoder_ffn_dim=wide,
        decoder_layers=layers, decoder_attention_heads=heads, decoder_ffn_dim=wide,
        pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS, forced_eos_token_id=EOS, decoder_start_token_id=BOS,
        max_position_embeddings=512, scale_embedding=True, use_cache=False,
    )  # fmt: skip
    model = MarianMTModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    watch = Stopwatch(warm_up, seconds)
    for source, target in read(batches):
        started = time.perf_counter()
        found = model(
            input_ids=source, attention_mask=(source != PAD).long(), decoder_input_ids=target[:, :-1],
            decoder_attention_mask=(target[:, :-1] != PAD).long(),
        )  # fmt: skip
        loss = loss_of(found.logits, target[:, 1:])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        if watch.step(time.perf_counter() - started, int((target[:, 1:] != PAD).sum())):
            break
    return watch.result() | {"parameters": sum(p.numel() for p in model.parameters() if p.requires_grad)}
