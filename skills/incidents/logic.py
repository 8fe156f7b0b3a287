"""Alerts find their incidents; people take, mute and dismiss them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.effects import Effect, Later, NotLater, Refresh
from bot.domain.events import AlertsCleared, EscalationDue, Event, IncidentOpened, SignalsArrived
from bot.domain.grouping import (
    HOLDS,
    Flapping,
    Grouping,
    Place,
    Placement,
    absorb,
    held_back,
    let_go,
    opened,
    place,
    returns_to,
)
from bot.domain.hold import Hold
from bot.domain.house import House
from bot.domain.incident import HELD, Alert, Incident, Move, Mute, advance
from bot.domain.inhibition import Inhibitors, labels_of
from bot.domain.journal import Entry
from bot.domain.maintenance import Maintenance
from bot.domain.outcome import Outcome
from bot.domain.signal import Signal, SignalKind, Status

QUIET_SECONDS = 300.0
MUTE_CHOICES: tuple[tuple[str, float], ...] = (("1 hour", 3600), ("4 hours", 14400), ("1 day", 86400))


@dataclass(frozen=True, slots=True)
class Told:
    """Something that an incident's thread is told: that an alert joined and why, or that it flaps and how.

    ``before`` says what held the alert back until now, in words.
    """

    incident: Incident
    alert: Alert
    before: str = ""
    flapping: bool = False


@dataclass
class Intake:
    """A batch of signals finding their places, one after the other, against the incidents that are open now.

    ``held`` are the alerts that are held back, and those that were and are in this batch, by fingerprint; ``former``
    the alerts of the batch as they were in incidents that have closed, with those incidents.
    """

    house: House
    grouping: Grouping
    now: datetime
    next_id: int
    incidents: dict[int, Incident]
    holders: dict[str, Alert]
    mutes: Sequence[Mute]
    held: dict[str, Alert] = field(default_factory=dict)
    former: Mapping[str, tuple[Alert, Incident]] = field(default_factory=dict)
    firing: Sequence[Alert] = ()
    touched: dict[int, Incident] = field(default_factory=dict)
    shown: set[int] = field(default_factory=set)
    alerts: dict[tuple[int, str], Alert] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    emit: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Look at what holds alerts back now."""
        self._windows = windows(self.house, self.now)
        self._inhibitors = Inhibitors(self.house.inhibit)
        for one in (*self.firing, *(held for held in self.held.values() if held.cleared_at is None)):
            self._inhibitors.fires(one.fingerprint, one.name, one.incident, _labels(one))

    def take_all(self, signals: Sequence[Signal]) -> None:
        """Find each signal's place, then that of the alerts that nothing holds back any more.

        What can inhibit comes first, so that a batch that has both does not open what it explains.
        """
        ordered = sorted(signals, key=lambda one: not self._inhibitors.holds_back(labels_of(one)))
        for signal in ordered if self.house.inhibit else signals:
            self.take(signal)
        self.release()

    def take(self, signal: Signal) -> None:
        """Find the signal's place."""
        if signal.kind is SignalKind.CHANGE:
            self._change(signal)
            return
        self._place(signal, "")

    def release(self) -> None:
        """Give every alert its place that is held back and that nothing holds back any more."""
        for alert in list(self.held.values()):
            back = alert.held
            if alert.cleared_at is None and back is not None and self._hold(back.signal) is None:
                self._place(back.signal, f"; it was held back, {back.hold.reason}")

    def _hold(self, signal: Signal) -> Hold | None:
        """Why the alert opens nothing now: a mute, a window, or another alert that fires."""
        for mute in self.mutes:
            if mute.covers(signal, self.now):
                return mute.hold()
        for window, until in self._windows:
            if window.covers(signal.service):
                return window.hold(until)
        return self._inhibitors.hold(signal.fingerprint, labels_of(signal))

    def _place(self, signal: Signal, before: str) -> None:
        held, back = self.holders.get(signal.fingerprint), self.held.get(signal.fingerprint)
        former = self.former.get(signal.fingerprint)
        if held is None and former and former[1].id in self.incidents:
            held = former[0]  # another alert of this batch has opened their incident again
        firing = signal.status is Status.FIRING
        hold = self._hold(signal) if firing and held is None else None
        found = place(
            signal,
            list(self.incidents.values()),
            held.incident if held else None,
            self.grouping,
            self.now,
            hold=hold,
            former=former if former and returns_to(*former, self.grouping.flapping, self.now) else None,
        )
        if found.place in HOLDS.values() and hold is not None:
            self._hold_back(signal, hold, back)
        if back is not None and back.cleared_at is None and found.place not in HOLDS.values():
            self._let_go(back)
        if found.place is Place.IGNORE or found.place in HOLDS.values():
            reason = f"it was held back: {back.held.hold.reason}" if back and back.held and not firing else found.reason
            verb = found.place.name.lower()
            self.journal.append(Entry(f"signal:{signal.id}", verb, reason=reason, detail=_named(signal)))
            if not firing:
                self._inhibitors.ends(signal.fingerprint)
            return
        self._put(signal, found, held, former, said=None if hold else before)

    def _put(
        self,
        signal: Signal,
        found: Placement,
        held: Alert | None,
        former: tuple[Alert, Incident] | None,
        said: str | None,
    ) -> None:
        """Put the alert into its incident. ``said`` is added when it is told; None tells nobody that it joined."""
        last = former[0] if former else None
        flapping, before = self.grouping.flapping, None
        match found.place:
            case Place.NEW | Place.STORM:
                incident, alert, entry = opened(
                    signal,
                    self.next_id,
                    self.house.alerts_channel,
                    found,
                    self.now,
                    flapping=flapping,
                    former=last,
                )
                self.next_id += 1
                incident = self._escalating(incident)
                self.emit.append(IncidentOpened(id=f"opened:{incident.id}", at=self.now, incident=incident.id))
            case Place.REOPEN if former:
                before, reopened = advance(former[1], Move.REOPEN, by="fettle", now=self.now, reason=found.reason)
                self.journal.append(reopened)
                before = before if before.assignee else self._escalating(before)
                incident, alert, entry = absorb(before, last, signal, found, self.now, flapping=flapping)
            case _:
                before = self.incidents[found.incident or 0]
                incident, alert, entry = absorb(before, held, signal, found, self.now, flapping=flapping, former=last)
                if found.place is Place.JOIN and said is not None and incident.joined != before.joined:
                    self.told.append(Told(incident, alert, said))
        if before is not None:
            self._quiet(incident)
            if alert.fingerprint in incident.flapping and alert.fingerprint not in before.flapping:
                self.told.append(Told(incident, alert, flapping=True))
        alert = replace(alert, labels=self._inhibitors.kept(labels_of(signal)))
        self.incidents[incident.id] = self.touched[incident.id] = incident
        self.holders[signal.fingerprint] = self.alerts[incident.id, signal.fingerprint] = alert
        self.journal.append(replace(entry, reason=entry.reason + (said or "")))
        if alert.cleared_at is None:
            self._inhibitors.fires(alert.fingerprint, alert.name, incident.id, labels_of(signal))
        else:
            self._inhibitors.ends(alert.fingerprint)

    def _hold_back(self, signal: Signal, hold: Hold, before: Alert | None) -> None:
        alert = held_back(signal, hold, before)
        self.held[signal.fingerprint] = self.alerts[HELD, signal.fingerprint] = alert
        self._inhibitors.fires(alert.fingerprint, alert.name, HELD, labels_of(signal))
        if hold.incident:
            self.shown.add(hold.incident)
        if hold.until is not None:
            due = f"release:{int(hold.until.timestamp())}"
            self.effects.append(Later(due, hold.until, SignalsArrived(id=due, at=hold.until)))

    def _let_go(self, alert: Alert) -> None:
        after = let_go(alert, self.now)
        self.held[alert.fingerprint] = self.alerts[HELD, alert.fingerprint] = after
        self._inhibitors.ends(alert.fingerprint)
        if alert.held is not None and alert.held.hold.incident in self.incidents:
            self.shown.add(alert.held.hold.incident)

    def _escalating(self, incident: Incident) -> Incident:
        escalates = self.now + timedelta(seconds=self.house.escalate_after)
        due = EscalationDue(id=f"escalate:{incident.id}", at=escalates, incident=incident.id)
        self.effects.append(Later(f"escalate:{incident.id}", escalates, due))
        return replace(incident, escalates_at=escalates)

    def _quiet(self, incident: Incident) -> None:
        key = f"quiet:{incident.id}"
        if incident.firing == 0:
            due = self.now + quiet_time(incident, self.grouping.flapping)
            cleared = AlertsCleared(id=f"{key}:{int(due.timestamp())}", at=due, incident=incident.id, quiet=True)
            self.effects.append(Later(key, due, cleared))
        else:
            self.effects.append(NotLater(key))

    def _change(self, signal: Signal) -> None:
        self.journal.append(Entry(f"signal:{signal.id}", "change", detail=_named(signal)))

    def outcome(self, signals: Sequence[Signal]) -> Outcome:
        """Everything that this batch changes."""
        refresh = [Refresh(f"incident:{number}") for number in dict.fromkeys([*self.touched, *sorted(self.shown)])]
        return Outcome(
            save=(*self.touched.values(), *self.alerts.values()),
            journal=tuple(self.journal),
            effects=(*_last_per_key(self.effects), *refresh),
            emit=tuple(self.emit),
            placed=tuple(signal.id for signal in signals),
        )


