"""Past incidents as documents for the knowledge index."""

from collections.abc import Sequence

from bot.domain.cause import CauseReport, Similar
from bot.domain.change import Change
from bot.domain.incident import Alert, Incident
from bot.domain.passage import Document, DocumentKind
from bot.domain.past import PastIncident


def document_of(past: PastIncident) -> Document:
    """A past incident as Markdown, under ``incidents/<id>``."""
    symptoms = "\n".join(f"- {one}" for one in past.symptoms)
    timeline = "\n".join(f"- {one.at:%H:%M} {one.text}" for one in past.timeline)
    held = {True: "It held.", False: "It did not hold.", None: "Nobody noted whether it held."}[past.held]
    parts = [
        f"# {past.title}",
        f"## Symptoms\n\n{symptoms}" if symptoms else "",
        f"## Cause\n\n{past.cause_text}",
        f"## Fix\n\n{past.fix} {held}",
        f"## Timeline\n\n{timeline}" if timeline else "",
    ]
    return Document(
        path=f"incidents/{past.id}",
        title=past.title,
        text="\n\n".join(part for part in parts if part) + "\n",
        kind=DocumentKind.INCIDENT,
        service=past.service,
        meta={"sample": "true"} if past.sample else {},
    )


def of_our_own(
    incident: Incident, alerts: Sequence[Alert], report: CauseReport | None, change: Change | None
) -> Document:
    """A resolved incident of Fettle's own, as the same kind of document."""
    best = report.best if report else None
    symptoms = "\n".join(dict.fromkeys(f"- {one.name}: {one.summary}" for one in alerts))
    fix = f"{change.title}. {change.verdict}" if change else incident.resolution
    parts = [f"# {incident.title}", f"## Symptoms\n\n{symptoms}"]
    parts += [f"## Cause\n\n{best.text}"] if best else []
    parts.append(f"## Fix\n\n{fix}")
    return Document(
        path=f"incidents/{incident.name}",
        title=incident.title,
        text="\n\n".join(parts) + "\n",
        kind=DocumentKind.INCIDENT,
        service=incident.service or None,
    )


def alike(incident: Incident, report: CauseReport | None, change: Change | None, score: float) -> Similar:
    """A resolved incident of Fettle's own, for showing beside one like it. ``score`` in 0–1."""
    best = report.best if report else None
    return Similar(
        id=incident.name,
        title=incident.title,
        text=best.text if best else "its cause was not found",
        fix=change.title if change else incident.resolution,
        held=True if change else None,
        score=score,
    )
