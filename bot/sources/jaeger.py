"""Jaeger: calls and work from a sample of traces, and the graph that it keeps.

The API is the one of its page, in JSON (https://www.jaegertracing.io/docs/latest/architecture/apis/).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from bot.domain.evidence import Asked, Empty, Failed, Found, Window
from bot.domain.observed import Calls, Edge, Work
from bot.settings import Secret
from bot.sources import reading, spans
from bot.sources.asking import Access, NoAnswer, Question, Server, bearer
from bot.sources.sample import Sample, Spans, named, slices
from bot.sources.spans import Span

NAME = "Jaeger"
MOST_SEARCHES = 30
TRACES_A_SEARCH = 10
MOST_SERVICES = 60
MOST_SPANS = 50_000
MOST_SHOWN = 6
PARENT = "CHILD_OF"


class JaegerTraces:
    """Traces of a Jaeger at ``url``. ``names`` gives what traces call a service, where it is not its own name.

    Up to 300 traces are read, taken evenly from the whole window: ``count`` counts what is in that sample, so that
    shares and durations can be compared over time, and numbers cannot be taken for rates. Each question ends after
    ``timeout_seconds``.
    """

    name = NAME

    def __init__(
        self,
        url: str,
        token: Secret | None,
        names: Mapping[str, str],
        timeout_seconds: float,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        access = Access(NAME, "JAEGER_URL", url, "JAEGER_TOKEN", token, bearer(token))
        self._server = Server(access, timeout_seconds, steady)
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
        """The graph that Jaeger itself keeps; with some of its stores a job of its own has to write it."""
        lookback = reading.microseconds(window.end) - reading.microseconds(window.start)
        path = f"/api/dependencies?endTs={reading.microseconds(window.end) // 1000}&lookback={lookback // 1000}"

        async def read(question: Question) -> tuple[Edge, ...]:
            pairs = {
                (self._own(one.get("parent")), self._own(one.get("child")))
                for one in reading.tables(self._data(await question.get(path)))
            }
            return tuple(Edge(*pair, NAME) for pair in sorted(pairs) if all(pair) and pair[0] != pair[1])

        return await self._server.ask(Asked(NAME, f"GET {path}", window), read)

    async def _take(self, services: Sequence[str], window: Window) -> Spans:
        called = [self._names.get(service, service) for service in dict.fromkeys(services)][:MOST_SERVICES]
        parts = tuple(slices(window, max(1, MOST_SEARCHES // max(len(called), 1))))
        searches = [_search(one, *part) for one in called for part in parts]
        more = [f"and {len(searches) - MOST_SHOWN} more searches"] if len(searches) > MOST_SHOWN else []
        asked = Asked(NAME, "\n".join([*(f"GET {one}" for one in searches[:MOST_SHOWN]), *more]), window)

        async def read(question: Question) -> tuple[Span, ...]:
            async def search(path: str) -> list[Span]:
                traces = self._data(await question.get(path))
                return [span for one in reading.tables(traces) for span in self._spans(one)]

            found = await question.each(searches, search, lambda path: path.partition("service=")[2].partition("&")[0])
            known = {(span.trace, span.id): span for part in found for span in part}
            return tuple(known.values())[:MOST_SPANS]

        return await self._server.ask(asked, read)

    def _data(self, answer: object) -> object:
        data = reading.at(answer, "data")
        # Jaeger answers null where it has found nothing.
        if not isinstance(answer, dict) or "data" not in answer or not isinstance(data, list | None):
            raise self._server.odd("a list of traces")
        fault = next(reading.tables(reading.at(answer, "errors")), None)
        if fault is not None and not data:
            raise NoAnswer(f"it answered: {reading.line(fault.get('msg')) or 'an error'}")
        return data

    def _own(self, called: object) -> str:
        text = reading.line(called, 200)
        return self._services.get(text, text)

    def _spans(self, trace: Mapping[str, object]) -> Iterator[Span]:
        processes = reading.table(trace.get("processes"))
        for one in reading.tables(trace.get("spans")):
            process = processes.get(reading.line(one.get("processID")))
            service = self._own(reading.at(process, "serviceName"))
            start, duration = reading.whole(one.get("startTime")), reading.number(one.get("duration"))
            begun = None if start is None else reading.since_epoch(start)
            known = reading.line(one.get("spanID"), 64)
            if begun is None or duration is None or not known or not service:
                continue
            tags = _tags(one)
            yield Span(
                reading.line(one.get("traceID"), 64),
                known,
                _parent(one),
                service,
                reading.line(one.get("operationName"), 200),
                tags.get("span.kind", "").lower(),
                begun,
                max(duration, 0.0) / 1e6,
                spans.failed(tags),
                self._own(spans.peer_of(tags)),
            )


def _search(service: str, start: datetime, end: datetime) -> str:
    span = f"start={reading.microseconds(start)}&end={reading.microseconds(end)}"
    return f"/api/traces?service={quote(service, safe='')}&{span}&limit={TRACES_A_SEARCH}"


def _parent(span: Mapping[str, object]) -> str:
    """The span that it is a child of, else the first one that it refers to; older clients name it in a field."""
    references = [
        one for one in reading.tables(span.get("references")) if one.get("traceID") in {None, span.get("traceID")}
    ]
    first = next((one for one in references if one.get("refType") == PARENT), references[0] if references else {})
    return reading.line(first.get("spanID"), 64) or reading.line(span.get("parentSpanID"), 64)


def _tags(span: Mapping[str, object]) -> dict[str, str]:
    """The tags that count, their values as texts."""
    found = {}
    for tag in reading.tables(span.get("tags")):
        key = tag.get("key")
        if isinstance(key, str) and key in spans.TELLING:
            found[key] = spans.told(tag.get("value"))
    return found
