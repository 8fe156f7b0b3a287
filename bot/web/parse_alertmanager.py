"""Alertmanager's webhook, version 4: one signal for each alert of a group.

Shape: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.signal import Severity, Signal, SignalKind, Status, alert_id, digest
from bot.domain.source import Source
from bot.errors import BadDelivery
from bot.web.body import (
    LONGEST_NAME,
    LONGEST_TEXT,
    clean,
    labels,
    line,
    mapping,
    moment,
    not_later,
    sequence,
    web_address,
)

VERSION = "4"
MOST_ALERTS = 20_000


def parse(body: object, source: Source, received_at: datetime, request_id: str) -> tuple[Signal, ...]:
    """The group's alerts as signals, in their order.

    Raises ``BadDelivery`` naming the first field that is not Alertmanager's. Unknown fields are fine.
    """
    top = mapping(body, "$", "Alertmanager's object")
    version = top.get("version")
    if str(version) != VERSION:
        raise BadDelivery(
            f"found {line(version, 20) or 'nothing'}, expected “4”, the version of its webhook", "$.version"
        )
    alerts = sequence(top.get("alerts"), "$.alerts", "a list of alerts")
    if len(alerts) > MOST_ALERTS:
        raise BadDelivery(f"found {len(alerts)} alerts, expected at most {MOST_ALERTS}: set max_alerts", "$.alerts")
    return tuple(alert_of(one, f"$.alerts[{i}]", source, received_at, request_id) for i, one in enumerate(alerts))


def alert_of(value: object, field: str, source: Source, received_at: datetime, request_id: str) -> Signal:
    """One alert of Alertmanager's kind as a signal. Raises ``BadDelivery`` naming a place below ``field``."""
    alert = mapping(value, field, "an alert")
    status = _status(alert.get("status"), f"{field}.status")
    telling = ("alertname", "severity", *source.service_labels, *source.environment_labels)
    own = labels(mapping(alert.get("labels"), f"{field}.labels", "an object of labels"), f"{field}.labels", telling)
    name = own.get("alertname", "")
    if not name:
        raise BadDelivery("found nothing, expected the alert's name", f"{field}.labels.alertname")
    notes = labels(alert.get("annotations"), f"{field}.annotations", ("summary", "message"))
    texts = mapping(alert.get("annotations") or {}, f"{field}.annotations")
    started = moment(alert.get("startsAt"), f"{field}.startsAt")
    if started is None:
        raise BadDelivery("found no time, expected when the alert began to fire", f"{field}.startsAt")
    ended = moment(alert.get("endsAt"), f"{field}.endsAt")
    fingerprint = line(alert.get("fingerprint"), 100) or digest(*(f"{key}={text}" for key, text in sorted(own.items())))
    # What the id rests on comes from the body alone, so that the same delivery is the same signal whenever it arrives.
    reached = started if status is Status.FIRING else max(ended or started, started)
    at = reached if status is Status.FIRING or ended else received_at
    return Signal(
        id=alert_id(source.name, fingerprint, status, reached),
        kind=SignalKind.ALERT,
        source=source.name,
        service=next(iter(source.services_of(_first(own, source.service_labels))), ""),
        name=line(name, LONGEST_NAME),
        status=status,
        severity=Severity.of(own.get("severity", "")),
        fingerprint=fingerprint,
        started_at=not_later(started, received_at),
        at=not_later(at, received_at),
        received_at=received_at,
        request_id=request_id,
        summary=notes.get("summary", "") or notes.get("message", ""),
        description=clean(texts.get("description"), LONGEST_TEXT),
        environment=_first(own, source.environment_labels),
        url=web_address(alert.get("generatorURL")),
        labels=own,
    )


def _status(value: object, field: str) -> Status:
    match value:
        case "firing":
            return Status.FIRING
        case "resolved":
            return Status.RESOLVED
        case _:
            raise BadDelivery(f"found {line(value, 40) or 'nothing'}, expected firing or resolved", field)


def _first(own: Mapping[str, str], names: Sequence[str]) -> str:
    return line(next((own[name] for name in names if own.get(name)), ""), LONGEST_NAME)
