"""What the buttons of the answer do: show evidence, rejected ideas, pictures; take a correction."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from bot.domain import wording as w
from bot.domain.catalogue import Indicator
from bot.domain.cause import CauseKind, Correction
from bot.domain.effects import Modal, Note, Refresh, Remember
from bot.domain.events import Pressed, Submitted
from bot.domain.evidence import Failed, Found, Window
from bot.domain.incident import Alert, Incident, IncidentState, number
from bot.domain.journal import Entry
from bot.domain.observed import Edge
from bot.domain.outcome import Outcome
from bot.domain.picture import Panel, around, blast_words, panel_words
from bot.domain.remembered import of_our_own
from bot.errors import Refused
from bot.skill import Context, say
from skills.rca import finding, logic, views


async def evidence(event: Pressed, ctx: Context) -> Outcome:
    """Everything the report rests on, in a modal: each question exactly as it was asked."""
    incident = await ctx.state.get(Incident, number(event.value))
    _, report = await finding.report_of(incident, ctx)
    return Outcome(effects=(Modal(views.evidence_modal(incident, report)),))


async def ideas(event: Pressed, ctx: Context) -> Outcome:
    """The ideas that were not taken, each with what speaks for it and against it."""
    incident = await ctx.state.get(Incident, number(event.value))
    _, report = await finding.report_of(incident, ctx)
    return Outcome(effects=(Modal(views.ideas_modal(incident, report)),))


async def ask_correction(event: Pressed, ctx: Context) -> Outcome:
    """Ask what the cause was."""
    incident = await ctx.state.get(Incident, number(event.value))
    _, report = await finding.report_of(incident, ctx)
    services = [one.name for one in finding.around(incident.services, ctx.catalogue)]
    return Outcome(effects=(Modal(views.correction_modal(incident, report, services)),))


async def correct(event: Submitted, ctx: Context) -> Outcome:
    """Keep what a person says the cause was: it stands in the message, is searched later, and counts as an outcome."""
    incident = await ctx.state.get(Incident, number(event.about))
    found, report = await finding.report_of(incident, ctx)
    text = " ".join(event.values.get("text", "").split())[:500]
    service, kind = event.values.get("service", ""), event.values.get("kind", "")
    if service not in ctx.catalogue.services or kind not in set(CauseKind):
        raise Refused("That service or kind of cause is not one of those offered. Open the form again.")
    if not text:
        raise Refused("Say in a few words what the cause was, so that the next person can use it.")
    best = report.best
    correction = Correction(ctx.actor.id, ctx.now, service, CauseKind(kind), text, best.text if best else "")
    saved = replace(
        found,
        report=logic.corrected(report, correction),
        correction=correction,
        right=(best.service, best.kind) == (service, kind) if best and not best.said_by else found.right,
        claimed=best.confidence if best and not best.said_by else found.claimed,
        again_at=None,
    )
    entry = Entry(
        incident.thing,
        "correct",
        ctx.actor.id,
        before=correction.was,
        after=text,
        reason=text,
        incident=incident.id,
        detail={"service": service, "kind": kind},
    )
    effects = [Refresh(f"incident:{incident.id}")]
    outcome = Outcome((saved,), (entry,), tuple(effects))
    if incident.state is IncidentState.RESOLVED:
        alerts = await ctx.state.find(Alert, incident=incident.id, limit=5, newest=False)
        outcome += Outcome(effects=(Remember(of_our_own(incident, alerts, saved.report, None)),))
    return outcome


async def blast_radius(event: Pressed, ctx: Context) -> Outcome:
    """Draw what depends on the failing service, once for each state of things, in the incident's thread."""
    incident = await ctx.state.get(Incident, number(event.value))
    found = await finding.search_of(incident.id, ctx)
    best = found.report.best if found and found.report else None
    anchor = best.service if best else incident.service
    if not anchor:
        raise Refused("A storm has no service of its own. Open the services' incidents for their blast radius.")
    alerts = await ctx.state.find(Alert, incident=incident.id, limit=100, newest=False)
    firing = {one.service: one.since for one in alerts if one.cleared_at is None and one.service}
    edges = [Edge(one.name, callee, "catalogue") for one in ctx.catalogue.services.values() for callee in one.calls]
    edges += [
        Edge(caller, callee, "traces") for caller, callee in (found.report.calls if found and found.report else ())
    ]
    nodes = around(anchor, edges, firing, suspected=best is not None)
    title = f"Blast radius of {anchor}"
    picture = await ctx.pictures.blast_radius(title, nodes, edges, ctx.house.zone)
    words = blast_words(title, nodes, ctx.house.zone)
    return _posted(incident, picture, title, words, ctx)


async def panels(event: Pressed, ctx: Context) -> Outcome:
    """Draw the RED and USE indicators of the service in question as one picture, in the incident's thread."""
    incident = await ctx.state.get(Incident, number(event.value))
    found = await finding.search_of(incident.id, ctx)
    report = found.report if found else None
    best = report.best if report else None
    name = best.service if best else incident.service
    service = ctx.catalogue.services.get(name)
    if service is None or not service.indicators:
        raise Refused(f"The catalogue has no indicators of {name or 'that service'}; its owner can add them.")
    window = Window(incident.started_at - timedelta(seconds=ctx.house.search_window), incident.closed_at or ctx.now)
    drawn = await asyncio.gather(*(_panel(one, window, ctx) for one in service.indicators))
    marks = {
        f"{c.kind or 'change'} {c.version}".strip(): c.at
        for c in (report.changes if report else ())
        if c.service == name
    }
    title = f"{name}: RED and USE"
    onset = report.onset if report else None
    picture = await ctx.pictures.panels(title, drawn, onset, marks, ctx.house.zone)
    return _posted(incident, picture, title, panel_words(title, drawn, onset, marks, ctx.house.zone), ctx)


async def _panel(indicator: Indicator, window: Window, ctx: Context) -> Panel:
    answer = await ctx.metrics.range(indicator.query, window, ctx.house.search_step)
    sign = logic.panel_sign(indicator)
    title = indicator.title or indicator.name
    if isinstance(answer, Found):
        worst = max(answer.data, key=lambda one: max((value for _, value in one.samples), default=float("-inf")))
        return Panel(sign, title, indicator.unit, worst, indicator.limit)
    # It is drawn and told in a picture's words, where nothing is made harmless any more.
    reason = w.brief(answer.reason) if isinstance(answer, Failed) else "no series"
    return Panel(sign, title, indicator.unit, None, indicator.limit, reason)


def _posted(incident: Incident, picture: str, title: str, words: str, ctx: Context) -> Outcome:
    key = f"incident:{incident.id}"
    text, blocks = views.drawing(title, picture, words, ctx.actor.id)
    note = Note(f"note:{incident.id}:drawn:{picture}", incident.channel, text, blocks, under=key)
    return Outcome(effects=(note,)) + say(f"{title} is in the thread of {incident.name}.", private=True)
