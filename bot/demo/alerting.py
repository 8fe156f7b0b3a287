"""What Prometheus and Alertmanager do with the demo's rules, for a machine that has neither. Pure: time comes in.

``Evaluator`` turns readings into alerts (pending, firing, resolved); ``Grouping`` collects them by service and says
when a group is due to be told, after Alertmanager's rules (https://prometheus.io/docs/alerting/latest/alertmanager/).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.demo.rules import Rule, labels_of

GROUP_WAIT, GROUP_INTERVAL, REPEAT = timedelta(seconds=1), timedelta(seconds=5), timedelta(hours=1)
RECEIVER = "fettle"
GROUP_BY = ("service",)
NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reading:
    """One series' value that a rule selects. ``labels`` do not have the metric's name."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires, or has just ended when ``ended_at`` is set."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started_at: datetime
    generator: str
    ended_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """Alertmanager's fingerprint of the labels, 16 hexadecimal digits."""
        return fingerprint(self.labels)


def fingerprint(labels: Mapping[str, str]) -> str:
    """Alertmanager's fingerprint: FNV-1a over the sorted names and values, each ended by the byte 255.

    It is ``LabelSet.Fingerprint`` of github.com/prometheus/common.
    """
    total = 14695981039346656037
    for name, value in sorted(labels.items()):
        for byte in (*name.encode(), 255, *value.encode(), 255):
            total = (total ^ byte) * 1099511628211 % 2**64
    return f"{total:016x}"


@dataclass(slots=True)
class Evaluator:
    """Remembers since when each rule holds for each series. ``source`` is where the rules can be looked at."""

    source: str
    _since: dict[str, datetime] = field(default_factory=dict)
    _firing: dict[str, Alert] = field(default_factory=dict)

    def evaluate(self, readings: Iterable[tuple[Rule, Sequence[Reading]]], now: datetime) -> tuple[Alert, ...]:
        """Every alert that fires now, and those that ended with this look. A rule without readings does not hold."""
        holds: dict[str, datetime] = {}
        fires: dict[str, Alert] = {}
        for rule, found in readings:
            for reading in found:
                if not rule.holds(reading.value):
                    continue
                labels = {**reading.labels, **labels_of(rule), "alertname": rule.name}
                key = fingerprint(labels)
                holds[key] = self._since.get(key, now)
                if now - holds[key] >= timedelta(seconds=rule.for_seconds):
                    known = self._firing.get(key)
                    notes = {"summary": rule.summary, "description": rule.described(reading.value)}
                    started = known.started_at if known else now
                    fires[key] = Alert(labels, notes, started, f"{self.source}#{rule.name}")
        ended = [replace(alert, ended_at=now) for key, alert in self._firing.items() if key not in fires]
        self._since, self._firing = holds, fires
        return (*fires.values(), *ended)


@dataclass(frozen=True, slots=True)
class Notification:
    """A group that is due: what to send and why."""

    key: str
    body: Mapping[str, object]
    reason: str


@dataclass(slots=True)
class _Group:
    labels: Mapping[str, str]
    due: datetime
    alerts: dict[str, Alert] = field(default_factory=dict)
    told_firing: frozenset[str] = frozenset()
    told_at: datetime | None = None


@dataclass(slots=True)
class Grouping:
    """Alerts by group, and what was told of each."""

    external_url: str
    _groups: dict[str, _Group] = field(default_factory=dict)

    def take(self, alerts: Iterable[Alert], now: datetime) -> None:
        """Take the newest look at the alerts."""
        for alert in alerts:
            labels = {name: alert.labels[name] for name in GROUP_BY if name in alert.labels}
            inner = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
            group = self._groups.setdefault(f"{{}}:{{{inner}}}", _Group(labels, now + GROUP_WAIT))
            group.alerts[alert.fingerprint] = alert

    def due(self, now: datetime) -> tuple[Notification, ...]:
        """The groups whose time has come and that have something new to tell; each comes again after an interval."""
        found = []
        for key, group in list(self._groups.items()):
            if now < group.due:
                continue
            group.due = now + GROUP_INTERVAL
            # What began and ended between two flushes was never told, and is not told now.
            group.alerts = {i: a for i, a in group.alerts.items() if not a.ended_at or i in group.told_firing}
            if not group.alerts:
                del self._groups[key]
                continue
            reason = _why(group, now)
            if reason:
                found.append(Notification(key, self._body(key, group), reason))
        return tuple(found)

    def told(self, notification: Notification, now: datetime) -> None:
        """The receiver has taken it: what is over can be forgotten."""
        group = self._groups[notification.key]
        alerts = notification.body["alerts"]
        sent = alerts if isinstance(alerts, list) else []
        group.told_firing = frozenset(one["fingerprint"] for one in sent if one["status"] == "firing")
        group.told_at = now
        for one in sent:
            known = group.alerts.get(one["fingerprint"])
            if one["status"] == "resolved" and known is not None and known.ended_at is not None:
                del group.alerts[one["fingerprint"]]
        if not group.alerts:
            del self._groups[notification.key]

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that fire."""
        return tuple(alert for group in self._groups.values() for alert in group.alerts.values() if not alert.ended_at)

    def _body(self, key: str, group: _Group) -> dict[str, object]:
        alerts = sorted(group.alerts.values(), key=lambda alert: (alert.started_at, alert.fingerprint))
        return {
            "receiver": RECEIVER,
            "status": "firing" if any(not alert.ended_at for alert in alerts) else "resolved",
            "alerts": [_shown(alert) for alert in alerts],
            "groupLabels": dict(group.labels),
            "commonLabels": _common([alert.labels for alert in alerts]),
            "commonAnnotations": _common([alert.annotations for alert in alerts]),
            "externalURL": self.external_url,
            "version": "4",
            "groupKey": key,
            "truncatedAlerts": 0,
        }


def _why(group: _Group, now: datetime) -> str:
    """Why a group is told now; empty when there is nothing new (Alertmanager's ``needsUpdate``)."""
    firing = {key for key, alert in group.alerts.items() if not alert.ended_at}
    if firing - group.told_firing:
        return "new alerts"
    over = {key for key, alert in group.alerts.items() if alert.ended_at} & group.told_firing
    if over:
        return "alerts ended"
    if firing and group.told_at and now - group.told_at >= REPEAT:
        return "repeated"
    return ""


def _shown(alert: Alert) -> dict[str, object]:
    return {
        "status": "resolved" if alert.ended_at else "firing",
        "labels": dict(sorted(alert.labels.items())),
        "annotations": dict(sorted(alert.annotations.items())),
        "startsAt": _moment(alert.started_at),
        "endsAt": _moment(alert.ended_at or NEVER),
        "generatorURL": alert.generator,
        "fingerprint": alert.fingerprint,
    }


def _moment(at: datetime) -> str:
    return "0001-01-01T00:00:00Z" if at == NEVER else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _common(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *rest = each
    return {name: value for name, value in sorted(first.items()) if all(one.get(name) == value for one in rest)}
