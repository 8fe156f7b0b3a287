"""Spans of the demo's services: who called whom, how long the caller waited, and what the callee did meanwhile.

A trace goes from one service to the next in the header ``traceparent`` (https://www.w3.org/TR/trace-context/).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from bot.demo.collected import Stream

SHARE = 0.5  # of the traces that are kept, decided where a trace begins
HEADER = "traceparent"
Kind = Literal["server", "client", "internal"]
_HEADER = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(slots=True)
class Span:
    """A piece of work under way. ``kept`` is whether its trace is; ``failed`` may be set until it ends."""

    trace: str
    id: str
    parent: str
    operation: str
    kind: Kind
    kept: bool
    failed: bool = False
    tags: dict[str, str | int] = field(default_factory=dict)

    @property
    def headers(self) -> Mapping[str, str]:
        """What a call that belongs to this span carries."""
        return {HEADER: f"00-{self.trace}-{self.id}-{'01' if self.kept else '00'}"}


class Tracer:
    """Writes a service's spans. ``wall`` and ``clock`` are in seconds; the record's times are in microseconds."""

    def __init__(
        self,
        service: str,
        stream: Stream | None,
        wall: Callable[[], float],
        clock: Callable[[], float],
        chance: Random,
    ) -> None:
        self._service, self._stream, self._wall, self._clock, self._chance = service, stream, wall, clock, chance
        self._current: ContextVar[Span | None] = ContextVar(f"the span of {service}", default=None)

    @contextmanager
    def span(self, operation: str, kind: Kind = "internal", header: str = "") -> Iterator[Span]:
        """Work within the span that is under way, or within the caller's, which ``header`` names."""
        span = self._begin(operation, kind, header)
        began, clock = self._wall(), self._clock()
        token = self._current.set(span)
        try:
            yield span
        except BaseException:
            span.failed = True
            raise
        finally:
            self._current.reset(token)
            if span.kept and self._stream is not None:
                self._stream.write(self._record(span, began, self._clock() - clock))

    def _begin(self, operation: str, kind: Kind, header: str) -> Span:
        fresh = f"{self._chance.getrandbits(64):016x}"
        above = self._current.get()
        if above is not None:
            return Span(above.trace, fresh, above.id, operation, kind, above.kept)
        if kind == "internal":  # work of the service's own, which nobody asked for
            return Span("", fresh, "", operation, kind, kept=False)
        if called := _HEADER.fullmatch(header):
            return Span(called[1], fresh, called[2], operation, kind, called[3] == "01")
        kept = self._chance.random() < SHARE
        return Span(f"{self._chance.getrandbits(128):032x}", fresh, "", operation, kind, kept)

    def _record(self, span: Span, began: float, took: float) -> dict[str, object]:
        return {
            "trace": span.trace,
            "span": span.id,
            "parent": span.parent,
            "service": self._service,
            "operation": span.operation,
            "kind": span.kind,
            "start": round(began * 1e6),
            "duration": round(took * 1e6),
            "failed": span.failed,
            "tags": span.tags,
        }
