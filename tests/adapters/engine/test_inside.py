"""What the engine takes for granted inside DBOS 3.4. A new DBOS that changes it fails here first."""

import asyncio
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from dbos._migration import sqlite_migrations
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.engine import Engine, Job, Run, StepFailed
from bot.engine.engine import blocking_url
from bot.engine.inside import launched, queue_worker_thread, use_one_clock
from bot.engine.wake import Bell
from bot.engine.wire import Wire
from bot.errors import Stale

Engines = Callable[..., Engine]


async def test_sqlite_tells_the_time_in_milliseconds(engines: Engines, sqlite_database: AsyncEngine) -> None:
    use_one_clock()
    use_one_clock()
    assert not any("unixepoch('subsec')" in step or "strftime('%s'" in step for step in sqlite_migrations)
    web = engines(sqlite_database, executes=False)
    await web.start()
    for n in range(12):
        await web.submit(Job(f"{n}", "jobs", "any"))
        await asyncio.sleep(0.007)
    async with sqlite_database.connect() as connection:
        stamps = (await connection.execute(sa.text("SELECT created_at, updated_at FROM workflow_status"))).all()
        now = (await connection.execute(sa.text("SELECT unixepoch('now')"))).scalar_one()
    assert len({stamp.created_at for stamp in stamps}) > 6
    assert all(abs(stamp.created_at / 1000 - now) < 60 for stamp in stamps)


async def test_a_rung_worker_starts_jobs_at_once(engines: Engines, sqlite_database: AsyncEngine) -> None:
    began = asyncio.Event()

    async def note(_job: Job, _run: Run) -> None:
        began.set()

    engine = engines(sqlite_database, poll_seconds=3600)
    engine.handle("note", note)
    await engine.start()
    for n in range(3):
        began.clear()
        await engine.submit(Job(f"{n}", "signals", "note"))
        await asyncio.wait_for(began.wait(), 10)
    assert {thread.name for thread in threading.enumerate()} >= {"queue-jobs", "queue-signals"}
    assert launched()
    await engine.stop(1)
    assert not launched()


def test_a_bell_wakes_and_only_set_stops() -> None:
    bell = Bell()
    bell.ring()
    assert bell.wait(60) is False
    assert not bell.is_set()
    assert bell.wait(0) is False
    bell.set()
    assert bell.wait(60) is True
    assert queue_worker_thread.__code__.co_varnames[:3] == ("stop_event", "dbos", "queue")


@pytest.mark.parametrize("value", [None, True, 1, 2.5, "ü", [], {"error": ["a", "b", "c"]}, {"value": {"value": 1}}])
def test_values_come_back_as_they_were(value: object) -> None:
    assert Wire().deserialize(Wire().serialize(value)) == value


def test_failures_come_back_with_their_name_and_text() -> None:
    wire = Wire()
    stale = wire.deserialize(wire.serialize(Stale("late")))
    assert isinstance(stale, Stale)
    assert str(stale) == "late"
    failed = wire.deserialize(wire.serialize(KeyError("x")))
    assert (failed.step, failed.kind, failed.text) == ("", "KeyError", "'x'")
    step = wire.deserialize(wire.serialize(StepFailed("post", "Transient", "down")))
    assert str(step) == "post: Transient: down"
    with pytest.raises(TypeError):
        wire.serialize({"when": object()})


@pytest.mark.parametrize(
    ("asynchronous", "blocking"),
    [
        ("sqlite+aiosqlite:////var/lib/fettle.db", "sqlite:////var/lib/fettle.db"),
        ("postgresql+asyncpg://u:p%40@db/f?ssl=require", "postgresql://u:p%40@db/f?sslmode=require"),
        ("postgresql+asyncpg://db:5433/f", "postgresql://db:5433/f"),
    ],
)
def test_dbos_is_given_the_same_database(asynchronous: str, blocking: str) -> None:
    assert blocking_url(sa.make_url(asynchronous)).render_as_string(hide_password=False) == blocking
