"""What a language model's answers cost, and how much they may. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

TOKENS_A_PRICE = 1_000_000
BYTES_A_TOKEN = 3.5  # English prose has about four, logs and identifiers about three
TOKENS_A_MESSAGE = 8  # what a server adds around each message


@dataclass(frozen=True, slots=True)
class Prices:
    """Per million tokens, in any one currency; nothing for a model of one's own."""

    read: float = 0.0
    written: float = 0.0

    def cost(self, tokens_read: int, tokens_written: int) -> float:
        """What that many tokens cost."""
        return (tokens_read * self.read + tokens_written * self.written) / TOKENS_A_PRICE


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent, in the currency of the prices; None is no limit. A day is a day of UTC."""

    an_incident: float | None = None
    a_day: float | None = None

    def limits(self, incident: int | None, now: datetime) -> tuple[tuple[str, str, float | None], ...]:
        """The scopes that a question counts in: the scope, what it is called, and its limit."""
        day = (f"day:{now:%Y-%m-%d}", f"{now:%d %B}", self.a_day)
        if incident is None:
            return (day,)
        return (f"incident:{incident}", f"INC-{incident}", self.an_incident), day


def tokens(texts: Sequence[str]) -> int:
    """About how many tokens these messages have, rather too many than too few; needs no tables of any model."""
    return sum(math.ceil(len(text.encode()) / BYTES_A_TOKEN) + TOKENS_A_MESSAGE for text in texts)
