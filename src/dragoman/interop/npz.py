"""Marian's own files: model.npz with its settings inside, vocab.yml or vocab.spm, source.spm and target.spm.

The arrays are brought to the names that marian.py reads, which are transformers'. As in transformers' own conversion,
<pad> is a row more, of zeros: Marian's decoder begins with an embedding of zeros, which is no token there.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from dragoman.errors import ModelError
from dragoman.ids import EOS, PAD
from dragoman.interop import marian
from dragoman.interop.brought import INSTEAD, Brought, Pair, decoding_of, share_of, stated_languages
from dragoman.interop.foreign import Read, Store
from dragoman.interop.naming import NEVER, Layout, whole
from dragoman.text.mapped import Side, Table, sealed
from dragoman.text.tokenizer import opened, spelled

SETTINGS, DECODER = "special:model.yml", "decoder.yml"
# Options that change what is computed, with what is computed here; what is not said is so.
ONLY: Mapping[str, tuple[str, ...]] = {
    "type": ("transformer",),
    "transformer-decoder-autoreg": ("self-attention",),
    "transformer-no-projection": ("false",),
    "transformer-no-bias": ("false",),
    "transformer-no-affine": ("false",),
    "transformer-no-scale": ("false",),
    "transformer-train-position-embeddings": ("false",),
    "transformer-postprocess-emb": ("d", ""),
    "transformer-ffn-depth": ("2",),
    "transformer-ffn-activation": ("swish", "relu"),  # Marian's gelu is an approximation of its own
    "transformer-tied-layers": ("", "[]"),
    "layer-normalization": ("false",),
    "lemma-dim-emb": ("0",),
}
NORMS = {("", "dan", ""): "post", ("n", "da", "n"): "pre"}  # preprocess, postprocess, postprocess-top
_ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}


def npz_of(path: Path) -> Path | None:
    """The weights that a path names or holds: those of decoder.yml, or best-... ones, where there are several."""
    if path.is_file():
        return path if path.suffix == ".npz" else None
    found = sorted(one for one in path.glob("*.npz") if not one.name.endswith(".optimizer.npz"))
    if len(found) < 2:
        return found[0] if found else None
    named = {Path(one).name for one in decoder_of(path).get("models", "").split()}
    chosen = [one for one in found if one.name in named] or [one for one in found if ".best-" in one.name]
    return chosen[0] if chosen else None


def decoder_of(directory: Path) -> dict[str, str]:
    """The options of decoder.yml, which says what Marian's decoder takes by default; {} where there is none."""
    path = directory / DECODER
    return _options(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else {}


def files_of(path: Path) -> list[Path]:
    """What the model is made of."""
    weights = npz_of(path)
    assert weights is not None
    parts = {one for kind in ("*.spm", "*vocab*.yml", DECODER) for one in weights.parent.glob(kind)}
    return [weights, *sorted(parts)]


def read(path: Path, asked: Pair) -> Brought:
    """The model of a file or directory. Raises ModelError for one that is damaged, or computed otherwise."""
    weights = npz_of(path)
    assert weights is not None
    arrays = _arrays(weights)
    decoder = decoder_of(weights.parent)
    options = settings_of(weights, arrays) | {
        key: decoder[key] for key in ("vocabs", "beam-size") if key in decoder
    }
    norm = _norm_of(options, weights)
    pieces = {side: _pieces(weights.parent, options, i) for i, side in enumerate(get_args(Side))}
    store, settings = _store(weights, arrays, options, norm, {side: len(one) for side, one in pieces.items()})
    shared = bool(settings["share_encoder_decoder_embeddings"])
    source, target = (
        marian.numbered(
            {**{piece: i for i, piece in enumerate(one)}, "<pad>": len(one)}, weights, len(one) + 1
        )
        for one in pieces.values()
    )
    models = {side: _spm(weights.parent, side, options) for side in get_args(Side)}
    leads = {piece[2:-2]: i for i, piece in enumerate(source.pieces) if marian.is_lead(piece) and i > EOS}
    for side, vocabulary in (("source", source), ("target", target)):
        share_of(models[side].read_bytes(), vocabulary.pieces, models[side], "the vocabulary")
    base = marian.layout_of(settings, weights, tied=shared)
    layout = Layout({**base.model, "norm": norm}, base.order)
    found = whole(marian.weights_of(store, layout, settings, source, target))
    found["output_bias"][PAD] = NEVER  # which Marian does not have
    tables = {
        "source": Table("marian", source.pieces, leads, "target" if leads else None),
        "target": Table("marian", target.pieces, {}),
    }
    return Brought(
        model=layout.model,
        weights=found,
        tokenizers={side: sealed(tables[side], models[side].read_bytes()) for side in get_args(Side)},
        languages=asked.settled(
            path.stem if path.is_file() else path.name, stated_languages(weights.parent), target=leads
        ),
        pieces=len(source.pieces),
        decoding=decoding_of(
            {
                "num_beams": _whole(options.get("beam-size", "")),
                "length_penalty": _number(decoder.get("normalize", "")),
            }
        ),  # fmt: skip
        longest=marian.MOST_TRAINED,
    )


# -- the file -------------------------------------------------------------------------------------------------------


def _arrays(path: Path) -> dict[str, Read]:
    try:
        with np.load(path, allow_pickle=False) as file:
            names = list(file.files)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is no file of arrays (npz), or was cut short") from error

    def reader(name: str) -> Read:
        def read() -> np.ndarray:
            try:
                with np.load(path, allow_pickle=False) as file:
                    return np.asarray(file[name])
            except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
                raise ModelError(f"{path}: {name} is damaged, or was cut short") from error

        return read

    return {name: reader(name) for name in names}


def settings_of(path: Path, arrays: Mapping[str, Read]) -> dict[str, str]:
    """Options of the model by name, as text; a list as its entries with spaces between them."""
    if SETTINGS not in arrays:
        raise ModelError(f"{path} has no {SETTINGS}: it is no model of Marian's, or an old one")
    return _options(arrays[SETTINGS]().tobytes().split(b"\0")[0].decode("utf-8", "replace"))


def _options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if entry := re.match(r"\s*-\s+(.*)", line):
            found[last] = f"{found.get(last, '')} {_plain(entry[1])}".strip()
        elif option := re.match(r"([\w-]+):\s*(.*)", line):
            last = option[1]
            found[last] = _plain(option[2])
    return found


def _plain(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _whole(value: str) -> int:
    return int(value) if value.isdecimal() and len(value) < 9 else 0


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\d{1,3}(\.\d{1,9})?", value) else None


def _norm_of(options: Mapping[str, str], path: Path) -> str:
    for name, values in ONLY.items():
        if name in options and options[name] not in values:
            raise ModelError(
                f"{path}: its option {name} is {options[name][:40]!r}, which is not computed here"
            )
    norm = tuple(
        options.get(f"transformer-{one}", "") for one in ("preprocess", "postprocess", "postprocess-top")
    )
    if norm not in NORMS:
        raise ModelError(f"{path}: its norms stand where none here do (transformer-preprocess {norm[0]!r}, "
                         f"postprocess {norm[1]!r}, postprocess-top {norm[2]!r})")  # fmt: skip
    return NORMS[norm]


# -- its vocabularies -----------------------------------------------------------------------------------------------


def _pieces(directory: Path, options: Mapping[str, str], side: int) -> list[str]:
    """The pieces of a side by id."""
    named = [Path(one).name for one in options.get("vocabs", "").split()]
    wanted = [directory / named[min(side, len(named) - 1)]] if named else []
    wanted += sorted(directory.glob("*vocab*.yml")) + sorted(directory.glob("*vocab*.spm"))
    path = next((one for one in wanted if one.exists()), None)
    if path is None:
        raise ModelError(f"{directory} has no vocabulary: a vocab.yml or a vocab.spm")
    if path.suffix == ".spm":
        return spelled(opened(path.read_bytes(), str(path)), str(path))
    return yaml_vocabulary(path)


def yaml_vocabulary(path: Path) -> list[str]:
    """A table of pieces as Marian writes it: one `piece: number` a line, quoted where YAML wants it."""
    ids: dict[int, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        if not line.strip():
            continue
        piece, colon, number = line.rstrip("\r").rpartition(":")
        if not colon or not number.strip().isdecimal():
            raise ModelError(f"{path}: {line[:60]!r} is no piece with its number")
        ids[int(number)] = _unquoted(piece.strip(" "))
    if sorted(ids) != list(range(len(ids))):
        raise ModelError(
            f"{path} does not number its pieces from 0 on: it was cut short, or is something else"
        )
    return [ids[i] for i in range(len(ids))]


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v",
            "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029"}  # fmt: skip


def _unquoted(piece: str) -> str:
    if len(piece) > 1 and piece[0] == piece[-1] == "'":
        return piece[1:-1].replace("''", "'")
    if len(piece) > 1 and piece[0] == piece[-1] == '"':

        def spelled(found: re.Match[str]) -> str:
            code = found[1]
            return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)

        return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|.)", spelled, piece[1:-1])
    return piece


