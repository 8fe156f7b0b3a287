"""The HTTP application: webhooks, changes, Slack over HTTP, health, metrics, and their OpenAPI description."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from bot import __version__
from bot.domain.source import Source
from bot.web.auth import SecretOf
from bot.web.edge import Edge, answer_error
from bot.web.metrics import Meters
from bot.web.webhooks import Door, Webhooks

READY_SECONDS = 5.0

log = structlog.get_logger(__name__)

SlackHandler = Callable[[Request], Awaitable[Response]]


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def build(  # each is a part of its own, all by name
    door: Door,
    *,
    sources: Mapping[str, Source],
    secret_of: SecretOf,
    meters: Meters,
    slack_handler: SlackHandler | None = None,
    clock: Callable[[], datetime] = now,
) -> FastAPI:
    """The application.

    ``secret_of`` gives the secret of an environment variable's name (``Settings.webhook_secret``). ``slack_handler`` is
    Bolt's handler for ``POST /slack/events`` (``AsyncSlackRequestHandler(app).handle``); without it there is no such
    path. The description is at ``/api/openapi.json``; there are no pages, which would load scripts from elsewhere.
    """
    app = FastAPI(title="Fettle", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.include_router(Webhooks(door, sources, secret_of, meters, clock, set()).router())
    _health(app, door, meters)

    if slack_handler is not None:
        handle = slack_handler

        @app.post("/slack/events", include_in_schema=False)
        async def slack(request: Request) -> Response:
            await request.body()
            return await handle(request)

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> Response:
        hint = "/api/openapi.json lists every path." if error.status_code in (404, 405) else ""
        answer = answer_error(error.status_code, str(error.detail).lower(), "", hint)
        answer.headers.update(error.headers or {})
        return answer

    app.add_middleware(Edge)
    return app


def _health(app: FastAPI, door: Door, meters: Meters) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> Mapping[str, str]:
        """The process lives and its event loop turns."""
        return {"status": "ok", "version": __version__}

    @app.get("/readyz", tags=["health"], responses={503: {"description": "A part is not ready; it is named"}})
    async def readyz() -> Response:
        """Whether every part works: deliveries are taken and work goes on."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                parts = await door.ready()
        except Exception as failure:
            log.exception("readiness check failed")
            said = "did not answer in time" if isinstance(failure, TimeoutError) else "could not be checked"
            parts = {"fettle": said}
        wrong = {part: problem for part, problem in parts.items() if problem is not None}
        if not wrong:
            return JSONResponse({"status": "ready", "parts": dict.fromkeys(parts, "ok")})
        named = "; ".join(f"{part}: {problem}" for part, problem in wrong.items())
        return JSONResponse(
            {
                "error": f"not ready: {named}",
                "field": next(iter(wrong)),
                "hint": "`fettle doctor` says how to mend it.",
                "parts": parts,
            },
            503,
        )

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Fettle's own metrics for Prometheus."""
        text, kind = meters.exposition()
        return Response(text, media_type=kind)
