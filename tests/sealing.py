"""Model directories sealed anew, as a forger would, and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dragoman.errors import ModelError
from dragoman.files import sha256
from dragoman.model import contents
from dragoman.model.contents import CARD, WEIGHTS
from dragoman.model.directory import open_model
from dragoman.model.fields import CONFIG
from dragoman.model.seal import MANIFEST

TOKENIZER = "tokenizer.model"
SEALED = (CONFIG, WEIGHTS, TOKENIZER, CARD)


def reseal(directory: Path, **changes: Any) -> None:
    """A manifest that fits the files as they now are: what a forger would write."""
    manifest = json.loads((directory / MANIFEST).read_text())
    for name in manifest["files"]:
        data = (directory / name).read_bytes()
        manifest["files"][name] = {"size": len(data), "sha256": sha256(data)}
    (directory / MANIFEST).write_text(json.dumps(manifest | changes))


def trained_with(tokenizer: bytes) -> dict[str, str]:
    """Metadata of weights that go with a joint tokenizer."""
    return {contents.TRAINED_WITH: json.dumps({TOKENIZER: sha256(tokenizer)})}


def refused(directory: Path, *words: str) -> None:
    with pytest.raises(ModelError) as caught:
        open_model(directory)
    for word in (str(directory), *words):
        assert word in str(caught.value)
