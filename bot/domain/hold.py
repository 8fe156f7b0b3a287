"""Why an alert opens nothing for a while: somebody's mute, a maintenance window, or another alert that explains it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HoldKind(StrEnum):
    """What holds an alert back."""

    MUTE = "mute"
    MAINTENANCE = "maintenance"
    INHIBITION = "inhibition"


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason to hold an alert back.

    ``name`` is the mute's id, the window's or the rule's name, ``reason`` says who, why and until when. ``until`` is
    None where nobody knows: as long as another alert fires, the one of ``incident`` (0 when that is held back itself).
    ``joins``: the alert may join an incident that is open anyway.
    """

    kind: HoldKind
    name: str
    reason: str
    until: datetime | None = None
    incident: int = 0
    joins: bool = False
