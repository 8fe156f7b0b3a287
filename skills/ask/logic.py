"""Which question is meant, and in which service's context. Pure."""

import re
from collections.abc import Mapping, Sequence

from bot.domain.incident import Alert, Incident
from bot.domain.redaction import without_secrets

MOST_WORDS = 600
HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*$")


def question(text: str) -> str:
    """The question, of limited length, without secrets: some of its words are told again out of their place."""
    return without_secrets(" ".join(text.split()))[:MOST_WORDS]


def about_incident(incident: Incident, alerts: Sequence[Alert]) -> str:
    """What to look up when somebody asks about an incident without saying what."""
    words = [incident.title, *(f"{alert.name} {alert.summary}" for alert in alerts[:3])]
    return question(" ".join(dict.fromkeys(words)))


def section(text: str, anchor: str) -> str:
    """The part of a Markdown text under the heading with that anchor, its own headings included; else all of it."""
    lines = text.splitlines()
    fenced, start, level = False, -1, 0
    for place, line in enumerate(lines):
        fenced ^= line.lstrip().startswith("```")
        found = None if fenced else HEADING.match(line)
        if found is None:
            continue
        if start >= 0 and len(found[1]) <= level:
            return "\n".join(lines[start:place]).strip()
        if start < 0 and anchor and slug(found[2]) == anchor:
            start, level = place, len(found[1])
    return "\n".join(lines[start:]).strip() if start >= 0 else text.strip()


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def mentioned(text: str, services: Mapping[str, object]) -> str | None:
    """The one service that a question names; None when it names none or several."""
    words = {word.strip(".,?!:;\"'()").lower() for word in text.split()}
    named = [name for name in services if name.lower() in words]
    return named[0] if len(named) == 1 else None
