"""Ranking causes from evidence alone. Pure.

A metric's deviation is measured against its own past: median and median absolute deviation of the samples before the
alert's time less a guard. Hypotheses are the deviations; what raises one is its size, a breached limit, being a
resource rather than a symptom, lying downstream of what alerts, an early onset, a change just before it in the same
place, and similar incidents. Nothing here knows the name of a service.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from bot.domain import wording as w
from bot.domain.catalogue import Catalogue, Indicator
from bot.domain.cause import (
    CauseKind,
    CauseReport,
    ChangeBefore,
    Evidence,
    Gap,
    Hypothesis,
    RunbookRef,
    Similar,
    Verdict,
)
from bot.domain.evidence import Series
from bot.domain.signal import Signal

MAD_TO_SIGMA = 1.4826
NOTABLE = 4.0
FEWEST_BEFORE = 5
QUIET_SAMPLES, QUIET_TIME = 3, timedelta(minutes=2)  # either ends a spike
CHANGE_BEFORE = timedelta(minutes=30)
SURE_ENOUGH = 0.5


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
    compare with.
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

    @property
    def thin(self) -> bool:
        """Whether there is too little past to compare with."""
        return self.past < FEWEST_BEFORE

    @property
    def notable(self) -> bool:
        """Whether it moved enough to speak of."""
        return self.size >= NOTABLE and self.onset is not None


def deviation(asked: Asked, query: str, series: Series, alert_at: datetime, guard: timedelta) -> Deviation | None:
    """How a series moved around the alert's time. None when there is no sample after the guard's beginning.

    The past ends a guard before the alert: rules fire late. The onset is the first sample of the run of deviating ones
    that reaches the alert's time or later, so an old spike that went away is none.
    """
    begins = alert_at - guard
    past = [value for at, value in series.samples if at < begins]
    recent = [(at, value) for at, value in series.samples if at >= begins]
    if not recent:
        return None
    sign = 1.0 if asked.indicator.bad == "high" else -1.0
    middle = median(past) if past else recent[0][1]
    spread = median(abs(value - middle) for value in past) if past else 0.0
    sigma = max(MAD_TO_SIGMA * spread, asked.indicator.floor, 0.05 * abs(middle), 1e-9)
    moves = [(at, sign * (value - middle) / sigma) for at, value in recent]
    onset = _onset(moves, alert_at)
    after = [value for at, value in recent if onset is None or at >= onset]
    last = after[-max(3, len(after) // 3) :]
    now = median(last)
    worst = sorted(value * sign for value in after)[-max(1, len(after) // 5)] * sign
    size = sign * (median([now, worst]) - middle) / sigma
    limit = asked.indicator.limit
    breached = limit is not None and sign * (worst - limit) >= 0
    return Deviation(
        asked, query, size if onset else min(size, NOTABLE - 1), middle, worst, onset, breached, series, len(past)
    )


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


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was gathered for one incident."""

    alerting: tuple[str, ...]
    alert_at: datetime
    deviations: tuple[Deviation, ...]
    changes: tuple[Signal, ...]
    similar: tuple[Similar, ...]
    runbook: RunbookRef | None
    gaps: tuple[Gap, ...]
    kinds_before: Mapping[str, CauseKind]


class Ledger:
    """Hands out evidence ids, each piece once."""

    def __init__(self) -> None:
        self.pieces: list[Evidence] = []

    def add(
        self, kind: str, service: str, text: str, query: str, source: str, at: datetime | None = None, url: str = ""
    ) -> str:  # a piece of evidence has these parts
        """Note a piece and give its id."""
        piece = Evidence(f"E{len(self.pieces) + 1}", kind, service, text, query, source, at, url)
        self.pieces.append(piece)
        return piece.id


