"""Muon: momentum whose matrices are made orthogonal before they move the weights. Knows no model and no schedule.

Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); the size of the update
after Liu et al., "Muon is scalable for LLM training" (2025), so that it shares Adam's learning rate.

Dimensions: P weights in one vector, N matrices of one shape, R rows, C columns of each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby

import torch
from torch import Tensor

# One step x -> a x + b (x xT) x + c (x xT)^2 x. These three draw singular values to about 1 fastest: after five
# steps all lie between 0.7 and 1.2, which serves as well as exactly 1.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
# An update of Adam has a root mean square of 0.2 to 0.4 times its rate; an orthogonal [R, C] has 1 / sqrt(max(R, C)).
ADAM_SIZE = 0.2


def orthogonalize(matrices: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """[N, R, C] -> about u vT of each u s vT, by Newton and Schulz's iteration, computed and returned in `dtype`.

    A direction needs few bits: bf16 is the default.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.size(1) > matrices.size(2)
    x = matrices.transpose(1, 2) if tall else matrices
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(dtype)  # singular values at most 1
    for _ in range(ITERATIONS):
        gram = x @ x.transpose(1, 2)  # of the shorter side: [N, R, R]
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x


class Muon:
    """Updates the matrices that stand end to end in `weights` [P]; `momentum` [P] is kept by the caller.

    `shapes` begins with those of the matrices, in their order; each run of equal ones is computed at once.
    """

    def __init__(
        self, weights: Tensor, momentum: Tensor, shapes: Iterable[torch.Size], weight_decay: float
    ) -> None:
        self.weights, self.momentum, self.weight_decay = weights, momentum, weight_decay
        self.runs: list[tuple[slice, tuple[int, ...]]] = []  # where in the vector, and (N, R, C)
        start = 0
        for shape, run in groupby(shapes):
            if start == weights.numel():
                break
            count = len(list(run))
            self.runs.append((slice(start, start + count * shape.numel()), (count, *shape)))
            start += count * shape.numel()

    def step(self, gradient: Tensor, learning_rate: float | Tensor) -> None:
        """Apply the gradient [P], which is overwritten. A rate on the device is not read by the host."""
        self.momentum.lerp_(gradient, 1 - MOMENTUM)
        gradient.lerp_(self.momentum, MOMENTUM)  # Nesterov: where the momentum will be one step on
        self.weights.mul_(1 - learning_rate * self.weight_decay)
        for place, shape in self.runs:
            update = orthogonalize(gradient[place].view(shape))
            size = learning_rate * ADAM_SIZE * math.sqrt(max(shape[1:]))
            weights = self.weights[place].view(shape)
            if isinstance(size, Tensor):
                weights.addcmul_(update, size, value=-1)
            else:
                weights.add_(update, alpha=-size)
