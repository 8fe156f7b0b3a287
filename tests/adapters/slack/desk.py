"""A served workspace, a real outbox, and couriers between them, at a time that stands still until it is moved on."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.effects import Rendered
from bot.slack.courier import Courier
from bot.workspace.person import Person
from bot.workspace.workspace import Workspace
from storage.outbox import Kind, Outgoing
from storage.store import Storage

Json = dict[str, Any]
ALERTS, OPS = "C0ALERTS", "C0OPS"
PATIENCE = 10.0


@dataclass
class Time:
    """Stands still until it is moved on."""

    start: datetime = field(default_factory=lambda: datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    passed: float = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)

    def steady(self) -> float:
        return 1_000.0 + self.passed

    def epoch(self) -> float:
        return self.now().timestamp()


class Tapped(AsyncWebClient):
    """The real client, and a list of what was called with it."""

    calls: list[str]

    async def api_call(self, api_method: str, **how: Any) -> AsyncSlackResponse:  # noqa: ANN401  # as the library has it
        self.calls.append(api_method)
        return await super().api_call(api_method, **how)


def client(url: str, token: str = "xoxb-local-fettle") -> Tapped:
    made = Tapped(token=token, base_url=f"{url}/api/", timeout=5, retry_handlers=[])
    made.calls = []
    return made


def section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


@dataclass
class Running:
    """A courier at work."""

    courier: Courier
    task: asyncio.Task[None]

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def kill(self) -> None:
        """As a process ends that is killed: what it has in hand stays as it is."""
        tasks = [self.task, *self.courier._busy.values()]  # noqa: SLF001  # a kill asks nobody
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Desk:
    """``views`` says what each living message shows: content, or something to call for it."""

    workspace: Workspace
    url: str
    storage: Storage
    time: Time
    stack: AsyncExitStack
    views: dict[str, Rendered | Callable[[], Awaitable[Rendered | None]] | None] = field(default_factory=dict)
    client: Tapped = field(init=False)
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    couriers: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = client(self.url)

    def courier(
        self, owner: str = "one", storage: Storage | None = None, steady: Callable[[], float] | None = None
    ) -> Running:
        """Another courier, at work."""
        stored = storage or self.storage
        made = Courier(
            self.client,
            stored.outbox,
            stored.pictures,
            self._render,
            clock=self.time.now,
            steady=steady or self.time.steady,
            owner=owner,
            posted=lambda kind, result: self.counted.update([(kind, result)]),
        )
        running = Running(made, asyncio.create_task(made.run()))
        self.couriers.append(running)
        self.stack.push_async_callback(running.stop)
        return running

    async def _render(self, key: str) -> Rendered | None:
        view = self.views[key]
        return await view() if callable(view) else view

    def shows(self, key: str, text: str, channel: str = ALERTS, under: str = "") -> None:
        """From now on the living message says that."""
        self.views[key] = Rendered(channel, text, [section(text)], under)

    async def put(self, key: str, kind: Kind = "living", **particulars: Any) -> None:  # noqa: ANN401  # as the outbox takes them
        async with self.storage.begin() as session:
            await self.storage.outbox.put(session, key, kind, now=self.time.now(), **particulars)
        self.wake()

    async def reply(
        self, text: str = "an answer", key: str = "reply:1", *, private: bool = True, **origin: str
    ) -> None:
        origin = {"user": "U0JUNIOR", "channel": ALERTS, **origin}
        await self.put(key, "reply", channel=origin["channel"], origin=origin, text=text, private=private, priority=1)

    def wake(self) -> None:
        for one in self.couriers:
            one.courier.wake()

    def move_on(self, seconds: float) -> None:
        self.time.passed += seconds
        self.wake()

    async def row(self, key: str) -> Outgoing:
        found = await self.storage.outbox.get(key)
        assert found is not None, f"nobody asked for {key}"
        return found

    async def until(self, fits: Callable[[], Awaitable[bool]], *, step: float = 0.0) -> None:
        """Wait until something is so, moving time on by ``step`` at every look."""
        async with asyncio.timeout(PATIENCE):
            while not await fits():
                self.move_on(step) if step else None
                await asyncio.sleep(0.01)

    async def settled(self, *, step: float = 0.0) -> None:
        """Wait until nothing waits any more."""

        async def done() -> bool:
            return (await self.storage.outbox.counts()).waiting == 0

        await self.until(done, step=step)

    async def tried(self, key: str, attempts: int = 1) -> None:
        """Wait until a message was tried so often, and its claim was given back."""

        async def done() -> bool:
            row = await self.row(key)
            return row.attempts >= attempts and row.claimed_by is None

        await self.until(done)

    async def rounds(self, number: int = 4) -> None:
        """Let a few rounds pass, in which something could happen that shall not."""
        for _ in range(number):
            self.wake()
            await asyncio.sleep(0.06)

    def calls(self, method: str) -> int:
        return self.client.calls.count(method)

    def seen(self, channel: str = ALERTS) -> list[Mapping[str, Any]]:
        """Everything that stands in a channel, replies and ephemeral messages among it, oldest first."""
        return [message.body for message in self.workspace.state.ordered(channel)]

    def texts(self, channel: str = ALERTS) -> list[str]:
        return [str(one["text"]) for one in self.seen(channel)]

    async def delete(self, key: str) -> None:
        row = await self.row(key)
        await client(self.url).chat_delete(channel=row.posted_channel, ts=row.ts)

    def person(self, name: str = "U0JUNIOR") -> Person:
        one = Person(self.url, name, timeout=5.0)
        self.stack.push_async_callback(one.close)
        return one
