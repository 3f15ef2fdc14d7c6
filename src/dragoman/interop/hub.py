"""Models fetched from the Hugging Face hub by name, and a list of those that can be read. Reads no model.

Done by huggingface_hub, which resumes, keeps what it has fetched, and heeds its own settings (HF_ENDPOINT for a mirror,
HF_HOME, HF_TOKEN). Only files that an import reads are fetched, and weights in one format, not in all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from dragoman.errors import DragomanError, MissingExtraError, ModelError, UsageError

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
# In the formats that are read, as their makers publish them.
KNOWN: Sequence[tuple[str, str]] = (
    (
        "Helsinki-NLP/opus-mt-SOURCE-TARGET",
        "OPUS-MT, over a thousand pairs: en-zh, zh-en, en-de, de-en, en-fr, ...",
    ),
    (
        "Helsinki-NLP/opus-mt-en-mul",
        "OPUS-MT, English into many languages; also mul-en, en-ROMANCE, ROMANCE-en",
    ),
    ("facebook/m2m100_418M", "M2M-100, all pairs of 100 languages; also m2m100_1.2B"),
    (
        "facebook/nllb-200-distilled-600M",
        "NLLB, all pairs of 200 languages, not for commercial use; also 1.3B, 3.3B",
    ),
)
# Whichever comes first is there in whole; a CTranslate2 directory has only the last.
WEIGHTS = ("model*.safetensors", "pytorch_model*.bin", "model.bin")
BESIDE = ("*.json", "*.spm", "*.model", "*_vocabulary.txt", "README.md", "LICENSE*", "LICENCE*")
LARGEST_BESIDE = "*/*"  # files in folders below: of other programs


def wanted(names: Sequence[str]) -> list[str]:
    """Of the files of a repository those that an import reads."""
    top = [name for name in names if not fnmatch(name, LARGEST_BESIDE)]
    weights = next((found for pattern in WEIGHTS if (found := [n for n in top if fnmatch(n, pattern)])), [])
    return sorted({*weights, *(name for name in top if any(fnmatch(name, one) for one in BESIDE))})


def fetched(name: str, revision: str | None = None) -> Path:
    """The directory of a model of the hub on this machine. Raises UsageError, MissingExtraError or ModelError."""
    if not NAME.fullmatch(name) or ".." in name:
        raise UsageError(
            f"{name[:80]!r} is no name on the Hugging Face hub: such a name is OWNER/MODEL "
            "(dragoman models get lists some)"
        )
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError(
            "models are fetched with huggingface_hub: install it with  pip install 'dragoman[hub]'"
        ) from error
    try:
        there = huggingface_hub.model_info(name, revision=revision).siblings or []
        files = wanted([one.rfilename for one in there])
        if not any(fnmatch(file, pattern) for file in files for pattern in WEIGHTS):
            raise ModelError(f"{name} has no weights in a format that is read: {', '.join(WEIGHTS)}")
        return Path(huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=files))
    except DragomanError:
        raise
    except Exception as error:  # of whichever library carries the bytes
        told = _told(name, revision, error)
        if isinstance(told, Unreachable):  # what was fetched before is still here
            with suppress(Exception):
                return Path(huggingface_hub.snapshot_download(name, revision=revision, local_files_only=True))
        raise told from error


class Unreachable(ModelError):
    """The hub cannot be asked: no network, or switched off by HF_HUB_OFFLINE."""


def _told(name: str, revision: str | None, error: Exception) -> DragomanError:
    """Its many errors in one sentence each."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"{name} is given only to those who agree to its terms: do so on its page, and set HF_TOKEN"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return ModelError(f"the Hugging Face hub has no model {name}, or not for everybody (HF_TOKEN)")
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelError(f"{name} has no revision {revision}")
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return ModelError(f"{name} could not be fetched: the Hugging Face hub answered with {status}")
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return ModelError(f"{name} could not be fetched: {error.filename}: {error.strerror}")
    return Unreachable(
        f"{name} could not be fetched: the Hugging Face hub cannot be reached from here. Set HF_ENDPOINT to a "
        "mirror, or download the model elsewhere and name its directory (dragoman import DIRECTORY -o DIR)"
    )
