"""MindSpore's nn.Transformer on the CPU, trained as the notebook of a course would. fp32, pre-norm, as it comes.

In PyNative mode, MindSpore's default: operators run one by one, so batches may have any shape. Graph mode (ms.jit)
compiles the step anew for each shape, which takes longer than the step itself, and most batches bring a new shape.

Dimensions: B batch, S source, T target, D model, V vocabulary.
"""

from __future__ import annotations

import math
import time
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.common.initializer import Normal

from benchmarks.peers.batches import PAD, read_arrays
from benchmarks.timing import Stopwatch

LABEL_SMOOTHING, CLIP_NORM = 0.1, 1.0


def sinusoids(length: int, d_model: int) -> np.ndarray:
    """[T, D], sine and cosine side by side."""
    angle = np.arange(length)[:, None] * np.exp(np.arange(0, d_model, 2) * (-math.log(1e4) / d_model))
    return np.stack((np.sin(angle), np.cos(angle)), -1).reshape(length, d_model).astype(np.float32)


class Model(nn.Cell):  # type: ignore[misc]  # no types where MindSpore is not installed
    """nn.Transformer between one table of embeddings and the same table as output."""

    def __init__(
        self, d_model: int, d_ff: int, layers: int, n_heads: int, vocab: int, dropout: float
    ) -> None:
        super().__init__()
        self.scale = math.sqrt(d_model)
        self.embedding = nn.Embedding(vocab, d_model, embedding_table=Normal(d_model**-0.5))
        self.body = nn.Transformer(
            d_model, n_heads, layers, layers, d_ff, dropout, norm_first=True, batch_first=True
        )
        self.dropout = nn.Dropout(p=dropout)
        self.positions = Tensor(sinusoids(512, d_model))

    def embed(self, ids: Tensor) -> Tensor:
        return self.dropout(self.embedding(ids) * self.scale + self.positions[: ids.shape[1]])

    def construct(self, source: Tensor, target: Tensor) -> Tensor:
        """source [B, S], target [B, T] -> logits [B, T, V]."""
        padding = source == PAD
        length = target.shape[1]
        hidden = self.body(
            self.embed(source),
            self.embed(target),
            tgt_mask=Tensor(np.triu(np.ones((length, length), bool), 1)),
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return ops.matmul(hidden, self.embedding.embedding_table.T)


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the real tokens of the smoothed cross-entropy."""
    return ops.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        labels.reshape(-1),
        ignore_index=PAD,
        label_smoothing=LABEL_SMOOTHING,
    )


def train(
    batches: str, size: dict[str, Any], dropout: float, warm_up: int, seconds: float
) -> dict[str, float]:
    ms.set_device("CPU")
    ms.set_seed(1)
    model = Model(**size, dropout=dropout).set_train()
    optimizer = nn.AdamWeightDecay(model.trainable_params(), learning_rate=1e-4, weight_decay=0.01)

    def forward(source: Tensor, target: Tensor) -> Tensor:
        return loss_of(model(source, target[:, :-1]), target[:, 1:])

    loss_and_gradients = ms.value_and_grad(forward, None, optimizer.parameters)
    watch = Stopwatch(warm_up, seconds)
    for source, target in read_arrays(batches):
        started = time.perf_counter()
        _, gradients = loss_and_gradients(Tensor(source, ms.int32), Tensor(target, ms.int32))
        optimizer(ops.clip_by_global_norm(gradients, CLIP_NORM))
        optimizer.parameters[-1].asnumpy()  # operators are queued in order: wait for what the last one writes
        if watch.step(time.perf_counter() - started, int((target[:, 1:] != PAD).sum())):
            break
    return watch.result() | {"parameters": sum(p.size for p in model.trainable_params())}
