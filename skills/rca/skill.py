"""Explain why an incident is happening."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.catalogue import Service
from bot.domain.cause import CauseKind, CauseReport, Gap, RunbookRef, Search, Similar
from bot.domain.change import Change
from bot.domain.effects import Effect, Later, Modal, Refresh, Remember
from bot.domain.events import CauseWanted, CommandGiven, IncidentClosed, IncidentOpened, Pressed
from bot.domain.evidence import Failed, Found, Window
from bot.domain.incident import Alert, Incident, IncidentState, number
from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.domain.passage import Answer, Band, DocumentKind
from bot.domain.policy import May
from bot.domain.remembered import alike, of_our_own
from bot.domain.signal import Signal
from bot.errors import NotFound, Refused
from bot.skill import Action, Command, Context, On, Skill, say
from skills.rca import logic, views

FETTLE = "fettle"
AGAIN_AFTER = (timedelta(seconds=20), timedelta(minutes=2))


async def search(event: IncidentOpened | CauseWanted, ctx: Context) -> Outcome:
    """Gather evidence from every source at once, rank, and save the report.

    Where that is not enough to name a cause it is done again, because evidence arrives: soon, and once more later.
    """
    incident = await ctx.state.get(Incident, event.incident)
    if incident.state.closed and event.actor == FETTLE:
        return Outcome()
    before = await _search(incident.id, ctx)
    started = ctx.now
    board = Board(incident.id, ctx)
    await board.show()
    metrics, changes, knowledge = await asyncio.gather(
        _metrics(incident, ctx, board), _changes(incident, ctx, board), _knowledge(incident, ctx, board)
    )
    deviations, metric_gaps = metrics
    runbook, similar, kinds, knowledge_gaps = knowledge
    findings = logic.Findings(
        alerting=incident.services,
        alert_at=incident.started_at,
        deviations=deviations,
        changes=changes,
        similar=similar,
        runbook=runbook,
        gaps=metric_gaps + knowledge_gaps,
        kinds_before=kinds,
    )
    report = logic.rank(findings, ctx.catalogue, ctx.clock(), (ctx.clock() - started).total_seconds())
    report = await _draw(await _fitting(report, ctx), deviations, ctx)
    saved = Search(incident.id, before.version if before else 0, started, report, (before.times if before else 0) + 1)
    best = report.best
    entry = Entry(
        incident.thing,
        "explain",
        after=report.verdict,
        reason=best.text if best else "nothing stands out",
        incident=incident.id,
        detail={
            "kind": best.kind if best else "",
            "service": best.service if best else "",
            "confidence": best.confidence if best else 0.0,
            "seconds": round(report.seconds, 2),
        },
    )
    effects: tuple[Effect, ...] = (Refresh(f"incident:{incident.id}"),)
    if best is None and saved.times <= len(AGAIN_AFTER):
        due = ctx.clock() + AGAIN_AFTER[saved.times - 1]
        saved = replace(saved, again_at=due)
        later = CauseWanted(id=f"rca:{incident.id}:{saved.times}", at=due, incident=incident.id)
        effects = (*effects, Later(f"rca:{incident.id}", due, later))
    return Outcome((saved,), (entry,), effects)


class Board:
    """The progress line of the living message: each source asked, found, empty or failed."""

    def __init__(self, incident: int, ctx: Context) -> None:
        self._key, self._ctx = f"incident:{incident}", ctx
        self._parts: dict[str, str] = dict.fromkeys(("metrics", "changes", "runbooks", "past incidents"), "asked")

    async def tell(self, part: str, words: str) -> None:
        """Note how a source answered (``found 24 series``) and show it."""
        self._parts[part] = words
        await self.show()

    async def show(self) -> None:
        """Bring the message up to date."""
        data = {"searching": True, "parts": dict(self._parts), "at": self._ctx.clock().isoformat()}
        await self._ctx.progress(self._key, data)


def _around(incident: Incident, ctx: Context) -> list[Service]:
    """The services that alert, everything that they call, and who calls them directly."""
    names = dict.fromkeys(incident.services)
    for name in incident.services:
        names.update(dict.fromkeys(sorted(ctx.catalogue.callees(name))))
        names.update(dict.fromkeys(ctx.catalogue.callers(name)))
    return [ctx.catalogue.services[name] for name in names if name in ctx.catalogue.services]


async def _metrics(
    incident: Incident, ctx: Context, board: Board
) -> tuple[tuple[logic.Deviation, ...], tuple[Gap, ...]]:
    window = Window(incident.started_at - timedelta(seconds=ctx.house.search_window), ctx.clock())
    asked = [logic.Asked(service.name, one) for service in _around(incident, ctx) for one in service.indicators]
    answers = await asyncio.gather(
        *(ctx.metrics.range(one.indicator.query, window, ctx.house.search_step) for one in asked)
    )
    found, failed, count = [], [], 0
    for one, answer in zip(asked, answers, strict=True):
        match answer:
            case Found():
                count += len(answer.data)
                guard = timedelta(seconds=ctx.house.search_guard)
                moved = [logic.deviation(one, answer.asked.query, s, incident.started_at, guard) for s in answer.data]
                found += [max((m for m in moved if m), key=lambda m: m.size)] if any(moved) else []
            case Failed():
                failed.append(answer)
    gaps = tuple(Gap("metrics", reason) for reason in dict.fromkeys(one.reason for one in failed))
    if not asked:
        gaps = (Gap("metrics", "the catalogue has no indicators for these services"),)
    words = f"found {count} series" if count else ("failed " + failed[0].reason if failed else "empty nothing")
    await board.tell("metrics", words)
    return tuple(found), gaps


async def _changes(incident: Incident, ctx: Context, board: Board) -> tuple[Signal, ...]:
    window = Window(incident.started_at - logic.CHANGE_BEFORE - timedelta(hours=1), ctx.clock())
    found = await ctx.state.changes([service.name for service in _around(incident, ctx)], window)
    await board.tell("changes", f"found {len(found)}" if found else "empty none")
    return found


async def _knowledge(
    incident: Incident, ctx: Context, board: Board
) -> tuple[RunbookRef | None, tuple[Similar, ...], Mapping[str, CauseKind], tuple[Gap, ...]]:
    alerts = await ctx.state.find(Alert, incident=incident.id, limit=4, newest=False)
    query = " ".join(dict.fromkeys(f"{alert.name} {alert.summary}" for alert in alerts))[:600]
    runbooks, past = await asyncio.gather(
        ctx.knowledge.search(query, kind=DocumentKind.RUNBOOK, limit=1),
        ctx.knowledge.search(query, kind=DocumentKind.INCIDENT, limit=3),
    )
    runbook = None if runbooks.band is Band.NONE else _reference(runbooks)
    known = {one.id: one for one in ctx.past}
    similar: list[Similar] = []
    kinds: dict[str, CauseKind] = {}
    for passage in past.passages if past.band is not Band.NONE else ():
        name, score = passage.document.rpartition("/")[2], 1.0 - 0.3 * len(similar)
        one = known.get(name)
        if one is not None:
            similar.append(Similar(one.id, one.title, one.cause_text, one.fix, one.held, score, one.sample))
            kinds[one.id] = CauseKind(one.cause_kind)
            continue
        ours = await _ours(name, incident.id, ctx)
        if ours is not None:
            was, found, change = ours
            similar.append(alike(was, found, change, score))
            kinds |= {was.name: found.best.kind} if found and found.best else {}
    await board.tell("runbooks", f"found {runbook.title}" if runbook else "empty none fits")
    await board.tell("past incidents", f"found {len(similar)}" if similar else "empty none alike")
    return runbook, tuple(similar), kinds, ()


async def _fitting(report: CauseReport, ctx: Context) -> CauseReport:
    """The report with the runbook that is written for its likely cause, where that is surer than the alert's."""
    best = report.best
    if best is None:
        return report
    service = ctx.catalogue.services.get(best.service)
    indicator = service.indicator(best.indicator) if service else None
    query = f"{best.service} {indicator.title if indicator else best.indicator}: {best.text}"
    answer = await ctx.knowledge.search(query, service=best.service, kind=DocumentKind.RUNBOOK, limit=1)
    before = report.runbook
    if answer.band is Band.NONE or (answer.band is Band.POSSIBLE and before and before.band == Band.FOUND):
        return report
    return replace(report, runbook=_reference(answer))


