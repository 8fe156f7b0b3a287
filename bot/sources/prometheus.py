"""Prometheus, and whatever speaks its HTTP API."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.domain.evidence import Asked, Empty, Failed, Found, Series, Window
from bot.sources.breaker import Breaker

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

NAME = "Prometheus"
AT_ONCE = 8
NO_RETRY = 0
MOST_SAMPLES = 10_000
MOST_SERIES = 2_000
Answer = Found[tuple[Series, ...]] | Empty | Failed
Rows = Sequence[Mapping[str, Any]]


class PrometheusMetrics:
    """Metrics of a Prometheus at ``url``; each question ends after ``timeout_seconds``."""

    def __init__(self, url: str, timeout_seconds: float, steady: Callable[[], float] = time.monotonic) -> None:
        self._url, self._timeout, self._steady = url, timeout_seconds, steady
        self._breaker = Breaker(steady)
        # The client blocks. A pool of its own, so that a Prometheus that hangs holds up nothing else.
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prometheus")
        self._connection: PrometheusConnect | None = None

    async def range(self, query: str, window: Window, step_seconds: float) -> Answer:
        """``query_range``; the step is widened where Prometheus would refuse the number of samples."""
        step = max(step_seconds, window.length.total_seconds() / MOST_SAMPLES)

        def ask() -> Rows:
            found: Rows = self._client().custom_query_range(
                query, window.start, window.end, f"{step:g}", timeout=self._timeout
            )
            return found

        return await self._ask(Asked(NAME, query, window), ask)

    async def instant(self, query: str, at: datetime) -> Answer:
        """``query`` at that moment."""

        def ask() -> Rows:
            found: Rows = self._client().custom_query(query, {"time": at.timestamp()}, timeout=self._timeout)
            return found

        return await self._ask(Asked(NAME, query, Window(at, at)), ask)

    async def _ask(self, asked: Asked, ask: Callable[[], Rows]) -> Answer:
        resting = self._breaker.resting()
        if resting:
            return Failed(asked, resting)
        began = self._steady()
        try:
            async with asyncio.timeout(self._timeout):
                rows, fault, outage = await asyncio.get_running_loop().run_in_executor(self._pool, _answer, ask)
        except TimeoutError:
            rows, fault, outage = (), f"no answer within {self._timeout:g} s", True
        asked = replace(asked, seconds=self._steady() - began)
        if outage:
            self._breaker.failed(fault)
        else:
            self._breaker.worked()
        if fault:
            return Failed(asked, fault)
        if len(rows) > MOST_SERIES:
            return Failed(asked, f"the query selects {len(rows)} series, more than {MOST_SERIES}: narrow it down")
        series = tuple(one for one in map(_series, rows) if one.samples)
        return Found(asked, series) if series else Empty(asked)

    def _client(self) -> "PrometheusConnect":
        if self._connection is None:
            from prometheus_api_client import PrometheusConnect

            # It is asked again by whoever needs it; retrying below that would only use up the time.
            self._connection = PrometheusConnect(self._url, retry=NO_RETRY, timeout=self._timeout)
        return self._connection


def _answer(ask: Callable[[], Rows]) -> tuple[Rows, str, bool]:
    """The rows, else what went wrong, and whether that was the source's fault rather than the question's."""
    from prometheus_api_client.exceptions import PrometheusApiClientException

    try:
        return ask(), "", False
    except PrometheusApiClientException as error:
        # “HTTP Status Code 400 (b'{…}')”: anything from 500 on, and 429, is the server's trouble.
        text = str(error)
        status = next((int(word) for word in text.split() if word.isdecimal()), 0)
        return (), f"it answered: {text[:300]}", status >= 500 or status == 429  # noqa: PLR2004  # HTTP status
    except (OSError, ValueError) as error:  # requests' own errors are OSErrors
        # The error's own text names the address, which may carry a password.
        return (), f"it cannot be asked ({type(error).__name__}): is PROMETHEUS_URL right, and is it running?", True


def _series(row: Mapping[str, Any]) -> Series:
    labels = tuple(sorted((str(name), str(value)) for name, value in row.get("metric", {}).items()))
    pairs = row["values"] if "values" in row else [row["value"]]
    samples = ((datetime.fromtimestamp(float(at), UTC), float(value)) for at, value in pairs)
    return Series(labels, tuple(sample for sample in samples if math.isfinite(sample[1])))
