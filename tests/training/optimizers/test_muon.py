"""Muon against the singular vectors it approximates, against torch's on separate matrices, and inside Optimizer."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from dragoman.training.optimizer import Optimizer, OptimizerConfig
from dragoman.training.optimizers.muon import orthogonalize
from dragoman.training.parameters import FlatParameters, inner_matrices


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 16, 48), (2, 48, 16)])
def test_orthogonalize_keeps_the_singular_vectors_and_levels_the_values(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    u, _, vt = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    values = torch.linspace(0.1, 10, min(shape[1:]))
    found = orthogonalize((u * values) @ vt, torch.float32)
    inside = u.transpose(1, 2) @ found @ vt.transpose(1, 2)  # diagonal where the vectors are kept
    diagonal = inside.diagonal(dim1=1, dim2=2)
    assert (inside - torch.diag_embed(diagonal)).abs().max() < 1e-4
    assert diagonal.min() > 0.3 and diagonal.max() < 1.3


class Stack(nn.Module):
    """Two layers of matrices in two shapes between tables, with a bias and a norm each."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.embedding = nn.Embedding(11, 8)
        layer = lambda: nn.ModuleDict(  # noqa: E731
            {"wide": nn.Linear(8, 24), "narrow": nn.Linear(24, 8), "norm": nn.LayerNorm(8)}
        )
        self.layers = nn.ModuleList([layer(), layer()])
        self.output = nn.Linear(8, 11, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens)
        for layer in self.layers:
            x = x + layer["narrow"](layer["wide"](layer["norm"](x)).relu())
        return self.output(x)


def test_only_matrices_of_layers_are_inner() -> None:
    names = {f"layers.{i}.{name}.weight" for i in (0, 1) for name in ("wide", "narrow")}
    assert inner_matrices(Stack()) == names


def test_flat_muon_equals_torch_matrix_by_matrix() -> None:
    config = OptimizerConfig(
        kind="muon", peak_lr=0.02, schedule="constant", warmup_steps=0, weight_decay=0.1,
        clip_norm=0.0, ema_decay=0.0,
    )  # fmt: skip
    ours, theirs = Stack(), Stack()
    optimizer = Optimizer(FlatParameters(ours, torch.float32), config, 100)
    first = optimizer.rules[0]
    first.part = replace(first.part, precision=torch.bfloat16)  # which torch's always computes in
    inner = inner_matrices(theirs)
    named = dict(theirs.named_parameters())
    muon = torch.optim.Muon(
        [named[name] for name in inner], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    others = [p for name, p in named.items() if name not in inner]
    adam = torch.optim.AdamW(
        [
            {"params": [p for p in others if p.dim() >= 2], "weight_decay": 0.1},
            {"params": [p for p in others if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=0.02, betas=(0.9, 0.98), eps=1e-9,
    )  # fmt: skip
    for number in range(1, 4):
        tokens = torch.randint(11, (4, 6))
        optimizer.parameters.gradient.zero_()
        ours(tokens).square().sum().backward()
        optimizer.step(number, optimizer.parameters.gradient.clone())
        theirs.zero_grad()
        theirs(tokens).square().sum().backward()
        muon.step()
        adam.step()
    for name, weight in theirs.state_dict().items():
        # bf16 inside both, in another order of operations: a hundredth of an update of 0.02.
        torch.testing.assert_close(ours.state_dict()[name], weight, atol=2e-3, rtol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_are_computed_as_the_model_is(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor without bf16 emulates it, a hundred times as long: training in fp32 has none of it."""
    seen: set[torch.dtype] = set()
    product = torch.baddbmm
    monkeypatch.setattr(
        torch, "baddbmm", lambda *given, **rates: (seen.add(given[0].dtype), product(*given, **rates))[1]
    )
    optimizer = Optimizer(FlatParameters(Stack(), dtype), OptimizerConfig(kind="muon"), 10)
    optimizer.step(1, torch.randn(optimizer.parameters.size))
    assert seen == {dtype}
