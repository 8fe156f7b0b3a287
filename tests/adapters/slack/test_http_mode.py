"""Without Socket Mode: Slack posts to Fettle's own address, signed."""

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import httpx
import pytest

from bot.domain.events import CommandGiven, HomeOpened, Submitted
from bot.domain.signal import Signal
from bot.slack.connection import http_handler
from bot.web.app import build
from bot.web.metrics import Meters
from bot.web.server import serve
from bot.web.webhooks import Taken
from bot.workspace.delivery import sign
from bot.workspace.seed import Seed
from bot.workspace.server import running
from bot.workspace.timing import Timing
from bot.workspace.workspace import Workspace
from storage.store import Storage
from tests.adapters.slack.desk import Desk, Time, client
from tests.adapters.slack.front import APP, Front, Road, app

COMMAND = urlencode(
    {"command": "/fettle", "text": "incidents", "user_id": "U0JUNIOR", "channel_id": "C0OPS", "trigger_id": "1.2.3"}
).encode()
TIME, SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"
FORM = "application/x-www-form-urlencoded"


class NoDoor:
    """Alerts do not come into it."""

    async def take(self, signals: Sequence[Signal], delivery: str, request_id: str) -> Taken:
        raise AssertionError(f"{delivery} {request_id} {signals}")

    async def ready(self) -> Mapping[str, str | None]:
        return {}


@dataclass
class House:
    front: Front
    address: str

    async def post(
        self, headers: Mapping[str, str] | None = None, body: bytes = COMMAND, kind: str = FORM
    ) -> httpx.Response:
        """A delivery, signed as Slack does it now, unless the headers say otherwise."""
        now = int(time.time())
        signed = {
            "Content-Type": kind,
            TIME: str(now),
            SIGNATURE: sign(APP.signing_secret, now, body),
        }
        sent = [(name.encode(), text.encode()) for name, text in (signed | dict(headers or {})).items() if text]
        async with httpx.AsyncClient(trust_env=False) as http:
            return await http.post(self.address, content=body, headers=sent)


@pytest.fixture
async def house(storage: Storage) -> AsyncIterator[House]:
    """Fettle's own HTTP server, and a workspace that delivers to it."""
    road = Road()
    async with AsyncExitStack() as stack:
        desk = Desk(Workspace(), "http://127.0.0.1:9", storage, Time(), stack)
        handler = http_handler(app(desk, road))
        web = build(NoDoor(), sources={}, secret_of=lambda _name: None, meters=Meters(), slack_handler=handler)
        server = await serve(web, "127.0.0.1", 0)
        stack.push_async_callback(server.stop)
        address = f"{server.address}/slack/events"
        seed = replace(Seed(), app=replace(APP, request_url=address))
        desk.workspace = Workspace(seed, timing=Timing(event_retries=(0.0, 0.2, 0.2)))
        desk.url = await stack.enter_async_context(running(desk.workspace))
        desk.client.base_url = client(desk.url).base_url
        yield House(Front(desk, road), address)


async def test_commands_mentions_modals_and_the_home_tab(house: House) -> None:
    front, person = house.front, house.front.desk.person()
    assert (await person.command("/fettle show 7")).ok
    assert (await front.came(CommandGiven)).incident == 7
    await person.say("@Fettle incidents")
    assert (await front.came(CommandGiven, lambda one: one.id.startswith("event:"))).name == "incidents"
    await person.open_home()
    assert (await front.came(HomeOpened)).actor == "U0JUNIOR"
    view = {
        "type": "modal",
        "callback_id": "change:why",
        "title": {"type": "plain_text", "text": "Why"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [
            {
                "type": "input",
                "block_id": "why",
                "label": {"type": "plain_text", "text": "Reason"},
                "element": {"type": "plain_text_input", "action_id": "text"},
            }
        ],
    }
    trigger = front.desk.workspace.modals.trigger("U0JUNIOR")
    await front.desk.client.views_open(trigger_id=trigger, view=view)
    front.road.broken = ConnectionError("away")
    assert "could not take this in" in (await person.submit({"Reason": "because"})).errors["why"]
    front.road.broken = None
    assert (await person.submit({"Reason": "because"})).ok
    assert dict((await front.came(Submitted)).values) == {"why": "because"}


async def test_an_event_that_could_not_be_taken_in_comes_again(house: House) -> None:
    house.front.road.broken = ConnectionError("away")
    person = house.front.desk.person()
    await person.say("@Fettle incidents")
    told = await person.wait_for(lambda m: m.ephemeral)
    assert "Slack brings it to me again" in told.text
    house.front.road.broken = None
    assert (await house.front.came(CommandGiven)).name == "incidents"
    assert len(await person.ephemerals()) == 1


async def test_the_right_signature_is_taken(house: House) -> None:
    answer = await house.post()
    assert (answer.status_code, answer.text) == (200, "")
    assert len(house.front.road.taken) == 1


SIX_MINUTES_AGO = int(time.time()) - 360


@pytest.mark.parametrize(
    "headers",
    [
        {SIGNATURE: sign("another secret", int(time.time()), COMMAND)},
        {SIGNATURE: "v0=" + "0" * 64},
        {SIGNATURE: "v0=" + "ü" * 64},
        {SIGNATURE: ""},
        {TIME: ""},
        {TIME: "yesterday"},
        {
            TIME: str(SIX_MINUTES_AGO),
            SIGNATURE: sign(APP.signing_secret, SIX_MINUTES_AGO, COMMAND),
        },
    ],
    ids=["another secret", "zeros", "not ASCII", "no signature", "no time", "no number", "old"],
)
async def test_every_other_signature_is_refused(house: House, headers: dict[str, str]) -> None:
    answer = await house.post(headers)
    assert answer.status_code == 401
    assert house.front.road.asked == 0


async def test_a_body_that_was_changed_on_the_way_is_refused(house: House) -> None:
    now = int(time.time())
    signature = sign(APP.signing_secret, now, COMMAND)
    answer = await house.post({TIME: str(now), SIGNATURE: signature}, COMMAND + b"&text=stop")
    assert answer.status_code == 401
    assert house.front.road.asked == 0


async def test_slack_may_ask_whether_the_address_is_ours(house: House) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB"}).encode()
    answer = await house.post(body=body, kind="application/json")
    assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw1aB"})
