"""The HTTP API (v2) that clients of DeepL speak, answered from our models. Translates nothing itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dragoman.documents.dialect import Dialect
from dragoman.server.apis.exchange import as_json, client
from dragoman.server.apis.fields import Fields, any_fields, form_fields
from dragoman.server.codes import Code, code_of
from dragoman.server.gate.refusals import Refusal
from dragoman.server.requests import ClientRequest, Direction, check
from dragoman.server.service import Service
from dragoman.text.joining import unwrapped
from dragoman.text.languages import name_of
from dragoman.text.sentences import split_paragraph
from dragoman.translate.translation import Translation

UNLIMITED = 10**12  # characters: the client wants a number


def key_of(http: Request) -> str | None:
    """The key in `Authorization: DeepL-Auth-Key KEY`."""
    scheme, _, key = http.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "deepl-auth-key" else None


def code_out(code: Code) -> str:
    """As DeepL names it."""
    return str(code).upper()


def dialect_of(fields: Fields) -> Dialect | None:
    """How the tags of a request's texts are to be read; None where they are no markup.

    Raises Refusal (400) for a parameter that has nothing to act on, or a value that there is not.
    """
    tags = fields.text("tag_handling")
    if tags not in ("", "html", "xml"):
        raise Refusal(400, "Value for 'tag_handling' not supported: it is html or xml.")
    _truth(fields, "preserve_formatting")  # always done: nothing but words is changed
    names = {name: _names(fields, name) for name in ("ignore_tags", "splitting_tags", "non_splitting_tags")}
    for name, found in names.items():
        if found and not tags:
            raise Refusal(400, f"Parameter '{name}' needs 'tag_handling': html or xml.")
    outline = _truth(fields, "outline_detection", True)
    if not outline and tags != "xml":
        raise Refusal(400, "Parameter 'outline_detection' needs 'tag_handling' xml.")
    if tags == "html":
        names = {name: frozenset(map(str.lower, found)) for name, found in names.items()}
    if not tags:
        return None
    return Dialect(
        xml=tags == "xml",
        ignored=names["ignore_tags"],
        splitting=names["splitting_tags"],
        non_splitting=names["non_splitting_tags"],
        outline=outline,
        lines=_splitting(fields) == "1",
    )


def _truth(fields: Fields, name: str, otherwise: bool = False) -> bool:
    value = fields.spelled(name).lower()
    if value not in ("", "0", "1", "false", "true"):
        raise Refusal(400, f"Value for '{name}' not supported: it is 0 or 1.")
    return value in ("1", "true") if value else otherwise


def _names(fields: Fields, name: str) -> frozenset[str]:
    """Names of tags, as a list or with commas between them."""
    found, _ = fields.texts(name)
    return frozenset(one.strip() for part in found for one in part.split(",") if one.strip())


def _splitting(fields: Fields) -> str:
    """0, 1, nonewlines or, where it is not said, nothing."""
    value = fields.spelled("split_sentences")
    if value not in ("", "0", "1", "nonewlines"):
        raise Refusal(400, "Value for 'split_sentences' not supported: it is 0, 1 or nonewlines.")
    return value


def _split(text: str, fields: Fields, dialect: Dialect | None) -> str:
    """A text as it is to be cut: what is not to be cut is refused where it is more than one sentence.

    The models read a sentence at a time, and of two together they drop one.
    """
    asked = _splitting(fields)
    if asked == "0" and sum(bool(segment.text) for segment in split_paragraph(text)) > 1:
        raise Refusal(
            400,
            "Value 0 for 'split_sentences' is not supported for a text of several sentences: use 1 or nonewlines.",
        )
    return unwrapped(text) if asked == "nonewlines" and dialect is None else text


class DeepL:
    """The handlers of /v2/*."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def translate(self, http: Request) -> Response:
        fields = await any_fields(http, self._service.beside)
        texts, _ = fields.texts("text")
        if not texts:
            raise Refusal(400, "Parameter 'text' not specified.")
        if not fields.text("target_lang"):
            raise Refusal(400, "Parameter 'target_lang' not specified.")
        for name in ("glossary_id", "style_id"):
            if fields.text(name):
                raise Refusal(400, f"Parameter '{name}' is not supported by this server.")
        dialect = dialect_of(fields)
        request = ClientRequest(
            texts, fields.text("source_lang") or None, fields.text("target_lang"), html=dialect is not None
        )
        if dialect is not None:
            request = replace(request, dialect=dialect)
        check(request, self._service.limits)  # before anything is cut
        split = lambda: [_split(text, fields, dialect) for text in texts]
        request = replace(request, texts=await self._service.beside.run(request.size, split))
        await self._service.admission.admit(
            client(http, self._service.settings.network, self._key(http)), request
        )
        answer = await self._service.translate(request)
        pairs = zip(answer.translations, answer.directions, strict=True)
        return as_json({"translations": [_translated(found, direction) for found, direction in pairs]})

    def _key(self, http: Request) -> str | None:
        """Its clients always send a key; where we have none of our own, any will do."""
        return key_of(http) if self._service.admission.keys else None

    async def languages(self, http: Request) -> Response:
        """The official client asks by GET, with the type in a form body."""
        kind = (await form_fields(http, self._service.beside)).text("type") or "source"
        if kind not in ("source", "target"):
            raise Refusal(400, "Value for 'type' not supported: it is source or target.")
        pairs = self._service.models.pairs
        if kind == "source":
            codes = [Code(base) for base in pairs]
            return as_json([{"language": code_out(code), "name": name_of(code.base)} for code in codes])
        targets = dict.fromkeys(code_of(target) for found in pairs.values() for target in found)
        return as_json([self._target(code) for code in targets])

    def _target(self, code: Code) -> dict[str, Any]:
        return {"language": code_out(code), "name": name_of(str(code)), "supports_formality": False}

    async def usage(self, http: Request) -> Response:
        key = self._key(http)
        if self._service.settings.require_key and not key:
            raise Refusal(403, "this API key is not known here")
        found = await self._service.admission.find(key)
        if found is None:
            return as_json({"character_count": 0, "character_limit": UNLIMITED})
        return as_json({"character_count": found.used, "character_limit": found.quota or UNLIMITED})


def _translated(found: Translation, direction: Direction) -> dict[str, Any]:
    return {
        "detected_source_language": code_out(Code(direction.source.base)),
        "text": found.text,
        "billed_characters": len(found.source),
        "model_type_used": "quality_optimized",
    }
