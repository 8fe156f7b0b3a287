"""On record and under control: the audit trail, and one word that stops everything."""

from bot.domain.change import Change, ChangeState
from bot.domain.effects import Note
from bot.domain.events import AutomationStopped, CommandGiven
from bot.domain.incident import Incident
from bot.domain.outcome import Outcome
from bot.domain.policy import Automation, May
from bot.errors import NotFound, Refused
from bot.skill import Command, Context, Skill, say
from skills.governance import logic, views

MOST_LINES = 500


async def audit(event: CommandGiven, ctx: Context) -> Outcome:
    """The audit trail of an incident."""
    if event.incident is None:
        raise Refused(f"Which incident? Say its number: `{ctx.house.command} audit 12`, or ask in its thread.")
    incident = await ctx.state.get(Incident, event.incident)
    return say(*views.audit(incident, await ctx.state.journal(incident.id, limit=MOST_LINES)))


async def stop(event: CommandGiven, ctx: Context) -> Outcome:
    """Stop everything at once, what runs included."""
    why = event.text.strip()[:300]
    stopped, entry = logic.stop(await _automation(ctx), ctx.actor.id, why, ctx.now)
    under_way = [ChangeState.RUNNING, ChangeState.ROLLING_BACK]
    halted = await ctx.state.find(Change, state=under_way, limit=100)
    text = views.stopped(ctx.actor.id, why, halted)
    told = Note(f"stop:{event.id}", ctx.house.alerts_channel, text)
    stop_event = AutomationStopped(id=f"stopped:{event.id}", at=ctx.now, actor=ctx.actor.id)
    return Outcome((stopped,), (entry,), (told,), (stop_event,)) + say(
        views.everybody_knows("stopped", ctx.house.alerts_channel)
    )


async def resume(event: CommandGiven, ctx: Context) -> Outcome:
    """Let changes be made again."""
    resumed, entry = logic.resume(await _automation(ctx), ctx.actor.id)
    text = views.resumed(ctx.actor.id)
    return Outcome((resumed,), (entry,), (Note(f"resume:{event.id}", ctx.house.alerts_channel, text),)) + say(
        views.everybody_knows("on again", ctx.house.alerts_channel)
    )


async def _automation(ctx: Context) -> Automation:
    try:
        return await ctx.state.get(Automation, "automation")
    except NotFound:
        return Automation()


SKILL = Skill(
    name="governance",
    summary="The audit trail, and one word that stops everything",
    commands=(
        Command("audit", audit, "audit <incident>", "everything on record about an incident"),
        Command("stop", stop, "stop [why]", "stop all automation at once, what runs included", May.STOP),
        Command("resume", resume, "resume", "turn automation on again", May.RESUME),
    ),
)
