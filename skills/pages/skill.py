"""What gets written down: drafts of resolved incidents, accepted by a person; and what nothing is written about."""

from dataclasses import replace

from bot.domain import wording as w
from bot.domain.cause import Search
from bot.domain.change import Change
from bot.domain.effects import Modal, Note, Remember
from bot.domain.events import CommandGiven, IncidentClosed, Pressed, Submitted
from bot.domain.incident import Alert, Incident, IncidentState, number
from bot.domain.journal import Entry, Line
from bot.domain.model import Told
from bot.domain.outcome import Outcome
from bot.domain.policy import May
from bot.domain.unanswered import Unanswered
from bot.errors import NotFound, Refused
from bot.skill import Action, Command, Context, Form, On, Skill, say
from skills.pages import logic, views

MOST_GAPS = 15


async def propose(event: IncidentClosed, ctx: Context) -> Outcome:
    """Ask in the thread of a resolved incident whether it shall be written down."""
    incident = await ctx.state.get(Incident, event.incident)
    if incident.state is not IncidentState.RESOLVED or incident.storm:
        return Outcome()
    search = await ctx.state.find(Search, incident=incident.id, limit=1)
    report = search[0].report if search else None
    text, blocks = views.proposal(incident, gap=report is None or report.runbook is None)
    key = f"incident:{incident.id}"
    return Outcome(effects=(Note(f"note:{incident.id}:write", incident.channel, text, blocks, under=key),))


async def draft(event: Pressed, ctx: Context) -> Outcome:
    """Show the draft, worded by the model where there is one."""
    incident = await ctx.state.get(Incident, number(event.value))
    if incident.state is not IncidentState.RESOLVED:
        raise Refused(f"{incident.name} is {incident.state}; it is written down when it is resolved.")
    lines = await ctx.state.journal(incident.id, limit=200)
    made = await _draft(incident, lines, ctx)
    service = ctx.catalogue.services.get(incident.service)
    return Outcome(effects=(Modal(views.draft_modal(incident, made, service.owner if service else "")),))


async def _draft(incident: Incident, lines: tuple[Line, ...], ctx: Context) -> logic.Draft:
    alerts = await ctx.state.find(Alert, incident=incident.id, limit=10, newest=False)
    search = await ctx.state.find(Search, incident=incident.id, limit=1)
    change = await ctx.state.get(Change, incident.fixed_by) if incident.fixed_by else None
    made = logic.draft(incident, alerts, search[0].report if search else None, change, lines)
    if ctx.model is None:
        return made
    told = await ctx.model.answer(
        ctx.prompts["postmortem"],
        {"incident": f"{incident.name} {incident.title}"},
        logic.evidence(made, lines),
        purpose="postmortem",
        incident=incident.id,
    )
    if not isinstance(told, Told):
        return made
    parts = dict(made.parts)
    for name in logic.PARTS:
        words = " ".join(one.text for one in told.sentences if one.part == name)
        if words:
            parts[name] = words[: logic.LONGEST]
    return replace(made, parts=parts, worded=True)


async def accept(event: Submitted, ctx: Context) -> Outcome:
    """Keep the page as the person left it."""
    incident = await ctx.state.get(Incident, number(event.about))
    page = logic.page(incident, event.values, ctx.actor.id, ctx.now)
    entry = Entry(
        incident.thing,
        "write",
        ctx.actor.id,
        reason=page.title,
        incident=incident.id,
        detail={"path": page.path, "kind": page.kind, "version": page.version},
    )
    text = views.accepted(incident, page.title, ctx.actor.id)
    key = f"incident:{incident.id}"
    note = Note(f"note:{incident.id}:written:{page.version}", incident.channel, text, under=key)
    return Outcome(journal=(entry,), effects=(Remember(page), note))


async def decline(event: Pressed, ctx: Context) -> Outcome:
    """Note that nobody wants it."""
    incident = await ctx.state.get(Incident, number(event.value))
    entry = Entry(incident.thing, "not_write", ctx.actor.id, incident=incident.id)
    return Outcome(journal=(entry,)) + say(f"{incident.name} is not written down. You can still do it.", private=True)


async def gaps(event: CommandGiven, ctx: Context) -> Outcome:
    """List what nothing is written about, or say that one is dealt with."""
    words = event.text.split()
    if words[:1] == ["done"]:
        found = await ctx.state.find(Unanswered, open=True, limit=500)
        mine = [one for one in found if len(words) > 1 and one.id.startswith(words[1].strip("`").lower())]
        if len(mine) != 1:
            raise NotFound(f"No open gap begins with that. `{ctx.house.command} gaps` lists them.")
        closed = replace(mine[0], closed_by=ctx.actor.id)
        entry = Entry(f"gap:{closed.id}", "close", ctx.actor.id, reason=closed.text[:200])
        return Outcome((closed,), (entry,)) + say(f"“{w.line(closed.text, 200)}” is dealt with.")
    found = await ctx.state.find(Unanswered, open=True, limit=500)
    wanted = sorted(found, key=lambda one: (-one.times, -one.last_at.timestamp()))[:MOST_GAPS]
    return say(*views.gaps(wanted, ctx.house.command))


SKILL = Skill(
    name="pages",
    summary="What gets written down, and what is missing",
    commands=(Command("gaps", gaps, "gaps [done <id>]", "questions and alerts that nothing is written about"),),
    actions=(
        Action("pages:draft", draft, modal=True),
        Action("pages:no", decline, May.RESPOND),
    ),
    forms=(Form("pages:accept", accept),),
    events=(On(IncidentClosed, propose),),
    needs=("model", "prompts"),
    prompts=("postmortem",),
)
