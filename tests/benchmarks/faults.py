"""Recorded faults as the product's ports would serve them: metrics, logs and traces of a day up to a moment.

Reads a folder in this layout; a file that is missing is a missing signal:

- ``cases.jsonl`` (case_id, system, day, inject_time, root_cause_service, fault_type) and ``faults.jsonl`` (the times of
  every fault of those days);
- ``rca_data_DAY_metrics.csv.gz`` (a row a pod and minute), ``rca_data_DAY_front_service.csv``;
- ``…_edges.csv`` and ``…_trace_agg.csv``, ``…_trace_service_minute.csv`` (per minute, from traces), each also as
  ``construct_data_DAY_…``, an ordinary minute;
- ``…_source_50.csv`` and ``…_destination_50.csv``: what a service mesh measured at both ends of each call;
- ``…_logs.csv.gz`` and ``topology_DAY.csv``.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from bot.domain.catalogue import Catalogue, Indicator, Service
from bot.domain.cause import CauseKind
from bot.domain.evidence import Asked, Empty, Found, Series, Window
from bot.domain.observed import Calls, Level, LogLine, Work

T = TypeVar("T", Calls, Work)
MINUTE = timedelta(minutes=1)
MESH_CALLS = 30  # a mesh's median comes without the number of calls that it is of
PREFIXES = ("construct_data", "rca_data")
# What anybody would put into a catalogue for a pod: the column, and what it says. No column belongs to one service.
INDICATORS: Mapping[str, Indicator] = {
    "CpuUsageRate(%)": Indicator("cpu", "", CauseKind.CPU, "resource", "%", "CPU", 90.0, floor=5.0),
    "MemoryUsageRate(%)": Indicator("memory", "", CauseKind.MEMORY, "resource", "%", "memory", 95.0, floor=3.0),
    "PodServerLatencyP90(s)": Indicator("latency-90", "", CauseKind.LATENCY, unit="seconds", title="p90", floor=0.010),
    "PodServerLatencyP99(s)": Indicator("latency-99", "", CauseKind.LATENCY, unit="seconds", title="p99", floor=0.020),
    "PodClientLatencyP95(s)": Indicator("waits", "", CauseKind.NETWORK, unit="seconds", title="waiting", floor=0.010),
    "PodWorkload(Ops)": Indicator("load", "", CauseKind.TRAFFIC, unit="/s", title="requests", floor=0.5),
}
LEVELS = {"ERROR": Level.ERROR, "FATAL": Level.ERROR, "WARN": Level.WARNING, "WARNING": Level.WARNING}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that was put in. ``service`` and ``kind`` are labels: nothing of the engine sees them."""

    name: str
    system: str
    day: str
    at: datetime
    service: str = ""
    kind: str = ""


@dataclass(slots=True)
class Day:
    """One day of a system, read once."""

    catalogue: Catalogue
    metrics: dict[str, list[Series]] = field(default_factory=dict)
    lines: dict[str, list[LogLine]] = field(default_factory=dict)
    calls: list[Calls] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    minutes: list[datetime] = field(default_factory=list)


def moment(text: str) -> datetime:
    """A time of the data, which carries no zone, to the microsecond."""
    text = text.replace("T", " ").split(" +")[0][:26]
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def faults(folder: Path, name: str) -> list[Fault]:
    """The faults of ``cases.jsonl`` or ``faults.jsonl``, none where there is no such file."""
    found = []
    text = (folder / name).read_text(encoding="utf-8") if (folder / name).is_file() else ""
    for line in text.splitlines():
        if line.strip():
            row = json.loads(line)
            at = moment(row["inject_time"])
            service, kind = row.get("root_cause_service", ""), row.get("fault_type", "")
            found.append(Fault(row.get("case_id", ""), row["system"], row["day"], at, service, kind))
    return found


def rows(path: Path) -> Iterator[dict[str, str]]:
    """A CSV file's rows, of a packed one too; none where there is no such file."""
    if path.is_file():
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            yield from csv.DictReader(file)


def number(text: str | None) -> float | None:
    """A number of the data, None where there is none or it is not finite."""
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else None


def day(folder: Path, name: str) -> Day:
    """Everything of a day."""
    series: dict[tuple[str, str, str], list[tuple[datetime, float]]] = {}
    services: dict[str, None] = {}
    for row in rows(folder / f"rca_data_{name}_metrics.csv.gz"):
        at = moment(row["time"])
        services[row["service"]] = None
        for column in INDICATORS:
            value = number(row.get(column))
            if value is not None:
                series.setdefault((row["service"], column, row["pod"]), []).append((at, value))
    called: dict[str, dict[str, None]] = {}
    for row in rows(folder / f"topology_{name}.csv"):
        if row["caller"] != row["callee"]:
            called.setdefault(row["caller"], {})[row["callee"]] = None
    services |= dict.fromkeys(called) | dict.fromkeys(one for some in called.values() for one in some)
    found = Day(Catalogue({one: _service(one, tuple(called.get(one, ()))) for one in services}))
    for (service, column, pod), samples in series.items():
        one = Series((("pod", pod),), tuple(sorted(samples)))
        found.metrics.setdefault(f"{INDICATORS[column].name}:{service}", []).append(one)
        found.metrics.setdefault(f"{INDICATORS[column].name}-low:{service}", []).append(one)
    found.minutes = sorted({at for samples in series.values() for at, _ in samples})
    for prefix in PREFIXES:
        _traces(found, folder, f"{prefix}_{name}", name)
        for row in rows(folder / f"{prefix}_{name}_logs.csv.gz"):
            line = LogLine(moment(row["time"]), row["service"], row["msg"], LEVELS.get(row["level"], Level.INFO))
            found.lines.setdefault(row["service"], []).append(line)
    _mesh(found, folder, f"rca_data_{name}")
    for lines in found.lines.values():
        lines.sort(key=lambda one: one.at)
    return found


