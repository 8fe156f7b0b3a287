import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.engine import Engine, Job
from bot.errors import ConfigError
from tests.adapters.engine.conftest import ready, saved, until
from tests.adapters.engine.worker import Handlers

Engines = Callable[..., Engine]
Workers = Callable[..., "subprocess.Popen[str]"]


async def executors(database: AsyncEngine) -> list[str]:
    async with database.connect() as connection:
        rows = await connection.execute(sa.text("SELECT executor FROM dbos.engine_workers ORDER BY executor"))
        return list(rows.scalars())


def lines(effects: Path) -> list[str]:
    return effects.read_text().splitlines() if effects.exists() else []


async def test_workers_can_start_together(workers: Workers, postgres_database: AsyncEngine) -> None:
    await asyncio.gather(*(ready(workers(postgres_database, name)) for name in ("a", "b")))
    assert await executors(postgres_database) == ["a", "b"]


async def test_a_killed_workers_jobs_are_taken_over(
    engines: Engines, workers: Workers, postgres_database: AsyncEngine, tmp_path: Path
) -> None:
    first = workers(postgres_database, "first")
    await ready(first)
    survivor = engines(postgres_database, executor="survivor")
    await engines(postgres_database, executes=False).start()
    web = engines(postgres_database, executes=False)
    await web.start()
    await web.submit(Job("Ev1", "signals", "hang"))
    await until(lambda: lines(tmp_path / "effects"))

    Handlers(tmp_path / "effects").install(survivor)
    await survivor.start()
    await asyncio.sleep(1)  # longer than a dead worker would live on
    assert len(lines(tmp_path / "effects")) == 1, "a live worker's job was taken"

    first.kill()
    await until(lambda: len(lines(tmp_path / "effects")) == 2)
    (tmp_path / "go").touch()
    await until(lambda: saved(postgres_database))
    assert lines(tmp_path / "effects") == ["Ev1/wait seen_before=False", "Ev1/wait seen_before=True"]
    assert await saved(postgres_database) == ["Ev1"]
    assert await executors(postgres_database) == ["survivor"]


async def test_a_frozen_worker_that_thaws_ends_and_changes_nothing(
    engines: Engines, workers: Workers, postgres_database: AsyncEngine, tmp_path: Path
) -> None:
    frozen = workers(postgres_database, "frozen")
    await ready(frozen)
    web = engines(postgres_database, executes=False)
    await web.start()
    await web.submit(Job("Ev1", "jobs", "hang"))
    await until(lambda: lines(tmp_path / "effects"))
    os.kill(frozen.pid, signal.SIGSTOP)

    survivor = engines(postgres_database, executor="survivor")
    Handlers(tmp_path / "effects").install(survivor)
    await survivor.start()
    await until(lambda: len(lines(tmp_path / "effects")) == 2)
    (tmp_path / "go").touch()
    await until(lambda: saved(postgres_database))
    os.kill(frozen.pid, signal.SIGCONT)
    assert await asyncio.to_thread(frozen.wait) == 0, "it heard that it was taken for dead, and stopped in order"
    assert await saved(postgres_database) == ["Ev1"]
    assert await survivor.dead() == []


async def test_two_workers_of_one_name_are_refused(
    engines: Engines, workers: Workers, postgres_database: AsyncEngine
) -> None:
    await ready(workers(postgres_database, "same"))
    with pytest.raises(ConfigError, match="named same"):
        await engines(postgres_database, executor="same").start()
    await asyncio.sleep(0.5)
    assert await executors(postgres_database) == ["same"]


async def test_a_stopped_worker_hands_its_jobs_over_at_once(
    engines: Engines, workers: Workers, postgres_database: AsyncEngine, tmp_path: Path
) -> None:
    leaving = workers(postgres_database, "leaving")
    await ready(leaving)
    survivor = engines(postgres_database, heartbeat_seconds=60)  # so that it cannot be by taking over
    Handlers(tmp_path / "effects").install(survivor)
    web = engines(postgres_database, executes=False)
    await web.start()
    await web.submit(Job("Ev1", "jobs", "hang"))
    await until(lambda: lines(tmp_path / "effects"))
    await survivor.start()
    leaving.send_signal(signal.SIGTERM)
    await until(lambda: len(lines(tmp_path / "effects")) == 2)
    (tmp_path / "go").touch()
    await until(lambda: saved(postgres_database))
    assert await saved(postgres_database) == ["Ev1"]
