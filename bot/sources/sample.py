"""A sample of traces, taken once for the questions that are asked about the same window at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakValueDictionary

from bot.domain.evidence import Empty, Failed, Found, Window
from bot.domain.observed import Calls, Work
from bot.sources import spans
from bot.sources.spans import Span

KEPT_SECONDS = 10.0

Spans = Found[tuple[Span, ...]] | Empty | Failed
Key = tuple[frozenset[str], Window]


@dataclass(frozen=True, slots=True)
class _Taken:
    """The last sample: what was asked for, what came, its number, and until when it is new enough."""

    key: Key
    spans: Spans
    number: int
    until: float


class Sample:
    """Answers what can be told from spans. ``take`` gets those of the traces that touch the services in a window."""

    def __init__(self, take: Callable[[Sequence[str], Window], Awaitable[Spans]], steady: Callable[[], float]) -> None:
        self._take, self._steady = take, steady
        # One lock for each sample that is being taken, gone with the last one who waits for it.
        self._taking: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._taken = 0
        self._last: _Taken | None = None

    async def calls(
        self, services: Sequence[str], window: Window, step_seconds: float
    ) -> Found[tuple[Calls, ...]] | Empty | Failed:
        """The calls in the sample."""
        match await self.spans(services, window):
            case Found(asked, known):
                found = spans.calls(known, services, window, step_seconds)
                return Found(asked, found) if found else Empty(asked)
            case without:
                return without

    async def work(
        self, services: Sequence[str], window: Window, step_seconds: float
    ) -> Found[tuple[Work, ...]] | Empty | Failed:
        """The work in the sample."""
        match await self.spans(services, window):
            case Found(asked, known):
                found = spans.work(known, services, window, step_seconds)
                return Found(asked, found) if found else Empty(asked)
            case without:
                return without

    async def spans(self, services: Sequence[str], window: Window) -> Spans:
        """The sample's spans. Whoever asks for the same while it is taken, or soon after, gets the same."""
        key: Key = (frozenset(services), window)
        before = self._taken
        lock = self._taking.setdefault(key, asyncio.Lock())
        async with lock:
            last = self._last
            if last is not None and last.key == key:
                fresh = isinstance(last.spans, Found) and self._steady() < last.until
                if fresh or last.number > before:
                    return last.spans
            found = await self._take(services, window)
            self._taken += 1
            self._last = _Taken(key, found, self._taken, self._steady() + KEPT_SECONDS)
            return found


def slices(window: Window, parts: int) -> Iterator[tuple[datetime, datetime]]:
    """The window in equal parts, each at least a second long, so that a sample is spread over all of it."""
    count = max(1, min(parts, int(window.length.total_seconds())))
    length = window.length / count
    for part in range(count):
        yield window.start + part * length, window.start + (part + 1) * length


def named(services: Mapping[str, str]) -> Mapping[str, str]:
    """For what traces call a service its own name."""
    return {called: service for service, called in reversed(tuple(services.items()))}
