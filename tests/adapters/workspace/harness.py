"""A served workspace, a way to connect real Bolt apps to it, and everything that they got."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace.person import Person
from bot.workspace.workspace import Workspace

Json = dict[str, Any]


@dataclass
class Harness:
    """A served workspace, a way to connect Bolt apps to it, and everything that they got."""

    workspace: Workspace
    url: str
    stack: AsyncExitStack
    got: list[tuple[str, Json]] = field(default_factory=list)

    def person(self, person_id: str = "U0JUNIOR", timeout: float = 5.0) -> Person:
        person = Person(self.url, person_id, timeout=timeout)
        self.stack.push_async_callback(person.close)
        return person

    def client(self, token: str = "xoxb-local-fettle") -> AsyncWebClient:
        return AsyncWebClient(token=token, base_url=f"{self.url}/api/")

    async def connect(self, build: Callable[[AsyncApp], object]) -> AsyncSocketModeHandler:
        """A real Bolt app with the listeners that ``build`` adds, connected over Socket Mode."""
        app = AsyncApp(client=self.client(), signing_secret=self.workspace.seed.app.signing_secret)

        @app.use
        async def note(body: Json, next: Callable[[], Any]) -> None:  # noqa: A002 - Bolt passes arguments by name
            self.got.append((str(body.get("type", "command")), body))
            await next()

        build(app)
        handler = AsyncSocketModeHandler(app, self.workspace.seed.app.app_token, ping_interval=0.2)
        before = self.workspace.delivery.sockets.count
        await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
        self.stack.push_async_callback(handler.client.close)
        async with asyncio.timeout(5):
            while self.workspace.delivery.sockets.count <= before:
                await asyncio.sleep(0.005)
        return handler

    async def until(self, fits: Callable[[], bool], seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not fits():
                await asyncio.sleep(0.005)

    def events(self, kind: str) -> list[Json]:
        return [b["event"] for name, b in self.got if name == "event_callback" and b["event"]["type"] == kind]

    async def raw(self, method: str, token: str | None = "xoxb-local-fettle", **body: Any) -> tuple[int, Json]:  # noqa: ANN401
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/api/{method}", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json()
