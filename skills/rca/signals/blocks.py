"""Time in blocks: the span since the incident began, and spans of the past that are as long. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.evidence import Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FEWEST = 3


@dataclass(frozen=True, slots=True)
class Clockwork:
    """How time is cut: bins of ``seconds``; what began is looked at from ``begins`` to ``ends``.

    ``earlier`` are the windows of earlier incidents, which say nothing about what is usual.
    """

    begins: datetime
    ends: datetime
    seconds: float
    earlier: tuple[Window, ...] = ()

    def bin(self, at: datetime) -> int:
        """The number of the bin that a time falls into."""
        return int((at - EPOCH).total_seconds() // self.seconds)

    def at(self, number: int) -> datetime:
        """When a bin begins."""
        return EPOCH + timedelta(seconds=number * self.seconds)

    def shares(self, window: Window) -> dict[int, float]:
        """How much of each bin a window covers, from 0 to 1; bins that it does not touch are left out."""
        found = {}
        for number in range(self.bin(window.start), self.bin(window.end) + 1):
            begins, ends = max(self.at(number), window.start), min(self.at(number + 1), window.end)
            if ends > begins:
                found[number] = (ends - begins).total_seconds() / self.seconds
        return found

    def cut(self, bins: Iterable[int]) -> tuple[list[int], list[list[int]], bool]:
        """The bins since it began, and the past in blocks of as many neighbouring bins, of those that were observed.

        Blocks in which an earlier incident was are left out where enough others remain; the last says whether they did,
        so that the past is a calm one.
        """
        first, last = self.bin(self.begins), self.bin(self.ends)
        known = sorted(set(bins))
        now = [one for one in known if first <= one <= last]
        blocks: list[list[int]] = []
        for one in (one for one in known if one < first):
            if blocks and one == blocks[-1][-1] + 1 and len(blocks[-1]) < max(len(now), 1):
                blocks[-1].append(one)
            else:
                blocks.append([one])
        calm = [block for block in blocks if not any(self._troubled(one) for one in block)]
        enough = len(calm) >= FEWEST and len(calm) * 3 >= len(blocks)
        return now, calm if enough else blocks, enough

    def _troubled(self, number: int) -> bool:
        at = self.at(number)
        return any(one.start <= at <= one.end for one in self.earlier)


def without_the_worst(scores: Sequence[Iterable[float]]) -> list[float]:
    """The scores of blocks, without each block's worst one: it may be that of an incident nobody noted."""
    kept: list[float] = []
    for block in scores:
        kept += sorted(block)[:-1]
    return kept
