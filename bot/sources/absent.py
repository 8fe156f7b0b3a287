"""What stands where a source is not configured: it says so, and what to do."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.evidence import Asked, Empty, Failed, Found, Series, Window
from bot.domain.observed import Calls, Edge, Happening, LogLine, Work

NO_METRICS = "no metrics source is configured: set PROMETHEUS_URL"
NO_LOGS = "no source of logs is configured: set LOKI_URL or ELASTICSEARCH_URL"
NO_TRACES = "no source of traces is configured: set TEMPO_URL or JAEGER_URL"
NO_CLUSTER = "no cluster is configured: set KUBERNETES_URL and KUBERNETES_TOKEN"


class NoMetrics:
    """Answers every question with the reason why there is no answer."""

    async def range(
        self, query: str, window: Window, _step_seconds: float
    ) -> Found[tuple[Series, ...]] | Empty | Failed:
        """Nothing was asked."""
        return Failed(Asked("metrics", query, window), NO_METRICS)

    async def instant(self, query: str, at: datetime) -> Found[tuple[Series, ...]] | Empty | Failed:
        """Nothing was asked."""
        return Failed(Asked("metrics", query, Window(at, at)), NO_METRICS)


class NoLogs:
    """Answers every question with the reason why there is no answer."""

    name = "logs"

    async def lines(self, service: str, window: Window, limit: int) -> Found[tuple[LogLine, ...]] | Empty | Failed:  # noqa: ARG002  # the port's
        """Nothing was asked."""
        return Failed(Asked(self.name, service, window), NO_LOGS)


class NoTraces:
    """Answers every question with the reason why there is no answer."""

    name = "traces"

    async def calls(
        self,
        services: Sequence[str],
        window: Window,
        step_seconds: float,  # noqa: ARG002  # the port's
    ) -> Found[tuple[Calls, ...]] | Empty | Failed:
        """Nothing was asked."""
        return Failed(Asked(self.name, ", ".join(services), window), NO_TRACES)

    async def work(
        self,
        services: Sequence[str],
        window: Window,
        step_seconds: float,  # noqa: ARG002  # the port's
    ) -> Found[tuple[Work, ...]] | Empty | Failed:
        """Nothing was asked."""
        return Failed(Asked(self.name, ", ".join(services), window), NO_TRACES)

    async def edges(self, window: Window) -> Found[tuple[Edge, ...]] | Empty | Failed:
        """Nothing was asked."""
        return Failed(Asked(self.name, "", window), NO_TRACES)


class NoCluster:
    """Answers every question with the reason why there is no answer."""

    name = "cluster"

    async def happenings(
        self, services: Sequence[str], window: Window
    ) -> Found[tuple[Happening, ...]] | Empty | Failed:
        """Nothing was asked."""
        return Failed(Asked(self.name, ", ".join(services), window), NO_CLUSTER)
