"""What every rank but the first does: what rank 0 says, until it says that training is over. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from zlib import crc32

import torch

from dragoman.training.gradients import Gradient
from dragoman.training.preparation import Prepared
from dragoman.training.ranks.group import Message, Ranks
from dragoman.training.ranks.optimizers import ReplicatedOptimizer
from dragoman.training.ranks.together import Place, together
from dragoman.training.task import RunBatch, Settings, SharedValidator, Validator


@dataclass
class Follower:
    """A rank that keeps weights equal to those of rank 0 by taking the same steps."""

    ranks: Ranks
    config: Settings
    made: Prepared
    validator: Validator
    stop_reason: str = ""  # set by a signal
    _reading: tuple[Place, Iterator[RunBatch]] | None = field(default=None, init=False)
    _parts: int = field(default=1, init=False)

    def go(self) -> Message:
        """Returns the last thing that rank 0 said."""
        optimizer = self.made.optimizer
        assert isinstance(optimizer, ReplicatedOptimizer)
        self.made.model.train()
        gradient = torch.empty(0)
        while (message := self.ranks.heard())["do"] != "stop":
            if message["do"] == "gradient":
                gradient = self._gradient(optimizer, message).flat
            elif message["do"] == "step":
                optimizer.scale = message["scale"]
                optimizer.step(message["number"], gradient)
            elif message["do"] == "share":
                optimizer.take(message["number"])
            elif message["do"] == "give":
                optimizer.give(message["name"])
            elif message["do"] == "finite":
                self.ranks.report({"finite": optimizer.finite_here()})
            elif message["do"] == "gather":
                optimizer.gather_here()
            elif message["do"] == "measure" and isinstance(self.validator, SharedValidator):
                share = self.ranks.rank, self.ranks.size
                self.ranks.report(self.validator.part(self.made.model, optimizer, message["step"], share))
        return message

    def _gradient(self, optimizer: ReplicatedOptimizer, message: Message) -> Gradient:
        budget = self.config.training.batch_tokens
        window = [self._at((epoch, position)) for epoch, position in message["places"]]
        if not window:
            window = [self.made.data.largest_batch(budget)]
        # A function of the step and the rank: a resumed run draws what the first one drew.
        torch.manual_seed(crc32(f"{self.config.training.seed} {message['step']} {self.ranks.rank}".encode()))
        batches = [batch.to(self.made.device) for batch in window]
        parts = max(self._parts, message["parts"])
        found, _ = together(optimizer, self.made.workers, batches, parts, bool(self.stop_reason))
        self._parts = found.parts
        return found

    def _at(self, place: Place) -> RunBatch:
        """The batch at a place, which is nearly always the one after the last."""
        if self._reading is None or self._reading[0] != place:
            epoch, position = place
            self._reading = place, self.made.data.epoch(epoch, position, self.config.training.batch_tokens)
        (epoch, position), batches = self._reading
        self._reading = (epoch, position + 1), batches
        return next(islice(batches, 1))
