import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from bot.domain.evidence import Empty, Failed, Found, Window
from bot.sources.prometheus import PrometheusMetrics

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


class Server:
    """Answers as Prometheus does, in the format of its HTTP API; ``body`` and ``status`` are the test's."""

    def __init__(self) -> None:
        self.result: list[object] = []
        self.status = 200
        self.error = ""
        self.text: str | None = None
        self.asked: list[dict[str, str]] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query) | dict(await request.post()))  # type: ignore[arg-type]  # no files here
        await self.hold.wait()
        if self.text is not None:
            return web.Response(text=self.text)
        if self.error:
            return web.json_response({"status": "error", "errorType": "x", "error": self.error}, status=self.status)
        kind = "matrix" if request.path.endswith("range") else "vector"
        body = {"status": "success", "data": {"resultType": kind, "result": self.result}}
        return web.Response(text=json.dumps(body), status=self.status, content_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/api/v1/query", server.answer)
    app.router.add_route("*", "/api/v1/query_range", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    server.hold.set()
    await runner.cleanup()


async def test_an_instant_and_a_range_come_back_as_series(server: Server) -> None:
    metrics = PrometheusMetrics(server.url, 5)
    server.result = [{"metric": {"service": "b", "__name__": "up"}, "value": [NOW.timestamp(), "1.5"]}]
    answer = await metrics.instant("up", NOW)
    assert isinstance(answer, Found)
    assert answer.data[0].labels == (("__name__", "up"), ("service", "b"))
    assert answer.data[0].samples == ((NOW, 1.5),)
    assert answer.asked.query == "up"
    assert answer.asked.seconds > 0

    server.result = [
        {"metric": {}, "values": [[1, "1"], [2, "NaN"], [3, "+Inf"], [4, "2"]]},
        {"metric": {"a": "b"}, "values": [[1, "NaN"]]},
    ]
    ranged = await metrics.range("x", Window(NOW - timedelta(minutes=5), NOW), 15)
    assert isinstance(ranged, Found)
    assert [[value for _, value in one.samples] for one in ranged.data] == [[1, 2]]
    assert server.asked[-1]["step"] == "15"
    assert float(server.asked[-1]["end"]) - float(server.asked[-1]["start"]) == 300


async def test_nothing_is_empty_and_not_failed(server: Server) -> None:
    assert isinstance(await PrometheusMetrics(server.url, 5).instant("up", NOW), Empty)


async def test_the_step_is_widened_where_prometheus_would_refuse(server: Server) -> None:
    await PrometheusMetrics(server.url, 5).range("x", Window(NOW - timedelta(days=1), NOW), 1)
    assert 86_400 / float(server.asked[-1]["step"]) <= 11_000


async def test_a_wrong_query_is_its_own_fault_and_the_next_one_is_asked(server: Server) -> None:
    metrics = PrometheusMetrics(server.url, 5)
    server.status, server.error = 400, "parse error: unexpected end"
    for _ in range(4):
        answer = await metrics.instant("rate(", NOW)
        assert isinstance(answer, Failed)
        assert "parse error" in answer.reason
    assert len(server.asked) == 4


@pytest.mark.parametrize("trouble", ["500", "not json", "slow", "gone"])
async def test_an_outage_is_failed_and_after_three_it_rests(server: Server, trouble: str) -> None:
    seconds = [0.0]
    url = server.url if trouble != "gone" else "http://user:kingfisher@127.0.0.1:9"
    metrics = PrometheusMetrics(url, 0.3, steady=lambda: seconds[0])
    if trouble == "500":
        server.status, server.error = 503, "shutting down"
    elif trouble == "not json":
        server.text = "<html>"
    elif trouble == "slow":
        server.hold.clear()
    reasons = []
    for _ in range(4):
        answer = await metrics.instant("up", NOW)
        assert isinstance(answer, Failed)
        reasons.append(answer.reason)
    assert "3 times in a row and is asked again in 15 s" in reasons[3]
    assert "kingfisher" not in " ".join(reasons)
    assert len(server.asked) == (0 if trouble == "gone" else 3)

    seconds[0] = 15.0
    server.hold.set()
    server.text, server.status, server.error = None, 200, ""
    answer = await metrics.instant("up", NOW)
    assert isinstance(answer, Failed if trouble == "gone" else Empty)


async def test_too_many_series_are_refused_with_advice(server: Server) -> None:
    server.result = [{"metric": {"n": str(n)}, "value": [1, "1"]} for n in range(2001)]
    answer = await PrometheusMetrics(server.url, 5).instant("up", NOW)
    assert isinstance(answer, Failed)
    assert "2001 series" in answer.reason
