"""The socket: how it is opened, lost and found again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp

from bot.domain.events import CommandGiven
from bot.slack.connection import Socket, web_client
from tests.adapters.slack.desk import Desk, client
from tests.adapters.slack.front import APP, Front, Road, app

NOBODY = "http://127.0.0.1:9"


@asynccontextmanager
async def opened(made: AsyncApp, token: str = APP.app_token, ping_seconds: float = 0.5) -> AsyncIterator[Socket]:
    socket = Socket(made, token, ping_seconds)
    socket.open()
    try:
        yield socket
    finally:
        await socket.close()


async def until_connected(desk: Desk, socket: Socket) -> None:
    async def connected() -> bool:
        return await socket.wrong() is None

    await desk.until(connected)


async def until_wrong(desk: Desk, socket: Socket, words: str) -> None:
    async def said() -> bool:
        return words in str(await socket.wrong())

    await desk.until(said)


@pytest.mark.parametrize("way", ["politely", "just like that"])
async def test_a_socket_that_was_dropped_comes_back(front: Front, way: str) -> None:
    sockets = front.desk.workspace.delivery.sockets
    joined = sockets.joined
    assert await front.desk.workspace.drop_sockets(politely=way == "politely") == 1

    async def back() -> bool:
        return sockets.joined > joined and sockets.count == 1

    await front.desk.until(back)
    assert (await front.desk.person().command("/fettle incidents")).ok
    assert len(front.road.taken) == 1


async def test_what_was_said_while_the_socket_was_away_comes_later(front: Front) -> None:
    await front.desk.workspace.drop_sockets()
    await front.desk.person().say("@Fettle incidents")
    assert (await front.came(CommandGiven)).name == "incidents"


async def test_a_socket_comes_back_although_slack_refuses_for_a_while(desk: Desk) -> None:
    road = Road()
    async with opened(app(desk, road)) as socket:
        await until_connected(desk, socket)
        desk.workspace.fail("error", method="apps.connections.open", count=2)
        await desk.workspace.drop_sockets()
        await desk.workspace.delivery.sockets.wait_connected()
        await until_connected(desk, socket)
        assert (await desk.person().command("/fettle incidents")).ok


async def test_it_says_that_slack_is_away_and_connects_when_it_is_there(desk: Desk) -> None:
    made = app(desk, Road())
    made.client.base_url = client(NOBODY).base_url
    async with opened(made) as socket:
        assert await socket.wrong() == "is connecting"
        await until_wrong(desk, socket, "no answer from Slack")
        made.client.base_url = desk.client.base_url
        await until_connected(desk, socket)


async def test_it_says_when_the_token_is_not_right(desk: Desk) -> None:
    async with opened(app(desk, Road()), token="xapp-1-another") as socket:
        await until_wrong(desk, socket, "invalid_auth")
        assert "SLACK_APP_TOKEN is not right" in str(await socket.wrong())


@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
async def test_an_answer_that_is_not_slacks_does_not_end_it(desk: Desk, content_type: str) -> None:
    """A proxy's page in between."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(status=503, text="<h1>Service unavailable</h1>", content_type=content_type)

    proxy = web.Application()
    proxy.router.add_route("*", "/{path:.*}", page)
    runner = web.AppRunner(proxy)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = app(desk, Road())
    made.client.base_url = client(f"http://127.0.0.1:{runner.addresses[0][1]}").base_url
    async with opened(made) as socket:
        await until_wrong(desk, socket, "HTTP 503")
        made.client.base_url = desk.client.base_url
        await until_connected(desk, socket)
    await runner.cleanup()


async def test_a_closed_socket_takes_nothing_more(desk: Desk) -> None:
    async with opened(app(desk, Road())) as socket:
        await until_connected(desk, socket)

    async def gone() -> bool:
        return desk.workspace.delivery.sockets.count == 0

    await desk.until(gone)
    assert await socket.wrong() is not None
    assert (await desk.person().command("/fettle incidents")).error == "dispatch_failed"


async def test_the_client_tries_nothing_again_by_itself(desk: Desk) -> None:
    made = web_client(APP.bot_token, client(desk.url).base_url)
    assert made.retry_handlers == []
    assert (await made.auth_test())["user_id"] == APP.user
