"""Shapes that clients made for DeepLX, MTranServer, Immersive Translate and KISS Translator send. Translates nothing.

All but one have an address of their own; at /translate the fields tell who asks: `q` LibreTranslate, `text_list`
Immersive Translate, `to` MTranServer, `target_lang` DeepLX. A key may stand in Authorization, with or without the name
of a scheme, or in the address as `token`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from dragoman import __version__
from dragoman.documents.dialect import Dialect
from dragoman.server.apis.exchange import as_json, client
from dragoman.server.apis.fields import Fields, any_fields
from dragoman.server.apis.libretranslate import LibreTranslate
from dragoman.server.gate.refusals import Refusal
from dragoman.server.requests import Answer, ClientRequest
from dragoman.server.service import Service

_OTHERS = 3  # alternatives that a client of DeepLX gets


def key_of(http: Request) -> str | None:
    """The key, wherever these clients write it."""
    words = http.headers.get("authorization", "").split()
    return (words[-1] if words else "") or http.query_params.get("token") or None


class Others:
    """The handlers of /translate/batch, /imme and /kiss, and who gets what at /translate."""

    def __init__(self, service: Service, libre: LibreTranslate) -> None:
        self._service, self._libre = service, libre

    async def translate(self, http: Request) -> Response:
        fields = await any_fields(http, self._service.beside)
        if fields.has("q"):
            return await self._libre.translate(http, fields)
        if fields.has("text_list"):
            return await self._immersive(http, fields)
        if fields.has("text") and fields.has("to"):
            return await self._one(http, fields)
        if fields.has("text") and fields.has("target_lang"):
            return await self._deeplx(http, fields)
        return await self._libre.translate(http, fields)

    async def _translated(self, http: Request, request: ClientRequest, anyone: bool = False) -> Answer:
        """anyone: a client that always sends some key, which counts only where there are any."""
        key = key_of(http) if self._service.admission.keys or not anyone else None
        await self._service.admission.admit(client(http, self._service.settings.network, key, 401), request)
        return await self._service.translate(request)

    # -- DeepLX -------------------------------------------------------------------------------------------------

    async def deeplx(self, http: Request) -> Response:
        return await self._deeplx(http, await any_fields(http, self._service.beside))

    async def _deeplx(self, http: Request, fields: Fields) -> Response:
        """Its clients read a code and a message where there is no translation."""
        try:
            return await self._translated_for_deeplx(http, fields)
        except Refusal as refusal:
            response = as_json({"code": refusal.status, "message": refusal.message}, refusal.status)
            if refusal.retry_after is not None:
                response.headers["retry-after"] = str(refusal.retry_after)
            return response

    async def _translated_for_deeplx(self, http: Request, fields: Fields) -> Response:
        tags = fields.text("tag_handling")
        if tags not in ("", "html", "xml"):
            raise Refusal(400, "Invalid tag_handling value. Allowed values are 'html' and 'xml'.")
        request = ClientRequest(
            [_said(fields, "text")],
            fields.text("source_lang"),
            _said(fields, "target_lang"),
            html=bool(tags),
            dialect=Dialect(xml=tags == "xml"),
            options={} if tags else {"n_best": min(1 + _OTHERS, self._service.limits.n_best)},
        )
        answer = await self._translated(http, request, anyone=True)
        (found,), direction = answer.translations, answer.direction
        texts = dict.fromkeys(other.text for other in found.alternatives if other.text != found.text)
        return as_json(
            {
                "code": 200,
                "id": 0,
                "data": found.text,
                "alternatives": list(texts),
                "source_lang": str(direction.source).upper(),
                "target_lang": fields.text("target_lang").upper(),
                "method": "Free",
            }
        )

    # -- MTranServer --------------------------------------------------------------------------------------------

    async def _one(self, http: Request, fields: Fields) -> Response:
        request = ClientRequest(
            [_said(fields, "text")], fields.text("from"), _said(fields, "to"), html=fields.truth("html")
        )
        return as_json({"result": (await self._translated(http, request)).translations[0].text})

    async def several(self, http: Request) -> Response:
        fields = await any_fields(http, self._service.beside)
        texts = _list(fields, "texts")
        request = ClientRequest(texts, fields.text("from"), _said(fields, "to"), html=fields.truth("html"))
        found = await self._translated(http, request)
        return as_json({"results": [one.text for one in found.translations]})

    async def version(self, http: Request) -> Response:
        return as_json({"version": __version__})

    async def ready(self, http: Request) -> Response:
        return PlainTextResponse("Ready")

    # -- extensions of browsers ---------------------------------------------------------------------------------

    async def immersive(self, http: Request) -> Response:
        return await self._immersive(http, await any_fields(http, self._service.beside))

    async def _immersive(self, http: Request, fields: Fields) -> Response:
        texts = _list(fields, "text_list")
        request = ClientRequest(texts, fields.text("source_lang"), _said(fields, "target_lang"))
        answer = await self._translated(http, request)
        pairs = zip(answer.translations, answer.directions, strict=True)
        return as_json(
            {
                "translations": [
                    {"detected_source_lang": str(way.source), "text": one.text} for one, way in pairs
                ]
            }
        )

    async def kiss(self, http: Request) -> Response:
        fields = await any_fields(http, self._service.beside)
        several = fields.has("texts")
        texts = _list(fields, "texts") if several else [_said(fields, "text")]
        request = ClientRequest(texts, fields.text("from"), _said(fields, "to"))
        answer = await self._translated(http, request)
        pairs = zip(answer.translations, answer.directions, strict=True)
        found: list[dict[str, Any]] = [{"text": one.text, "src": str(way.source)} for one, way in pairs]
        return as_json({"translations": found} if several else found[0])


def _said(fields: Fields, name: str) -> str:
    """Raises Refusal (400) for what is not there."""
    if not (value := fields.text(name)):
        raise Refusal(400, f"Invalid request: missing {name} parameter")
    return value


def _list(fields: Fields, name: str) -> list[str]:
    texts, _ = fields.texts(name)
    if not texts:
        raise Refusal(400, f"Invalid request: missing {name} parameter")
    return texts
