"""Small pieces that a description in OpenAPI is put together from. Describes nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JSON = "application/json"
TEXT, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}
TEXTS = {"type": "array", "items": TEXT}


def an_object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


def json_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {JSON: {"schema": schema}}}


def bodies(schema: Mapping[str, Any], examples: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """JSON, or a form. examples: of JSON, by the name of the client that sends each."""
    kinds = (JSON, "application/x-www-form-urlencoded")
    content: dict[str, dict[str, Any]] = {kind: {"schema": schema} for kind in kinds}
    if examples:
        content[JSON]["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {"required": True, "content": content}


def failing(path: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The path with another shape of errors."""
    for operation in path.values():
        operation["responses"]["default"]["content"][JSON]["schema"] = schema
    return path


def answering(meaning: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": meaning, "content": {JSON: {"schema": schema}}}


def getting(
    summary: str, answer: Mapping[str, Any], parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    given = {"parameters": parameters} if parameters else {}
    return {"get": {"summary": summary, **given, "responses": _responses(answer)}}


def posting(summary: str, answer: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "requestBody": body,
            "security": [{}, {"key": []}],
            "responses": _responses(answer),
        }
    }


def _responses(answer: Mapping[str, Any]) -> dict[str, Any]:
    error = answering("Why not: 400, 403, 408, 413, 429, 503", {"$ref": "#/components/schemas/Error"})
    return {"200": answer, "default": error}
