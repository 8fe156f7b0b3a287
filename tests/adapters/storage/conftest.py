"""Every test here runs on SQLite and, where its programs are installed, on PostgreSQL."""

import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from storage.store import Storage
from tests.adapters.storage import postgres
from tests.adapters.storage.build import KEY


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    programs = postgres.binaries()
    if programs is None:
        pytest.skip("not installed: postgresql")
    with postgres.server(programs) as address:
        yield address


@pytest.fixture(scope="session")
def names() -> Iterator[int]:
    return itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path, names: Iterator[int]) -> str:
    """The address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/fettle.db"
    address = request.getfixturevalue("postgres_server")
    return await make_database(address, f"empty_{next(names)}")


@pytest.fixture(scope="session")
def ready_made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Databases with tables, made once and copied for each test, by kind."""
    return {"folder": str(tmp_path_factory.mktemp("ready"))}


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path, names: Iterator[int], ready_made: dict[str, str]) -> str:
    """The address of a database with all tables and nothing in them."""
    if request.param == "sqlite":
        original = Path(ready_made["folder"], "fettle.db")
        if not original.exists():
            await migrate(f"sqlite:///{original}")
        return f"sqlite:///{shutil.copy(original, tmp_path)}"
    address = request.getfixturevalue("postgres_server")
    if "postgresql" not in ready_made:
        ready_made["postgresql"] = await make_database(address, "ready")
        await migrate(ready_made["postgresql"])
    return await make_database(address, f"copy_{next(names)}", template="ready")


@pytest.fixture
async def storage(url: str) -> AsyncIterator[Storage]:
    one = Storage(url, KEY)
    yield one
    await one.close()


@pytest.fixture
async def other(url: str) -> AsyncIterator[Storage]:
    """A second process's view of the same database."""
    one = Storage(url, KEY)
    yield one
    await one.close()


async def migrate(url: str) -> None:
    one = Storage(url, KEY)
    await one.migrate()
    await one.close()


async def make_database(address: str, name: str, template: str = "template1") -> str:
    connection = await asyncpg.connect(f"{address}/postgres")
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    finally:
        await connection.close()
    return f"{address}/{name}"
