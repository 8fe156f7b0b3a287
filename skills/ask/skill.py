"""Answer questions from runbooks, past incidents and what is observed, with citations; without support no answer."""

from dataclasses import replace

from bot.domain.cause import Search
from bot.domain.effects import Modal, Refresh, Rendered
from bot.domain.events import CommandGiven, Origin, Pressed
from bot.domain.incident import Alert, Incident
from bot.domain.model import Sentence, Told
from bot.domain.outcome import Outcome
from bot.domain.passage import Answer, Band
from bot.domain.policy import May
from bot.domain.unanswered import Asked, Unanswered, met
from bot.errors import NotFound, Refused
from bot.looking import Looking, Shelf
from bot.looking import known as known_of
from bot.skill import Action, Command, Context, Skill, Surface, say
from skills.ask import logic, views

FETTLE = "fettle"


async def ask(event: CommandGiven, ctx: Context) -> Outcome:
    """Answer a question; in an incident's thread, with the incident as its context."""
    question = logic.question(event.text)
    if not question:
        raise Refused(f"Ask something: `{ctx.house.command} ask how do I roll back payment?`")
    # A mention has no address of its own, so its answer can be a message that grows while it is written.
    grows = bool(event.origin.message and not event.origin.response_url and ctx.model is not None)
    incident = await ctx.state.get(Incident, event.incident) if event.incident is not None else None
    return await _answer(question, ctx, incident=incident, origin=event.origin if grows else None, key=event.id)


async def explain(event: Pressed, ctx: Context) -> Outcome:
    """Explain a message: what the runbooks say about its text. ``value`` is the text."""
    if event.incident is not None:
        incident = await ctx.state.get(Incident, event.incident)
        alerts = await ctx.state.find(Alert, incident=incident.id, limit=3, newest=False)
        search = await ctx.state.find(Search, incident=incident.id, limit=1)
        known = views.what_is_known(incident, search[0].report if search else None)
        return await _answer(logic.about_incident(incident, alerts), ctx, known, incident=incident)
    question = logic.question(event.value)
    if not question:
        raise Refused("There is no text in that message that I could look up.")
    return await _answer(question, ctx)


async def _answer(  # where it comes from decides how it is shown
    question: str,
    ctx: Context,
    known: str = "",
    *,
    incident: Incident | None = None,
    origin: Origin | None = None,
    key: str = "",
) -> Outcome:
    service = logic.mentioned(question, ctx.catalogue.services)
    found = await ctx.knowledge.search(question, service=service, limit=3)
    samples = {one.id: one.sample for one in ctx.past}
    gap = Outcome() if known else await _gap(question, service, found, ctx)
    if ctx.model is None:
        return gap + say(*views.answer(question, found, samples, known))
    growing = Growing(question, origin, key, ctx) if origin else None
    if growing:
        await growing.show()
    shelf = Shelf()
    shelf.passages(found)
    told = await ctx.model.ask(
        ctx.prompts["ask"],
        {"question": question, "context": await _context(incident, ctx)},
        Looking(shelf, ctx).tools(),
        evidence=shelf.texts,
        purpose="ask",
        incident=incident.id if incident else None,
        on_sentence=growing.add if growing else None,
    )
    if isinstance(told, Told):
        sources = {piece.id: shelf.cite(piece.id) for piece in told.pieces}
        opens = {piece.id: shelf.opens(piece.id) for piece in told.pieces}
        shown = views.worded(question, told, sources, opens, known)
        gap = gap if found.band is Band.FOUND else Outcome()
    else:
        shown = views.answer(question, found, samples, known, why=told.reason)
    if growing is None:
        return gap + say(*shown)
    await growing.end(shown)
    return gap + Outcome(effects=(Refresh(growing.key),))


async def read(event: Pressed, ctx: Context) -> Outcome:
    """Open a citation: the section as it is written. ``value`` is the document and the section's anchor."""
    path, _, anchor = event.value.partition("#")
    document = await ctx.knowledge.document(path)
    if document is None:
        raise Refused(
            "That page is not there any more: it was removed or renamed since. Ask again for what took its place."
        )
    return Outcome(effects=(Modal(views.page(document, anchor)),))


class Growing:
    """An answer that grows in the thread while it is written."""

    def __init__(self, question: str, origin: Origin, key: str, ctx: Context) -> None:
        self.key = f"answer:{key}"
        self._ctx, self._sentences = ctx, list[str]()
        thread = origin.thread or origin.message
        self._data: dict[str, object] = {"question": question, "channel": origin.channel, "thread": thread}

    async def add(self, sentence: Sentence) -> None:
        """One more sentence that stands."""
        self._sentences.append(sentence.shown)
        await self.show()

    async def show(self) -> None:
        """Bring the message up to date."""
        await self._ctx.progress(self.key, {**self._data, "sentences": self._sentences})

    async def end(self, shown: views.Shown) -> None:
        """Put the whole answer in its place."""
        text, blocks = shown
        await self._ctx.progress(self.key, {**self._data, "text": text, "blocks": blocks})


async def render(rest: str, ctx: Context) -> Rendered | None:
    """An answer as far as it has been written."""
    data = await ctx.state.progress(f"answer:{rest}")
    if data is None:
        return None
    text, blocks = views.growing(data)
    return Rendered(str(data["channel"]), text, blocks, origin=Origin(thread=str(data["thread"])))


async def _context(incident: Incident | None, ctx: Context) -> str:
    if incident is None:
        return "nothing in particular"
    search = await ctx.state.find(Search, incident=incident.id, limit=1)
    return known_of(incident, search[0].report if search else None)


async def _gap(question: str, service: str | None, found: Answer, ctx: Context) -> Outcome:
    """That nothing is written about it; or, where something is found now, that this is a gap no more."""
    nearest = found.nearest[0] if found.nearest else None
    owner = nearest.owner if nearest and nearest.owner else ""
    of = ctx.catalogue.services.get(service or "")
    new = Unanswered.of(Asked.QUESTION, question, service or "", owner or (of.owner if of else ""), nearest, ctx.now)
    try:
        before = await ctx.state.get(Unanswered, new.id)
    except NotFound:
        return Outcome((new,)) if found.band is Band.NONE else Outcome()
    if found.band is Band.NONE:
        return Outcome((met(before, ctx.now),))
    return Outcome((replace(before, closed_by=FETTLE),)) if found.band is Band.FOUND and before.open else Outcome()


SKILL = Skill(
    name="ask",
    summary="Answer questions from what is written down",
    commands=(Command("ask", ask, "ask <question>", "an answer from runbooks and past incidents, with citations"),),
    actions=(
        Action("explain", explain, May.LOOK),
        *(Action(f"ask:read:{number}", read, May.LOOK, modal=True) for number in range(1, 1 + views.READ)),
    ),
    surfaces=(Surface("answer", render),),
    needs=("knowledge", "past", "metrics", "model", "prompts"),
    prompts=("ask",),
)
