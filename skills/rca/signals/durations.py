"""What traces tell of durations: callers that wait longer than a service works, and its own time. Pure.

A caller that waits longer than the callee worked waits for the way between them. Judged over all callers, the service
where the waiting is new is where the way became slow.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from bot.domain.observed import Calls, Work
from skills.rca.signals.blocks import Clockwork

GAP_FLOOR = 0.002  # seconds; below, a difference is noise
GAP_SHARE = 0.1
WORK_FLOOR = 0.010
FEW_CALLS = 6  # a ratio seen in so few calls counts half
Spent = Mapping[tuple[str, int], tuple[float, int]]  # (part, bin) → (seconds, how often)


@dataclass(frozen=True, slots=True)
class Slower:
    """How much slower a service became: ``ratio`` of the time then and before, less one; seconds for people."""

    ratio: float
    before: float
    then: float
    bin: int


def waits(calls: Iterable[Calls], clock: Clockwork) -> tuple[dict[str, Spent], dict[str, float]]:
    """For each callee, by caller and bin: how much longer the caller waited than the callee worked, and how often.

    And for each callee how much of that is noise: where it works long, both ends' medians differ by chance.
    """
    found: dict[str, dict[tuple[str, int], tuple[float, int]]] = {}
    worked: dict[str, list[float]] = {}
    for one in calls:
        if one.client_seconds is not None and one.server_seconds is not None:
            waited = max(one.client_seconds - one.server_seconds, 0.0)
            _add(found.setdefault(one.callee, {}), (one.caller, clock.bin(one.at)), waited, one.count)
            worked.setdefault(one.callee, []).append(one.server_seconds)
    return dict(found), {callee: GAP_FLOOR + GAP_SHARE * median(times) for callee, times in worked.items()}


def own_times(work: Iterable[Work], clock: Clockwork) -> dict[str, Spent]:
    """For each service, by operation and bin: how long it worked itself, and how often."""
    found: dict[str, dict[tuple[str, int], tuple[float, int]]] = {}
    for one in work:
        if one.own_seconds is not None:
            _add(found.setdefault(one.service, {}), (one.operation, clock.bin(one.at)), one.own_seconds, one.count)
    return dict(found)


def _add(at: dict[tuple[str, int], tuple[float, int]], key: tuple[str, int], seconds: float, count: int) -> None:
    was, before = at.get(key, (0.0, 0))
    total = before + count
    if total:
        at[key] = ((was * before + seconds * count) / total, total)


class Pace:
    """How long the parts of a service (its callers, its operations) usually take."""

    def __init__(self, spent: Spent, past: Iterable[int], floor: float) -> None:
        usual: dict[str, list[float]] = {}
        known = set(past)
        for (part, number), (seconds, _) in spent.items():
            if number in known:
                usual.setdefault(part, []).append(seconds)
        self._usual = {part: median(found) for part, found in usual.items()}
        self._overall = median(self._usual.values()) if self._usual else 0.0
        self._floor = floor
        self._by_bin: dict[int, list[tuple[float, int, float, float]]] = {}
        for (part, number), (seconds, count) in spent.items():
            was = self._usual.get(part, self._overall)
            ratio = math.log((seconds + floor) / (was + floor))
            self._by_bin.setdefault(number, []).append((ratio, count, was, seconds))

    def slower(self, block: Sequence[int]) -> Slower | None:
        """How much slower a block became, None where its past or the block says nothing.

        A slowness lasts: from each bin on to the block's end the middle call is looked at, and the worst beginning is
        taken. Few calls weigh little.
        """
        if not self._usual:
            return None
        bins = [one for one in block if one in self._by_bin]
        best, log = None, 0.0
        for place in range(len(bins)):
            ratio, was, seconds, total = self._middle(bins[place:])
            size = math.expm1(max(ratio * total / (total + FEW_CALLS), 0.0))
            if best is None or size > best.ratio:
                best, log = Slower(size, was, seconds, bins[place]), ratio
        if best is None or not best.ratio:
            return best
        # Ordinary bins before it hardly make it less slow, so the beginning is the first bin that is slow itself.
        begins = best.bin
        slow = (one for one in bins if one >= begins and self._middle([one])[0] >= log / 2)
        return replace(best, bin=next(slow, begins))

    def _middle(self, bins: Sequence[int]) -> tuple[float, float, float, int]:
        """The middle call of those bins: its logarithmic ratio, its usual seconds, its seconds; and how many calls."""
        parts = sorted(part for one in bins for part in self._by_bin[one])
        total = sum(count for _, count, _, _ in parts)
        return (*_middle(parts, total / 2), total)


def _middle(parts: Sequence[tuple[float, int, float, float]], half: float) -> tuple[float, float, float]:
    seen = 0
    for ratio, count, was, seconds in parts:
        seen += count
        if seen >= half:
            return ratio, was, seconds
    ratio, _, was, seconds = parts[-1]
    return ratio, was, seconds
