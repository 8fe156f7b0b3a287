"""What was counted, added up block by block, also where a source gave only a part of it. Pure.

Of a talkative service only the newest lines are read, and a source may answer one question and fail at the next. What
was not read is neither silence nor calm: a block is judged by the part that was read, and a service that was not read
either before or since is compared with nothing.
"""

from collections.abc import Iterable, Mapping, Sequence

from bot.domain.evidence import Window
from skills.rca.signals.blocks import Clockwork
from skills.rca.signals.counts import Block, Key

LEAST = 0.001  # a smaller share of a bin is an error of rounding


class Read:
    """How much of each service's bins was read: all of it where nothing else was said."""

    def __init__(self, clock: Clockwork, unread: Iterable[tuple[str, Window]] = ()) -> None:
        self._left: dict[tuple[str, int], float] = {}
        for service, window in unread:
            ends = clock.at(clock.bin(window.end) + 1) if window.end >= clock.ends else window.end
            for number, share in clock.shares(Window(window.start, ends)).items():
                left = self._left.get((service, number), 1.0) - share
                self._left[service, number] = left if left > LEAST else 0.0
        self.partly = frozenset(service for service, _ in self._left)

    def bins(self, service: str, block: Sequence[int]) -> float:
        """How many of the block's bins were read of a service."""
        return sum(self._left.get((service, one), 1.0) for one in block)


def tallies(
    bins: Mapping[int, Block], now: Sequence[int], past: Sequence[Sequence[int]], read: Read
) -> tuple[dict[Key, float], list[dict[Key, float]]]:
    """The counts of now and of each block of the past, scaled so that they can be compared.

    Everything is scaled to the length of now; of a service that was read in part, to the shortest part that was. In a
    block in which it was not read at all it is taken to be as in the others, in turn.
    """
    shortest: dict[str, float] = {}
    for service in read.partly:
        parts = [read.bins(service, block) for block in past]
        known = [part for part in parts if part]
        shortest[service] = min([read.bins(service, now), len(now), *known]) if known else 0.0

    def tally(block: Sequence[int]) -> dict[Key, float]:
        total: dict[Key, float] = {}
        for one in block:
            for key, count in bins.get(one, {}).items():
                total[key] = total.get(key, 0.0) + count
        made = {}
        for key, count in total.items():
            part, length = read.bins(key.service, block), shortest.get(key.service, float(len(now)))
            if part and length:
                made[key] = count * length / part
        return made

    blocks = [tally(block) for block in past]
    for service in read.partly:
        known_blocks = [
            {key: count for key, count in made.items() if key.service == service}
            for made, block in zip(blocks, past, strict=True)
            if read.bins(service, block)
        ]
        for place, block in enumerate(past):
            if known_blocks and not read.bins(service, block):
                blocks[place] |= known_blocks[place % len(known_blocks)]
    return tally(now), blocks
