"""One sentence's trace: what was recorded, its JSON form, and what can be asked of it. Computes no attention itself.

trace = explain(translator, "Are you OK ?")
trace.decoder[1].cross.weights[0]           # [T, S] of head 1, NumPy
trace.without("causal_mask")                # the same sentence with a part removed
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.errors import UsageError
from dragoman.explain.trace.beside import Beside
from dragoman.explain.trace.boxes import Boxes
from dragoman.explain.trace.codec import decoded, encoded
from dragoman.explain.trace.layers import Attention, DecoderLayer, EncoderLayer, Pass
from dragoman.explain.trace.lesson import Lesson
from dragoman.explain.trace.trials import Said, Teaching, Twins
from dragoman.explain.trace.values import (
    Environment,
    Inference,
    Influence,
    Limits,
    Model,
    Proof,
    Source,
    Training,
)
from dragoman.explain.trace.worth import Worth
from dragoman.files import publish

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMAT, VERSION = "dragoman.trace", 1


@dataclass(frozen=True, eq=False)
class Trace:
    """One sentence through one model, in inference and, with a reference, in training. See docs/guide/trace.md."""

    model: Model
    removed: str | None
    source: Source
    inference: Inference
    training: Training | None
    influence: Influence
    positions: np.ndarray = field(metadata={"dims": ("position", "model")})
    proofs: tuple[Proof, ...]
    limits: Limits
    environment: Environment
    taught: Teaching | None = field(default=None, metadata={"rare": True})
    twins: Twins | None = field(default=None, metadata={"rare": True})
    said: Said | None = field(default=None, metadata={"rare": True})
    lesson: Lesson | None = field(default=None, metadata={"rare": True})
    beside: Beside | None = field(default=None, metadata={"rare": True})
    boxes: Boxes | None = field(default=None, metadata={"rare": True})
    worth: Worth | None = field(default=None, metadata={"rare": True})
    again: Callable[[str, bool], Trace] | None = field(default=None, repr=False, metadata={"private": True})

    # -- what was recorded --------------------------------------------------------------------------------------

    @property
    def encoder(self) -> tuple[EncoderLayer, ...]:
        """The encoder's layers, in inference."""
        return self.inference.passed.encoder

    @property
    def decoder(self) -> tuple[DecoderLayer, ...]:
        """The decoder's layers, in inference; those of training are trace.training.decoder."""
        return self.inference.passed.decoder

    def attentions(self, mode: str = "inference") -> dict[str, Attention]:
        """Every attention by its name, such as "decoder.2.cross"; `mode` is inference or training."""
        found = self._pass(mode)
        layers: list[Attention | None] = [layer.self for layer in found.encoder]
        for layer in found.decoder:
            layers += [layer.self, layer.cross]
        return {one.name: one for one in layers if one is not None}

    def attention(self, name: str, mode: str = "inference") -> Attention:
        """Raises UsageError that names those there are."""
        found = self.attentions(mode)
        if name not in found:
            raise UsageError(f"there is no attention {name!r}: this model has {', '.join(found)}")
        return found[name]

    def head(self, name: str, head: int, mode: str = "inference") -> np.ndarray:
        """Weights [T, S] of one head, counted from 1. Raises UsageError."""
        weights = self.attention(name, mode).weights
        if not 1 <= head <= len(weights):
            raise UsageError(f"{name} has no head {head}: its heads are 1 to {len(weights)}")
        return weights[head - 1]

    def proof(self, name: str) -> Proof:
        """Raises UsageError that names those there are."""
        for proof in self.proofs:
            if proof.id == name:
                return proof
        raise UsageError(f"there is no proof {name!r}: there are {', '.join(p.id for p in self.proofs)}")

    def _pass(self, mode: str) -> Pass:
        if mode not in ("inference", "training"):
            raise UsageError(f"mode = {mode!r}: must be inference or training")
        if mode == "inference":
            return self.inference.passed
        if self.training is None:
            raise UsageError("this trace has no training mode: give explain() a reference translation")
        return self.training.passed

    # -- what can be done with it -------------------------------------------------------------------------------

    def without(self, part: str, *, brief: bool = False) -> Trace:
        """The same sentence again, with one part of the model removed; broken.py says which parts there are.

        brief: without free running and influence, which a comparison does not show and which take a sixth of the time,
        and cut off where it writes more than twice as much as the whole model did.
        """
        if self.again is None:
            raise UsageError(
                "this trace was read from a file and has no model to run again: use explain() with a translator"
            )
        return self.again(part, brief)

    def plot_attention(
        self, name: str, head: int | None = None, mode: str = "inference", axes: Axes | None = None
    ) -> Axes:
        """A heat map of one head (from 1), or of their mean; needs matplotlib. See plot.py."""
        from dragoman.explain.plot import plot_attention

        return plot_attention(self, name, head, mode, axes)

    # -- JSON ---------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        return {"format": FORMAT, "version": VERSION, **encoded(self)}

    def to_json(self, indent: int | None = None) -> str:
        """Arrays are rounded to float16; everything else is told with six significant digits."""
        separators = (",", ":") if indent is None else None
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent, separators=separators)

    def save(self, path: str | Path) -> None:
        publish(Path(path), self.to_json().encode())

    @classmethod
    def from_json(cls, text: str) -> Trace:
        """Raises UsageError for what is no trace of this version."""
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"this is no JSON: {error}") from error
        if not isinstance(plain, dict) or plain.get("format") != FORMAT:
            raise UsageError(f"this is no trace: it has no format {FORMAT!r}")
        if plain.get("version") != VERSION:
            raise UsageError(
                f"this trace is of version {plain.get('version')!r}: this Dragoman reads version {VERSION}"
            )
        return decoded(cls, plain)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from dragoman.explain.plot import as_html

        return as_html(self)
