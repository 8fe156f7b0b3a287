"""Without Socket Mode: the real Bolt app behind its Starlette adapter checks our signatures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.workspace.person import Person
from bot.workspace.seed import Seed
from bot.workspace.server import running
from bot.workspace.workspace import Workspace
from tests.adapters.workspace.harness import Json

MODAL: Json = {
    "type": "modal",
    "callback_id": "why",
    "title": {"type": "plain_text", "text": "Why?"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "b",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "t"},
        }
    ],
}


@asynccontextmanager
async def behind_http(app: AsyncApp) -> AsyncIterator[str]:
    handler = AsyncSlackRequestHandler(app)

    async def endpoint(request: Request) -> Response:
        return await handler.handle(request)

    routes = [Route("/slack/events", endpoint, methods=["POST"])]
    config = uvicorn.Config(Starlette(routes=routes), port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/slack/events"
    server.should_exit = True
    await task


async def test_commands_events_and_submissions_are_signed_and_answered() -> None:
    mentioned: list[str] = []
    client = AsyncWebClient(token="xoxb-local-fettle")
    app = AsyncApp(client=client, signing_secret="local-signing-secret")

    @app.command("/fettle")
    async def fettle(ack: AsyncAck, command: Json, respond: AsyncRespond) -> None:
        await ack("One moment")
        await respond("Done", response_type="in_channel")
        await client.views_open(trigger_id=command["trigger_id"], view=MODAL)

    @app.view("why")
    async def why(ack: AsyncAck) -> None:
        await ack(response_action="errors", errors={"b": "No."})

    @app.event("app_mention")
    async def mention(event: Json) -> None:
        mentioned.append(event["text"])

    async with behind_http(app) as request_url:
        workspace = Workspace(replace(Seed(), app=replace(Seed().app, request_url=request_url)))
        async with running(workspace) as url, Person(url, "U0JUNIOR") as jun:
            client.base_url = f"{url}/api/"
            assert (await jun.command("/fettle status")).ok
            assert (await jun.wait_for(lambda m: m.text == "Done")).author == "U0FETTLE"
            assert [m.text for m in await jun.ephemerals()] == ["One moment"]
            await jun.wait_for_modal()
            assert (await jun.submit({"Reason": "x"})).errors == {"b": "No."}
            await jun.say("@Fettle hi")
            async with asyncio.timeout(5):
                while not mentioned:
                    await asyncio.sleep(0.005)
    assert mentioned == ["<@U0FETTLE> hi"]


async def test_a_wrong_secret_is_refused_by_bolt() -> None:
    app = AsyncApp(client=AsyncWebClient(token="xoxb-local-fettle"), signing_secret="another")
    async with behind_http(app) as request_url:
        workspace = Workspace(replace(Seed(), app=replace(Seed().app, request_url=request_url)))
        async with running(workspace) as url, Person(url, "U0JUNIOR") as jun:
            assert (await jun.command("/fettle status")).error == "dispatch_failed"
