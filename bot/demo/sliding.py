"""The last few seconds of something, for gauges that a plain selector can read. Pure: times come in, in seconds."""

import math
from collections import deque

SECONDS = 8.0


class Sliding:
    """Observations of the last ``seconds``: how long each took, in seconds, and whether it failed."""

    def __init__(self, since: float, seconds: float = SECONDS) -> None:
        self._since, self._seconds = since, seconds
        self._seen: deque[tuple[float, float, bool]] = deque()

    def add(self, at: float, took: float, *, failed: bool = False) -> None:
        """Note one that ended at ``at``; times must not go back."""
        self._seen.append((at, took, failed))
        self._forget(at)

    def per_second(self, at: float) -> float:
        """How many there were a second, over as much of the window as has passed."""
        self._forget(at)
        return len(self._seen) / max(min(self._seconds, at - self._since), 1.0)

    def error_ratio(self, at: float) -> float:
        """The share that failed, 0–1; 0 where there was none."""
        self._forget(at)
        return sum(failed for _, _, failed in self._seen) / len(self._seen) if self._seen else 0.0

    def p95(self, at: float) -> float:
        """The 95th percentile of the durations (nearest rank), in seconds; 0 where there was none."""
        self._forget(at)
        ordered = sorted(took for _, took, _ in self._seen)
        return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else 0.0

    def _forget(self, at: float) -> None:
        while self._seen and self._seen[0][0] <= at - self._seconds:
            self._seen.popleft()


class Level:
    """A quantity that holds a value until the next one, and its mean over the last moments, ``seconds`` at most."""

    def __init__(self, since: float, value: float = 0.0, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._steps: deque[tuple[float, float]] = deque([(since, value)])

    def set(self, at: float, value: float) -> None:
        """From ``at`` on it has this value."""
        self._steps.append((at, value))
        self._forget(at - self._seconds)

    def mean(self, at: float, seconds: float) -> float:
        """The mean over the ``seconds`` before ``at``, each value weighted by how long it held."""
        begins = at - min(seconds, self._seconds)
        first = max(self._steps[0][0], begins)
        if at <= first:
            return self._steps[-1][1]
        area, ends = 0.0, at
        for since, value in reversed(self._steps):
            area += value * max(ends - max(since, first), 0.0)
            ends = since
        return area / (at - first)

    def _forget(self, before: float) -> None:
        while len(self._steps) > 1 and self._steps[1][0] <= before:
            self._steps.popleft()
