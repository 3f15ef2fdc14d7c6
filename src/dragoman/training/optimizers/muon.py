"""Muon: momentum whose matrices are made orthogonal before they move the weights. Knows no model and no schedule.

Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); the size of the update
after Liu et al., "Muon is scalable for LLM training" (2025), so that it shares Adam's learning rate.

Dimensions: P weights in one vector, N matrices of one shape, R rows, C columns of each.
"""

from __future__ import annotations

import math
from itertools import groupby

import torch
from torch import Tensor

from dragoman.training.optimizers.rule import Hyperparameters, Part, Rule, Scalar, subtract_scaled

# One step x -> a x + b (x xT) x + c (x xT)^2 x. These three draw singular values to about 1 fastest: after five
# steps all lie between 0.7 and 1.2, which serves as well as exactly 1.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
# An update of Adam has a root mean square of 0.2 to 0.4 times its rate; an orthogonal [R, C] has 1 / sqrt(max(R, C)).
ADAM_SIZE = 0.2


def orthogonalize(matrices: Tensor, dtype: torch.dtype) -> Tensor:
    """matrices [N, R, C] -> [N, R, C]: each with the same singular vectors and all singular values near 1.

    Of the singular value decomposition u s vT that is u vT, found by Newton and Schulz's iteration, which is computed
    and returned in `dtype`: a direction needs few bits, so bf16 serves where it is the quicker.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.size(1) > matrices.size(2)
    x = matrices.transpose(1, 2) if tall else matrices
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(dtype)  # singular values at most 1
    for _ in range(ITERATIONS):
        gram = x @ x.transpose(1, 2)  # of the shorter side: [N, R, R]
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x


class Muon(Rule):
    """Each matrix moves by its momentum (Nesterov's) made orthogonal: as far in all directions. For matrices only.

    Matrices of one shape that follow each other are computed at once.
    """

    MOMENTS = ("mean",)

    def __init__(self, part: Part, moments: dict[str, Tensor], config: Hyperparameters) -> None:
        """See Rule: part and moments are vectors [P], and every shape of the part is (R, C)."""
        super().__init__(part, moments, config)
        self.blocks: list[tuple[slice, tuple[int, ...]]] = []  # where in the vector, and (N, R, C)
        start = 0
        for shape, equal in groupby(part.shapes):
            count = len(list(equal))
            end = start + count * shape.numel()
            self.blocks.append((slice(start, end), (count, *shape)))
            start = end

    def update(self, gradient: Tensor, rate: Scalar) -> None:
        momentum, weights = self.moments["mean"], self.part.weights
        momentum.lerp_(gradient, 1 - MOMENTUM)
        gradient.lerp_(momentum, MOMENTUM)  # Nesterov: where the momentum will be one step on
        weights.mul_(1 - rate * self.part.weight_decay)
        for place, shape in self.blocks:
            update = orthogonalize(gradient[place].view(shape), self.part.precision)
            size = rate * ADAM_SIZE * math.sqrt(max(shape[1:]))
            subtract_scaled(weights[place].view(shape), update, size)

    def update_if(self, finite: Tensor, gradient: Tensor, rate: Tensor) -> None:
        # What is no number stays one when multiplied by 0; the momentum moves towards itself by nothing at all.
        self.update(torch.where(finite, gradient, self.moments["mean"]), rate)
