import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bot.slack.connection import Socket
from bot.workspace.seed import Seed, app_from_manifest
from bot.workspace.server import running
from bot.workspace.timing import Rates, Timing
from bot.workspace.workspace import Workspace
from storage.store import Storage
from tests.adapters.slack.desk import Desk, Time
from tests.adapters.slack.front import APP, Front, Road, app

ROOT = Path(__file__).parents[3]
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
    seed = replace(Seed(), app=app_from_manifest(ROOT / "slack-manifest.yaml"))
    workspace = Workspace(
        seed, timing=Timing(acknowledge=2.0, event_retries=(0.0, 0.5, 1.0)), rates=rates, clock=time.epoch
    )
    async with AsyncExitStack() as outer:
        url = await outer.enter_async_context(running(workspace))
        async with AsyncExitStack() as stack:
            yield Desk(workspace, url, storage, time, stack)


@pytest.fixture
async def front(desk: Desk) -> AsyncIterator[Front]:
    """The desk's workspace, with the listeners connected over Socket Mode."""
    road = Road()
    socket = Socket(app(desk, road), APP.app_token)
    socket.open()
    await desk.workspace.delivery.sockets.wait_connected()
    yield Front(desk, road)
    await socket.close()
