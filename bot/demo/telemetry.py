"""A service's metrics: real counters and histograms, and gauges over the last seconds for plain selectors."""

import os
from collections.abc import Callable, Iterable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bot.demo.sliding import Level, Sliding
from bot.demo.tracing import HEADER, Tracer

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 3.0)
FAILED_FROM = 500


class Telemetry:
    """What one process tells about itself. ``labels`` of a gauge are none or one pair."""

    def __init__(self, version: str, clock: Callable[[], float], tracer: Tracer) -> None:
        self.registry = CollectorRegistry()
        self.requests = Sliding(clock())
        self._clock, self._tracer = clock, tracer
        self._gauges: list[tuple[str, str, Mapping[str, str], Callable[[float], float | None]]] = []
        self._cpu = Level(clock())
        self._cpu_seen = (clock(), _cpu_seconds())
        self._count = Counter(
            "http_requests_total", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self._took = Histogram(
            "http_request_duration_seconds",
            "Time until a request is answered",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.gauge("build_info", "The version that runs", lambda _: 1.0, {"version": version})
        self.gauge("http_error_ratio", "Share of requests answered with 5xx, last 8 s", self.requests.error_ratio)
        self.gauge("http_latency_p95_seconds", "95th percentile of the answer's time, last 8 s", self.requests.p95)
        self.gauge("http_requests_per_second", "Requests a second, last 8 s", self.requests.per_second)
        self.gauge("process_cpu_ratio", "Share of one CPU that the process uses, last 8 s", self._cpu_ratio)
        self.registry.register(_Gauges(self._read))

    def gauge(
        self, name: str, text: str, value: Callable[[float], float | None], labels: Mapping[str, str] | None = None
    ) -> None:
        """Show a value that is read when the metrics are; it is given the clock's time. None shows nothing."""
        self._gauges.append((name, text, labels or {}, value))

    def counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        """A counter of one's own."""
        return Counter(name, text, labels, registry=self.registry)

    def histogram(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Histogram:
        """A histogram of one's own, in seconds."""
        return Histogram(name, text, labels, buckets=BUCKETS, registry=self.registry)

    def middleware(self) -> Middleware:
        """Notes and traces every answered ``POST``: those are the service's work."""

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method != "POST":
                return await handler(request)
            began, status = self._clock(), FAILED_FROM
            with self._tracer.span(f"POST {_route(request)}", "server", request.headers.get(HEADER, "")) as span:
                try:
                    response = await handler(request)
                    status = response.status
                    return response
                except web.HTTPException as refusal:
                    status = refusal.status
                    raise
                finally:
                    self._note(request, began, status)
                    span.failed, span.tags["http.status_code"] = status >= FAILED_FROM, status

        return note

    async def show(self, _: web.Request) -> web.Response:
        """``GET /metrics``."""
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": "text/plain; version=0.0.4"})

    def _note(self, request: web.Request, began: float, status: int) -> None:
        route = _route(request)
        now = self._clock()
        self._count.labels(request.method, route, str(status)).inc()
        self._took.labels(request.method, route).observe(now - began)
        self.requests.add(now, now - began, failed=status >= FAILED_FROM)

    def _cpu_ratio(self, now: float) -> float:
        was_at, was = self._cpu_seen
        used = _cpu_seconds()
        if now > was_at:
            # The level holds from the last look on, so it is noted at that time.
            self._cpu.set(was_at, (used - was) / (now - was_at))
            self._cpu_seen = (now, used)
        return self._cpu.mean(now, 8.0)

    def _read(self) -> Iterable[Metric]:
        now = self._clock()
        families: dict[str, GaugeMetricFamily] = {}
        for name, text, labels, value in self._gauges:
            found = value(now)
            if found is None:
                continue
            if name not in families:
                families[name] = GaugeMetricFamily(name, text, labels=list(labels))
            families[name].add_metric(list(labels.values()), found)
        return families.values()


class _Gauges:
    """The gauges in the shape that the client library collects."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Every gauge's value now."""
        return self._read()


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system
