"""Ranking causes from evidence alone. Pure.

Every signal is brought onto one scale: how seldom its own past was as far off (``skills.rca.signals``). A service's
signs are then weighed by what they are about, because a resource that ran out is a cause more often than slowness;
a sign that is explained by a stronger one of a service that it calls, or that calls it, counts less. Context raises a
hypothesis: a breached limit, lying downstream of what alerts, an early onset, a change just before it in the same
place, similar incidents. Nothing here knows the name of a service.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain import wording as w
from bot.domain.catalogue import Catalogue, Indicator
from bot.domain.cause import (
    CauseKind,
    CauseReport,
    ChangeBefore,
    Correction,
    Evidence,
    Gap,
    Hypothesis,
    RunbookRef,
    Search,
    Similar,
    Verdict,
)
from bot.domain.incident import Incident, IncidentState
from bot.domain.picture import Sign as PanelSign
from bot.domain.signal import Signal
from skills.rca.signals.series import Asked, Deviation, deviation, signs
from skills.rca.signals.sign import Sign, Trait

__all__ = ["Asked", "Deviation", "Findings", "deviation", "rank"]

CHANGE_BEFORE = timedelta(minutes=30)
SURE_ENOUGH = 0.5
WORTH_SHOWING = 0.6  # a weaker one supports an idea without being shown
WORTH_SAYING = 0.25  # a weighted surprise below this makes no hypothesis
MOST_HYPOTHESES, MOST_KINDS = 8, 2

# How much a sign of each kind says about where the cause lies, chosen on the faults that tests/benchmarks/rca.py reads.
WEIGHTS: Mapping[Trait, float] = {
    Trait.RESOURCE: 1.3,
    Trait.CALLS: 1.3,
    Trait.SAID: 1.2,
    Trait.WAIT: 1.1,
    Trait.AMOUNT: 1.0,
    Trait.ORDER: 1.2,
    Trait.HAPPENED: 1.0,
    Trait.MEMORY: 0.5,
    Trait.OPERATION: 0.6,
    Trait.OWN_TIME: 0.5,
    Trait.LATENCY: 0.5,
    Trait.ERRORS: 0.45,
    Trait.PATTERN: 0.4,
    Trait.SHARE: 0.3,
    Trait.TRAFFIC: 0.25,
}
THE_REST = 0.21  # how much a service's other signs add to its strongest
T = Trait
# A sign of a caller is explained by which signs of a service that it calls, and the other way round.
BY_CALLEE: Mapping[Trait, frozenset[Trait]] = {
    T.LATENCY: frozenset({T.LATENCY, T.RESOURCE, T.WAIT, T.OWN_TIME, T.MEMORY, T.HAPPENED}),
    T.OWN_TIME: frozenset({T.WAIT, T.OWN_TIME, T.RESOURCE, T.LATENCY}),
    T.ERRORS: frozenset({T.ERRORS, T.SAID, T.RESOURCE, T.LATENCY, T.WAIT, T.ORDER, T.AMOUNT, T.HAPPENED}),
    T.SAID: frozenset({T.SAID, T.WAIT, T.ORDER, T.RESOURCE, T.HAPPENED}),
    T.OPERATION: frozenset({T.SAID, T.ORDER, T.OPERATION, T.WAIT}),
    T.PATTERN: frozenset({T.SAID, T.ORDER, T.WAIT}),
    T.CALLS: frozenset({T.SAID, T.ORDER}),
    T.ORDER: frozenset({T.SAID, T.WAIT}),
}
BY_CALLER: Mapping[Trait, frozenset[Trait]] = {
    T.AMOUNT: frozenset({T.SAID, T.ORDER, T.WAIT, T.CALLS, T.RESOURCE}),
    T.SHARE: frozenset({T.SAID, T.ORDER, T.WAIT, T.CALLS, T.RESOURCE}),
    T.PATTERN: frozenset({T.SAID, T.ORDER, T.WAIT}),
    T.TRAFFIC: frozenset({T.SAID, T.ORDER, T.WAIT, T.CALLS}),
    T.OWN_TIME: frozenset({T.CALLS}),
    T.WAIT: frozenset({T.RESOURCE}),
}
AS_STRONG, LEFT_BY_CALLEE, LEFT_BY_CALLER = 0.9, 0.65, 0.5


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was gathered for one incident.

    ``signs`` are those of logs, traces and the cluster; metrics are given as deviations. ``missing`` are the signals
    that nothing delivers here; ``shift`` is what outcomes say about how sure to be, in log-odds.
    """

    alerting: tuple[str, ...]
    alert_at: datetime
    deviations: tuple[Deviation, ...]
    changes: tuple[Signal, ...]
    similar: tuple[Similar, ...]
    runbook: RunbookRef | None
    gaps: tuple[Gap, ...]
    kinds_before: Mapping[str, CauseKind]
    signs: tuple[Sign, ...] = ()
    missing: tuple[str, ...] = ()
    shift: float = 0.0


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


