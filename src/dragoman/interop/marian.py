"""Marian and OPUS-MT in Hugging Face format: config.json, weights, vocab.json, source.spm and target.spm.

The paper's Transformer but for four things: swish, a bias on the output, sinusoids in halves, and padding as the first
token that the decoder reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from dragoman.errors import ModelError
from dragoman.ids import EOS
from dragoman.interop.brought import (
    Brought,
    Pair,
    decoding_of,
    learnt_as,
    own_tokenizers,
    share_of,
    stated_languages,
)
from dragoman.interop.ctranslate2 import sinusoids
from dragoman.interop.foreign import Store, first_read, hugging_face_store, json_of, number, share
from dragoman.interop.naming import (
    Layout,
    Vocabulary,
    arranged,
    halves_to_pairs,
    layers,
    output_bias,
    table,
    whole,
)
from dragoman.text.mapped import Side, Table, sealed

CONFIG, PIECES, TARGET_PIECES = "config.json", "vocab.json", "target_vocab.json"
TOKENIZER = "tokenizer_config.json"
SPM: dict[Side, str] = {"source": "source.spm", "target": "target.spm"}
# As they call them, and we. HF's "gelu" is the exact one.
ACTIVATIONS = {"swish": "swish", "silu": "swish", "relu": "relu", "gelu": "gelu", "gelu_new": "gelu_tanh",
               "gelu_pytorch_tanh": "gelu_tanh"}  # fmt: skip
CLOSE = 2e-3  # between sinusoids and the same in float16
MOST_TRAINED = 512  # pieces of a sentence that Marian's models were trained on


def read(directory: Path, asked: Pair) -> Brought:
    """The model in a directory. Raises ModelError for one that is damaged, or of another make."""
    settings = json_of(directory / CONFIG)
    separate = settings.get("share_encoder_decoder_embeddings") is False
    source, target = _vocabularies(directory, settings, separate)
    models = {side: spm_of(directory / name) for side, name in SPM.items()}
    leads = {piece[2:-2]: i for i, piece in enumerate(source.pieces) if is_lead(piece) and i > EOS}
    tables = {
        "source": Table("marian", source.pieces, leads, "target" if leads else None),
        "target": Table("marian", target.pieces, {}),
    }
    for side, vocabulary in (("source", source), ("target", target)):
        share_of(models[side], vocabulary.pieces, directory / SPM[side], PIECES)  # type: ignore[index]
    store = hugging_face_store(directory)
    layout = layout_of(settings, directory / CONFIG, tied=not separate)
    layout, places = positioned(store, layout, settings.get("model_type") == "pegasus")
    own = own_tokenizers(models, {"source": source, "target": target})
    return Brought(
        model=layout.model,
        weights=whole(weights_of(store, layout, settings, source, target)) | places,
        tokenizers=own or {side: sealed(tables[side], models[side]) for side in get_args(Side)},
        kind=learnt_as(own) if own else "mapped",
        languages=languages_of(directory, asked, leads),
        pieces=len(source.pieces),
        decoding=decoding_of(json_of(directory / "generation_config.json", needed=False) or settings),
        longest=MOST_TRAINED,
    )


def positioned(store: Store, layout: Layout, before: bool) -> tuple[Layout, dict[str, np.ndarray]]:
    """The layout with pre-norm where it is, and with positions of its own where those are no sinusoids."""
    model = {**layout.model, "norm": "pre" if before else "post"}
    names = [f"model.{stack}.embed_positions.weight" for stack in ("encoder", "decoder")]
    if any(name not in store for name in names):
        return Layout(model, layout.order), {}
    tables = [store.take(name).astype(np.float32)[:, layout.order] for name in names]
    if all(np.abs(one - sinusoids(len(one), layout.width)).max() < CLOSE for one in tables):
        return Layout(model, layout.order), {}
    length = min(map(len, tables))
    model |= {"positions": "learned", "max_length": length}
    sides = zip(get_args(Side), tables, strict=True)
    return Layout(model, layout.order), {
        f"{side}_input.learned.weight": one[:length].copy() for side, one in sides
    }


def is_lead(piece: str) -> bool:
    """Whether a piece names the language that is to be written: >>fra<<."""
    return piece.startswith(">>") and piece.endswith("<<") and len(piece) > 4


def layout_of(settings: Mapping[str, Any], path: Path, tied: bool = True) -> Layout:
    """What the model is made of. Raises ModelError for what Marian's class does not have."""
    activation = settings.get("activation_function", "gelu")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ModelError(f"{path}: activation_function = {activation!r}: known are {', '.join(ACTIVATIONS)}")
    sizes = {name: number(settings, name, path) for name in ("d_model", "encoder_layers", "decoder_layers")}
    inner, heads = (
        [number(settings, f"{stack}_{what}", path) for stack in ("encoder", "decoder")]
        for what in ("ffn_dim", "attention_heads")
    )
    if inner[0] != inner[1] or heads[0] != heads[1]:
        raise ModelError(f"{path}: encoder and decoder are of different widths or heads, which is not read")
    model = {
        "kind": "transformer",
        **sizes,
        "d_ff": inner[0],
        "n_heads": heads[0],
        "norm": "post",
        "activation": ACTIVATIONS[activation],
        "positions": "sinusoidal",
        # Ours scales what it reads: what was not scaled is a table of its own.
        "tie": ("all" if tied else "target") if _scaled(settings) and _tied(settings) else "none",
        "output_bias": True,
        "dropout": share(settings, "dropout", 0.1, path),
        "attention_dropout": share(settings, "attention_dropout", 0.0, path),
        "max_length": number(
            {"max_position_embeddings": 512} | dict(settings), "max_position_embeddings", path
        ),
        "columns": 16,
    }
    return Layout(model, halves_to_pairs(sizes["d_model"]))


