"""The texts of a request as plans, and what of them the queue has to search for. Searches for nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

from dragoman.decoding.options import DecodingOptions
from dragoman.server.queue import Found, Work, works_of
from dragoman.server.requests import ClientRequest
from dragoman.translate.plan import Plan
from dragoman.translate.protect import Protection
from dragoman.translate.translation import Translation
from dragoman.translate.translator import Translator


def planned(
    translator: Translator, options: DecodingOptions, request: ClientRequest
) -> tuple[list[Plan], list[Work]]:
    """How the texts of a request are translated, and what is to be searched for."""
    prefixes, protection = request.prefixes or [""] * len(request.texts), Protection(request.glossary)
    return _with_works(
        [
            translator.plan(
                text,
                options,
                prefix,
                alignments=request.alignments,
                token_scores=request.scores,
                protect=protection,
            )
            for text, prefix in zip(request.texts, prefixes, strict=True)
        ]
    )


def taken(plans: Sequence[Plan], hypotheses: Sequence[Found]) -> tuple[list[Plan], list[Work]]:
    found = iter(hypotheses)
    return _with_works([plan.taking(found) if plan.sources else plan for plan in plans])


def _with_works(plans: list[Plan]) -> tuple[list[Plan], list[Work]]:
    return plans, [work for plan in plans for work in works_of(plan)]


def translations(plans: Sequence[Plan]) -> list[Translation]:
    return [plan.translation for plan in plans]
