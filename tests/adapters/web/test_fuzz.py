import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.signal import Signal, SignalKind
from bot.domain.source import Open, Place, Shape, Source
from bot.errors import BadDelivery
from bot.web import parse_alertmanager, parse_changes, parse_generic
from bot.web.body import decode
from tests.adapters.web.conftest import ALERT, NOW, SOURCES

KEYS = st.sampled_from(
    "version alerts status labels annotations startsAt endsAt fingerprint alertname service kind at id url checks "
    "check name since summary description 0 \ud800 \0".split(" ")
)
TIMES = st.sampled_from(
    (
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-01T00:00:00Z"),
        *("2026-11-20T19:26:44.5Z", "99999999999999", "1e400", -1, 1e308, float("nan"), float("inf"), 10**40, True),
    )
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | TIMES
    | st.just("4")
    | st.just("firing")
)
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25
)


def check(signal: Signal) -> None:
    """What holds for every signal, whatever it was read from."""
    for at in (signal.started_at, signal.at, signal.received_at):
        assert at.tzinfo is UTC
        assert datetime(2000, 1, 1, tzinfo=UTC) <= at <= NOW
    texts = [signal.service, signal.name, signal.summary, signal.environment, *signal.labels, *signal.labels.values()]
    for text in [*texts, signal.description, signal.url, signal.fingerprint, signal.id, *signal.facts.values()]:
        assert len(text.encode()) <= 4 * 4000
        assert "\0" not in text
    assert signal.name
    assert len(signal.labels) <= 64


def read(parser: str, body: object, source: Source) -> tuple[Signal, ...]:
    match parser:
        case "alertmanager":
            return parse_alertmanager.parse(body, source, NOW, "r")
        case "changes":
            return parse_changes.parse(body, source, NOW, "r")
        case _:
            return parse_generic.parse(body, source, NOW, "r", "digest")


def read_or_refused(parser: str, body: object, field: str) -> None:
    refused = None
    try:
        [signal] = read(parser, body, SOURCES[parser])
        check(signal)
    except BadDelivery as refusal:
        refused = refusal.field
    assert refused is None or refused.startswith(field)


@pytest.mark.parametrize("parser", ["alertmanager", "changes", "uptime"])
@settings(max_examples=150)
@given(body=BODIES)
def test_any_json_is_read_or_refused(parser: str, body: object) -> None:
    with contextlib.suppress(BadDelivery):
        for signal in read(parser, decode(json.dumps(body).encode()), SOURCES[parser]):
            check(signal)


@settings(max_examples=150)
@given(key=st.sampled_from([*ALERT, "labels.service", "labels.severity", "annotations.summary"]), value=BODIES)
def test_an_alert_with_one_odd_field_is_read_or_refused(key: str, value: object) -> None:
    alert: dict[str, Any] = json.loads(json.dumps(dict(ALERT)))
    outer, _, inner = key.partition(".")
    if inner:
        alert[outer][inner] = value
    else:
        alert[outer] = value
    read_or_refused("alertmanager", {"version": "4", "alerts": [alert]}, f"$.alerts[0].{outer}")


@settings(max_examples=150)
@given(value=BODIES, key=st.sampled_from(["service", "kind", "at", "id", "version", "labels", "description", "url"]))
def test_a_change_with_one_odd_field_is_read_or_refused(value: object, key: str) -> None:
    read_or_refused("changes", {"service": "payment", key: value}, f"$.{key}")


PLACES = st.builds(
    Place,
    st.lists(st.sampled_from(["check", "name", "checks", "since"]) | st.integers(0, 2), max_size=3).map(tuple),
    st.text(max_size=3),
)


@settings(max_examples=150)
@given(body=BODIES, name=PLACES, other=PLACES, kind=st.sampled_from(SignalKind), listed=st.booleans())
def test_any_mapping_reads_or_refuses_any_json(
    body: object, name: Place, other: Place, kind: SignalKind, *, listed: bool
) -> None:
    shape = Shape(
        kind,
        name,
        other,
        ("checks",) if listed else None,
        status=other,
        started_at=other,
        ended_at=name,
        severity=other,
        fingerprint=other,
        labels={"x": other},
        facts={"version": name},
    )
    with contextlib.suppress(BadDelivery):
        for signal in read("generic", body, Source("any", Open(), shape)):
            check(signal)


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(raw: bytes) -> None:
    with contextlib.suppress(BadDelivery):
        decode(raw)
