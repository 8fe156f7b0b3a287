"""A bounded pool of database connections, which knows who holds each one and since when."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from bot.demo.sliding import Level, Sliding

Watched = Callable[[str], AbstractContextManager[object]]

QUIET = 1.0  # seconds without a statement after which a transaction counts as idle


def unwatched(_operation: str) -> AbstractContextManager[object]:
    """For what nobody traces."""
    return nullcontext()


class PoolTimeout(Exception):
    """No connection became free in time."""


@dataclass(slots=True)
class Lease:
    """A connection in somebody's hands. ``used_at`` is when the last statement ran on it."""

    number: int
    connection: sqlite3.Connection
    by: str
    taken_at: float
    used_at: float
    clock: Callable[[], float] = field(repr=False)

    def execute(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run a statement and give its rows."""
        self.used_at = self.clock()
        return self.connection.execute(statement, tuple(values)).fetchall()

    def state(self, now: float) -> str:
        """``active``, or ``idle_in_transaction`` when its transaction is open and nothing runs on it."""
        forgotten = self.connection.in_transaction and now - self.used_at > QUIET
        return "idle_in_transaction" if forgotten else "active"


class Pool:
    """``size`` connections to one database. Whoever finds none free waits, ``patience`` seconds at most.

    ``span`` traces each wait.
    """

    def __init__(
        self, database: Path, size: int, patience: float, clock: Callable[[], float], span: Watched = unwatched
    ) -> None:
        self.size, self.patience = size, patience
        self.waits = Sliding(clock())
        self.level = Level(clock())
        self.waiting = 0
        self._clock, self._span = clock, span
        self._leases: dict[int, Lease] = {}
        self._free: asyncio.Queue[tuple[int, sqlite3.Connection]] = asyncio.Queue()
        for number in range(1, size + 1):
            connection = sqlite3.connect(database, timeout=2.0, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            self._free.put_nowait((number, connection))

    @property
    def in_use(self) -> int:
        """How many connections somebody holds."""
        return len(self._leases)

    async def take(self, by: str) -> Lease:
        """A connection for ``by``. Raises ``PoolTimeout`` when none becomes free in time."""
        began = self._clock()
        self.waiting += 1
        try:
            with self._span("connection pool: take"):
                async with asyncio.timeout(self.patience):
                    number, connection = await self._free.get()
        except TimeoutError:
            self.waits.add(self._clock(), self._clock() - began, failed=True)
            raise PoolTimeout(f"no connection became free in {self.patience:g} s ({self.size} are in use)") from None
        finally:
            self.waiting -= 1
        now = self._clock()
        self.waits.add(now, now - began)
        lease = Lease(number, connection, by, now, now, self._clock)
        self._leases[number] = lease
        self.level.set(now, self.in_use)
        return lease

    def give_back(self, lease: Lease) -> None:
        """The connection is free again; an open transaction is rolled back."""
        if lease.connection.in_transaction:
            lease.connection.rollback()
        del self._leases[lease.number]
        self.level.set(self._clock(), self.in_use)
        self._free.put_nowait((lease.number, lease.connection))

    def table(self, longest: int = 8) -> dict[str, object]:
        """Who holds what: counts by state, and the leases that are held longest."""
        now = self._clock()
        leases = sorted(self._leases.values(), key=lambda lease: lease.taken_at)
        states = [lease.state(now) for lease in leases]
        return {
            "size": self.size,
            "in_use": len(leases),
            "waiting": self.waiting,
            "states": {
                "idle": self._free.qsize(),
                "active": states.count("active"),
                "idle_in_transaction": states.count("idle_in_transaction"),
            },
            "oldest_checkout_seconds": round(now - leases[0].taken_at, 1) if leases else 0.0,
            "held_longest": [
                {"connection": lease.number, "state": state, "seconds": round(now - lease.taken_at, 1), "by": lease.by}
                for lease, state in zip(leases, states, strict=True)
            ][:longest],
        }

    def close(self) -> None:
        """Close every connection, also those that somebody holds."""
        while not self._free.empty():
            self._free.get_nowait()[1].close()
        for lease in self._leases.values():
            lease.connection.close()
        self._leases.clear()