@dataclass(frozen=True, slots=True)
class Weighed:
    """A sign with its weight. ``explained_by`` is a stronger sign of a neighbour of which it may be the effect."""

    sign: Sign
    weight: float
    explained_by: Sign | None = None


@dataclass(frozen=True, slots=True)
class Idea:
    """A possible cause before it is put into words: the service's signs, the leading one first."""

    service: str
    score: float
    signs: tuple[Weighed, ...]
    deviation: Deviation | None
    change: ChangeBefore | None

    @property
    def lead(self) -> Sign:
        """The strongest sign."""
        return self.signs[0].sign

    @property
    def shown(self) -> tuple[Weighed, ...]:
        """The signs that are worth a line: the leading one, and up to three that are not much weaker."""
        return (self.signs[0], *[one for one in self.signs[1:] if one.weight >= WORTH_SHOWING][:3])


def rank(findings: Findings, catalogue: Catalogue, now: datetime, seconds: float) -> CauseReport:
    """The report: hypotheses best first, each resting on evidence ids, with what speaks against it."""
    ledger = Ledger()
    moved = {one.asked: one for one in findings.deviations if one.notable}
    from_metrics = signs(findings.deviations)
    found = (*from_metrics.values(), *findings.signs)
    onsets = [one.onset for one in found if one.onset and one.surprise * WEIGHTS[one.trait] >= WORTH_SAYING]
    changes = _before(findings.changes, min(onsets, default=findings.alert_at))
    ideas = _ideas(found, moved, findings, changes, catalogue)
    shares = _confidences(ideas, catalogue, findings.shift)
    said = [one.sign for idea in ideas[:MOST_HYPOTHESES] for one in idea.shown]
    cited = {one: _cite(ledger, one) for one in dict.fromkeys((*from_metrics.values(), *said))}
    change_ids = {change.signal_id: _change(ledger, change) for change in changes}
    similar_ids = {past.id: _past(ledger, past) for past in findings.similar}
    hypotheses = []
    for idea, confidence in list(zip(ideas, shares, strict=True))[:MOST_HYPOTHESES]:
        supports = [cited[one.sign] for one in idea.shown]
        supports += [cited[sign] for sign in from_metrics.values() if _effect(sign, idea, catalogue)][:2]
        if idea.change:
            supports.append(change_ids[idea.change.signal_id])
        supports += [similar_ids[past.id] for past in findings.similar if _alike(past, idea.lead, findings)][:1]
        hypotheses.append(
            Hypothesis(
                idea.lead.kind,
                idea.service,
                idea.lead.indicator,
                _say(idea, findings),
                confidence,
                tuple(dict.fromkeys(supports)),
                _against(ledger, idea, ideas, findings, catalogue),
                _settles(idea),
            )
        )
    best = ideas[0] if ideas else None
    return CauseReport(
        verdict=_verdict(hypotheses, findings, catalogue),
        hypotheses=tuple(hypotheses),
        evidence=tuple(ledger.pieces),
        gaps=findings.gaps,
        onset=best.lead.onset if best else None,
        changes=changes,
        runbook=findings.runbook,
        similar=findings.similar,
        found_at=now,
        seconds=seconds,
        missing=findings.missing,
        shift=findings.shift,
    )


