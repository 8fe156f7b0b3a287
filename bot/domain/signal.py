"""One normalized record for everything that comes in: alerts and changes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class SignalKind(StrEnum):
    """What a signal tells of."""

    ALERT = "alert"
    CHANGE = "change"


class Status(StrEnum):
    """An alert fires or is resolved; a change has happened."""

    FIRING = "firing"
    RESOLVED = "resolved"
    HAPPENED = "happened"


class Severity(StrEnum):
    """How bad it is. ``rank`` orders them, worst first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)

    @classmethod
    def of(cls, word: str) -> "Severity":
        """The severity that a vendor's word means; an unknown word is a warning."""
        match word.strip().lower():
            case "critical" | "crit" | "page" | "error" | "fatal" | "emergency" | "p1" | "sev1" | "high":
                return cls.CRITICAL
            case "info" | "informational" | "notice" | "none" | "debug" | "low" | "p4" | "p5":
                return cls.INFO
            case _:
                return cls.WARNING


@dataclass(frozen=True, slots=True)
class Signal:
    """An alert or a change, whoever sent it.

    ``id`` is a digest of what makes it one signal: the same delivery twice is the same signal. ``started_at`` is when
    the alert began (for a change: when it happened), ``at`` when this state of it was reached. ``facts`` are a
    change's particulars (version, previous, by). Times are UTC. Every text is data from outside, of limited length.
    """

    id: str
    kind: SignalKind
    source: str
    service: str
    name: str
    status: Status
    severity: Severity
    fingerprint: str
    started_at: datetime
    at: datetime
    received_at: datetime
    request_id: str
    summary: str = ""
    description: str = ""
    environment: str = ""
    url: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def digest(*parts: str) -> str:
    """A short stable digest of the parts, 32 hexadecimal digits."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def alert_id(source: str, fingerprint: str, status: Status, at: datetime) -> str:
    """The id of one state of one alert: fired at that time, or resolved at that time."""
    return digest("alert", source, fingerprint, status, at.isoformat())
