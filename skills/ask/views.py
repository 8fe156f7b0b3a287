"""Answers from what is written down, each with where it stands. Pure."""

from collections.abc import Mapping
from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.cause import CauseReport, cite
from bot.domain.incident import Incident
from bot.domain.passage import Answer, Band, DocumentKind, Passage

Shown = tuple[str, list[dict[str, Any]]]
KINDS = {DocumentKind.INCIDENT: "past incident", DocumentKind.POSTMORTEM: "post-mortem"}


def what_is_known(incident: Incident, report: CauseReport | None) -> str:
    """An incident in a few lines, for whoever asks about its message."""
    lines = [
        f"*{incident.name}*  {w.line(incident.title, 200)}: {incident.state}, since {w.clock(incident.started_at)}"
    ]
    if report and report.best:
        lines.append(f"*Likely cause*  {w.line(report.best.text, 300)}   {w.percent(report.best.confidence)}")
        lines += [f"• {cite(piece)}" for piece in report.cited(report.best.supports)[:3]]
    elif report:
        lines.append("No likely cause has been found yet.")
    return "\n".join(lines)


def answer(question: str, found: Answer, samples: Mapping[str, bool], known: str = "") -> Shown:
    """The passages that answer, quoted; or the nearest ones, said to be unconfirmed; or that there is nothing.

    ``known`` stands above them where the question is about an incident.
    """
    asked = w.line(question, 200)
    if found.band is Band.NONE or not found.passages:
        text = f"I found nothing written about “{asked}”, so I do not answer. {w.line(found.reason, 200)}"
        return text, b.plain([*([b.text(known)] if known else []), b.text(text)])
    lead = (
        ""
        if found.band is Band.FOUND
        else "Possibly, and unconfirmed: nothing names this exactly. The nearest pages:\n"
    )
    shown: list[Block] = [b.text(known), b.text(f"*What is written about it*\n{lead}".strip())] if known else []
    shown = shown or [b.text(f"*{asked}*\n{lead}".strip())]
    for number, passage in enumerate(found.passages[:3], 1):
        shown.append(b.text(f"> {w.line(passage.quote, 900)}\n[{number}] {_where(passage, samples)}"))
    text = f"{len(found.passages[:3])} passages on “{asked}”"
    return text, b.plain(shown)


def _where(passage: Passage, samples: Mapping[str, bool]) -> str:
    name = (
        f"{w.line(passage.title, 100)} › {w.line(passage.heading, 100)}"
        if passage.heading
        else w.line(passage.title, 120)
    )
    kind = KINDS.get(passage.kind, str(passage.kind))
    sample = " · sample data" if samples.get(passage.document.rpartition("/")[2]) else ""
    return f"{w.link(passage.url, f'*{name}*')}  _{kind}, {w.inline(passage.citation, 150)}{sample}_"
