"""An incident: its states, its one table of transitions, its alerts, and what people may mute."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from bot.domain.hold import Hold, HoldKind
from bot.domain.journal import Entry
from bot.domain.signal import Severity, Signal
from bot.errors import IllegalTransition, NotFound


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    FIXING = "fixing"
    RESOLVED = "resolved"
    FALSE_ALARM = "false alarm"

    @property
    def closed(self) -> bool:
        """Nobody has to do anything any more."""
        return self in (IncidentState.RESOLVED, IncidentState.FALSE_ALARM)


class Move(StrEnum):
    """What can be done to an incident."""

    ACKNOWLEDGE = "acknowledge"
    START_FIX = "start the guided fix"
    RESOLVE = "resolve"
    DISMISS = "call it a false alarm"
    REOPEN = "reopen"


HELD = 0  # instead of an incident's number, for alerts that are held back

S = IncidentState
TRANSITIONS: Mapping[tuple[IncidentState, Move], IncidentState] = {
    (S.OPEN, Move.ACKNOWLEDGE): S.ACKNOWLEDGED,
    (S.OPEN, Move.START_FIX): S.FIXING,
    (S.ACKNOWLEDGED, Move.START_FIX): S.FIXING,
    (S.FIXING, Move.START_FIX): S.FIXING,
    (S.FIXING, Move.ACKNOWLEDGE): S.FIXING,
    (S.OPEN, Move.RESOLVE): S.RESOLVED,
    (S.ACKNOWLEDGED, Move.RESOLVE): S.RESOLVED,
    (S.FIXING, Move.RESOLVE): S.RESOLVED,
    (S.OPEN, Move.DISMISS): S.FALSE_ALARM,
    (S.ACKNOWLEDGED, Move.DISMISS): S.FALSE_ALARM,
    (S.RESOLVED, Move.DISMISS): S.FALSE_ALARM,
    (S.RESOLVED, Move.REOPEN): S.OPEN,
    (S.FALSE_ALARM, Move.REOPEN): S.OPEN,
}


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An alert's signal that opens nothing for a while, and why. It finds its place when that is over."""

    hold: Hold
    signal: Signal


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert inside an incident. ``cleared_at`` is None while it fires; ``times`` counts its firings.

    ``fired`` are the last times at which it began to fire, also in incidents before this one. ``labels`` are those that
    inhibition rules look at. Of an alert that is held back ``incident`` is ``HELD`` and ``held`` is set.
    """

    incident: int
    fingerprint: str
    name: str
    service: str
    severity: Severity
    summary: str
    since: datetime
    cleared_at: datetime | None = None
    times: int = 1
    why: str = ""
    url: str = ""
    description: str = ""
    fired: tuple[datetime, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    held: HeldBack | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. ``version`` is that of the row it was read from; 0 is not yet saved.

    ``started_at`` is when the first alert began to fire; ``alerts`` counts the alerts that it holds and ``firing``
    those that still fire; ``services`` are those that alert, the first one first; ``joined`` says why alerts were
    joined; ``flapping`` says of each alert that flaps, by its fingerprint, how.
    """

    id: int
    version: int
    state: IncidentState
    title: str
    service: str
    severity: Severity
    opened_at: datetime
    started_at: datetime
    touched_at: datetime
    channel: str
    services: tuple[str, ...]
    alerts: int = 1
    firing: int = 1
    joined: tuple[str, ...] = ()
    flapping: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""
    assignee: str = ""
    acknowledged_at: datetime | None = None
    escalates_at: datetime | None = None
    escalated: int = 0
    closed_at: datetime | None = None
    closed_by: str = ""
    resolution: str = ""
    fixed_by: str = ""
    muted_until: datetime | None = None
    muted_by: str = ""
    storm: bool = False

    @property
    def name(self) -> str:
        """What people call it: ``INC-214``."""
        return f"INC-{self.id}"

    @property
    def thing(self) -> str:
        """Its name in the journal: ``incident:214``."""
        return f"incident:{self.id}"


def number(text: str) -> int:
    """The incident's number in ``214``, ``INC-214`` or ``inc 214``. Raises ``NotFound`` where there is none."""
    found = re.fullmatch(r"(?:inc[- ]?)?#?(\d{1,9})", text.strip(), re.IGNORECASE)
    if found is None:
        raise NotFound(f"“{text[:40]}” is no incident's number. `incidents` lists what is open.")
    return int(found[1])


def advance(
    incident: Incident, move: Move, *, by: str, now: datetime, reason: str = "", fixed_by: str = ""
) -> tuple[Incident, Entry]:
    """Move an incident on, by the table.

    Raises ``IllegalTransition`` in words for a person when the table has no such move.
    """
    after = TRANSITIONS.get((incident.state, move))
    if after is None:
        raise IllegalTransition(_why_not(incident, move))
    entry = Entry(incident.thing, move.name.lower(), by, incident.state, after, reason, incident.id)
    moved = replace(incident, state=after, touched_at=now)
    match move:
        case Move.ACKNOWLEDGE | Move.START_FIX:
            moved = replace(
                moved,
                assignee=incident.assignee or by,
                acknowledged_at=incident.acknowledged_at or now,
                escalates_at=None,
            )
        case Move.RESOLVE | Move.DISMISS:
            moved = replace(moved, closed_at=now, closed_by=by, resolution=reason, fixed_by=fixed_by, escalates_at=None)
        case Move.REOPEN:
            moved = replace(moved, closed_at=None, closed_by="", resolution="", fixed_by="")
    return moved, entry


def _why_not(incident: Incident, move: Move) -> str:
    if incident.state.closed:
        return f"{incident.name} is already closed ({incident.state}), so nobody can {move} now."
    if move is Move.ACKNOWLEDGE and incident.assignee:
        return f"<@{incident.assignee}> already has {incident.name}."
    if move is Move.DISMISS:
        return f"{incident.name} is being fixed; it can be called a false alarm only before a fix was started or after."
    return f"{incident.name} is {incident.state}, so nobody can {move} now."


@dataclass(frozen=True, slots=True)
class Mute:
    """Somebody's word that a service's alerts (or one alert's) shall not open incidents for a while."""

    id: str
    service: str
    alert: str
    until: datetime
    by: str
    why: str
    version: int = 0

    def covers(self, signal: Signal, now: datetime) -> bool:
        """Whether it holds for this alert now. An empty ``alert`` means all of the service's."""
        return now < self.until and self.service == signal.service and self.alert in ("", signal.name)

    def hold(self) -> Hold:
        """Why it holds an alert back."""
        why = f": {self.why}" if self.why else ""
        reason = f"muted by <@{self.by}> until {self.until:%d %b %H:%M} UTC{why}"
        return Hold(HoldKind.MUTE, self.id, reason, self.until)
