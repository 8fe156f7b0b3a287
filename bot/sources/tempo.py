"""Tempo: calls and work from a sample of traces (https://grafana.com/docs/tempo/latest/api_docs/)."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil, floor
from urllib.parse import quote

from bot.domain.evidence import Asked, Empty, Failed, Found, Window
from bot.domain.observed import Calls, Edge, Work
from bot.settings import Secret
from bot.sources import reading, spans
from bot.sources.asking import Access, Question, Server, bearer
from bot.sources.sample import Sample, Spans, named, slices
from bot.sources.spans import Span

NAME = "Tempo"
SLICES = 30
TRACES_A_SLICE = 8
MOST_SPANS = 50_000
NANOSECONDS = 1_000  # a microsecond has
KINDS = dict(enumerate(("", spans.INTERNAL, spans.SERVER, spans.CLIENT, spans.PRODUCER, spans.CONSUMER)))
FAILED = (2, "STATUS_CODE_ERROR")


class TempoTraces:
    """Traces of a Tempo at ``url``. ``names`` gives what traces call a service, where it is not its own name.

    Up to 240 traces are read, taken evenly from the whole window: ``count`` counts what is in that sample, so that
    shares and durations can be compared over time, and numbers cannot be taken for rates. ``tenant`` is Tempo's
    ``X-Scope-OrgID``. Each question ends after ``timeout_seconds``.
    """

    name = NAME

    def __init__(
        self,
        url: str,
        token: Secret | None,
        names: Mapping[str, str],
        timeout_seconds: float,
        steady: Callable[[], float] = time.monotonic,
        *,
        tenant: str | None = None,
    ) -> None:
        headers = {**bearer(token), **({"X-Scope-OrgID": tenant} if tenant else {})}
        self._server = Server(Access(NAME, "TEMPO_URL", url, "TEMPO_TOKEN", token, headers), timeout_seconds, steady)
        self._names, self._services = names, named(names)
        self._sample = Sample(self._take, steady)

    async def calls(
        self, services: Sequence[str], window: Window, step_seconds: float
    ) -> Found[tuple[Calls, ...]] | Empty | Failed:
        """Calls in the sample, from or to the services."""
        return await self._sample.calls(services, window, step_seconds)

    async def work(
        self, services: Sequence[str], window: Window, step_seconds: float
    ) -> Found[tuple[Work, ...]] | Empty | Failed:
        """Work in the sample, of the services."""
        return await self._sample.work(services, window, step_seconds)

    async def edges(self, window: Window) -> Found[tuple[Edge, ...]] | Empty | Failed:
        """Who called whom, in a sample of all traces."""
        match await self._sample.spans((), window):
            case Found(asked, known):
                found = spans.edges(known, NAME)
                return Found(asked, found) if found else Empty(asked)
            case without:
                return without

    async def _take(self, services: Sequence[str], window: Window) -> Spans:
        query = self._query(services)
        asked = Asked(NAME, f"{query}\n(a sample of at most {SLICES * TRACES_A_SLICE} traces)", window)

        async def read(question: Question) -> tuple[Span, ...]:
            async def search(part: tuple[datetime, datetime]) -> list[str]:
                start, end = floor(part[0].timestamp()), ceil(part[1].timestamp())
                parameters: dict[str, str | int] = {
                    "q": query,
                    "start": start,
                    "end": end,
                    "limit": TRACES_A_SLICE,
                    "spss": 1,
                }
                traces = reading.at(await question.get("/api/search", parameters), "traces")
                # Protocol buffers leave out what is empty.
                if traces is not None and not isinstance(traces, list):
                    raise self._server.odd("a list of traces")
                return [reading.line(one.get("traceID"), 64) for one in reading.tables(traces)]

            found = await question.each(tuple(slices(window, SLICES)), search, _hours)
            ids = tuple(dict.fromkeys(trace for part in found for trace in part if trace))

            async def fetch(trace: str) -> list[Span]:
                return list(self._spans(await question.get(f"/api/traces/{quote(trace, safe='')}"), trace))

            parts = await question.each(ids, fetch, str)
            return tuple(span for part in parts for span in part)[:MOST_SPANS]

        return await self._server.ask(asked, read)

    def _query(self, services: Sequence[str]) -> str:
        called = [self._names.get(service, service) for service in dict.fromkeys(services)]
        if not called:
            return "{ kind = server }"
        # JSON's way of quoting is TraceQL's as well.
        named = (f"resource.service.name = {json.dumps(reading.line(one), ensure_ascii=False)}" for one in called)
        return "{ " + " || ".join(named) + " }"

    def _spans(self, answer: object, trace: str) -> Iterator[Span]:
        known = answer if reading.at(answer, "trace") is None else reading.at(answer, "trace")
        batches = reading.at(known, "batches") or reading.at(known, "resourceSpans")
        if not isinstance(batches, list):
            raise self._server.odd("a trace")
        for batch in reading.tables(batches):
            own = _attributes(reading.at(batch, "resource", "attributes"))
            called = own.get("service.name", "")
            service = self._services.get(called, called)
            scopes = batch.get("scopeSpans") or batch.get("instrumentationLibrarySpans")
            for scope in reading.tables(scopes):
                for one in reading.tables(scope.get("spans")):
                    span = self._span(one, trace, service)
                    if span is not None:
                        yield span

    def _span(self, one: Mapping[str, object], trace: str, service: str) -> Span | None:
        start, end = reading.whole(one.get("startTimeUnixNano")), reading.whole(one.get("endTimeUnixNano"))
        known = reading.line(one.get("spanId"), 64)
        begun = None if start is None else reading.since_epoch(start / NANOSECONDS)
        if start is None or end is None or begun is None or not known or not service:
            return None
        attributes = _attributes(one.get("attributes"))
        peer = spans.peer_of(attributes)
        kind = one.get("kind")
        return Span(
            trace,
            known,
            reading.line(one.get("parentSpanId"), 64),
            service,
            reading.line(one.get("name"), 200),
            KINDS.get(kind, "") if isinstance(kind, int) else str(kind or "").removeprefix("SPAN_KIND_").lower(),
            begun,
            max(end - start, 0) / 1e9,
            reading.at(one, "status", "code") in FAILED or spans.failed(attributes),
            self._services.get(peer, peer),
        )


def _attributes(listed: object) -> dict[str, str]:
    """The attributes that count, as OpenTelemetry's JSON writes them, their values as texts."""
    found = {}
    for one in reading.tables(listed):
        key = one.get("key")
        if isinstance(key, str) and key in spans.TELLING:
            found[key] = spans.told(next(iter(reading.table(one.get("value")).values()), None))
    return found


def _hours(part: tuple[datetime, datetime]) -> str:
    return f"{part[0]:%H:%M:%S}–{part[1]:%H:%M:%S}"
