"""Training with a learning rate that no model survives: it gets out by itself, or says which rate to try.

What is said is done: the run goes on from where it is with the rate that the message names, and has to get out then.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from attacks.attack import Fault, Trials, Try
from attacks.commands import Ended, fault_of
from attacks.product import Product

STEPS = 120
WORST = 2.0  # times KNOWS_NOTHING: beyond it a run has not got out
KNOWS_NOTHING = math.log(330)  # the loss of a model that gives each of its tokens the same chance
ADVICE = re.compile(r"--set optimizer\.(\w+)=([\d.e+-]*\d)")


@dataclass(frozen=True)
class Rate:
    """A learning rate, with or without clipping of the gradient."""

    peak: float
    clip: float
    kind: str = "adamw"

    def __str__(self) -> str:
        return f"peak_lr={self.peak:.3g} clip_norm={self.clip:g} kind={self.kind}"


def drawn(rng: random.Random) -> Rate:
    return Rate(10 ** rng.uniform(0, 30), rng.choice((0.0, 1.0)), rng.choice(("adamw", "adam", "muon")))


@contextmanager
def diverge(product: Product) -> Iterator[Try[Rate]]:
    def try_(rate: Rate) -> Fault | None:
        settings: dict[str, object] = {
            "optimizer__peak_lr": rate.peak, "optimizer__clip_norm": rate.clip, "optimizer__kind": rate.kind,
            "optimizer__warmup_steps": 20, "training__max_steps": STEPS, "validation__every": 20,
            "training__checkpoint_minutes": 0.002,
        }  # fmt: skip
        with product.passing_folder() as folder:
            output = folder / "run"
            ended = product.commands.run(*product.training(output, **settings))
            if ended.code == 0:
                return got_out(ended, output)
            if fault := fault_of(ended) or broken(output):
                return fault
            advice = {f"optimizer__{name}": value for name, value in ADVICE.findall(ended.last)}
            if "optimizer__peak_lr" not in advice:
                return Fault(f"says no rate to try: {ended.last}")
            again = product.commands.run(*product.training(output, "--resume", **settings | advice))
            fault = got_out(again, output)
            return Fault(f"doing as it says ({ended.last[-120:]}): {fault.what}") if fault else None

    yield try_


def got_out(ended: Ended, output: Path) -> Fault | None:
    """What is wrong with a run that should be over a divergence."""
    if fault := fault_of(ended) or broken(output):
        return fault
    if ended.code:
        return Fault(f"exit {ended.code}: {ended.last}")
    loss = last_loss(output)
    if loss < WORST * KNOWS_NOTHING:
        return None
    return Fault(f"exit 0 with a loss of {loss:.3g}; a model that knows nothing has {KNOWS_NOTHING:.1f}")


def broken(output: Path) -> Fault | None:
    path = output / "model.safetensors"
    if path.exists():
        for name, weight in safetensors.numpy.load_file(path).items():
            if not np.isfinite(weight).all():
                return Fault(f"a model with NaN or infinity in {name} was written")
    return None


def last_loss(output: Path) -> float:
    """Of the last validation; infinity if there was none."""
    log = output / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    losses = [
        float(record["loss"]) for record in map(json.loads, lines) if record.get("kind") == "validation"
    ]
    return losses[-1] if losses and math.isfinite(losses[-1]) else math.inf


DIVERGENCE: Trials[Product, Rate] = Trials(
    "divergence",
    "training that diverges gets out by itself, or ends in one sentence that says which rate to try",
    diverge, drawn, (Rate(10.0, 1.0), Rate(1e30, 0.0)), show=str, share=1.0,
)  # fmt: skip
