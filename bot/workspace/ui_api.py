"""What the page, the demonstrations and the tests talk to: the workspace as one person has it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.errors import FettleError, NotFound, Refused
from bot.workspace.acting import Result
from bot.workspace.feed import Change
from bot.workspace.records import Conversation, Message
from bot.workspace.workspace import Workspace

Json = dict[str, Any]

LONGEST_WAIT = 25.0
MOST_MESSAGES = 500


class BadRequest(FettleError):
    """The page or the client sent something else than agreed; the text names it."""


class Asked:
    """One request's arguments."""

    def __init__(self, args: Json) -> None:
        self.args = args

    def text(self, name: str, *, needed: bool = True) -> str:
        value = self.args.get(name)
        if value is None and needed:
            raise BadRequest(f"“{name}” is missing.")
        if value is not None and not isinstance(value, str):
            raise BadRequest(f"“{name}” is not text.")
        return value or ""

    def structure(self, name: str) -> Json:
        value = self.args.get(name) or {}
        if not isinstance(value, dict):
            raise BadRequest(f"“{name}” is not an object.")
        return value

    def entered(self) -> Json:
        """Block id → action id → choice."""
        value = self.structure("values")
        if not all(isinstance(actions, dict) for actions in value.values()):
            raise BadRequest("“values” is not block id → action id → choice.")
        return value

    @property
    def me(self) -> str:
        return self.text("as")


Handler = Callable[[Asked], Awaitable[Json]]


