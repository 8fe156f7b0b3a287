"""What Loki and Elasticsearch do besides what their cassettes show."""

import base64
from datetime import timedelta

import pytest
from aiohttp import web

from bot.domain.evidence import Failed, Found
from bot.settings import Secret
from bot.sources import reading
from bot.sources.elasticsearch import ElasticsearchLogs
from bot.sources.loki import LokiLogs
from tests.adapters.sources.stand_in import END, HOUR, StandIn

START_NS, END_NS = (1000 * reading.microseconds(moment) for moment in (HOUR.start, HOUR.end))


@pytest.mark.parametrize(
    ("known", "selector", "query"),
    [
        ({}, '{service_name="$service"}', '{service_name="payment"}'),
        ({}, '{namespace="shop", app="$service"}', '{namespace="shop", app="payment"}'),
        ({"payment": "payment-v2"}, '{app="$service"}', '{app="payment-v2"}'),
        ({"payment": '{app="pay"} |= "x"'}, '{service_name="$service"}', '{app="pay"} |= "x"'),
    ],
)
async def test_lokis_selector_is_the_services_own_or_made_of_its_name(
    api: StandIn, known: dict[str, str], selector: str, query: str
) -> None:
    api.answers = {".*": {"status": "success", "data": {"resultType": "streams", "result": []}}}
    answer = await LokiLogs(api.url, None, known, 5, selector=selector).lines("payment", HOUR, 10)
    assert answer.asked.query == query
    assert api.asked[0].query["query"] == query


async def test_a_name_that_could_end_a_selector_is_not_put_into_one(api: StandIn) -> None:
    answer = await LokiLogs(api.url, None, {}, 5).lines('x"} or {pod=~".+', HOUR, 10)
    assert isinstance(answer, Failed)
    assert "known_as.loki" in answer.reason
    assert api.asked == []


class Loki:
    """Keeps lines as Loki does: the newest first, from start on, until before end."""

    def __init__(self, moments: list[int]) -> None:
        self.moments = sorted(moments, reverse=True)

    def __call__(self, request: web.Request) -> object:
        start, end, limit = (int(request.query[name]) for name in ("start", "end", "limit"))
        chosen = [at for at in self.moments if start <= at < end][:limit]
        values = [[str(at), f"line at {at}"] for at in chosen]
        return {"status": "success", "data": {"resultType": "streams", "result": [{"stream": {}, "values": values}]}}


async def test_loki_is_read_page_by_page_and_both_ends_belong_to_the_window(api: StandIn) -> None:
    # One line each 0.6 s, the first and the last exactly at the window's ends, one just outside on either side.
    moments = [START_NS - 1000, *range(START_NS, END_NS + 1, 600_000_000), END_NS + 1000]
    api.answers = {"/loki/api/v1/query_range": Loki(moments)}
    loki = LokiLogs(api.url, None, {}, 5)
    everything = await loki.lines("payment", HOUR, 10_000)
    assert isinstance(everything, Found)
    assert len(everything.data) == 6001
    assert (everything.data[0].at, everything.data[-1].at) == (HOUR.start, HOUR.end)
    assert len(api.asked) == 4

    newest = await loki.lines("payment", HOUR, 2_500)
    assert isinstance(newest, Found)
    assert newest.data == everything.data[-2_500:]


async def test_a_query_that_counts_is_told_apart_from_one_that_selects(api: StandIn) -> None:
    api.answers = {".*": {"status": "success", "data": {"resultType": "matrix", "result": []}}}
    answer = await LokiLogs(api.url, None, {"payment": "{a='b'}"}, 5).lines("payment", HOUR, 10)
    assert isinstance(answer, Failed)
    assert "must select logs" in answer.reason


def hit(number: int, millisecond: int) -> dict[str, object]:
    at = END - timedelta(milliseconds=millisecond)
    source = {"@timestamp": at.isoformat(), "message": f"line {number}"}
    return {"_index": "logs-x", "_id": str(number), "_source": source}


async def test_elasticsearch_is_read_page_by_page(api: StandIn) -> None:
    kept = [hit(number, number // 3) for number in range(4_500)]

    def search(_: web.Request) -> object:
        body = api.bodies[-1]
        until = body["query"]["bool"]["filter"][1]["range"]["@timestamp"]["lte"]
        chosen = [one for one in kept if str(one["_source"]["@timestamp"]) <= until]  # type: ignore[index]  # a mapping
        return {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": chosen[: body["size"]]}}

    api.answers = {".*": search}
    answer = await ElasticsearchLogs(api.url, None, {}, 5).lines("payment", HOUR, 10_000)
    assert isinstance(answer, Found)
    assert {line.text for line in answer.data} == {f"line {number}" for number in range(4_500)}
    assert list(answer.data) == sorted(answer.data, key=lambda line: line.at)
    assert len(api.asked) == 3


async def test_elasticsearchs_key_query_and_index(api: StandIn) -> None:
    api.answers = {".*": {"hits": {"hits": [hit(1, 5)]}}}
    source = ElasticsearchLogs(
        api.url, Secret("id:secret"), {"payment": "kubernetes.labels.app:payment"}, 5, index="app-*,other"
    )
    answer = await source.lines("payment", HOUR, 10)
    assert isinstance(answer, Found)
    assert api.asked[0].headers["Authorization"] == f"ApiKey {base64.b64encode(b'id:secret').decode()}"
    assert api.asked[0].path == "/app-*,other/_search"
    chosen = api.bodies[0]["query"]["bool"]["filter"][0]
    assert chosen == {"query_string": {"query": "kubernetes.labels.app:payment"}}


async def test_shards_that_did_not_answer_are_a_gap_and_not_silence(api: StandIn) -> None:
    api.answers = {".*": {"timed_out": True, "_shards": {"failed": 2}, "hits": {"hits": [hit(1, 5)]}}}
    elasticsearch = ElasticsearchLogs(api.url, None, {}, 5)
    answer = await elasticsearch.lines("payment", HOUR, 10)
    assert isinstance(answer, Found)
    assert answer.asked.query.endswith("(not read: 2 of its shards did not answer; its search ran out of time)")

    api.answers = {".*": {"timed_out": False, "_shards": {"failed": 2}, "hits": {"hits": []}}}
    assert isinstance(await elasticsearch.lines("payment", HOUR, 10), Failed)


async def test_a_missing_index_says_what_to_look_at(api: StandIn) -> None:
    error = {"type": "index_not_found_exception", "reason": "no such index [logs-*]"}
    api.status, api.answers = 404, {".*": {"error": error, "status": 404}}
    answer = await ElasticsearchLogs(api.url, None, {}, 5).lines("payment", HOUR, 10)
    assert isinstance(answer, Failed)
    assert "“no such index [logs-*]”" in answer.reason
    assert "ELASTICSEARCH_INDEX" in answer.reason