def _spm(directory: Path, side: Side, options: Mapping[str, str]) -> Path:
    named = [Path(one).name for one in options.get("vocabs", "").split()]
    names = [marian.SPM[side], *(named[:1] if side == "source" else named[-1:])]
    for name in names:
        if name.endswith(".spm") and (directory / name).exists():
            return directory / name
    found = sorted(directory.glob("*.spm"))
    if len(found) == 1:
        return found[0]
    if codes := sorted(
        {*directory.glob("*.bpe"), *directory.glob("*.tcmodel"), *directory.glob("bpe.model")}
    ):
        raise ModelError(
            f"{directory}: its text is cut with BPE after Moses' rules for words ({codes[0].name}), and only models "
            f"with SentencePiece are read: {INSTEAD}"
        )
    raise ModelError(
        f"{directory} has no {marian.SPM[side]}: without it no text can be cut into the model's pieces"
    )


# -- its weights ----------------------------------------------------------------------------------------------------


def _store(
    path: Path, arrays: Mapping[str, Read], options: Mapping[str, str], norm: str, sizes: Mapping[Side, int]
) -> tuple[Store, dict[str, Any]]:
    """The arrays under transformers' names, and the settings as its config.json has them."""
    shared, used = "Wemb" in arrays, {SETTINGS}
    depths = {
        "encoder": _whole(options.get("enc-depth", "")),
        "decoder": _whole(options.get("dec-depth", "")),
    }
    renamed: dict[str, Read] = {}

    def bring(theirs: str, ours: str, turned: bool = False, flat: bool = True, more: bool = False) -> None:
        if theirs not in arrays:
            raise ModelError(
                f"{path} has no {theirs}, which its settings ask for: it is cut short, or of another kind"
            )
        used.add(theirs)
        renamed[ours] = _shaped(arrays[theirs], turned, flat, more)

    tables = {"model.shared.weight": "Wemb"} if shared else {
        "model.encoder.embed_tokens.weight": "encoder_Wemb", "model.decoder.embed_tokens.weight": "decoder_Wemb",
    }  # fmt: skip
    for ours, theirs in tables.items():
        bring(theirs, ours, flat=False, more=True)
    own = next((one for one in ("decoder_ff_logit_out_Wt", "decoder_ff_logit_out_W") if one in arrays), None)
    if own:
        bring(own, "lm_head.weight", turned=not own.endswith("t"), flat=False, more=True)
    if "decoder_ff_logit_out_b" in arrays:
        bring("decoder_ff_logit_out_b", "bias")
        flat = renamed.pop("bias")
        renamed["final_logits_bias"] = lambda: np.append(flat(), np.float32(0))[None]
    for ours, theirs, turned in _renamed(depths, norm):
        bring(theirs, ours, turned, flat=not ours.endswith("weight") or "layer_norm" in ours)
    for name in sorted(arrays.keys() - used):
        raise ModelError(f"{path} has {name[:60]}, which no Transformer here has: such models are not read")
    settings = {
        "vocab_size": sizes["source"] + 1, "decoder_vocab_size": sizes["target"] + 1,
        "d_model": _whole(options.get("dim-emb", "")), "scale_embedding": True, "tie_word_embeddings": own is None,
        "share_encoder_decoder_embeddings": shared,
        "activation_function": options.get("transformer-ffn-activation", "swish"),
    }  # fmt: skip
    for stack, depth in depths.items():
        settings |= {
            f"{stack}_layers": depth,
            f"{stack}_ffn_dim": _whole(options.get("transformer-dim-ffn", "")),
            f"{stack}_attention_heads": _whole(options.get("transformer-heads", "")),
        }
    return Store(path, renamed), settings


