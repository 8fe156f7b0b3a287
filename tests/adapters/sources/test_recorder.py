import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from bot.domain.evidence import Empty, Failed, Found, Series, Window
from bot.sources.recorder import Recorder, RecorderMetrics


class Page:
    """A ``/metrics`` page whose text the test sets; None answers 500."""

    def __init__(self) -> None:
        self.text: str | None = "# TYPE used gauge\nused 1\n"
        self.url = ""

    async def answer(self, _request: web.Request) -> web.Response:
        if self.text is None:
            return web.Response(status=500)
        return web.Response(text=self.text)


@asynccontextmanager
async def page_of() -> AsyncIterator[Page]:
    page = Page()
    app = web.Application()
    app.router.add_get("/metrics", page.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    page.url = f"http://127.0.0.1:{runner.addresses[0][1]}/metrics"
    try:
        yield page
    finally:
        await runner.cleanup()


@asynccontextmanager
async def recording(page: Page, database: Path) -> AsyncIterator[RecorderMetrics]:
    task = asyncio.create_task(Recorder(database, {page.url: {"service": "payment"}}, 0.05).run())
    try:
        yield RecorderMetrics(database)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def now() -> datetime:
    return datetime.now(UTC)


async def value(metrics: RecorderMetrics, query: str) -> float | None:
    answer = await metrics.instant(query, now())
    return answer.data[0].samples[0][1] if isinstance(answer, Found) else None


async def until(metrics: RecorderMetrics, query: str, wanted: float | None) -> None:
    async with asyncio.timeout(5):
        while await value(metrics, query) != wanted:
            await asyncio.sleep(0.02)


async def test_what_a_page_shows_is_there_with_the_targets_labels_until_it_is_gone(tmp_path: Path) -> None:
    async with page_of() as page, recording(page, tmp_path / "metrics.db") as metrics:
        await until(metrics, 'used{service="payment"}', 1)
        began = now()
        page.text = '# TYPE used gauge\nused 2\n# TYPE seen counter\nseen_total{code="200",service="of its own"} 7\n'
        await until(metrics, "used", 2)
        answer = await metrics.instant('seen_total{code=~"2.."}', now())
        assert isinstance(answer, Found)
        (series,) = answer.data
        assert series.labels == (("__name__", "seen_total"), ("code", "200"), ("service", "payment"))
        assert answer.asked.query == 'seen_total{code=~"2.."}'

        page.text = "# TYPE used gauge\nused 2\n"
        await until(metrics, "seen_total", None)
        assert await value(metrics, "used") == 2
        page.text = None
        await until(metrics, "up", 0)
        assert await value(metrics, "used") is None
        page.text = 'used NaN\nused{a="b"} +Inf\n'
        await until(metrics, "up", 1)
        assert await value(metrics, "used") is None

        past = await metrics.range("used", Window(began - timedelta(seconds=1), now()), 0.1)
        assert isinstance(past, Found)
        values = [value for _, value in past.data[0].samples]
        assert values == sorted(values)
        assert set(values) == {1, 2}


async def test_a_page_that_is_none_is_an_outage_and_not_a_crash(tmp_path: Path) -> None:
    async with page_of() as page, recording(page, tmp_path / "metrics.db") as metrics:
        page.text = "<html>{not metrics"
        await until(metrics, "up", 0)
        page.text = "used 3\n"
        await until(metrics, "used", 3)


async def test_old_samples_are_no_value_and_are_forgotten_after_six_hours(tmp_path: Path) -> None:
    moments = iter([1_000_000.0] * 2 + [1_000_000.0 + 7 * 3600] * 10_000)
    database = tmp_path / "metrics.db"
    async with page_of() as page:
        recorder = Recorder(database, {page.url: {}}, 0.05, clock=lambda: next(moments))
        task = asyncio.create_task(recorder.run())
        metrics = RecorderMetrics(database)
        first = datetime.fromtimestamp(1_000_000, UTC)

        async def used(at: datetime) -> tuple[Series, ...]:
            answer = await metrics.instant("used", at)
            return answer.data if isinstance(answer, Found) else ()

        async with asyncio.timeout(5):
            while not await used(first):
                await asyncio.sleep(0.02)
        assert await used(first + timedelta(seconds=299))
        assert not await used(first + timedelta(seconds=300))
        assert not await used(first - timedelta(seconds=1))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        again = asyncio.create_task(Recorder(database, {page.url: {}}, 0.05, clock=lambda: next(moments)).run())
        async with asyncio.timeout(5):
            while await used(first):
                await asyncio.sleep(0.02)
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)


async def test_the_database_is_there_as_soon_as_it_runs_and_its_absence_is_an_outage(tmp_path: Path) -> None:
    database = tmp_path / "folder" / "metrics.db"
    missing = await RecorderMetrics(database).instant("up", now())
    assert isinstance(missing, Failed)
    assert "cannot be read" in missing.reason
    task = asyncio.create_task(Recorder(database, {}, 5).run())
    await asyncio.sleep(0)
    assert database.is_file()
    assert isinstance(await RecorderMetrics(database).instant("up", now()), Empty)
    refused = await RecorderMetrics(database).instant("rate(up[5m])", now())
    assert isinstance(refused, Failed)
    assert "plain selectors only" in refused.reason
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
