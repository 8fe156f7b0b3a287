"""One incident for what belongs together, one living message for each, and who has it."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.cause import Search
from bot.domain.change import Change, ChangeState
from bot.domain.effects import Later, Modal, Note, NotLater, Refresh, Rendered
from bot.domain.events import (
    AlertsCleared,
    CommandGiven,
    EscalationDue,
    IncidentClosed,
    Pressed,
    SignalsArrived,
    Submitted,
)
from bot.domain.guide import GuideRun
from bot.domain.incident import Alert, Incident, IncidentState, Move, Mute, advance, number
from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.domain.policy import May
from bot.errors import NotFound, Refused
from bot.skill import Action, Command, Context, Form, On, Skill, Surface, say
from skills.incidents import logic, views

BATCH = 500


async def place_signals(_event: SignalsArrived, ctx: Context) -> Outcome:
    """Give every waiting signal its place."""
    signals = await ctx.state.waiting_signals(BATCH)
    if not signals:
        return Outcome()
    intake = logic.Intake(
        house=ctx.house,
        grouping=replace(ctx.house.grouping, paths=ctx.catalogue.paths()),
        now=ctx.now,
        next_id=await ctx.state.next_incident(),
        incidents={one.id: one for one in await ctx.state.find(Incident, closed=False, limit=1000)},
        holders=dict(await ctx.state.holders([signal.fingerprint for signal in signals])),
        mutes=await ctx.state.find(Mute, until__after=ctx.now, limit=1000),
    )
    for signal in signals:
        intake.take(signal)
    outcome = intake.outcome(signals)
    if len(signals) == BATCH:
        again = SignalsArrived(id=f"more:{signals[-1].id}", at=ctx.now)
        outcome += Outcome(emit=(again,))
    return outcome


async def acknowledge(event: Pressed | CommandGiven, ctx: Context) -> Outcome:
    """Take an incident."""
    incident = await _incident(event, ctx)
    moved, entry = advance(incident, Move.ACKNOWLEDGE, by=ctx.actor.id, now=ctx.now)
    outcome = Outcome((moved,), (entry,), (Refresh(f"incident:{incident.id}"), NotLater(f"escalate:{incident.id}")))
    return outcome + (say(f"You have {incident.name} now.") if isinstance(event, CommandGiven) else Outcome())


async def false_alarm(event: Pressed, ctx: Context) -> Outcome:
    """Close an incident as a false alarm."""
    incident = await _incident(event, ctx)
    moved, entry = advance(
        incident, Move.DISMISS, by=ctx.actor.id, now=ctx.now, reason=f"false alarm, said <@{ctx.actor.id}>"
    )
    closed = IncidentClosed(id=f"closed:{incident.id}:{event.id}", at=ctx.now, incident=incident.id)
    effects = (
        Refresh(f"incident:{incident.id}"),
        NotLater(f"escalate:{incident.id}"),
        NotLater(f"quiet:{incident.id}"),
    )
    return Outcome((moved,), (entry,), effects, (closed,))


async def ask_mute(event: Pressed, ctx: Context) -> Outcome:
    """Ask how long, and why."""
    incident = await _incident(event, ctx)
    if not incident.service:
        raise Refused("A storm has no service of its own to mute. Open the services' incidents, or mute at the source.")
    return Outcome(effects=(Modal(views.mute_modal(incident)),))


async def mute(event: Submitted, ctx: Context) -> Outcome:
    """Mute the incident's service."""
    incident = await ctx.state.get(Incident, number(event.about))
    seconds = float(event.values.get("for", "3600"))
    if seconds not in [choice for _, choice in logic.MUTE_CHOICES]:
        raise Refused("That is not one of the durations offered.")
    why = event.values.get("why", "")[:300]
    made, entry = logic.mute_of(incident, seconds, ctx.actor.id, why, ctx.now, ctx.new_id())
    muted = replace(incident, muted_until=made.until, muted_by=ctx.actor.id, touched_at=ctx.now)
    return Outcome((made, muted), (entry,), (Refresh(f"incident:{incident.id}"),))


async def escalate(event: EscalationDue, ctx: Context) -> Outcome:
    """Nobody took it: call the next role in the thread."""
    incident = await ctx.state.get(Incident, event.incident)
    if incident.state is not IncidentState.OPEN:
        return Outcome()
    people = await ctx.people.with_role(ctx.house.escalate_role)
    again = ctx.now + timedelta(seconds=ctx.house.escalate_after)
    moved = replace(incident, escalated=incident.escalated + 1, escalates_at=again)
    due = EscalationDue(id=f"escalate:{incident.id}:{moved.escalated}", at=again, incident=incident.id)
    text = views.escalation(incident, people, ctx.house.escalate_role, ctx.now)
    key = f"incident:{incident.id}"
    entry = Entry(
        incident.thing,
        "escalate",
        reason=f"nobody acknowledged; called {ctx.house.escalate_role}",
        incident=incident.id,
    )
    effects = (
        Note(f"{key}:escalation:{moved.escalated}", incident.channel, text, under=key),
        Later(f"escalate:{incident.id}", again, due),
        Refresh(key),
    )
    return Outcome((moved,), (entry,), effects)


