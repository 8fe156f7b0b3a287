"""Any JSON, read as the configuration maps it."""

from collections.abc import Mapping
from datetime import datetime

from bot.domain.signal import Severity, Signal, SignalKind, Status, alert_id, digest
from bot.domain.source import Place, Shape, Source
from bot.errors import BadDelivery
from bot.web.body import LONGEST_NAME, LONGEST_TEXT, clean, kind_of, line, moment, not_later, sequence, web_address

MOST_ITEMS = 20_000
SAME_WITHIN = 300  # seconds


def parse(body: object, source: Source, received_at: datetime, request_id: str, body_digest: str) -> tuple[Signal, ...]:
    """The body's alerts or changes as signals.

    Where an item carries no time, ``body_digest`` makes its id: the same bytes again within the same five minutes are
    the same signal. Raises ``BadDelivery`` naming the field that the mapping leads to and that is missing.
    """
    shape = source.shape
    if shape is None:
        raise BadDelivery(f"{source.name} has no mapping in fettle.yaml", "$")
    if not isinstance(body, dict | list):
        raise BadDelivery(f"found {kind_of(body)}, expected an object or a list", "$")
    if shape.items is None:
        return (_item(body, (), source, shape, received_at, request_id, body_digest),)
    found, where = _walk(body, shape.items), _written((), shape.items)
    items = sequence(found, where, "the list that `items` of the mapping leads to")
    if len(items) > MOST_ITEMS:
        raise BadDelivery(f"found {len(items)} items, expected at most {MOST_ITEMS}", where)
    return tuple(
        _item(one, (*shape.items, i), source, shape, received_at, request_id, f"{body_digest}/{i}")
        for i, one in enumerate(items)
    )


def _item(  # everything that a signal carries
    item: object,
    at: tuple[str | int, ...],
    source: Source,
    shape: Shape,
    received_at: datetime,
    request_id: str,
    body_digest: str,
) -> Signal:
    name = line(_must(item, at, shape.name, "name"), LONGEST_NAME)
    service = line(_must(item, at, shape.service, "service"), LONGEST_NAME)
    status = _status(item, shape)
    started = moment(_value(item, shape.started_at), _written(at, shape.started_at.path))
    ended = moment(_value(item, shape.ended_at), _written(at, shape.ended_at.path))
    fingerprint = line(_value(item, shape.fingerprint), 100) or digest("fingerprint", source.name, service, name)
    reached = ended if status is Status.RESOLVED else started
    if reached is None:
        lately = str(int(received_at.timestamp()) // SAME_WITHIN)
        identity = digest(shape.kind, source.name, fingerprint, status, body_digest, lately)
    elif shape.kind is SignalKind.ALERT:
        identity = alert_id(source.name, fingerprint, status, reached)
    else:
        identity = digest(shape.kind, source.name, fingerprint, reached.isoformat(), body_digest)
    labels = {line(key, 100): line(_value(item, place)) for key, place in shape.labels.items()}
    facts = {line(key, 100): line(_value(item, place)) for key, place in shape.facts.items()}
    return Signal(
        id=identity,
        kind=shape.kind,
        source=source.name,
        service=service,
        name=name,
        status=status,
        severity=_severity(item, shape),
        fingerprint=fingerprint,
        started_at=not_later(started or reached or received_at, received_at),
        at=not_later(reached or received_at, received_at),
        received_at=received_at,
        request_id=request_id,
        summary=line(_value(item, shape.summary)),
        description=clean(_value(item, shape.description), LONGEST_TEXT),
        environment=line(_value(item, shape.environment), LONGEST_NAME),
        url=web_address(_value(item, shape.url)),
        labels={key: text for key, text in labels.items() if text},
        facts={key: text for key, text in facts.items() if text},
    )


def _status(item: object, shape: Shape) -> Status:
    if shape.kind is SignalKind.CHANGE:
        return Status.HAPPENED
    word = line(_value(item, shape.status), 60).lower()
    return Status.RESOLVED if word in shape.resolved else Status.FIRING


def _severity(item: object, shape: Shape) -> Severity:
    if shape.kind is SignalKind.CHANGE:
        return Severity.INFO
    return Severity.of(line(_value(item, shape.severity), 60))


def _must(item: object, at: tuple[str | int, ...], place: Place, what: str) -> object:
    value = _value(item, place)
    if not line(value):
        raise BadDelivery(f"found {kind_of(value)}, expected the {what}", _written(at, place.path))
    return value


def _value(item: object, place: Place) -> object:
    found = _walk(item, place.path) if place.path else None
    return place.default if found is None or found == "" else found


def _walk(value: object, path: tuple[str | int, ...]) -> object:
    for step in path:
        match value:
            case list() if isinstance(step, int):
                value = value[step] if step < len(value) else None
            case Mapping():
                value = value.get(str(step))
            case _:
                return None
    return value


def _written(at: tuple[str | int, ...], path: tuple[str | int, ...]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in (*at, *path))