def _verdict(hypotheses: Sequence[Hypothesis], findings: Findings, catalogue: Catalogue) -> Verdict:
    """A false alarm is one where everything of what alerts was read, and nothing anywhere is unlike its past.

    An indicator without samples is no calm one: what is down measures nothing.
    """
    if hypotheses and hypotheses[0].confidence >= SURE_ENOUGH:
        return Verdict.LIKELY
    breached = any(one.breached for one in findings.deviations if one.asked.service in findings.alerting)
    if hypotheses or breached or findings.gaps:
        return Verdict.UNSURE
    read = {(one.asked.service, one.asked.indicator.name) for one in findings.deviations if not one.thin}
    alerting = [catalogue.services[name] for name in findings.alerting if name in catalogue.services]
    wanted = {(service.name, one.name) for service in alerting for one in service.indicators}
    known = alerting and len(alerting) == len(findings.alerting) and all(one.indicators for one in alerting)
    return Verdict.FALSE_ALARM if known and wanted <= read else Verdict.UNSURE


def _ideas(
    found: Sequence[Sign],
    moved: Mapping[Asked, Deviation],
    findings: Findings,
    changes: Sequence[ChangeBefore],
    catalogue: Catalogue,
) -> list[Idea]:
    """For each service and kind of cause an idea, the best first; ties are broken by name, so that order is no luck."""
    of: dict[str, list[Weighed]] = {}
    for one in _weigh(found, catalogue):
        if one.weight >= WORTH_SAYING:
            of.setdefault(one.sign.service, []).append(one)
    by_indicator = {(asked.service, asked.indicator.name): one for asked, one in moved.items()}
    made = []
    for service, weighed in of.items():
        weighed.sort(key=lambda one: (-one.weight, one.sign.trait, one.sign.text))
        kinds: dict[CauseKind, Weighed] = {}
        for one in weighed:
            kinds.setdefault(one.sign.kind, one)
        for lead in list(kinds.values())[:MOST_KINDS]:
            rest = [one for one in weighed if one is not lead]
            deviation_of = by_indicator.get((service, lead.sign.indicator)) if lead.sign.indicator else None
            change = _own_change(service, lead.sign, changes)
            score = lead.weight + THE_REST * sum(one.weight for one in rest)
            score += _context(lead.sign, deviation_of, found, findings, catalogue)
            score += 0.4 + 0.4 * math.exp(-change.minutes / 10) if change else 0.0
            made.append(Idea(service, score, (lead, *rest), deviation_of, change))
    return sorted(made, key=lambda one: (-one.score, one.service, one.lead.kind))


def _context(
    lead: Sign, moved: Deviation | None, found: Sequence[Sign], findings: Findings, catalogue: Catalogue
) -> float:
    """What raises or lowers an idea besides its signs."""
    score = 0.0
    if moved is not None:
        score += 0.8 if moved.breached else 0.0
        score -= 0.5 if moved.thin else 0.0
    if any(lead.service in catalogue.callees(name) for name in findings.alerting):
        score += 0.8
    firsts = [one.onset for one in found if one.onset and one.service != lead.service]
    if lead.onset and firsts and lead.onset <= min(firsts):
        score += 0.3
    alike = [past for past in findings.similar if _alike(past, lead, findings)]
    return score + max((past.score * (0.1 if past.held is False else 0.4) for past in alike), default=0.0)


def _weigh(found: Sequence[Sign], catalogue: Catalogue) -> list[Weighed]:
    """Each sign with its weight, less where a neighbour's sign that is about as strong explains it."""
    raw = {one: one.surprise * WEIGHTS[one.trait] for one in found}
    strongest: dict[tuple[str, Trait], Sign] = {}
    for one, weight in raw.items():
        key = (one.service, one.trait)
        if key not in strongest or weight > raw[strongest[key]]:
            strongest[key] = one
    services = {one.service for one in found}
    callees = {name: catalogue.callees(name) & services for name in services}
    callers: dict[str, set[str]] = {}
    for name, called in callees.items():
        for other in called:
            callers.setdefault(other, set()).add(name)
    weighed = []
    for one, weight in raw.items():
        left, why = weight, None
        sides = ((callees, BY_CALLEE, LEFT_BY_CALLEE), (callers, BY_CALLER, LEFT_BY_CALLER))
        for neighbours, explains, share in sides:
            others = [
                strongest[name, trait]
                for name in neighbours.get(one.service, ())
                for trait in explains.get(one.trait, ())
                if (name, trait) in strongest
            ]
            best = max(others, key=lambda other: (raw[other], other.text), default=None)
            if best is not None and raw[best] >= AS_STRONG * weight:
                left, why = left * share, why or best
        weighed.append(Weighed(one, left, why))
    return weighed