class UiApi:
    """The routes under ``/ui``. Reading is GET, acting is POST with JSON, which another site cannot send."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def routes(self) -> list[BaseRoute]:
        reading: dict[str, Handler] = {
            "changes": self._changes,
            "home": self._home,
            "messages": self._messages,
            "modal": self._modal,
            "start": self._start,
            "state": self._state,
        }
        acting: dict[str, Handler] = {
            "action": self._action,
            "command": self._command,
            "direct": self._direct,
            "faults": self._faults,
            "faults/clear": self._clear_faults,
            "home": self._open_app,
            "react": self._react,
            "read": self._read,
            "say": self._say,
            "shortcut": self._shortcut,
            "sockets/drop": self._drop_sockets,
            "view/close": self._close,
            "view/submit": self._submit,
        }
        routes: list[BaseRoute] = [
            Route(f"/ui/api/{path}", _endpoint(h), methods=["GET"]) for path, h in reading.items()
        ]
        routes += [Route(f"/ui/api/{path}", _endpoint(h), methods=["POST"]) for path, h in acting.items()]
        return [*routes, WebSocketRoute("/ui/live", self._live)]

    def _person(self, asked: Asked) -> str:
        person = asked.me
        if person not in self._workspace.state.people:
            raise NotFound(f"There is nobody with the id {person} in this workspace.")
        return person

    async def _start(self, _asked: Asked) -> Json:
        """Who there is to act as, people before bots."""
        people = self._workspace.seed.people
        return {"people": [one.id for one in sorted(people, key=lambda one: one.bot)]}

    async def _state(self, asked: Asked) -> Json:
        me = self._person(asked)
        workspace, seed = self._workspace, self._workspace.seed
        app = seed.app
        return {
            "number": workspace.feed.number,
            "now": workspace.clock(),
            "me": me,
            "team": {"id": seed.team_id, "name": seed.team_name},
            "app": {
                "id": app.id,
                "name": app.name,
                "user": app.user,
                "bot_id": app.bot_id,
                "description": app.description,
                "direct": workspace.state.direct(me, app.user, int(workspace.clock())).id,
                "connected": bool(app.request_url) or workspace.delivery.sockets.count > 0,
            },
            "people": [
                {"id": p.id, "name": p.name, "real_name": p.real_name, "title": p.title, "tz": p.tz, "colour": p.colour,
                 "bot": p.bot}
                for p in seed.people
            ],
            "groups": [{"id": group.id, "handle": group.handle, "name": group.name} for group in seed.groups],
            "commands": [
                {"command": c.command, "description": c.description, "usage_hint": c.usage_hint} for c in app.commands
            ],
            "shortcuts": [
                {"callback_id": s.callback_id, "name": s.name, "description": s.description, "on": s.on}
                for s in app.shortcuts
            ],
            "launchers": [
                {"label": one.label, "text": one.text, "description": one.description, "channel": one.channel}
                for one in seed.launchers
            ],
            "conversations": [
                self._described(me, where) for where in workspace.state.conversations.values() if where.visible_to(me)
            ],
        }  # fmt: skip

    def _described(self, me: str, where: Conversation) -> Json:
        read = where.read.get(me, "0")
        unread = [m for m in self._visible(me, where) if m.ts > read and m.owner != me]
        mentions = [m for m in unread if where.kind == "im" or f"<@{me}>" in str(m.body.get("text", ""))]
        return {
            "id": where.id,
            "name": where.name,
            "kind": where.kind,
            "topic": where.topic,
            "purpose": where.purpose,
            "archived": where.archived,
            "member": me in where.members,
            "members": len(where.members),
            "with": next((one for one in where.members if one != me), me) if where.kind == "im" else "",
            "read": read,
            "unread": len(unread),
            "mentions": len(mentions),
        }

    def _visible(self, me: str, where: Conversation, thread: str = "") -> list[Message]:
        """The messages in the main list (or in a thread) as one person sees them, oldest first."""
        messages = self._workspace.state.ordered(where.id)
        if thread:
            return [m for m in messages if thread in (m.ts, m.thread) and m.only_for in ("", me)]
        return [
            m
            for m in messages
            if m.only_for in ("", me) and (not m.thread or m.body.get("subtype") == "thread_broadcast")
        ]

    async def _messages(self, asked: Asked) -> Json:
        me = self._person(asked)
        where = self._workspace.acting.place(me, asked.text("channel"))
        thread = asked.text("thread_ts", needed=False)
        before = asked.text("before", needed=False)
        if asked.text("all", needed=False):
            visible = [m for m in self._workspace.state.ordered(where.id) if m.only_for in ("", me)]
        else:
            visible = self._visible(me, where, thread)
        found = [m for m in visible if not before or m.ts < before]
        status, until = self._workspace.statuses.get((where.id, thread), ("", 0.0))
        return {
            "messages": [self._workspace.posting.seen(message) for message in found[-MOST_MESSAGES:]],
            "more": len(found) > MOST_MESSAGES,
            "status": status if until > self._workspace.clock() else "",
            "channel": where.id,
        }

    async def _changes(self, asked: Asked) -> Json:
        """Waits until something changed after ``since``, for ``wait`` seconds at most."""
        me = self._person(asked)
        try:
            since, wait = int(asked.text("since")), float(asked.text("wait", needed=False) or "0")
        except ValueError as error:
            raise BadRequest("“since” and “wait” are numbers.") from error
        feed = self._workspace.feed
        with feed.watch(me) as queue:
            changes = feed.since(me, since)
            if not changes and wait > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(queue.get(), min(wait, LONGEST_WAIT))
                changes = feed.since(me, since)
        return {"number": feed.number, "changes": [change.body for change in changes]}

    async def _home(self, asked: Asked) -> Json:
        home = self._workspace.state.homes.get(self._person(asked))
        return {"view": self._workspace.modals.shown(home) if home else None}

    async def _modal(self, asked: Asked) -> Json:
        me = self._person(asked)
        top = self._workspace.modals.top(me)
        depth = len(self._workspace.state.stacks.get(me, []))
        return {"view": self._workspace.modals.shown(top) if top else None, "depth": depth}

    async def _open_app(self, asked: Asked) -> Json:
        home = self._workspace.acting.open_app(self._person(asked), asked.text("tab", needed=False) or "home")
        return {"view": self._workspace.modals.shown(home) if home else None}

    async def _say(self, asked: Asked) -> Json:
        extra: Json = {name: asked.args[name] for name in ("blocks", "attachments", "metadata") if name in asked.args}
        message = self._workspace.acting.say(
            self._person(asked), asked.text("channel"), asked.text("text"), asked.text("thread_ts", needed=False), extra
        )
        return {"message": self._workspace.posting.seen(message)}

    async def _command(self, asked: Asked) -> Json:
        return _outcome(
            await self._workspace.acting.command(self._person(asked), asked.text("channel"), asked.text("text"))
        )

    async def _action(self, asked: Asked) -> Json:
        acting, me = self._workspace.acting, self._person(asked)
        ids = (asked.text("block_id"), asked.text("action_id"))
        choice = asked.args.get("choice")
        if view_id := asked.text("view_id", needed=False):
            return _outcome(await acting.press_in_view(me, view_id, ids, choice, asked.entered()))
        return _outcome(await acting.press(me, (asked.text("channel"), asked.text("ts")), ids, choice))

    async def _submit(self, asked: Asked) -> Json:
        result = await self._workspace.acting.submit(self._person(asked), asked.text("view_id"), asked.entered())
        return _outcome(result)

    async def _close(self, asked: Asked) -> Json:
        everything = bool(asked.args.get("everything"))
        result = await self._workspace.acting.dismiss(self._person(asked), asked.text("view_id"), everything=everything)
        return _outcome(result)

    async def _shortcut(self, asked: Asked) -> Json:
        channel = asked.text("channel", needed=False)
        where_ts = (channel, asked.text("ts")) if channel else None
        result = await self._workspace.acting.shortcut(self._person(asked), asked.text("callback_id"), where_ts)
        return _outcome(result)

    async def _react(self, asked: Asked) -> Json:
        add = not asked.args.get("remove")
        where_ts = (asked.text("channel"), asked.text("ts"))
        self._workspace.acting.react(self._person(asked), where_ts, asked.text("name"), add=add)
        return {"ok": True}

    async def _read(self, asked: Asked) -> Json:
        self._workspace.acting.read(self._person(asked), asked.text("channel"), asked.text("ts"))
        return {"ok": True}

    async def _direct(self, asked: Asked) -> Json:
        me, other = self._person(asked), asked.text("with")
        state = self._workspace.state
        if other not in state.people and other != self._workspace.seed.app.user:
            raise NotFound(f"There is nobody with the id {other} in this workspace.")
        return {"channel": state.direct(me, other, int(self._workspace.clock())).id}

    async def _faults(self, asked: Asked) -> Json:
        try:
            self._workspace.fail(
                asked.text("kind"),
                count=int(asked.args.get("count", 1)),
                method=asked.text("method", needed=False),
                retry_after=int(asked.args.get("retry_after", 1)),
                seconds=float(asked.args.get("seconds", 30.0)),
            )
        except (TypeError, ValueError) as error:
            raise BadRequest(f"No such fault: {error}") from error
        return {"ok": True}

    async def _clear_faults(self, _asked: Asked) -> Json:
        self._workspace.faults.clear()
        return {"ok": True}

    async def _drop_sockets(self, asked: Asked) -> Json:
        return {"dropped": await self._workspace.drop_sockets(politely=bool(asked.args.get("politely")))}

    async def _live(self, socket: WebSocket) -> None:
        me = socket.query_params.get("as", "")
        await socket.accept()
        if me not in self._workspace.state.people:
            await socket.close(4004, "nobody with this id")
            return
        feed = self._workspace.feed
        given = socket.query_params.get("since", "")
        since = int(given) if given.isdecimal() else feed.number
        with feed.watch(me) as queue:
            for change in feed.since(me, since):
                queue.put_nowait(change)
            hello = {"kind": "hello", "number": feed.number, "complete": feed.remembers(since)}
            await socket.send_text(json.dumps(hello))
            sending = asyncio.create_task(_forward(socket, queue))
            with suppress(WebSocketDisconnect, RuntimeError):
                while True:
                    await socket.receive_text()
            sending.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await sending


async def _forward(socket: WebSocket, queue: asyncio.Queue[Change]) -> None:
    while True:
        change = await queue.get()
        await socket.send_text(json.dumps({"number": change.number, **change.body}))


def _outcome(result: Result) -> Json:
    return {"ok": result.ok, "error": result.error, "errors": result.errors}


def _endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await handler(Asked(await _arguments(request))))
        except BadRequest as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except NotFound as error:
            return JSONResponse({"error": str(error)}, status_code=404)
        except Refused as error:
            return JSONResponse({"error": str(error)}, status_code=409)

    return answer


async def _arguments(request: Request) -> Json:
    if request.method == "GET":
        return dict(request.query_params)
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise BadRequest("Send application/json.")
    try:
        body = await request.json()
    except ValueError as error:
        raise BadRequest("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise BadRequest("The body is not an object.")
    return body