def rank(findings: Findings, catalogue: Catalogue, now: datetime, seconds: float) -> CauseReport:
    """The report: hypotheses best first, each resting on evidence ids, with what speaks against it."""
    ledger = Ledger()
    moved = [one for one in findings.deviations if one.notable]
    onset = min((one.onset for one in moved if one.onset), default=None)
    changes = _before(findings.changes, onset or findings.alert_at)
    cited = {one.asked: _metric(ledger, one) for one in moved}
    change_ids = {change.signal_id: _change(ledger, change) for change in changes}
    similar_ids = {past.id: _past(ledger, past) for past in findings.similar}
    made = sorted(((_score(one, moved, findings, changes, catalogue), one) for one in moved), key=lambda pair: -pair[0])
    shares = _confidences(made, catalogue)
    hypotheses = []
    for (_, one), confidence in zip(made, shares, strict=True):
        change = _own_change(one, changes)
        supports = [cited[one.asked]]
        supports += [cited[other.asked] for other in moved if other is not one and _explains(one, other, catalogue)][:2]
        if change:
            supports.append(change_ids[change.signal_id])
        supports += [similar_ids[past.id] for past in findings.similar if _alike(past, one, findings)][:1]
        against = _against(ledger, one, made, findings, catalogue)
        hypotheses.append(
            Hypothesis(
                one.asked.indicator.kind,
                one.asked.service,
                one.asked.indicator.name,
                _say(one, change),
                confidence,
                tuple(supports),
                against,
                _settles(one, change),
            )
        )
    verdict = Verdict.LIKELY if hypotheses and hypotheses[0].confidence >= SURE_ENOUGH else Verdict.UNSURE
    best = made[0][1] if made else None
    return CauseReport(
        verdict=verdict,
        hypotheses=tuple(hypotheses[:5]),
        evidence=tuple(ledger.pieces),
        gaps=findings.gaps,
        onset=best.onset if best else None,
        changes=changes,
        runbook=findings.runbook,
        similar=findings.similar,
        found_at=now,
        seconds=seconds,
    )


def _score(
    one: Deviation,
    moved: Sequence[Deviation],
    findings: Findings,
    changes: Sequence[ChangeBefore],
    catalogue: Catalogue,
) -> float:
    """Log-odds that this deviation is the cause rather than an effect of another."""
    indicator, service = one.asked.indicator, one.asked.service
    score = -1.2 + min(math.log(one.size / NOTABLE), 2.0) * 0.5
    score += 0.6 if one.breached else 0.0
    score += 1.4 if indicator.role == "resource" else 0.0
    score -= 0.5 if indicator.kind is CauseKind.ERRORS else 0.0
    score -= 0.8 if one.thin else 0.0
    deeper = [o for o in moved if o.asked.service in catalogue.callees(service)]
    score -= 1.5 if deeper else 0.0
    upstream = [name for name in findings.alerting if service in catalogue.callees(name)]
    score += 0.9 if upstream else 0.0
    firsts = [o.onset for o in moved if o.onset and o.asked.service != service]
    if one.onset and firsts and one.onset <= min(firsts):
        score += 0.4
    if _own_change(one, changes):
        score += 0.7
    alike = [past for past in findings.similar if _alike(past, one, findings)]
    score += 0.5 * max((past.score for past in alike), default=0.0)
    return score


def _confidences(made: Sequence[tuple[float, Deviation]], catalogue: Catalogue) -> list[float]:
    """Each hypothesis' own odds; the best one's are shared with rivals that it does not explain, others count half."""
    odds = [1 / (1 + math.exp(-score)) for score, _ in made]
    shares = []
    for place, ((_, one), own) in enumerate(zip(made, odds, strict=True)):
        if place:
            shares.append(own * 0.5)
            continue
        rivals = [o for o, (_, other) in zip(odds[1:], made[1:], strict=True) if not _explains(one, other, catalogue)]
        shares.append(own * (1 - 0.5 * (max(rivals, default=0.0) / own) ** 3))
    return [round(min(max(share, 0.01), 0.95), 2) for share in shares]


def _explains(cause: Deviation, effect: Deviation, catalogue: Catalogue) -> bool:
    same = cause.asked.service == effect.asked.service
    return (
        same or cause.asked.service in catalogue.callees(effect.asked.service)
    ) and effect.asked.indicator.role == "symptom"


def _before(changes: Sequence[Signal], onset: datetime) -> tuple[ChangeBefore, ...]:
    """The changes shortly before the onset, nearest first. A minute after still counts: clocks are not exact."""
    found = []
    for change in changes:
        lead = onset - change.at
        if timedelta(minutes=-1) <= lead <= CHANGE_BEFORE:
            found.append(
                ChangeBefore(
                    signal_id=change.id,
                    service=change.service,
                    title=change.summary or change.name,
                    version=change.facts.get("version", ""),
                    previous=change.facts.get("previous", ""),
                    at=change.at,
                    minutes=max(lead.total_seconds() / 60, 0.0),
                    url=change.url,
                )
            )
    return tuple(sorted(found, key=lambda one: one.minutes))


def _own_change(one: Deviation, changes: Sequence[ChangeBefore]) -> ChangeBefore | None:
    return next((change for change in changes if change.service == one.asked.service), None)


