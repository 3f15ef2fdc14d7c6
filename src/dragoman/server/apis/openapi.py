"""The OpenAPI document, made from the classes that requests are checked against; and a page of it. Answers nothing."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

import dragoman
from dragoman.server.apis import own as api
from dragoman.server.gate.schema import describe, parts_of, schema_of

JSON = "application/json"
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}


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
            "the others clients of LibreTranslate. An API key, where one is needed, goes into the header "
            "Authorization: Bearer KEY, or where the client of the API puts it.",
        },
        "paths": {**_own(), **_libretranslate(), **_deepl(), **_about()},
        "components": {
            "schemas": schemas | {"DeepLError": _object({"message": _TEXT}, "message")},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _own() -> dict[str, Any]:
    translated = _answer("The translations", schema_of(api.TranslateResponse))
    asked = _json_body(schema_of(api.TranslateRequest))
    events = {"type": "string", "enum": ["token", "translation", "error"]}
    event = _object({"event": events, "data": _TEXT}, "event", "data")
    return {
        "/api/translate": _post("Translate", translated, asked),
        "/api/translate/stream": _post(
            "Translate one text, and see it written: events `token` (a greedy draft), then one event `translation` "
            "(what /api/translate answers) or `error`",
            {"description": "Server-sent events", "content": {"text/event-stream": {"schema": event}}},
            asked,
        ),
        "/api/explain": _post(
            "Look inside: what the model computed for a sentence",
            _answer("A trace", {"type": "object"}),
            _json_body(schema_of(api.ExplainRequest)),
        ),
        "/api/models": _get(
            "What is served, and how much may be asked for", _answer("Models", schema_of(api.ModelsResponse))
        ),
    }


def _libretranslate() -> dict[str, Any]:
    key = {"api_key": _TEXT}
    translation = {
        "q": _TEXTS,
        "source": _TEXT,
        "target": _TEXT,
        "format": {"type": "string", "enum": ["text", "html"], "default": "text"},
        "alternatives": _NUMBER,
        **key,
    }
    detected = _object({"confidence": {"type": "number"}, "language": _TEXT}, "confidence", "language")
    language = _object({"code": _TEXT, "name": _TEXT, "targets": _texts()}, "code", "name", "targets")
    file = {"file": {"type": "string", "format": "binary"}, "source": _TEXT, "target": _TEXT, **key}
    return {
        "/translate": _post(
            "Translate (LibreTranslate)",
            _answer("The translation", _object({"translatedText": _TEXTS}, "translatedText")),
            _bodies(_object(translation, "q", "source", "target")),
        ),
        "/detect": _post(
            "Tell the language (LibreTranslate)",
            _answer("Languages, the likeliest first", {"type": "array", "items": detected}),
            _bodies(_object({"q": _TEXT, **key}, "q")),
        ),
        "/languages": _get(
            "Languages (LibreTranslate)", _answer("Languages", {"type": "array", "items": language})
        ),
        "/translate_file": _post(
            "Translate a file (LibreTranslate)",
            _answer("Where to fetch it", _object({"translatedFileUrl": _TEXT}, "translatedFileUrl")),
            {
                "required": True,
                "content": {"multipart/form-data": {"schema": _object(file, "file", "source", "target")}},
            },
        ),
        "/frontend/settings": _get("Settings (LibreTranslate)", _answer("Settings", {"type": "object"})),
    }


def _deepl() -> dict[str, Any]:
    asked = {
        "text": {"type": "array", "items": _TEXT},
        "target_lang": _TEXT,
        "source_lang": _TEXT,
        "tag_handling": {"type": "string", "enum": ["html", "xml"]},
        "split_sentences": {"type": "string", "enum": ["0", "1", "nonewlines"]},
        "ignore_tags": {"type": "array", "items": _TEXT},
        "splitting_tags": {"type": "array", "items": _TEXT},
        "non_splitting_tags": {"type": "array", "items": _TEXT},
        "outline_detection": {"type": "boolean"},
        "preserve_formatting": {"type": "boolean"},
    }
    translated = _object(
        {
            "text": _TEXT,
            "detected_source_language": _TEXT,
            "billed_characters": _NUMBER,
            "model_type_used": _TEXT,
        },
        "text",
    )
    translations = _object({"translations": {"type": "array", "items": translated}}, "translations")
    language = _object(
        {"language": _TEXT, "name": _TEXT, "supports_formality": {"type": "boolean"}}, "language", "name"
    )
    kind = {"name": "type", "in": "query", "schema": {"type": "string", "enum": ["source", "target"]}}
    usage = _object(
        {"character_count": _NUMBER, "character_limit": _NUMBER}, "character_count", "character_limit"
    )
    paths = {
        "/v2/translate": _post(
            "Translate (DeepL)",
            _answer("The translations", translations),
            _bodies(_object(asked, "text", "target_lang")),
        ),
        "/v2/languages": _get(
            "Languages (DeepL)", _answer("Languages", {"type": "array", "items": language}), [kind]
        ),
        "/v2/usage": _get("Characters used (DeepL)", _answer("Usage", usage)),
    }
    for path in paths.values():
        for operation in path.values():
            operation["responses"]["default"]["content"][JSON]["schema"] = {
                "$ref": "#/components/schemas/DeepLError"
            }
    return paths


def _about() -> dict[str, Any]:
    status = _object({"status": _TEXT, "state": _TEXT}, "status")
    return {"/health": _get("Whether the service lives; asks no model", _answer("It does", status))}


# -- small pieces -----------------------------------------------------------------------------------------------


def _object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


def _texts() -> dict[str, Any]:
    return {"type": "array", "items": _TEXT}


def _json_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {JSON: {"schema": schema}}}


def _bodies(schema: Mapping[str, Any]) -> dict[str, Any]:
    """JSON, or a form."""
    kinds = (JSON, "application/x-www-form-urlencoded")
    return {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}


def _answer(meaning: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": meaning, "content": {JSON: {"schema": schema}}}


def _get(
    summary: str, answer: Mapping[str, Any], parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    given = {"parameters": parameters} if parameters else {}
    return {"get": {"summary": summary, **given, "responses": _responses(answer)}}


def _post(summary: str, answer: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "requestBody": body,
            "security": [{}, {"key": []}],
            "responses": _responses(answer),
        }
    }


def _responses(answer: Mapping[str, Any]) -> dict[str, Any]:
    error = _answer("Why not: 400, 403, 408, 413, 429, 503", {"$ref": "#/components/schemas/Error"})
    return {"200": answer, "default": error}


# -- the page ---------------------------------------------------------------------------------------------------

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { overflow: auto; padding: .75rem; border: 1px solid #8886; border-radius: .4rem; }
h2 { margin-top: 2.5rem; } h3 { margin-bottom: .25rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .25rem 1rem .25rem 0; vertical-align: top; }
"""
_EXAMPLE = """curl -s http://127.0.0.1:5000/api/translate -H 'Content-Type: application/json' \\
  -d '{"text": "Are you OK ?", "target": "zh", "n_best": 3, "alignments": true}'"""


