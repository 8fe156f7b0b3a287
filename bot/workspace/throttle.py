"""Token buckets: who may call what how often. Time is an argument."""

import math
from dataclasses import dataclass

from bot.workspace.timing import Rates


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Throttle:
    """Counts calls by method, and posts by channel, against ``rates``."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._buckets: dict[str, _Bucket] = {}

    def wait_for_call(self, method: str, tier: int, now: float) -> int:
        """Whole seconds until this call is allowed; 0 when it is allowed now, and then it counts."""
        per_minute = self._rates.tiers[tier]
        if not self._rates.enabled or per_minute == 0:
            return 0
        return self._take(method, per_minute / 60, per_minute, now)

    def wait_for_post(self, channel: str, now: float) -> int:
        """As ``wait_for_call``, for a post into a channel."""
        if not self._rates.enabled:
            return 0
        return self._take(f"post:{channel}", self._rates.posts_per_second, self._rates.post_burst, now)

    def _take(self, key: str, per_second: float, most: int, now: float) -> int:
        bucket = self._buckets.setdefault(key, _Bucket(float(most), now))
        bucket.tokens = min(float(most), bucket.tokens + max(0.0, now - bucket.at) * per_second)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return max(1, math.ceil((1 - bucket.tokens) / per_second))
