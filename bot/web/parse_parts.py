"""What the vendors' parsers have in common: what they are told, what they give, and how a signal is put together."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.signal import Severity, Signal, SignalKind, Status, alert_id, digest
from bot.domain.source import Source
from bot.errors import BadDelivery
from bot.web.body import LONGEST_NAME, LONGEST_TEXT, clean, labels, line, mapping, moment, not_later, web_address

MOST_TAGS = 200


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is known about a delivery besides its body. ``headers`` have small names; they are not always signed."""

    source: Source
    received_at: datetime
    request_id: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """The signals of a body, or why there are none in it although nothing is wrong with it."""

    signals: tuple[Signal, ...] = ()
    ignored: str = ""


def ignored(why: str) -> Reading:
    """A reading without signals."""
    return Reading((), line(why, 200))


def inner(parent: Mapping[str, object], key: str, field: str) -> Mapping[str, object]:
    """The object under the key, an empty one where there is none. ``field`` is the parent's place."""
    value = parent.get(key)
    return {} if value is None else mapping(value, f"{field}.{key}")


def must(parent: Mapping[str, object], key: str, field: str, expected: str) -> str:
    """The text under the key on one line. Raises ``BadDelivery`` where there is none."""
    text = line(parent.get(key), LONGEST_NAME)
    if not text:
        raise BadDelivery(f"found nothing, expected {expected}", f"{field}.{key}")
    return text


def must_time(parent: Mapping[str, object], key: str, field: str, expected: str) -> datetime:
    """The time under the key. Raises ``BadDelivery`` where there is none."""
    at = moment(parent.get(key), f"{field}.{key}")
    if at is None:
        raise BadDelivery(f"found no time, expected {expected}", f"{field}.{key}")
    return at


def first(*values: object, limit: int = LONGEST_NAME) -> str:
    """The first of these that is a text with something in it, on one line."""
    return next((text for text in (line(value, limit) for value in values) if text), "")


def tags(values: object) -> dict[str, str]:
    """Tags such as ``service:api`` as labels, from a list or from one text with commas; others are left out."""
    found = values.split(",", MOST_TAGS) if isinstance(values, str) else values
    pairs = [line(one).partition(":") for one in (found if isinstance(found, list) else [])[:MOST_TAGS]]
    return labels({line(key, 100): line(value) for key, mark, value in pairs if mark and line(value)}, "tags")


def named(own: Mapping[str, str], names: Iterable[str]) -> str:
    """The first of these labels that is there, whatever the size of its letters."""
    small = {key.lower(): text for key, text in own.items()}
    return line(next((small[name.lower()] for name in names if small.get(name.lower())), ""), LONGEST_NAME)


def own_fingerprint(source: Source, *parts: str) -> str:
    """The fingerprint of an alert that the source knows by these parts; other sources' are never the same."""
    return digest("fingerprint", source.name, *parts)


def alert(  # noqa: PLR0913  # everything that an alert carries, all by name
    to: Delivery,
    *,
    name: str,
    fingerprint: str,
    status: Status,
    severity: Severity,
    began: datetime,
    at: datetime | None,
    services: Sequence[str] = (),
    once: str = "",
    summary: object = "",
    description: object = "",
    environment: object = "",
    url: object = "",
    own: Mapping[str, str] | None = None,
) -> Signal:
    """One state of one alert.

    ``at`` is when it was reached, None where the body does not say so. The id comes from the body alone: from ``at``,
    else from ``began``, and from ``once``, which tells states apart that share a time.
    """
    state = alert_id(to.source.name, fingerprint, status, at or began)
    return Signal(
        id=digest("alert", state, once) if once else state,
        kind=SignalKind.ALERT,
        source=to.source.name,
        service=line(next(iter(services), ""), LONGEST_NAME),
        name=line(name, LONGEST_NAME),
        status=status,
        severity=severity,
        fingerprint=fingerprint,
        started_at=not_later(began, to.received_at),
        at=not_later(at or to.received_at, to.received_at),
        received_at=to.received_at,
        request_id=to.request_id,
        summary=line(summary),
        description=clean(description, LONGEST_TEXT),
        environment=line(environment, LONGEST_NAME),
        url=web_address(url),
        labels=dict(own or {}),
    )


def changes(  # noqa: PLR0913  # everything that a change carries, all by name
    to: Delivery,
    *,
    name: str,
    identity: Sequence[str],
    services: Sequence[str],
    at: datetime,
    facts: Mapping[str, object],
    field: str,
    summary: object = "",
    description: object = "",
    environment: object = "",
    url: object = "",
    own: Mapping[str, str] | None = None,
) -> Reading:
    """One change, as a signal for each of the services that it touches.

    ``identity`` is what makes it the same change, whenever and however often it is told. Raises ``BadDelivery`` where
    no service is named; ``field`` is the place that should have one.
    """
    if not services:
        raise BadDelivery("found nothing that names a service", field)
    happened = not_later(at, to.received_at)
    told = {key: line(value, LONGEST_NAME) for key, value in facts.items()}
    signals = []
    for service in services:
        own_id = digest("change", to.source.name, service, *identity)
        signals.append(
            Signal(
                id=own_id,
                kind=SignalKind.CHANGE,
                source=to.source.name,
                service=line(service, LONGEST_NAME),
                name=name,
                status=Status.HAPPENED,
                severity=Severity.INFO,
                fingerprint=own_id,
                started_at=happened,
                at=happened,
                received_at=to.received_at,
                request_id=to.request_id,
                summary=line(summary),
                description=clean(description, LONGEST_TEXT),
                environment=line(environment, LONGEST_NAME),
                url=web_address(url),
                labels=dict(own or {}),
                facts={key: text for key, text in told.items() if text},
            )
        )
    return Reading(tuple(signals))


def short(revision: str) -> str:
    """A revision as people write it: the first twelve digits of a commit, anything else as it is."""
    text = line(revision, LONGEST_NAME)
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{28}(?:[0-9a-f]{24})?\b", r"\1", text)
