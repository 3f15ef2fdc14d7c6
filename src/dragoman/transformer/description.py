"""What a model is made of, and whether a fast path computes all of it. Knows no fast path, and loads no torch.

Each fast path keeps a list of the settings it computes beside its code. What is not on the list goes to the reference,
so whatever is new is computed slowly at first, and never wrongly: a fast path that went by "anything but rotary" once
left ALiBi out of the training, of the C decoder and of CTranslate2, and nobody was told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

# The values of each setting that are computed; None: any.
Computes = Mapping[str, Collection[object] | None]

# Settings that a fast path need not know more of than that they are numbers.
NUMBERS: Computes = dict.fromkeys(
    ("d_model", "d_ff", "n_heads", "encoder_layers", "decoder_layers", "dropout", "max_length", "columns")
)


def description(config: object) -> Mapping[str, Any]:
    """Every setting of a model by name: all fields of its configuration, or the [model] section it is written in."""
    if isinstance(config, Mapping):
        return config
    assert is_dataclass(config) and not isinstance(config, type)
    return asdict(config)


def unlisted(settings: Mapping[str, Any], computes: Computes) -> str | None:
    """The first setting that is not listed, as people write it: "model.positions = 'alibi'"; None where all are."""
    for name, value in settings.items():
        values = computes.get(name, ())
        if values is not None and value not in values:
            return f"model.{name} = {value!r}"
    return None
