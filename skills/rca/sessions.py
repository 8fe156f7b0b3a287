"""Troubleshooting without an incident: name a service or paste errors, get causes and next checks; go on later."""

import re
from dataclasses import replace

from bot.domain import wording as w
from bot.domain.catalogue import Catalogue
from bot.domain.cause import CauseReport
from bot.domain.events import CommandGiven
from bot.domain.journal import Entry
from bot.domain.model import Told
from bot.domain.outcome import Outcome
from bot.domain.passage import Answer
from bot.domain.troubleshooting import Session
from bot.looking import Looking, Shelf
from bot.skill import Context, say
from skills.rca import finding, logic, views
from skills.rca.gathering import Around, observe

MOST_PASTED, LONGEST_PASTED = 20, 2_000
NAME = re.compile(r"^(T-[0-9a-f]{6})\b\s*", re.IGNORECASE)


async def troubleshoot(event: CommandGiven, ctx: Context) -> Outcome:
    """Begin a session, go on with one (``T-1a2b3c …``), or list mine."""
    text = event.text.strip()
    named = NAME.match(text)
    if not text:
        mine = await ctx.state.find(Session, by=ctx.actor.id, limit=5)
        return say(*views.sessions(mine, ctx.house.command))
    if named:
        before = await ctx.state.get(Session, "T-" + named[1][2:].lower())
        text = text[named.end() :].strip()
    else:
        before = Session(f"T-{_hex(ctx.new_id())}", 0, ctx.actor.id, ctx.now, ctx.now)
    service = mentioned(text, ctx.catalogue) or before.service
    pasted = before.pasted
    if text and text != service:
        pasted = (*pasted, text[:LONGEST_PASTED])[-MOST_PASTED:]
    report = await _look(service, ctx) if service else None
    best = report.hypotheses[0] if report and report.hypotheses else None
    words = " ".join(pasted)[-600:] or (best.text if best else f"{service} runbook")
    answer = await ctx.knowledge.search(words, service=service or None, limit=3)
    worded = await _worded(before, service, pasted, report, answer, ctx)
    session = replace(
        before,
        touched_at=ctx.now,
        service=service,
        pasted=pasted,
        report=report,
        pages=tuple(one.citation for one in answer.passages),
    )
    entry = Entry(
        f"session:{session.id}",
        "troubleshoot",
        ctx.actor.id,
        reason=report.best.text if report and report.best else "",
        detail={"service": service, "pasted": len(pasted), "pages": len(session.pages)},
    )
    return Outcome((session,), (entry,)) + say(*views.session(session, report, answer, worded, ctx.house.command))


async def _worded(  # a session has these parts
    before: Session, service: str, pasted: tuple[str, ...], report: CauseReport | None, answer: Answer, ctx: Context
) -> list[str]:
    """What a language model makes of it, by looking things up; nothing where there is none, or why it did not."""
    if ctx.model is None:
        return []
    shelf = Shelf()
    shelf.passages(answer)
    if report:
        shelf.report("report", f"what is unlike the past around {service}", report)
    so_far = before.report.best.text if before.report and before.report.best else "nothing yet"
    told = await ctx.model.ask(
        ctx.prompts["troubleshoot"],
        {"symptoms": "\n".join(pasted) or f"The service {service} was named.", "so_far": so_far},
        Looking(shelf, ctx).tools(),
        evidence=shelf.texts,
        purpose="troubleshoot",
    )
    if not isinstance(told, Told):
        return [f"not worded by the language model: {w.line(told.reason, 200)}"]
    return [f"{one.shown} [{', '.join(shelf.cite(name) for name in one.cites)}]" for one in told.sentences]


async def _look(service: str, ctx: Context) -> CauseReport:
    """What is unlike the past around that service now."""
    services = finding.around([service], ctx.catalogue)
    asked = Around(services, ctx.now, ctx.clock(), finding.reach(ctx.house))
    seen = await observe(asked, finding.sources(ctx), _silent)
    changes = await ctx.state.changes([one.name for one in services], asked.window)
    findings = logic.Findings(
        (service,),
        ctx.now,
        seen.deviations,
        finding.merged(changes, seen.changes),
        (),
        None,
        seen.gaps,
        {},
        seen.signs,
        seen.missing,
    )
    return logic.rank(findings, ctx.catalogue, ctx.clock(), (ctx.clock() - ctx.now).total_seconds())


async def _silent(_source: str, _words: str) -> None:
    return None


def mentioned(text: str, catalogue: Catalogue) -> str:
    """The service that a text names first, empty where it names none; also as ``payment.`` or ``payment.internal``."""
    first: dict[str, int] = {}
    for found in re.finditer(r"[\w.-]+", text.lower()):
        word = found[0]
        for name in (word, word.strip(".-"), word.partition(".")[0]):
            first.setdefault(name, found.start())
    named = [(first[name.lower()], name) for name in catalogue.services if name.lower() in first]
    return min(named)[1] if named else ""


def _hex(text: str) -> str:
    found = re.sub(r"[^0-9a-f]", "", text.lower())
    return found[:6].rjust(6, "0")