# The confidence is a logistic function of an idea's score and of its lead over the best rival that it does not explain,
# fitted on the outcomes that tests/benchmarks/rca.py measures: its faults, and quiet moments with little weight.
FIT_BIAS, FIT_SCORE, FIT_LEAD, MOST_SCORE, MOST_LEAD = -1.84, 0.73, 1.19, 5.0, 3.0
LEAST_SCORE = 2.0  # below, quiet moments look the same: the evidence is not enough whatever the lead
NOT_ENOUGH = 0.49


def _confidences(ideas: Sequence[Idea], catalogue: Catalogue, shift: float) -> list[float]:
    """How sure each idea is, in their order; an idea is never surer than a better one."""
    shares: list[float] = []
    for place, one in enumerate(ideas):
        others = [other for other in ideas if other.service != one.service]
        lead = one.score - max((o.score for o in others if not _explained(one, o, catalogue)), default=0.0)
        if place:
            lead = min(lead, one.score - ideas[0].score)
        odds = (
            shift + FIT_BIAS + FIT_SCORE * min(one.score, MOST_SCORE) + FIT_LEAD * max(min(lead, MOST_LEAD), -MOST_LEAD)
        )
        sure = round(min(max(1 / (1 + math.exp(-odds)), 0.01), 0.97), 2)
        if one.score < LEAST_SCORE:
            sure = max(min(sure, round(NOT_ENOUGH * one.score / LEAST_SCORE, 2)), 0.01)
        shares.append(min(sure, shares[-1]) if shares else sure)
    return shares


def _explained(cause: Idea, other: Idea, catalogue: Catalogue) -> bool:
    """Whether the other idea's leading sign is one that this idea's service can have brought about."""
    why = other.signs[0].explained_by
    if why is not None and why.service == cause.service:
        return True
    symptom = other.lead.trait in BY_CALLEE and other.lead.trait not in {Trait.CALLS, Trait.ORDER}
    return symptom and cause.service in catalogue.callees(other.service) and other.score < cause.score


def _effect(sign: Sign, idea: Idea, catalogue: Catalogue) -> bool:
    """Whether a metric's sign is what the idea would bring about elsewhere."""
    return (
        sign.service != idea.service
        and idea.service in catalogue.callees(sign.service)
        and sign.trait in (Trait.LATENCY, Trait.ERRORS)
    )


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
                    kind=change.name,
                )
            )
    return tuple(sorted(found, key=lambda one: one.minutes))


def _own_change(service: str, lead: Sign, changes: Sequence[ChangeBefore]) -> ChangeBefore | None:
    """The nearest change of that service; none where the sign began before it by more than the clocks may differ."""
    late = timedelta(minutes=1)
    return next(
        (one for one in changes if one.service == service and (lead.onset is None or lead.onset >= one.at - late)), None
    )


def _alike(past: Similar, lead: Sign, findings: Findings) -> bool:
    return findings.kinds_before.get(past.id) is lead.kind


def _cite(ledger: Ledger, sign: Sign) -> str:
    return ledger.add(sign.evidence, sign.service, sign.text, sign.query, sign.source, sign.onset)


def _change(ledger: Ledger, change: ChangeBefore) -> str:
    text = f"{change.title}, {w.duration(change.minutes * 60)} before the onset"
    return ledger.add("change", change.service, text, f"changes of {change.service}", "changes", change.at, change.url)


def _past(ledger: Ledger, past: Similar) -> str:
    mark = " (sample data)" if past.sample else ""
    held = {True: "", False: ", which did not hold", None: ""}[past.held]
    return ledger.add(
        "past incident",
        "",
        f"{past.id}: {past.title}, fixed by {past.fix or 'nobody knows'}{held}{mark}",
        past.id,
        "knowledge",
    )


