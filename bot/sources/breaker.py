"""Leave a source alone that has failed again and again, so that nobody waits for it each time."""

from collections.abc import Callable

FAILURES = 3
REST_SECONDS = 15.0


class Breaker:
    """Opens after three failures in a row; 15 seconds after the last one, questions may try whether the source is back.

    ``steady`` gives seconds on a clock that never goes back.
    """

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._failures = 0
        self._reason = ""
        self._again_at = 0.0

    def resting(self) -> str:
        """Why the source is not to be asked now, empty when it may be: then tell how that went."""
        if self._failures < FAILURES:
            return ""
        now = self._steady()
        # All that are asked together may try: if only one could, the others would be gaps although it is back.
        if now >= self._again_at:
            return ""
        left = max(self._again_at - now, 1)
        return f"it failed {self._failures} times in a row and is asked again in {left:.0f} s. Last: {self._reason}"

    def worked(self) -> None:
        """It answered."""
        self._failures = 0

    def failed(self, reason: str) -> None:
        """It did not."""
        self._failures += 1
        self._reason = reason
        self._again_at = self._steady() + REST_SECONDS
