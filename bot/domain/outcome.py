"""What a skill decided, as one value: it is committed at once or not at all."""

from dataclasses import dataclass

from bot.domain.effects import Effect
from bot.domain.events import Event
from bot.domain.journal import Entry


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler decided: what to save, what to write down, what follows.

    All of it is committed at once; nothing of it happens when a thing in ``save`` was changed by somebody else
    meanwhile: then the handler decides again. ``emit`` are events that come of it, ``placed`` the signals that have
    their place now.
    """

    save: tuple[object, ...] = ()
    journal: tuple[Entry, ...] = ()
    effects: tuple[Effect, ...] = ()
    emit: tuple[Event, ...] = ()
    placed: tuple[str, ...] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        """Both together, in this order."""
        return Outcome(
            self.save + other.save,
            self.journal + other.journal,
            self.effects + other.effects,
            self.emit + other.emit,
            self.placed + other.placed,
        )
