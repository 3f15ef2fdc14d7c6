"""The ASGI application: which path goes to which handler, and what lives as long as they. Handles nothing itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from dragoman.errors import DragomanError
from dragoman.explain import sentences
from dragoman.server.apis.deepl import DeepL
from dragoman.server.apis.docs import STYLE, page
from dragoman.server.apis.exchange import as_json
from dragoman.server.apis.libretranslate import LibreTranslate
from dragoman.server.apis.openapi import document
from dragoman.server.apis.others import Others
from dragoman.server.apis.own import Api, key_of
from dragoman.server.downloads import Downloads, FileStore, SharedDownloads
from dragoman.server.gate.addresses import base_of
from dragoman.server.gate.gate import Gate
from dragoman.server.gate.refusals import Refusal, failed
from dragoman.server.models import Load
from dragoman.server.service import Service
from dragoman.server.settings import Settings

STATIC = Path(__file__).parent / "static"
ASSETS = Path(__file__).parents[1] / "explain" / "page" / "assets"

_ASKED_EACH_TIME = {"cache-control": "no-cache"}  # a browser asks whether they have changed
_POST, _GET = ["POST"], ["GET"]


def build(settings: Settings, load: Load | None = None, downloads: Path | None = None) -> ASGIApp:
    """The whole service. Raises ModelError and UsageError for what cannot be served.

    load: how to open a model directory. downloads: a folder for translated files, one of its own by default.
    """
    service = Service(settings, load)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with kept.open():
            await service.start()
            yield
            await service.stop()

    here, link = Downloads(downloads), service.admission.link
    kept: FileStore = SharedDownloads(link, here) if link else here
    routes = _routes(service, kept)
    told = {HTTPException: _unrouted, DragomanError: _refused, Exception: _broken}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=told)
    app.router.redirect_slashes = False  # a client that is redirected sends its POST as a GET
    paths = frozenset(route.path for route in routes if isinstance(route, Route))
    return Gate(app, settings.network, settings.limits, service.metrics, paths)


def _routes(service: Service, downloads: FileStore) -> list[BaseRoute]:
    return [*_apis(service, downloads), *_about(service), *_pages()]


def _about(service: Service) -> list[BaseRoute]:
    """How the service is, and what it offers."""
    described, settings = document(), service.settings

    async def metrics(request: Request) -> Response:
        if settings.require_key:
            await service.admission.check_key(key_of(request) or request.query_params.get("api_key"), 401)
        return PlainTextResponse(service.metrics.text(), media_type="text/plain; version=0.0.4")

    async def health(request: Request) -> Response:
        return as_json({"status": "ok"} | service.admission.told)

    async def openapi(request: Request) -> Response:
        return as_json(described)

    async def docs(request: Request) -> Response:
        return HTMLResponse(page(base_of(request.scope, settings.network)))

    async def style(request: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    return [
        Route("/health", health, methods=_GET),
        Route("/metrics", metrics, methods=_GET),
        Route("/openapi.json", openapi, methods=_GET),
        Route("/spec", openapi, methods=_GET),
        Route("/docs", docs, methods=_GET),
        Route("/docs/style.css", style, methods=_GET),
    ]


def _pages() -> list[BaseRoute]:
    """The page, and what it is made of."""

    async def places(request: Request) -> Response:
        from dragoman.explain.page.writing import places

        return as_json(places())

    async def explaining(request: Request) -> Response:
        return _script(sentences.as_script())

    async def wording(request: Request) -> Response:
        return _script(sentences.as_script(STATIC / "sentences"))

    async def index(request: Request) -> Response:
        if not (STATIC / "index.html").exists():
            raise Refusal(404, "this installation has no page; /docs shows the API")
        return FileResponse(STATIC / "index.html", headers=_ASKED_EACH_TIME)

    return [
        Route("/", index, methods=_GET),
        Route("/static/sentences.js", wording, methods=_GET),
        Mount("/static", Files(directory=STATIC, check_dir=False)),
        Route("/assets/places.json", places, methods=_GET),
        Route("/assets/sentences.js", explaining, methods=_GET),
        Mount("/assets", Files(directory=ASSETS, check_dir=False)),
    ]


def _apis(service: Service, downloads: FileStore) -> list[BaseRoute]:
    """What translates: our own, and those that clients of other services know."""
    own, libre, deepl = Api(service), LibreTranslate(service, downloads), DeepL(service)
    others = Others(service, libre)
    return [
        Route("/api/translate", own.translate, methods=_POST),
        Route("/api/translate/stream", own.stream, methods=_POST),
        Route("/api/explain", own.explain, methods=_POST),
        Route("/api/models", own.models, methods=_GET),
        Route("/translate", others.translate, methods=_POST),
        Route("/translate/batch", others.several, methods=_POST),
        Route("/imme", others.immersive, methods=_POST),
        Route("/v1/translate", others.deeplx, methods=_POST),
        Route("/kiss", others.kiss, methods=_POST),
        Route("/version", others.version, methods=_GET),
        Route("/__heartbeat__", others.ready, methods=_GET),
        Route("/__lbheartbeat__", others.ready, methods=_GET),
        Route("/detect", libre.detect, methods=_POST),
        Route("/languages", libre.languages, methods=_GET),
        Route("/suggest", libre.suggest, methods=_POST),
        Route("/translate_file", libre.translate_file, methods=_POST),
        Route("/download_file/{name}", libre.download, methods=_GET),
        Route("/frontend/settings", libre.settings, methods=_GET),
        Route("/v2/translate", deepl.translate, methods=_POST),
        Route("/v2/languages", deepl.languages, methods=["GET", "POST"]),
        Route("/v2/usage", deepl.usage, methods=["GET", "POST"]),
    ]


def _script(text: str) -> Response:
    return Response(text, media_type="text/javascript", headers=_ASKED_EACH_TIME)


class Files(StaticFiles):
    """Files that come with the package. A browser asks each time whether they have changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(_ASKED_EACH_TIME)
        return response


async def _unrouted(request: Request, error: Exception) -> Response:
    """A path or a method that there is not."""
    assert isinstance(error, HTTPException)
    said = (
        "there is nothing at this address; /docs shows what there is"
        if error.status_code == 404
        else error.detail
    )
    response = _told(request, Refusal(error.status_code, said))
    response.headers.update(error.headers or {})
    return response


async def _refused(request: Request, error: Exception) -> Response:
    """What the translator says about a request is about its words; a model that does not open is not."""
    if isinstance(error, Refusal):
        return _told(request, error)
    assert isinstance(error, DragomanError)
    return _told(request, Refusal(400 if error.exit_code == 2 else 500, str(error)))


async def _broken(request: Request, error: Exception) -> Response:
    return _told(request, failed())


def _told(request: Request, refusal: Refusal) -> Response:
    body, headers = refusal.told(request.url.path)
    return Response(body, refusal.status, headers)
