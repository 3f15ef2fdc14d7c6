"""explain(): one sentence in, one Trace out. Only the order of things stands here; each part has its own file."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

import dragoman
from dragoman.explain.trace.tokens import tokens_of
from dragoman.explain.trace.trace import Trace
from dragoman.explain.trace.trials import Said, Wanted
from dragoman.explain.trace.values import Environment, Inference, Limits, Model, Source
from dragoman.explain.trace.worth import worth_in
from dragoman.explain.watch.beside import beside
from dragoman.explain.watch.boxes import boxes
from dragoman.explain.watch.inside import look_inside
from dragoman.explain.watch.lesson import lesson_of
from dragoman.explain.watch.outside import look_outside
from dragoman.explain.watch.proofs import NEIGHBOUR
from dragoman.explain.watch.saying import say_word
from dragoman.explain.watch.subject import Subject, no_reference, subject_of
from dragoman.explain.watch.teaching import taught
from dragoman.ids import BOS, EOS, PAD, UNK
from dragoman.processor import one_thread
from dragoman.transformer.model import Transformer
from dragoman.translate.translator import Translator

NOTHING = Wanted()
SPARE = 4  # tokens that a comparison may write beyond twice those of the whole model
_FINGERPRINTS: WeakKeyDictionary[Translator, str] = WeakKeyDictionary()


def explain(
    translator: Translator,
    source: str,
    target: str | None = None,
    beam_size: int | None = None,
    *,
    prefix: str = "",
    wanted: Wanted = NOTHING,
    **options: Any,
) -> Trace:
    """Trace one sentence through a model: the search that translates it and, with a reference, one training pass.

    target: a reference translation, for the training mode (teacher forcing). prefix: what the translation has to
    begin with. wanted: what is to be tried on the sentence besides (trace/trials.py). beam_size and `options` are those
    of Translator.translate. Of a text of several sentences the first is traced. The translator may be in use by other
    threads. Raises UsageError for what cannot be traced or tried: an empty text, a reference in another script, a model
    without encoder, an engine without layers to watch.
    """
    asked = options if beam_size is None else {**options, "beam_size": beam_size}
    return _traced(subject_of(translator, source, target, prefix, asked), None, wanted=wanted)


def explain_both(
    translator: Translator,
    source: str,
    target: str | None = None,
    beam_size: int | None = None,
    wanted: Wanted = NOTHING,
) -> Trace:
    """explain() with both modes: where no reference is given, what the model itself writes stands in for one.

    What it writes may be no reference, an empty text for instance: then there is no training mode.
    """
    asked = {} if beam_size is None else {"beam_size": beam_size}
    subject = subject_of(translator, source, target, "", asked)
    return _traced(replace(subject, stands_in=target is None), None, wanted=wanted)


@one_thread()  # so many small products that threads would wait for each other most of the time
def _traced(subject: Subject, removed: str | None, brief: bool = False, wanted: Wanted = NOTHING) -> Trace:
    began = time.perf_counter()
    module = subject.module
    with torch.inference_mode():
        if isinstance(module, Transformer):
            seen = look_inside(module, subject, removed, brief)
        else:
            seen = look_outside(module, subject, removed)
    subject = seen.subject
    if wanted.teach and not subject.labels:
        raise no_reference(seen.inference.text, subject.translator.languages[1])
    lengths = len(subject.ids), max(len(subject.labels), len(seen.inference.steps))
    cut = lengths != seen.kept
    shown = (
        f"arrays show {seen.kept[0]} of {lengths[0]} source and {seen.kept[1]} of {lengths[1]} target tokens"
    )
    return Trace(
        _model(subject),
        removed,
        _source(subject, seen.padded),
        seen.inference,
        seen.training,
        seen.influence,
        seen.positions,
        seen.proofs,
        Limits(cut, *seen.kept, "; ".join(filter(None, (subject.note, shown if cut else "")))),
        Environment(
            dragoman.__version__, torch.__version__, torch.get_num_threads(), time.perf_counter() - began
        ),
        taught(subject, wanted.teach) if wanted.teach else None,
        seen.twins,
        _said(subject, seen.inference, wanted),
        lesson_of(subject) if wanted.lesson else None,
        beside(subject, wanted.beside, wanted.word, wanted.vectors) if wanted.beside is not None else None,
        boxes(subject, [step.input for step in seen.inference.steps]) if wanted.boxes else None,
        worth_in(subject.translator.model.card),
        partial(_again, subject, len(seen.inference.steps)),
    )


def _again(subject: Subject, steps: int, removed: str, brief: bool) -> Trace:
    """brief: a comparison is read beside the whole model's `steps`; what is far longer would only say that it is."""
    return _traced(subject.no_longer_than(2 * steps + SPARE) if brief else subject, removed, brief)


def _said(subject: Subject, run: Inference, wanted: Wanted) -> Said | None:
    if wanted.say is None:
        return None
    return say_word(subject, [token.id for token in run.tokens], *wanted.say)


def _source(subject: Subject, padded: np.ndarray | None) -> Source:
    """With the mask that it has beside the longer sentence of the proof pad_free."""
    length = len(subject.ids)
    return Source(
        subject.text,
        subject.prepared,
        tokens_of(subject.source_tokenizer, subject.ids, subject.prepared),
        length + NEIGHBOUR,
        (1,) * length + (0,) * NEIGHBOUR,
        padded,
    )


def _model(subject: Subject) -> Model:
    directory = subject.translator.model
    config = dict(directory.config["model"])
    return Model(
        directory.path.name,
        str(config.pop("kind")),
        subject.translator.languages,
        directory.target_tokenizer.vocab_size,
        config,
        {"pad": PAD, "unk": UNK, "bos": BOS, "eos": EOS},
        _fingerprint(subject.translator),
    )


def _fingerprint(translator: Translator) -> str:
    """sha256 of the weights' names and bytes, computed once a translator."""
    if translator not in _FINGERPRINTS:
        digest = hashlib.sha256()
        for name, weight in sorted(translator.model.weights.items()):
            digest.update(name.encode())
            digest.update(weight.tobytes())
        _FINGERPRINTS[translator] = digest.hexdigest()
    return _FINGERPRINTS[translator]
