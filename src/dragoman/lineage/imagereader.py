"""An image in, a text out: the Transformer whose encoder reads patches of an image. Knows no file and no digit.

The encoder is that of Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021): the image is cut into patches, and a
linear layer stands where a sentence has its table of tokens. All else is transformer/model.py as it is: the decoder
writes token after token, and its cross-attention asks patches instead of words.

Dimensions: B batch, h and w pixels, S patches, P pixels of a patch, D model, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor, nn

from dragoman.bounds import HEADS, LAYERS, SHARE, Within, refuse_out_of_bounds
from dragoman.errors import ConfigError
from dragoman.lineage.kinds import ReaderKind
from dragoman.transformer.model import Transformer
from dragoman.transformer.parts import PAGE, Layers, Parts
from dragoman.transformer.positions import ENCODINGS, Positions, PositionsName, Sizes, check_positions

_PIXELS = Within(1, 1024)
_WIDTH = Within(1, 4096)
MOST_PATCHES = 4096


@dataclass(frozen=True)
class ImageReaderConfig:
    """The shape of an image, and of the Transformer that reads it."""

    kind: Annotated[Literal["image-reader"], "of model"] = "image-reader"
    height: Annotated[int, "pixels of an image from top to bottom", _PIXELS] = 24
    width: Annotated[int, "pixels of an image from left to right", _PIXELS] = 32
    patch: Annotated[int, "pixels of a side of a patch; must divide height and width", _PIXELS] = 4
    positions: Annotated[
        Literal[PositionsName, "none"], "how the place of a patch is told; grid = its row and its column"
    ] = "grid"
    d_model: Annotated[int, "width of the residual stream", _WIDTH] = 64
    d_ff: Annotated[int, "width inside the feed-forward layers", _WIDTH] = 128
    n_heads: Annotated[int, "attention heads; must divide d_model", HEADS] = 4
    encoder_layers: Annotated[int, "layers of the encoder", LAYERS] = 3
    decoder_layers: Annotated[int, "layers of the decoder", LAYERS] = 2
    dropout: Annotated[float, "on embeddings and on each sublayer's answer", SHARE] = 0.05

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "model")
        for name in ("height", "width"):
            if getattr(self, name) % self.patch:
                raise ConfigError(
                    f"model.{name} = {getattr(self, name)} pixels cannot be cut into patches of model.patch = "
                    f"{self.patch}"
                )
        if self.patches > MOST_PATCHES:
            raise ConfigError(
                f"model.patch = {self.patch} makes {self.patches:,} patches of an image: {MOST_PATCHES:,} at most"
            )
        check_positions("sinusoidal", self.sizes)  # of what is written
        if self.positions != "none":
            check_positions(self.positions, self.sizes)

    @property
    def rows(self) -> int:
        """Patches from top to bottom."""
        return self.height // self.patch

    @property
    def columns(self) -> int:
        """Patches from left to right."""
        return self.width // self.patch

    @property
    def patches(self) -> int:
        return self.rows * self.columns

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.d_model, self.n_heads, max_length=self.patches, columns=self.columns)

    @property
    def tie(self) -> str:
        """What is written is tied to its output layer; what is read has no vocabulary."""
        return "target"


def patches(pixels: Tensor, side: int) -> Tensor:
    """pixels [B, h, w] -> patches [B, S, P], row by row; the pixels of a patch row by row too."""
    cut = pixels.unfold(1, side, side).unfold(2, side, side)  # [B, h / side, w / side, side, side]
    return cut.flatten(3).flatten(1, 2)


class ImageReader(Transformer):
    """An encoder-decoder whose source is patches [B, S, P] where a sentence is tokens [B, S]."""

    config: ImageReaderConfig  # type: ignore[assignment]  # it has the two settings that a Transformer asks for

    def __init__(self, config: ImageReaderConfig, vocab: int, parts: Parts = PAGE) -> None:
        nn.Module.__init__(
            self
        )  # what a Transformer makes for two texts is made here for an image and a text
        c = self.config = config
        self.source_embedding = nn.Linear(c.patch**2, c.d_model)  # type: ignore[assignment]  # called like a table
        self.target_embedding = parts.table(vocab, c.d_model)
        self.output_bias = None
        source = Positions(c.sizes) if c.positions == "none" else ENCODINGS[c.positions](c.sizes)
        target = ENCODINGS["sinusoidal"](c.sizes)
        self.source_input = parts.embedding(source, c.d_model, parts.dropout(c.dropout))
        self.target_input = parts.embedding(target, c.d_model, parts.dropout(c.dropout))
        layers = Layers(c.d_model, c.d_ff, c.n_heads, "relu", True, c.dropout, 0.0, parts)
        self.encoder = layers.encoder(c.encoder_layers, source, last_norm=True)
        self.decoder = layers.decoder(c.decoder_layers, target, last_norm=True)
        self.initialise()

    def read(self, source: Tensor, source_mask: Tensor) -> Tensor:
        """Every patch [B, S]: an image has no </s>."""
        return source_mask

    def encode(self, source: Tensor, source_mask: Tensor) -> Tensor:
        """source [B, S, P], source_mask [B, S] -> memory [B, S, D]."""
        return super().encode(source.to(self.source_embedding.weight.dtype), source_mask)


IMAGE_READER = ReaderKind(
    "image-reader",
    ImageReaderConfig,
    ImageReader,
    {"optimizer": {"kind": "muon", "peak_lr": 3e-3}},
)
