"""SQLite under the engine: tuning, and one worker per database file."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import ConfigError

_BUSY_MILLISECONDS = 30_000


def system_engine(url: sa.URL, *, connections: int) -> sa.Engine:
    """The engine for DBOS's own connections to the file.

    Few of them: SQLite has one writer, and waiting for a connection is fair where SQLite's own waiting is not.
    """
    engine = sa.create_engine(url, pool_size=connections, max_overflow=0, pool_timeout=60, pool_use_lifo=True)

    @sa.event.listens_for(engine, "connect")
    def tune(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine


async def begin_immediate(session: AsyncSession) -> None:
    """Takes the write lock now, if the session's connection has no transaction yet.

    A transaction that reads first and writes later fails at once, without waiting, when another wrote in between.
    """
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    if not driver.in_transaction:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")


class OneWorker:
    """Holds the right to execute the jobs of one SQLite file; the system gives it back however the process ends.

    Kept as an exclusive lock on a small file beside the database.
    """

    def __init__(self, database: str) -> None:
        self._path = Path(f"{database}-worker")
        self._connection: sqlite3.Connection | None = None

    def take(self) -> None:
        """Raises ``ConfigError`` when another process has it."""
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as locked:
            connection.close()
            raise ConfigError(
                f"Another process already executes the jobs of {self._path.name.removesuffix('-worker')}. With SQLite "
                "there is one worker: stop the other, or give both a PostgreSQL database."
            ) from locked
        self._connection = connection

    def give_back(self) -> None:
        if self._connection is not None:
            with closing(self._connection) as connection:
                connection.rollback()
            self._connection = None
