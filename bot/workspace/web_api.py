"""What the app talks to: the Web API, Socket Mode, uploads and response addresses."""

import asyncio
import contextlib
import hmac
import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bot.workspace.faults import Fault, FaultKind
from bot.workspace.methods.catalogue import METHODS
from bot.workspace.methods.contract import Call, Method
from bot.workspace.methods.files import LARGEST
from bot.workspace.refusal import SlackRefusal
from bot.workspace.seed import Seed, SeedPerson
from bot.workspace.sockets import Connection, ConnectionGone
from bot.workspace.workspace import Workspace

Json = dict[str, Any]

SCOPES = (
    "app_mentions:read,assistant:write,channels:history,channels:join,channels:manage,channels:read,chat:write,"
    "chat:write.customize,commands,files:read,files:write,groups:history,groups:read,groups:write,im:history,im:read,"
    "im:write,pins:write,reactions:read,reactions:write,usergroups:read,users:read,users:read.email"
)
OTHER_BOTS_MAY = ("chat.delete", "chat.postMessage", "chat.update")
_INLINE = ("image/png", "image/jpeg", "image/gif", "image/webp")
_INVALID_TICKET = 4001


class WebApi:
    """The routes that Slack's own clients use."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/{method:str}", self._call, methods=["GET", "POST"]),
            Route("/upload/v1/{file_id:str}/{secret:str}", self._upload, methods=["POST"]),
            Route("/files/{file_id:str}/{name:str}", self._file, methods=["GET"]),
            Route("/hooks/{team:str}/{key:str}", self._hook, methods=["POST"]),
            WebSocketRoute("/socket", self._socket),
        ]

    async def _call(self, request: Request) -> Response:
        headers = {"x-oauth-scopes": SCOPES}
        try:
            body = await self._answer(request, request.path_params["method"])
        except SlackRefusal as refusal:
            if refusal.retry_after is not None:
                headers["Retry-After"] = str(refusal.retry_after)
            return JSONResponse(refusal.body(), status_code=refusal.status, headers=headers)
        return JSONResponse(body, headers=headers)

    async def _answer(self, request: Request, name: str) -> Json:
        method = METHODS.get(name)
        if method is None:
            raise SlackRefusal("unknown_method")
        args = await _arguments(request)
        caller = _authorize(request, args, name, method, self._workspace.seed)
        fault = self._workspace.faults.for_call(name)
        if fault is not None:
            await _spoil(fault)
        counted = f"{caller.id}:{name}" if caller else name
        if wait := self._workspace.throttle.wait_for_call(counted, method.tier, self._workspace.clock()):
            raise SlackRefusal("ratelimited", status=429, retry_after=wait)
        body = method.answer(Call(self._workspace, args, caller))
        if fault is not None:
            raise _broken()
        return body

    async def _hook(self, request: Request) -> Response:
        try:
            body = await request.json()
        except ValueError:
            return PlainTextResponse("invalid_payload", status_code=400)
        try:
            self._workspace.responses.use(request.path_params["key"], body if isinstance(body, dict) else {})
        except SlackRefusal as refusal:
            return JSONResponse(refusal.body(), status_code=refusal.status)
        return PlainTextResponse("ok")

    async def _upload(self, request: Request) -> Response:
        upload = self._workspace.state.uploads.get(request.path_params["file_id"])
        if upload is None or upload.content is not None:
            return PlainTextResponse("no such upload", status_code=404)
        if int(request.headers.get("content-length", "0")) > LARGEST + 10_000:
            return PlainTextResponse("too large", status_code=413)
        content = await request.body()
        content_type = request.headers.get("content-type", "")
        if content_type.startswith("multipart/form-data"):
            content = _first_part(content_type, content)
        if len(content) != upload.length:
            text = f"{len(content)} bytes arrived, {upload.length} were announced"
            return PlainTextResponse(text, status_code=400)
        upload.content = content
        self._workspace.state.keep(upload)
        return PlainTextResponse(f"OK - {len(content)}")

    async def _file(self, request: Request) -> Response:
        upload = self._workspace.state.uploads.get(request.path_params["file_id"])
        if upload is None or upload.content is None:
            return PlainTextResponse("no such file", status_code=404)
        # Whatever a picture is not, the browser saves and never shows: a file may hold script.
        headers = {"Cache-Control": "private, max-age=3600"}
        if upload.mimetype in _INLINE:
            return Response(upload.content, media_type=upload.mimetype, headers=headers)
        headers["Content-Disposition"] = "attachment"
        return Response(upload.content, media_type="application/octet-stream", headers=headers)

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        if not self._workspace.redeem(socket.query_params.get("ticket", "")):
            await socket.close(_INVALID_TICKET, "the ticket is used or too old: ask apps.connections.open for another")
            return
        sockets = self._workspace.delivery.sockets

        async def send(body: Json) -> None:
            try:
                await socket.send_text(json.dumps(body))
            except (WebSocketDisconnect, RuntimeError) as error:
                raise ConnectionGone from error

        async def close() -> None:
            if socket.application_state is WebSocketState.CONNECTED:
                with contextlib.suppress(WebSocketDisconnect):  # whoever was killed says no farewell
                    await socket.close()

        connection = Connection(send, close)
        await sockets.join(connection)
        try:
            while True:
                body = json.loads(await socket.receive_text())
                if isinstance(body, dict) and "envelope_id" in body:
                    payload = body.get("payload")
                    sockets.acknowledge(str(body["envelope_id"]), payload if isinstance(payload, dict) else None)
        except (WebSocketDisconnect, RuntimeError, ValueError):
            pass
        finally:
            sockets.leave(connection)
            await close()


async def _spoil(fault: Fault) -> None:
    """Lets a call go wrong before it is carried out; a fault that comes afterwards only returns."""
    if fault.kind is FaultKind.RATELIMITED:
        raise SlackRefusal("ratelimited", status=429, retry_after=fault.retry_after)
    if fault.kind is FaultKind.HANG:
        await asyncio.sleep(fault.seconds)
    if fault.kind is not FaultKind.APPLY_THEN_ERROR:
        raise _broken()


def _broken() -> SlackRefusal:
    return SlackRefusal("internal_error", status=500)


async def _arguments(request: Request) -> Json:
    """The query, with the body over it: JSON, a form, or a multipart form without files."""
    args: Json = dict(request.query_params)
    content = await request.body()
    if not content:
        return args
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("application/json"):
        try:
            body = json.loads(content)
        except ValueError as error:
            raise SlackRefusal("invalid_json") from error
        if not isinstance(body, dict):
            raise SlackRefusal("json_not_object")
        return args | body
    if content_type.startswith("multipart/form-data"):
        return args | {name: value.decode() for name, value in _parts(content_type, content)}
    return args | dict(parse_qsl(content.decode(errors="replace"), keep_blank_values=True))


def _parts(content_type: str, content: bytes) -> list[tuple[str, bytes]]:
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + content)
    parts = []
    for part in message.iter_parts():
        payload = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        parts.append((str(name), payload if isinstance(payload, bytes) else b""))
    return parts


def _first_part(content_type: str, content: bytes) -> bytes:
    parts = _parts(content_type, content)
    return parts[0][1] if parts else b""


def _authorize(request: Request, args: Json, name: str, method: Method, seed: Seed) -> SeedPerson | None:
    """Who calls: another bot by its own token, None for the app."""
    app, header = seed.app, request.headers.get("authorization", "")
    token = header[7:].strip() if header[:7].lower() == "bearer " else str(args.get("token") or "")
    if method.token == "none":  # noqa: S105 - the kind of token, not one
        return None
    if not token:
        raise SlackRefusal("not_authed")
    bots = [one for one in seed.people if one.bot and hmac.compare_digest(one.token.encode(), token.encode())]
    if bots:
        if name not in OTHER_BOTS_MAY:
            raise SlackRefusal("missing_scope")
        return bots[0]
    kinds = {"bot": app.bot_token, "app": app.app_token}
    given = [kind for kind, known in kinds.items() if hmac.compare_digest(known.encode(), token.encode())]
    if not given:
        raise SlackRefusal("invalid_auth")
    if method.token not in given:
        raise SlackRefusal("not_allowed_token_type")
    return None
