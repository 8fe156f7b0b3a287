"""What nothing is written about: questions and alerts that found no page, for whoever should write one."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.domain.passage import Near


class Asked(StrEnum):
    """Who wanted to know."""

    QUESTION = "question"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """One gap. ``id`` is a digest of its kind and words, so that the same gap is counted and not repeated.

    ``times`` is how often it was met, ``owner`` whoever owns the nearest page or the service, empty for nobody;
    ``nearest`` is that page's path. ``closed_by`` is who said that it is dealt with, empty while it is open.
    """

    id: str
    version: int
    kind: Asked
    text: str
    service: str
    owner: str
    nearest: str
    times: int
    first_at: datetime
    last_at: datetime
    closed_by: str = ""

    @property
    def open(self) -> bool:
        """Whether it still waits for a page."""
        return not self.closed_by

    @classmethod
    def of(  # a gap has this many parts
        cls, kind: Asked, text: str, service: str, owner: str, nearest: Near | None, now: datetime
    ) -> "Unanswered":
        """A gap that is met for the first time."""
        near = nearest.document if nearest else ""
        return cls(gap_id(kind, text), 0, kind, text[:600], service, owner, near, 1, now, now)


def met(gap: Unanswered, now: datetime) -> Unanswered:
    """The gap, met once more; that opens it again."""
    return replace(gap, times=gap.times + 1, last_at=now, closed_by="")


def gap_id(kind: Asked, text: str) -> str:
    """The id of a gap: the same for the same words, whatever their case and spacing."""
    return hashlib.sha256(f"{kind}:{' '.join(text.lower().split())}".encode()).hexdigest()[:16]
