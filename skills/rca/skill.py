"""Explain why an incident is happening."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from bot.domain.cause import CauseKind, CauseReport, RunbookRef, Search, Similar, Verdict, Worded
from bot.domain.change import Change
from bot.domain.effects import Effect, Later, Refresh, Remember
from bot.domain.events import CauseFound, CauseWanted, CommandGiven, IncidentClosed, IncidentOpened, Pressed
from bot.domain.evidence import Window
from bot.domain.incident import Alert, Incident, IncidentState, number
from bot.domain.journal import Entry
from bot.domain.model import Told
from bot.domain.outcome import Outcome
from bot.domain.passage import Answer, Band, DocumentKind
from bot.domain.policy import May
from bot.domain.remembered import alike, of_our_own
from bot.domain.signal import Signal
from bot.domain.unanswered import Asked, Unanswered, met
from bot.errors import NotFound
from bot.skill import Action, Command, Context, Form, On, Skill, say
from skills.rca import logic, sessions, showing, views
from skills.rca.finding import around, merged, reach, search_of, sources
from skills.rca.gathering import Around, Observed, observe

FETTLE = "fettle"
AGAIN_AFTER = (timedelta(seconds=20), timedelta(minutes=2))
SAME_ALERT = timedelta(hours=24)
OUTCOMES = 200


async def search(event: IncidentOpened | CauseWanted, ctx: Context) -> Outcome:
    """Gather evidence from every source at once, rank, and save the report.

    Where that is not enough to name a cause it is done again, because evidence arrives: soon, and once more later. What
    a person said the cause was stays on top.
    """
    incident = await ctx.state.get(Incident, event.incident)
    if incident.state.closed and event.actor == FETTLE:
        return Outcome()
    before = await search_of(incident.id, ctx)
    started = ctx.now
    board = Board(incident.id, ctx)
    await board.show()
    alerts = await ctx.state.find(Alert, incident=incident.id, limit=6, newest=False)
    earlier = await _earlier(incident, alerts, ctx)
    if earlier.same is not None:
        await board.tell("seen before", f"found {earlier.same.name}, checked anew")
    observed, changes, knowledge = await asyncio.gather(
        _observe(incident, earlier.windows, ctx, board),
        _changes(incident, ctx, board),
        _knowledge(incident, alerts, earlier, ctx, board),
    )
    runbook, similar, kinds = knowledge
    findings = logic.Findings(
        alerting=incident.services,
        alert_at=incident.started_at,
        deviations=observed.deviations,
        changes=merged(changes, observed.changes),
        similar=similar,
        runbook=runbook,
        gaps=observed.gaps,
        kinds_before=kinds,
        signs=observed.signs,
        missing=observed.missing,
        shift=logic.shift(await ctx.state.find(Search, limit=OUTCOMES)),
    )
    known = ctx.catalogue.with_calls(observed.calls)
    report = logic.rank(findings, known, ctx.clock(), (ctx.clock() - started).total_seconds())
    fresh = logic.unwritten(ctx.catalogue, observed.calls)
    if report.verdict is Verdict.FALSE_ALARM and before is None:
        # Metrics lag behind the alert: the first look may see what was before.
        report = replace(report, verdict=Verdict.UNSURE)
    report = replace(report, again_of=earlier.same.name if earlier.same else "", calls=fresh)
    report = await _draw(await _fitting(report, ctx), observed, ctx)
    if before and before.correction:
        report = logic.corrected(report, before.correction)
    saved = Search(incident.id, before.version if before else 0, started, report, (before.times if before else 0) + 1)
    if before:
        saved = replace(saved, correction=before.correction, right=before.right, claimed=before.claimed)
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
    gap = await _gap(incident, alerts, report, ctx) if saved.times == 1 else Outcome()
    if best is None and saved.times <= len(AGAIN_AFTER):
        due = ctx.clock() + AGAIN_AFTER[saved.times - 1]
        saved = replace(saved, again_at=due)
        later = CauseWanted(id=f"rca:{incident.id}:{saved.times}", at=due, incident=incident.id)
        effects = (*effects, Later(f"rca:{incident.id}", due, later))
    found = (CauseFound(id=f"cause:{incident.id}:{saved.times}", at=ctx.clock(), incident=incident.id),) if best else ()
    return gap + Outcome((saved,), (entry,), effects, found)


async def word(event: CauseFound, ctx: Context) -> Outcome:
    """Have the likely cause put into words, where there is a language model. What it says changes nothing else."""
    if ctx.model is None:
        return Outcome()
    incident = await ctx.state.get(Incident, event.incident)
    found = await search_of(incident.id, ctx)
    report = found.report if found else None
    best = report.best if report else None
    if found is None or report is None or best is None or best.said_by:
        return Outcome()
    ids = (*best.supports, *best.against)
    told = await ctx.model.answer(
        ctx.prompts["explain"],
        {"incident": f"{incident.name} {incident.title}", "verdict": f"{best.text}. Would settle it: {best.settles}"},
        {piece.id: f"{piece.kind} of {piece.service}: {piece.text}" for piece in report.cited(ids)},
        purpose="explain",
        incident=incident.id,
    )
    if not isinstance(told, Told):
        return Outcome()
    worded = tuple(Worded(one.text, one.cites) for one in told.sentences[:6])
    saved = replace(found, report=replace(report, worded=worded))
    return Outcome((saved,), effects=(Refresh(f"incident:{incident.id}"),))


async def _gap(incident: Incident, alerts: Sequence[Alert], report: CauseReport, ctx: Context) -> Outcome:
    """That nothing is written about this alert, for whoever owns its service; or that something is by now."""
    if not alerts:
        return Outcome()
    best = report.best
    known = ctx.catalogue.services.get(best.service if best else incident.service)
    owner = known.owner if known else ""
    new = Unanswered.of(Asked.ALERT, alerts[0].name, incident.service, owner, None, ctx.now)
    try:
        before = await ctx.state.get(Unanswered, new.id)
    except NotFound:
        return Outcome() if report.runbook else Outcome((new,))
    if report.runbook is None:
        return Outcome((met(before, ctx.now),))
    return Outcome((replace(before, closed_by=FETTLE),)) if before.open else Outcome()


class Board:
    """The progress line of the living message: each source asked, found, empty or failed."""

    def __init__(self, incident: int, ctx: Context) -> None:
        self._key, self._ctx = f"incident:{incident}", ctx
        asked = ["metrics", *(name for name in ("logs", "traces", "cluster", "deploys") if getattr(ctx, name))]
        self._parts: dict[str, str] = dict.fromkeys((*asked, "changes", "runbooks", "past incidents"), "asked")

    async def tell(self, part: str, words: str) -> None:
        """Note how a source answered (``found 24 series``) and show it."""
        self._parts[part] = words
        await self.show()

    async def show(self) -> None:
        """Bring the message up to date."""
        data = {"searching": True, "parts": dict(self._parts), "at": self._ctx.clock().isoformat()}
        await self._ctx.progress(self._key, data)


class Earlier:
    """What happened before: the windows of earlier incidents, and the last one with the very same alert."""

    def __init__(self, windows: tuple[Window, ...], same: Incident | None) -> None:
        self.windows, self.same = windows, same


async def _earlier(incident: Incident, alerts: Sequence[Alert], ctx: Context) -> Earlier:
    others = [one for one in await ctx.state.find(Incident, limit=100) if one.id != incident.id]
    guard = timedelta(seconds=ctx.house.search_guard)
    windows = tuple(
        Window(one.started_at - guard, one.closed_at or ctx.now)
        for one in others
        if one.started_at < incident.started_at
    )
    since = incident.started_at - SAME_ALERT
    closed = {one.id: one for one in others if one.state.closed and one.opened_at >= since}
    if not closed or not alerts:
        return Earlier(windows, None)
    held = await ctx.state.find(Alert, fingerprint=[one.fingerprint for one in alerts], limit=50)
    known = [closed[one.incident] for one in held if one.incident in closed]
    return Earlier(windows, max(known, key=lambda one: one.id, default=None))


async def _observe(incident: Incident, earlier: tuple[Window, ...], ctx: Context, board: Board) -> Observed:
    services = around(incident.services, ctx.catalogue)
    asked = Around(services, incident.started_at, ctx.clock(), reach(ctx.house), earlier)
    return await observe(asked, sources(ctx), board.tell)


async def _changes(incident: Incident, ctx: Context, board: Board) -> tuple[Signal, ...]:
    window = Window(incident.started_at - logic.CHANGE_BEFORE - timedelta(hours=1), ctx.clock())
    names = [service.name for service in around(incident.services, ctx.catalogue)]
    found = await ctx.state.changes(names, window)
    await board.tell("changes", f"found {len(found)}" if found else "empty none")
    return found


def _expression(alerts: Sequence[Alert]) -> str:
    """The rule's query, where the alert's link carries it."""
    for alert in alerts:
        found = parse_qs(urlsplit(alert.url).query).get("g0.expr", [])
        if found:
            return found[0][:2_000]
    return ""


async def _knowledge(
    incident: Incident, alerts: Sequence[Alert], earlier: Earlier, ctx: Context, board: Board
) -> tuple[RunbookRef | None, tuple[Similar, ...], Mapping[str, CauseKind]]:
    words = dict.fromkeys(f"{alert.name} {alert.summary} {alert.description}".strip() for alert in alerts)
    query = " ".join(words)[:600]
    runbooks, past = await asyncio.gather(
        ctx.knowledge.search(query, expression=_expression(alerts), kind=DocumentKind.RUNBOOK, limit=1),
        ctx.knowledge.search(query, kind=DocumentKind.INCIDENT, limit=3),
    )
    runbook = None if runbooks.band is Band.NONE else _reference(runbooks)
    known = {one.id: one for one in ctx.past}
    similar: list[Similar] = []
    kinds: dict[str, CauseKind] = {}
    names = [earlier.same.name] if earlier.same else []
    names += [passage.document.rpartition("/")[2] for passage in (past.passages if past.band is not Band.NONE else ())]
    for name in dict.fromkeys(names):
        score = 1.0 - 0.3 * min(len(similar), 3)
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
    return runbook, tuple(similar), kinds


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
    found = await search_of(incident.id, ctx)
    return incident, found.report if found else None, change


async def remember(event: IncidentClosed, ctx: Context) -> Outcome:
    """What an incident's end says about its cause; a resolved one becomes something to compare later ones with."""
    incident = await ctx.state.get(Incident, event.incident)
    found = await search_of(incident.id, ctx)
    save: tuple[Search, ...] = ()
    if found and found.right is None and found.report and found.report.best:
        right = logic.turned_out(found, incident)
        if right is not None:
            save = (replace(found, right=right, claimed=found.report.best.confidence),)
    if incident.state is not IncidentState.RESOLVED:
        return Outcome(save)
    alerts = await ctx.state.find(Alert, incident=incident.id, limit=5, newest=False)
    change = await ctx.state.get(Change, incident.fixed_by) if incident.fixed_by else None
    document = of_our_own(incident, alerts, found.report if found else None, change)
    return Outcome(save, effects=(Remember(document),))


