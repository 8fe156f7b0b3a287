"""How often named things happen, against their past: log templates, operations, calls to others. Pure.

What is expected of a name is its usual count, scaled by how busy its service was: the median over the service's names,
so that one name that stopped does not hide itself. Names that always came together tell more: a line that is missing
although the line before it is there cannot be explained by less traffic.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Key(NamedTuple):
    """What is counted: a name of a service. ``grave`` is whether it calls itself an error or a warning."""

    service: str
    name: str
    grave: bool = False


Block = Mapping[Key, float]
FEW = 2.0
NEW_BELOW, LEAST_SIZE = 0.5, 0.3
FULL_FACTOR = 2.0  # as a power of two
DROP = 0.15  # the share of blocks, the worst ones of a name, that do not count: earlier incidents are among them
MOST_NAMES = 60
FEWEST_TOGETHER, SEEN_ENOUGH, LEAST_RATIO, TIGHT, LEAST_SPREAD = 3, 3.0, 0.1, 0.3, 0.25


@dataclass(frozen=True, slots=True)
class Odd:
    """A name whose count is unlike its past. ``size`` is in robust standard deviations, below zero for fewer.

    ``beside`` is the name that it used to come with, where that is what no longer fits, and ``beside_seen`` its count.
    """

    key: Key
    size: float
    seen: float
    expected: float
    beside: str = ""
    beside_seen: float = 0.0

    @property
    def fresh(self) -> bool:
        """Whether it is new, or an error or warning that bursts."""
        return self.size > 0 and (self.key.grave or self.expected < NEW_BELOW)


class Usual:
    """What is usual of each name, learned from blocks of the past."""

    def __init__(self, past: Sequence[Block]) -> None:
        self._blocks = len(past)
        counts: dict[Key, list[float]] = {}
        for block in past:
            for key, count in block.items():
                counts.setdefault(key, []).append(count)
        self._rates = {key: self._rate(found) for key, found in counts.items()}
        self._of: dict[str, list[Key]] = {}
        for key in self._rates:
            self._of.setdefault(key.service, []).append(key)
        sizes: dict[Key, list[float]] = {}
        for block in past:
            for key, (size, _, _) in self._sizes(block).items():
                sizes.setdefault(key, []).append(abs(size))
        self._spread = {key: max(1.0, _middling(found)) for key, found in sizes.items()}

    def odd(self, block: Block) -> dict[str, tuple[Odd, ...]]:
        """For each service its names that are unlike the past, the oddest first."""
        found: dict[str, list[Odd]] = {}
        for key, (size, seen, expected) in self._sizes(block).items():
            own = size / self._spread.get(key, 1.0) * _share(seen, expected)
            if abs(own) >= LEAST_SIZE:
                found.setdefault(key.service, []).append(Odd(key, own, seen, expected))
        return {service: tuple(sorted(odds, key=lambda one: -abs(one.size))) for service, odds in found.items()}

    def _rate(self, found: Sequence[float]) -> float:
        dropped = min(math.ceil(DROP * self._blocks), len(found)) if self._blocks > FEW else 0
        return sum(sorted(found)[: len(found) - dropped]) / max(self._blocks - dropped, 1)

    def _sizes(self, block: Block) -> dict[Key, tuple[float, float, float]]:
        busy = self._busy(block)
        found = {}
        for key in {*self._rates, *block}:
            seen, expected = block.get(key, 0.0), self._rates.get(key, 0.0) * busy.get(key.service, 1.0)
            # The square roots make counts as uncertain as one another whatever their size.
            found[key] = (2 * (math.sqrt(seen + 0.375) - math.sqrt(expected + 0.375)), seen, expected)
        return found

    def _busy(self, block: Block) -> dict[str, float]:
        """For each service how busy it was, 1 for as usual; few names are helped by everybody's."""
        usual = sum(self._rates.values())
        overall = sum(block.get(key, 0.0) for key in self._rates) / usual if usual else 1.0
        busy = {}
        for service, keys in self._of.items():
            frequent = [key for key in keys if self._rates[key] >= FEW]
            # More errors are no more traffic, where anything else tells how much there is.
            telling = [key for key in frequent if not key.grave] or frequent
            ratios = [block.get(key, 0.0) / self._rates[key] for key in telling]
            weight = min(len(ratios), 4) / 4
            middle = median(ratios) if ratios else overall
            seen = any(block.get(key) for key in keys)
            busy[service] = weight * middle + (1 - weight) * overall if seen else 0.5 * overall
        return busy


