"""Where an alert belongs: with its like, along a dependency path, in a storm, back where it was, or nowhere for now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.hold import Hold, HoldKind
from bot.domain.incident import HELD, Alert, HeldBack, Incident, IncidentState
from bot.domain.journal import Entry
from bot.domain.signal import Signal, Status
from bot.domain.wording import duration


class Place(StrEnum):
    """Where an alert belongs."""

    NEW = "opens an incident"
    STORM = "opens the storm's incident"
    JOIN = "joins an incident"
    REFIRE = "fires again in its incident"
    REOPEN = "opens its incident again"
    CLEAR = "clears in its incident"
    MUTED = "is muted"
    MAINTENANCE = "falls into maintenance"
    INHIBITED = "is inhibited"
    IGNORE = "clears nothing that is open"


@dataclass(frozen=True, slots=True)
class Placement:
    """The decision for one alert, with its reason."""

    place: Place
    reason: str
    incident: int | None = None


@dataclass(frozen=True, slots=True)
class Flapping:
    """When an alert counts as flapping, and how long it then has to be quiet before its incident resolves by itself.

    ``times`` is how often it fired and cleared ``within`` that time.
    """

    times: int = 3
    within: timedelta = timedelta(hours=1)
    quiet: timedelta = timedelta(minutes=30)

    def recent(self, fired: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
        """Those beginnings that count now, oldest first."""
        return tuple(sorted(at for at in fired if now - at <= self.within))[-MOST_FIRINGS:]

    def said(self, alert: Alert, now: datetime) -> str:
        """How the alert flaps, in words; empty when it does not."""
        fired = self.recent(alert.fired, now)
        if len(fired) - (alert.cleared_at is None) < self.times:
            return ""
        return f"{alert.name} fired {len(fired)} times in {duration((now - fired[0]).total_seconds())}"


@dataclass(frozen=True, slots=True)
class Grouping:
    """How alerts are joined. ``paths`` maps a service to those it calls, directly or not."""

    paths: Mapping[str, frozenset[str]] = field(default_factory=dict)
    window: timedelta = timedelta(minutes=10)
    storm_after: int = 12
    storm_window: timedelta = timedelta(minutes=1)
    flapping: Flapping = Flapping()

    def relation(self, one: str, other: str) -> str:
        """How two services hang together, in words; empty when neither calls the other."""
        for caller, called in ((one, other), (other, one)):
            if called in self.paths.get(caller, frozenset()):
                between = [name for name in self.paths[caller] if called in self.paths.get(name, frozenset())]
                through = f" by way of {min(between)}" if between else ""
                return f"{caller} calls {called}{through}"
        return ""


MOST_REASONS = 5
MOST_SERVICES = 50
MOST_FIRINGS = 100
HOLDS: Mapping[HoldKind, Place] = {
    HoldKind.MUTE: Place.MUTED,
    HoldKind.MAINTENANCE: Place.MAINTENANCE,
    HoldKind.INHIBITION: Place.INHIBITED,
}


def place(
    signal: Signal,
    open_incidents: Sequence[Incident],
    holder: int | None,
    grouping: Grouping,
    now: datetime,
    *,
    hold: Hold | None = None,
    former: tuple[Alert, Incident] | None = None,
) -> Placement:
    """Where an alert belongs, and why.

    ``holder`` is the open incident that already holds its fingerprint, ``hold`` what speaks against opening one,
    ``former`` the alert as it was before, in an incident that resolved by itself. In this order: the incident that
    holds the same fingerprint; what holds it back; the former incident when the alert flaps; an incident of the same
    service, or along one dependency path, touched within the window; the storm's incident when too many were opened
    just now; a new one.
    """
    if holder is not None:
        return Placement(Place.CLEAR if signal.status is Status.RESOLVED else Place.REFIRE, "the same alert", holder)
    if signal.status is Status.RESOLVED:
        return Placement(Place.IGNORE, "no open incident holds this alert")
    if hold is not None:
        near = _near(signal, open_incidents, grouping, now) if hold.joins else None
        return near or Placement(HOLDS[hold.kind], hold.reason)
    if former is not None:
        alert, incident = former
        flaps = grouping.flapping.said(again(alert, signal, grouping.flapping, now), now)
        if flaps:
            return Placement(Place.REOPEN, f"it is flapping: {flaps}", incident.id)
    near = _near(signal, open_incidents, grouping, now)
    if near is not None:
        return near
    just_now = [one for one in open_incidents if now - one.opened_at <= grouping.storm_window]
    storm = next((one for one in recent_storms(open_incidents, grouping, now)), None)
    if storm is not None:
        return Placement(Place.JOIN, "an alert storm is on", storm.id)
    if len(just_now) >= grouping.storm_after:
        return Placement(Place.STORM, f"{len(just_now)} incidents were opened within a minute")
    return Placement(Place.NEW, "no open incident of this service or along its dependencies")


def _near(signal: Signal, open_incidents: Sequence[Incident], grouping: Grouping, now: datetime) -> Placement | None:
    """The incident of the same service, else the first one along a dependency path, touched within the window."""
    recent = [one for one in open_incidents if now - one.touched_at <= grouping.window and not one.storm]
    within = f"within {duration(grouping.window.total_seconds())}"
    for incident in recent:
        if signal.service and signal.service in incident.services:
            return Placement(Place.JOIN, f"same service {signal.service}, {within}", incident.id)
    for incident in recent:
        for other in incident.services:
            relation = grouping.relation(signal.service, other)
            if relation:
                return Placement(Place.JOIN, f"{relation}, {within}", incident.id)
    return None


def recent_storms(incidents: Sequence[Incident], grouping: Grouping, now: datetime) -> list[Incident]:
    """The storm incidents that were touched within the window."""
    return [one for one in incidents if one.storm and now - one.touched_at <= grouping.window]


def again(alert: Alert, signal: Signal, flapping: Flapping, now: datetime) -> Alert:
    """The alert after it fired again."""
    fired = alert.fired if alert.cleared_at is None else (*alert.fired, signal.at)
    return replace(alert, cleared_at=None, times=alert.times + 1, fired=flapping.recent(fired, now))


def opened(
    signal: Signal,
    incident_id: int,
    channel: str,
    placement: Placement,
    now: datetime,
    *,
    flapping: Flapping = Grouping().flapping,
    former: Alert | None = None,
) -> tuple[Incident, Alert, Entry]:
    """The incident that this alert opens. ``former`` is the same alert in an incident before it."""
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
    alert = alert_of(signal, incident_id, "", former)
    return replace(incident, flapping=_flapping(incident, alert, flapping, now)), alert, entry


def absorb(
    incident: Incident,
    alert: Alert | None,
    signal: Signal,
    placement: Placement,
    now: datetime,
    *,
    flapping: Flapping = Grouping().flapping,
    former: Alert | None = None,
) -> tuple[Incident, Alert, Entry]:
    """The incident and its alert after the signal joined it, fired again in it, or cleared in it.

    ``alert`` is what the incident holds under the signal's fingerprint, None when it joins; ``former`` then is the same
    alert in an incident before.
    """
    joined, services = incident.joined, incident.services
    if alert is None:
        after, verb, firing = alert_of(signal, incident.id, placement.reason, former), "join", 1
        if len(joined) < MOST_REASONS:
            joined = tuple(dict.fromkeys([*joined, placement.reason]))
        if signal.service and len(services) < MOST_SERVICES:
            services = tuple(dict.fromkeys([*services, signal.service]))
    elif signal.status is Status.RESOLVED:
        after, verb = replace(alert, cleared_at=alert.cleared_at or signal.at), "clear"
        firing = 0 if alert.cleared_at else -1
    else:
        after, verb = again(alert, signal, flapping, now), "refire"
        firing = 1 if alert.cleared_at else 0
    worse = min((incident.severity, signal.severity), key=lambda one: one.rank)
    moved = replace(
        incident,
        alerts=incident.alerts + (alert is None),
        firing=incident.firing + firing,
        joined=joined,
        services=services,
        flapping=_flapping(incident, after, flapping, now),
        severity=incident.severity if signal.status is Status.RESOLVED else worse,
        touched_at=now,
    )
    detail = {"alert": signal.name, "signal": signal.id}
    return moved, after, Entry(incident.thing, verb, "fettle", "", "", placement.reason, incident.id, detail)


def _flapping(incident: Incident, alert: Alert, flapping: Flapping, now: datetime) -> Mapping[str, str]:
    said = flapping.said(alert, now)
    others = {key: text for key, text in incident.flapping.items() if key != alert.fingerprint}
    return {**others, alert.fingerprint: said} if said and len(others) < MOST_REASONS else others


def alert_of(signal: Signal, incident: int, why: str, former: Alert | None = None) -> Alert:
    """The alert that a signal brings into an incident. ``former`` is the same alert in an incident before it."""
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
        description=signal.description[:1_000],
        fired=(*(former.fired if former else ()), signal.at)[-MOST_FIRINGS:],
    )


def held_back(signal: Signal, hold: Hold, before: Alert | None) -> Alert:
    """The record of an alert that fires and opens nothing for now. ``before`` is its record so far."""
    fresh = replace(alert_of(signal, HELD, hold.reason), held=HeldBack(hold, signal))
    if before is None:
        return fresh
    times = before.times + 1 if before.cleared_at is None else 1
    return replace(fresh, times=times, version=before.version)


def let_go(alert: Alert, now: datetime) -> Alert:
    """The record of an alert that is held back no more."""
    return replace(alert, cleared_at=alert.cleared_at or now, held=None)


def returns_to(alert: Alert, incident: Incident, flapping: Flapping, now: datetime) -> bool:
    """Whether the alert, firing again, may open this closed incident again: that had resolved by itself, and lately."""
    closed = incident.closed_at
    by_itself = incident.state is IncidentState.RESOLVED and incident.closed_by == "fettle" and not incident.fixed_by
    return by_itself and alert.incident == incident.id and closed is not None and now - closed <= flapping.within
