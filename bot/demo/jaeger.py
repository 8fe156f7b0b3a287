"""The demo's traces, in the words of Jaeger's query API: ``/api/traces`` and what goes with it.

It is no Jaeger: it holds the last half hour in memory. Whatever it shows is of the demo's own services, and its
processes are tagged ``sample: demo``. See https://www.jaegertracing.io/docs/latest/architecture/apis/.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from aiohttp import web

from bot.demo.collected import Collected, Record

USUAL_LIMIT, MOST_TRACES = 20, 5000
USUAL_SECONDS = 3600.0
LONGEST_TRACE = 15.0  # seconds


class JaegerApi:
    """Answers over the spans that were collected. ``hosts`` has each service's host."""

    def __init__(self, spans: Collected, hosts: Mapping[str, str], wall: Callable[[], float]) -> None:
        self._spans, self._hosts, self._wall = spans, hosts, wall

    def add_to(self, app: web.Application) -> None:
        """Put its pages into an application."""
        app.add_routes(
            [
                web.get("/api/traces", self._traces),
                web.get("/api/traces/{trace}", self._trace),
                web.get("/trace/{trace}", self._trace),
                web.get("/api/services", self._services),
                web.get("/api/services/{service}/operations", self._operations),
                web.get("/api/dependencies", self._dependencies),
            ]
        )

    async def _traces(self, request: web.Request) -> web.Response:
        given = request.query
        service = given.get("service", "")
        if not service:
            return _refused("parameter 'service' is required")
        try:
            end = int(given["end"]) / 1e6 if "end" in given else self._wall()
            start = int(given["start"]) / 1e6 if "start" in given else end - USUAL_SECONDS
            limit = int(given.get("limit", USUAL_LIMIT))
        except ValueError:
            return _refused("unable to parse param: start, end and limit are whole numbers (times in microseconds)")
        if limit <= 0:
            return _refused("parameter 'limit' must be positive")
        operation = given.get("operation", "")
        # The newest ones, as Jaeger's own stores answer.
        wanted: dict[str, None] = {}
        for one in reversed(self._spans.between(start, end)):
            if len(wanted) < min(limit, MOST_TRACES) and _matches(one, service, operation):
                wanted[str(one["trace"])] = None
        around = self._spans.between(start - LONGEST_TRACE, end + LONGEST_TRACE)
        found = {spans[0]["trace"]: spans for spans in _by_trace(one for one in around if one["trace"] in wanted)}
        return _answer([self._shown(found[trace]) for trace in wanted])

    async def _trace(self, request: web.Request) -> web.Response:
        wanted = request.match_info["trace"]
        spans = sorted(
            (one for one in self._spans.everything() if one["trace"] == wanted), key=lambda one: one["start"]
        )
        return _answer([self._shown(spans)]) if spans else _refused("trace not found", 404)

    async def _services(self, _: web.Request) -> web.Response:
        return _answer(sorted({str(one["service"]) for one in self._spans.everything()}))

    async def _operations(self, request: web.Request) -> web.Response:
        service = request.match_info["service"]
        return _answer(sorted({str(one["operation"]) for one in self._spans.everything() if one["service"] == service}))

    async def _dependencies(self, _: web.Request) -> web.Response:
        counts: dict[tuple[str, str], int] = {}
        for spans in _by_trace(self._spans.everything()):
            owners = {one["span"]: str(one["service"]) for one in spans}
            for one in spans:
                caller, callee = owners.get(one["parent"]), str(one["service"])
                if caller and caller != callee:
                    counts[caller, callee] = counts.get((caller, callee), 0) + 1
        return _answer([{"parent": a, "child": b, "callCount": count} for (a, b), count in sorted(counts.items())])

    def _shown(self, spans: Sequence[Record]) -> dict[str, object]:
        services = sorted({str(one["service"]) for one in spans})
        numbers = {service: f"p{number}" for number, service in enumerate(services, 1)}
        processes = {
            numbers[service]: {
                "serviceName": service,
                "tags": [_tag("hostname", self._hosts.get(service, "")), _tag("sample", "demo")],
            }
            for service in services
        }
        return {
            "traceID": spans[0]["trace"],
            "spans": [_span(one, numbers[str(one["service"])]) for one in spans],
            "processes": processes,
            "warnings": None,
        }


def _matches(span: Record, service: str, operation: str) -> bool:
    return bool(span["service"] == service and operation in ("", "all", span["operation"]))


def _by_trace(spans: Iterable[Record]) -> list[list[Record]]:
    found: dict[str, list[Record]] = {}
    for span in spans:
        found.setdefault(str(span["trace"]), []).append(span)
    return [sorted(one, key=lambda span: int(span["start"])) for one in found.values()]


def _span(span: Record, process: str) -> dict[str, object]:
    tags = [_tag("span.kind", span["kind"])] + [_tag(name, value) for name, value in span["tags"].items()]
    tags += [_tag("error", True), _tag("otel.status_code", "ERROR")] if span["failed"] else []
    above = [{"refType": "CHILD_OF", "traceID": span["trace"], "spanID": span["parent"]}] if span["parent"] else []
    return {
        "traceID": span["trace"],
        "spanID": span["span"],
        "operationName": span["operation"],
        "references": above,
        "startTime": span["start"],
        "duration": span["duration"],
        "tags": tags,
        "logs": [],
        "processID": process,
        "warnings": None,
    }


def _tag(key: str, value: object) -> dict[str, object]:
    kind = "bool" if isinstance(value, bool) else "int64" if isinstance(value, int) else "string"
    return {"key": key, "type": kind, "value": value}


def _answer(data: Sequence[object]) -> web.Response:
    return web.json_response({"data": data, "total": len(data), "limit": 0, "offset": 0, "errors": None})


def _refused(reason: str, status: int = 400) -> web.Response:
    errors = [{"code": status, "msg": reason}]
    return web.json_response({"data": None, "total": 0, "limit": 0, "offset": 0, "errors": errors}, status=status)
