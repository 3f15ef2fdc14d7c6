"""What is traced: one sentence, as the translator reads it. Here every wrong question is refused, in one line each.

Dimensions: S source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from dragoman.corpus.cleaning import in_wrong_script
from dragoman.decoding.options import DecodingOptions
from dragoman.errors import UsageError
from dragoman.ids import EOS, UNWRITTEN
from dragoman.text.normalize import dominant_script, scripts_of
from dragoman.text.tokenizer import Tokenizer
from dragoman.translate.running import begun, finished
from dragoman.translate.translator import Translator

TRACEABLE = ("auto", "torch")  # engines whose layers can be watched


@dataclass(frozen=True)
class Subject:
    """One sentence and how it is to be translated; ids end with </s>."""

    translator: Translator
    text: str
    prepared: str
    ids: list[int]
    reference: str | None  # prepared
    labels: list[int]  # empty without a reference
    prefix: list[int]  # what the translation has to begin with, without </s>
    options: DecodingOptions
    engine: str  # that translates it where nobody watches
    note: str
    stands_in: bool = False  # the model's own words are taken for a reference that was not given

    @property
    def module(self) -> nn.Module:
        return self.translator.module

    @property
    def source_tokenizer(self) -> Tokenizer:
        return self.translator.model.source_tokenizer

    @property
    def target_tokenizer(self) -> Tokenizer:
        return self.translator.model.target_tokenizer

    @property
    def label_smoothing(self) -> float:
        """That of the model's training; 0 where it does not say."""
        return float(self.translator.model.config.get("training", {}).get("label_smoothing", 0.0))

    def source(self) -> Tensor:
        """[1, S]"""
        return torch.tensor([self.ids], device=self.translator.device)

    @cached_property
    def placeholders(self) -> tuple[int, ...]:
        """They stand for what is kept, and a sentence is traced as it is: none comes out that the source lacks."""
        return tuple(self.target_tokenizer.placeholders.values())

    @property
    def unwritten(self) -> tuple[int, ...]:
        """Ids that no step may write."""
        return (*UNWRITTEN, *(i for i in self.placeholders if i not in self.ids))

    @cached_property
    def served(self) -> str:
        """What the translator answers through its own engine, which may count in fewer bits than the traced one."""
        prefix = self.target_tokenizer.decode(self.prefix) if self.prefix else ""
        plan = self.translator.plan(self.prepared, self.options, prefix, protect=False)
        request = replace(plan.setup.request, placeholders=self.placeholders)
        plans = [replace(plan, setup=replace(plan.setup, request=request))]
        (found,) = finished([(plans, begun(plans))], None)
        return found.text

    def no_longer_than(self, tokens: int) -> Subject:
        """What is written is cut off there, if not before: a model without one of its parts may never end."""
        asked = self.options
        longest = min(asked.max_length, max(tokens, len(self.prefix) + 1, asked.min_length + 1))
        return replace(self, options=replace(asked, max_length=longest))

    def taught(self, written: str) -> Subject:
        """With what the model wrote as the reference, where it is to stand in for one and can be one."""
        if not self.stands_in or self.labels:
            return self
        try:
            reference, labels = _labels(self.translator, written)
        except UsageError:  # an empty text, for instance
            return self
        return replace(self, reference=reference, labels=labels)


def subject_of(
    translator: Translator, text: str, reference: str | None, prefix: str, options: Mapping[str, Any]
) -> Subject:
    """Raises UsageError for what cannot be traced, ConfigError for an option that does not exist."""
    # Undecodable bytes of a command line come as lone surrogates, which no JSON takes.
    text = text.encode(errors="ignore").decode() if isinstance(text, str) else ""
    if not text.strip():
        raise UsageError("the text is empty: give a sentence to look into")
    translator = translator.way_of(text)
    _check_model(translator)
    asked = translator.options.changed(**{**options, "n_best": 1})
    plan = translator.plan(text, asked, prefix, protect=False)  # what is drawn is what the model reads
    pieces = [piece for piece in plan.pieces if piece.ids]
    if not pieces:
        raise UsageError(f"{text!r} has no letter and no digit, so it is never translated: give a sentence")
    prepared, labels = (None, []) if reference is None else _labels(translator, reference)
    return Subject(
        translator,
        text,
        pieces[0].text,
        [*plan.sources[0], EOS],
        prepared,
        labels,
        plan.prefix,
        plan.options,
        plan.engine.name,
        "" if len(pieces) == 1 else f"the text has {len(pieces)} sentences: this is the first",
    )


def _check_model(translator: Translator) -> None:
    if translator.engine not in TRACEABLE:
        raise UsageError(
            f"engine = {translator.engine!r} has no layers that can be watched: load the model with "
            f"engine = {' or '.join(map(repr, TRACEABLE))}"
        )
    module = translator.module
    if not hasattr(module, "encoder") or not hasattr(module, "start"):
        raise UsageError(
            f"{translator.model.path.name} is a {type(module).__name__} without an encoder: a trace shows a model "
            "that translates"
        )


def no_reference(written: str, language: str) -> UsageError:
    """For a text that the model copies, an address for instance: nothing is taught by what it writes."""
    return UsageError(
        f"what the model writes here, {written!r}, is no text in {language} and cannot stand in for a reference: "
        "give a sentence with words to translate, or its translation with --reference"
    )


def _labels(translator: Translator, reference: str) -> tuple[str, list[int]]:
    """The reference as the model's training corpus was prepared, and what is to be predicted, </s> last."""
    prepared = _reference(translator, reference)
    labels = [*translator.model.target_tokenizer.encode(prepared), EOS]
    if len(labels) >= translator.positions:
        raise UsageError(
            f"the reference has {len(labels):,} tokens, and the model reads at most {translator.positions - 1:,}: "
            "give the translation of one sentence"
        )
    return prepared, labels


def _reference(translator: Translator, reference: str) -> str:
    prepared = translator.prepare(reference, "target")
    if not prepared:
        raise UsageError("the reference is empty: give a translation, or none")
    language = translator.languages[1]
    if in_wrong_script(prepared, language):
        raise UsageError(
            f"the reference {reference!r} is written in {dominant_script(prepared)} letters: this model translates "
            f"into {language}, which is written in {' or '.join(sorted(scripts_of(language)))}"
        )
    return prepared
