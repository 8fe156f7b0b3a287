from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

import bot.workspace as workspace_package
from bot.workspace.seed import ALL_EVENTS, Seed, SeedShortcut
from bot.workspace.server import running
from bot.workspace.timing import Rates, Timing
from bot.workspace.workspace import Workspace
from tests.adapters.workspace.harness import Harness

PAGE = Path(workspace_package.__file__).parent / "page"


@pytest.fixture(scope="session")
def page_source() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in PAGE.glob("*.js"))


@pytest.fixture
def seed() -> Seed:
    shortcuts = (
        SeedShortcut("open_incident", "Open an incident", "From this message"),
        SeedShortcut("new_drill", "New drill", "From anywhere", on="global"),
    )
    return replace(Seed(), app=replace(Seed().app, shortcuts=shortcuts, events=ALL_EVENTS))


@pytest.fixture
async def harness(seed: Seed) -> AsyncIterator[Harness]:
    """Without rates and with short patience, so that tests are quick."""
    timing = Timing(acknowledge=0.6, event_retries=(0.0, 0.05, 0.05))
    workspace = Workspace(seed, timing=timing, rates=Rates(enabled=False))
    async with AsyncExitStack() as outer:
        url = await outer.enter_async_context(running(workspace))
        async with AsyncExitStack() as stack:
            yield Harness(workspace, url, stack)
