"""Which question is meant, and in which service's context. Pure."""

from collections.abc import Mapping, Sequence

from bot.domain.incident import Alert, Incident

MOST_WORDS = 600


def question(text: str) -> str:
    """The question, of limited length."""
    return " ".join(text.split())[:MOST_WORDS]


def about_incident(incident: Incident, alerts: Sequence[Alert]) -> str:
    """What to look up when somebody asks about an incident without saying what."""
    words = [incident.title, *(f"{alert.name} {alert.summary}" for alert in alerts[:3])]
    return question(" ".join(dict.fromkeys(words)))


def mentioned(text: str, services: Mapping[str, object]) -> str | None:
    """The one service that a question names; None when it names none or several."""
    words = {word.strip(".,?!:;\"'()").lower() for word in text.split()}
    named = [name for name in services if name.lower() in words]
    return named[0] if len(named) == 1 else None