def _reference(answer: Answer) -> RunbookRef:
    top = answer.passages[0]
    return RunbookRef(top.document, top.title, top.heading, top.anchor, top.quote, answer.band)


async def _ours(name: str, other_than: int, ctx: Context) -> tuple[Incident, CauseReport | None, Change | None] | None:
    """An incident that Fettle resolved itself, None when that is not one or it was called a false alarm since."""
    try:
        incident = await ctx.state.get(Incident, number(name))
        change = await ctx.state.get(Change, incident.fixed_by) if incident.fixed_by else None
    except NotFound:
        return None
    if incident.state is not IncidentState.RESOLVED or incident.id == other_than:
        return None
    found = await _search(incident.id, ctx)
    return incident, found.report if found else None, change


async def remember(event: IncidentClosed, ctx: Context) -> Outcome:
    """A resolved incident becomes something to compare later ones with."""
    incident = await ctx.state.get(Incident, event.incident)
    if incident.state is not IncidentState.RESOLVED:
        return Outcome()
    alerts = await ctx.state.find(Alert, incident=incident.id, limit=5, newest=False)
    found = await _search(incident.id, ctx)
    change = await ctx.state.get(Change, incident.fixed_by) if incident.fixed_by else None
    return Outcome(effects=(Remember(of_our_own(incident, alerts, found.report if found else None, change)),))


