"""The way in: real listeners behind a real connection to the served workspace, and everything that came through."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from slack_bolt.async_app import AsyncApp

from bot.domain.events import Event
from bot.domain.outcome import Outcome
from bot.registry import Registry
from bot.skill import Action, Command, Context, Skill
from bot.slack.connection import bolt_app
from bot.slack.listeners import Listeners
from bot.workspace.seed import SeedApp
from tests.adapters.slack.desk import Desk

E = TypeVar("E", bound=Event)
APP = SeedApp()


async def nothing(_event: Event, _context: Context) -> Outcome:
    return Outcome()


SKILL = Skill(
    name="small",
    summary="What listeners ask about",
    commands=(
        Command("", nothing, "", "says what there is"),
        Command("ask", nothing, "ask <question>", "answers"),
        Command("show", nothing, "show <incident>", "shows"),
        Command("incidents", nothing, "incidents", "lists"),
    ),
    actions=(Action("incident:ack", nothing), Action("incident:evidence", nothing, modal=True)),
)


@dataclass
class Road:
    """Takes events in. While ``closed`` it makes them wait; what is in ``broken`` is raised instead."""

    taken: list[Event] = field(default_factory=list)
    broken: Exception | None = None
    closed: asyncio.Event | None = None
    asked: int = 0

    async def submit(self, event: Event) -> None:
        self.asked += 1
        if self.closed is not None:
            await self.closed.wait()
        if self.broken is not None:
            raise self.broken
        self.taken.append(event)


def app(desk: Desk, road: Any) -> AsyncApp:  # noqa: ANN401  # whatever takes events in
    """A Bolt app with the product's listeners."""
    made = bolt_app(desk.client, APP.signing_secret)
    registry = Registry([SKILL], ())
    Listeners(road, registry, desk.storage.outbox.key_at, desk.client, "/fettle", desk.time.now).install(made)
    return made


@dataclass
class Front:
    """A workspace with Fettle's listeners connected to it."""

    desk: Desk
    road: Road

    async def came(self, kind: type[E], fits: Callable[[E], bool] = lambda _: True) -> E:
        """The first event of that kind, once it is there."""

        def found() -> list[E]:
            return [one for one in self.road.taken if isinstance(one, kind) and fits(one)]

        async def there() -> bool:
            return bool(found())

        await self.desk.until(there)
        return found()[0]
