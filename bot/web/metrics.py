"""Fettle's own metrics, in a registry that the composition root makes: nothing is registered by importing."""

from prometheus_client import (
    GC_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bot.domain.journal import Entry
from bot.domain.model import NotTold, Told
from bot.domain.run import RunResult

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Meters:
    """Every number that Fettle keeps about itself. Label values are names from its own code or configuration.

    ``deliveries`` (source, result: taken, repeat, unauthentic, bad, too_large, busy, failed, ignored),
    ``webhook_seconds`` (source), ``signals`` (kind, result: new, repeat), ``events`` (event, result: done, dead),
    ``event_seconds`` (event), ``messages`` (kind, result: posted, ratelimited, retried, dead), ``backlog`` (queue),
    ``dead_letters``, ``runs`` (runner, state), ``run_seconds`` (runner), ``incidents_open``, ``causes`` (verdict),
    ``cause_seconds``, ``model_questions`` (purpose, result: told, or why not), ``model_cost`` and ``model_dropped``
    (purpose).
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(GC_COLLECTOR)
        self.deliveries = self._counter("deliveries", "Deliveries that came in over HTTP", "source", "result")
        self.webhook_seconds = self._histogram("webhook_seconds", "Time until a delivery was answered", QUICK, "source")
        self.signals = self._counter("signals", "Alerts and changes taken in", "kind", "result")
        self.events = self._counter("events", "Events handled", "event", "result")
        self.event_seconds = self._histogram("event_seconds", "Time to handle an event", QUICK, "event")
        self.messages = self._counter("messages", "Messages for Slack", "kind", "result")
        self.backlog = self._gauge("queue_backlog", "Jobs that wait", "queue")
        self.dead_letters = self._gauge("dead_letters", "Jobs that were given up and wait for a person")
        self.runs = self._counter("runs", "Runs of actions that ended", "runner", "state")
        self.run_seconds = self._histogram("run_seconds", "Time that a run of an action took", SLOW, "runner")
        self.incidents_open = self._gauge("incidents_open", "Incidents that are not closed")
        self.causes = self._counter("causes", "Cause searches that ended", "verdict")
        self.model_questions = self._counter("model_questions", "Questions to the language model", "purpose", "result")
        self.model_cost = self._counter("model_cost", "What they cost, in the currency of the prices", "purpose")
        self.model_dropped = self._counter("model_dropped", "Sentences dropped for want of support", "purpose")
        self.cause_seconds = self._histogram("cause_seconds", "Time that a cause search took", SLOW)

    def asked_model(self, purpose: str, found: Told | NotTold) -> None:
        """The language model was asked."""
        self.model_questions.labels(purpose, "told" if isinstance(found, Told) else str(found.why)).inc()
        self.model_cost.labels(purpose).inc(max(found.cost, 0.0))
        self.model_dropped.labels(purpose).inc(found.dropped)

    def handled(self, event: str, result: str, seconds: float) -> None:
        """An event was handled."""
        self.events.labels(event, result).inc()
        self.event_seconds.labels(event).observe(seconds)

    def ran(self, runner: str, result: RunResult) -> None:
        """A run ended."""
        self.runs.labels(runner, str(result.state)).inc()
        self.run_seconds.labels(runner).observe(result.seconds)

    def written(self, entry: Entry) -> None:
        """A line was added to the journal."""
        if entry.verb == "explain":
            self.causes.labels(entry.after).inc()
            self.cause_seconds.observe(float(entry.detail.get("seconds") or 0.0))

    def exposition(self) -> tuple[bytes, str]:
        """The metrics in Prometheus' text format, with the content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"fettle_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"fettle_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"fettle_{name}", text, labels, registry=self.registry, buckets=buckets)
