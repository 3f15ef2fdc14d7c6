"""Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019), by torch's fused kernels.

Dimensions: P the parameters of one part of the model, end to end in one vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from dragoman.training.optimizers.rule import Hyperparameters, Part, Rule, Scalar


class Adam(Rule):
    """Each weight moves by its mean gradient over the root of its mean squared gradient.

    Both means are corrected for their start at zero. Weight decay is added to the gradient (L2 regularisation).
    """

    ELEMENTWISE = True
    MOMENTS = ("mean", "square")
    compute: ClassVar[Callable[..., None]] = staticmethod(adam)

    def __init__(self, part: Part, moments: dict[str, Tensor], config: Hyperparameters) -> None:
        """See Rule: part and moments are vectors [P]."""
        super().__init__(part, moments, config)
        self.steps = torch.zeros((), dtype=torch.float32, device=part.weights.device)

    def update(self, gradient: Tensor, rate: Scalar) -> None:
        self._update(gradient, rate, None)

    def update_if(self, finite: Tensor, gradient: Tensor, rate: Tensor) -> None:
        # Where this is 1, torch's fused kernel leaves weights, moments and its count of steps as they are.
        self._update(gradient, rate, (~finite).float())

    def _update(self, gradient: Tensor, rate: Scalar, found_inf: Tensor | None) -> None:
        """gradient [P]; rate [] and found_inf [] as torch's fused Adam takes them."""
        self.compute(
            [self.part.weights], [gradient], [self.moments["mean"]], [self.moments["square"]], [], [self.steps],
            fused=True, found_inf=found_inf, amsgrad=False, maximize=False, lr=rate,
            beta1=self.config.beta1, beta2=self.config.beta2, eps=self.config.epsilon,
            weight_decay=self.part.weight_decay,
        )  # fmt: skip

    def counters(self) -> list[Tensor]:
        return [self.steps]


class AdamW(Adam):
    """Adam whose weight decay takes a share of the weight itself, and so does not pass through the moments."""

    compute = staticmethod(adamw)
