"""What holds alerts back, and ending a mute before its time."""

from bot.domain.effects import Refresh
from bot.domain.events import CommandGiven, Pressed, SignalsArrived
from bot.domain.hold import HoldKind
from bot.domain.incident import HELD, Alert, Incident, Mute
from bot.domain.outcome import Outcome
from bot.domain.policy import May, permit
from bot.errors import NotFound, Refused
from bot.skill import Action, Command, Context, Skill, say
from skills.mutes import logic, views

MOST = 2_000


async def mutes(event: CommandGiven, ctx: Context) -> Outcome:
    """Show what is held back, or end a mute."""
    word, _, rest = event.text.strip().partition(" ")
    if word.lower() == "end":
        permit(ctx.actor, May.RESPOND)
        return await _end(rest.strip(" `"), event.id, ctx)
    if word:
        raise Refused(f"`{ctx.house.command} mutes` lists them, `{ctx.house.command} mutes end <id>` ends one.")
    return say(*views.everything(await _quiet(ctx), ctx.house.command))


async def end(event: Pressed, ctx: Context) -> Outcome:
    """End a mute by its button."""
    return await _end(event.value, event.id, ctx)


async def _quiet(ctx: Context) -> logic.Quiet:
    current = await ctx.state.find(Mute, until__after=ctx.now, limit=100, newest=False)
    held = await ctx.state.find(Alert, incident=HELD, firing=True, limit=MOST)
    return logic.quiet(ctx.house, current, held, ctx.now)


async def _end(mute_id: str, event: str, ctx: Context) -> Outcome:
    if not mute_id:
        raise Refused(f"Which mute? `{ctx.house.command} mutes` shows each with its id.")
    try:
        mute = await ctx.state.get(Mute, mute_id)
    except NotFound:
        windows = [one.name for one in ctx.house.maintenance]
        where = " It is a maintenance window: change fettle.yaml to end it." if mute_id in windows else ""
        raise NotFound(f"There is no mute “{mute_id[:40]}”.{where}") from None
    if mute.until <= ctx.now:
        raise Refused(f"The mute of {mute.service} is over already.")
    held = (await _quiet(ctx)).behind(HoldKind.MUTE, mute.id)
    incidents = await ctx.state.find(Incident, closed=False, service=mute.service, limit=100)
    over, shown, entries = logic.end(mute, incidents, ctx.actor.id, ctx.now)
    again = (SignalsArrived(id=f"unmuted:{event}", at=ctx.now),) if held else ()
    effects = tuple(Refresh(f"incident:{one.id}") for one in shown)
    return Outcome((over, *shown), tuple(entries), effects, again) + say(views.ended(mute, len(held)))


SKILL = Skill(
    name="mutes",
    summary="What is held back, who said so, why and until when",
    commands=(Command("mutes", mutes, "mutes [end <id>]", "mutes, maintenance windows and alerts that are held back"),),
    actions=(Action("mutes:end", end),),
)
