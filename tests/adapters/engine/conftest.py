import asyncio
import inspect
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar, overload

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.engine import Engine, Queue
from storage.database import open_engine
from tests.adapters.engine.worker import QUEUES

T = TypeVar("T")
ROOT = Path(__file__).parents[3]


def postgres_programs() -> Path | None:
    """Where PostgreSQL's server programs are: on the path, or where Debian puts them."""
    found = [Path(path).resolve() for path in (shutil.which("pg_ctl"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), reverse=True)
    return next((path.parent for path in found if (path.parent / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of our own; its address up to the database's name."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="fettle-postgres-") as folder:  # short: a socket's path is limited
        home = Path(folder)
        account: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses to run as root, and nobody else may enter pytest's own folders
            account = {"user": "postgres"}
            shutil.chown(home, "postgres")
        yield from _serve(programs, home, account)


def _serve(programs: Path, home: Path, account: dict[str, Any]) -> Iterator[str]:
    data = home / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "fettle", "-A", "trust", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=home,
        **account,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-p {port} -h 127.0.0.1 -k {home} -c fsync=off -c max_connections=200"
    control: list[str | Path] = [programs / "pg_ctl", "-D", data, "-w", "-l", home / "log"]
    subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=home, **account)
    try:
        yield f"postgresql+asyncpg://fettle@127.0.0.1:{port}"
    finally:
        subprocess.run([*control, "-m", "fast", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=home, **account)


async def _postgres_database(server: str) -> str:
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = create_async_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(sa.text(f"CREATE DATABASE {name}"))
    await admin.dispose()
    return f"{server}/{name}"


async def _with_table(url: str) -> AsyncEngine:
    database = open_engine(url)
    async with database.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE saved (job TEXT NOT NULL)"))
    return database


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    """Closes what a test opened, the last first: the engines before their database."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def sqlite_database(tmp_path: Path, closing: AsyncExitStack) -> AsyncEngine:
    database = await _with_table(f"sqlite:///{tmp_path / 'fettle.db'}")
    closing.push_async_callback(database.dispose)
    return database


@pytest.fixture
async def postgres_database(postgres: str, closing: AsyncExitStack) -> AsyncEngine:
    database = await _with_table(await _postgres_database(postgres))
    closing.push_async_callback(database.dispose)
    return database


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> AsyncEngine:
    """The application's database, with a table ``saved``: each test runs on both kinds."""
    found: AsyncEngine = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest.fixture
async def engines(closing: AsyncExitStack) -> Callable[..., Engine]:
    """Makes engines, which are stopped in the end."""

    def make(
        database: AsyncEngine,
        *,
        executor: str = "",
        queues: Sequence[Queue] = QUEUES,
        executes: bool = True,
        poll_seconds: float = 0.1,
        heartbeat_seconds: float = 0.2,
    ) -> Engine:
        engine = Engine(
            database,
            executor=executor or f"test-{uuid.uuid4().hex[:8]}",
            queues=queues,
            executes=executes,
            poll_seconds=poll_seconds,
            heartbeat_seconds=heartbeat_seconds,
        )
        closing.push_async_callback(engine.stop, 0)
        return engine

    return make


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts worker processes, which are ended in the end."""
    started: list[subprocess.Popen[str]] = []

    def start(database: AsyncEngine, executor: str, die: str = "") -> subprocess.Popen[str]:
        url = database.url.render_as_string(hide_password=False)
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.adapters.engine.worker", url, executor, str(tmp_path / "effects"), die],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.wait()
        if worker.stdout is not None:
            worker.stdout.close()


async def saved(database: AsyncEngine) -> list[str]:
    async with database.connect() as connection:
        return list((await connection.execute(sa.text("SELECT job FROM saved"))).scalars())


@overload
async def until(condition: Callable[[], Coroutine[Any, Any, T]]) -> T: ...
@overload
async def until(condition: Callable[[], T]) -> T: ...
async def until(condition: Callable[[], object]) -> object:
    """What the condition gives, once that is true."""
    deadline = asyncio.get_running_loop().time() + 30
    while asyncio.get_running_loop().time() < deadline:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.01)
    pytest.fail("It did not come about in time.")


async def ready(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    line = await asyncio.to_thread(worker.stdout.readline)
    assert line == "ready\n"
