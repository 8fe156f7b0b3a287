"""A past incident as it is written down: what happened, why, what was done, and whether it held."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class PastIncident:
    """An incident that is over. ``held`` is None where nobody knows; ``sample`` marks one that comes with Fettle.

    ``cause_kind`` is a ``CauseKind``'s value, ``indicator`` names one of ``cause_service``'s. Times are UTC.
    """

    id: str
    title: str
    service: str
    started_at: datetime
    ended_at: datetime
    cause_kind: str
    cause_service: str
    cause_text: str
    fix: str
    held: bool | None = None
    indicator: str = ""
    symptoms: tuple[str, ...] = ()
    timeline: tuple[Moment, ...] = ()
    sample: bool = False
    source: str = ""
