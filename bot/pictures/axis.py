"""What stands along the axes: samples thinned to what can be seen, times in the reader's zone, round numbers. Pure."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

MINUTE, HOUR, DAY = 60, 3_600, 86_400
STEPS = (1, 2, 5, 10, 15, 30, *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)), *(n * HOUR for n in (1, 2, 3, 6, 12)))
GAP = 4.0  # times the usual distance between samples: nobody measured there
SMALLEST, GREATEST = 1e-3, 1e15  # numbers written without an exponent
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

Point = tuple[float, float]


def points(samples: Sequence[tuple[datetime, float]]) -> list[Point]:
    """Samples as seconds since 1970 and values, NaN where there is none: not a number, or nothing for a while."""
    given = [(at.timestamp(), value if math.isfinite(value) else math.nan) for at, value in samples]
    distances = sorted(b[0] - a[0] for a, b in pairwise(given))
    usual = distances[len(distances) // 2] if distances else 0.0
    joined = given[:1]
    for before, point in pairwise(given):
        if usual > 0 and point[0] - before[0] > GAP * usual:
            joined.append(((before[0] + point[0]) / 2, math.nan))
        joined.append(point)
    return joined


def thin(line: Sequence[Point], most: int) -> list[Point]:
    """The line as at most two points for each of ``most`` stretches, their least and their greatest: no peak is lost.

    A stretch without any number stays a gap.
    """
    if len(line) <= 2 * most:
        return list(line)
    start, span = line[0][0], (line[-1][0] - line[0][0]) or 1.0
    stretches: dict[int, list[Point]] = {}
    for point in line:
        stretches.setdefault(min(int((point[0] - start) / span * most), most - 1), []).append(point)
    kept: list[Point] = []
    for number in sorted(stretches):
        numbers = [point for point in stretches[number] if not math.isnan(point[1])]
        extremes = {min(numbers, key=lambda one: one[1]), max(numbers, key=lambda one: one[1])} if numbers else set()
        kept += sorted(extremes) or stretches[number][:1]
    return kept


def alone(line: Sequence[Point]) -> list[Point]:
    """The points between two gaps, which no line would show."""
    padded = [math.nan, *(value for _, value in line), math.nan]
    return [
        point
        for before, point, after in zip(padded, line, padded[2:], strict=False)
        if math.isnan(before) and math.isnan(after) and not math.isnan(point[1])
    ]


def ticks(start: datetime, end: datetime, zone: tzinfo, most: int) -> list[tuple[datetime, str]]:
    """At most so many round times of the zone's clock from ``start`` to ``end``, in UTC, each as it is written.

    Where clocks are put back an hour is passed twice and its times stand there twice; where they are put forward the
    times that do not exist are left out. Midnight is written as its day.
    """
    span = (end - start).total_seconds()
    step = next((step for step in STEPS if span / step < most), DAY * max(math.ceil(span / most / DAY), 1))
    found: list[tuple[datetime, str]] = []
    if step <= HOUR:
        # Zones differ from UTC by quarters of an hour, so that a step of an hour has to begin at the zone's own.
        offset = (start.astimezone(zone).utcoffset() or timedelta()).total_seconds()
        first = math.ceil((start.timestamp() + offset) / step) * step - offset
        times = [datetime.fromtimestamp(first + n * step, UTC) for n in range(int(span // step) + 2)]
    else:
        midnight = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        walls = [midnight + timedelta(seconds=n * step) for n in range(int(span // step) + 2 + DAY // min(step, DAY))]
        times = [wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls]
        times = [at for at, wall in zip(times, walls, strict=True) if at.astimezone(zone).replace(tzinfo=None) == wall]
    for at in times:
        if start <= at <= end:
            there = at.astimezone(zone)
            found.append(
                (at, f"{there:%d %b}" if (there.hour, there.minute, there.second) == (0, 0, 0) else _clock(there, step))
            )
    return found


def caption(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Day and zone of an axis: ``21 Nov 2026, CET (Europe/Berlin)``; with both zones where clocks are changed."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    days = f"{last:%d %b %Y}" if first.date() == last.date() else f"{first:%d %b} to {last:%d %b %Y}"
    named = f" ({zone})" if str(zone) != last.tzname() else ""
    if first.utcoffset() == last.utcoffset():
        return f"{days}, {last:%Z}{named}"
    seconds = range(int(start.timestamp()), int(end.timestamp()) + 1)
    changed = bisect_right(
        seconds, 0, key=lambda at: int(datetime.fromtimestamp(at, zone).utcoffset() != first.utcoffset())
    )
    change = datetime.fromtimestamp(seconds[min(changed, len(seconds) - 1)], zone)
    return f"{days}, {first:%Z}, and {last:%Z} from {change:%H:%M}{named}"


def written(at: datetime, start: datetime, end: datetime, zone: tzinfo) -> str:
    """A time as precise as the span asks for."""
    span = (end - start).total_seconds()
    there = at.astimezone(zone)
    return f"{there:%d %b %H:%M}" if span > DAY else _clock(there, 1 if span < HOUR else MINUTE)


def scale(unit: str, largest: float) -> tuple[float, str]:
    """By what to multiply values of the unit, so that their numbers are short, and what they are then called."""
    match unit:
        case "ratio":
            return 100.0, "%"
        case "seconds" | "s":
            return (1_000.0, "ms") if abs(largest) < 1 else (1.0, "s")
        case "bytes":
            factor, letter = next((one for one in PREFIXES if abs(largest) >= one[0]), (1.0, ""))
            return 1 / factor, f"{letter}B"
        case _:
            return 1.0, unit


def rounds(top: float, most: int = 3) -> list[float]:
    """At most so many round numbers from 0 to ``top``, which is greater than 0."""
    power = 10.0 ** math.floor(math.log10(top))
    step = next(step for step in (power * n for n in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10)) if top / step < most)
    return [n * step for n in range(int(top / step) + 1)]


def short(value: float) -> str:
    """A number for an axis: ``0``, ``2.5``, ``250``, ``1.2k``, ``3M``, ``1e+20``."""
    if value and not SMALLEST <= abs(value) < GREATEST:
        return f"{value:.2g}"
    factor, letter = next((one for one in PREFIXES if abs(value) >= one[0]), (1.0, ""))
    return f"{value / factor:.3g}{letter}"


def _clock(there: datetime, step: float) -> str:
    return f"{there:%H:%M:%S}" if step < MINUTE else f"{there:%H:%M}"
