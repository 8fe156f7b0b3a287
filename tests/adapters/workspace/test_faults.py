"""What goes wrong on request, and what the app and the people then see."""

import asyncio
import time

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.errors import SlackApiError

from bot.workspace.delivery import sign
from bot.workspace.person import Control
from tests.adapters.workspace.harness import Harness, Json


async def test_the_next_calls_are_rate_limited_then_all_is_well(harness: Harness) -> None:
    harness.workspace.fail("ratelimited", count=2, method="chat.postMessage", retry_after=7)
    client = harness.client()
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel="C0OPS", text="x")
        assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")
        await client.auth_test()
    await client.chat_postMessage(channel="C0OPS", text="x")
    assert len(harness.workspace.state.messages["C0OPS"]) == 1


async def test_a_message_can_be_stored_and_its_answer_lost(harness: Harness) -> None:
    control = Control(harness.url)
    await control.fail("apply_then_error", method="chat.postMessage")
    status, _ = await harness.raw("chat.postMessage", channel="C0OPS", text="x")
    await control.close()
    assert status == 500
    history = await harness.client().conversations_history(channel="C0OPS")
    assert [m["text"] for m in history["messages"]] == ["x"]


async def test_a_failed_call_does_nothing(harness: Harness) -> None:
    harness.workspace.fail("error")
    assert (await harness.raw("chat.postMessage", channel="C0OPS", text="x"))[0] == 500
    assert harness.workspace.state.ordered("C0OPS") == []


async def test_a_call_can_hang(harness: Harness) -> None:
    harness.workspace.fail("hang", seconds=0.3)
    began = time.monotonic()
    status, _ = await harness.raw("auth.test")
    assert status == 500
    assert time.monotonic() - began >= 0.3


async def test_a_command_nobody_acknowledges_is_told_to_the_person(harness: Harness) -> None:
    async def silent() -> None:
        await asyncio.sleep(5)

    await harness.connect(lambda app: app.command("/fettle")(silent))
    jun = harness.person()
    outcome = await jun.command("/fettle status")
    assert (outcome.ok, outcome.error) == (False, "operation_timeout")
    [notice] = await jun.ephemerals()
    assert notice.text == '/fettle failed with the error "operation_timeout"'


async def test_without_a_connection_a_command_fails_at_once(harness: Harness) -> None:
    outcome = await harness.person().command("/fettle status")
    assert outcome.error == "dispatch_failed"
    assert (await harness.person().command("/unknown")).error == "invalid_command"


async def test_an_unacknowledged_event_comes_again_and_says_why(harness: Harness) -> None:
    seen: list[Json] = []

    async def mentioned(body: Json, req: object) -> None:
        seen.append({"id": body["event_id"], "headers": getattr(req, "headers", {})})

    async def message() -> None:
        pass

    def build(app: AsyncApp) -> None:
        app.event("app_mention")(mentioned)
        app.event("message")(message)

    harness.workspace.fail("lose_acknowledgement", method="events_api", count=20)
    await harness.connect(build)
    await harness.person().say("@Fettle hello")
    await harness.until(lambda: len(seen) == 4)

    assert len({one["id"] for one in seen}) == 1
    assert [one["headers"].get("x-slack-retry-num") for one in seen] == [["0"], ["1"], ["2"], ["3"]]
    assert seen[1]["headers"]["x-slack-retry-reason"] == ["timeout"]


async def test_dropped_sockets_come_back_by_themselves(harness: Harness) -> None:
    async def fettle(ack: AsyncAck) -> None:
        await ack()

    await harness.connect(lambda app: app.command("/fettle")(fettle))
    jun = harness.person()
    for politely in (False, True):
        before = harness.workspace.delivery.sockets.joined
        assert await harness.workspace.drop_sockets(politely=politely) == 1
        await harness.until(lambda before=before: harness.workspace.delivery.sockets.joined > before)  # type: ignore[misc]  # a bound default
        assert (await jun.command("/fettle status")).ok


async def test_the_signature_is_slacks() -> None:
    # The worked example of Slack's documentation on verifying requests.
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = sign("8f742231b10e8888abcd99yyyzzz85a5", 1531420618, body)
    assert signature == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
