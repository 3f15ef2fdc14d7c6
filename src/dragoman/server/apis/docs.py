"""The OpenAPI document as a page for people. Answers nothing, and says nothing that the document does not."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from dragoman.server.apis.openapi import document

STYLE = """
:root { color-scheme: light dark; --accent: light-dark(#a8321c, #f0937f); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
body { overflow-wrap: anywhere; }
a { color: var(--accent); }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { overflow: auto; padding: .75rem; border: 1px solid #8886; border-radius: .4rem; }
h2 { margin-top: 2.5rem; } h2 code { font-size: 1.1rem; font-weight: 600; } h3 { margin-bottom: .25rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .25rem 1rem .25rem 0; vertical-align: top; }
"""
_EXAMPLE = """curl -s {address}/api/translate -H 'Content-Type: application/json' \\
  -d '{{"text": "Are you OK ?", "target": "zh", "n_best": 3, "alignments": true}}'"""


def page(address: str) -> str:
    """The document for people: no script, no request to anywhere. address: where the reader found it."""
    found = document()
    operations = "".join(_operation(path, method, one) for path, methods in found["paths"].items()
                         for method, one in methods.items())  # fmt: skip
    schemas = "".join(_schema(name, one) for name, one in found["components"]["schemas"].items())
    example = html.escape(_EXAMPLE.format(address=address.rstrip("/")))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Dragoman API</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="static/icon.svg">'
        '<link rel="stylesheet" href="docs/style.css"></head><body>'
        f"<h1>Dragoman API</h1><p>{_said(found['info']['description'])}</p>"
        f'<pre>{example}</pre><p>For programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{operations}<h2>Objects</h2>{schemas}</body></html>"
    )


def _operation(path: str, method: str, one: Mapping[str, Any]) -> str:
    parts = [f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{_said(one['summary'])}.</p>"]
    content = one.get("requestBody", {}).get("content", {})
    if content:
        schema = next(iter(content.values()))["schema"]
        parts.append(f"<p>Body: {html.escape(', '.join(content))}</p>{_shape(schema)}")
        parts += map(_example, next(iter(content.values())).get("examples", {}).items())
    answer = next(iter(one["responses"]["200"]["content"].values()))["schema"]
    parts.append(f"<p>Answer: {html.escape(one['responses']['200']['description'])}</p>{_shape(answer)}")
    return "".join(parts)


def _said(sentence: str) -> str:
    """What stands in back quotes is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(sentence))


def _example(named: tuple[str, Mapping[str, Any]]) -> str:
    name, example = named
    shown = json.dumps(example["value"], ensure_ascii=False)
    return f"<p>{html.escape(name)}:</p><pre>{html.escape(shown)}</pre>"


def _shape(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<p><a href="#{name}"><code>{name}</code></a></p>'
    return f"<pre>{html.escape(json.dumps(schema, indent=2))}</pre>"


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(key)}</code></td><td><code>{html.escape(_kind(one))}</code></td>"
        f"<td>{_said(one.get('description', ''))}</td></tr>"
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
