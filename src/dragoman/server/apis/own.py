"""Our own API: translations with all that is known about them, draft by token, traces, models. Translates nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from dragoman.errors import DragomanError
from dragoman.server.apis.exchange import as_json, client
from dragoman.server.apis.fields import parsed
from dragoman.server.gate.refusals import Refusal
from dragoman.server.gate.schema import json_object, read
from dragoman.server.requests import Answer, Client, ClientRequest, Direction
from dragoman.server.service import Service
from dragoman.text.languages import name_of
from dragoman.translate.flags import FLAGS
from dragoman.translate.translation import Translation

T = TypeVar("T")


@dataclass(frozen=True)
class TranslateRequest:
    """What to translate, and how."""

    text: Annotated[str | list[str], "one text, or several"]
    source: Annotated[str | None, "language code; auto, or nothing, to have it detected"] = None
    target: Annotated[str | None, "language code; by default what the model writes"] = None
    model: Annotated[str | None, "name of a model; by default one that knows the languages"] = None
    beam_size: Annotated[int | None, "hypotheses kept at each step; 1 = greedy"] = None
    n_best: Annotated[int | None, "translations of each text"] = None
    length_penalty: Annotated[float | None, "rank by log-probability / tokens ** length_penalty"] = None
    prefix: Annotated[
        str | list[str] | None, "what the translation must begin with; for several texts a list"
    ] = None
    glossary: Annotated[dict[str, str] | None, "source term -> target term, for this request"] = None
    format: Annotated[Literal["text", "html"], "html keeps tags, attributes and entities in place"] = "text"
    alignments: Annotated[bool, "say which source token each token came from"] = False
    scores: Annotated[bool, "give the log-probability of each token"] = False


@dataclass(frozen=True)
class Alternative:
    """Another translation of the same text."""

    text: str
    score: float | None


@dataclass(frozen=True)
class TranslatedText:
    """One translation, and what is known about it."""

    text: str
    score: Annotated[float | None, "mean log-probability; null where nothing was translated"]
    source_tokens: list[str]
    tokens: list[str]
    token_scores: Annotated[list[float], "log-probability of each token, if scores were asked for"]
    alignment: Annotated[list[tuple[int, int]], "source token, token; if alignments were asked for"]
    flags: Annotated[list[str], f"signs that it may be bad: {', '.join(FLAGS)}"]
    alternatives: list[Alternative]
    source: Annotated[str, "the language that this text is in, as given or detected"]


@dataclass(frozen=True)
class DetectedLanguage:
    """A language and how sure it is, from 0 to 100."""

    language: str
    confidence: float


@dataclass(frozen=True)
class TranslateResponse:
    """A translation for each text, in their order."""

    translations: list[TranslatedText]
    model: Annotated[str | None, "null where source and target are the same language"]
    source: str
    target: str
    detected: Annotated[
        DetectedLanguage | None,
        "where it was to be detected; of several texts the first that was translated",
    ]


@dataclass(frozen=True)
class ExplainRequest:
    """A sentence to look inside the model with."""

    text: str
    model: Annotated[str | None, "name of a model; by default the first"] = None
    reference: Annotated[
        str | None, "a translation to run training on; what the model writes where none is given"
    ] = None
    without: Annotated[str | None, "a part to take out, such as causal_mask"] = None
    teach: Annotated[int | None, "steps of gradient descent on a copy with this pair, 1 to 20"] = None
    say: Annotated[str | None, "STEP=WORD: what the model is to say at that step, from 0"] = None
    beside: Annotated[str | None, "another sentence, to compare a word of both in"] = None
    word: Annotated[str | None, "that word; the one that both share where none is given"] = None


@dataclass(frozen=True)
class ModelInfo:
    """A model that is served."""

    name: str
    source: str
    target: str
    loaded: bool
    default: bool
    decoding: Annotated[dict[str, int | float | bool], "how it searches unless told otherwise"]
    sources: Annotated[list[str], "of a model of many languages, which is listed once: what it reads"]
    targets: Annotated[list[str], "what it writes: any of its sources into any of these"]


@dataclass(frozen=True)
class LanguageInfo:
    """A language that a model reads or writes."""

    code: str
    name: str


@dataclass(frozen=True)
class ModelsResponse:
    """What is served, and how much of it a request may ask for."""

    models: list[ModelInfo]
    languages: list[LanguageInfo]
    limits: dict[str, int]
    files: list[str]
    keys: dict[str, bool]


@dataclass(frozen=True)
class Error:
    """Why there is no answer."""

    error: str


OPTIONS = ("beam_size", "n_best", "length_penalty")


def key_of(http: Request) -> str | None:
    """The API key in `Authorization: Bearer KEY`."""
    scheme, _, key = http.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def request_of(body: TranslateRequest) -> ClientRequest:
    """What a request means to the service."""
    several = isinstance(body.text, list)
    if body.prefix is not None and isinstance(body.prefix, list) is not several:
        raise Refusal(400, "prefix must be a list where text is one, and a string where text is one")
    return ClientRequest(
        texts=body.text if isinstance(body.text, list) else [body.text],
        source=body.source,
        target=body.target,
        model=body.model,
        prefixes=[body.prefix] if isinstance(body.prefix, str) else body.prefix or (),
        glossary=body.glossary or {},
        html=body.format == "html",
        alignments=body.alignments,
        scores=body.scores,
        options={name: getattr(body, name) for name in OPTIONS if getattr(body, name) is not None},
    )


def response_of(answer: Answer) -> dict[str, Any]:
    """The JSON of TranslateResponse."""
    direction = answer.direction
    return asdict(
        TranslateResponse(
            [_translated(*one) for one in zip(answer.translations, answer.directions, strict=False)],
            direction.model.name if direction.model else None,
            str(direction.source),
            str(direction.target),
            DetectedLanguage(direction.detected.language, direction.detected.confidence)
            if direction.detected
            else None,
        )
    )


def _translated(found: Translation, direction: Direction) -> TranslatedText:
    return TranslatedText(
        found.text,
        found.score,
        found.source_tokens,
        found.tokens,
        found.token_scores,
        found.alignment,
        list(found.flags),
        [Alternative(other.text, other.score) for other in found.alternatives],
        str(direction.source),
    )


class Api:
    """The handlers of /api/*."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def _client(self, http: Request) -> Client:
        return client(http, self._service.settings.network, key_of(http))

    async def _asked(self, http: Request, kind: type[T]) -> T:
        return await parsed(
            await http.body(), lambda body: read(kind, json_object(body)), self._service.beside
        )

    async def translate(self, http: Request) -> Response:
        request = request_of(await self._asked(http, TranslateRequest))
        await self._service.admission.admit(self._client(http), request)
        answer = await self._service.translate(request)
        long = request.alignments or request.scores
        return await self._service.beside.run(request.size, lambda: as_json(response_of(answer), long=long))

    async def stream(self, http: Request) -> Response:
        asked = await self._asked(http, TranslateRequest)
        if isinstance(asked.text, list):
            raise Refusal(400, "text must be a string: a stream answers one text")
        request = request_of(asked)
        await self._service.admission.admit(self._client(http), request)
        await self._service.directed(request)  # refused before the stream begins
        return StreamingResponse(self._events(request), media_type="text/event-stream")

    async def _events(self, request: ClientRequest) -> AsyncIterator[bytes]:
        try:
            async for drafted in self._service.draft(request):
                yield _event("token", asdict(drafted))
            answer = await self._service.translate(request)
            told = lambda: _event("translation", response_of(answer))
            yield await self._service.beside.run(request.size, told)
        except DragomanError as error:
            yield _event("error", {"error": str(error)})

    async def explain(self, http: Request) -> Response:
        asked = await self._asked(http, ExplainRequest)
        await self._service.admission.admit(
            self._client(http), ClientRequest([asked.text, asked.reference or "", asked.beside or ""])
        )
        return Response(await self._service.explain(**asdict(asked)), media_type="application/json")

    async def models(self, http: Request) -> Response:
        models, limits = self._service.models, self._service.limits
        found = ModelsResponse(
            [
                ModelInfo(
                    m.name,
                    m.source,
                    m.target,
                    models.is_loaded(m.name),
                    m.name == models.default.name,
                    dict(m.decoding),
                    list(m.sources or (m.source,)),
                    list(m.targets or (m.target,)),
                )
                for model in models.served.values()
                for m in ([model] if model.many else model.ways())
            ],
            [LanguageInfo(code, name_of(code)) for code in models.languages],
            {
                name: getattr(limits, name)
                for name in ("characters", "items", "file_bytes", "beam_size", "n_best")
            },
            list(self._service.formats),
            {"required": self._service.settings.require_key},
        )
        return as_json(asdict(found))


def _event(name: str, value: Any) -> bytes:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()
