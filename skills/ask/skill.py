"""Answer questions from runbooks and past incidents, with citations; without support there is no answer."""

from bot.domain.cause import Search
from bot.domain.events import CommandGiven, Pressed
from bot.domain.incident import Alert, Incident
from bot.domain.outcome import Outcome
from bot.domain.policy import May
from bot.errors import Refused
from bot.skill import Action, Command, Context, Skill, say
from skills.ask import logic, views


async def ask(event: CommandGiven, ctx: Context) -> Outcome:
    """Answer a question; in an incident's thread, with the incident as its context."""
    question = logic.question(event.text)
    if not question:
        raise Refused(f"Ask something: `{ctx.house.command} ask how do I roll back payment?`")
    return await _answer(question, ctx)


async def explain(event: Pressed, ctx: Context) -> Outcome:
    """Explain a message: what the runbooks say about its text. ``value`` is the text."""
    if event.incident is not None:
        incident = await ctx.state.get(Incident, event.incident)
        alerts = await ctx.state.find(Alert, incident=incident.id, limit=3, newest=False)
        search = await ctx.state.find(Search, incident=incident.id, limit=1)
        known = views.what_is_known(incident, search[0].report if search else None)
        return await _answer(logic.about_incident(incident, alerts), ctx, known)
    question = logic.question(event.value)
    if not question:
        raise Refused("There is no text in that message that I could look up.")
    return await _answer(question, ctx)


async def _answer(question: str, ctx: Context, known: str = "") -> Outcome:
    service = logic.mentioned(question, ctx.catalogue.services)
    found = await ctx.knowledge.search(question, service=service, limit=3)
    samples = {one.id: one.sample for one in ctx.past}
    return say(*views.answer(question, found, samples, known))


SKILL = Skill(
    name="ask",
    summary="Answer questions from what is written down",
    commands=(Command("ask", ask, "ask <question>", "an answer from runbooks and past incidents, with citations"),),
    actions=(Action("explain", explain, May.LOOK),),
    needs=("knowledge", "past"),
)