def windows(house: House, now: datetime) -> list[tuple[Maintenance, datetime]]:
    """The maintenance that is under way, each with its end."""
    spans = [(window, window.under_way(now, ZoneInfo(house.zone))) for window in house.maintenance]
    return [(window, span[1]) for window, span in spans if span]


def quiet_time(incident: Incident, flapping: Flapping) -> timedelta:
    """How long an incident's alerts have to be quiet before it resolves by itself."""
    return flapping.quiet if incident.flapping else timedelta(seconds=QUIET_SECONDS)


def _labels(alert: Alert) -> Mapping[str, str]:
    known = {"alertname": alert.name, "service": alert.service, "severity": str(alert.severity)}
    return labels_of(alert.held.signal) if alert.held else {**known, **alert.labels}


def _named(signal: Signal) -> Mapping[str, str]:
    return {"signal": signal.id, "name": signal.name, "service": signal.service, "source": signal.source}


def _last_per_key(effects: Sequence[Effect]) -> list[Effect]:
    """Of several timers under one key only the last word counts."""
    kept: dict[str, Effect] = {}
    for effect in effects:
        if isinstance(effect, Later | NotLater):
            kept[effect.key] = effect
    return list(kept.values())


def mute_of(incident: Incident, seconds: float, by: str, why: str, now: datetime, mute_id: str) -> tuple[Mute, Entry]:
    """Mute an incident's service for a while: new alerts of it open nothing until then."""
    until = now + timedelta(seconds=seconds)
    mute = Mute(mute_id, incident.service, "", until, by, why)
    detail = {"service": incident.service, "until": until.isoformat()}
    return mute, Entry(incident.thing, "mute", by, incident.state, incident.state, why, incident.id, detail)
