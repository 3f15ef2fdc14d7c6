"""Translators of common sizes, each as what it says over the defaults of settings.py. Decides nothing."""

from __future__ import annotations

from typing import Any

_MODERN = {"norm": "pre", "dropout": 0.3}
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    # The paper's base model and schedule (Table 3; equation 3 peaks at (512 * 4000) ** -0.5 = 7e-4).
    "paper-base": {
        "model": {"d_model": 512, "d_ff": 2048, "n_heads": 8, "encoder_layers": 6, "decoder_layers": 6},
        "optimizer": {"kind": "adam", "peak_lr": 7e-4, "clip_norm": 0.0, "ema_decay": 0.0},
        "tokenizer": {"vocab_size": 32_000},
    },
    "base": {
        "model": {
            "d_model": 512,
            "d_ff": 2048,
            "n_heads": 8,
            "encoder_layers": 6,
            "decoder_layers": 6,
            "norm": "pre",
        },
        "tokenizer": {"vocab_size": 16_000, "sampling": 0.1},
    },
    # Deep encoder, shallow decoder: the quality of 6+6 at small size, and much faster to translate with.
    "small": {
        "model": {
            "d_model": 256,
            "d_ff": 1024,
            "n_heads": 4,
            "encoder_layers": 6,
            "decoder_layers": 2,
            **_MODERN,
        },
        # Muon needs half the steps of AdamW, each a tenth to a half dearer (benchmarks/README.md).
        "optimizer": {
            "kind": "muon",
            "peak_lr": 3e-3,
            "schedule": "cosine",
            "warmup_steps": 300,
            "weight_decay": 0.05,
        },
        "tokenizer": {"vocab_size": 6000, "sampling": 0.1},
        # Twice the steps of 4,096 for the same computation, and on small corpora each step helps as much.
        "training": {"batch_tokens": 2048, "max_steps": 10_000},
    },
    # Wu et al. (2021) found this size best for 29,000 pairs without strong regularisation.
    "tiny": {
        "model": {
            "d_model": 128,
            "d_ff": 256,
            "n_heads": 4,
            "encoder_layers": 4,
            "decoder_layers": 4,
            **_MODERN,
        },
        "optimizer": {"peak_lr": 5e-3, "warmup_steps": 1000},
        "tokenizer": {"vocab_size": 6000, "sampling": 0.1},
    },
    # The system before: two recurrent networks, and attention between them.
    "rnn": {
        "model": {"kind": "rnn", "d_model": 256, "layers": 2},
        "optimizer": {"peak_lr": 3e-3, "schedule": "cosine", "warmup_steps": 300},
        "tokenizer": {"vocab_size": 6000, "sampling": 0.1},
        "training": {"batch_tokens": 2048, "max_steps": 10_000},
    },
}
