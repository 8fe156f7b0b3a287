"""Past incidents as documents for the knowledge index."""

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
