"""What clients of DeepLX, MTranServer and extensions of browsers send and get, in OpenAPI. Answers nothing."""

from __future__ import annotations

from typing import Any

from dragoman.server.apis.pieces import (
    NUMBER,
    TEXT,
    TEXTS,
    an_object,
    answering,
    bodies,
    failing,
    getting,
    posting,
)

_DEEPLX = {
    "ask": an_object({"text": TEXT, "source_lang": TEXT, "target_lang": TEXT}, "text", "target_lang"),
    "answer": an_object(
        {
            "code": NUMBER,
            "id": NUMBER,
            "data": TEXT,
            "alternatives": TEXTS,
            "source_lang": TEXT,
            "target_lang": TEXT,
            "method": TEXT,
        },
        "code",
        "data",
    ),
    "error": an_object({"code": NUMBER, "message": TEXT}, "code", "message"),
}
_HTML = {"html": {"type": "boolean", "default": False}}
_MTRAN = an_object({"from": TEXT, "to": TEXT, "text": TEXT, **_HTML}, "to", "text")
_MTRAN_BATCH = an_object({"from": TEXT, "to": TEXT, "texts": TEXTS, **_HTML}, "to", "texts")
_IMMERSIVE = {
    "ask": an_object(
        {"source_lang": TEXT, "target_lang": TEXT, "text_list": TEXTS}, "target_lang", "text_list"
    ),
    "answer": an_object(
        {
            "translations": {
                "type": "array",
                "items": an_object(
                    {"detected_source_lang": TEXT, "text": TEXT}, "detected_source_lang", "text"
                ),
            }
        },
        "translations",
    ),
}
_EXAMPLES = {
    "LibreTranslate": {"q": "Are you OK?", "source": "en", "target": "zh"},
    "DeepLX": {"text": "Are you OK?", "source_lang": "EN", "target_lang": "ZH"},
    "MTranServer": {"from": "en", "to": "zh-Hans", "text": "Are you OK?", "html": False},
    "Immersive Translate": {
        "source_lang": "auto",
        "target_lang": "zh-CN",
        "text_list": ["Are you OK?", "Good night."],
    },
}


def at_translate(libre: dict[str, Any]) -> dict[str, Any]:
    """Four clients send to one address; the fields tell which."""
    translated = an_object({"translatedText": {"anyOf": [TEXT, TEXTS]}}, "translatedText")
    answers = [translated, _DEEPLX["answer"], an_object({"result": TEXT}, "result"), _IMMERSIVE["answer"]]
    asked = [libre, _DEEPLX["ask"], _MTRAN, _IMMERSIVE["ask"]]
    path = posting(
        "Translate (LibreTranslate with `q`; DeepLX with `text` and `target_lang`; MTranServer with `text` and `to`; "
        "Immersive Translate with `text_list`)",
        answering("The translation, in the shape that was asked in", {"anyOf": answers}),
        bodies({"anyOf": asked}, _EXAMPLES),
    )
    return failing(path, {"anyOf": [{"$ref": "#/components/schemas/Error"}, _DEEPLX["error"]]})


def others() -> dict[str, Any]:
    """The addresses that clients of DeepLX, MTranServer and two extensions of browsers have to themselves."""
    one = an_object({"text": TEXT, "src": TEXT}, "text", "src")
    kiss = {"from": TEXT, "to": TEXT, "text": TEXT, "texts": TEXTS}
    listed = an_object({"translations": {"type": "array", "items": one}}, "translations")
    batch = {"from": "auto", "to": "zh-Hans", "texts": ["Are you OK?", "Good night."], "html": False}
    deeplx = posting(
        "Translate (DeepLX)",
        answering("The translation", _DEEPLX["answer"]),
        bodies(_DEEPLX["ask"], {"DeepLX": _EXAMPLES["DeepLX"]}),
    )
    return {
        "/v1/translate": failing(deeplx, _DEEPLX["error"]),
        "/translate/batch": posting(
            "Translate several texts (MTranServer)",
            answering("The translations", an_object({"results": TEXTS}, "results")),
            bodies(_MTRAN_BATCH, {"MTranServer": batch}),
        ),
        "/imme": posting(
            "Translate (Immersive Translate)",
            answering("The translations", _IMMERSIVE["answer"]),
            bodies(_IMMERSIVE["ask"], {"Immersive Translate": _EXAMPLES["Immersive Translate"]}),
        ),
        "/kiss": posting(
            "Translate (KISS Translator): one `text`, or several `texts`",
            answering("The translation, or a list of them", {"anyOf": [one, listed]}),
            bodies(
                {"anyOf": [an_object(kiss, "to", "text"), an_object(kiss, "to", "texts")]},
                {"KISS Translator": {"from": "en", "to": "zh-CN", "text": "Are you OK?"}},
            ),
        ),
        "/version": getting(
            "Version (MTranServer)", answering("The version", an_object({"version": TEXT}, "version"))
        ),
    }
