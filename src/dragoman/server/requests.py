"""What clients ask for and what they get, whichever API they speak; which model is meant. Translates nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dragoman.server.codes import Code, read_code
from dragoman.server.gate.refusals import Refusal
from dragoman.server.models import Models, Served
from dragoman.server.settings import Limits
from dragoman.text.languages import Detected, detect
from dragoman.text.normalize import base_language
from dragoman.translate.translation import Translation


@dataclass(frozen=True)
class Client:
    """Who asks."""

    address: str  # counted where there is no key
    key: str | None
    noted: dict[str, Any]  # what the log says about the request
    keyless: int = 403  # status of the refusal that clients of this API expect where a key is needed


@dataclass(frozen=True)
class ClientRequest:
    """What a client asks for, whichever API it speaks."""

    texts: Sequence[str]
    source: str | None = None  # None and "auto": to be detected
    target: str | None = None  # None: whatever the model writes
    model: str | None = None
    prefixes: Sequence[str] = ()
    glossary: Mapping[str, str] = field(default_factory=dict)
    html: bool = False
    alignments: bool = False
    scores: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)  # fields of DecodingOptions


@dataclass(frozen=True)
class Direction:
    """From which language into which, and by which model; by none where both are the same."""

    model: Served | None
    source: Code
    target: Code
    detected: Detected | None = None


@dataclass(frozen=True)
class Answer:
    """One translation for each text, and what was found out on the way."""

    translations: Sequence[Translation]
    direction: Direction


def check(request: ClientRequest, limits: Limits) -> None:
    """Raise Refusal for more than a request may ask for."""
    characters = sum(map(len, request.texts))
    if len(request.texts) > limits.items:
        raise Refusal(
            400, f"Invalid request: request ({len(request.texts)}) exceeds text limit ({limits.items})"
        )
    if characters > limits.characters:
        raise Refusal(
            400, f"Invalid request: request ({characters}) exceeds text limit ({limits.characters})"
        )
    for name, most in (("beam_size", limits.beam_size), ("n_best", limits.n_best)):
        if request.options.get(name, 1) > most:
            raise Refusal(400, f"{name} = {request.options[name]} is more than this server allows: {most}")
    if request.prefixes and len(request.prefixes) != len(request.texts):
        raise Refusal(
            400,
            f"{len(request.texts)} texts and {len(request.prefixes)} prefixes: there must be one for each",
        )


def direct(models: Models, request: ClientRequest) -> Direction:
    """Which model is meant. Raises Refusal (400) for languages that none of them knows."""
    auto = request.source in (None, "", "auto")
    source = None if auto else read_code(request.source or "", "source")
    target = read_code(request.target, "target") if request.target else None
    candidates = [models.named(request.model)] if request.model else list(models.served.values())
    if target:
        candidates = [model for model in candidates if base_language(model.target) == target.base]
    # Text that is in the target language already is left as it is, unless a model was named.
    passing = target.base if target and target.base in models.languages and not request.model else None
    if not candidates and not passing:
        raise Refusal(400, f"{target} is not supported: {_offered(models)}")
    detected = None
    if source is None:
        detected = likeliest(
            request.texts, [model.source for model in candidates] + ([passing] if passing else [])
        )
        source = Code(detected.language)
    if target and source.base == passing:
        return Direction(None, source, target, detected)
    for model in candidates:
        if base_language(model.source) == source.base:
            return Direction(model, source, target or read_code(model.target, "target"), detected)
    raise Refusal(400, f"{source} is not supported as a source here: {_offered(models)}")


def likeliest(texts: Sequence[str], languages: Sequence[str]) -> Detected:
    """The language of some texts together; the first there is, with confidence 0, where nothing tells."""
    found = detect("\n".join(texts), languages)
    return found[0] if found else Detected(base_language(languages[0]), 0.0)


def _offered(models: Models) -> str:
    pairs = (f"{m.source} -> {m.target} ({m.name})" for m in models.served.values())
    return f"there is {', '.join(pairs)}"
