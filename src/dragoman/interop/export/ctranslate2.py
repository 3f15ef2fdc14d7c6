"""A directory that ctranslate2 opens, with the tokenizers and a script that translates with nothing else of ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np

from dragoman.decoding.options import DecodingOptions
from dragoman.errors import ConfigError
from dragoman.files import write_new
from dragoman.ids import UNWRITTEN
from dragoman.interop import ctranslate2 as files
from dragoman.interop.export.cutting import Cutter, cutter, languages_told
from dragoman.interop.export.gate import Runtime
from dragoman.model.directory import ModelDirectory

SCRIPT = Path(__file__).parent / "scripts" / "ctranslate2_translate.py"
SETTINGS = "decoding.json"
SOURCE, TARGET = "source.spm", "target.spm"


def refusal(model: ModelDirectory) -> str | None:
    """What of a model CTranslate2 does not compute, or None."""
    return files.refusal(model.config["model"])


def write(model: ModelDirectory, directory: Path) -> None:
    """The model in float32, which CTranslate2 turns into int8 on loading if it is asked to."""
    write_model(model, directory)
    for name, tokenizer in ((SOURCE, model.source_tokenizer), (TARGET, model.target_tokenizer)):
        write_new(directory / name, tokenizer.sentencepiece)
    write_new(directory / SETTINGS, json.dumps(decoding(model), indent=1).encode())
    write_new(directory / "translate.py", SCRIPT.read_bytes())


def write_model(model: ModelDirectory, directory: Path) -> None:
    """model.bin, its settings and vocabularies."""
    if why := refusal(model):
        raise ConfigError(f"a CTranslate2 export is not possible: {why}")
    source, target = (t.vocabulary() for t in (model.source_tokenizer, model.target_tokenizer))
    found = files.convert(model.weights, model.config["model"], source, target)
    for name, content in found.items():
        write_new(directory / name, content)


def decoding(model: ModelDirectory) -> dict[str, Any]:
    """The model's own search, for the script, and how it is told the languages."""
    own = DecodingOptions(**model.config["decoding"])
    return {
        "beam_size": 1 if own.sample else own.beam_size,
        "length_penalty": own.length_penalty,
        "max_length": min(own.max_length, int(model.config["model"]["max_length"]) - 1),
        "min_length": own.min_length,
        "no_repeat_ngram": own.no_repeat_ngram,
        **languages_told(model),
    }


class CTranslate2:
    """The files in ctranslate2, in float32. See gate.Runtime."""

    def __init__(self, directory: Path, source: Cutter, target: Cutter) -> None:
        self.translator = ctranslate2.Translator(
            str(directory), "cpu", compute_type="float32", inter_threads=1, intra_threads=1
        )
        self.source, self.target = source, target

    def encode(self, text: str) -> list[int]:
        return self.source.encode(text)

    def log_probabilities(self, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
        (found,) = self.translator.score_batch([self.source.pieces(source)], [self.target.pieces(target)])
        return np.array(found.log_probs)

    def search(self, source: Sequence[int], options: DecodingOptions) -> list[int]:
        (found,) = self.translator.translate_batch(
            [self.source.pieces(source)],
            target_prefix=[self.target.pieces(self.target.lead)] if self.target.lead else None,
            beam_size=options.beam_size,
            length_penalty=options.length_penalty,
            max_decoding_length=options.max_length,
            suppress_sequences=[[piece] for piece in self.target.pieces(UNWRITTEN)],
        )
        return [self.target.ids[piece] for piece in found.hypotheses[0]]


def runtime(model: ModelDirectory, directory: Path) -> Runtime:
    sides = (model.source_tokenizer, SOURCE), (model.target_tokenizer, TARGET)
    return CTranslate2(directory, *(cutter(one, (directory / name).read_bytes()) for one, name in sides))
