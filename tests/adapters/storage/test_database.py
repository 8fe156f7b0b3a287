import asyncio
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from bot.domain.incident import Incident
from bot.domain.outcome import Outcome
from bot.errors import ConfigError
from storage.database import open_engine, parse
from storage.store import Storage
from storage.tables import metadata
from tests.adapters.storage.build import KEY, NOW, incident, undone


async def test_several_that_migrate_at_once(empty_url: str) -> None:
    several = [Storage(empty_url, KEY) for _ in range(4)]
    await asyncio.gather(*(one.migrate() for one in several))
    await several[0].migrate()
    await several[0].check()
    assert (await several[1].verify_audit()).ok
    for one in several:
        await one.close()


async def test_processes_that_migrate_at_once(empty_url: str) -> None:
    program = (
        f"import asyncio; from storage.store import Storage; asyncio.run(Storage({empty_url!r}, {KEY!r}).migrate())"
    )
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=subprocess.PIPE, cwd=Path.cwd())
        for _ in range(2)
    ]
    ended = await asyncio.gather(*(one.communicate() for one in started))
    assert [one.returncode for one in started] == [0, 0], ended


async def test_the_migrations_make_the_tables_that_the_code_expects(url: str) -> None:
    engine = open_engine(url)
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    await engine.dispose()
    assert differences == []


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_the_migrations_make_them_to_the_letter(url: str) -> None:
    def plain(sql: str) -> str:
        columns = re.sub(r"\s+", " ", sql).strip()
        inside = columns.partition("(")[2].rpartition(")")[0].split(", ")
        return columns.partition("(")[0] + str(sorted(inside) if columns.startswith("CREATE TABLE") else columns)

    query = "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
    wanted = sa.create_engine("sqlite://")
    metadata.create_all(wanted)
    with wanted.connect() as connection:
        expected = {row.name: plain(row.sql) for row in connection.exec_driver_sql(query)}
    wanted.dispose()
    engine = open_engine(url)
    async with engine.connect() as connection_:
        found = {row.name: plain(row.sql) for row in await connection_.exec_driver_sql(query)}
    await engine.dispose()
    del found["alembic_version"]
    assert found == expected


async def test_a_database_that_was_not_migrated(empty_url: str) -> None:
    one = Storage(empty_url, KEY)
    with pytest.raises(ConfigError, match="fettle migrate"):
        await one.check()
    await one.close()


async def test_a_database_of_a_newer_version_is_left_alone(storage: Storage) -> None:
    async with storage.begin() as session:
        await session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (storage.migrate, storage.check):
        with pytest.raises(ConfigError, match=r"newer version|revision 9999"):
            await attempt()


async def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database" * 100)
    nowhere = [f"sqlite:///{tmp_path}/no/folder/f.db", f"sqlite:///{tmp_path}", f"sqlite:///{tmp_path}/text.db"]
    for url in (*nowhere, "postgresql://fettle:secret@127.0.0.1:9/fettle"):
        one = Storage(url, KEY)
        with pytest.raises(ConfigError, match="cannot be used") as caught:
            await one.migrate()
        assert "secret" not in str(caught.value)
        await one.close()


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://fettle:secret@db/fettle", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_cannot_be_right(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(url)
    assert "secret" not in str(caught.value)


def test_addresses_as_hosting_services_give_them() -> None:
    parsed = parse("postgres://fettle:secret@db.example:5433/fettle?sslmode=require")
    assert parsed.drivername == "postgresql+asyncpg"
    assert dict(parsed.query) == {"ssl": "require"}
    assert parsed.password == "secret"
    assert parse("sqlite:////var/lib/fettle.db").drivername == "sqlite+aiosqlite"


async def test_a_reader_cannot_write(url: str) -> None:
    engine = open_engine(url, writes=False)
    with pytest.raises(sa.exc.DBAPIError, match=r"(?i)read-?only"):
        async with engine.begin() as connection:
            await connection.execute(sa.text("DELETE FROM timers"))
    await engine.dispose()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_sqlite_is_tuned(url: str) -> None:
    engine = open_engine(url)
    async with engine.connect() as connection:

        async def ask(name: str) -> object:
            return (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()

        asked = ["journal_mode", "synchronous", "busy_timeout", "foreign_keys"]
        assert [await ask(name) for name in asked] == ["wal", 1, 30_000, 1]
    await engine.dispose()


async def test_many_writers_and_readers_at_once(storage: Storage, other: Storage) -> None:
    async def write(mine: Storage, number: int) -> None:
        async with mine.begin() as session:
            await mine.commit(session, Outcome((incident(number)[0],)), actor="U1", request_id="r", now=NOW)
            await mine.outbox.put(session, f"incident:{number}", "living", now=NOW)

    async def read(mine: Storage) -> None:
        for _ in range(5):
            found = len(await mine.state.find(Incident, limit=500))
            assert found <= 40

    jobs = [write(mine, number + 20 * place) for place, mine in enumerate((storage, other)) for number in range(1, 21)]
    await asyncio.gather(*jobs, *(read(mine) for mine in (storage, other) for _ in range(5)))
    assert len(await storage.state.find(Incident, limit=500)) == 40
    assert (await storage.outbox.counts()).waiting == 40


async def test_a_writer_that_was_cancelled_gives_the_lock_back(storage: Storage, other: Storage) -> None:
    inside = asyncio.Event()

    async def hold() -> None:
        async with storage.begin() as session:
            await storage.commit(session, Outcome((incident(1)[0],)), actor="U1", request_id="r", now=NOW)
            inside.set()
            await asyncio.Event().wait()

    holder = asyncio.create_task(hold())
    await inside.wait()
    holder.cancel()
    await asyncio.gather(holder, return_exceptions=True)
    for mine in (other, storage):
        async with mine.begin() as session:
            number = await mine.state.next_incident()
            await mine.commit(session, Outcome((incident(number)[0],)), actor="U1", request_id="r", now=NOW)
    assert [one.id for one in await storage.state.find(Incident)] == [2, 1]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_level_that_the_durable_engine_asks_for_does_not_lose_the_lock(storage: Storage) -> None:
    for _ in range(2):
        async with AsyncSession(storage.engine) as session, session.begin():
            await session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
            raw: Any = await (await session.connection()).get_raw_connection()
            assert raw.driver_connection.in_transaction
        rolled = undone(storage, lambda session: session.execute(sa.text("INSERT INTO automation VALUES ('a', 1, '')")))
        with pytest.raises(ZeroDivisionError):
            await rolled
    async with storage.begin() as session:
        assert (await session.execute(sa.text("SELECT count(*) FROM automation"))).scalar() == 0


async def test_a_new_file_that_another_is_writing_to_is_waited_for(tmp_path: Path) -> None:
    async def use(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await connection.exec_driver_sql("CREATE TABLE two (id INTEGER)")
        await engine.dispose()

    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        another.execute("CREATE TABLE one (id INTEGER)")
        waiting = asyncio.create_task(use(open_engine(f"sqlite:///{tmp_path}/new.db")))
        await asyncio.wait([waiting], timeout=0.3)
        assert not waiting.done()
        another.execute("COMMIT")
        await waiting
        assert len(another.execute("SELECT name FROM sqlite_master").fetchall()) == 2
