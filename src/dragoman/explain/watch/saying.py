"""A word of the reader's in the model's mouth: what it changes in training, and what in inference. Chooses no word.

In training nothing the model says is ever fed to it: a row that says another word is one row of other probabilities.
In inference the word is the next input, so everything after it is computed anew.

Dimensions: S source, T target, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from dragoman.decoding.search import search
from dragoman.errors import UsageError
from dragoman.explain.trace.layers import Guess
from dragoman.explain.trace.tokens import tokens_of
from dragoman.explain.trace.trials import Said, SaidRow, SaidStep
from dragoman.explain.watch.subject import Subject
from dragoman.explain.watch.teacher import shifted, teacher_forced
from dragoman.ids import BOS, EOS
from dragoman.text.joining import tidy
from dragoman.text.tokenizer import Tokenizer
from dragoman.text.words import SPACE

WIDE = 0x2E80  # from here on, letters of scripts that set no space between words


def say_word(subject: Subject, chosen: Sequence[int], t: int, word: str) -> Said:
    """chosen: the ids that the loop chose, </s> included. Raises UsageError for a step or a word there cannot be."""
    if not 0 <= t < len(chosen):
        raise UsageError(
            f"there is no step {t} to say a word at: this translation has steps 0 to {len(chosen) - 1}"
        )
    prepared = subject.translator.prepare(word, "target")
    forced = _ids(subject.target_tokenizer, chosen[:t], prepared) if prepared else []
    if not forced:
        raise UsageError(f"{word!r} is no word that can be said: give one, as in --say {t}=WORD")
    with torch.inference_mode():
        rows = _rows(subject, t, forced[0]) if subject.labels else ()
        text, steps = _steps(subject, chosen, t, forced)
    return Said(t, prepared, text, rows, steps)


def _ids(tokenizer: Tokenizer, before: Sequence[int], word: str) -> list[int]:
    """The word as it is written after those ids: with a space before it where its script sets one."""
    tokenizer = tokenizer.bare
    so_far = tokenizer.decode(before)
    if not so_far:
        return tokenizer.encode(word)
    spaced = ord(so_far[-1]) < WIDE and ord(word[0]) < WIDE and word[0].isalnum()
    if spaced:
        return tokenizer.encode(word)
    joined, known = tokenizer.encode(so_far[-1] + word), tokenizer.encode(so_far[-1])
    if joined[: len(known)] == known:
        return joined[len(known) :]
    # The letter before and the word make a piece together: the word's own pieces, without the space they begin with.
    own = tokenizer.encode(word)
    pieces = {piece: i for i, piece in enumerate(tokenizer.vocabulary())}
    bare = pieces.get(tokenizer.pieces(own)[0].removeprefix(SPACE))
    return (
        own if bare is None and own[0] != pieces.get(SPACE) else [*([] if bare is None else [bare]), *own[1:]]
    )


def _rows(subject: Subject, t: int, said: int) -> tuple[SaidRow, ...]:
    """Every row before and after: in row t so much probability goes from all others to the word that it is the best."""
    tokenizer, labels = subject.target_tokenizer, subject.labels
    inputs = shifted(labels, None)
    p = teacher_forced(subject.module, subject.source(), inputs).softmax(-1)  # [T, V]
    after, best = p.clone(), p.argmax(-1).tolist()
    now = list(best)
    if t < len(labels):
        gap = p[t, best[t]] - p[t, said]
        share = gap / (
            1 + gap
        )  # the least that makes (1 - share) p(word) + share as much as (1 - share) p(best)
        after[t] *= 1 - share
        after[t, said] += share
        now[t] = said
    reference = subject.reference or ""
    read, wanted = tokens_of(tokenizer, inputs, reference), tokens_of(tokenizer, labels, reference)

    def guess(x: torch.Tensor, n: int, i: int) -> Guess:
        return Guess(i, tokenizer.pieces([i])[0], float(x[n, i]))

    return tuple(
        SaidRow(
            n,
            read[n],
            wanted[n],
            guess(p, n, best[n]),
            guess(after, n, now[n]),
            *(-float(x[n, label].log()) for x in (p, after)),
        )
        for n, label in enumerate(labels)
    )


def _steps(
    subject: Subject, chosen: Sequence[int], t: int, forced: Sequence[int]
) -> tuple[str, tuple[SaidStep, ...]]:
    """The search goes on from what was chosen before step t and the word."""
    tokenizer, module, source = subject.target_tokenizer, subject.module, subject.source()
    begun = [*chosen[:t], *forced]
    real = torch.ones_like(source, dtype=torch.bool)
    found = search(
        module,  # type: ignore[arg-type]
        source,
        real,
        subject.options,
        prefixes=[begun],
        placeholders=subject.placeholders,
    )
    best = found[0][0]
    now = [*best.tokens, EOS] if best.finished else list(best.tokens)
    text = tidy(tokenizer.decode(best.tokens), subject.translator.languages[1])
    fed = [BOS, *now[:-1]]
    p = teacher_forced(module, source, fed).softmax(-1)
    read, new = tokens_of(tokenizer, fed, text), tokens_of(tokenizer, now, text)
    old = tokens_of(tokenizer, chosen)
    steps = tuple(
        SaidStep(n, read[n], old[n] if n < len(old) else None, new[n], float(p[n, i]), t <= n < len(begun))
        for n, i in enumerate(now)
    )
    return text, steps
