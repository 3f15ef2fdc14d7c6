"""The pair of a lesson: the reference in single characters, the table of its time steps, and one iteration of training.

The lesson's own table has a row for each character (你 好 吗 ？ </s>), where the vocabulary may hold 好吗 as one piece.
Cut differently, a sentence is still one that the model can read: it is taught on random cuts.

Dimensions: T target, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from dragoman.explain.trace.layers import Guess
from dragoman.explain.trace.lesson import Iteration, Lesson, LessonRow, Slip
from dragoman.explain.trace.tokens import SPACE, tokens_of
from dragoman.explain.watch.passes import top_guesses
from dragoman.explain.watch.subject import Subject
from dragoman.explain.watch.teacher import shifted, teacher_forced
from dragoman.explain.watch.teaching import RATE, look, norm, step
from dragoman.ids import EOS
from dragoman.text.languages import base_language
from dragoman.text.tokenizer import Tokenizer

UNSPACED = ("zh", "ja", "yue")  # written without spaces, so that a character is a word, or nearly


def lesson_of(subject: Subject) -> Lesson | None:
    """None without labels: there is nothing to teach then."""
    if not subject.labels:
        return None
    spelled = _spelled(subject)
    if spelled is not None:
        subject = replace(subject, labels=spelled)
    with torch.inference_mode():
        logits = teacher_forced(subject.module, subject.source(), shifted(subject.labels, None))
    rows = _rows(subject, logits)
    return Lesson(
        subject.reference or "",
        spelled is not None,
        rows,
        _slip(rows, logits, subject.target_tokenizer),
        _iteration(subject.module, subject),
    )


def _spelled(subject: Subject) -> list[int] | None:
    """Ids of the single characters, </s> last; None where they are no words, not in the vocabulary, or too many."""
    if base_language(subject.translator.languages[1]) not in UNSPACED:
        return None
    known = {piece: i for i, piece in enumerate(subject.target_tokenizer.vocabulary())}
    ids: list[int] = []
    for letter in "".join((subject.reference or "").split()):
        begins = known.get(SPACE + letter) if not ids else None
        one = known.get(letter) if begins is None else begins
        if one is None:
            return None
        ids.append(one)
    return [*ids, EOS] if ids and len(ids) + 1 < subject.translator.positions else None


def _rows(subject: Subject, logits: Tensor) -> tuple[LessonRow, ...]:
    """logits [T, V]"""
    tokenizer, labels, reference = subject.target_tokenizer, subject.labels, subject.reference or ""
    log_p = logits.log_softmax(-1)
    of_label = log_p.gather(1, torch.tensor(labels, device=logits.device)[:, None])[:, 0]  # [T]
    p, losses, best = of_label.exp().tolist(), (-of_label).tolist(), top_guesses(log_p.exp(), tokenizer, 1)
    read = tokens_of(tokenizer, shifted(labels, None), reference)
    wanted = tokens_of(tokenizer, labels, reference)
    return tuple(LessonRow(t, read[t], wanted[t], best[t][0], p[t], losses[t]) for t in range(len(labels)))


def _slip(rows: Sequence[LessonRow], logits: Tensor, tokenizer: Tokenizer) -> Slip | None:
    """The first row whose prediction parts from the label, with a row after it; else a next choice that would.

    A piece that only goes on beyond the label (好吗 for 好) parts from nothing, and a bare space is no word.
    """
    followed = rows[:-1]
    for row in followed:
        if _parted(row.prediction, row):
            return Slip(row.t, row.prediction, False)
    tops = top_guesses(logits.softmax(-1), tokenizer)
    for row in sorted(followed, key=lambda row: row.t != 1):  # the lesson's own step 2, if there is one
        for guess in tops[row.t]:
            if guess.id > EOS and _parted(guess, row):
                return Slip(row.t, guess, True)
    return None


def _parted(guess: Guess, row: LessonRow) -> bool:
    said = _letters(guess.piece)
    return bool(said) and guess.id != row.label.id and not said.startswith(_letters(row.label.piece))


def _letters(piece: str) -> str:
    return piece.replace(SPACE, " ").strip()


def _iteration(module: nn.Module, subject: Subject) -> Iteration:
    with torch.inference_mode(False), torch.enable_grad():
        student = copy.deepcopy(module).float().eval().requires_grad_(True)
    before = look(student, subject)
    step(student, before.gradients)
    with torch.inference_mode():
        logits = teacher_forced(student, subject.source(), shifted(subject.labels, None))
        labels = torch.tensor(subject.labels, device=logits.device)
        after = torch.nn.functional.cross_entropy(logits, labels).item()
    weights = sum(weight.numel() for weight in student.parameters())
    return Iteration(weights, before.answer.loss, norm(before.gradients.values()), RATE, after)
