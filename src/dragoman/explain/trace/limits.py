"""What bounds the size of a trace: the arrays of long sentences are cut, and the trace says so. Computes nothing else.

Tokens, steps, losses and the tree of the beam are always whole: they grow slowly.

Dimensions: S source, T target, D model, H heads.
"""

from __future__ import annotations

from dataclasses import replace

from dragoman.explain.trace.layers import (
    Attention,
    DecoderLayer,
    Embedding,
    Embeddings,
    EncoderLayer,
    FeedForward,
    Pass,
    Residual,
)
from dragoman.explain.trace.values import Influence, Training
from dragoman.transformer.model import TransformerConfig
from dragoman.transformer.positions import ENCODINGS

MOST_POSITIONS = 64  # a side; a matrix of more cells is not read by a person
MOST_BYTES = 8_000_000  # of the arrays of both modes together, as they stand in JSON
STRIDE = 4  # positions by which the limit falls until the arrays are small enough
BYTES = 2 * 4 / 3  # of a number: float16 as base64


def array_bytes(config: TransformerConfig, source: int, target: int, modes: int) -> float:
    """What the arrays of so many positions take in JSON."""
    d_model, n_heads = config.d_model, config.n_heads
    biased = "bias" in ENCODINGS[config.positions].places()

    def attention(queries: int, keys: int) -> int:
        """q and output, k and v, scores and weights, and what positions add to the scores."""
        return 2 * d_model * (queries + keys) + (2 + biased) * n_heads * queries * keys

    layers = config.encoder_layers * attention(source, source)
    layers += config.decoder_layers * (attention(target, target) + attention(target, source))
    vectors = 5 * d_model * (source + target)  # four of the embedding, and memory or hidden
    return BYTES * modes * (layers + vectors)


def kept_positions(config: TransformerConfig, source: int, target: int, modes: int) -> tuple[int, int]:
    """How many positions of each side have their arrays kept."""
    most = MOST_POSITIONS
    while most > STRIDE:
        kept = min(source, most), min(target, most)
        if array_bytes(config, *kept, modes) <= MOST_BYTES:
            break
        most -= STRIDE
    return min(source, most), min(target, most)


def cut_pass(found: Pass, source: int, target: int) -> Pass:
    """Only the first positions of each side."""
    return replace(
        found,
        embedding=found.embedding
        and Embeddings(
            _embedding(found.embedding.source, source), _embedding(found.embedding.target, target)
        ),
        encoder=tuple(
            EncoderLayer(
                _attention(layer.self, source, source),
                _feed_forward(layer.feed_forward, source),
                _residuals(layer.residuals, source),
            )
            for layer in found.encoder
        ),
        decoder=tuple(_decoder_layer(layer, source, target) for layer in found.decoder),
        memory=None if found.memory is None else found.memory[:source],
        hidden=None if found.hidden is None else found.hidden[:target],
        lens=tuple(words[:target] for words in found.lens),
        logits=found.logits[:target],
    )


def cut_training(found: Training, source: int, target: int) -> Training:
    return replace(
        found,
        causal_mask=tuple(row[:target] for row in found.causal_mask[:target]),
        passed=cut_pass(found.passed, source, target),
    )


def cut_influence(found: Influence, source: int, target: int) -> Influence:
    zeroed = found.value_zeroing
    return replace(
        found,
        attention=found.attention[:target, :source],
        value_zeroing=None if zeroed is None else zeroed[:target, :source],
    )


def _decoder_layer(layer: DecoderLayer, source: int, target: int) -> DecoderLayer:
    # With Q from the wrong side the rows are the source's.
    asks = (source, target) if layer.cross.q_from == "memory" else (target, source)
    return DecoderLayer(
        layer.self and _attention(layer.self, target, target),
        _attention(layer.cross, *asks),
        layer.feed_forward and _feed_forward(layer.feed_forward, target),
        _residuals(layer.residuals, target),
    )


def _attention(found: Attention, rows: int, columns: int) -> Attention:
    """`shapes` keeps telling the real sizes."""
    return replace(
        found,
        q=None if found.q is None else found.q[:, :rows],
        k=None if found.k is None else found.k[:, :columns],
        v=None if found.v is None else found.v[:, :columns],
        scores=None if found.scores is None else found.scores[:, :rows, :columns],
        bias=None if found.bias is None else found.bias[:, :rows, :columns],
        weights=found.weights[:, :rows, :columns],
        output=None if found.output is None else found.output[:, :rows],
        allowed=tuple(row[:columns] for row in found.allowed[:rows]),
    )


def _feed_forward(found: FeedForward, keep: int) -> FeedForward:
    return replace(
        found, active=found.active[:keep], norm_in=found.norm_in[:keep], norm_out=found.norm_out[:keep]
    )


def _residuals(found: tuple[Residual, ...], keep: int) -> tuple[Residual, ...]:
    return tuple(
        replace(
            one,
            x=one.x[:keep],
            sublayer=one.sublayer[:keep],
            sum=one.sum[:keep],
            normed=one.normed and one.normed[:keep],
        )
        for one in found
    )


def _embedding(found: Embedding, keep: int) -> Embedding:
    return Embedding(found.token[:keep], found.scaled[:keep], found.positions[:keep], found.sum[:keep])
