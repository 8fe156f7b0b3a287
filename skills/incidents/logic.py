"""Alerts find their incidents; people take, mute and dismiss them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.effects import Effect, Later, NotLater, Refresh
from bot.domain.events import AlertsCleared, EscalationDue, Event, IncidentOpened
from bot.domain.house import House
from bot.domain.incident import Alert, Grouping, Incident, Mute, Place, absorb, opened, place
from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.domain.signal import Signal, SignalKind

QUIET_SECONDS = 300.0
MUTE_CHOICES: tuple[tuple[str, float], ...] = (("1 hour", 3600), ("4 hours", 14400), ("1 day", 86400))


@dataclass
class Intake:
    """A batch of signals finding their places, one after the other, against the incidents that are open now."""

    house: House
    grouping: Grouping
    now: datetime
    next_id: int
    incidents: dict[int, Incident]
    holders: dict[str, Alert]
    mutes: Sequence[Mute]
    touched: dict[int, Incident] = field(default_factory=dict)
    alerts: dict[tuple[int, str], Alert] = field(default_factory=dict)
    journal: list[Entry] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    emit: list[Event] = field(default_factory=list)

    def take(self, signal: Signal) -> None:
        """Find the signal's place."""
        if signal.kind is SignalKind.CHANGE:
            self._change(signal)
            return
        held = self.holders.get(signal.fingerprint)
        found = place(
            signal, list(self.incidents.values()), held.incident if held else None, self.mutes, self.grouping, self.now
        )
        match found.place:
            case Place.NEW | Place.STORM:
                incident, alert, entry = opened(signal, self.next_id, self.house.alerts_channel, found, self.now)
                self.next_id += 1
                escalates = self.now + timedelta(seconds=self.house.escalate_after)
                incident = replace(incident, escalates_at=escalates)
                due = EscalationDue(id=f"escalate:{incident.id}", at=escalates, incident=incident.id)
                self.effects.append(Later(f"escalate:{incident.id}", escalates, due))
                self.emit.append(IncidentOpened(id=f"opened:{incident.id}", at=self.now, incident=incident.id))
            case Place.JOIN | Place.REFIRE | Place.CLEAR:
                incident, alert, entry = absorb(self.incidents[found.incident or 0], held, signal, found, self.now)
                self._quiet(incident)
            case _:
                self.journal.append(
                    Entry(f"signal:{signal.id}", found.place.name.lower(), reason=found.reason, detail=_named(signal))
                )
                return
        self.incidents[incident.id] = self.touched[incident.id] = incident
        self.holders[signal.fingerprint] = self.alerts[incident.id, signal.fingerprint] = alert
        self.journal.append(entry)

    def _quiet(self, incident: Incident) -> None:
        key = f"quiet:{incident.id}"
        if incident.firing == 0:
            due = self.now + timedelta(seconds=QUIET_SECONDS)
            cleared = AlertsCleared(id=f"{key}:{int(due.timestamp())}", at=due, incident=incident.id, quiet=True)
            self.effects.append(Later(key, due, cleared))
        else:
            self.effects.append(NotLater(key))

    def _change(self, signal: Signal) -> None:
        self.journal.append(Entry(f"signal:{signal.id}", "change", detail=_named(signal)))

    def outcome(self, signals: Sequence[Signal]) -> Outcome:
        """Everything that this batch changes."""
        refresh = [Refresh(f"incident:{number}") for number in self.touched]
        return Outcome(
            save=(*self.touched.values(), *self.alerts.values()),
            journal=tuple(self.journal),
            effects=(*_last_per_key(self.effects), *refresh),
            emit=tuple(self.emit),
            placed=tuple(signal.id for signal in signals),
        )


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
