"""How a metric moved, against its own past. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from bot.domain import wording as w
from bot.domain.catalogue import Indicator
from bot.domain.cause import CauseKind
from bot.domain.evidence import Series, Window
from skills.rca.signals.scale import Scale
from skills.rca.signals.sign import Sign, Trait

MAD_TO_SIGMA = 1.4826
NOTABLE = 4.0
FEWEST_BEFORE = 5
QUIET_SAMPLES, QUIET_TIME = 3, timedelta(minutes=2)  # either ends a spike
PAST_BLOCKS = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """An indicator of a service that was read."""

    service: str
    indicator: Indicator

    @property
    def title(self) -> str:
        """For people: ``payment connection pool in use``."""
        return f"{self.service} {self.indicator.title or self.indicator.name}"


@dataclass(frozen=True, slots=True)
class Deviation:
    """How an indicator moved. ``size`` is in robust standard deviations towards the bad side; times in UTC.

    ``before`` is its middle in the past, ``peak`` how bad it became, ``past`` how many samples from before there are to
    compare with, and ``past_sizes`` what spans of the past that are as long would have scored.
    """

    asked: Asked
    query: str
    size: float
    before: float
    peak: float
    onset: datetime | None
    breached: bool
    series: Series
    past: int
    past_sizes: tuple[float, ...] = ()

    @property
    def thin(self) -> bool:
        """Whether there is too little past to compare with."""
        return self.past < FEWEST_BEFORE

    @property
    def notable(self) -> bool:
        """Whether it moved enough to speak of."""
        return self.size >= NOTABLE and self.onset is not None


def deviation(
    asked: Asked, query: str, series: Series, alert_at: datetime, guard: timedelta, earlier: Sequence[Window] = ()
) -> Deviation | None:
    """How a series moved around the alert's time. None when there is no sample after the guard's beginning.

    The past ends a guard before the alert: rules fire late. Windows of earlier incidents are left out of it where
    enough remains. The onset is the first sample of the run of deviating ones that reaches the alert's time or later,
    so an old spike that went away is none.
    """
    begins = alert_at - guard
    before = [(at, value) for at, value in series.samples if at < begins]
    recent = [(at, value) for at, value in series.samples if at >= begins]
    if not recent:
        return None
    calm = [value for at, value in before if not any(one.start <= at <= one.end for one in earlier)]
    past = calm if len(calm) >= FEWEST_BEFORE else [value for _, value in before]
    sign = 1.0 if asked.indicator.bad == "high" else -1.0
    middle = median(past) if past else recent[0][1]
    spread = median(abs(value - middle) for value in past) if past else 0.0
    sigma = max(MAD_TO_SIGMA * spread, asked.indicator.floor, 0.05 * abs(middle), 1e-9)
    onset = _onset([(at, sign * (value - middle) / sigma) for at, value in recent], alert_at)
    after = [value for at, value in recent if onset is None or at >= onset]
    worst, size = _size(after, middle, sigma, sign)
    limit = asked.indicator.limit
    length = max(len(recent), 1)
    starts = range(len(past) % length, len(past), length)
    sizes = [max(_size(past[one : one + length], middle, sigma, sign)[1], 0.0) for one in starts][-PAST_BLOCKS:]
    return Deviation(
        asked,
        query,
        size if onset else min(size, NOTABLE - 1),
        middle,
        worst,
        onset,
        limit is not None and sign * (worst - limit) >= 0,
        series,
        len(past),
        tuple(sizes),
    )


def _size(values: Sequence[float], middle: float, sigma: float, sign: float) -> tuple[float, float]:
    """How bad it became, and between that and how it is at the end, in robust standard deviations."""
    now = median(values[-max(3, len(values) // 3) :])
    worst = sorted(value * sign for value in values)[-max(1, len(values) // 5)] * sign
    return worst, sign * (median([now, worst]) - middle) / sigma


def _onset(moves: Sequence[tuple[datetime, float]], alert_at: datetime) -> datetime | None:
    start: datetime | None = None
    loud: datetime | None = None
    quiet = 0
    for at, size in moves:
        if size >= NOTABLE:
            start, loud, quiet = start or at, at, 0
        elif start is not None and loud is not None and at < alert_at:
            quiet += 1
            if quiet > QUIET_SAMPLES or at - loud >= QUIET_TIME:
                start, quiet = None, 0
    return start


TRAITS = {
    CauseKind.LATENCY: Trait.LATENCY,
    CauseKind.ERRORS: Trait.ERRORS,
    CauseKind.TRAFFIC: Trait.TRAFFIC,
    CauseKind.NETWORK: Trait.LATENCY,
}


def trait(indicator: Indicator) -> Trait:
    """What a deviation of the indicator is about."""
    if indicator.kind is CauseKind.MEMORY:
        return Trait.MEMORY
    return Trait.RESOURCE if indicator.role == "resource" else TRAITS.get(indicator.kind, Trait.ERRORS)


def signs(deviations: Iterable[Deviation]) -> dict[Asked, Sign]:
    """The sign that each notable deviation is; how surprising it is depends on the past of its kind everywhere.

    An indicator that jumps about in many services says little in any of them, and one that jumps about in this service
    says little here: the lesser surprise of both counts.
    """
    moved = tuple(deviations)
    sizes: dict[tuple[str, str], list[float]] = {}
    for one in moved:
        sizes.setdefault((one.asked.indicator.name, one.asked.indicator.bad), []).extend(one.past_sizes)
    scales = {name: Scale.of(found) for name, found in sizes.items()}
    found = {}
    for one in moved:
        if one.notable:
            indicator = one.asked.indicator
            anywhere = scales[indicator.name, indicator.bad].surprise(one.size)
            here = Scale.of(one.past_sizes).surprise(one.size)
            found[one.asked] = Sign(
                service=one.asked.service,
                trait=trait(indicator),
                kind=indicator.kind,
                surprise=min(anywhere, here),
                text=_text(one),
                query=one.query,
                source="metrics",
                evidence="metric",
                onset=one.onset,
                indicator=indicator.name,
            )
    return found


def _text(one: Deviation) -> str:
    unit = one.asked.indicator.unit
    return f"{one.asked.title} {w.measure(one.before, unit)} → {w.measure(one.peak, unit)}"