def _against(
    ledger: Ledger, idea: Idea, ideas: Sequence[Idea], findings: Findings, catalogue: Catalogue
) -> tuple[str, ...]:
    """What does not fit: ordinary resources for a symptom, a thin past, a stronger neighbour, something earlier."""
    found = []
    lead, moved = idea.lead, idea.deviation
    if lead.trait in (Trait.LATENCY, Trait.ERRORS, Trait.TRAFFIC):
        ordinary = [
            other.asked.indicator.title or other.asked.indicator.name
            for other in findings.deviations
            if other.asked.service == idea.service and other.asked.indicator.role == "resource" and not other.notable
        ]
        if ordinary:
            text = f"{idea.service}'s {w.listed(ordinary)} {'are' if len(ordinary) > 1 else 'is'} ordinary"
            found.append(ledger.add("metric", idea.service, text, "the same window", "metrics"))
    if moved is not None and moved.thin:
        text = f"only {w.plural(moved.past, 'sample')} from before to compare with"
        found.append(ledger.add("metric", idea.service, text, moved.query, "metrics"))
    why = idea.signs[0].explained_by
    if why is not None:
        text = f"may be an effect of {why.service}: {why.text}"
        found.append(ledger.add(why.evidence, why.service, text, why.query, why.source, why.onset))
    earlier = [
        other.lead
        for other in ideas
        if other.service != idea.service
        and other.lead.onset
        and lead.onset
        and other.lead.onset < lead.onset - timedelta(seconds=5)
        and not _explained(idea, other, catalogue)
        and (why is None or why.service != other.service)
    ]
    if earlier:
        first = min(earlier, key=lambda one: (one.onset or findings.alert_at, one.text))
        text = f"{first.text} moved earlier" if first.evidence == "metric" else f"earlier: {first.text}"
        found.append(ledger.add(first.evidence, first.service, text, first.query, first.source, first.onset))
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
    CauseKind.NETWORK: "the network to {service} is slow",
    CauseKind.CERTIFICATE: "{service}'s certificate is about to expire",
    CauseKind.BEHAVIOUR: "{service} does something else than before",
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
    CauseKind.NETWORK: "time a call to it from where its callers run",
    CauseKind.CERTIFICATE: "read the certificate that it serves",
    CauseKind.BEHAVIOUR: "compare one of its traces or requests from now with one from before",
}


def _say(idea: Idea, findings: Findings) -> str:
    lead, service = idea.lead, idea.service.capitalize()
    words = WORDS[lead.kind].format(service=service)
    if lead.kind is CauseKind.LATENCY and lead.trait is Trait.RESOURCE:
        title = next(
            (
                one.asked.indicator.title
                for one in findings.deviations
                if (one.asked.service, one.asked.indicator.name) == (lead.service, lead.indicator)
            ),
            "",
        )
        words = f"{service} is slow because of its {title or lead.indicator}"
    words = words[0].upper() + words[1:]
    change = idea.change
    if change is None:
        return words
    if change.kind in FLAGS:
        return f"{words} after a flag changed: {change.title}"
    name = f"{change.service} {change.version}".strip() if change.version else change.title
    return f"{words} after deploy {name}"


FLAGS = frozenset({"flag", "feature-flag", "feature_flag"})


def _settles(idea: Idea) -> str:
    change, settles = idea.change, SETTLES[idea.lead.kind]
    if change is None:
        return settles
    if change.kind in FLAGS:
        return "switch the flag back, or " + settles
    return f"roll {change.service} back to {change.previous}, or {settles}" if change.previous else settles


def with_picture(report: CauseReport, picture: str) -> CauseReport:
    """The report with its drawing."""
    return replace(report, picture=picture)


LEAST_OUTCOMES, PRIOR_STRENGTH, MOST_SHIFT, HALVINGS = 5, 4.0, 1.5, 30


