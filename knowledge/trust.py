"""How far the best passage supports an answer. Pure.

The limits come from 106 real alerts with 108 runbooks, asked with and without the page that answers them, and 54
questions about technologies without any page: support tells the latter from the former almost always (AUROC above
0.99), and a missing page about a known technology from a present one less well (0.82, with the alert's name 0.99).
That is why there is a band between: *possible, unconfirmed*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.passage import Band

FOUND = 1.2
POSSIBLE = 0.58
SMALL = 50


@dataclass(frozen=True, slots=True)
class Support:
    """What speaks for the best document, each from 0 to 1.

    ``cosine`` of its best section; ``covered``, the share of the question's rare words that it holds; ``unknown``, the
    share of them that no document holds; ``titled``, the share of its title's rare words that the question has.
    ``documents`` is how many there are; ``own``: the question is about a service, and the document is that service's
    own. ``strangers`` are the question's words that no document holds, as they were written.
    """

    cosine: float
    covered: float
    unknown: float
    titled: float
    documents: int
    own: bool = False
    strangers: Sequence[str] = ()

    @property
    def strength(self) -> float:
        """About 0 for an unrelated question, about 2 for the page's own words."""
        # In a small collection a strange word is a sign of its size more than of a strange question.
        strange = self.unknown * self.documents / (self.documents + SMALL)
        return self.cosine + self.covered / 2 + self.titled / 2 - 0.4 * strange + 0.25 * self.own


def judge(support: Support) -> tuple[Band, str]:
    """The band, and the reason for it as a sentence for a person."""
    share = f"the page holds {support.covered:.0%} of the question's telling words"
    why = f"{share}, closeness in meaning {support.cosine:.2f}"
    if support.strength >= FOUND:
        return Band.FOUND, f"The best page speaks to this: {why}."
    if support.strength >= POSSIBLE:
        return Band.POSSIBLE, f"The best page may be about this, unconfirmed: {why}."
    if support.strangers:
        named = ", ".join(support.strangers[:5])
        return Band.NONE, f"No document comes close, and none mentions {named}."
    return Band.NONE, f"No document comes close: of the nearest, {why}."
