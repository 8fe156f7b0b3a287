"""Metrics without a Prometheus: a recorder that samples ``/metrics`` pages into SQLite, and what reads it.

It is for trying Fettle and for its tests. It knows plain selectors; to everything else it answers that it does not.
"""

import asyncio
import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import structlog
from prometheus_client.parser import text_string_to_metric_families

from bot.domain.evidence import Asked, Empty, Failed, Found, Series, Window
from bot.sources.selector import NotPlain, read

NAME = "Fettle's recorder"
LOOK_BACK_MS = 300_000
KEPT_MS = 6 * 3_600_000
FORGET_EVERY = 300
MOST_BYTES = 4_000_000
BUSY_SECONDS = 5.0
TABLES = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, labels TEXT NOT NULL, UNIQUE (name, labels)
);
CREATE TABLE IF NOT EXISTS sample (
    series INTEGER NOT NULL, at INTEGER NOT NULL, value REAL, PRIMARY KEY (series, at)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sample_at ON sample (at);
"""
Answer = Found[tuple[Series, ...]] | Empty | Failed
Labels = Mapping[str, str]
Scraped = dict[tuple[str, str], float]

log = structlog.get_logger(__name__)


class Recorder:
    """Samples pages (addresses of ``/metrics``, each with its target's labels) into ``database`` for six hours.

    A series that is gone from its page gets one empty sample: from then on it has no value, as in Prometheus.
    """

    def __init__(
        self,
        database: Path,
        targets: Mapping[str, Labels],
        interval_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._targets, self._interval, self._clock = database, targets, interval_seconds, clock
        self._seen: dict[str, set[tuple[str, str]]] = {}
        self._ids: dict[tuple[str, str], int] = {}

    async def run(self) -> None:
        """Sample until cancelled. The database is there as soon as this has begun."""
        timeout = aiohttp.ClientTimeout(total=max(self._interval, 1.0))
        with closing(self._open()) as database:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                rounds = 0
                while True:
                    began = self._clock()
                    pages = await asyncio.gather(*(self._page(session, url) for url in self._targets))
                    rows = [
                        row for url, page in zip(self._targets, pages, strict=True) for row in self._rows(url, page)
                    ]
                    forget = rounds % FORGET_EVERY == 0
                    await asyncio.to_thread(self._write, database, int(began * 1000), rows, forget=forget)
                    rounds += 1
                    await asyncio.sleep(max(self._interval - (self._clock() - began), 0.05))

    def _open(self) -> sqlite3.Connection:
        self._database.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._database, check_same_thread=False, timeout=BUSY_SECONDS)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.executescript(TABLES)
        return database

    async def _page(self, session: aiohttp.ClientSession, url: str) -> Scraped | None:
        """What the page shows, None when it cannot be had."""
        own = self._targets[url]
        try:
            async with session.get(url) as response:
                response.raise_for_status()
                body = await response.content.read(MOST_BYTES)
            return dict(scraped(body.decode(), own))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.debug("a metrics page could not be read", url=url, error=type(error).__name__)
            return None

    def _rows(self, url: str, page: Scraped | None) -> Iterator[tuple[tuple[str, str], float | None]]:
        found = page or {}
        yield from found.items()
        yield from ((key, None) for key in self._seen.get(url, set()) - found.keys())
        self._seen[url] = set(found)
        yield ("up", _text(self._targets[url])), float(page is not None)

    def _write(
        self,
        database: sqlite3.Connection,
        at_ms: int,
        rows: Iterable[tuple[tuple[str, str], float | None]],
        *,
        forget: bool,
    ) -> None:
        with database:
            database.executemany(
                "INSERT OR REPLACE INTO sample VALUES (?, ?, ?)",
                [(self._id(database, key), at_ms, value) for key, value in rows],
            )
            if forget:
                database.execute("DELETE FROM sample WHERE at < ?", (at_ms - KEPT_MS,))

    def _id(self, database: sqlite3.Connection, key: tuple[str, str]) -> int:
        if key not in self._ids:
            database.execute("INSERT OR IGNORE INTO series (name, labels) VALUES (?, ?)", key)
            row = database.execute("SELECT id FROM series WHERE name = ? AND labels = ?", key).fetchone()
            self._ids[key] = row[0]
        return self._ids[key]


def scraped(page: str, own: Labels) -> Iterator[tuple[tuple[str, str], float]]:
    """The page's samples as ``((name, labels as JSON), value)``, with the target's own labels; finite values only.

    Raises ``ValueError`` where the page is not what ``/metrics`` pages are.
    """
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if math.isfinite(sample.value):
                yield (sample.name, _text({**sample.labels, **own})), sample.value


class RecorderMetrics:
    """What the recorder has, behind the metrics port. Plain selectors only."""

    def __init__(self, database: Path) -> None:
        self._database = database

    async def range(self, query: str, window: Window, step_seconds: float) -> Answer:
        """Each step's value is the newest sample until then, of the five minutes before."""
        times = _steps(window, step_seconds)
        return await self._ask(Asked(NAME, query, window), times)

    async def instant(self, query: str, at: datetime) -> Answer:
        """The newest sample until then, of the five minutes before."""
        return await self._ask(Asked(NAME, query, Window(at, at)), [_ms(at)])

    async def _ask(self, asked: Asked, times: list[int]) -> Answer:
        began = time.monotonic()
        try:
            series = await asyncio.to_thread(self._read, asked.query, times)
        except NotPlain as fault:
            return Failed(asked, str(fault))
        except sqlite3.Error as error:
            return Failed(asked, f"its database cannot be read ({error}): is the recorder running?")
        asked = replace(asked, seconds=time.monotonic() - began)
        return Found(asked, series) if series else Empty(asked)

    def _read(self, query: str, times: list[int]) -> tuple[Series, ...]:
        selector = read(query)
        address = f"{self._database.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as database:
            rows = database.execute("SELECT id, labels FROM series WHERE name = ?", (selector.name,)).fetchall()
            found = []
            for one, text in rows:
                labels = {**json.loads(text), "__name__": selector.name}
                if selector.selects(labels):
                    samples = database.execute(
                        "SELECT at, value FROM sample WHERE series = ? AND at > ? AND at <= ? ORDER BY at",
                        (one, times[0] - LOOK_BACK_MS, times[-1]),
                    ).fetchall()
                    found.append(Series(tuple(sorted(labels.items())), tuple(_on_steps(samples, times))))
        return tuple(series for series in found if series.samples)


def _on_steps(samples: list[tuple[int, float | None]], times: list[int]) -> Iterator[tuple[datetime, float]]:
    place = -1
    for moment in times:
        while place + 1 < len(samples) and samples[place + 1][0] <= moment:
            place += 1
        if place < 0:
            continue
        at, value = samples[place]
        if value is not None and moment - at < LOOK_BACK_MS:
            yield datetime.fromtimestamp(moment / 1000, UTC), value


def _steps(window: Window, step_seconds: float) -> list[int]:
    step = max(int(step_seconds * 1000), 1)
    return list(range(_ms(window.start), _ms(window.end) + 1, step))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _text(labels: Labels) -> str:
    return json.dumps(labels, sort_keys=True, ensure_ascii=False)
