"""The traces that the page's Look inside shows: one at a time. Traces nothing itself."""

from __future__ import annotations

import threading

from dragoman.server.gate.refusals import Refusal
from dragoman.translate.translator import Translator

# A trace keeps a core busy for as long as a hundred sentences do: several at once would leave those none.
_ONE_AT_A_TIME = threading.Lock()


def trace(translator: Translator, text: str, reference: str | None, without: str | None) -> str:
    """The JSON of a trace. Raises Refusal (501) where a package is missing, UsageError for what cannot be traced."""
    try:
        from dragoman.explain import explain_both
    except ImportError as error:
        raise Refusal(501, f"looking inside needs {error.name}, which this server has not") from None
    with _ONE_AT_A_TIME:
        found = explain_both(translator, text, reference or None)
        return (found.without(without) if without else found).to_json()