async def all_clear(event: AlertsCleared, ctx: Context) -> Outcome:
    """No alert fires any more. After a quiet while an incident that nobody is fixing is over."""
    incident = await ctx.state.get(Incident, event.incident)
    if incident.state.closed or incident.firing or not event.quiet:
        return Outcome()
    under_way = [ChangeState.RUNNING, ChangeState.WATCHING, ChangeState.ROLLING_BACK, ChangeState.UNKNOWN]
    if await ctx.state.find(Change, incident=incident.id, state=under_way, limit=1):
        return Outcome()
    moved, entry = advance(
        incident,
        Move.RESOLVE,
        by="fettle",
        now=ctx.now,
        reason="the alerts cleared by themselves and stayed quiet for 5 min",
    )
    closed = IncidentClosed(id=f"closed:{incident.id}:{event.id}", at=ctx.now, incident=incident.id)
    return Outcome(
        (moved,), (entry,), (Refresh(f"incident:{incident.id}"), NotLater(f"escalate:{incident.id}")), (closed,)
    )


async def resolve(event: CommandGiven, ctx: Context) -> Outcome:
    """Close an incident by a person's word."""
    incident = await _incident(event, ctx)
    why = event.text or "by hand"
    moved, entry = advance(incident, Move.RESOLVE, by=ctx.actor.id, now=ctx.now, reason=why[:300])
    closed = IncidentClosed(id=f"closed:{incident.id}:{event.id}", at=ctx.now, incident=incident.id)
    effects = (
        Refresh(f"incident:{incident.id}"),
        NotLater(f"escalate:{incident.id}"),
        NotLater(f"quiet:{incident.id}"),
    )
    return Outcome((moved,), (entry,), effects, (closed,)) + say(f"{incident.name} is resolved.")


async def incidents(_event: CommandGiven, ctx: Context) -> Outcome:
    """List what is open, and what was closed last."""
    still = await ctx.state.find(Incident, closed=False, limit=20)
    over = await ctx.state.find(Incident, closed=True, limit=5)
    links = {one.id: await ctx.state.permalink(f"incident:{one.id}") for one in (*still, *over)}
    return say(*views.incident_list(still, over, links, ctx.now))


async def show(event: CommandGiven, ctx: Context) -> Outcome:
    """Show one incident with its timeline."""
    incident = await _incident(event, ctx)
    search = await _search(incident.id, ctx)
    lines = await ctx.state.journal(incident.id, limit=40)
    link = await ctx.state.permalink(f"incident:{incident.id}")
    return say(*views.incident_detail(incident, search, lines, link))


async def render(rest: str, ctx: Context) -> Rendered | None:
    """The living message of one incident."""
    incident = await ctx.state.get(Incident, number(rest))
    key = f"incident:{incident.id}"
    alerts = await ctx.state.find(Alert, incident=incident.id, limit=6, newest=False)
    guides = await ctx.state.find(GuideRun, incident=incident.id, limit=1)
    text, blocks = views.living(
        incident,
        alerts,
        await _search(incident.id, ctx),
        await ctx.state.progress(key),
        guides[0] if guides else None,
        ctx.catalogue,
        ctx.house,
    )
    return Rendered(incident.channel, text, blocks)


async def _search(incident: int, ctx: Context) -> Search | None:
    try:
        return await ctx.state.get(Search, incident)
    except NotFound:
        return None


async def _incident(event: Pressed | CommandGiven, ctx: Context) -> Incident:
    if isinstance(event, Pressed):
        return await ctx.state.get(Incident, number(event.value))
    if event.incident is None:
        raise Refused(f"Which incident? Say its number: `{ctx.house.command} {event.name} 12`, or ask in its thread.")
    return await ctx.state.get(Incident, event.incident)


SKILL = Skill(
    name="incidents",
    summary="One incident for what belongs together, and who has it",
    commands=(
        Command("incidents", incidents, "incidents", "what is open, and what was closed last"),
        Command("show", show, "show <incident>", "one incident with its timeline"),
        Command("ack", acknowledge, "ack <incident>", "take an incident", May.RESPOND),
        Command("resolve", resolve, "resolve <incident> [why]", "close an incident by your word", May.RESPOND),
    ),
    actions=(
        Action("incident:ack", acknowledge),
        Action("incident:false", false_alarm),
        Action("incident:mute", ask_mute, modal=True),
    ),
    forms=(Form("incident:mute", mute),),
    events=(On(SignalsArrived, place_signals), On(EscalationDue, escalate), On(AlertsCleared, all_clear)),
    surfaces=(Surface("incident", render),),
)
