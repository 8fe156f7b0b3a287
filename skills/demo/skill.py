"""Break the demo's small service, and make it healthy again. Only there where the demo runs."""

from bot.domain.events import CommandGiven
from bot.domain.outcome import Outcome
from bot.domain.policy import May
from bot.errors import Refused
from bot.skill import Command, Context, Skill, say
from skills.demo import logic, views


async def demo(event: CommandGiven, ctx: Context) -> Outcome:
    """``demo`` lists the faults, ``demo break <fault>`` breaks, ``demo reset`` heals."""
    world = ctx.demo
    if world is None:
        raise Refused("This Fettle does not run the demo.")
    word, _, rest = event.text.strip().partition(" ")
    match word:
        case "":
            return say(*views.faults(await world.faults(), ctx.house.command))
        case "break":
            chosen = logic.fault(rest.strip(), await world.faults())
            return say(await world.break_(chosen))
        case "reset":
            return say(await world.reset())
        case _:
            raise Refused(f"`{ctx.house.command} demo break <fault>` or `{ctx.house.command} demo reset`.")


SKILL = Skill(
    name="demo",
    summary="Break the demo's small service, and make it healthy again",
    commands=(Command("demo", demo, "demo [break <fault> | reset]", "break the demo's service on purpose", May.LOOK),),
    needs=("demo",),
)
