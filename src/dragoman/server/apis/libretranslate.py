"""The HTTP API that clients of LibreTranslate speak, answered from our models. Translates nothing itself.

Written from the shapes that its clients send and read. Differences: what a client sends never leads to a status of
500; entities in plain text are left as they are; empty text is refused as theirs is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dragoman.errors import UsageError
from dragoman.server.apis.exchange import as_json, client
from dragoman.server.apis.fields import Fields, Upload, any_fields, multipart, parsed
from dragoman.server.downloads import FileStore
from dragoman.server.gate.addresses import base_of
from dragoman.server.gate.refusals import Refusal
from dragoman.server.gate.schema import json_object, read
from dragoman.server.requests import Answer, Client, ClientRequest, check, is_auto
from dragoman.server.service import Service
from dragoman.text.detection import Detected
from dragoman.text.languages import name_of

FORMATS = ("text", "html")
_CONTINUED = bytes(range(0x80, 0xC0))  # bytes of UTF-8 that begin no character


@dataclass(frozen=True)
class Terms:
    """A glossary in a form."""

    glossary: dict[str, str]


def code_out(base: str) -> str:
    """As LibreTranslate names it."""
    return "zh-Hans" if base == "zh" else base


def detected_out(found: Detected) -> dict[str, Any]:
    return {"confidence": round(found.confidence), "language": code_out(found.language)}


class LibreTranslate:
    """The handlers of /translate, /languages, /detect, /translate_file, /frontend/settings and their kin."""

    def __init__(self, service: Service, downloads: FileStore) -> None:
        self._service, self._downloads = service, downloads

    # -- texts --------------------------------------------------------------------------------------------------

    async def translate(self, http: Request, fields: Fields) -> Response:
        """`fields`: those of the request, which others looked at to see who asks."""
        texts, several = fields.texts("q")
        if not any(texts):
            raise _missing("q")
        request, alternatives = self._request(fields, texts), fields.number("alternatives")
        most = self._service.limits.n_best - 1
        if alternatives > most:
            raise Refusal(400, f"Invalid request: alternatives ({alternatives}) exceeds limit ({most})")
        await self._admit(http, fields, request)
        answer = await self._service.translate(_with_alternatives(request, alternatives))
        return as_json(_answer(answer, several, alternatives, is_auto(request)))

    def _request(self, fields: Fields, texts: list[str]) -> ClientRequest:
        source, target = fields.text("source"), fields.text("target")
        for name, value in (("source", source), ("target", target)):
            if not value:
                raise _missing(name)
        form = fields.text("format") or "text"
        if form not in FORMATS:
            raise Refusal(400, f"{form[:60]} format is not supported")
        return ClientRequest(texts, source, target, html=form == "html")

    async def _admit(self, http: Request, fields: Fields, request: ClientRequest) -> None:
        await self._service.admission.admit(self._client(http, fields), request)

    def _client(self, http: Request, fields: Fields) -> Client:
        return client(http, self._service.settings.network, fields.text("api_key") or None, keyless=400)

    async def detect(self, http: Request) -> Response:
        fields = await any_fields(http, self._service.beside)
        texts, _ = fields.texts("q")
        if not any(texts):
            raise _missing("q")
        await self._admit(http, fields, ClientRequest(texts))
        found = await self._service.languages_of("\n".join(texts))
        return as_json([detected_out(one) for one in found])

    async def languages(self, http: Request) -> Response:
        models = self._service.models
        return as_json(
            [
                {
                    "code": code_out(code),
                    "name": name_of(code),
                    "targets": [
                        code_out(target) for target in dict.fromkeys([code, *models.pairs.get(code, [])])
                    ],
                }
                for code in models.languages
            ]
        )

    async def suggest(self, http: Request) -> Response:
        raise Refusal(403, "this server does not collect suggestions")

    # -- files --------------------------------------------------------------------------------------------------

    async def translate_file(self, http: Request) -> Response:
        if "multipart/form-data" not in http.headers.get("content-type", "").lower():
            raise Refusal(400, "Invalid request: send the file as multipart/form-data")
        parts = await multipart(http)
        file = dict(parts).get("file")
        if not isinstance(file, Upload) or not file.name:
            raise _missing("file")
        fields = Fields({name: value for name, value in parts if isinstance(value, str)}, are_spelled=True)
        suffix = PurePath(file.name).suffix.lower()
        if suffix not in self._service.formats:
            formats = ", ".join(self._service.formats)
            raise Refusal(400, f"Invalid request: file format not supported: there are {formats}")
        data, most = file.data, self._service.limits.file_bytes
        if len(data) > most:
            raise Refusal(413, f"the file is larger than {most:,} bytes")
        self._downloads.check()
        request = await self._with_ours(fields, self._request(fields, []))
        await self._service.admission.count(self._client(http, fields), _characters(data))
        try:
            translated = await self._service.translate_file(f"file{suffix}", data, request)
        except UsageError as error:
            raise Refusal(400, str(error)) from None
        name = await asyncio.to_thread(self._downloads.put, translated, suffix)
        return as_json(
            {
                "translatedFileUrl": f"{base_of(http.scope, self._service.settings.network)}/download_file/{name}"
            }
        )

    async def _with_ours(self, fields: Fields, request: ClientRequest) -> ClientRequest:
        """What our page sends beside what LibreTranslate knows: a glossary, as JSON, and how wide to search."""
        terms, most = fields.text("glossary").encode(), self._service.limits.body_bytes
        if len(terms) > most:
            raise Refusal(413, f"the glossary is larger than {most:,} bytes")
        glossary = (await parsed(terms, _terms, self._service.beside)).glossary
        width = fields.number("beam_size")
        asked = replace(request, glossary=glossary, options={"beam_size": width} if width else {})
        check(asked, self._service.limits)
        return asked

    async def download(self, http: Request) -> Response:
        name = http.path_params["name"]
        # A translated page is somebody's text, not ours: it is saved and never shown under our address.
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        data = await asyncio.to_thread(self._downloads.get, name)
        return Response(data, media_type="application/octet-stream", headers=headers)

    # -- about us -----------------------------------------------------------------------------------------------

    async def settings(self, http: Request) -> Response:
        limits, default = self._service.limits, self._service.models.default
        return as_json(
            {
                "charLimit": limits.characters,
                "frontendTimeout": 500,
                "apiKeys": self._service.admission.keys is not None,
                "keyRequired": self._service.settings.require_key,
                "suggestions": False,
                "filesTranslation": True,
                "supportedFilesFormat": list(self._service.formats),
                "language": {
                    "source": {"code": "auto", "name": "Auto Detect"},
                    "target": {"code": code_out(default.target), "name": name_of(default.target)},
                },
            }
        )


def _characters(data: bytes) -> int:
    """Of a packed file the bytes, since what is in it is not known yet. Decoding them holds the interpreter."""
    return len(data) if data.startswith(b"PK") else len(data.translate(None, _CONTINUED))


def _terms(glossary: bytes) -> Terms:
    return read(Terms, {"glossary": json_object(glossary)}) if glossary else Terms({})


def _missing(name: str) -> Refusal:
    return Refusal(400, f"Invalid request: missing {name} parameter")


def _with_alternatives(request: ClientRequest, alternatives: int) -> ClientRequest:
    return (
        replace(request, options={"n_best": alternatives + 1})
        if alternatives and not request.html
        else request
    )


def _answer(answer: Answer, several: bool, alternatives: int, auto: bool) -> dict[str, Any]:
    texts = [one.text for one in answer.translations]
    found: dict[str, Any] = {"translatedText": texts if several else texts[0]}
    if auto:
        detected = [detected_out(one.detected) for one in answer.directions if one.detected]
        found["detectedLanguage"] = detected if several else detected[0]
    if alternatives:
        others = [
            [text for text in dict.fromkeys(other.text for other in one.alternatives) if text != one.text]
            for one in answer.translations
        ]
        found["alternatives"] = others if several else others[0]
    return found
