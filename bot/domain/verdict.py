"""How much harm a command can do, and why that is thought."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class CommandClass(StrEnum):
    """The classes, least harmful first. Whatever is not known for certain is ``CHANGING``."""

    READ_ONLY = "read-only"
    CHANGING = "changing"
    DESTRUCTIVE = "destructive"
    FORBIDDEN = "forbidden"

    @property
    def harm(self) -> int:
        """The place in that order."""
        return list(CommandClass).index(self)


@dataclass(frozen=True, slots=True)
class Classified:
    """A command's class with the reason, in words for the person who is offered it.

    ``stages`` are the commands of a read-only pipeline as argument lists: exactly what was judged, for running it
    without a shell. Empty for everything else.
    """

    command_class: CommandClass
    reason: str
    stages: tuple[tuple[str, ...], ...] = ()


def reading(reason: str) -> Classified:
    """It only looks."""
    return Classified(CommandClass.READ_ONLY, reason)


def changing(reason: str) -> Classified:
    """It changes something, or nobody knows."""
    return Classified(CommandClass.CHANGING, reason)


def destructive(reason: str) -> Classified:
    """What it takes away does not come back by itself."""
    return Classified(CommandClass.DESTRUCTIVE, reason)


def forbidden(reason: str) -> Classified:
    """It is never run, whoever approves."""
    return Classified(CommandClass.FORBIDDEN, reason)


def worst(found: Iterable[Classified]) -> Classified:
    """The most harmful one, the first of those."""
    return max(found, key=lambda one: one.command_class.harm, default=reading("there is nothing to do"))