def page() -> str:
    """The document for people: no script, no request to anywhere."""
    found = document()
    operations = "".join(_operation(path, method, one) for path, methods in found["paths"].items()
                         for method, one in methods.items())  # fmt: skip
    schemas = "".join(_schema(name, one) for name, one in found["components"]["schemas"].items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Dragoman API</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="docs/style.css"></head><body>'
        f"<h1>Dragoman API</h1><p>{html.escape(found['info']['description'])}</p>"
        f'<pre>{html.escape(_EXAMPLE)}</pre><p>For programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{operations}<h2>Objects</h2>{schemas}</body></html>"
    )


def _operation(path: str, method: str, one: Mapping[str, Any]) -> str:
    parts = [
        f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{html.escape(one['summary'])}.</p>"
    ]
    content = one.get("requestBody", {}).get("content", {})
    if content:
        schema = next(iter(content.values()))["schema"]
        parts.append(f"<p>Body: {html.escape(', '.join(content))}</p>{_shape(schema)}")
    answer = next(iter(one["responses"]["200"]["content"].values()))["schema"]
    parts.append(f"<p>Answer: {html.escape(one['responses']['200']['description'])}</p>{_shape(answer)}")
    return "".join(parts)


def _shape(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<p><a href="#{name}"><code>{name}</code></a></p>'
    return f"<pre>{html.escape(json.dumps(schema, indent=2))}</pre>"


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(key)}</code></td><td><code>{html.escape(_kind(one))}</code></td>"
        f"<td>{html.escape(one.get('description', ''))}</td></tr>"
        for key, one in schema["properties"].items()
    )
    return (
        f'<h3 id="{name}">{name}</h3><p>{html.escape(schema.get("description", ""))}</p><table>{rows}</table>'
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """A type in a few words."""
    if "anyOf" in schema:
        return " | ".join(map(_kind, schema["anyOf"]))
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if schema.get("type") == "array":
        return f"[{_kind(schema['items'])}]"
    return " | ".join(map(json.dumps, schema["enum"])) if "enum" in schema else str(schema["type"])
