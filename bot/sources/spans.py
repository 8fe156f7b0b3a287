"""Spans of traces, and what they add up to: calls between services, work of services, edges. Pure.

Span kinds and attributes: https://opentelemetry.io/docs/specs/otel/trace/api/#spankind and OpenTelemetry's semantic
conventions; a service's graph is found as Tempo's and the Collector's service graphs find it, by pairs of spans.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from bot.domain.evidence import Window
from bot.domain.observed import Calls, Edge, Work
from bot.sources import reading

SERVER, CLIENT, PRODUCER, CONSUMER, INTERNAL = "server", "client", "producer", "consumer", "internal"
SERVER_ERRORS = 500
MOST_ROWS = 20_000
# What a span says of the other side where that sent no spans itself, the most telling first.
PEERS = (
    "peer.service",
    "db.namespace",
    "db.name",
    "db.system.name",
    "db.system",
    "messaging.destination.name",
    "messaging.system",
    "server.address",
    "net.peer.name",
)
# The attributes that are read; there may be many more.
TELLING = frozenset(
    {
        *PEERS,
        "service.name",
        "span.kind",
        "error",
        "otel.status_code",
        "http.response.status_code",
        "http.status_code",
    }
)


@dataclass(frozen=True, slots=True)
class Span:
    """One span. ``parent`` is empty for a root; ``peer`` is what a client says of the other side."""

    trace: str
    id: str
    parent: str
    service: str
    operation: str
    kind: str
    start: datetime
    seconds: float
    error: bool = False
    peer: str = ""


@dataclass(slots=True)
class _Sum:
    """What belongs to one row of an answer."""

    count: int = 0
    errors: int = 0
    client: list[float] | None = None
    server: list[float] | None = None


def told(value: object) -> str:
    """An attribute's value as a text."""
    return str(value).lower() if isinstance(value, bool) else reading.line(value, 200)


def failed(attributes: Mapping[str, str]) -> bool:
    """Whether a span's attributes tell of a failure."""
    status = attributes.get("http.response.status_code") or attributes.get("http.status_code") or ""
    return (
        attributes.get("error", "").lower() == "true"
        or attributes.get("otel.status_code", "").upper() == "ERROR"
        or (status.isdecimal() and int(status) >= SERVER_ERRORS)
    )


def peer_of(attributes: Mapping[str, str]) -> str:
    """What a span says of the other side, empty where it says nothing."""
    return next((attributes[name] for name in PEERS if attributes.get(name)), "")


def calls(spans: Iterable[Span], services: Sequence[str], window: Window, step_seconds: float) -> tuple[Calls, ...]:
    """Calls from or to one of the services, by step, caller and callee; ``services`` empty: all of them."""
    wanted = set(services)
    sums: defaultdict[tuple[int, str, str], _Sum] = defaultdict(lambda: _Sum(client=[], server=[]))
    for caller, callee, asking, answering in _pairs(spans):
        first = asking or answering
        step = _step(first.start, window, step_seconds) if first else None
        if first is None or step is None or (wanted and caller not in wanted and callee not in wanted):
            continue
        one = sums[step, caller, callee]
        one.count += 1
        one.errors += any(side.error for side in (asking, answering) if side)
        # A producer does not wait for its consumer.
        if asking and asking.kind == CLIENT and one.client is not None:
            one.client.append(asking.seconds)
        if answering and one.server is not None:
            one.server.append(answering.seconds)
    return tuple(
        Calls(
            _begins(window, step, step_seconds),
            step_seconds,
            caller,
            callee,
            one.count,
            one.errors,
            median(one.client) if one.client else None,
            median(one.server) if one.server else None,
        )
        for (step, caller, callee), one in sorted(sums.items())[:MOST_ROWS]
    )


def work(spans: Iterable[Span], services: Sequence[str], window: Window, step_seconds: float) -> tuple[Work, ...]:
    """What the services did, by step, service and operation; ``services`` empty: all of them.

    A span's own time is its duration without the times in which at least one of its children ran.
    """
    wanted = set(services)
    known = tuple(spans)
    children: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in known:
        children[span.trace, span.parent].append(span)
    sums: defaultdict[tuple[int, str, str], _Sum] = defaultdict(lambda: _Sum(server=[]))
    for span in known:
        step = _step(span.start, window, step_seconds)
        if step is None or (wanted and span.service not in wanted):
            continue
        one = sums[step, span.service, span.operation]
        one.count += 1
        one.errors += span.error
        if one.server is not None:
            one.server.append(own_seconds(span, children[span.trace, span.id]))
    return tuple(
        Work(
            _begins(window, step, step_seconds),
            step_seconds,
            service,
            operation,
            one.count,
            one.errors,
            median(one.server) if one.server else None,
        )
        for (step, service, operation), one in sorted(sums.items())[:MOST_ROWS]
    )


def edges(spans: Iterable[Span], source: str) -> tuple[Edge, ...]:
    """Who called whom, each pair once."""
    pairs = Counter((caller, callee) for caller, callee, _, _ in _pairs(spans) if caller)
    return tuple(Edge(caller, callee, source) for caller, callee in sorted(pairs))


def own_seconds(span: Span, children: Iterable[Span]) -> float:
    """How long the span took without the times in which one of its children ran."""
    waited, until = 0.0, 0.0
    for start, end in sorted(_within(span, child) for child in children):
        if end > until:
            waited += end - max(start, until)
            until = end
    return max(span.seconds - waited, 0.0)


def _within(span: Span, child: Span) -> tuple[float, float]:
    """When a child began and ended, in seconds after the span's beginning, cut to the span."""
    start = (child.start - span.start).total_seconds()
    return min(max(start, 0.0), span.seconds), min(max(start + child.seconds, 0.0), span.seconds)


def _pairs(spans: Iterable[Span]) -> Iterator[tuple[str, str, Span | None, Span | None]]:
    """Each call as caller, callee, the caller's span and the callee's."""
    known = {(span.trace, span.id): span for span in spans}
    answered: set[tuple[str, str]] = set()
    for span in known.values():
        above = known.get((span.trace, span.parent)) if span.parent else None
        if above is None:
            # Its caller is from outside, unless a part of the trace is missing.
            if not span.parent and span.kind in {SERVER, CONSUMER}:
                yield "", span.service, None, span
        elif above.service != span.service:
            answered.add((above.trace, above.id))
            yield above.service, span.service, above if above.kind in {CLIENT, PRODUCER} else None, span
    for key, span in known.items():
        if span.kind in {CLIENT, PRODUCER} and span.peer and span.peer != span.service and key not in answered:
            yield span.service, span.peer, span, None


def _step(at: datetime, window: Window, step_seconds: float) -> int | None:
    return int((at - window.start).total_seconds() // step_seconds) if window.start <= at <= window.end else None


def _begins(window: Window, step: int, step_seconds: float) -> datetime:
    return window.start + timedelta(seconds=step * step_seconds)
