"""What holds for every request: a request id, a limit on the body, no error without a JSON answer."""

import asyncio
import re
import uuid
from collections.abc import Callable

import structlog
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.errors import BadDelivery, TooLarge

LARGEST_BODY = 5_000_000  # bytes
BODY_SECONDS = 30.0
SANE_ID = re.compile(r"[\w.:@/+=-]{1,100}", re.ASCII)

log = structlog.get_logger(__name__)


def new_request_id() -> str:
    """A fresh request id."""
    return uuid.uuid4().hex


class TooSlow(BadDelivery):
    """The body did not arrive in time."""


class Edge:
    """Wraps the application.

    ``X-Request-Id`` is kept where it is sane and made where it is not, bound to every log line and sent back. A body
    over the limit ends with 413 as soon as its length is known or its first byte too many arrives; one that does not
    arrive in time with 408.
    """

    def __init__(self, app: ASGIApp, new_id: Callable[[], str] = new_request_id) -> None:
        self._app, self._new_id = app, new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.lower(): value for key, value in scope["headers"]}
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if SANE_ID.fullmatch(given) else self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = False

        async def answer(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode("latin-1"))]
            await send(message)

        try:
            _check_length(headers.get(b"content-length", b""))
            await self._app(scope, _limited(receive), answer)
        except Exception as failure:
            if began:
                raise
            if not isinstance(failure, BadDelivery):
                log.exception("request failed", path=scope["path"], method=scope["method"])
            await problem(failure)(scope, receive, answer)


def _check_length(length: bytes) -> None:
    if length.isdigit() and (len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY):
        raise too_large()


def too_large() -> TooLarge:
    """The error for a body over the limit."""
    return TooLarge(f"the body is over the limit of {LARGEST_BODY // 1_000_000} MB: send fewer alerts at once", "$")


def problem(failure: Exception) -> JSONResponse:
    """What is answered where the application itself did not: too large, too slow, or broken."""
    match failure:
        case TooLarge():
            return answer_error(
                413, str(failure), failure.field, "The limit is 5 MB; set max_alerts or split the body."
            )
        case TooSlow():
            return answer_error(408, str(failure), failure.field, "Nothing was taken. Send it again.")
        case _:
            hint = "Fettle's log has the reason under this request id. Nothing was taken; send it again."
            return answer_error(500, "something broke inside Fettle", "", hint)


def answer_error(status: int, error: str, field: str = "", hint: str = "", **headers: str) -> JSONResponse:
    """An error as JSON: what is wrong, where, and what to do."""
    return JSONResponse(
        {"error": error, "field": field, "hint": hint},
        status,
        {key.replace("_", "-"): value for key, value in headers.items()},
    )


def _limited(receive: Receive) -> Receive:
    taken = 0
    loop = asyncio.get_running_loop()
    until = loop.time() + BODY_SECONDS
    whole = False

    async def limited() -> Message:
        nonlocal taken, whole
        if whole:  # what comes after the body is the news that the client has gone, for which one may wait long
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise TooSlow(f"the body did not arrive within {BODY_SECONDS:g} s", "$") from None
        taken += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if taken > LARGEST_BODY:
            raise too_large()
        return message

    return limited
