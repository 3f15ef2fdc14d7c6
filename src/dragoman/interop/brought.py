"""What the reader of any format hands over: the parts of a model directory, and how its languages are found.

Reads no weights and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np

from dragoman.decoding.options import DecodingOptions
from dragoman.errors import ConfigError, ModelError, UsageError
from dragoman.ids import EOS
from dragoman.interop.naming import Vocabulary
from dragoman.text.languages import read_tag
from dragoman.text.mapped import Side, spoken
from dragoman.text.tokenizer import Tokenizer, opened, spelled

_NAMED = re.compile(r"(?:^|[-_])([a-z]{2,3}(?:_[A-Za-z]{2,4})?)[-_]([a-z]{2,3}(?:_[A-Za-z]{2,4})?)$")
_README = 2**16  # characters of a README that are looked at
LEAST_SHARE = 0.5  # of the pieces of a SentencePiece model and of its vocabulary, of the smaller, are in both


@dataclass(frozen=True)
class Brought:
    """The parts of a model directory."""

    model: Mapping[str, Any]  # the [model] section
    weights: dict[str, np.ndarray]
    tokenizers: Mapping[str, bytes]
    languages: tuple[str, str]
    pieces: int  # of the source's vocabulary
    decoding: Mapping[str, Any] = field(default_factory=dict)
    longest: int | None = None  # tokens of a sentence that the model was trained on
    kind: str = "mapped"  # of tokenizer
    licence: str = ""  # where the files of the source do not say it themselves


@dataclass(frozen=True)
class Pair:
    """The languages that a person named, if any."""

    source: str | None = None
    target: str | None = None
    name: str = ""  # of the model, where its directory has another

    def settled(
        self,
        name: str,
        said: tuple[object, object] = (None, None),
        source: Collection[str] = (),
        target: Collection[str] = (),
    ) -> tuple[str, str]:
        """Codes of both sides; `source` and `target` are those of a model of many languages, where it is one.

        Raises UsageError where nothing tells a language, ConfigError for one the model has not.
        """
        told = _NAMED.search(self.name) or _NAMED.search(name)
        named = told.groups() if told else (None, None)
        codes = []
        for side, asked, files, of_name, known in (
            ("source", self.source, said[0], named[0], source),
            ("target", self.target, said[1], named[1], target),
        ):
            if asked and not known and read_tag(asked) is None:
                raise UsageError(f"--{side}-lang {asked}: no language has this code")
            guesses = [one for one in (files, of_name) if isinstance(one, str) and one]
            if known:
                codes.append(_of_many(asked, guesses, known, side))
            elif asked or guesses:
                codes.append(asked or guesses[0])
            else:
                raise UsageError(f"{name} does not say its {side} language: add --{side}-lang (such as en)")
        return codes[0], codes[1]


def _of_many(asked: str | None, guesses: list[str], known: Collection[str], side: str) -> str:
    """The usual one of many: what is asked, else what the files say, else English into Chinese, else the first."""
    codes = dict.fromkeys(known, 0)
    if asked:
        return spoken(asked, codes, side)
    for guess in (*guesses, "en" if side == "source" else "zh"):
        try:
            return spoken(guess, codes, side)
        except ConfigError:
            continue
    return next(iter(codes))


def decoding_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """[decoding] from what others call generation: the beam and the length penalty."""
    beams, penalty = settings.get("num_beams"), settings.get("length_penalty")
    found: dict[str, Any] = {}
    if type(beams) is int and 1 <= beams <= 100:
        found["beam_size"] = beams
    if isinstance(penalty, int | float) and type(penalty) is not bool and 0 <= penalty <= 10:
        found["length_penalty"] = float(penalty)
    try:
        DecodingOptions(**found)
    except ConfigError:
        return {}
    return found


def share_of(model: bytes, pieces: Collection[str], path: Path, vocabulary: str) -> None:
    """Raises ModelError for a SentencePiece model that shares few pieces with a vocabulary, or that is none.

    A vocabulary may hold less than the model (of a joint one, what a side uses) or more (of many languages).
    """
    spm = opened(model, str(path))
    own = [
        piece for i, piece in enumerate(spelled(spm, str(path))) if not (spm.is_control(i) or spm.is_byte(i))
    ]
    known = frozenset(pieces)
    shared = sum(piece in known for piece in own)
    if shared < LEAST_SHARE * min(len(own), len(known)):
        raise ModelError(f"most pieces of {path} are not in {vocabulary}: the two belong to different models")


def own_tokenizers(
    contents: Mapping[Side, bytes], vocabularies: Mapping[Side, Vocabulary]
) -> dict[str, bytes] | None:
    """The SentencePiece models as they are, where the ids are theirs and our special tokens stand where ours do."""
    for side, vocabulary in vocabularies.items():
        try:
            tokenizer = Tokenizer(contents[side])
        except ModelError:
            return None
        same = tokenizer.vocabulary() == list(vocabulary.pieces)
        if not same or not np.array_equal(vocabulary.rows, np.arange(len(vocabulary.rows))):
            return None
    if contents["source"] == contents["target"]:
        return {"joint": contents["source"]}
    return {str(side): content for side, content in contents.items()}


def learnt_as(own: Mapping[str, bytes]) -> str:
    """A unigram's scores are log-probabilities, and those of BPE are ranks."""
    tokenizer = Tokenizer(next(iter(own.values())))
    scores = [tokenizer.score_of(i) for i in range(EOS + 1, tokenizer.vocab_size)]
    return "bpe" if all(score == round(score) for score in scores) else "unigram"


@cache
def available_memory() -> int | None:
    """Bytes that a process can still get, as Linux says; None elsewhere."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


INSTEAD = "take an OPUS-MT model of these languages that has source.spm (dragoman models get lists some)"


def stated_languages(path: Path) -> tuple[str | None, str | None]:
    """The two that README.md of an OPUS-MT model names; None for a side of several, or where it names none."""
    readme = path / "README.md"
    text = readme.read_text(encoding="utf-8", errors="replace")[:_README] if readme.exists() else ""
    found: list[str | None] = []
    for side in get_args(Side):
        line = re.search(rf"(?mi)^\W*{side} languages?(?:\(s\))?:[ \t]*(.+)$", text)
        codes = re.findall(r"[A-Za-z_]+", line[1]) if line else []
        found.append(codes[0] if len(codes) == 1 else None)
    return found[0], found[1]


def licence_of(path: Path) -> str:
    """What README.md says at its top, or the first line of LICENSE."""
    readme = path / "README.md"
    if readme.exists():
        head = re.match(r"---\n(.*?)\n---", readme.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
        if head and (found := re.search(r"(?m)^licen[sc]e:\s*\"?([^\n\"]{1,80})", head[1])):
            return found[1].strip()
    for name in ("LICENSE", "LICENSE.txt", "LICENCE"):
        if (path / name).exists():
            lines = (path / name).read_text(encoding="utf-8", errors="replace").split("\n")
            return next((line.strip()[:200] for line in lines if line.strip()), "not stated")
    return "not stated there"
