"""Ask every source at once what it saw around an incident."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.catalogue import Service
from bot.domain.cause import Gap
from bot.domain.evidence import Empty, Failed, Found, Window
from bot.domain.observed import LogLine
from bot.domain.ports import Cluster, Deploys, Logs, Metrics, Traces
from bot.domain.signal import Signal
from skills.rca.signals import read
from skills.rca.signals.blocks import Clockwork
from skills.rca.signals.series import Asked, Deviation, deviation
from skills.rca.signals.sign import Sign

Tell = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back and how finely to look; times in seconds.

    ``guard`` is how long before the alert its cause may have begun, ``bin`` the span in which things are counted, and
    ``lines`` the most lines of a service's log that are read from before, and again since.
    """

    window: float
    guard: float
    step: float
    bin: float
    lines: int = 5_000
    changes: float = 2 * 3600.0


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to ask. What nothing delivers here is None or empty, and is said to be missing."""

    metrics: Metrics
    logs: Logs | None = None
    traces: Traces | None = None
    cluster: Cluster | None = None
    deploys: Sequence[Deploys] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """What the sources saw. ``calls`` are who was seen calling whom."""

    deviations: tuple[Deviation, ...] = ()
    signs: tuple[Sign, ...] = ()
    changes: tuple[Signal, ...] = ()
    gaps: tuple[Gap, ...] = ()
    missing: tuple[str, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Around:
    """About which services, around which moment, with which earlier incidents to leave out of the past."""

    services: Sequence[Service]
    at: datetime
    now: datetime
    reach: Reach
    earlier: tuple[Window, ...] = ()

    @property
    def names(self) -> list[str]:
        """The services' names."""
        return [one.name for one in self.services]

    @property
    def begins(self) -> datetime:
        """From when on it may have begun."""
        return self.at - timedelta(seconds=self.reach.guard)

    @property
    def window(self) -> Window:
        """Everything that is looked at, with the past to compare with."""
        return Window(self.at - timedelta(seconds=self.reach.window), self.now)

    @property
    def clock(self) -> Clockwork:
        """How its time is cut."""
        return Clockwork(self.begins, self.now, self.reach.bin, self.earlier)


async def observe(asked: Around, sources: Sources, tell: Tell) -> Observed:
    """Everything that the sources saw, all asked at once; each says how it answered as soon as it has.

    A source that fails is a gap and stops nothing. ``tell`` takes a kind of source and words (``found 24 series``).
    """
    parts = await asyncio.gather(
        _metrics(asked, sources.metrics, tell),
        _logs(asked, sources.logs, tell),
        _traces(asked, sources.traces, tell),
        _cluster(asked, sources.cluster, tell),
        _deploys(asked, sources.deploys, tell),
    )
    return Observed(
        deviations=parts[0].deviations,
        signs=tuple(sign for part in parts for sign in part.signs),
        changes=tuple(change for part in parts for change in part.changes),
        gaps=tuple(gap for part in parts for gap in part.gaps),
        missing=tuple(name for part in parts for name in part.missing),
        calls=parts[2].calls,
    )


async def _metrics(asked: Around, metrics: Metrics, tell: Tell) -> Observed:
    indicators = [Asked(service.name, one) for service in asked.services for one in service.indicators]
    answers = await asyncio.gather(
        *(metrics.range(one.indicator.query, asked.window, asked.reach.step) for one in indicators)
    )
    guard = timedelta(seconds=asked.reach.guard)

    def look() -> tuple[Deviation, ...]:
        found = []
        for one, answer in zip(indicators, answers, strict=True):
            if isinstance(answer, Found):
                moved = [
                    deviation(one, answer.asked.query, series, asked.at, guard, asked.earlier) for series in answer.data
                ]
                known = [move for move in moved if move]
                found += [max(known, key=lambda move: move.size)] if known else []
        return tuple(found)

    deviations = await asyncio.to_thread(look)
    failed = [answer for answer in answers if isinstance(answer, Failed)]
    gaps = tuple(Gap("metrics", reason) for reason in dict.fromkeys(one.reason for one in failed))
    if not indicators:
        gaps = (Gap("metrics", "the catalogue has no indicators for these services"),)
    count = sum(len(answer.data) for answer in answers if isinstance(answer, Found))
    await tell("metrics", f"found {count} series" if count else f"failed {gaps[0].reason}" if gaps else "empty nothing")
    return Observed(deviations=deviations, gaps=gaps)


