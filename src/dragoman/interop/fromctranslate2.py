"""Directories of CTranslate2 as model directories: its variables under our names, and the tokenizers beside them.

The opposite of ctranslate2.py, for what its converters make as well: a first token without an embedding (Marian),
positions in halves or of their own, numbers as integers. A variable that is not understood is refused, not left out.

Dimensions: D model, F feed-forward, V vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from dragoman.errors import ModelError
from dragoman.ids import BOS, EOS
from dragoman.interop.brought import Brought, Pair, decoding_of, learnt_as, own_tokenizers, share_of
from dragoman.interop.foreign import json_of, read_json
from dragoman.interop.fromvariables import NOWHERE, foreign_of, has_bias, refuse_unfit, weights_of
from dragoman.interop.marian import is_lead
from dragoman.interop.naming import Vocabulary, arranged, whole
from dragoman.interop.variables import Variables, variables_of
from dragoman.text.mapped import Side, Table, sealed

WEIGHTS, CONFIG, DECODING = "model.bin", "config.json", "decoding.json"
# The names under which tokenizers lie beside such models.
PAIR: dict[Side, str] = {"source": "source.spm", "target": "target.spm"}
ALONE = ("sentencepiece.model", "sentencepiece.bpe.model", "spm.model", "spiece.model", "tokenizer.model",
         "flores200_sacrebleu_tokenizer_spm.model")  # fmt: skip
_LANGUAGE = re.compile(r"__([a-z]{2,3}(?:_[A-Za-z]+)?)__|([a-z]{3}_[A-Z][a-z]{3})")
PADDING, ZEROS = "<pad>", "decoder/start_from_zero_embedding"
MOST_TRAINED = 256  # pieces of a sentence: what most of these models were trained on


def read(directory: Path, asked: Pair) -> Brought:
    """The model in a directory. Raises ModelError for one that is damaged, or computes what is not computed here.

    Tokenizers of Marian's, fairseq's and Hugging Face's models put </s> behind each sentence, and their converters
    leave it to them. They are known by their padding, which OpenNMT calls <blank>, and Marian by having none.
    """
    zeros = variables_of(directory / WEIGHTS).scalar(ZEROS, 0)
    closed = bool(zeros) or PADDING in words_of(directory, "source")
    return read_parts(directory, tokenizers_beside(directory), asked, directory.name, closed)


def read_parts(
    directory: Path,
    models: Mapping[Side, Path],
    asked: Pair,
    name: str,
    closed: bool = False,
    begun: str | None = None,
) -> Brought:
    """The same with the SentencePiece models of both sides named; `name` may tell the languages.

    closed: whether the sentences that CTranslate2 is given end with </s>, if it does not add it by itself. begun: the
    token that each translation has to begin with.
    """
    sides: tuple[Side, ...] = get_args(Side)
    words = {side: words_of(directory, side) for side in sides}
    contents = {side: models[side].read_bytes() for side in sides}
    for side in sides:
        share_of(contents[side], words[side], models[side], f"the vocabulary of {directory}")
    variables = variables_of(directory / WEIGHTS)
    settings = _said_by(variables) | json_of(directory / CONFIG, needed=False)
    # A model of ours says it; of others the vocabulary tells.
    closed = settings.get("reads_source_eos", closed or bool(settings["add_source_eos"]))
    refuse_unfit(variables, (len(words["source"]), len(words["target"])))
    vocabularies: dict[Side, Vocabulary] = {
        "source": _vocabulary(words["source"], settings, variables, closed, False),
        "target": _vocabulary(words["target"], settings, variables, True, True),
    }
    source, target = vocabularies["source"], vocabularies["target"]
    foreign = foreign_of(variables, settings.get("layer_norm_epsilon"), words["source"] == words["target"])
    fronts: dict[Side, tuple[int, ...]] = {
        "source": (BOS,) if settings["add_source_bos"] else (),
        "target": () if begun is None else (_numbered(begun, target, directory),),
    }
    tables = {side: _table(vocabularies[side], side, fronts[side], begun is not None) for side in sides}
    leads = tables["source"].leads
    own = None if any(fronts.values()) else own_tokenizers(contents, vocabularies)
    return Brought(
        model={
            **foreign.layout.model,
            "output_bias": has_bias(variables, target),
            **({} if closed else {"source_eos": False}),
        },
        weights=whole(weights_of(foreign, source, target)),
        tokenizers=own or {side: sealed(tables[side], contents[side]) for side in sides},
        languages=asked.settled(name, source=leads if tables["target"].leads else (), target=leads),
        pieces=len(source.pieces),
        decoding=_decoding(directory),
        longest=MOST_TRAINED,
        kind=learnt_as(own) if own else "mapped",
    )


# -- tokens ---------------------------------------------------------------------------------------------------------


def tokenizers_beside(directory: Path) -> dict[Side, Path]:
    """The SentencePiece models that belong to a directory. Raises ModelError where there are none."""
    if all((directory / name).exists() for name in PAIR.values()):
        return {side: directory / name for side, name in PAIR.items()}
    for name in ALONE:
        if (directory / name).exists():
            return dict.fromkeys(get_args(Side), directory / name)
    raise ModelError(
        f"{directory} has no tokenizer: copy the original model's source.spm and target.spm (or "
        "sentencepiece.bpe.model) into it, without which no text can be cut into the model's pieces"
    )


def words_of(directory: Path, side: Side) -> list[str]:
    """The vocabulary of a side by id: a list in JSON, or of old a token a line. Raises ModelError."""
    for stem in (f"{side}_vocabulary", "shared_vocabulary"):
        path = directory / f"{stem}.json"
        if path.exists():
            try:
                found = read_json(path)
            except (OSError, ValueError, RecursionError) as error:
                raise ModelError(f"{path} is no JSON: it was cut short, or is something else") from error
            if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
                raise ModelError(f"{path} holds no list of tokens")
            return found
        path = directory / f"{stem}.txt"
        if path.exists():
            try:
                return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
            except ValueError as error:
                raise ModelError(f"{path} is not UTF-8") from error
    raise ModelError(f"{directory} has no {side}_vocabulary.json and no shared_vocabulary.json")


def _said_by(variables: Variables) -> dict[str, Any]:
    """What stands among the variables, before there was a config.json, and what is meant where nobody says it."""
    bos, eos = variables.text("bos_token", "<s>"), variables.text("eos_token", "</s>")
    start = bos if variables.scalar("with_target_bos", 1) else eos
    return {
        "unk_token": variables.text("unk_token", "<unk>"),
        "bos_token": bos,
        "eos_token": eos,
        "decoder_start_token": None if variables.scalar("user_decoder_start_tokens", 0) else start,
        "add_source_bos": bool(variables.scalar("with_source_bos", 0)),
        "add_source_eos": bool(variables.scalar("with_source_eos", 0)),
    }


def _vocabulary(
    words: Sequence[str], settings: Mapping[str, Any], variables: Variables, ends: bool, begins: bool
) -> Vocabulary:
    """Their tokens in our order. `ends`, `begins`: whether </s>, and what the decoder reads first, are ever read."""
    ids = {word: i for i, word in enumerate(words)}

    def named(key: str, needed: bool = True) -> int:
        token = settings[key]
        if isinstance(token, str) and token in ids:
            return ids[token]
        if needed:
            raise ModelError(
                f"{variables.path.parent}: its vocabulary has no {key.replace('_', ' ')} {token!r}"
            )
        return NOWHERE

    pad = next((ids[word] for word in (PADDING, "<blank>") if word in ids), NOWHERE)
    if settings["decoder_start_token"] is None:
        raise ModelError(
            f"{variables.path.parent} has no token that its decoder reads first (mBART): such models are not read"
        )
    if settings["add_source_bos"] and settings["bos_token"] != settings["decoder_start_token"]:
        raise ModelError(
            f"{variables.path.parent} reads sentences with {settings['bos_token']!r} in front, and its decoder begins "
            f"with {settings['decoder_start_token']!r}: such models are not read"
        )
    begins |= bool(settings["add_source_bos"])
    start = NOWHERE if variables.scalar(ZEROS, 0) else named("decoder_start_token", begins)
    dropped = [ids[word] for word in ("<s>",) if word in ids]
    specials = pad, named("unk_token"), start, named("eos_token", ends)
    return arranged(dict(enumerate(words)), specials, dropped)


def _numbered(token: str, vocabulary: Vocabulary, directory: Path) -> int:
    """Raises ModelError for a token that is none."""
    if token not in vocabulary.pieces[EOS + 1 :]:
        raise ModelError(
            f"{directory}: each translation is to begin with {token[:40]!r}, which is not in its vocabulary"
        )
    return vocabulary.pieces.index(token)


def _table(vocabulary: Vocabulary, side: Side, front: tuple[int, ...], told: bool) -> Table:
    """Tokens of languages are recognised by how they are written, in the manner of Marian, of M2M-100 or of NLLB.

    told: whether a token in front of the translation tells the language already.
    """
    if told:
        return Table("m2m100", vocabulary.pieces, {}, front=front)
    marian = {piece[2:-2]: i for i, piece in enumerate(vocabulary.pieces) if i > EOS and is_lead(piece)}
    if marian:
        if side == "target":
            return Table("marian", vocabulary.pieces, {}, front=front)
        return Table("marian", vocabulary.pieces, marian, "target", front)
    named = ((i, _LANGUAGE.fullmatch(piece)) for i, piece in enumerate(vocabulary.pieces))
    leads = {found[1] or found[2]: i for i, found in named if found}
    return Table("m2m100", vocabulary.pieces, leads, side if leads else None, front)


def _decoding(directory: Path) -> dict[str, Any]:
    """As `dragoman export` writes it beside the model."""
    found = json_of(directory / DECODING, needed=False)
    return decoding_of({"num_beams": found.get("beam_size"), "length_penalty": found.get("length_penalty")})
