"""JoeyNMT's own training, told the same size, vocabulary, dropout and budget; its own log is what is counted.

It does not sort sentences by length, so its batches of as many tokens hold more padding; target tokens are counted
without it, here as everywhere.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.timing import Stopwatch


def train(
    directory: str, languages: list[str], size: dict[str, Any], dropout: float, batch_tokens: int,
    warm_up: int, seconds: float,
) -> dict[str, float]:  # fmt: skip
    from joeynmt.training import TrainManager
    from joeynmt.training import train as joeynmt_train

    watch = Stopwatch(warm_up, seconds)
    log_scores = TrainManager._log_scores
    parameters = 0

    def watched(self: Any, epoch: int, elapsed: float, tokens_before: int, *rest: Any) -> None:
        """It logs after each step how many tokens took how long: note both, and end the training when it is enough."""
        nonlocal parameters
        parameters = sum(p.numel() for p in self.model.parameters())
        log_scores(self, epoch, elapsed, tokens_before, *rest)
        if watch.step(elapsed, int(self.stats.total_tokens - tokens_before)):
            self.stats.is_max_update = True

    TrainManager._log_scores = watched
    with tempfile.TemporaryDirectory() as output:
        joeynmt_train(
            0, 1, configuration(Path(directory), languages, size, dropout, batch_tokens, output), True
        )
    return watch.result() | {"parameters": parameters}


def configuration(
    directory: Path,
    languages: list[str],
    size: dict[str, Any],
    dropout: float,
    batch_tokens: int,
    output: str,
) -> dict[str, Any]:
    """What its YAML file would hold."""
    return {
        "name": "benchmark", "joeynmt_version": "2.3.0", "model_dir": output, "use_cuda": False, "fp16": False,
        "random_seed": 1,
        "data": {
            "dataset_type": "plain", "train": str(directory / "train"), "dev": str(directory / "dev"),
            "src": _side(directory, languages[0]), "trg": _side(directory, languages[1]),
            # Ids are its own; the strings are those of the vocabulary.
            "special_symbols": {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
        },
        "testing": {"n_best": 1, "beam_size": 1, "batch_size": 64, "batch_type": "sentence", "max_output_length": 50},
        "training": {
            "model_dir": output, "overwrite": True, "optimizer": "adamw", "learning_rate": 1e-4,
            "learning_rate_min": 0.0, "scheduling": "warmupinversesquareroot",
            "learning_rate_warmup": 4000, "clip_grad_norm": 1.0, "batch_size": batch_tokens, "batch_type": "token",
            "normalization": "tokens", "label_smoothing": 0.1, "epochs": 10**6, "logging_freq": 1,
            "validation_freq": 10**9, "early_stopping_metric": "loss",
        },
        "model": {
            "initializer": "xavier_uniform", "embed_initializer": "xavier_uniform",
            "tied_embeddings": True, "tied_softmax": True,
            "encoder": _stack(size, dropout), "decoder": _stack(size, dropout),
        },
    }  # fmt: skip


def _side(directory: Path, language: str) -> dict[str, Any]:
    return {
        "lang": language, "max_length": 200, "level": "bpe", "lowercase": False, "normalize": False,
        "voc_file": str(directory / "vocab.txt"), "tokenizer_type": "sentencepiece",
        "tokenizer_cfg": {"model_file": str(directory / "tokenizer.model"), "pretokenizer": "none"},
    }  # fmt: skip


def _stack(size: dict[str, Any], dropout: float) -> dict[str, Any]:
    return {
        "type": "transformer", "num_layers": size["layers"], "num_heads": size["n_heads"],
        "embeddings": {"embedding_dim": size["d_model"], "scale": True, "dropout": 0.0},
        "hidden_size": size["d_model"], "ff_size": size["d_ff"], "dropout": dropout, "layer_norm": "pre",
    }  # fmt: skip
