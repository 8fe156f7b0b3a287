"""What stands where no metrics source is configured: it says so, and what to do."""

from datetime import datetime

from bot.domain.evidence import Asked, Empty, Failed, Found, Series, Window

REASON = "no metrics source is configured: set PROMETHEUS_URL"


class NoMetrics:
    """Answers every question with the reason why there is no answer."""

    async def range(
        self, query: str, window: Window, _step_seconds: float
    ) -> Found[tuple[Series, ...]] | Empty | Failed:
        """Nothing was asked."""
        return Failed(Asked("metrics", query, window), REASON)

    async def instant(self, query: str, at: datetime) -> Found[tuple[Series, ...]] | Empty | Failed:
        """Nothing was asked."""
        return Failed(Asked("metrics", query, Window(at, at)), REASON)
