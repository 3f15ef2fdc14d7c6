"""A model of many languages as transformers' M2M-100: its tokens in the order that M2M100Tokenizer counts them.

Their special tokens stand otherwise (<s> <pad> </s> <unk>), the hundred languages come after all pieces in an order
that their tokenizer knows by heart, and eight rows fill the table up.

Dimensions: V vocabulary, D model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dragoman.decoding.options import DecodingOptions
from dragoman.files import write_new
from dragoman.ids import BOS, EOS, PAD, SPECIALS, UNK
from dragoman.interop.export import bart
from dragoman.interop.m2m100 import M2M_LANGUAGES, PIECES, SPM
from dragoman.model.directory import ModelDirectory

ORDER = (BOS, PAD, EOS, UNK)  # by their id ours
FILLED = 8  # rows that no token has (fairseq's madeupwords)


def refusal(model: ModelDirectory) -> str | None:
    """What of a model with such positions M2M-100 cannot express, or None."""
    settings = model.config["model"]
    for name, only in (("norm", "pre"), ("tie", "all"), ("source_eos", True)):
        if settings.get(name, only) != only:
            return f"M2M-100, which has such positions, has no model.{name} = {settings[name]!r}"
    if settings["d_model"] % 2:
        return f"its waves need an even model.d_model, not {settings['d_model']}"
    if settings.get("output_bias") and np.delete(model.weights["output_bias"], BOS).any():
        return "M2M-100 has no bias on its output, and this model has learnt one (model.output_bias)"
    words = model.source_tokenizer.vocabulary()
    languages = [f"__{code}__" for code in M2M_LANGUAGES]
    if words != model.target_tokenizer.vocabulary() or words[-len(languages) :] != languages:
        return "M2M-100's tokenizer knows a hundred languages of its own, and those of this model are others"
    return None


def write(model: ModelDirectory, directory: Path) -> None:
    """All files of the directory that from_pretrained loads."""
    words = model.source_tokenizer.vocabulary()
    pieces = [*(SPECIALS[i] for i in ORDER), *words[len(ORDER) : -len(M2M_LANGUAGES)]]
    texts: dict[str, Any] = {
        "config.json": settings(model),
        "generation_config.json": generation(model),
        "tokenizer_config.json": _tokenizer_settings(model),
        PIECES: {piece: i for i, piece in enumerate(pieces)},
    }
    for name, value in texts.items():
        write_new(directory / name, json.dumps(value, ensure_ascii=False, indent=1).encode())
    write_new(directory / SPM, model.source_tokenizer.sentencepiece)
    write_new(directory / "model.safetensors", bart.saved(_arrays(model)))


def _marks(model: ModelDirectory) -> dict[str, int]:
    """Their numbers of the special tokens. The decoder first reads </s>, or <s> where that has become another row."""
    table = model.weights["embedding.weight"]
    start = EOS if np.array_equal(table[BOS], table[EOS]) else BOS
    ids = {"pad": PAD, "bos": BOS, "eos": EOS, "decoder_start": start}
    return {f"{name}_token_id": ORDER.index(i) for name, i in ids.items()}


def settings(model: ModelDirectory) -> dict[str, Any]:
    """config.json."""
    c = model.config["model"]
    return {
        "architectures": ["M2M100ForConditionalGeneration"],
        "model_type": "m2m_100",
        "vocab_size": model.source_tokenizer.vocab_size + FILLED,
        "d_model": c["d_model"],
        **bart.sizes(c),
        "activation_function": bart.ACTIVATIONS[c["activation"]],
        "max_position_embeddings": c["max_length"],
        "scale_embedding": True,
        "tie_word_embeddings": True,
        "dropout": c["dropout"],
        "attention_dropout": c["attention_dropout"],
        "activation_dropout": 0.0,
        **_marks(model),
        "is_encoder_decoder": True,
        "torch_dtype": "float32",
    }


def generation(model: ModelDirectory) -> dict[str, Any]:
    """generation_config.json; the usual language to write, where nobody names one."""
    own = bart.generation(DecodingOptions(**model.config["decoding"]))
    filled = range(model.source_tokenizer.vocab_size, model.source_tokenizer.vocab_size + FILLED)
    never = [*(ORDER.index(i) for i in (PAD, UNK, BOS)), *filled]
    (lead,) = model.target_tokenizer.lead
    return own | _marks(model) | {"suppress_tokens": never, "forced_bos_token_id": lead}


def _tokenizer_settings(model: ModelDirectory) -> dict[str, Any]:
    source, target = model.languages
    return {
        "tokenizer_class": "M2M100Tokenizer",
        "src_lang": source,
        "tgt_lang": target,
        "model_max_length": model.config["model"]["max_length"],
    }


def _arrays(model: ModelDirectory) -> Iterator[tuple[str, np.ndarray]]:
    c, weights = model.config["model"], model.weights
    order = bart.pairs_to_halves(c["d_model"])
    table = weights["embedding.weight"][:, order]
    # What no token has must not be likely before it is suppressed: a row of zeros has a logit of 0, as theirs have.
    filled = np.zeros((FILLED, table.shape[1]), table.dtype)
    yield "model.shared.weight", np.concatenate((table[list(ORDER)], table[len(ORDER) :], filled))
    yield from bart.layers(c, weights, order)