def _alike(past: Similar, one: Deviation, findings: Findings) -> bool:
    return findings.kinds_before.get(past.id) is one.asked.indicator.kind


def _metric(ledger: Ledger, one: Deviation) -> str:
    unit = one.asked.indicator.unit
    text = f"{one.asked.title} {w.measure(one.before, unit)} → {w.measure(one.peak, unit)}"
    return ledger.add("metric", one.asked.service, text, one.query, "metrics", one.onset)


def _change(ledger: Ledger, change: ChangeBefore) -> str:
    text = f"{change.title}, {w.duration(change.minutes * 60)} before the onset"
    return ledger.add("change", change.service, text, f"changes of {change.service}", "changes", change.at, change.url)


def _past(ledger: Ledger, past: Similar) -> str:
    mark = " (sample data)" if past.sample else ""
    return ledger.add(
        "past incident",
        "",
        f"{past.id}: {past.title}, fixed by {past.fix or 'nobody knows'}{mark}",
        past.id,
        "knowledge",
    )


def _against(
    ledger: Ledger,
    one: Deviation,
    made: Sequence[tuple[float, Deviation]],
    findings: Findings,
    catalogue: Catalogue,
) -> tuple[str, ...]:
    """What does not fit: ordinary resources for a symptom, a thin past, something that moved earlier elsewhere."""
    found = []
    if one.asked.indicator.role == "symptom":
        ordinary = [
            other.asked.indicator.title or other.asked.indicator.name
            for other in findings.deviations
            if other.asked.service == one.asked.service
            and other.asked.indicator.role == "resource"
            and not other.notable
        ]
        if ordinary:
            text = f"{one.asked.service}'s {w.listed(ordinary)} {'are' if len(ordinary) > 1 else 'is'} ordinary"
            found.append(ledger.add("metric", one.asked.service, text, "the same window", "metrics"))
    if one.thin:
        text = f"only {w.plural(one.past, 'sample')} from before to compare with"
        found.append(ledger.add("metric", one.asked.service, text, one.query, "metrics"))
    earlier = [
        other
        for _, other in made
        if other is not one
        and other.onset
        and one.onset
        and other.onset < one.onset - timedelta(seconds=5)
        and not _explains(one, other, catalogue)
    ]
    if earlier:
        first = min(earlier, key=lambda other: other.onset or datetime.max)  # noqa: DTZ901  # never compared: all have one
        text = f"{first.asked.title} moved earlier"
        found.append(ledger.add("metric", first.asked.service, text, first.query, "metrics", first.onset))
    return tuple(found)


WORDS: Mapping[CauseKind, str] = {
    CauseKind.POOL: "{service}'s connection pool is exhausted",
    CauseKind.DISK: "{service}'s disk is full",
    CauseKind.CPU: "{service} is short of CPU",
    CauseKind.MEMORY: "{service} is short of memory",
    CauseKind.LATENCY: "{service} answers slowly",
    CauseKind.ERRORS: "{service} fails by itself",
    CauseKind.TRAFFIC: "{service} gets unusual traffic",
    CauseKind.CHANGE: "a change of {service}",
}
SETTLES: Mapping[CauseKind, str] = {
    CauseKind.POOL: "count which sessions hold connections, and for how long",
    CauseKind.DISK: "list the biggest files on the disk",
    CauseKind.CPU: "see which process uses the CPU",
    CauseKind.MEMORY: "see which process holds the memory",
    CauseKind.LATENCY: "see what its requests wait for, a lock or a dependency",
    CauseKind.ERRORS: "read its newest errors",
    CauseKind.TRAFFIC: "compare the traffic by caller with yesterday's",
    CauseKind.CHANGE: "undo the change",
}


def _say(one: Deviation, change: ChangeBefore | None) -> str:
    indicator, service = one.asked.indicator, one.asked.service.capitalize()
    words = WORDS[indicator.kind].format(service=service)
    if indicator.kind is CauseKind.LATENCY and indicator.role == "resource":
        words = f"{service} is slow because of its {indicator.title or indicator.name}"
    if change is None:
        return words
    name = f"{change.service} {change.version}".strip() if change.version else change.title
    return f"{words} after deploy {name}"


def _settles(one: Deviation, change: ChangeBefore | None) -> str:
    settles = SETTLES[one.asked.indicator.kind]
    back = f"roll {change.service} back to {change.previous}, or " if change and change.previous else ""
    return back + settles


def with_picture(report: CauseReport, picture: str) -> CauseReport:
    """The report with its drawing."""
    return replace(report, picture=picture)
