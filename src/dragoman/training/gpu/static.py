"""A whole training step in fixed shapes: gradient, clipping, optimiser, average, with one look at the result.

It asks for batches that name the shape they are padded to, for a loader that brings them to the device, and for
Graphs, which repeat a computation (by calling it, or by replaying a CUDA graph): so on a CPU the very same step runs
without any graph. Knows no model class and no text.

A step is two computations: for each shape the gradient of one batch, added to a total, and for all shapes the
optimiser's update. The host waits once a step, for three numbers: then a bad step is known before the next begins.

Dimensions: P all parameters, end to end in one vector; R rows, S source tokens, T labels of a padded batch.
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


class ShapedBatch(Protocol):
    """A batch that is padded to one of a few shapes, so that one captured graph serves all batches of a shape."""

    @property
    def shape(self) -> Hashable:
        """The rows and lengths that the batch has once it is padded. Equal shapes share tensors and a graph."""

    @property
    def tokens(self) -> int:
        """Number of labels, padding not counted."""


class DeviceLoader(Protocol):
    """Copies batches into tensors on the device that stay at their addresses, as a captured graph needs them.

    A graph of one shape reads the same input tensors each time; `fill` changes what they hold.
    """

    def load_corpus(self, batch: Any) -> bool:
        """Have the corpus of this batch on the device, where batches are gathered from one.

        Returns True when that moved it to other addresses: graphs captured before read the old ones, and must go.
        """

    def new_inputs(self, shape: Any) -> tuple[Tensor, ...]:
        """New input tensors on the device for batches of this shape: token ids [R, S] and [R, T + 1], or the numbers
        of the pairs [R]."""

    def fill(self, inputs: tuple[Tensor, ...], batch: Any) -> None:
        """Write this batch into the input tensors of its shape [R, S] and [R, T + 1], or [R]: see new_inputs.

        The host does not wait for the device.
        """

    def batch(self, inputs: tuple[Tensor, ...], shape: Any) -> Batch:
        """The padded batch, source [R, S] and target [R, T + 1], from the input tensors. May be captured."""


class StaticSteps:
    """Training steps on batches of fixed shape, for train(whole=...).

    When a step cannot be captured or memory runs out, it says why in one sentence, frees what it held, and answers
    None from then on: the loop computes that step and all further ones as without graphs.
    """

    def __init__(
        self,
        objective: Callable[[Batch], Loss],
        optimizer: Optimizer,
        loader: DeviceLoader,
        graphs: Graphs,
        say: Callable[[str], None],
    ) -> None:
        """`objective` is the loss of a padded batch, whose rows may all be padding; it is captured, so it must neither
        wait for the device nor make tensors whose shapes depend on values. `say` is given the sentence to print."""
        self.objective, self.optimizer, self.loader, self.say = objective, optimizer, loader, say
        self.graphs: Graphs | None = graphs
        self._gradient = optimizer.parameters.gradient  # [P], in the type the model computes in
        master = optimizer.parameters.master
        self._total = torch.zeros_like(master)  # [P] fp32: the sum of a window
        self._tokens = torch.ones((), device=master.device)  # of the window
        self._found = torch.zeros(3, device=master.device)  # loss and nll a token, gradient norm
        self._inputs: dict[Hashable, tuple[Tensor, ...]] = {}

    def step(self, number: int, window: Sequence[Any]) -> Taken | None:
        """Take step `number` down the gradient of the mean loss over the tokens of the window's batches (ShapedBatch).

        None when it could not be taken; weights, moments and random numbers are then as before. A loss or norm that
        is not finite changes no weight and no moment either, and is returned.
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

    def _add_up(self, window: Sequence[ShapedBatch], graphs: Graphs) -> int:
        """Sum the gradients of the window's batches into self._total [P]; returns the window's number of tokens."""
        tokens = sum(batch.tokens for batch in window)
        self._total.zero_()
        self._found.zero_()
        self._tokens.fill_(tokens)
        for batch in window:
            shape = batch.shape
            if self.loader.load_corpus(batch):
                graphs.forget()
            if shape not in self._inputs:
                self._inputs[shape] = self.loader.new_inputs(shape)
            self.loader.fill(self._inputs[shape], batch)
            graphs.run(shape, partial(self._add, shape), [self._total, self._found, self._gradient])
        return tokens

    def _add(self, shape: Hashable) -> None:
        """Add one batch's gradient and loss, divided by the window's tokens, to self._total [P] and self._found."""
        self._gradient.zero_()
        loss = self.objective(self.loader.batch(self._inputs[shape], shape))
        (loss.sum / self._tokens).backward()  # type: ignore[no-untyped-call]
        self._found[0] += loss.sum.detach() / self._tokens
        self._found[1] += loss.nll / self._tokens
        # In fp32: bf16 would forget small addends.
        self._total.add_(self._gradient)

    def _update(self) -> None:
        """The optimiser's step, captured once for all shapes."""
        self._found[2] = self.optimizer.step_on_device(self._total, self._found[0])

    def _give_up(self, reason: str) -> None:
        """Take no step any more, free the memory, and say why."""
        self.graphs = None
        self._inputs.clear()
        # What the graphs and the corpus held is what the ordinary way may need.
        self._total = self._total.new_empty(0)
        del self.loader
        if self._gradient.is_cuda:
            torch.cuda.empty_cache()
        self.say(
            f"training steps of fixed shape are given up ({reason}): from here on they are computed one operation "
            "at a time, as with training.graph = off"
        )
