"""Reads one image and records it: each step with the cache as it is read, and all steps at once beside it.

Dimensions: h and w pixels, S patches, P pixels of a patch, T steps, D model, V vocabulary, L layers, H heads.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dragoman.corpus.digits import GLYPH, Image
from dragoman.explain.trace.image import Check, ImageTrace, Rival, Row, Shapes, Step
from dragoman.ids import BOS, EOS
from dragoman.lineage.imagereader import ImageReader, patches
from dragoman.lineage.reading import read
from dragoman.processor import one_thread
from dragoman.text.vocabulary import Vocabulary

RIVALS = 3


@one_thread()
@torch.no_grad()
def look_at(model: ImageReader, vocabulary: Vocabulary, image: Image) -> ImageTrace:
    """Read `image`, and tell how."""
    pixels = torch.from_numpy(image.pixels)[None]
    source = patches(pixels, model.config.patch)  # [1, S, P]
    real = torch.ones(source.shape[:2], dtype=torch.bool)
    (found,) = read(model, vocabulary, pixels)
    fed = torch.tensor([[BOS, *found.tokens]])  # [1, T]
    whole = model(source, real, fed)[0]  # [T, V], all steps at once
    stepped, encoder_runs = _stepped(model, source, real, fed)
    looks = model.cross_attentions(source, real, fed)[:, 0].transpose(1, 2)  # [L, T, H, S]
    checks = (
        Check("rows_sum_to_one", float((looks.sum(-1) - 1).abs().max()), 1e-5),
        Check("cached_is_full", float((stepped - whole).abs().max()), 1e-3),
        Check("encoder_once", float(abs(encoder_runs - 1)), 0),
    )
    return ImageTrace(
        pixels=_rows(pixels[0]),
        patch=model.config.patch,
        positions=model.config.positions,
        digits=image.digits,
        text=found.text,
        steps=_steps(stepped, found.tokens, vocabulary, image, model),
        looks=tuple(tuple(_rows(step) for step in layer) for layer in looks),
        near=_near(model),
        shapes=_shapes(model, source, real, fed),
        checks=checks,
    )


def _stepped(model: ImageReader, source: Tensor, real: Tensor, fed: Tensor) -> tuple[Tensor, int]:
    """Logits [T, V] token by token, and how often the encoder ran for them."""
    runs = 0

    def count(*_: object) -> None:
        nonlocal runs
        runs += 1

    with model.encoder.register_forward_hook(count):
        state, logits = model.start(source, real), []
        for token in fed[0]:
            found, state = model.step(token[None, None], state)
            logits.append(found[0])
    return torch.stack(logits), runs


def _steps(
    logits: Tensor, tokens: tuple[int, ...], vocabulary: Vocabulary, image: Image, model: ImageReader
) -> tuple[Step, ...]:
    words, steps = vocabulary.words, []
    written = [*tokens, EOS][: len(logits)]
    for t, (chosen, p) in enumerate(zip(written, logits.float().softmax(-1), strict=True)):
        best = p.topk(min(RIVALS, len(p)))
        rivals = tuple(Rival(words[int(i)], float(value)) for value, i in zip(*best, strict=True))
        so_far = tuple(words[i] for i in (BOS, *tokens[:t]))
        steps.append(Step(t, so_far, words[chosen], float(p[chosen]), rivals, _place(image, t, model)))
    return tuple(steps)


def _place(image: Image, t: int, model: ImageReader) -> tuple[int, ...]:
    """The patches that the digit of step t lies on with some of its ink."""
    if t >= len(image.places):
        return ()
    alone, place = np.zeros_like(image.pixels), image.places[t]
    box = slice(place.row, place.row + GLYPH), slice(place.column, place.column + GLYPH)
    alone[box] = image.pixels[box]
    cut = patches(torch.from_numpy(alone)[None], model.config.patch)[0]  # [S, P]
    return tuple(int(i) for i in cut.any(-1).nonzero().flatten())


def _near(model: ImageReader) -> tuple[Row, ...]:
    """How alike what is added to two patches is."""
    positions = model.source_input.positions
    if "add" not in positions.places():
        return ()
    table = positions.table(model.config.patches, model.target_embedding.weight).detach().float()  # [S, D]
    unit = F.normalize(table, dim=-1)
    return _rows(unit @ unit.T)


def _shapes(model: ImageReader, source: Tensor, real: Tensor, fed: Tensor) -> Shapes:
    state = model.start(source, real)
    kv = state.memory[-1]
    q = model.decoder.layers[-1].cross_attention.queries(model.target_input(fed[:, -1:], model.target_table))
    weights = (*q.shape[:-1], kv.keys.size(2))
    return Shapes(tuple(q.shape), tuple(kv.keys.shape), tuple(kv.values.shape), weights)


def _rows(x: Tensor) -> tuple[Row, ...]:
    """x [N, M] as numbers, of five places after the point."""
    return tuple(tuple(round(value, 5) for value in row) for row in x.tolist())
