import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.workspace.server import running
from bot.workspace.timing import Rates, Timing
from bot.workspace.workspace import Workspace
from storage.store import Storage
from tests.adapters.slack.desk import Desk, Time

KEY = b"a key for tests, 32 bytes or more"


@pytest.fixture(scope="session")
def ready_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the database with all its tables is, made once and copied for each test."""
    return tmp_path_factory.mktemp("ready") / "fettle.db"


@pytest.fixture
async def database(ready_made: Path, tmp_path: Path) -> str:
    if not ready_made.exists():
        first = Storage(f"sqlite:///{ready_made}", KEY)
        await first.migrate()
        await first.close()
    return f"sqlite:///{shutil.copy(ready_made, tmp_path)}"


@pytest.fixture
async def storage(database: str) -> AsyncIterator[Storage]:
    one = Storage(database, KEY)
    yield one
    await one.close()


@pytest.fixture
async def other(database: str) -> AsyncIterator[Storage]:
    """A second process's view of the same database."""
    one = Storage(database, KEY)
    yield one
    await one.close()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def rates(request: pytest.FixtureRequest) -> Rates:
    """None, unless a test asks for Slack's."""
    found: Rates = getattr(request, "param", Rates(enabled=False))
    return found


@pytest.fixture
async def desk(storage: Storage, time: Time, rates: Rates) -> AsyncIterator[Desk]:
    workspace = Workspace(timing=Timing(acknowledge=2.0), rates=rates, clock=time.epoch)
    async with AsyncExitStack() as outer:
        url = await outer.enter_async_context(running(workspace))
        async with AsyncExitStack() as stack:
            yield Desk(workspace, url, storage, time, stack)