async def _draw(report: CauseReport, deviations: tuple[logic.Deviation, ...], ctx: Context) -> CauseReport:
    best = report.hypotheses[0] if report.hypotheses else None
    drawn = next(
        (d for d in deviations if best and (d.asked.service, d.asked.indicator.name) == (best.service, best.indicator)),
        None,
    )
    if drawn is None:
        return report
    marks: dict[str, datetime] = {
        f"deploy {change.version}".strip(): change.at
        for change in report.changes
        if change.service == drawn.asked.service
    }
    indicator = drawn.asked.indicator
    picture = await ctx.pictures.metric(
        drawn.asked.title, indicator.unit, drawn.series, drawn.onset, marks, indicator.limit, ctx.house.zone
    )
    return logic.with_picture(report, picture)


async def again(event: Pressed | CommandGiven, ctx: Context) -> Outcome:
    """Search once more, or show what was found and search once more."""
    if isinstance(event, Pressed):
        incident = await ctx.state.get(Incident, number(event.value))
    elif event.incident is None:
        raise Refused(f"Which incident? Say its number: `{ctx.house.command} rca 12`, or ask in its thread.")
    else:
        incident = await ctx.state.get(Incident, event.incident)
    wanted = CauseWanted(id=f"rca:{event.id}", at=ctx.now, actor=ctx.actor.id, incident=incident.id)
    outcome = Outcome(emit=(wanted,))
    if isinstance(event, CommandGiven):
        found = await _search(incident.id, ctx)
        outcome += say(*views.report(incident, found.report if found else None, searching=True))
    return outcome


async def evidence(event: Pressed, ctx: Context) -> Outcome:
    """Everything the report rests on, in a modal: each question exactly as it was asked."""
    incident = await ctx.state.get(Incident, number(event.value))
    found = await _search(incident.id, ctx)
    if found is None or found.report is None:
        raise Refused(f"The cause of {incident.name} has not been searched for yet.")
    return Outcome(effects=(Modal(views.evidence_modal(incident, found.report)),))


async def _search(incident: int, ctx: Context) -> Search | None:
    try:
        return await ctx.state.get(Search, incident)
    except NotFound:
        return None


SKILL = Skill(
    name="rca",
    summary="Explain why an incident is happening",
    commands=(Command("rca", again, "rca <incident>", "the likely cause with its evidence, searched for again"),),
    actions=(
        Action("incident:rca", again, May.LOOK),
        Action("incident:evidence", evidence, May.LOOK, modal=True),
    ),
    events=(On(IncidentOpened, search), On(CauseWanted, search), On(IncidentClosed, remember)),
    needs=("metrics", "knowledge", "pictures", "past"),
)