def shift(searches: Sequence[Search]) -> float:
    """How much surer Fettle should be than it is, in log-odds: 0 until enough searches have turned out.

    The shift that makes what was claimed agree with what came true, held back by a prior until there is much to go by.
    """
    known = [(_unshifted(one), one.right) for one in searches if one.right is not None and one.claimed]
    if len(known) < LEAST_OUTCOMES:
        return 0.0
    low, high = -MOST_SHIFT, MOST_SHIFT
    for _ in range(HALVINGS):
        moved = (low + high) / 2
        sure = [1 / (1 + math.exp(-(math.log(claimed / (1 - claimed)) + moved))) for claimed, _ in known]
        lucky = sum(right - one for one, (_, right) in zip(sure, known, strict=True)) > PRIOR_STRENGTH * moved
        low, high = (moved, high) if lucky else (low, moved)
    return (low + high) / 2


def _unshifted(one: Search) -> float:
    """What would have been claimed without any earlier outcome, so that a shift does not build on itself."""
    claimed = min(max(one.claimed, 0.02), 0.98)
    odds = math.log(claimed / (1 - claimed)) - (one.report.shift if one.report else 0.0)
    return min(max(1 / (1 + math.exp(-odds)), 0.02), 0.98)


@dataclass(frozen=True, slots=True)
class Record:
    """How often the likely cause turned out to be right. ``error`` is the calibration error over ten bins, 0–1."""

    known: int
    right: int
    claimed: float
    error: float
    corrected: int
    searches: int


BINS = 10


def record(searches: Sequence[Search]) -> Record:
    """The record of those searches. Its error is the mean distance of what was claimed from what came true."""
    known = [(one.claimed, one.right) for one in searches if one.right is not None]
    bins: dict[int, list[tuple[float, bool]]] = {}
    for claimed, right in known:
        bins.setdefault(min(int(claimed * BINS), BINS - 1), []).append((claimed, right))
    off = sum(abs(sum(c for c, _ in some) - sum(r for _, r in some)) for some in bins.values())
    return Record(
        known=len(known),
        right=sum(right for _, right in known),
        claimed=sum(claimed for claimed, _ in known) / len(known) if known else 0.0,
        error=off / len(known) if known else 0.0,
        corrected=sum(one.correction is not None for one in searches),
        searches=len(searches),
    )


def turned_out(found: Search, incident: Incident) -> bool | None:
    """What the incident's end says about the likely cause: right when the fix that was made for it helped.

    A person's correction has been counted before; an incident that ended otherwise says nothing.
    """
    if found.correction is not None:
        return None
    if incident.state is IncidentState.FALSE_ALARM:
        return False
    return True if incident.fixed_by else None


def corrected(report: CauseReport, said: Correction) -> CauseReport:
    """The report with what a person said the cause was in the first place, and what Fettle had said behind it."""
    before = {one.id for one in report.evidence if one.kind == "person"}
    evidence = tuple(one for one in report.evidence if one.id not in before)
    piece = Evidence(f"E{len(evidence) + 1}", "person", said.service, said.text, "", f"<@{said.by}>", said.at)
    own = Hypothesis(said.kind, said.service, "", said.text, 1.0, (piece.id,), (), "", said_by=said.by)
    others = tuple(
        replace(one, against=(*(name for name in one.against if name not in before), piece.id))
        for one in report.hypotheses
        if not one.said_by
    )
    return replace(
        report, verdict=Verdict.LIKELY, hypotheses=(own, *others)[: MOST_HYPOTHESES + 1], evidence=(*evidence, piece)
    )


def unwritten(catalogue: Catalogue, calls: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The calls that were seen and that the catalogue does not have; at most two hundred."""
    known = {(one.name, callee) for one in catalogue.services.values() for callee in one.calls}
    return tuple(pair for pair in calls if pair not in known and pair[0] != pair[1])[:200]


def panel_sign(indicator: Indicator) -> PanelSign:
    """Whether an indicator belongs to RED (what callers feel) or USE (what runs out), and as what."""
    if indicator.role == "symptom":
        red = {CauseKind.TRAFFIC: PanelSign.RATE, CauseKind.ERRORS: PanelSign.ERRORS}
        return red.get(indicator.kind, PanelSign.DURATION)
    use = {
        CauseKind.ERRORS: PanelSign.FAULTS,
        CauseKind.POOL: PanelSign.SATURATION,
        CauseKind.LATENCY: PanelSign.SATURATION,
    }
    return use.get(indicator.kind, PanelSign.UTILISATION)
