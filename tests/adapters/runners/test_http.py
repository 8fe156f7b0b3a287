import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.domain.run import RunState
from bot.errors import Refused
from bot.runners.http import HttpRunner

Host = dict[str, str | int]


@pytest.fixture
async def asked() -> list[str]:
    return []


@pytest.fixture
async def host(asked: list[str]) -> AsyncIterator[Host]:
    async def answer(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path_qs}")
        if request.path == "/slow":
            await asyncio.sleep(5)
        if request.path == "/away":
            raise web.HTTPFound("/elsewhere")
        if request.path == "/broken":
            return web.Response(status=503, text="no connection")
        return web.json_response({"in_use": 20, "note": "\x1b[31mred"})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield {"service_url": f"http://127.0.0.1:{runner.addresses[0][1]}/"}
    await runner.cleanup()


async def test_a_page_is_read(host: Host, asked: list[str]) -> None:
    result = await HttpRunner().look("/debug/pool?full=1", host, 5)
    assert (result.state, result.exit_status) == (RunState.SUCCEEDED, 200)
    assert '"in_use": 20' in result.output
    head = await HttpRunner().look("head /debug/pool", host, 5)
    assert (head.state, head.output) == (RunState.SUCCEEDED, "")
    assert asked == ["GET /debug/pool?full=1", "HEAD /debug/pool"]


async def test_an_error_answer_is_a_failure_with_its_words(host: Host) -> None:
    result = await HttpRunner().look("/broken", host, 5)
    assert (result.state, result.exit_status) == (RunState.FAILED, 503)
    assert (result.output, result.reason) == ("no connection", "it answered 503 Service Unavailable")


async def test_a_redirect_is_not_followed(host: Host, asked: list[str]) -> None:
    result = await HttpRunner().look("/away", host, 5)
    assert result.exit_status == 302
    assert asked == ["GET /away"]


@pytest.mark.parametrize(
    "command",
    ["POST /reset", "DELETE /x", "http://127.0.0.1:9/x", "//127.0.0.1:9/x", "/x y", "", "GET", "/x\r\nHost: y"],
)
async def test_anything_that_does_more_than_read_is_refused(command: str, host: Host, asked: list[str]) -> None:
    with pytest.raises(Refused):
        await HttpRunner().look(command, host, 5)
    assert asked == []


async def test_a_service_without_address_is_refused_with_the_remedy() -> None:
    with pytest.raises(Refused, match="catalogue has no url"):
        await HttpRunner().look("/x", None, 5)


async def test_silence_and_absence_are_failures_in_words(host: Host) -> None:
    slow = await HttpRunner().look("/slow", host, 0.2)
    assert slow.state is RunState.TIMED_OUT
    assert "within 0.2 s" in slow.reason
    gone = await HttpRunner().look("/x", {"service_url": "http://user:kingfisher@127.0.0.1:9"}, 2)
    assert gone.state is RunState.FAILED
    assert "kingfisher" not in gone.reason
