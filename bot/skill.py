"""The contract between Fettle and a skill: on one page, as data.

A skill is a folder in ``skills/`` whose ``skill.py`` has a ``SKILL`` value. A handler takes an event and a frozen
``Context`` and returns an ``Outcome``; it only reads, so it may be called again for the same event.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.domain.action import Action as CatalogueAction
from bot.domain.catalogue import Catalogue
from bot.domain.effects import Rendered, Reply
from bot.domain.events import Event
from bot.domain.guide import Guide
from bot.domain.house import House
from bot.domain.model import LanguageModel
from bot.domain.outcome import Outcome
from bot.domain.past import PastIncident
from bot.domain.policy import Actor, May
from bot.domain.ports import (
    Cluster,
    Demo,
    Deploys,
    Knowledge,
    Logs,
    Looker,
    Metrics,
    People,
    Pictures,
    Runner,
    State,
    Traces,
)
from bot.domain.prompt import Prompt

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Ports:
    """Everything that a skill can need. A port that a skill did not declare refuses to be used."""

    state: State
    people: People
    metrics: Metrics
    knowledge: Knowledge
    pictures: Pictures
    runners: Mapping[str, Runner]
    lookers: Mapping[str, Looker]
    catalogue: Catalogue
    actions: Mapping[str, CatalogueAction]
    guides: Sequence[Guide]
    past: Sequence[PastIncident] = ()
    demo: Demo | None = None
    logs: Logs | None = None
    traces: Traces | None = None
    cluster: Cluster | None = None
    deploys: Sequence[Deploys] = ()
    model: LanguageModel | None = None
    prompts: Mapping[str, Prompt] = field(default_factory=dict)


@dataclass(frozen=True)
class Context(Ports):
    """What a handler may use: who and when, the ports that its skill declared, fresh ids, and a way to show progress.

    ``now`` is when the handler was called; ``clock`` tells the time while it works. ``new_id`` gives the same ids in
    the same order when the same event is handled again. ``progress`` shows something while the handler still works: it
    notes the data under a living message's key and brings that message up to date.
    """

    actor: Actor = field(default_factory=lambda: Actor("fettle", "Fettle"))
    now: datetime = EPOCH
    clock: Callable[[], datetime] = lambda: EPOCH
    request_id: str = ""
    house: House = field(default_factory=lambda: House("", ""))
    commands: "Sequence[Command]" = ()
    new_id: Callable[[], str] = str
    progress: Callable[[str, Mapping[str, object]], Awaitable[None]] = lambda _key, _data: _nothing()


async def _nothing() -> None:
    return None


NOTHING = Outcome()


def say(text: str, blocks: Sequence[Mapping[str, Any]] = (), *, private: bool | None = None) -> Outcome:
    """Only an answer to whoever asked; see ``Reply`` for who sees it."""
    return Outcome(effects=(Reply(text, blocks, private),))


Handler = Callable[[Any, Context], Awaitable[Outcome]]
Renderer = Callable[[str, Context], Awaitable[Rendered | None]]


@dataclass(frozen=True, slots=True)
class Command:
    """``/fettle <name> …`` and the same as a mention. Its handler takes ``CommandGiven``."""

    name: str
    handler: Handler
    usage: str
    summary: str
    may: May = May.LOOK


@dataclass(frozen=True, slots=True)
class Action:
    """A button, menu or message shortcut. Its handler takes ``Pressed``.

    With ``modal``, a loading modal is opened at once and the outcome's ``Modal`` effect fills it.
    """

    name: str
    handler: Handler
    may: May = May.RESPOND
    modal: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A modal that a person sends. Its handler takes ``Submitted``."""

    callback: str
    handler: Handler
    may: May = May.RESPOND


@dataclass(frozen=True, slots=True)
class On:
    """What the skill does when that happens."""

    event: type[Event]
    handler: Handler


@dataclass(frozen=True, slots=True)
class Every:
    """A calendar: a crontab line in the house's time zone. Its handler takes ``Ticked``."""

    name: str
    crontab: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Surface:
    """A kind of living message: renders the message with a key of this name from the newest state."""

    name: str
    render: Renderer


@dataclass(frozen=True, slots=True)
class Skill:
    """One skill. ``needs`` names the ports that it uses besides state, people and the catalogue."""

    name: str
    summary: str
    commands: tuple[Command, ...] = ()
    actions: tuple[Action, ...] = ()
    forms: tuple[Form, ...] = ()
    events: tuple[On, ...] = ()
    schedules: tuple[Every, ...] = ()
    surfaces: tuple[Surface, ...] = ()
    needs: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
