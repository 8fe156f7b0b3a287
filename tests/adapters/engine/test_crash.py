import asyncio
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.engine import Engine, Job
from bot.errors import ConfigError
from tests.adapters.engine.conftest import ready, saved, until
from tests.adapters.engine.worker import Handlers

Engines = Callable[..., Engine]
Workers = Callable[..., "subprocess.Popen[str]"]

# The point at which the process is killed → what the effect's next try learns, none when it was not tried twice.
POINTS = {
    "in commit": "Ev1/tell seen_before=False",
    "after commit": "Ev1/tell seen_before=False",
    "before effect": "Ev1/tell seen_before=True",
    "after effect": "Ev1/tell seen_before=False",
}


@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_worker_loses_nothing_and_repeats_nothing(
    point: str, engines: Engines, workers: Workers, sqlite_database: AsyncEngine, tmp_path: Path
) -> None:
    web = engines(sqlite_database, executes=False)
    await web.start()
    await web.submit(Job("Ev1", "jobs", "repair"))
    worker = workers(sqlite_database, "first", point)
    assert await asyncio.to_thread(worker.wait) == -signal.SIGKILL
    assert await saved(sqlite_database) == ([] if point == "in commit" else ["Ev1"])

    engine = engines(sqlite_database)
    Handlers(tmp_path / "effects").install(engine)
    await engine.start()

    async def idle() -> bool:
        return not any((await engine.backlog()).values())

    await until(idle)
    assert await engine.dead() == []
    assert await saved(sqlite_database) == ["Ev1"]
    assert (tmp_path / "effects").read_text().splitlines() == [POINTS[point]]


async def test_web_and_worker_share_one_sqlite_file(
    engines: Engines, workers: Workers, sqlite_database: AsyncEngine
) -> None:
    web = engines(sqlite_database, executes=False)
    worker = workers(sqlite_database, "worker")
    await asyncio.gather(web.start(), ready(worker))
    await asyncio.gather(*(web.submit(Job(f"{n}", "jobs", "repair")) for n in range(20)))
    await until(lambda: _count(sqlite_database, 20))
    assert sorted(await saved(sqlite_database), key=int) == [f"{n}" for n in range(20)]

    with pytest.raises(ConfigError, match="Another process already executes"):
        await engines(sqlite_database).start()
    await web.submit(Job("20", "jobs", "repair"))  # the refused one has broken nothing
    await until(lambda: _count(sqlite_database, 21))
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait) == 0


async def _count(database: AsyncEngine, expected: int) -> bool:
    return len(await saved(database)) == expected
