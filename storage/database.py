"""The two kinds of database that Fettle lives in, tuned alike: one writer at a time never surprises another.

SQLite's own transactions are the trap here. Python's driver opens one at the first write only, so that what was read
before can be out of date, and SQLite then refuses at once. Here every writing transaction takes the write lock when it
begins and waits for it; reading ones have connections of their own that never take it.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from bot.errors import ConfigError, Stale, Transient

_BUSY_MILLISECONDS = 30_000
_SQLITE_READERS = 4
_SQLITE_WRITERS = 1  # waiting for the connection is fair and quick, where SQLite's own waiting sleeps and starves
_LOST_TO_ANOTHER = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}


def parse(url: str) -> sa.URL:
    """The address with the driver that Fettle uses. Raises ``ConfigError``, never showing the password."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise ConfigError(
            "The database's address cannot be read. It should be like sqlite:////var/lib/fettle/fettle.db or "
            "postgresql://fettle@db.example/fettle."
        ) from None
    shown = parsed.render_as_string(hide_password=True)
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise ConfigError(
            f"{shown}: Fettle keeps its state in SQLite or PostgreSQL, so it begins sqlite: or postgresql:."
        )
    parsed = parsed.set(drivername=driver)
    if driver.startswith("sqlite"):
        if parsed.database in (None, "", ":memory:"):
            raise ConfigError(f"{shown}: name a file, so that the state outlives the process.")
    elif "sslmode" in parsed.query:  # libpq's word, which hosting services put into DATABASE_URL; asyncpg's is ssl
        parsed = parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": parsed.query["sslmode"]})
    return parsed


def open_engine(url: str, *, writes: bool = True) -> AsyncEngine:
    """An engine for that database; nothing is opened before its first use.

    ``writes=False`` gives one whose transactions cannot write and, on SQLite, never wait for a writer.
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, writes=writes)
    engine = create_async_engine(parsed, pool_size=10, max_overflow=10, pool_pre_ping=True)
    return engine if writes else _only_reading(engine)


def _only_reading(engine: AsyncEngine) -> AsyncEngine:
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _sqlite(url: sa.URL, *, writes: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=_SQLITE_WRITERS if writes else _SQLITE_READERS,
        max_overflow=0,
        pool_timeout=60,
        connect_args={"isolation_level": None, "timeout": _BUSY_MILLISECONDS / 1000},
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def tune(connection: Any, _record: object) -> None:  # noqa: ANN401  # SQLAlchemy's adapter of the driver's connection
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # SQLite does not wait here. Whoever has the file is switching it this very moment, for everybody.
            if "locked" not in str(error):
                raise
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if not writes:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


class Database:
    """Both engines of one database. ``engine`` is the writing one, which the durable engine shares."""

    def __init__(self, url: str) -> None:
        self.url = parse(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = open_engine(url)
        self._readers = open_engine(url, writes=False) if self.sqlite else _only_reading(self.engine)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at the end, or rolls back when something is raised.

        Raises ``Stale`` when PostgreSQL gave the rows to another, ``Transient`` when SQLite's writer took too long.
        """
        try:
            async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
        except PoolTimeout as error:
            raise Transient("No connection to the database came free within a minute.") from error
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in _LOST_TO_ANOTHER:
                raise Stale("Another transaction changed the same rows first.") from error
            if "database is locked" in str(error.orig):
                raise Transient(
                    f"Another process has been writing to {self.url.database} for {_BUSY_MILLISECONDS // 1000} s."
                ) from error
            raise

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose every query sees the same moment, and that cannot write."""
        async with self._readers.connect() as connection, connection.begin():
            yield connection

    async def close(self) -> None:
        """Close every connection."""
        if self.sqlite:
            await self._readers.dispose()
        await self.engine.dispose()


def insert(session: AsyncSession, table: sa.Table) -> SqliteInsert | PostgresqlInsert:
    """An insert that knows ``ON CONFLICT`` in the session's own dialect."""
    return SqliteInsert(table) if session.get_bind().dialect.name == "sqlite" else PostgresqlInsert(table)
