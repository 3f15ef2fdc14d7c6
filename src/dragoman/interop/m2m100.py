"""M2M-100 and NLLB-200 in Hugging Face format: one model for all pairs of their languages.

Pre-norm and ReLU; a token names the language on both sides; positions are counted from 2; the decoder first reads </s>.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from dragoman.errors import ModelError
from dragoman.interop.brought import Brought, Pair, decoding_of, share_of
from dragoman.interop.foreign import Store, first_read, hugging_face_store, json_of, number
from dragoman.interop.marian import layout_of, spm_of
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

CONFIG, PIECES, TOKENIZER, SPM = "config.json", "vocab.json", "tokenizer.json", "sentencepiece.bpe.model"
_TOKENIZER_CONFIG, _SPECIALS, _ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
_M2M = re.compile(r"__([a-z]{2,3}(?:_[A-Za-z]+)?)__")
_NLLB = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
MOST_TRAINED = 256  # pieces of a sentence that these models were trained on, and beyond which they get worse
# The languages of M2M-100 in the order of their tokens, where no file says it (fairseq's language_pairs; transformers).
M2M_LANGUAGES = (
    "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht hu hy "
    "id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru "
    "sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu"
).split()


def read(directory: Path, asked: Pair) -> Brought:
    """The model in a directory. Raises ModelError for one that is damaged, or of another make."""
    settings, path = json_of(directory / CONFIG), directory / CONFIG
    spm = spm_of(directory / SPM)
    rows = number(settings, "vocab_size", path)
    ids, leads = (_m2m if (directory / PIECES).exists() else _nllb)(directory)
    if not leads:
        raise ModelError(f"{directory} names no languages: its tokenizer files are not complete")
    vocabulary = _vocabulary(ids, rows, settings, path)
    share_of(spm, vocabulary.pieces, directory / SPM, PIECES if (directory / PIECES).exists() else TOKENIZER)
    ours = {piece: i for i, piece in enumerate(vocabulary.pieces)}
    by_code = {code: ours[token] for code, token in leads.items()}
    base = layout_of({"activation_function": "relu", "scale_embedding": True} | settings, path)
    length = number({"max_position_embeddings": 1024} | settings, "max_position_embeddings", path)
    model = {**base.model, "norm": "pre", "positions": "fairseq", "max_length": length}
    layout = Layout(model, halves_to_pairs(model["d_model"]))
    sides: tuple[Side, ...] = get_args(Side)
    said = json_of(directory / _TOKENIZER_CONFIG, needed=False)
    return Brought(
        model=model,
        weights=whole(_weights(hugging_face_store(directory), layout, settings, vocabulary, rows)),
        tokenizers={side: sealed(Table("m2m100", vocabulary.pieces, by_code, side), spm) for side in sides},
        languages=asked.settled(
            directory.name, (said.get("src_lang"), said.get("tgt_lang")), source=by_code, target=by_code
        ),
        pieces=len(vocabulary.pieces),
        decoding=decoding_of(json_of(directory / "generation_config.json", needed=False) or settings),
        longest=MOST_TRAINED,
    )


def _vocabulary(ids: Mapping[str, int], rows: int, settings: Mapping[str, Any], path: Path) -> Vocabulary:
    """Rows of the weights without a piece are left out: they fill the table up, and nobody could read them.

    The decoder first reads </s>, where nothing else is said.
    """
    directory = path.parent
    for special in ("<s>", "<pad>", "</s>", "<unk>"):
        if special not in ids:
            raise ModelError(f"{directory}: its vocabulary has no {special}: it belongs to another model")
    if max(ids.values()) >= rows:
        raise ModelError(
            f"{directory}: its vocabulary numbers {max(ids.values()) + 1:,} pieces, and the weights have {rows:,} "
            "rows: it belongs to another model"
        )
    pad, unk, eos = ids["<pad>"], ids["<unk>"], ids["</s>"]
    if min(ids.values()) < 0:
        raise ModelError(f"{directory}: its vocabulary numbers a piece {min(ids.values())}: it was damaged")
    first = first_read(settings, rows, eos, path)
    return arranged({i: piece for piece, i in ids.items()}, (pad, unk, first, eos), (ids["<s>"],))


def _m2m(directory: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Ids by piece, and the tokens of languages by code: after all pieces, in the order the files have."""
    ids = {piece: i for piece, i in json_of(directory / PIECES).items() if type(i) is int}
    if sorted(ids.values()) != list(range(len(ids))):
        raise ModelError(f"{directory / PIECES} does not number its pieces from 0 on")
    named = _named(directory)
    tokens = [token for token in named if _M2M.fullmatch(token) and token not in ids]
    tokens = tokens or [f"__{code}__" for code in M2M_LANGUAGES]
    first = len(ids)
    for place, token in enumerate(tokens, first):
        said = named.get(token)
        ids[token] = place if said is None else said
    return ids, {token.strip("_"): token for token in tokens}


def _named(directory: Path) -> dict[str, int | None]:
    """Tokens that the tokenizer's files add to the pieces, with their ids where these are said."""
    said = json_of(directory / _TOKENIZER_CONFIG, needed=False)
    more = json_of(directory / _SPECIALS, needed=False)
    found: dict[str, int | None] = {}
    for one in (said, more):
        for key in ("additional_special_tokens", "extra_special_tokens"):
            listed = one.get(key)
            for token in listed if isinstance(listed, list) else ():
                content = token.get("content") if isinstance(token, dict) else token
                if isinstance(content, str):
                    found.setdefault(content, None)
    added = said.get("added_tokens_decoder")
    for i, token in added.items() if isinstance(added, dict) else ():
        if str(i).isdecimal() and isinstance(token, dict) and isinstance(token.get("content"), str):
            found[token["content"]] = int(i)
    for content, i in json_of(directory / _ADDED, needed=False).items():
        if type(i) is int:
            found[content] = i
    return found


def _nllb(directory: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Of NLLB, whose tokenizer.json has all: pieces with their ids, and what was added to them."""
    whole = json_of(directory / TOKENIZER)
    model, added = whole.get("model"), whole.get("added_tokens")
    pieces = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(pieces, dict) or not isinstance(added, list):
        raise ModelError(f"{directory / TOKENIZER} has no table of pieces")
    ids = {piece: i for piece, i in pieces.items() if type(i) is int}
    ids |= {
        token["content"]: token["id"]
        for token in added
        if isinstance(token, dict) and type(token.get("id")) is int
    }
    return ids, {piece: piece for piece in ids if _NLLB.fullmatch(piece)}


def _weights(
    store: Store, layout: Layout, settings: Mapping[str, Any], vocabulary: Vocabulary, rows: int
) -> Iterator[tuple[str, np.ndarray]]:
    names = ("model.shared.weight", "model.encoder.embed_tokens.weight", "lm_head.weight")
    name = next((one for one in names if one in store), names[0])
    read = store.take(name, rows, layout.width)
    if layout.model["tie"] == "all":
        yield "embedding.weight", table(read, vocabulary, layout)
    else:
        scaled = bool(settings.get("scale_embedding", True))
        yield "source_embedding.weight", table(read, vocabulary, layout, scaled)
        yield "target_embedding.weight", table(read, vocabulary, layout, scaled)
        yield "output.weight", table(read, vocabulary, layout)
    yield "output_bias", output_bias(None, vocabulary)
    yield from layers(store, layout)
    store.refuse_left()
