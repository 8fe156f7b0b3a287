"""What a check found: right, broken, or neither."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it is. The value is the sign that stands in front of the line."""

    FINE = "✓"
    BROKEN = "✕"
    ODD = "–"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what it is about, how it is, and how to mend it."""

    about: str
    state: State
    text: str
    mend: str = ""

    def __str__(self) -> str:
        mend = f"\n    {self.mend}" if self.mend else ""
        return f"{self.state.value} {self.about}: {self.text}{mend}"


def fine(about: str, text: str) -> Finding:
    """It works."""
    return Finding(about, State.FINE, text)


def broken(about: str, text: str, mend: str) -> Finding:
    """It does not work, and Fettle does not without it."""
    return Finding(about, State.BROKEN, text, mend)


def odd(about: str, text: str, mend: str = "") -> Finding:
    """It is off, or worth a look; Fettle works without it."""
    return Finding(about, State.ODD, text, mend)