def _scaled(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("scale_embedding", False))


def _tied(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("tie_word_embeddings", True))


def _vocabularies(
    directory: Path, settings: Mapping[str, Any], separate: bool
) -> tuple[Vocabulary, Vocabulary]:
    """Tables of their own for both sides may still be of one vocabulary."""
    source = _vocabulary(directory / PIECES, settings, "vocab_size")
    if not (separate and json_of(directory / TOKENIZER, needed=False).get("separate_vocabs", True)):
        return source, source
    return source, _vocabulary(directory / TARGET_PIECES, settings, "decoder_vocab_size")


def _vocabulary(path: Path, settings: Mapping[str, Any], size: str) -> Vocabulary:
    ids = json_of(path)
    return numbered(
        ids,
        path,
        number({size: settings.get("vocab_size")} | dict(settings), size, path.parent / CONFIG),
        settings,
    )


def numbered(
    ids: Mapping[str, Any], path: Path, rows: int, settings: Mapping[str, Any] | None = None
) -> Vocabulary:
    """Marian's table of pieces in our order; the decoder first reads <pad>, where the settings say nothing else.

    Raises ModelError for a table that does not fit so many rows.
    """
    if len(ids) != rows:
        raise ModelError(
            f"{path} numbers {len(ids):,} pieces, and the weights have {rows:,} rows: it belongs to another model"
        )
    if sorted(i for i in ids.values() if type(i) is int) != list(range(rows)):
        raise ModelError(
            f"{path} does not number its pieces from 0 to {rows - 1:,}, each once: it was damaged"
        )
    for special in ("</s>", "<unk>", "<pad>"):
        if special not in ids:
            raise ModelError(f"{path} has no {special}: it is no vocabulary of Marian's")
    pad, unk, eos = ids["<pad>"], ids["<unk>"], ids["</s>"]
    first = first_read(settings or {}, rows, pad, path.parent / CONFIG)
    return arranged({i: piece for piece, i in ids.items()}, (pad, unk, first, eos))


def spm_of(path: Path) -> bytes:
    """A SentencePiece model as it is. Raises ModelError where it is missing."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path.parent} has no {path.name}: without it no text can be cut into the model's pieces"
        ) from error


def weights_of(
    store: Store, layout: Layout, settings: Mapping[str, Any], source: Vocabulary, target: Vocabulary
) -> Iterator[tuple[str, np.ndarray]]:
    """All weights by our names, from transformers' names for them."""
    d, scaled = layout.width, _scaled(settings)
    sizes = (
        number(settings, "vocab_size", store.path),
        settings.get("decoder_vocab_size") or settings["vocab_size"],
    )
    shared = "model.shared.weight"
    first = shared if shared in store else "model.encoder.embed_tokens.weight"
    second = (
        shared if shared in store and layout.model["tie"] == "all" else "model.decoder.embed_tokens.weight"
    )
    if second not in store:
        second = first
    read = store.take(first, sizes[0], d)
    if layout.model["tie"] == "all":
        yield "embedding.weight", table(read, source, layout)
    else:
        yield "source_embedding.weight", table(read, source, layout, scaled)
        written = store.take(second, sizes[1], d)
        yield "target_embedding.weight", table(written, target, layout, scaled)
        if layout.model["tie"] == "none":
            output = written if _tied(settings) else store.take("lm_head.weight", sizes[1], d)
            yield "output.weight", table(output, target, layout)
    del read
    bias = store.take("final_logits_bias", 1, sizes[1]) if "final_logits_bias" in store else None
    yield "output_bias", output_bias(bias, target)
    yield from layers(store, layout)
    store.refuse_left()


def languages_of(directory: Path, asked: Pair, leads: Mapping[str, int]) -> tuple[str, str]:
    """Codes of source and target: as asked, as tokenizer_config.json says, or as the name of the model does."""
    said, stated = json_of(directory / TOKENIZER, needed=False), stated_languages(directory)
    named = (said.get("source_lang") or stated[0], said.get("target_lang") or stated[1])
    return asked.settled(directory.name, named, target=leads)
