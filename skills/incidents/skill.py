"""One incident for what belongs together, one living message for each, and who has it."""

from collections.abc import Mapping, Sequence
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
from bot.domain.incident import HELD, Alert, Incident, IncidentState, Move, Mute, advance, number
from bot.domain.inhibition import rules_look_at
from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.domain.policy import May
from bot.domain.signal import SignalKind
from bot.domain.wording import duration
from bot.errors import NotFound, Refused
from bot.skill import Action, Command, Context, Form, On, Skill, Surface, say
from skills.incidents import logic, notes, views

BATCH = 500
MOST_HELD, MOST_FIRING = 2_000, 5_000
MEMORY = timedelta(days=1)


async def place_signals(_event: SignalsArrived, ctx: Context) -> Outcome:
    """Give every waiting signal its place."""
    signals = await ctx.state.waiting_signals(BATCH)
    waiting = await ctx.state.find(Alert, incident=HELD, firing=True, limit=MOST_HELD, newest=False)
    if not signals and not waiting:
        return Outcome()
    fingerprints = list(dict.fromkeys(signal.fingerprint for signal in signals if signal.kind is SignalKind.ALERT))
    incidents = {one.id: one for one in await ctx.state.find(Incident, closed=False, limit=1000)}
    holders = dict(await ctx.state.holders(fingerprints))
    strays = [one for one in fingerprints if one not in holders]
    held = await ctx.state.find(Alert, incident=HELD, fingerprint=strays, limit=BATCH) if strays else ()
    intake = logic.Intake(
        house=ctx.house,
        grouping=replace(ctx.house.grouping, paths=ctx.catalogue.paths()),
        now=ctx.now,
        next_id=await ctx.state.next_incident(),
        incidents=incidents,
        holders=holders,
        mutes=await ctx.state.find(Mute, until__after=ctx.now, limit=1000),
        held={one.fingerprint: one for one in (*held, *waiting)},
        former=await _former([*strays, *(one.fingerprint for one in waiting)], ctx),
        firing=await _firing(list(incidents), ctx),
    )
    intake.take_all(signals)
    outcome = intake.outcome(signals)
    flapping = ctx.house.grouping.flapping
    said = [Note(*notes.told(one, flapping), under=f"incident:{one.incident.id}") for one in intake.told]
    released = sum(one.incident == HELD and one.held is None for one in intake.alerts.values())
    if len(signals) == BATCH or (released and len(waiting) == MOST_HELD):
        last = signals[-1].id if signals else ctx.new_id()
        outcome += Outcome(emit=(SignalsArrived(id=f"more:{last}", at=ctx.now),))
    return outcome + Outcome(effects=tuple(said))


async def _former(fingerprints: Sequence[str], ctx: Context) -> Mapping[str, tuple[Alert, Incident]]:
    """Each alert as it was last, in an incident that has closed since."""
    if not fingerprints:
        return {}
    alerts = await ctx.state.find(Alert, fingerprint=fingerprints, since__after=ctx.now - MEMORY, limit=2 * BATCH)
    last = {one.fingerprint: one for one in reversed(alerts) if one.incident != HELD}
    numbers = {one.incident for one in last.values()}
    closed = await ctx.state.find(Incident, id=list(numbers), closed=True, limit=len(numbers)) if numbers else ()
    known = {one.id: one for one in closed}
    return {key: (one, known[one.incident]) for key, one in last.items() if one.incident in known}


async def _firing(incidents: Sequence[int], ctx: Context) -> Sequence[Alert]:
    """The alerts that fire in open incidents and may hold others back."""
    rules = ctx.house.inhibit
    if not rules or not incidents:
        return ()
    names, where = rules_look_at(rules), list(incidents)
    if names:
        return await ctx.state.find(Alert, incident=where, firing=True, name=names, limit=MOST_FIRING)
    return await ctx.state.find(Alert, incident=where, firing=True, limit=MOST_FIRING)


async def look_again(event: IncidentClosed, ctx: Context) -> Outcome:
    """What an incident's alerts held back may be held back no more."""
    if not ctx.house.inhibit:
        return Outcome()
    return Outcome(emit=(SignalsArrived(id=f"again:{event.id}", at=ctx.now),))


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
    quiet = logic.quiet_time(incident, ctx.house.grouping.flapping)
    moved, entry = advance(
        incident,
        Move.RESOLVE,
        by="fettle",
        now=ctx.now,
        reason=f"the alerts cleared by themselves and stayed quiet for {duration(quiet.total_seconds())}",
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
    holds = ctx.house.inhibit or ctx.house.maintenance
    held = await ctx.state.find(Alert, incident=HELD, firing=True, limit=MOST_HELD) if holds else ()
    text, blocks = views.living(
        incident,
        alerts,
        await _search(incident.id, ctx),
        await ctx.state.progress(key),
        guides[0] if guides else None,
        ctx.catalogue,
        ctx.house,
        notes.holding(incident, held, logic.windows(ctx.house, ctx.now)),
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
    events=(
        On(SignalsArrived, place_signals),
        On(EscalationDue, escalate),
        On(AlertsCleared, all_clear),
        On(IncidentClosed, look_again),
    ),
    surfaces=(Surface("incident", render),),
)
