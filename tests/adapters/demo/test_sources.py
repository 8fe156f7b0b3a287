"""The demo's logs, traces and outages, as Fettle's own sources read them."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.demo.collected import KEPT_SECONDS, Collected, Stream, Tail
from bot.demo.loki import BadQuery, LokiApi, text_of
from bot.demo.sources import LOGS, METRICS, TRACES, Sources
from bot.demo.tracing import Tracer
from bot.domain.evidence import Empty, Failed, Found
from bot.domain.observed import Level, LogLine
from bot.errors import Refused
from bot.sources.jaeger import JaegerTraces
from bot.sources.loki import LokiLogs
from tests.adapters.demo.stage import Stage, stage, until, window

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC).timestamp()


class TestTail:
    def test_it_follows_a_file_that_is_moved_aside(self, tmp_path: Path) -> None:
        stream, tail = Stream(tmp_path / "a", largest=200), Tail(tmp_path / "a")
        assert list(tail.fresh()) == []
        seen = []
        for number in range(40):
            stream.write({"number": number})
            if number % 3 == 0:
                seen += [record["number"] for record in tail.fresh()]
        seen += [record["number"] for record in tail.fresh()]
        tail.close()
        assert seen == list(range(40))
        assert (tmp_path / "a.1").exists()

    def test_half_a_line_waits_for_the_rest_and_nonsense_is_left_out(self, tmp_path: Path) -> None:
        file, tail = tmp_path / "a", Tail(tmp_path / "a")
        file.write_bytes(b'{"a": 1}\n{"a"')
        assert list(tail.fresh()) == [{"a": 1}]
        with file.open("ab") as more:
            more.write(b': 2}\nnonsense\n[]\n{"a": 3}\n')
        assert list(tail.fresh()) == [{"a": 2}, {"a": 3}]
        tail.close()


class TestCollected:
    def test_late_records_stand_where_they_belong_and_old_ones_go(self, tmp_path: Path) -> None:
        now = [NOON]
        kept = Collected([tmp_path / "a", tmp_path / "b"], lambda one: float(one["at"]), lambda: now[0])
        first, second = Stream(tmp_path / "a"), Stream(tmp_path / "b")
        for at in (1, 4, 2):
            first.write({"at": NOON + at})
        second.write({"at": NOON + 3})
        assert [one["at"] - NOON for one in kept.everything()] == [1, 2, 3, 4]
        assert [one["at"] - NOON for one in kept.between(NOON + 2, NOON + 4)] == [2, 3]
        now[0] = NOON + KEPT_SECONDS + 2.5
        assert [one["at"] - NOON for one in kept.everything()] == [3, 4]
        kept.close()


def line(at: float, level: str, event: str, **particulars: object) -> Mapping[str, Any]:
    return {"at": NOON + at, "level": level, "service": "shop", "event": event, **particulars}


class TestLoki:
    @pytest.fixture
    def api(self, tmp_path: Path) -> Iterator[LokiApi]:
        stream = Stream(tmp_path / "shop.logs")
        stream.write(line(1, "info", "sold", order="o-1", seconds=0.1))
        stream.write(line(2, "error", "PriceError", order="o-2", text="no rate for it"))
        stream.write(line(3, "info", "sold", order="o-3", seconds=0.2))
        logs = Collected([tmp_path / "shop.logs"], lambda one: float(one["at"]), lambda: NOON + 10)
        yield LokiApi(logs, {"shop": "shop-01"}, lambda: NOON + 10)
        logs.close()

    def lines(self, api: LokiApi, **given: str) -> list[str]:
        answer: Any = api.query_range({"query": '{service_name="shop"}', **given})["data"]
        return [text for stream in answer["result"] for _, text in stream["values"]]

    def test_lines_are_plain_and_streams_have_labels(self, api: LokiApi) -> None:
        answer: Any = api.query_range({"query": '{service_name="shop", level="error"}'})
        assert json.loads(json.dumps(answer)) == {
            "status": "success",
            "data": {
                "resultType": "streams",
                "result": [
                    {
                        "stream": {"service_name": "shop", "host": "shop-01", "level": "error", "sample": "demo"},
                        "values": [[f"{int(NOON + 2)}000000000", 'PriceError order=o-2 text="no rate for it"']],
                    }
                ],
                "stats": {},
            },
        }
        assert text_of(line(0, "info", "sold", order="o-1")) == "sold order=o-1"

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ('{service_name=~"sh.p"}', 3),
            ('{service_name!="shop"}', 0),
            ('{service_name="shop"} |= "sold" != "o-3"', 1),
            ('{service_name="shop"} |~ "o-[12]"', 2),
            ("{service_name=`shop`} !~ `sold`", 1),
        ],
    )
    def test_selectors_and_line_filters_choose(self, api: LokiApi, query: str, found: int) -> None:
        assert len(self.lines(api, query=query)) == found

    def test_the_newest_lines_come_first_unless_asked_otherwise_and_the_end_is_left_out(self, api: LokiApi) -> None:
        ends = {"start": str(NOON), "end": f"{int(NOON + 3)}000000000"}
        assert self.lines(api, limit="1", direction="forward") == ["sold order=o-1 seconds=0.1"]
        assert self.lines(api, limit="1") == ["sold order=o-3 seconds=0.2"]
        assert len(self.lines(api, **ends)) == 2

    @pytest.mark.parametrize(
        "given",
        [
            {"query": ""},
            {"query": "{}"},
            {"query": '{service_name="shop"'},
            {"query": '{service_name=~"["}'},
            {"query": 'rate({service_name="shop"}[1m])'},
            {"query": '{service_name="shop"} | json'},
            {"limit": "0"},
            {"limit": "5001"},
            {"start": "yesterday"},
            {"start": str(NOON + 9), "end": str(NOON)},
        ],
    )
    def test_what_it_does_not_answer_it_refuses(self, api: LokiApi, given: Mapping[str, str]) -> None:
        with pytest.raises(BadQuery):
            self.lines(api, **given)


class TestTracer:
    def spans(self, tmp_path: Path) -> list[dict[str, Any]]:
        return [json.loads(one) for one in (tmp_path / "spans").read_text().splitlines()]

    def test_a_trace_goes_from_one_service_to_the_next(self, tmp_path: Path) -> None:
        stream, chance = Stream(tmp_path / "spans"), Random(3)
        shop = Tracer("shop", stream, lambda: NOON, lambda: 1.0, chance)
        payment = Tracer("payment", stream, lambda: NOON, lambda: 1.0, chance)
        kept = 0
        for _ in range(40):
            with shop.span("POST /checkout", "server"), shop.span("POST /pay", "client") as asking:
                header = asking.headers["traceparent"]
                with payment.span("POST /pay", "server", header), payment.span("ledger: lock"):
                    kept += asking.kept
        found = self.spans(tmp_path)
        assert 0 < kept < 40
        assert len(found) == 4 * kept
        lock, answering, asked, checkout = found[:4]
        assert len({one["trace"] for one in found[:4]}) == 1
        assert [lock["parent"], answering["parent"], asked["parent"], checkout["parent"]] == [
            *(answering["span"], asked["span"], checkout["span"], ""),
        ]

    def test_what_raises_has_failed_and_work_that_nobody_asked_for_is_not_kept(self, tmp_path: Path) -> None:
        stream = Stream(tmp_path / "spans")
        tracer = Tracer("shop", stream, lambda: NOON, lambda: 1.0, Random(3))
        with tracer.span("ledger: lock"):
            pass
        header = f"00-{'a' * 32}-{'b' * 16}-01"
        with pytest.raises(ValueError, match="no"), tracer.span("POST /pay", "server", header):
            raise ValueError("no")
        (only,) = self.spans(tmp_path)
        assert (only["failed"], only["trace"], only["parent"]) == (True, "a" * 32, "b" * 16)


def test_an_unknown_source_is_refused_by_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="prometheus, loki, jaeger"):
        Sources(tmp_path, {}).outage("carrier pigeon", on=True)


async def outage(world: Stage, source: str, *, on: bool) -> None:
    status, said = await world.post("/outage", {"source": source, "on": on})
    assert (status, source in said["out"]) == (200, on)


async def test_fettles_own_sources_read_logs_and_traces_and_see_outages(tmp_path: Path) -> None:
    async with stage(tmp_path, "--no-prometheus") as world:
        logs, traces = LokiLogs(world.said["loki"], None, {}, 5.0), JaegerTraces(world.said["jaeger"], None, {}, 5.0)

        async def flowing() -> bool:
            orders: int = (await world.status())["traffic"]["orders"]
            return orders > 100

        await world.post("/break", {"fault": "bad-flag"})
        await until(flowing, "a hundred orders")
        for service, errors in (("shop", True), ("payment", False)):
            found = await logs.lines(service, window(30), 4000)
            assert isinstance(found, Found), found
            assert len(found.data) > 30
            assert any(one.level is Level.ERROR for one in found.data) is errors
        assert any(
            "PriceError" in one.text and one.level is Level.ERROR
            for one in shown(await logs.lines("shop", window(30), 4000))
        )
        calls = await traces.calls(["shop", "payment"], window(30), 5.0)
        assert isinstance(calls, Found), calls
        inner = [one for one in calls.data if (one.caller, one.callee) == ("shop", "payment")]
        assert sum(one.count for one in inner) > 10
        assert all(
            one.client_seconds and one.server_seconds and one.client_seconds >= one.server_seconds for one in inner
        )
        outer = [one for one in calls.data if (one.caller, one.callee) == ("", "shop")]
        assert sum(one.errors for one in outer) > 3
        work = await traces.work(["shop", "payment"], window(30), 5.0)
        assert isinstance(work, Found), work
        assert {"ledger: lock", "connection pool: take", "card network: authorise", "price the basket"} <= {
            one.operation for one in work.data
        }
        edges = await traces.edges(window(30))
        assert isinstance(edges, Found)
        assert [(one.caller, one.callee) for one in edges.data] == [("shop", "payment")]

        for source in (LOGS, TRACES, METRICS):
            await outage(world, source, on=True)
        assert (await world.status())["sources_out"] == sorted((LOGS, TRACES, METRICS))
        out = await asyncio.gather(
            logs.lines("shop", window(30), 10),
            traces.calls(["shop"], window(29), 5.0),
            world.metrics.range('http_error_ratio{service="shop"}', window(30), 1.0),
        )
        assert all(isinstance(one, Failed) for one in out), out
        assert isinstance(out[0], Failed)
        assert "503" in out[0].reason
        # Whoever watches the shop is not affected.
        assert isinstance(await logs_again(world), Found)
        await until(lambda: fires(world), "the alert fires in spite of the outage")
        for source in (TRACES, METRICS):
            await outage(world, source, on=False)
        answer = await world.metrics.range('http_error_ratio{service="shop"}', window(30), 1.0)
        assert isinstance(answer, Found)


def shown(answer: Found[tuple[LogLine, ...]] | Empty | Failed) -> tuple[LogLine, ...]:
    return answer.data if isinstance(answer, Found) else ()


async def logs_again(world: Stage) -> object:
    """Logs after their outage, by a source that has not seen it."""
    await outage(world, LOGS, on=False)
    return await LokiLogs(world.said["loki"], None, {}, 5.0).lines("shop", window(30), 10)


async def fires(world: Stage) -> bool:
    return "ShopErrorsHigh" in (await world.status())["alerts"]


@pytest.mark.servers
async def test_an_outage_of_prometheus_hits_fettle_and_not_alertmanager(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        if not world.said["prometheus"]:
            pytest.skip("Prometheus is not installed")

        async def sampled() -> bool:
            found = await world.metrics.range('http_error_ratio{service="shop"}', window(30), 1.0)
            return isinstance(found, Found)

        await until(sampled, "Prometheus has samples, asked through the demo")
        await outage(world, METRICS, on=True)
        async with world.session.get(f"{world.said['prometheus']}/api/v1/query?query=up") as response:
            assert response.status == 503
        await world.post("/break", {"fault": "certificate-expiring"})

        async def told() -> bool:
            return world.inbox.states().get("ShopCertificateEndsSoon") == "firing"

        await until(told, "the alert arrives in spite of the outage")
        _, alert = world.inbox.first("ShopCertificateEndsSoon") or (0.0, {})
        assert alert["annotations"]["description"].startswith("The certificate that the shop serves ends in 2.0 days.")
        await outage(world, METRICS, on=False)
        assert await sampled()
