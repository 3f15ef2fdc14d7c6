"""Networks that are built without numbers: nothing is allocated, nothing drawn, and nothing imported for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

from dragoman.model.modules import shapes_of, weightless


def test_what_is_built_has_shapes_and_no_numbers() -> None:
    before = torch.get_rng_state()
    with weightless():
        layer = nn.Linear(3, 2)
        nn.init.normal_(layer.weight)
        nn.init.xavier_uniform_(tensor=layer.weight)
    assert layer.weight.is_meta and torch.equal(torch.get_rng_state(), before)
    assert nn.Linear(3, 2).weight.is_meta is False
    assert shapes_of(lambda: nn.Linear(3, 2)) == {"weight": (2, 3), "bias": (2,)}


def test_opening_a_model_does_not_import_the_compiler_of_torch(tiny_model: Path) -> None:
    """Random numbers for weights without memory went through torch._dynamo: a second and a half at each start."""
    program = (
        "import sys\n"
        "from dragoman.translate.translator import Translator\n"
        f"Translator.load({str(tiny_model)!r}, engine='torch').translate('dog')\n"
        "print([name for name in sys.modules if name.startswith(('torch._dynamo', 'sympy'))])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
