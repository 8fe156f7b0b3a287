"""A resolved incident as a page: a draft from its timeline, and what a person makes of it. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain import wording as w
from bot.domain.cause import CauseReport
from bot.domain.change import Change
from bot.domain.incident import Alert, Incident
from bot.domain.journal import Line
from bot.domain.passage import Document, DocumentKind
from bot.domain.redaction import without_secrets

PARTS: Mapping[str, str] = {
    "summary": "Summary",
    "impact": "Impact",
    "cause": "Cause",
    "remedy": "Remedy",
    "lessons": "Lessons",
}
KINDS: tuple[tuple[str, DocumentKind], ...] = (
    ("post-mortem", DocumentKind.POSTMORTEM),
    ("runbook", DocumentKind.RUNBOOK),
)
LONGEST = 3_000
TOLD = frozenset(
    {"open", "acknowledge", "explain", "correct", "start_fix", "run", "plan", "help", "not_help", "resolve"}
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A page before a person has seen it. ``parts`` by the names of ``PARTS``, ``worded`` whether a model worded it."""

    title: str
    parts: Mapping[str, str]
    worded: bool = False


def draft(
    incident: Incident,
    alerts: Sequence[Alert],
    report: CauseReport | None,
    change: Change | None,
    lines: Sequence[Line],
) -> Draft:
    """A draft from what is known; what nobody knows is said to be missing, so that a person fills it in."""
    best = report.best if report else None
    ended = incident.closed_at or incident.touched_at
    took = w.duration((ended - incident.started_at).total_seconds())
    services = w.listed(incident.services, 10) or incident.service or "no service named"
    summary = f"{incident.title}. It lasted {took}, from {_at(incident.started_at)} to {_at(ended)}."
    symptoms = "\n".join(f"- {one.name}: {one.summary or 'no summary'}" for one in alerts[:8])
    cause = best.text.rstrip(". ") + "." if best else "Not found."
    if report and best:
        cause += "\n" + "\n".join(f"- {piece.text}" for piece in report.cited(best.supports)[:6])
    remedy = f"{change.title}. {change.verdict}".strip() if change else incident.resolution or "Not noted."
    told = "\n".join(f"- {_at(one.at)} {_said(one)}" for one in lines if one.entry.verb in TOLD)
    parts = {
        "summary": summary,
        "impact": f"Services that alerted: {services}.\n{symptoms}",
        "cause": cause,
        "remedy": f"{remedy}\n\nTimeline:\n{told}",
        "lessons": "",
    }
    # What a person accepts is kept and found: no secret of an alert or a log gets there unasked.
    return Draft(
        without_secrets(incident.title), {name: without_secrets(text)[:LONGEST] for name, text in parts.items()}
    )


def evidence(one: Draft, lines: Sequence[Line]) -> Mapping[str, str]:
    """What a model may word a draft from: its parts and the timeline, by id."""
    told = {f"T{number}": f"{_at(line.at)} {_said(line)}" for number, line in enumerate(lines[:60], 1)}
    return {f"D-{name}": text for name, text in one.parts.items() if text} | told


def page(incident: Incident, values: Mapping[str, str], by: str, now: datetime) -> Document:
    """The page that a person accepted, as Markdown."""
    kind = dict(KINDS).get(values.get("kind", ""), DocumentKind.POSTMORTEM)
    title = " ".join(values.get("title", "").split())[:200] or incident.title
    parts = [f"# {title}"]
    for name, heading in PARTS.items():
        text = values.get(name, "").strip()
        parts += [f"## {heading}\n\n{text[:LONGEST]}"] if text else []
    folder = "postmortems" if kind is DocumentKind.POSTMORTEM else "runbooks"
    name = incident.name if kind is DocumentKind.POSTMORTEM else f"{slug(title)}-{incident.name}"
    return Document(
        path=f"{folder}/{name}",
        title=title,
        text="\n\n".join(parts) + "\n",
        kind=kind,
        service=incident.service or None,
        meta={"written": f"{now:%Y-%m-%d}", "incident": incident.name},
        owner=values.get("owner", "").strip()[:100] or f"<@{by}>",
    )


def slug(text: str) -> str:
    """A title as a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "page"


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _said(line: Line) -> str:
    entry = line.entry
    who = "Fettle" if entry.actor == "fettle" else "somebody"
    return f"{who}: {entry.verb.replace('_', ' ')}{f', {entry.reason}' if entry.reason else ''}"