async def _draw(report: CauseReport, observed: Observed, ctx: Context) -> CauseReport:
    """The report with a picture of its best idea's metric, else of the metric that moved most."""
    best = report.hypotheses[0] if report.hypotheses else None
    if best is None:
        return report
    own = [
        d for d in observed.deviations if (d.asked.service, d.asked.indicator.name) == (best.service, best.indicator)
    ]
    others = sorted(
        (d for d in observed.deviations if d.notable), key=lambda d: (d.asked.service != best.service, -d.size)
    )
    drawn = next(iter(own or others), None)
    if drawn is None:
        return report
    marks: dict[str, datetime] = {
        f"{change.kind or 'deploy'} {change.version}".strip(): change.at
        for change in report.changes
        if change.service == best.service
    }
    indicator = drawn.asked.indicator
    picture = await ctx.pictures.metric(
        drawn.asked.title, indicator.unit, drawn.series, drawn.onset, marks, indicator.limit, ctx.house.zone
    )
    return logic.with_picture(report, picture)


async def again(event: Pressed | CommandGiven, ctx: Context) -> Outcome:
    """Search once more, or show what was found and search once more. Without an incident: how often it was right."""
    if isinstance(event, Pressed):
        incident = await ctx.state.get(Incident, number(event.value))
    elif event.incident is None:
        return say(*views.record(logic.record(await ctx.state.find(Search, limit=OUTCOMES)), ctx.house.command))
    else:
        incident = await ctx.state.get(Incident, event.incident)
    wanted = CauseWanted(id=f"rca:{event.id}", at=ctx.now, actor=ctx.actor.id, incident=incident.id)
    outcome = Outcome(emit=(wanted,))
    if isinstance(event, CommandGiven):
        found = await search_of(incident.id, ctx)
        outcome += say(*views.report(incident, found.report if found else None, searching=True))
    return outcome


SKILL = Skill(
    name="rca",
    summary="Explain why an incident is happening",
    commands=(
        Command(
            "rca", again, "rca <incident>", "the likely cause with its evidence; without one, how often it was right"
        ),
        Command(
            "troubleshoot",
            sessions.troubleshoot,
            "troubleshoot <service or pasted errors>",
            "causes and next checks without an incident; the session is kept",
        ),
    ),
    actions=(
        Action("incident:rca", again, May.LOOK),
        Action("incident:evidence", showing.evidence, May.LOOK, modal=True),
        Action("incident:ideas", showing.ideas, May.LOOK, modal=True),
        Action("incident:wrong", showing.ask_correction, modal=True),
        Action("incident:blast", showing.blast_radius, May.LOOK),
        Action("incident:panels", showing.panels, May.LOOK),
    ),
    forms=(Form("incident:correct", showing.correct),),
    events=(
        On(IncidentOpened, search),
        On(CauseWanted, search),
        On(CauseFound, word),
        On(IncidentClosed, remember),
    ),
    needs=("metrics", "logs", "traces", "cluster", "deploys", "knowledge", "pictures", "past", "model", "prompts"),
    prompts=("explain", "troubleshoot"),
)
