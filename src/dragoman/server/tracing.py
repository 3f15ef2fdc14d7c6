"""The traces that the page's Look inside shows: one at a time, of no long sentences. Traces nothing itself."""

from __future__ import annotations

import threading

from dragoman.errors import UsageError
from dragoman.server.gate.refusals import Refusal
from dragoman.translate.translator import Translator

# A trace keeps a core busy for as long as a hundred sentences do: several at once would leave those none.
_ONE_AT_A_TIME = threading.Lock()
# As many positions as a trace keeps whole. A hundred characters of four bytes are 400 tokens, and took gigabytes.
MOST_TOKENS = 64


def trace(translator: Translator, text: str, reference: str | None, without: str | None) -> str:
    """The JSON of a trace. Raises Refusal (501) where a package is missing, UsageError for what cannot be traced."""
    try:
        from dragoman.explain import explain_both
    except ImportError as error:
        raise Refusal(501, f"looking inside needs {error.name}, which this server has not") from None
    _check_length(translator, text, reference or "")
    with _ONE_AT_A_TIME:
        found = explain_both(translator, text, reference or None)
        return (found.without(without) if without else found).to_json()


def _check_length(translator: Translator, text: str, reference: str) -> None:
    """Raises UsageError for a sentence or a reference of too many tokens, before anything is computed."""
    first = next(iter(translator.plan(text, protect=False).sources), [])
    _, written = translator.encode("", reference)
    for name, tokens in (("the sentence", first), ("the reference", written)):
        if len(tokens) > MOST_TOKENS:
            raise UsageError(
                f"{name} has {len(tokens):,} tokens, and {MOST_TOKENS} at most are looked into here: give a shorter one"
            )
