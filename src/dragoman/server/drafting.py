"""A translation while it is being written: greedy, a token at a time. Searches for none better.

What a beam search finds may differ; a draft is for those who watch, and who learn at the end what the answer is.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated

from dragoman.text.joining import join, tidy
from dragoman.translate.protect import Protection
from dragoman.translate.translator import Translator


@dataclass(frozen=True)
class Draft:
    """One more token."""

    sentence: Annotated[int, "which sentence it belongs to, from 0"]
    token: str
    text: Annotated[str, "the whole draft so far"]


def draft(
    translator: Translator, text: str, prefix: str = "", protect: Protection | bool = True
) -> Generator[Draft, None, None]:
    """The greedy translation of a text as it grows; closing the iterator stops it between two tokens."""
    options = translator.options.changed(beam_size=1, n_best=1, sample=False)
    plan = translator.plan(text, options, prefix, draft=True, protect=protect)
    tokenizer, language, put_back = (
        plan.detokeniser.target,
        plan.detokeniser.language,
        plan.detokeniser.so_far,
    )
    done, prefixes = list[tuple[str, str]](), iter(plan.prefixes)
    asked = iter(plan.requests)
    number = 0
    for sentence in plan.passage:
        for piece in sentence.pieces:
            written = put_back(sentence, ()) if sentence.parts or not piece.ids else ""
            if not piece.ids:
                written = written or tidy(piece.text, language)
            else:
                forced = next(prefixes)
                tokens = list(forced)
                source, placeholders = [*plan.before, *piece.ids], next(asked).placeholders
                with closing(plan.engine.write(source, plan.options, forced, placeholders)) as ids:
                    for token in ids:
                        tokens.append(token)
                        written = put_back(sentence, tokens)
                        so_far = join([*done, (written, "")], language)
                        yield Draft(number, tokenizer.pieces([token])[0], so_far)
            done.append((written, piece.separator))
            number += 1
