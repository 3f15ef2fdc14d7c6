"""A translation while it is being written: greedy, a token at a time. Searches for none better.

What a beam search finds may differ; a draft is for those who watch, and who learn at the end what the answer is.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated

from dragoman.text.joining import join, tidy
from dragoman.translate.translator import Translator

_HALF_A_CHARACTER = "\ufffd"  # what bytes are shown as until the last of a character's is there


@dataclass(frozen=True)
class Draft:
    """One more token."""

    sentence: Annotated[int, "which sentence it belongs to, from 0"]
    token: str
    text: Annotated[str, "the whole draft so far"]


def draft(translator: Translator, text: str, prefix: str = "") -> Generator[Draft, None, None]:
    """The greedy translation of a text as it grows; closing the iterator stops it between two tokens."""
    options = translator.options.changed(beam_size=1, n_best=1, sample=False)
    plan = translator.plan(text, options, prefix, draft=True)
    tokenizer, language = plan.detokeniser.target, plan.detokeniser.language
    done, prefixes = list[tuple[str, str]](), iter(plan.prefixes)
    for number, piece in enumerate(plan.pieces):
        written = tidy(piece.text, language)
        if piece.ids:
            forced, written = next(prefixes), ""
            tokens = list(forced)
            with closing(plan.engine.write(piece.ids, plan.options, forced)) as ids:
                for token in ids:
                    tokens.append(token)
                    written = tidy(tokenizer.decode(tokens).rstrip(_HALF_A_CHARACTER), language)
                    yield Draft(number, tokenizer.pieces([token])[0], join([*done, (written, "")], language))
        done.append((written, piece.separator))
