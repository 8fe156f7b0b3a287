"""The first thing that a person sees: the home tab and the help."""

from bot.domain.approval import Approval, ApprovalState
from bot.domain.change import Change, ChangeState
from bot.domain.effects import Refresh, Rendered
from bot.domain.events import CommandGiven, HomeOpened
from bot.domain.guide import GuideRun, GuideState
from bot.domain.incident import Incident
from bot.domain.outcome import Outcome
from bot.domain.policy import Automation
from bot.errors import NotFound
from bot.skill import Command, Context, On, Skill, Surface, say
from skills.home import logic, views


async def opened(event: HomeOpened, _ctx: Context) -> Outcome:
    """Bring the person's home tab up to date."""
    return Outcome(effects=(Refresh(f"home:{event.actor}"),))


async def help_me(event: CommandGiven, ctx: Context) -> Outcome:
    """Everything that Fettle does; for a word that is no command, which ones are like it."""
    if event.text and not event.name:
        names = [one.name for one in ctx.commands if one.name]
        return say(views.unknown(event.text, logic.near(event.text, names), ctx.house.command))
    return say(*views.help_text(ctx.commands, ctx.house.command))


async def render(user: str, ctx: Context) -> Rendered | None:
    """A person's home tab."""
    actor = await ctx.people.actor(user)
    still = await ctx.state.find(Incident, closed=False, limit=60)
    waiting = await ctx.state.find(Approval, state=ApprovalState.WAITING, limit=20)
    pairs = [(one, await ctx.state.get(Change, one.change)) for one in waiting]
    unknown = await ctx.state.find(Change, state=ChangeState.UNKNOWN, limit=10)
    try:
        automation = await ctx.state.get(Automation, "automation")
    except NotFound:
        automation = Automation()
    desk = logic.desk(actor, still, pairs, unknown, automation)
    guides = await ctx.state.find(GuideRun, state=GuideState.ACTIVE, limit=60)
    steps = {run.incident: logic.next_step(run) for run in guides}
    keys = [
        *(f"incident:{one.id}" for one in (*desk.mine, *desk.others)),
        *(f"step:{one.guide_run}:{one.step}" for one in unknown),
    ]
    links = {key: await ctx.state.permalink(key) for key in keys}
    links |= {f"approval:{one.id}": await ctx.state.permalink(f"approval:{one.id}:channel") for one in waiting}
    text, blocks = views.home(desk, links, steps, ctx.house.command)
    return Rendered(user, text, blocks)


SKILL = Skill(
    name="home",
    summary="The home tab and the help",
    commands=(
        Command("", help_me, "", "this help"),
        Command("help", help_me, "help", "this help"),
    ),
    events=(On(HomeOpened, opened),),
    surfaces=(Surface("home", render),),
)