def _share(seen: float, expected: float) -> float:
    """How much of a difference counts, all of it from a factor of four on: a busy name differs by chance, too."""
    return min(abs(math.log2((seen + 0.5) / (expected + 0.5))) / FULL_FACTOR, 1.0)


def _middling(found: Sequence[float]) -> float:
    kept = sorted(found)[: max(1, len(found) - math.ceil(DROP * len(found)))]
    return math.sqrt(sum(one * one for one in kept) / len(kept))


class Together:
    """Names of one service that always came together, learned from blocks of the past."""

    def __init__(self, past: Sequence[Block]) -> None:
        keys: dict[str, set[Key]] = {}
        for block in past:
            for key in block:
                keys.setdefault(key.service, set()).add(key)
        self._of = {service: _Pairs(sorted(found), past) for service, found in keys.items()}

    def odd(self, block: Block) -> dict[str, Odd]:
        """For each service the name whose count fits least beside the one that it used to come with."""
        found = {service: pairs.worst(block) for service, pairs in self._of.items()}
        return {service: odd for service, odd in found.items() if odd is not None}


class _Pairs:
    """The pairs of one service. Arrays are [the name beside which, the name]."""

    def __init__(self, keys: Sequence[Key], past: Sequence[Block]) -> None:
        counts = np.array([[block.get(key, 0.0) for key in keys] for block in past], dtype=float)
        means = counts.mean(axis=0)
        kept = [int(place) for place in np.argsort(-means, kind="stable")[:MOST_NAMES] if means[place] >= 1]
        self._keys = [keys[place] for place in kept]
        counts = counts[:, kept]
        size = len(kept)
        self._ratio = np.zeros((size, size))
        self._spread = np.full((size, size), np.inf)
        for one in range(size):
            self._learn(one, counts)

    def _learn(self, one: int, counts: "npt.NDArray[np.float64]") -> None:
        beside = counts[:, one]
        enough = beside >= SEEN_ENOUGH
        if enough.sum() < FEWEST_TOGETHER:
            return
        ratio = np.median(counts[enough] / beside[enough][:, None], axis=0)
        expected = beside[:, None] * ratio
        off = np.sort(np.abs(counts - expected) / np.sqrt(counts + expected + 1), axis=0)
        spread = np.sqrt((off[: max(1, math.ceil(len(counts) * (1 - DROP)))] ** 2).mean(axis=0))
        tight = (spread < TIGHT) & (ratio >= LEAST_RATIO)
        tight[one] = False
        self._ratio[one] = ratio
        self._spread[one] = np.where(tight, np.maximum(spread, LEAST_SPREAD), np.inf)

    def worst(self, block: Block) -> Odd | None:
        if not self._keys or not np.isfinite(self._spread).any():
            return None
        counts = np.array([block.get(key, 0.0) for key in self._keys])
        expected = counts[:, None] * self._ratio
        off = (counts[None, :] - expected) / np.sqrt(counts[None, :] + expected + 1) / self._spread
        one, other = np.unravel_index(int(np.abs(off).argmax()), off.shape)
        size = float(off[one, other])
        if abs(size) < 1:
            return None
        return Odd(
            self._keys[other],
            size,
            float(counts[other]),
            float(expected[one, other]),
            self._keys[one].name,
            float(counts[one]),
        )


def fresh_and_usual(odds: Iterable[Odd]) -> tuple[Odd | None, Odd | None]:
    """Of odd names the oddest that is fresh and the oddest of the others."""
    fresh = usual = None
    for one in odds:
        if one.fresh:
            fresh = fresh or one
        else:
            usual = usual or one
    return fresh, usual