def _service(name: str, calls: tuple[str, ...]) -> Service:
    indicators = []
    for one in INDICATORS.values():
        indicators.append(_named(one, name, ""))
        if one.kind is CauseKind.TRAFFIC:
            indicators.append(_named(one, name, "-low"))
    return Service(name, calls=calls, indicators=tuple(indicators))


def _named(one: Indicator, service: str, low: str) -> Indicator:
    return Indicator(
        one.name + low,
        f"{one.name}{low}:{service}",
        one.kind,
        one.role,
        one.unit,
        one.title,
        one.limit,
        bad="low" if low else "high",
        floor=one.floor,
    )


def _traces(found: Day, folder: Path, stem: str, name: str) -> None:
    def at(row: Mapping[str, str]) -> datetime:
        return moment(f"{name} {row['minute_hh_mm'].replace('_', ':')}:00")

    for row in rows(folder / f"{stem}_edges.csv"):
        client, server = float(row["client_p50_us"]) / 1e6, float(row["server_p50_us"]) / 1e6
        found.calls.append(Calls(at(row), 60, row["caller"], row["callee"], int(row["calls"]), 0, client, server))
    for row in rows(folder / f"{stem}_trace_agg.csv"):
        found.work.append(Work(at(row), 60, row["service"], row["operation"], int(row["spans"])))
    for row in rows(folder / f"{stem}_trace_service_minute.csv"):
        own = float(row["self_p90_us"]) / 1e6
        found.work.append(Work(at(row), 60, row["service"], "", int(row["spans"]), own_seconds=own))


def _mesh(found: Day, folder: Path, stem: str) -> None:
    """Both ends' medians of each pair of services, minute by minute."""
    ends: dict[tuple[str, str], dict[str, tuple[datetime, float]]] = {}
    for end in ("source", "destination"):
        for row in rows(folder / f"{stem}_{end}_50.csv"):
            at = moment(row["time"])
            for pair, value in row.items():
                seconds = number(value) if pair and pair.count("_") == 1 else None
                if seconds is not None:
                    ends.setdefault((at.strftime("%H:%M"), pair), {})[end] = (at, seconds)
    for (_, pair), both in ends.items():
        if len(both) == len(("source", "destination")):
            caller, callee = pair.split("_")
            at, waited = both["source"]
            found.calls.append(
                Calls(at, 60, caller, callee, MESH_CALLS, 0, waited, both["destination"][1], counted=False)
            )


@dataclass(frozen=True, slots=True)
class Metrics:
    """A day's metrics up to a moment."""

    day: Day
    until: datetime

    async def range(self, query: str, window: Window, step_seconds: float) -> Found[tuple[Series, ...]] | Empty:
        """The series of a query such as ``cpu:cart``."""
        asked = Asked("metrics", query, window, step_seconds)
        end = min(window.end, self.until)
        cut = tuple(_cut(one, window.start, end) for one in self.day.metrics.get(query, ()))
        kept = tuple(one for one in cut if one.samples)
        return Found(asked, kept) if kept else Empty(asked)

    async def instant(self, query: str, at: datetime) -> Found[tuple[Series, ...]] | Empty:
        """The newest sample of each series."""
        answer = await self.range(query, Window(self.day.minutes[0], at), 60)
        if isinstance(answer, Empty):
            return answer
        return Found(answer.asked, tuple(Series(one.labels, one.samples[-1:]) for one in answer.data))


def _cut(series: Series, start: datetime, end: datetime) -> Series:
    def when(sample: tuple[datetime, float]) -> datetime:
        return sample[0]

    first = bisect_left(series.samples, start, key=when)
    return Series(series.labels, series.samples[first : bisect_right(series.samples, end, key=when)])


@dataclass(frozen=True, slots=True)
class Logs:
    """A day's logs up to a moment."""

    day: Day
    until: datetime
    name: str = "recorded logs"

    async def lines(self, service: str, window: Window, limit: int) -> Found[tuple[LogLine, ...]] | Empty:
        """The service's lines."""
        asked, end = Asked(self.name, f'{{service_name="{service}"}}', window), min(window.end, self.until)
        lines = self.day.lines.get(service, [])
        first = bisect_left(lines, window.start, key=lambda one: one.at)
        kept = tuple(lines[first : bisect_right(lines, end, key=lambda one: one.at)][-limit:])
        return Found(asked, kept) if kept else Empty(asked)


@dataclass(frozen=True, slots=True)
class Traces:
    """A day's traces up to a moment, minute by minute; a minute that has not ended is not known yet."""

    day: Day
    until: datetime
    name: str = "recorded traces"

    async def calls(
        self, services: Sequence[str], window: Window, step_seconds: float
    ) -> Found[tuple[Calls, ...]] | Empty:
        """Calls of the services."""
        asked, known = Asked(self.name, "calls by minute", window, step_seconds), set(services)
        kept = self._within(self.day.calls, window, lambda one: one.callee in known or one.caller in known)
        return Found(asked, kept) if kept else Empty(asked)

    async def work(
        self, services: Sequence[str], window: Window, step_seconds: float
    ) -> Found[tuple[Work, ...]] | Empty:
        """What the services did."""
        asked, known = Asked(self.name, "operations by minute", window, step_seconds), set(services)
        kept = self._within(self.day.work, window, lambda one: one.service in known)
        return Found(asked, kept) if kept else Empty(asked)

    def _within(self, all_: Sequence[T], window: Window, mine: Callable[[T], bool]) -> tuple[T, ...]:
        end = min(window.end, self.until - MINUTE)
        return tuple(one for one in all_ if window.start <= one.at <= end and mine(one))
