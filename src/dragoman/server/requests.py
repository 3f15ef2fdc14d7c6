"""What clients ask for and what they get, whichever API they speak; which model is meant. Translates nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dragoman.documents.dialect import Dialect
from dragoman.documents.markup import HTML
from dragoman.server.codes import Code, code_of, read_code
from dragoman.server.gate.refusals import Refusal
from dragoman.server.gate.schema import shown
from dragoman.server.models import Models, Served
from dragoman.server.settings import Limits
from dragoman.text.detection import UNKNOWN, Detected, detect, likeliest
from dragoman.text.languages import base_language, name_of
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
    html: bool = False  # or XML, as `dialect` says
    dialect: Dialect = HTML
    alignments: bool = False
    scores: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)  # fields of DecodingOptions

    @property
    def size(self) -> int:
        """Characters of all that is read before anything is searched for."""
        said = (self.texts, self.prefixes, self.glossary, self.glossary.values())
        return sum(sum(map(len, part)) for part in said)

    def part(self, numbers: Sequence[int]) -> ClientRequest:
        """The same for some of the texts."""
        prefixes = [self.prefixes[number] for number in numbers] if self.prefixes else ()
        return replace(self, texts=[self.texts[number] for number in numbers], prefixes=prefixes)


@dataclass(frozen=True)
class Direction:
    """From which language into which, and by which model; by none where both are the same."""

    model: Served | None
    source: Code
    target: Code
    detected: Detected | None = None
    # Nobody here reads the language that was found: the text comes back as it is, since others of its list do not.
    foreign: bool = False


@dataclass(frozen=True)
class Answer:
    """One translation for each text, and what was found out on the way."""

    translations: Sequence[Translation]
    directions: Sequence[Direction]  # one for each text; of no text at all, one

    @property
    def direction(self) -> Direction:
        """That of the first text that was translated, or of the first."""
        return next((one for one in self.directions if one.model), self.directions[0])


# Characters that a term of a glossary may become: they are written as often as the term is read, and 290,000 of them
# made 2.9 GB of a request.
BECOMING = 1000


def check(request: ClientRequest, limits: Limits) -> None:
    """Raise Refusal for more than a request may ask for."""
    characters = max(sum(map(len, request.texts)), sum(map(len, request.prefixes)))
    if len(request.texts) > limits.items:
        raise Refusal(
            400, f"Invalid request: request ({len(request.texts)}) exceeds text limit ({limits.items})"
        )
    if characters > limits.characters:
        raise Refusal(
            400, f"Invalid request: request ({characters}) exceeds text limit ({limits.characters})"
        )
    for term, wanted in request.glossary.items():
        if len(wanted) > BECOMING:
            raise Refusal(
                400,
                f"glossary: {shown(term)} becomes {len(wanted):,} characters, and may become {BECOMING:,}",
            )
    for name, most in (("beam_size", limits.beam_size), ("n_best", limits.n_best)):
        if request.options.get(name, 1) > most:
            raise Refusal(400, f"{name} = {request.options[name]} is more than this server allows: {most}")
    if request.prefixes and len(request.prefixes) != len(request.texts):
        raise Refusal(
            400,
            f"{len(request.texts)} texts and {len(request.prefixes)} prefixes: there must be one for each",
        )


@dataclass(frozen=True)
class _Choice:
    """What a request leaves open."""

    candidates: list[Served]
    target: Code | None
    passing: str | None  # text in this language is left as it is

    @property
    def sources(self) -> list[str]:
        return [*(model.source for model in self.candidates), *([self.passing] if self.passing else [])]


def direct(models: Models, request: ClientRequest) -> Direction:
    """Which model is meant, for all texts together. Raises Refusal (400) for languages that none of them knows."""
    choice = _choice(models, request)
    found: Direction | None
    if is_auto(request):
        found = _found("\n".join(request.texts), models, choice)
    else:
        source = read_code(request.source or "", "source", models.languages)
        found = _toward(source, None, choice)
    if found is None:
        raise Refusal(400, f"{source} is not supported as a source here: {_offered(models)}")
    if found.foreign:
        raise _unknown(found, models)
    return found


def direct_each(models: Models, request: ClientRequest) -> list[Direction]:
    """The same for each text by itself, where the languages are to be detected: a list may hold several.

    Those of a language that no model here knows are marked as foreign. Raises Refusal where all are.
    """
    if not is_auto(request) or not request.texts:
        return [direct(models, request)] * len(request.texts)
    choice = _choice(models, request)
    found = [_found(text, models, choice) for text in request.texts]
    if all(one.foreign for one in found):
        raise _unknown(found[0], models)
    return found


def is_auto(request: ClientRequest) -> bool:
    """Whether the languages of the texts are to be detected."""
    return request.source is None or request.source.strip().lower() in ("", "auto")


def _choice(models: Models, request: ClientRequest) -> _Choice:
    target = read_code(request.target, "target", models.languages) if request.target else None
    into = target.base if target else None
    candidates = models.named(request.model).ways(into) if request.model else models.ways(into)
    # Text that is in the target language already is left as it is, unless a model was named.
    passing = target.base if target and target.base in models.languages and not request.model else None
    if not candidates and not passing:
        raise Refusal(400, f"{target} is not supported: {_offered(models)}")
    return _Choice(candidates, target, passing)


def languages_of(text: str, models: Models) -> list[Detected]:
    """What a text may be in, the likeliest first. Raises Refusal (400) where nobody could tell."""
    known = models.languages
    first = likeliest(text, known) or Detected(known[0], 0.0)
    if first.language == UNKNOWN:
        raise _unknown(Direction(None, Code(UNKNOWN), Code(UNKNOWN)), models)
    return [first, *(one for one in detect(text, known) if one.language != first.language)]


def _found(text: str, models: Models, choice: _Choice) -> Direction:
    """By the language of a text; of the first there is, with confidence 0, where it has no letters."""
    detected = likeliest(text, choice.sources) or Detected(base_language(choice.sources[0]), 0.0)
    source = Code(detected.language)
    found = _toward(source, detected, choice)
    return found or Direction(None, source, choice.target or source, detected, foreign=True)


def _toward(source: Code, detected: Detected | None, choice: _Choice) -> Direction | None:
    """From a language; None where no model goes from there to where it shall go."""
    if choice.target and source.base == choice.passing:
        return Direction(None, source, choice.target, detected)
    for model in choice.candidates:
        if base_language(model.source) == source.base:
            return Direction(model, source, choice.target or code_of(model.target), detected)
    return None


def _unknown(found: Direction, models: Models) -> Refusal:
    language = found.source.base
    if language == UNKNOWN:
        return Refusal(400, f"which language this is cannot be told: {_offered(models)}")
    looks = f"this looks like {name_of(language)} ({language})"
    return Refusal(400, f"{looks}, which is not supported as a source here: {_offered(models)}")


def _offered(models: Models) -> str:
    pairs = (
        f"{m.told} ({m.name})" if m.many else f"{m.source} -> {m.target} ({m.name})"
        for model in models.served.values()
        for m in ([model] if model.many else model.ways())
    )
    return f"there is {', '.join(pairs)}"
