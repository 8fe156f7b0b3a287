"""Keeps the workspace to this machine: other hosts, other sites in the browser and embedded pages are refused."""

import ipaddress
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_READING = ("GET", "HEAD", "OPTIONS")
_POLICY_VIOLATION = 1008


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refusal(scope: Scope) -> str:
    """Why a request is not answered; empty when it is.

    The Host header stops names that were pointed at this machine (DNS rebinding), the Origin header and
    ``Sec-Fetch-Site`` stop other sites that drive the browser of somebody who is here.
    """
    client = scope.get("client")
    if client is not None and not is_loopback(client[0]):
        return "The local workspace answers this machine only."
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not _HOST.fullmatch(host):
        return "The local workspace is reached as 127.0.0.1 or localhost."
    if scope["type"] == "http" and scope["method"] in _READING:
        return ""
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return "Another site may not use the local workspace."
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return "Another site may not use the local workspace."
    return ""


def _policy(host: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            f"connect-src 'self' ws://{host}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


class Guard:
    """ASGI middleware around the whole workspace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if reason := refusal(scope):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": reason})
            else:
                await PlainTextResponse(f"{reason}\n", status_code=403)(scope, receive, send)
            return
        host = Headers(scope=scope)["host"]

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _policy(host)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["X-Frame-Options"] = "DENY"
            await send(message)

        await self._app(scope, receive, send_guarded)
