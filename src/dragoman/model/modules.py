"""Networks of torch with the weights of a file in them. Imports torch when it is asked for one, and not before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.errors import ConfigError, MissingExtraError, ModelError
from dragoman.model.fields import CONFIG

if TYPE_CHECKING:
    from torch import nn


def require_torch(reason: str) -> None:
    """Raises MissingExtraError where torch is not installed."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f"{reason}: install it with  pip install 'dragoman[train]'") from error


@contextmanager
def weightless() -> Iterator[None]:
    """What is built in it has shapes and no numbers: nothing is allocated, and nothing is drawn at random.

    A draw would be of no use, and drawing without memory goes through torch._dynamo, whose import takes a second.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    class Undrawn(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = kwargs or {}
            if getattr(function, "__module__", None) == "torch.nn.init":
                return args[0] if args else given["tensor"]
            return function(*args, **given)

    with torch.device("meta"), Undrawn():
        yield


def shapes_of(make: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the weights of what `make` makes; none is allocated. Raises ModelError."""
    try:
        with weightless():
            return {name: tuple(weight.shape) for name, weight in make().state_dict().items()}
    except (ConfigError, RuntimeError) as error:  # RuntimeError: more numbers than can be counted
        raise ModelError(f"{CONFIG}: [model] describes no model that can be built: {error}") from error


def assembled(make: Callable[[], nn.Module], weights: Mapping[str, np.ndarray]) -> nn.Module:
    """The module that `make` makes, with these weights in fp32, in evaluation mode."""
    import torch

    with weightless():  # the weights are replaced at once
        module = make()
    tensors = {name: torch.from_numpy(weight.astype(np.float32)) for name, weight in weights.items()}
    module.load_state_dict(tensors, assign=True)
    return module.eval().requires_grad_(False)
