"""An incident: its states, its one table of transitions, and where an alert belongs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.journal import Entry
from bot.domain.signal import Severity, Signal, Status
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
class Alert:
    """An alert inside an incident. ``cleared_at`` is None while it fires; ``times`` counts its firings."""

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
    version: int = 0


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. ``version`` is that of the row it was read from; 0 is not yet saved.

    ``started_at`` is when the first alert began to fire; ``alerts`` counts the alerts that it holds and ``firing``
    those that still fire; ``services`` are those that alert, the first one first; ``joined`` says why alerts were
    joined.
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


class Place(StrEnum):
    """Where an alert belongs."""

    NEW = "opens an incident"
    STORM = "opens the storm's incident"
    JOIN = "joins an incident"
    REFIRE = "fires again in its incident"
    CLEAR = "clears in its incident"
    MUTED = "is muted"
    IGNORE = "clears nothing that is open"


@dataclass(frozen=True, slots=True)
class Placement:
    """The decision for one alert, with its reason."""

    place: Place
    reason: str
    incident: int | None = None


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


@dataclass(frozen=True, slots=True)
class Grouping:
    """How alerts are joined. ``paths`` maps a service to those it calls, directly or not."""

    paths: Mapping[str, frozenset[str]] = field(default_factory=dict)
    window: timedelta = timedelta(minutes=10)
    storm_after: int = 12
    storm_window: timedelta = timedelta(minutes=1)


def place(
    signal: Signal,
    open_incidents: Sequence[Incident],
    holder: int | None,
    mutes: Sequence[Mute],
    grouping: Grouping,
    now: datetime,
) -> Placement:
    """Where an alert belongs, and why. ``holder`` is the open incident that already holds its fingerprint.

    In this order: the incident that holds the same fingerprint; a mute; an incident of the same service, or along one
    dependency path, touched within the window; the storm's incident when too many were opened just now; a new one.
    """
    if holder is not None:
        return Placement(Place.CLEAR if signal.status is Status.RESOLVED else Place.REFIRE, "the same alert", holder)
    if signal.status is Status.RESOLVED:
        return Placement(Place.IGNORE, "no open incident holds this alert")
    for mute in mutes:
        if mute.covers(signal, now):
            return Placement(Place.MUTED, f"muted by {mute.by} until {mute.until.isoformat()}: {mute.why}")
    recent = [one for one in open_incidents if now - one.touched_at <= grouping.window and not one.storm]
    for incident in recent:
        if signal.service and signal.service in incident.services:
            return Placement(Place.JOIN, f"same service {signal.service}", incident.id)
    for incident in recent:
        for other in incident.services:
            if other in grouping.paths.get(signal.service, frozenset()):
                return Placement(Place.JOIN, f"{signal.service} calls {other}", incident.id)
            if signal.service in grouping.paths.get(other, frozenset()):
                return Placement(Place.JOIN, f"{other} calls {signal.service}", incident.id)
    just_now = [one for one in open_incidents if now - one.opened_at <= grouping.storm_window]
    storm = next((one for one in recent_storms(open_incidents, grouping, now)), None)
    if storm is not None:
        return Placement(Place.JOIN, "an alert storm is on", storm.id)
    if len(just_now) >= grouping.storm_after:
        return Placement(Place.STORM, f"{len(just_now)} incidents were opened within a minute")
    return Placement(Place.NEW, "no open incident of this service or along its dependencies")


def recent_storms(incidents: Sequence[Incident], grouping: Grouping, now: datetime) -> list[Incident]:
    """The storm incidents that were touched within the window."""
    return [one for one in incidents if one.storm and now - one.touched_at <= grouping.window]


def opened(
    signal: Signal, incident_id: int, channel: str, placement: Placement, now: datetime
) -> tuple[Incident, Alert, Entry]:
    """The incident that this alert opens."""
    storm = placement.place is Place.STORM
    incident = Incident(
        id=incident_id,
        version=0,
        state=IncidentState.OPEN,
        title="Alert storm" if storm else signal.summary or signal.name,
        service="" if storm else signal.service,
        severity=signal.severity,
        opened_at=now,
        started_at=signal.started_at,
        touched_at=now,
        channel=channel,
        services=(signal.service,) if signal.service else (),
        environment=signal.environment,
        storm=storm,
    )
    entry = Entry(incident.thing, "open", "fettle", "", IncidentState.OPEN, placement.reason, incident_id)
    return incident, _alert(signal, incident_id, ""), entry


def absorb(
    incident: Incident, alert: Alert | None, signal: Signal, placement: Placement, now: datetime
) -> tuple[Incident, Alert, Entry]:
    """The incident and its alert after the signal joined it, fired again in it, or cleared in it.

    ``alert`` is what the incident holds under the signal's fingerprint, None when it joins.
    """
    joined, services = incident.joined, incident.services
    if alert is None:
        after, verb, firing = _alert(signal, incident.id, placement.reason), "join", 1
        if len(joined) < MOST_REASONS:
            joined = tuple(dict.fromkeys([*joined, placement.reason]))
        if signal.service and len(services) < MOST_SERVICES:
            services = tuple(dict.fromkeys([*services, signal.service]))
    elif signal.status is Status.RESOLVED:
        after, verb = replace(alert, cleared_at=alert.cleared_at or signal.at), "clear"
        firing = 0 if alert.cleared_at else -1
    else:
        after, verb = replace(alert, cleared_at=None, times=alert.times + 1), "refire"
        firing = 1 if alert.cleared_at else 0
    worse = min((incident.severity, signal.severity), key=lambda one: one.rank)
    moved = replace(
        incident,
        alerts=incident.alerts + (alert is None),
        firing=incident.firing + firing,
        joined=joined,
        services=services,
        severity=incident.severity if signal.status is Status.RESOLVED else worse,
        touched_at=now,
    )
    detail = {"alert": signal.name, "signal": signal.id}
    return moved, after, Entry(incident.thing, verb, "fettle", "", "", placement.reason, incident.id, detail)


MOST_REASONS = 5
MOST_SERVICES = 50


def _alert(signal: Signal, incident: int, why: str) -> Alert:
    return Alert(
        incident=incident,
        fingerprint=signal.fingerprint,
        name=signal.name,
        service=signal.service,
        severity=signal.severity,
        summary=signal.summary,
        since=signal.started_at,
        cleared_at=signal.at if signal.status is Status.RESOLVED else None,
        why=why,
        url=signal.url,
    )
