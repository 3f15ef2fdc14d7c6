"""BERT: the encoder alone, which reads a text from both sides and guesses what is hidden in it. Knows no text.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding" (2018). Two tasks
teach it: words that were hidden (section 3.1, task 1), and whether two sentences follow each other (task 2). What it
learns is then of use to others: a classifier is one layer on top (section 3, fine-tuning).

A text is  <s> first </s>  or  <s> first </s> second </s>: <s> is the paper's [CLS], </s> its [SEP].
Dimensions: B batch, S tokens, D model, V vocabulary, N hidden tokens, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dragoman.bounds import HEADS, LARGEST_SIZE, LAYERS, SHARE, SIZE, Within, refuse_out_of_bounds
from dragoman.lineage.kinds import NeuralKind
from dragoman.protocols import CrossEntropy, Loss
from dragoman.transformer.attention import padding_mask
from dragoman.transformer.model import cross_entropy, labelled_loss
from dragoman.transformer.parts import PAGE, Layers, Parts, set_epsilon
from dragoman.transformer.positions import LearnedPositions, Positions, Sizes, check_positions
from dragoman.transformer.sublayers import ACTIVATIONS


@dataclass(frozen=True)
class BertConfig:
    """The shape of a BERT."""

    kind: Annotated[Literal["bert"], "of language model"] = "bert"
    d_model: Annotated[int, "width of the residual stream", SIZE] = 256
    d_ff: Annotated[int, "width inside the feed-forward layers", SIZE] = 1024
    n_heads: Annotated[int, "attention heads; must divide d_model", HEADS] = 4
    layers: Annotated[int, "encoder layers", LAYERS] = 4
    max_length: Annotated[int, "tokens of the longest text it can read, <s> and </s> included", SIZE] = 128
    activation: Annotated[Literal["gelu", "gelu_tanh", "relu"], "of the feed-forward layers"] = "gelu"
    dropout: Annotated[float, "on embeddings and on each sublayer's answer", SHARE] = 0.1
    attention_dropout: Annotated[float, "on attention weights", SHARE] = 0.0
    norm_epsilon: Annotated[float, "added to the variance in each norm", SHARE] = 1e-12
    segments: Annotated[int, "kinds of sentence that are told apart: first and second", SIZE] = 2
    classes: Annotated[int, "labels of a classifier; 0 = none", Within(0, LARGEST_SIZE)] = 0

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "model")
        check_positions("learned", self.sizes)

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.d_model, self.n_heads, self.max_length)


class MaskedBatch(Protocol):
    """Texts with some tokens hidden."""

    @property
    def source(self) -> Tensor:
        """[B, S] what is read."""

    @property
    def source_mask(self) -> Tensor: ...

    @property
    def segments(self) -> Tensor:
        """[B, S] 0 in the first sentence, 1 in the second."""

    @property
    def target(self) -> Tensor:
        """[B, 1 + S] after a column of no meaning: the token that stood there, where it is to be guessed."""

    @property
    def target_mask(self) -> Tensor: ...

    @property
    def follows(self) -> Tensor:
        """[B] 1 where the second sentence follows the first, 0 where it does not, -1 where nobody asks."""


class Bert(nn.Module):
    """Tokens, positions and segments; post-norm layers that see both sides; a head for each task."""

    def __init__(self, config: BertConfig, vocab: int, parts: Parts = PAGE) -> None:
        super().__init__()
        c = self.config = config
        self.longest = c.max_length
        self.embedding = parts.table(vocab, c.d_model)
        self.positions = LearnedPositions(c.max_length, c.d_model)
        self.segments = parts.table(c.segments, c.d_model)
        self.norm = parts.norm(c.d_model)
        self.dropout = parts.dropout(c.dropout)
        layers = Layers(
            c.d_model, c.d_ff, c.n_heads, c.activation, False, c.dropout, c.attention_dropout, parts
        )
        self.encoder = layers.encoder(c.layers, Positions(c.sizes), last_norm=False)
        self.word = nn.Linear(c.d_model, c.d_model)  # before the token table, which is the output
        self.word_norm = parts.norm(c.d_model)
        self.word_bias = nn.Parameter(torch.zeros(vocab))
        self.pooler = nn.Linear(c.d_model, c.d_model)
        self.next = nn.Linear(c.d_model, 2)
        self.classifier = nn.Linear(c.d_model, c.classes) if c.classes else None
        set_epsilon(self, c.norm_epsilon)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def input(self, tokens: Tensor, segments: Tensor | None = None) -> Tensor:
        """tokens [B, S] -> [B, S, D]: token, position and segment, added and normed."""
        places = self.positions(torch.arange(tokens.size(1), device=tokens.device))
        kinds = self.segments(torch.zeros_like(tokens) if segments is None else segments)
        return self.dropout(self.norm(self.embedding(tokens) + kinds + places))

    def encode(self, tokens: Tensor, real: Tensor, segments: Tensor | None = None) -> Tensor:
        """tokens [B, S], real [B, S] -> [B, S, D]."""
        return self.encoder(self.input(tokens, segments), padding_mask(real))

    def word_features(self, hidden: Tensor) -> Tensor:
        """hidden [..., D] -> [..., D + 1], the last of them 1, which the bias is for."""
        x = self.word_norm(ACTIVATIONS[self.config.activation](self.word(hidden)))
        return torch.cat((x, torch.ones_like(x[..., :1])), -1)

    @property
    def word_weight(self) -> Tensor:
        """[V, D + 1]: the token table, and a bias for each token."""
        return torch.cat((self.embedding.weight, self.word_bias[:, None]), 1)

    def words(self, hidden: Tensor) -> Tensor:
        """hidden [..., D] -> logits [..., V] of the token at each place."""
        return F.linear(self.word_features(hidden), self.word_weight)

    def pooled(self, hidden: Tensor) -> Tensor:
        """hidden [B, S, D] -> [B, D]: what stands at <s>, for questions about the whole text."""
        return torch.tanh(self.pooler(hidden[:, 0]))

    def follows(self, hidden: Tensor) -> Tensor:
        """hidden [B, S, D] -> logits [B, 2]: the second sentence does not follow the first, or does."""
        return self.next(self.pooled(hidden))

    def classify(self, hidden: Tensor) -> Tensor:
        """hidden [B, S, D] -> logits [B, C]."""
        assert self.classifier is not None
        return self.classifier(self.dropout(self.pooled(hidden)))

    def loss(self, batch: MaskedBatch, cross_entropy: CrossEntropy = cross_entropy) -> Loss:
        """Task 1 summed over the hidden tokens, plus task 2 as often as there are hidden tokens.

        So their mean over the hidden tokens is the paper's sum of two means. Of `nll` task 2 is no part.
        """
        hidden = self.encode(batch.source, batch.source_mask, batch.segments)
        labels, asked = batch.target[:, 1:], batch.target_mask[:, 1:]
        where = asked.flatten().nonzero().squeeze(1)
        features = self.word_features(hidden.flatten(0, 1).index_select(0, where))[None]  # [1, N, D + 1]
        chosen = labels.flatten().index_select(0, where)[None]
        found = labelled_loss(
            features, self.word_weight, chosen, torch.ones_like(chosen).bool(), cross_entropy
        )
        known = batch.follows >= 0
        if not bool(known.any()):
            return found
        second = F.cross_entropy(self.follows(hidden[known]).float(), batch.follows[known])
        return Loss(found.sum + second * found.tokens, found.nll, found.tokens)


BERT = NeuralKind(
    "bert",
    BertConfig,
    Bert,
    {"optimizer": {"peak_lr": 1e-3}},
    objective="masked tokens",
    verbs=("fill", "next", "classify"),
    reads="both sides",
)
