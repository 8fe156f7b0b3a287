"""The ledger of payments: receipt numbers are drawn under its lock, rows are written through a connection.

``Compaction`` is a nightly job with a flaw that shows only when it is started during the day: it begins again from the
start whenever payments came in while it ran, so it never ends, and it holds the lock while it works.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bot.demo.pool import Lease, Watched, unwatched
from bot.demo.sliding import Sliding

KEPT_ROWS = 5_000
BATCHES, BATCH_PAUSE = 6, 0.2


class Ledger:
    """Payments in a small database. One at a time may draw a number.

    ``asked`` counts the payments that have asked for a number, ``drawn`` is the newest number. ``span`` traces each
    wait for the lock.
    """

    def __init__(self, database: Path, clock: Callable[[], float], span: Watched = unwatched) -> None:
        self.database = database
        self.waits = Sliding(clock())
        self._clock, self._span = clock, span
        self._lock = asyncio.Lock()
        self._holder, self._held_since = "", 0.0
        self._waiting = 0
        self.asked = 0
        with sqlite3.connect(database) as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS payment (number INTEGER PRIMARY KEY, orders TEXT UNIQUE, cents INTEGER)"
            )
            self.drawn: int = connection.execute("SELECT coalesce(max(number), 0) FROM payment").fetchone()[0]
        connection.close()

    @asynccontextmanager
    async def turn(self, by: str) -> AsyncIterator[None]:
        """Hold the lock. How long one waited for it is noted."""
        began = self._clock()
        self._waiting += 1
        try:
            with self._span("ledger: lock"):
                await self._lock.acquire()
        finally:
            self._waiting -= 1
        now = self._clock()
        self.waits.add(now, now - began)
        self._holder, self._held_since = by, now
        try:
            yield
        finally:
            self._holder = ""
            self._lock.release()

    async def draw(self, order: str) -> int:
        """The next receipt number."""
        self.asked += 1
        async with self.turn(f"receipt number for {order}"):
            self.drawn += 1
            return self.drawn

    def write(self, lease: Lease, number: int, order: str, cents: int) -> None:
        """Write a payment; the same order twice is one payment."""
        lease.execute("BEGIN IMMEDIATE")
        lease.execute("INSERT OR IGNORE INTO payment VALUES (?, ?, ?)", (number, order, cents))
        lease.execute("DELETE FROM payment WHERE number <= ?", (number - KEPT_ROWS,))
        lease.execute("COMMIT")

    def table(self) -> dict[str, object]:
        """Who holds the lock, since when, and how many wait."""
        now = self._clock()
        return {
            "held_by": self._holder or None,
            "held_seconds": round(now - self._held_since, 2) if self._holder else 0.0,
            "waiting": self._waiting,
            "wait_p95_seconds": round(self.waits.p95(now), 3),
        }


class Compaction:
    """The job that packs the ledger's pages, in batches with a pause of so many seconds after each."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float], pause: float = BATCH_PAUSE) -> None:
        self._ledger, self._clock, self._pause = ledger, clock, pause
        self._task: asyncio.Task[None] | None = None
        self._began, self._passes = 0.0, 0

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Start it, unless it is under way."""
        if not self.running:
            self._began, self._passes = self._clock(), 0
            self._task = asyncio.create_task(self._pack())

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def table(self) -> dict[str, object]:
        """How it stands."""
        return {
            "state": "running" if self.running else "not running",
            "passes": self._passes,
            "running_seconds": round(self._clock() - self._began, 1) if self.running else 0.0,
        }

    async def _pack(self) -> None:
        asked_before = -1
        while asked_before != self._ledger.asked:
            self._passes += 1
            async with self._ledger.turn(f"compaction, pass {self._passes}"):
                asked_before = self._ledger.asked
                for _ in range(BATCHES):
                    # The pauses spare the disk; that the lock is held meanwhile is the flaw.
                    await asyncio.sleep(self._pause)
