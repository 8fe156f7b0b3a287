"""A change that a pipeline reports: ``POST /changes`` with one object or a list of them."""

from datetime import datetime

from bot.domain.signal import Severity, Signal, SignalKind, Status, digest
from bot.domain.source import Source
from bot.errors import BadDelivery
from bot.web.body import (
    LONGEST_NAME,
    LONGEST_TEXT,
    clean,
    kind_of,
    labels,
    line,
    mapping,
    moment,
    not_later,
    web_address,
)

FACTS = ("version", "previous", "by", "commit")
MOST_CHANGES = 1000
SAME_WITHIN = 300  # seconds


def parse(body: object, source: Source, received_at: datetime, request_id: str) -> tuple[Signal, ...]:
    """The changes as signals: ``service`` is needed, everything else may be missing.

    ``kind`` says what changed (deploy, config, flag, …), ``version``, ``previous``, ``by`` and ``commit`` are facts.
    A change is the same one when its ``id`` is, else when its service, kind, facts and ``at`` are; one without ``id``
    and ``at`` is the same when it comes again within the same five minutes. Raises ``BadDelivery`` naming the field.
    """
    if isinstance(body, list):
        if len(body) > MOST_CHANGES:
            raise BadDelivery(f"found {len(body)} changes, expected at most {MOST_CHANGES}", "$")
        return tuple(_change(one, f"$[{i}]", source, received_at, request_id) for i, one in enumerate(body))
    return (_change(body, "$", source, received_at, request_id),)


def _change(value: object, field: str, source: Source, received_at: datetime, request_id: str) -> Signal:
    change = mapping(value, field, "a change: an object with service, kind, version, previous, by, at")
    for key in ("service", "kind", *FACTS):
        if not isinstance(change.get(key), str | int | float | None) or isinstance(change.get(key), bool):
            raise BadDelivery(f"found {kind_of(change[key])}, expected a text", f"{field}.{key}")
    service = line(change.get("service"), LONGEST_NAME)
    if not service:
        raise BadDelivery("found nothing, expected the name of the service that was changed", f"{field}.service")
    name = line(change.get("kind"), 60).lower() or "deploy"
    facts = {key: line(change.get(key), LONGEST_NAME) for key in FACTS}
    at = moment(change.get("at"), f"{field}.at")
    own_id = line(change.get("id"), LONGEST_NAME)
    when = at.isoformat() if at else str(int(received_at.timestamp()) // SAME_WITHIN)
    identity = (
        digest("change", source.name, own_id)
        if own_id
        else digest("change", source.name, service, name, *facts.values(), when)
    )
    happened = not_later(at or received_at, received_at)
    return Signal(
        id=identity,
        kind=SignalKind.CHANGE,
        source=source.name,
        service=service,
        name=name,
        status=Status.HAPPENED,
        severity=Severity.INFO,
        fingerprint=identity,
        started_at=happened,
        at=happened,
        received_at=received_at,
        request_id=request_id,
        summary=line(change.get("summary")) or line(change.get("title")),
        description=clean(change.get("description"), LONGEST_TEXT),
        environment=line(change.get("environment"), LONGEST_NAME),
        url=web_address(change.get("url")),
        labels=labels(change.get("labels"), f"{field}.labels"),
        facts={key: text for key, text in facts.items() if text},
    )
