from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.adapters.sources.stand_in import StandIn


@pytest.fixture
async def api() -> AsyncIterator[StandIn]:
    stand_in = StandIn()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stand_in
    stand_in.hold.set()
    await runner.cleanup()
