"""Tokenizers of other people's models: SentencePiece cuts, a table of pieces numbers. Learns nothing, reads no file.

In Marian, OPUS-MT, M2M-100 and NLLB the ids are not SentencePiece's: a second file says them. Ids 0 to 3 are ours
(ids.py); whoever imports a model puts its rows in that order. A model of many languages is told which by a token at the
beginning of a text, and some begin every text with a token that tells nothing: both stand in `lead`.

A tokenizer is one file: a SentencePiece model, with a field in front that SentencePiece does not know and passes over.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

from dragoman.errors import ConfigError, ModelError
from dragoman.ids import BOS, EOS, SPECIALS, UNK
from dragoman.text.languages import read_tag
from dragoman.text.tokenizer import Tokenizer, opened

# Field 1000 of ModelProto, a string of bytes: SentencePiece leaves numbers from 200 on to others.
# https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
MARK = b"\xc2\x3e"
SPACE = "\u2581"

_SCRIPT = re.compile(r"[_-][A-Za-z]{4}$")  # at the end of a code

Side = Literal["source", "target"]
Style = Literal["marian", "m2m100"]


@dataclass(frozen=True)
class Table:
    """What a mapped tokenizer knows beside its SentencePiece model."""

    style: Style
    pieces: Sequence[str]  # by id; the first four are SPECIALS
    leads: Mapping[str, int]  # a language's code in the model -> its token; none where the model has one pair
    told_by: Side | None = None  # whose language the token at the beginning names
    front: tuple[int, ...] = ()  # what every text begins with, whatever its language

    @property
    def data(self) -> bytes:
        said: dict[str, Any] = {
            "style": self.style,
            "pieces": list(self.pieces),
            "leads": dict(self.leads),
            "told_by": self.told_by,
        }
        if self.front:
            said["front"] = list(self.front)
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    @classmethod
    def of(cls, data: bytes) -> Table:
        """Raises ValueError or TypeError for what is no table."""
        said = json.loads(data)
        table = cls(
            said["style"], said["pieces"], said["leads"], said["told_by"], tuple(said.get("front", ()))
        )
        size = len(table.pieces)
        sound = (
            table.style in get_args(Style)
            and table.told_by in (None, *get_args(Side))
            and all(isinstance(piece, str) for piece in table.pieces)
            and tuple(table.pieces[: len(SPECIALS)]) == SPECIALS
            and all(type(i) is int and EOS < i < size for i in table.leads.values())
            and all(type(i) is int and (i == BOS or EOS < i < size) for i in table.front)
        )
        if not sound:
            raise ValueError("its table of pieces does not fit together")
        return table


def sealed(table: Table, model: bytes) -> bytes:
    """A table and a SentencePiece model as one file."""
    data = table.data
    return MARK + _varint(len(data)) + data + model


class MappedTokenizer(Tokenizer):
    """Text to ids and back, as the model's own tokenizer does it. What it has no piece for is <unk>."""

    def __init__(self, serialized: bytes, name: str = "tokenizer") -> None:
        """Raises ModelError."""
        try:
            length, start = _read_varint(serialized, len(MARK))
            self.table = Table.of(serialized[start : start + length])
        except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
            raise ModelError(f"{name} is damaged: {error}") from error
        self.serialized, self._model_starts = serialized, start + length
        self._model = opened(self.sentencepiece, name)
        self._pieces = list(self.table.pieces)
        # The last of two pieces that are spelled alike, as reading a JSON object would have it.
        self._ids = {piece: i for i, piece in enumerate(self._pieces) if i > EOS}
        self._leads = frozenset((*self.table.leads.values(), *self.table.front))
        self.lead: tuple[int, ...] = self.table.front

    @property
    def vocab_size(self) -> int:
        return len(self._pieces)

    @property
    def controls(self) -> dict[str, int]:
        """None: what such a model is told stands in `lead`."""
        return {}

    @property
    def symbols(self) -> dict[str, int]:
        return {}

    def score_of(self, piece: int) -> float:
        """Log-probability of a piece in the model of the pieces; 0 for one that it does not know."""
        found = self._model.piece_to_id(self._pieces[piece])
        return 0.0 if found == self._model.unk_id() else float(self._model.get_score(found))

    @property
    def sentencepiece(self) -> bytes:
        return self.serialized[self._model_starts :]

    def _led(self, *lead: int) -> MappedTokenizer:
        """The same with this in front. All else is shared: reading a table of 128,000 pieces takes a while."""
        other = copy.copy(self)
        other.lead = lead
        return other

    @property
    def bare(self) -> Tokenizer:
        return self._led() if self.lead else self

    def between(self, source: str, target: str) -> Tokenizer:
        """The same with the token of a language in front. Raises ConfigError for a language the model has not."""
        if not self.table.leads or self.table.told_by is None:
            return self
        code = source if self.table.told_by == "source" else target
        lead = self.table.leads[spoken(code, self.table.leads, self.table.told_by)]
        return self._led(*self.table.front, lead)

    def longer(self, pieces: Sequence[str], entries: bytes = b"") -> MappedTokenizer:
        """The same with these pieces at its end; `entries` are what SentencePiece has not yet, as its own fields."""
        table = replace(self.table, pieces=[*self.table.pieces, *pieces])
        return MappedTokenizer(sealed(table, self.sentencepiece + entries))._led(*self.lead)

    def unnumbered(self, text: str) -> list[tuple[str, bool]]:
        """The parts of a text that have no number, and of each whether it is one piece of the SentencePiece model."""
        found = [piece for piece in self._model.encode(text, out_type=str) if piece not in self._ids]
        unknown = self._model.unk_id()
        return [(piece, self._model.piece_to_id(piece) != unknown) for piece in found]

    def normalized(self, text: str) -> str:
        """A text as it is before it is cut: what normalisation never writes cannot be in a piece."""
        return str(self._model.normalize(text)).replace(SPACE, " ").strip()

    def spelling(self, piece: str) -> list[int]:
        """The ids of a piece's text, wherever in a word it stands; <unk> where it cannot be spelled."""
        # No normalisation knows this sign of private use, and no piece joins it.
        text, anchor = piece.replace(SPACE, " "), "\ue000"
        if piece.startswith(SPACE):
            return self.bare.encode(text[1:])
        found = self._model.encode(anchor + text, out_type=str)
        start = next(place for place, part in enumerate(found) if anchor in part)
        joined = found[start] != anchor  # with what is unknown, too
        return [UNK] * joined + [self._ids.get(part, UNK) for part in found[start + 1 :]]

    def encode(self, text: str) -> list[int]:
        """Ids without <s> and </s>; the language's token first, where there is anything after it."""
        lead, ids = self.lead, list[int]()
        if self.table.style == "marian" and text.startswith(">>") and (end := text.find("<<")) >= 0:
            # The original takes whatever stands so for the token of a language.
            lead = (*self.table.front, self._ids.get(text[: end + 2], UNK))
            text = text[end + 2 :]
            ids = list(lead)
        found = [self._ids.get(piece, UNK) for piece in self._model.encode(text, out_type=str)]
        return [*lead, *found] if found else ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special ids and those of languages vanish."""
        kept = [self._pieces[i] for i in map(int, ids) if i > EOS and i not in self._leads]
        return str(self._model.decode(kept)).replace(SPACE, " ").strip().replace("\ufffd", "")

    @cached_property
    def _cuts(self) -> list[list[tuple[int, int]]]:
        spelled = {piece: i for piece, i in self._ids.items() if i not in self._leads}
        return [
            [
                (spelled[piece[:cut]], spelled[piece[cut:]])
                for cut in range(1, len(piece))
                if piece in spelled and piece[:cut] in spelled and piece[cut:] in spelled
            ]
            for piece in self._pieces
        ]


def tokenizer_of(serialized: bytes, name: str = "tokenizer") -> Tokenizer:
    """A tokenizer of either kind from its file. Raises ModelError."""
    kind = MappedTokenizer if serialized.startswith(MARK) else Tokenizer
    return kind(serialized, name)


def spoken(code: str, leads: Mapping[str, Any], side: str) -> str:
    """The code that a model has for the language that a person names: fr, fra_Latn, zh-Hans, cmn_Hans.

    Raises ConfigError, with the codes there are, for a language that the model has not, or has several writings of.
    """
    same = {known.replace("_", "-").lower(): known for known in leads}
    if code.replace("_", "-").lower() in same:
        return same[code.replace("_", "-").lower()]
    asked = read_tag(code)
    tags = {known: tag for known in leads if (tag := read_tag(known)) is not None}
    found = [known for known, tag in tags.items() if asked and tag.language == asked.language]
    script = asked.script if asked and (asked.script or asked.language != "zh") else "Hans"
    # The writing that was named; else the token that names none; else the only one there is.
    for wanted in ([known for known in found if tags[known].script == script],
                   [known for known in found if not (asked and asked.script and _SCRIPT.search(known))]):  # fmt: skip
        if len(wanted) == 1:
            return wanted[0]
    if len(found) == 1 and not (asked and asked.script):
        return found[0]
    there = ", ".join(sorted(found or leads))
    what = "has it written in several ways" if len(found) > 1 else "does not have it"
    raise ConfigError(f"--{side}-lang {code}: this model {what}; name one of: {there}")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes((*out, number))


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at, number, shift = at + 1, number | (byte & 127) << shift, shift + 7
        if byte < 128 or shift > 63:
            return number, at
