"""What a source answered: found, empty and failed are three different things."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, both ends included, in UTC."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """The time between both ends."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Asked:
    """Exactly what was asked of a source, and how long the answer took in seconds."""

    source: str
    query: str
    window: Window | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Found(Generic[T_co]):
    """The source answered with something."""

    asked: Asked
    data: T_co


@dataclass(frozen=True, slots=True)
class Empty:
    """The source answered, and there is nothing."""

    asked: Asked


@dataclass(frozen=True, slots=True)
class Failed:
    """The source did not answer. ``reason`` says what was tried and what came back."""

    asked: Asked
    reason: str


@dataclass(frozen=True, slots=True)
class Series:
    """One metric's samples: its labels and ``(time, value)`` pairs, oldest first. Values in the metric's own unit."""

    labels: tuple[tuple[str, str], ...]
    samples: tuple[tuple[datetime, float], ...]

    def label(self, name: str) -> str | None:
        """The label's value, or None."""
        return dict(self.labels).get(name)
