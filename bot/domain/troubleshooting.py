"""A troubleshooting session: what somebody asked about without an incident, kept so that it can go on later."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.cause import CauseReport


@dataclass(frozen=True, slots=True)
class Session:
    """One session. ``id`` is ``T-…``; ``by`` the Slack user who began it.

    ``service`` is what it is about, empty where nobody said; ``pasted`` what was pasted, oldest first; ``report`` what
    was found last, and ``pages`` the citations shown beside it.
    """

    id: str
    version: int
    by: str
    started_at: datetime
    touched_at: datetime
    service: str = ""
    pasted: tuple[str, ...] = ()
    report: CauseReport | None = None
    pages: tuple[str, ...] = ()
