"""One scale for every signal: how seldom its own past was as far off. Pure.

Raw scores of different signals cannot be compared: a latency that is forty deviations away may be an ordinary minute of
an idle service, and a log template that appeared three times may be the whole story. So each score is compared with
the scores of the same signal in the past, and what counts is the *surprise*: −log₁₀ of the share of the past that was
as far off. Beyond what the past has seen the tail is continued as a power law, whose index is measured on the past;
more than a decade beyond what so many scores can tell, it grows slowly.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TAIL = 0.2  # the share of past scores from which the tail is measured
USUAL_KNEE, USUAL_SLOPE, USUAL_WEIGHT = math.log1p(3.0), 0.35, 6.0  # what is assumed where the past is short
LEAST_SLOPE = 0.12
BEYOND, FEW, SLOWED = 1.0, 30, 0.25
MOST = 9.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Past scores of a signal, sorted on a logarithmic axis; ``knee`` and ``slope`` describe their tail."""

    past: Sequence[float]
    knee: float
    slope: float

    @classmethod
    def of(cls, scores: Iterable[float]) -> "Scale":
        """The scale that those past scores make. With few of them the usual knee and slope prevail."""
        past = sorted(math.log1p(max(score, 0.0)) for score in scores if math.isfinite(score))
        if not past:
            return cls((), USUAL_KNEE, USUAL_SLOPE)
        at = past[min(int(len(past) * (1 - TAIL)), len(past) - 1)]
        over = [one - at for one in past if one > at]
        weight = len(past) * TAIL
        knee = (at * weight + USUAL_KNEE * USUAL_WEIGHT) / (weight + USUAL_WEIGHT)
        slope = (sum(over) + USUAL_SLOPE * USUAL_WEIGHT) / (len(over) + USUAL_WEIGHT)
        return cls(tuple(past), knee, max(slope, LEAST_SLOPE))

    def surprise(self, score: float) -> float:
        """−log₁₀ of how often the past was as far off: 0 for the ordinary, 1 for one in ten, at most nine."""
        if not score > 0:
            return 0.0
        at = math.log1p(min(score, 1e12))
        if at >= self.knee:
            beyond = -math.log10(TAIL) + (at - self.knee) / self.slope * math.log10(math.e)
            told = math.log10(len(self.past) + FEW) + BEYOND
            return min(beyond if beyond <= told else told + (beyond - told) * SLOWED, MOST)
        share = 1 - bisect_left(self.past, at) / len(self.past) if self.past else 1.0
        return min(-math.log10(max(share, TAIL)), -math.log10(TAIL) * at / self.knee)
