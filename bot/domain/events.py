"""Everything that happens to Fettle. An event's id is the delivery's own, so a second delivery is the same event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.run import RunResult


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in Slack a person said something, so that the answer goes there.

    ``thread`` and ``message`` are time stamps of Slack's. ``view`` is the modal that was opened at the press and waits
    for its content.
    """

    channel: str = ""
    thread: str = ""
    message: str = ""
    response_url: str = ""
    view: str = ""
    view_hash: str = ""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. ``actor`` is a person's id or ``fettle``; ``request_id`` follows it everywhere."""

    id: str
    at: datetime
    actor: str = "fettle"
    request_id: str = ""


@dataclass(frozen=True, kw_only=True)
class SignalsArrived(Event):
    """Signals were taken in and wait for their place."""


@dataclass(frozen=True, kw_only=True)
class CommandGiven(Event):
    """A person typed a command or mentioned Fettle. ``name`` is empty for a bare one; ``incident`` is the thread's."""

    name: str
    text: str
    origin: Origin
    incident: int | None = None


@dataclass(frozen=True, kw_only=True)
class Pressed(Event):
    """A person pressed a button or chose from a menu. ``value`` is an id, never the payload."""

    action: str
    value: str
    origin: Origin
    incident: int | None = None


@dataclass(frozen=True, kw_only=True)
class Submitted(Event):
    """A person sent a modal. ``about`` is what the modal was opened for; ``values`` by block id."""

    callback: str
    about: str
    values: Mapping[str, str]
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class HomeOpened(Event):
    """A person opened the home tab."""


@dataclass(frozen=True, kw_only=True)
class Ticked(Event):
    """A schedule's time has come."""

    schedule: str


@dataclass(frozen=True, kw_only=True)
class OfIncident(Event):
    """Something that happened to an incident."""

    incident: int


@dataclass(frozen=True, kw_only=True)
class IncidentOpened(OfIncident):
    """An alert opened an incident."""


@dataclass(frozen=True, kw_only=True)
class CauseWanted(OfIncident):
    """The cause shall be searched for (again)."""

    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, kw_only=True)
class GuideWanted(OfIncident):
    """A person wants to be walked through the fix."""

    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, kw_only=True)
class AlertsCleared(OfIncident):
    """No alert of the incident fires any more. ``quiet``: and it stayed so for a while."""

    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class EscalationDue(OfIncident):
    """Nobody acknowledged in time."""


@dataclass(frozen=True, kw_only=True)
class IncidentClosed(OfIncident):
    """An incident was resolved or called a false alarm."""


@dataclass(frozen=True, kw_only=True)
class StepStarted(OfIncident):
    """A read-only step was claimed by a person and shall be run."""

    guide_run: str
    step: int


@dataclass(frozen=True, kw_only=True)
class SimulationWanted(OfIncident):
    """A changing step shall be tried dry."""

    guide_run: str
    step: int


@dataclass(frozen=True, kw_only=True)
class OfChange(OfIncident):
    """Something that happened to a change."""

    change: str


@dataclass(frozen=True, kw_only=True)
class CauseFound(Event):
    """A cause search named a likely cause."""

    incident: int


@dataclass(frozen=True, kw_only=True)
class ApprovalWanted(OfChange):
    """A person asks for the approval of a change."""

    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, kw_only=True)
class ApprovalGranted(OfChange):
    """Enough people approved: the change may start, once."""

    approval: str


@dataclass(frozen=True, kw_only=True)
class ApprovalRefused(OfChange):
    """A change was rejected, withdrawn, or its approval expired."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class ApprovalExpires(OfChange):
    """An approval's time is over."""

    approval: str


@dataclass(frozen=True, kw_only=True)
class RunEnded(OfChange):
    """A runner has finished with a change, or with its way back. ``seen`` is False when nobody saw it end."""

    back: bool
    seen: bool
    result: RunResult


@dataclass(frozen=True, kw_only=True)
class VerifyDue(OfChange):
    """The waiting time after a change is over: judge whether it helped. ``check`` counts the looks, from 1."""

    check: int = 1


@dataclass(frozen=True, kw_only=True)
class AutomationStopped(Event):
    """Somebody stopped all automation."""


def every_event() -> dict[str, type[Event]]:
    """Every kind of event by its name, for reading stored ones."""
    found: dict[str, type[Event]] = {}
    todo: list[type[Event]] = [Event]
    while todo:
        one = todo.pop()
        found[one.__name__] = one
        todo.extend(one.__subclasses__())
    return found
