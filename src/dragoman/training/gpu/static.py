"""A whole training step in fixed shapes: gradient, clipping, optimiser, average, with one look at the result.

It asks for batches that have a place on a grid, for what feeds them to the device, and for where a computation is
repeated (called, or captured as CUDA graphs); so on a CPU the very same step runs without any graph. Knows no model
class and no text.

A step is two computations: for each shape the gradient of one batch, added to a total, and for all shapes the
optimiser's update. The host waits once a step, for three numbers: then a bad step is known before the next begins.

Dimensions: P all parameters, end to end in one vector.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from dragoman.protocols import Batch, Loss
from dragoman.training.gpu.graphs import Graphs, NotCaptured
from dragoman.training.gradients import is_out_of_memory
from dragoman.training.loop import Taken
from dragoman.training.optimizer import Optimizer
from dragoman.training.random_state import random_state, set_random_state

UPDATE = "update"


class Placed(Protocol):
    """A batch that will be filled up to a shape, its place."""

    @property
    def place(self) -> Hashable: ...

    @property
    def tokens(self) -> int:
        """Labels, padding not counted."""


class Feed(Protocol):
    """Brings batches to the device."""

    def load(self, batch: Any) -> bool:
        """Make ready what this batch is taken from; True: it lies at other addresses than before."""

    def inputs(self, place: Any) -> tuple[Tensor, ...]:
        """Tensors on the device that tell one batch of this shape from another."""

    def fill(self, inputs: tuple[Tensor, ...], batch: Any) -> None:
        """Let the inputs tell this batch."""

    def batch(self, inputs: tuple[Tensor, ...], place: Any) -> Batch:
        """The batch that they tell, padding around it; computed on the device alone."""


class StaticSteps:
    """Takes steps until one cannot be: then says why in a sentence, and leaves all further ones to the ordinary way."""

    def __init__(
        self,
        objective: Callable[[Batch], Loss],
        optimizer: Optimizer,
        feed: Feed,
        graphs: Graphs,
        say: Callable[[str], None],
    ) -> None:
        """`objective` takes batches with padding rows, asks for no shape that depends on them, reads nothing back."""
        self.objective, self.optimizer, self.feed, self.say = objective, optimizer, feed, say
        self.graphs: Graphs | None = graphs
        self._gradient = optimizer.parameters.gradient  # [P], in the type the model computes in
        master = optimizer.parameters.master
        self._total = torch.zeros_like(master)  # [P] fp32: the sum of a window
        self._tokens = torch.ones((), device=master.device)
        self._found = torch.zeros(3, device=master.device)  # loss and nll a token, gradient norm
        self._inputs: dict[Hashable, tuple[Tensor, ...]] = {}

    def step(self, number: int, window: Sequence[Any]) -> Taken | None:
        """Step `number` from the mean loss over the batches of the window; None where it could not be taken.

        A loss or norm that is not finite changes no weight, and no moment of the optimiser.
        """
        if self.graphs is None:
            return None
        device = self._total.device
        randomness = random_state(device)
        try:
            tokens = self._add_up(window, self.graphs)
            self.optimizer.set_step(number)
            self.graphs.run(UPDATE, self._update, [self._total, self._found, *self.optimizer.buffers()])
        except NotCaptured as error:
            reason = str(error)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = "memory runs out"
        else:
            loss, nll, norm = self._found.tolist()
            return Taken(loss, nll, tokens, norm)
        # Not sooner: while an error is handled, its traceback keeps alive what is to be freed.
        self._give_up(reason)
        set_random_state(randomness, device)
        return None

    def _add_up(self, window: Sequence[Placed], graphs: Graphs) -> int:
        """The gradient of the window, in the total; the number of its tokens."""
        tokens = sum(batch.tokens for batch in window)
        self._total.zero_()
        self._found.zero_()
        self._tokens.fill_(tokens)
        for batch in window:
            place = batch.place
            if self.feed.load(batch):
                graphs.forget()
            if place not in self._inputs:
                self._inputs[place] = self.feed.inputs(place)
            self.feed.fill(self._inputs[place], batch)
            graphs.run(place, partial(self._add, place), [self._total, self._found, self._gradient])
        return tokens

    def _add(self, place: Hashable) -> None:
        """One batch's part of the mean over the window."""
        self._gradient.zero_()
        loss = self.objective(self.feed.batch(self._inputs[place], place))
        (loss.sum / self._tokens).backward()  # type: ignore[no-untyped-call]
        self._found[0] += loss.sum.detach() / self._tokens
        self._found[1] += loss.nll / self._tokens
        # In fp32: bf16 would forget small addends.
        self._total.add_(self._gradient)

    def _update(self) -> None:
        self._found[2] = self.optimizer.step_on_device(self._total, self._found[0])

    def _give_up(self, reason: str) -> None:
        self.graphs = None
        self._inputs.clear()
        # What the graphs and the corpus held is what the ordinary way may need.
        self._total = self._total.new_empty(0)
        del self.feed
        if self._gradient.is_cuda:
            torch.cuda.empty_cache()
        self.say(
            f"training steps of fixed shape are given up ({reason}): from here on they are computed one operation "
            "at a time, as with training.graph = off"
        )