async def _logs(asked: Around, logs: Logs | None, tell: Tell) -> Observed:
    if logs is None:
        return Observed(missing=("logs",))
    before = Window(asked.window.start, asked.begins - timedelta(microseconds=1))  # a window has both its ends
    since = Window(asked.begins, asked.now)
    spans = [(name, span) for name in asked.names for span in (before, since)]
    answers = await asyncio.gather(*(logs.lines(name, span, asked.reach.lines) for name, span in spans))
    lines: list[LogLine] = []
    queries: dict[str, str] = {}
    unread: list[tuple[str, Window]] = []
    for (name, span), answer in zip(spans, answers, strict=True):
        if isinstance(answer, Found):
            lines += answer.data
            queries[name] = answer.asked.query
            if len(answer.data) >= asked.reach.lines:
                unread.append((name, Window(span.start, answer.data[0].at)))
        elif isinstance(answer, Failed):
            unread.append((name, span))
    signs = await asyncio.to_thread(read.from_logs, lines, queries, logs.name, asked.clock, unread)
    gaps = _gaps("logs", answers)
    await tell("logs", _words(len(lines), "line", gaps))
    return Observed(signs=tuple(signs), gaps=gaps)


async def _traces(asked: Around, traces: Traces | None, tell: Tell) -> Observed:
    if traces is None:
        return Observed(missing=("traces",))
    calls, work = await asyncio.gather(
        traces.calls(asked.names, asked.window, asked.reach.bin),
        traces.work(asked.names, asked.window, asked.reach.bin),
    )
    signs: list[Sign] = []
    seen: tuple[tuple[str, str], ...] = ()
    count = 0
    if isinstance(calls, Found):
        seen = tuple(sorted({(one.caller, one.callee) for one in calls.data if one.caller}))
        signs += await asyncio.to_thread(read.from_calls, calls.data, calls.asked.query, traces.name, asked.clock)
        count += sum(one.count for one in calls.data)
    if isinstance(work, Found):
        signs += await asyncio.to_thread(read.from_work, work.data, work.asked.query, traces.name, asked.clock)
    gaps = _gaps("traces", (calls, work))
    await tell("traces", _words(count, "call", gaps))
    return Observed(signs=tuple(signs), gaps=gaps, calls=seen)


async def _cluster(asked: Around, cluster: Cluster | None, tell: Tell) -> Observed:
    if cluster is None:
        return Observed(missing=("cluster",))
    answer = await cluster.happenings(asked.names, asked.window)
    gaps = _gaps("cluster", (answer,))
    if not isinstance(answer, Found):
        await tell("cluster", _words(0, "event", gaps))
        return Observed(gaps=gaps)
    signs = read.from_cluster(answer.data, answer.asked.query, cluster.name, asked.clock)
    await tell("cluster", _words(len(answer.data), "event", gaps))
    return Observed(signs=tuple(signs), gaps=gaps)


async def _deploys(asked: Around, deploys: Sequence[Deploys], tell: Tell) -> Observed:
    if not deploys:
        return Observed()
    window = Window(asked.at - timedelta(seconds=asked.reach.changes), asked.now)
    answers = await asyncio.gather(*(one.changes(asked.names, window) for one in deploys))
    changes = tuple(change for answer in answers if isinstance(answer, Found) for change in answer.data)
    gaps = tuple(
        Gap(one.name, answer.reason) for one, answer in zip(deploys, answers, strict=True) if isinstance(answer, Failed)
    )
    await tell("deploys", _words(len(changes), "change", gaps))
    return Observed(changes=changes, gaps=gaps)


def _gaps(source: str, answers: Sequence[Found[tuple[object, ...]] | Empty | Failed]) -> tuple[Gap, ...]:
    reasons = dict.fromkeys(answer.reason for answer in answers if isinstance(answer, Failed))
    return tuple(Gap(source, reason) for reason in reasons)


def _words(count: int, noun: str, gaps: Sequence[Gap]) -> str:
    if count:
        return f"found {count} {noun if count == 1 else noun + 's'}"
    return f"failed {gaps[0].reason}" if gaps else "empty nothing"
