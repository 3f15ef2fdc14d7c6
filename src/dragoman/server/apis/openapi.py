"""The OpenAPI document, made from the classes that requests are checked against. Answers nothing."""

from __future__ import annotations

from typing import Any

import dragoman
from dragoman.server.apis import own as api
from dragoman.server.apis.openapi_others import at_translate, others
from dragoman.server.apis.pieces import (
    NUMBER,
    TEXT,
    TEXTS,
    an_object,
    answering,
    bodies,
    failing,
    getting,
    json_body,
    posting,
)
from dragoman.server.gate.schema import describe, parts_of, schema_of


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    classes = (api.TranslateRequest, api.TranslateResponse, api.ExplainRequest, api.ModelsResponse, api.Error)
    schemas = {part.__name__: describe(part) for cls in classes for part in parts_of(cls)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dragoman",
            "version": dragoman.__version__,
            "description": "Translation. The paths under /api are Dragoman's own; /v2 answers clients of DeepL, and "
            "the others clients of LibreTranslate, DeepLX, MTranServer, Immersive Translate and KISS Translator. An "
            "API key, where one is needed, goes into the header Authorization: Bearer KEY, or where the client of the "
            "API puts it.",
        },
        "paths": {**_own(), **_libretranslate(), **_deepl(), **others(), **_about()},
        "components": {
            "schemas": schemas | {"DeepLError": an_object({"message": TEXT}, "message")},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _own() -> dict[str, Any]:
    translated = answering("The translations", schema_of(api.TranslateResponse))
    asked = json_body(schema_of(api.TranslateRequest))
    events = {"type": "string", "enum": ["token", "translation", "error"]}
    event = an_object({"event": events, "data": TEXT}, "event", "data")
    return {
        "/api/translate": posting("Translate", translated, asked),
        "/api/translate/stream": posting(
            "Translate one text, and see it written: events `token` (a greedy draft), then one event `translation` "
            "(what /api/translate answers) or `error`",
            {"description": "Server-sent events", "content": {"text/event-stream": {"schema": event}}},
            asked,
        ),
        "/api/explain": posting(
            "Look inside: what the model computed for a sentence",
            answering("A trace", {"type": "object"}),
            json_body(schema_of(api.ExplainRequest)),
        ),
        "/api/models": getting(
            "What is served, and how much may be asked for",
            answering("Models", schema_of(api.ModelsResponse)),
        ),
    }


def _libretranslate() -> dict[str, Any]:
    key = {"api_key": TEXT}
    translation = {
        "q": {"anyOf": [TEXT, TEXTS]},
        "source": TEXT,
        "target": TEXT,
        "format": {"type": "string", "enum": ["text", "html"], "default": "text"},
        "alternatives": NUMBER,
        **key,
    }
    detected = an_object({"confidence": {"type": "number"}, "language": TEXT}, "confidence", "language")
    language = an_object({"code": TEXT, "name": TEXT, "targets": TEXTS}, "code", "name", "targets")
    file = {"file": {"type": "string", "format": "binary"}, "source": TEXT, "target": TEXT, **key}
    return {
        "/translate": at_translate(an_object(translation, "q", "source", "target")),
        "/detect": posting(
            "Tell the language (LibreTranslate)",
            answering("Languages, the likeliest first", {"type": "array", "items": detected}),
            bodies(an_object({"q": TEXT, **key}, "q")),
        ),
        "/languages": getting(
            "Languages (LibreTranslate)", answering("Languages", {"type": "array", "items": language})
        ),
        "/translate_file": posting(
            "Translate a file (LibreTranslate)",
            answering("Where to fetch it", an_object({"translatedFileUrl": TEXT}, "translatedFileUrl")),
            {
                "required": True,
                "content": {"multipart/form-data": {"schema": an_object(file, "file", "source", "target")}},
            },
        ),
        "/frontend/settings": getting("Settings (LibreTranslate)", answering("Settings", {"type": "object"})),
    }


def _deepl() -> dict[str, Any]:
    asked = {
        "text": {"type": "array", "items": TEXT},
        "target_lang": TEXT,
        "source_lang": TEXT,
        "tag_handling": {"type": "string", "enum": ["html", "xml"]},
        "split_sentences": {"type": "string", "enum": ["0", "1", "nonewlines"]},
        "ignore_tags": {"type": "array", "items": TEXT},
        "splitting_tags": {"type": "array", "items": TEXT},
        "non_splitting_tags": {"type": "array", "items": TEXT},
        "outline_detection": {"type": "boolean"},
        "preserve_formatting": {"type": "boolean"},
    }
    translated = an_object(
        {
            "text": TEXT,
            "detected_source_language": TEXT,
            "billed_characters": NUMBER,
            "model_type_used": TEXT,
        },
        "text",
    )
    translations = an_object({"translations": {"type": "array", "items": translated}}, "translations")
    language = an_object(
        {"language": TEXT, "name": TEXT, "supports_formality": {"type": "boolean"}}, "language", "name"
    )
    kind = {"name": "type", "in": "query", "schema": {"type": "string", "enum": ["source", "target"]}}
    usage = an_object(
        {"character_count": NUMBER, "character_limit": NUMBER}, "character_count", "character_limit"
    )
    paths = {
        "/v2/translate": posting(
            "Translate (DeepL)",
            answering("The translations", translations),
            bodies(an_object(asked, "text", "target_lang")),
        ),
        "/v2/languages": getting(
            "Languages (DeepL)", answering("Languages", {"type": "array", "items": language}), [kind]
        ),
        "/v2/usage": getting("Characters used (DeepL)", answering("Usage", usage)),
    }
    return {at: failing(path, {"$ref": "#/components/schemas/DeepLError"}) for at, path in paths.items()}


def _about() -> dict[str, Any]:
    status = an_object({"status": TEXT, "state": TEXT}, "status")
    return {"/health": getting("Whether the service lives; asks no model", answering("It does", status))}