def _shaped(read: Read, turned: bool, flat: bool, more: bool) -> Read:
    def shaped() -> np.ndarray:
        array = read()
        if flat:
            return array.reshape(-1)
        array = array.T if turned else array
        return np.concatenate((array, np.zeros_like(array[:1]))) if more else array

    return shaped


def _renamed(depths: Mapping[str, int], norm: str) -> Iterator[tuple[str, str, bool]]:
    """Transformers' name, Marian's, and whether it is turned: a matrix there is [read, written]."""
    end = "_pre" if norm == "pre" else ""
    for stack, depth in depths.items():
        if norm == "pre":
            yield from _norm(f"model.{stack}.layer_norm", f"{stack}_top", "")
        for i in range(depth):
            ours, theirs = f"model.{stack}.layers.{i}", f"{stack}_l{i + 1}"
            attentions = {"self_attn": "self"} | ({"encoder_attn": "context"} if stack == "decoder" else {})
            for name, other in attentions.items():
                for part, called in _ATTENTION.items():
                    yield f"{ours}.{name}.{called}.weight", f"{theirs}_{other}_W{part}", True
                    yield f"{ours}.{name}.{called}.bias", f"{theirs}_{other}_b{part}", False
                yield from _norm(f"{ours}.{name}_layer_norm", f"{theirs}_{other}_Wo", end)
            for number in "12":
                yield f"{ours}.fc{number}.weight", f"{theirs}_ffn_W{number}", True
                yield f"{ours}.fc{number}.bias", f"{theirs}_ffn_b{number}", False
            yield from _norm(f"{ours}.final_layer_norm", f"{theirs}_ffn_ffn", end)


def _norm(ours: str, theirs: str, end: str) -> Iterator[tuple[str, str, bool]]:
    yield f"{ours}.weight", f"{theirs}_ln_scale{end}", False
    yield f"{ours}.bias", f"{theirs}_ln_bias{end}", False
