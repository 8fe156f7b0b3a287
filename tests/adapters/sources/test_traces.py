"""What Tempo and Jaeger do besides what their cassettes show."""

from aiohttp import web

from bot.domain.evidence import Empty, Failed, Found
from bot.domain.observed import Edge
from bot.sources.jaeger import JaegerTraces
from bot.sources.tempo import TempoTraces
from tests.adapters.sources.stand_in import HOUR, TWO_SECONDS, StandIn

START_NS = int(TWO_SECONDS.start.timestamp()) * 10**9


def batch(service: str, known: str, parent: str, kind: object) -> dict[str, object]:
    span = {
        "spanId": known,
        "parentSpanId": parent,
        "name": f"op {known}",
        "kind": kind,
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 10**8),
        "status": {"code": 2},
    }
    return {
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "instrumentationLibrarySpans": [{"spans": [span]}],
    }


async def test_tempo_in_its_other_shapes_and_with_other_names(api: StandIn) -> None:
    trace = {"trace": {"resourceSpans": [batch("frontend", "a", "", 3), batch("pay-v2", "b", "a", 2)]}}
    api.answers = {"/api/search": {"traces": [{"traceID": "1"}]}, "/api/traces/1": trace}
    tempo = TempoTraces(api.url, None, {"payment": "pay-v2", "shop": "frontend"}, 5)
    answer = await tempo.calls(["payment"], TWO_SECONDS, 60)
    assert isinstance(answer, Found)
    assert [(one.caller, one.callee, one.errors, one.client_seconds) for one in answer.data] == [
        ("shop", "payment", 1, 0.1)
    ]
    assert answer.asked.query.startswith('{ resource.service.name = "pay-v2" }')


async def test_a_name_cannot_end_a_query_of_tempos(api: StandIn) -> None:
    api.answers = {"/api/search": {"traces": []}}
    answer = await TempoTraces(api.url, None, {}, 5).calls(['x" || kind = server || name = "'], TWO_SECONDS, 60)
    assert answer.asked.query.startswith('{ resource.service.name = "x\\" || kind = server || name = \\"" }')


async def test_traces_that_could_not_be_read_are_told(api: StandIn) -> None:
    trace = {"batches": [batch("shop", "a", "", 3), batch("payment", "b", "a", 2)]}
    api.answers = {"/api/search": {"traces": [{"traceID": n} for n in "123456"]}, "/api/traces/1": trace}
    answer = await TempoTraces(api.url, None, {}, 5).calls(["payment"], TWO_SECONDS, 60)
    assert isinstance(answer, Found)
    assert "2, 3, 4 and 2 more: it answered 404" in answer.asked.query


async def test_tempos_edges_are_those_of_a_sample_of_everything(api: StandIn) -> None:
    trace = {"batches": [batch("shop", "a", "", 3), batch("payment", "b", "a", 2)]}
    api.answers = {"/api/search": {"traces": [{"traceID": "1"}]}, "/api/traces/1": trace}
    answer = await TempoTraces(api.url, None, {}, 5).edges(HOUR)
    assert isinstance(answer, Found)
    assert answer.data == (Edge("shop", "payment", "Tempo"),)
    assert api.asked[0].query["q"] == "{ kind = server }"
    assert len([path for path in api.paths() if path == "/api/search"]) == 30
    assert api.paths().count("/api/traces/1") == 1


async def test_calls_and_work_of_the_same_window_are_one_sample(api: StandIn) -> None:
    trace = {"batches": [batch("shop", "a", "", 3), batch("payment", "b", "a", 2)]}
    api.answers = {"/api/search": {"traces": [{"traceID": "1"}]}, "/api/traces/1": trace}
    tempo = TempoTraces(api.url, None, {}, 5)
    await tempo.calls(["payment"], TWO_SECONDS, 60)
    work = await tempo.work(["payment"], TWO_SECONDS, 60)
    assert isinstance(work, Found)
    assert [(one.service, one.operation, one.own_seconds) for one in work.data] == [("payment", "op b", 0.1)]
    assert api.paths().count("/api/traces/1") == 1


async def test_jaeger_spreads_its_searches_over_services_and_time(api: StandIn) -> None:
    api.answers = {"/api/traces": {"data": []}}
    services = [f"s{n}" for n in range(5)]
    answer = await JaegerTraces(api.url, None, {"s0": "svc/zero"}, 5).calls(services, HOUR, 60)
    assert isinstance(answer, Empty)
    assert "and 24 more searches" in answer.asked.query
    asked = [(request.query["service"], int(request.query["start"])) for request in api.asked]
    assert len(set(asked)) == 30
    assert {service for service, _ in asked} == {"svc/zero", "s1", "s2", "s3", "s4"}
    assert len({start for _, start in asked}) == 6


async def test_what_jaeger_reports_as_an_error_is_no_silence(api: StandIn) -> None:
    api.answers = {"/api/.*": {"data": None, "errors": [{"code": 500, "msg": "storage is away"}]}}
    jaeger = JaegerTraces(api.url, None, {}, 5)
    answer = await jaeger.edges(HOUR)
    assert isinstance(answer, Failed)
    assert answer.reason == "it answered: storage is away"


async def test_a_trace_in_jaegers_older_shape(api: StandIn) -> None:
    start = START_NS // 1000

    def span(known: str, process: str, **more: object) -> dict[str, object]:
        kept = {"traceID": "t", "spanID": known, "operationName": "op", "processID": process}
        return {**kept, "startTime": start, "duration": 50_000, **more}

    spans = [span("a", "p1"), span("b", "p2", parentSpanID="a"), {"spanID": "c"}, span("d", "nobody")]
    processes = {"p1": {"serviceName": "shop"}, "p2": {"serviceName": "payment"}}

    def search(_: web.Request) -> object:
        return {"data": [{"traceID": "t", "spans": spans, "processes": processes}, "x"]}

    api.answers = {"/api/traces": search}
    answer = await JaegerTraces(api.url, None, {}, 5).calls(["payment"], TWO_SECONDS, 60)
    assert isinstance(answer, Found)
    # Nobody said that the first one waits: only the second one's time is known.
    assert [(one.caller, one.callee, one.count, one.client_seconds, one.server_seconds) for one in answer.data] == [
        ("shop", "payment", 1, None, 0.05)
    ]
