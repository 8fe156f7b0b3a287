"""Failures on request: what a test or a drill wants to go wrong next."""

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong with an API call, or with an acknowledgement."""

    RATELIMITED = "ratelimited"
    """429 with Retry-After; nothing is done."""
    ERROR = "error"
    """500; nothing is done."""
    HANG = "hang"
    """No answer for ``seconds``, then 500; nothing is done."""
    APPLY_THEN_ERROR = "apply_then_error"
    """The call is carried out, and the answer is 500 all the same."""
    LOSE_ACKNOWLEDGEMENT = "lose_acknowledgement"
    """The app's acknowledgement of the next envelope does not arrive."""


@dataclass(slots=True)
class Fault:
    """``count`` calls of ``method`` (every method when empty) go wrong. ``retry_after`` and ``seconds`` in seconds."""

    kind: FaultKind
    count: int = 1
    method: str = ""
    retry_after: int = 1
    seconds: float = 30.0


class Faults:
    """The failures still to come, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self) -> None:
        self._waiting.clear()

    def for_call(self, method: str) -> Fault | None:
        """The failure that this call shall have, counted down."""
        return self._take(method, acknowledgement=False)

    def loses_acknowledgement(self, envelope: str) -> bool:
        """Whether the acknowledgement of an envelope of this type gets lost; counted down."""
        return self._take(envelope, acknowledgement=True) is not None

    def _take(self, subject: str, *, acknowledgement: bool) -> Fault | None:
        for fault in self._waiting:
            fits = (fault.kind is FaultKind.LOSE_ACKNOWLEDGEMENT) == acknowledgement
            if fits and fault.method in ("", subject):
                fault.count -= 1
                if fault.count <= 0:
                    self._waiting.remove(fault)
                return fault
        return None
