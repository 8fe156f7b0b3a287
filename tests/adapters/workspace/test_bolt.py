"""The real Bolt app, unmodified, over Socket Mode."""

import asyncio
from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond, AsyncSay
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.adapters.workspace.harness import Harness

Json = dict[str, Any]

BUTTONS: list[Json] = [
    {"type": "section", "block_id": "what", "text": {"type": "mrkdwn", "text": "*INC-1* Checkout is slow"}},
    {
        "type": "actions",
        "block_id": "do",
        "elements": [
            {
                "type": "button",
                "action_id": "inc:ack",
                "text": {"type": "plain_text", "text": "Acknowledge"},
                "value": "INC-1",
            },
            {
                "type": "static_select",
                "action_id": "inc:mute",
                "placeholder": {"type": "plain_text", "text": "Mute"},
                "options": [
                    {"text": {"type": "plain_text", "text": "1 hour"}, "value": "1h"},
                    {"text": {"type": "plain_text", "text": "1 day"}, "value": "1d"},
                ],
            },
        ],
    },
]  # fmt: skip

MODAL: Json = {
    "type": "modal",
    "callback_id": "reason",
    "private_metadata": "INC-1",
    "title": {"type": "plain_text", "text": "Why?"},
    "submit": {"type": "plain_text", "text": "Send"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        }
    ],
}


async def test_command_reaches_the_app_and_its_answers_come_back(harness: Harness) -> None:
    async def fettle(ack: AsyncAck, command: Json, respond: AsyncRespond) -> None:
        await ack(f"Looking for {command['text']}")
        await respond(text="Found it", response_type="in_channel")

    await harness.connect(lambda app: app.command("/fettle")(fettle))
    jun, sena = harness.person(), harness.person("U0SENIOR")

    outcome = await jun.command("/fettle rca INC-1 <now>", channel="#ops")

    assert outcome.ok
    private = await jun.wait_for(lambda m: m.ephemeral, channel="#ops")
    assert private.text == "Looking for rca INC-1 &lt;now&gt;"
    assert (await sena.wait_for(lambda m: m.text == "Found it", channel="#ops")).author == "U0FETTLE"
    assert await sena.ephemerals("#ops") == []
    body = harness.got[0][1]
    assert (body["channel_id"], body["channel_name"], body["user_id"]) == ("C0OPS", "ops", "U0JUNIOR")


async def test_button_select_and_update_in_place(harness: Harness) -> None:
    async def ack_incident(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.chat_update(
            channel=body["channel"]["id"],
            ts=body["container"]["message_ts"],
            text=f"{body['user']['id']} has it",
            blocks=[],
        )

    async def mute(ack: AsyncAck) -> None:
        await ack()

    def build(app: AsyncApp) -> None:
        app.action("inc:ack")(ack_incident)
        app.action("inc:mute")(mute)

    await harness.connect(build)
    metadata = {"event_type": "incident", "event_payload": {"id": "INC-1"}}
    posted = await harness.client().chat_postMessage(channel="#alerts", text="INC-1", blocks=BUTTONS, metadata=metadata)
    jun = harness.person()
    message = await jun.wait_for(lambda m: "Checkout" in m.all_text)
    assert message.buttons == ["Acknowledge"]

    assert (await jun.choose(message, "inc:mute", "1 day")).ok
    assert (await jun.press(message, "Acknowledge")).ok
    changed = await jun.wait_for(lambda m: m.text == "U0JUNIOR has it")

    assert changed.ts == posted["ts"]
    assert changed.edited
    assert changed.blocks == []
    chosen, pressed = [body for kind, body in harness.got if kind == "block_actions"]
    assert chosen["actions"][0]["selected_option"]["value"] == "1d"
    assert pressed["actions"][0]["value"] == "INC-1"
    assert pressed["message"]["metadata"] == metadata
    assert pressed["state"]["values"]["do"]["inc:mute"]["selected_option"]["value"] == "1d"
    assert pressed["container"] == {
        "type": "message", "message_ts": posted["ts"], "channel_id": "C0ALERTS", "is_ephemeral": False,
    }  # fmt: skip


async def test_modal_opens_shows_errors_then_closes(harness: Harness) -> None:
    async def ask(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    async def given(ack: AsyncAck, view: Json) -> None:
        said = view["state"]["values"]["why"]["text"]["value"]
        if len(said) < 5:
            await ack(response_action="errors", errors={"why": "Say a little more."})
        else:
            await ack()

    def build(app: AsyncApp) -> None:
        app.action("inc:ack")(ask)
        app.view("reason")(given)

    await harness.connect(build)
    await harness.client().chat_postMessage(channel="C0ALERTS", text="x", blocks=BUTTONS)
    jun = harness.person()
    await jun.press(await jun.wait_for(lambda m: m.buttons != []), "inc:ack")
    modal = await jun.wait_for_modal()
    assert (modal.title, modal.raw["private_metadata"]) == ("Why?", "INC-1")

    assert (await jun.submit()).errors == {"why": "Please complete this required field."}
    assert (await jun.submit({"Reason": "no"})).errors == {"why": "Say a little more."}
    assert (await jun.submit({"text": "false alarm"})).ok

    assert await jun.modal() is None


async def test_submission_can_push_update_and_clear(harness: Harness) -> None:
    async def first(ack: AsyncAck) -> None:
        await ack(response_action="push", view={**MODAL, "callback_id": "second", "title": _title("Second")})

    async def second(ack: AsyncAck) -> None:
        await ack(response_action="update", view={**MODAL, "callback_id": "third", "title": _title("Third")})

    async def third(ack: AsyncAck) -> None:
        await ack(response_action="clear")

    async def fettle(ack: AsyncAck, command: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=command["trigger_id"], view=MODAL)

    def build(app: AsyncApp) -> None:
        app.command("/fettle")(fettle)
        app.view("reason")(first)
        app.view("second")(second)
        app.view("third")(third)

    await harness.connect(build)
    jun = harness.person()
    await jun.command("/fettle ask")
    await jun.wait_for_modal()
    await jun.submit({"Reason": "because"})
    second_view = await jun.wait_for_modal(lambda v: v.title == "Second")
    assert second_view.raw["previous_view_id"] == second_view.raw["root_view_id"]
    await jun.submit({"Reason": "because"})
    assert (await jun.wait_for_modal(lambda v: v.title == "Third")).id == second_view.id
    await jun.submit({"Reason": "because"})

    assert await jun.modal() is None


async def test_closing_a_modal_is_told_when_asked_for(harness: Harness) -> None:
    async def fettle(ack: AsyncAck, command: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=command["trigger_id"], view=MODAL)

    async def closed(ack: AsyncAck) -> None:
        await ack()

    def build(app: AsyncApp) -> None:
        app.command("/fettle")(fettle)
        app.view_closed("reason")(closed)

    await harness.connect(build)
    jun = harness.person()
    await jun.command("/fettle ask")
    await jun.wait_for_modal()
    await jun.dismiss()

    told = [body for kind, body in harness.got if kind == "view_closed"]
    assert [(t["view"]["callback_id"], t["is_cleared"]) for t in told] == [("reason", False)]


async def test_shortcuts_on_a_message_and_on_the_workspace(harness: Harness) -> None:
    async def opened(ack: AsyncAck, respond: AsyncRespond, shortcut: Json) -> None:
        await ack()
        await respond(f"About: {shortcut['message']['text']}")

    async def drill(ack: AsyncAck, shortcut: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=shortcut["trigger_id"], view=MODAL)

    def build(app: AsyncApp) -> None:
        app.message_shortcut("open_incident")(opened)
        app.global_shortcut("new_drill")(drill)
        app.event("message")(_nothing)

    await harness.connect(build)
    jun = harness.person()
    said = await jun.say("the site is down", channel="#ops")
    assert (await jun.shortcut("Open an incident", said)).ok
    assert (await jun.wait_for(lambda m: m.ephemeral, channel="#ops")).text == "About: the site is down"
    assert (await jun.shortcut("new_drill")).ok
    assert (await jun.wait_for_modal()).title == "Why?"


async def test_home_tab_is_published_when_looked_at(harness: Harness) -> None:
    async def opened(event: Json, client: AsyncWebClient) -> None:
        if event["tab"] == "home":
            blocks = [{"type": "section", "text": {"type": "plain_text", "text": "Nothing is open."}}, BUTTONS[1]]
            await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    async def pressed(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    def build(app: AsyncApp) -> None:
        app.event("app_home_opened")(opened)
        app.action("inc:ack")(pressed)

    await harness.connect(build)
    jun = harness.person()
    assert await jun.home() is None
    await jun.open_home()
    home = await jun.wait_for_home()
    assert "Nothing is open." in home.all_text
    await jun.press(home, "Acknowledge")
    assert (await jun.wait_for_modal()).callback_id == "reason"
    assert await harness.person("U0SENIOR").home() is None


async def test_mentions_threads_and_direct_messages_arrive_as_events(harness: Harness) -> None:
    async def mentioned(event: Json, say: AsyncSay) -> None:
        await say("I am looking", thread_ts=event.get("thread_ts", event["ts"]))

    def build(app: AsyncApp) -> None:
        app.event("app_mention")(mentioned)
        app.event("message")(_nothing)

    await harness.connect(build)
    jun = harness.person()
    said = await jun.say("@Fettle what is wrong in #ops? a<b")
    assert said.text == "<@U0FETTLE> what is wrong in <#C0OPS|ops>? a&lt;b"
    reply = await jun.wait_for(lambda m: m.text == "I am looking", thread=said)
    assert reply.thread_ts == said.ts
    await jun.say("thanks", thread=said)
    await jun.say("help", channel=await jun.direct())
    await harness.until(lambda: len(harness.events("message")) >= 3 and bool(harness.events("app_mention")))

    assert harness.events("app_mention")[0]["user"] == "U0JUNIOR"
    by_text = {e["text"]: e for e in harness.events("message")}
    assert by_text["thanks"]["thread_ts"] == said.ts
    assert by_text["thanks"]["parent_user_id"] == "U0JUNIOR"
    assert (by_text["help"]["channel_type"], by_text["help"]["channel"]) == ("im", "D0JUNIOR")
    ids = [body["event_id"] for kind, body in harness.got if kind == "event_callback"]
    assert len(ids) == len(set(ids))
    assert all(one.startswith("Ev") for one in ids)


async def test_another_bot_posts_and_presses(harness: Harness) -> None:
    async def pressed(ack: AsyncAck, body: Json, respond: AsyncRespond) -> None:
        await ack()
        await respond(f"{body['user']['id']} may not", replace_original=False)

    def build(app: AsyncApp) -> None:
        app.action("inc:ack")(pressed)
        app.event("message")(_nothing)

    await harness.connect(build)
    bot = harness.person("U0OTHERBOT")
    await bot.say("deployed payment v2.31", attachments=[{"text": "by max", "color": "good"}])
    await harness.until(lambda: bool(harness.events("message")))
    event = harness.events("message")[0]
    assert (event["subtype"], event["bot_id"], event["username"]) == ("bot_message", "B0OTHERBOT", "Deploy bot")
    assert "user" not in event

    await harness.client().chat_postMessage(channel="C0ALERTS", text="x", blocks=BUTTONS)
    await bot.press(await bot.wait_for(lambda m: m.buttons != []), "inc:ack")
    assert (await bot.wait_for(lambda m: m.ephemeral)).text == "U0OTHERBOT may not"


async def test_ephemeral_is_for_one_person_and_its_buttons_work(harness: Harness) -> None:
    async def pressed(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        await respond(delete_original=True)

    await harness.connect(lambda app: app.action("inc:ack")(pressed))
    jun = harness.person()
    await harness.client().chat_postEphemeral(channel="C0ALERTS", user="U0JUNIOR", text="only you", blocks=BUTTONS)
    assert await harness.person("U0SENIOR").ephemerals() == []
    await jun.press(await jun.wait_for(lambda m: m.ephemeral), "inc:ack")
    await harness.until(lambda: not harness.workspace.state.messages["C0ALERTS"])

    body = next(body for kind, body in harness.got if kind == "block_actions")
    assert body["container"]["is_ephemeral"]
    assert "message" not in body


async def test_a_file_is_uploaded_shared_and_shown_in_a_block(harness: Harness) -> None:
    picture = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc00000030101"
        "00c9fe92ef0000000049454e44ae426082"
    )
    client = harness.client()
    upload = await client.files_upload_v2(content=picture, filename="errors.png", title="Errors", channel="C0ALERTS")
    file_id = upload["file"]["id"]
    block = {"type": "image", "slack_file": {"id": file_id}, "alt_text": "Errors over time"}
    await client.chat_postMessage(channel="C0ALERTS", text="Errors", blocks=[block])

    shared = await harness.person().wait_for(lambda m: "Errors" in m.all_text and bool(m.raw.get("files")))
    assert shared.raw["files"][0]["mimetype"] == "image/png"
    assert (await client.files_info(file=file_id))["file"]["size"] == len(picture)
    with pytest.raises(SlackApiError, match="invalid slack file"):
        await client.chat_postMessage(
            channel="C0ALERTS", text="x", blocks=[{"type": "image", "slack_file": {"id": "F0NOBODY"}, "alt_text": "x"}]
        )


async def test_reactions_and_joins_are_events(harness: Harness) -> None:
    def build(app: AsyncApp) -> None:
        for kind in ("reaction_added", "reaction_removed", "member_joined_channel", "message"):
            app.event(kind)(_nothing)

    await harness.connect(build)
    client, jun = harness.client(), harness.person()
    posted = await client.chat_postMessage(channel="C0OPS", text="done?")
    message = await jun.wait_for(lambda m: m.ts == posted["ts"], channel="#ops")
    await jun.react(message, "white_check_mark")
    await jun.react(message, ":white_check_mark:", remove=True)
    room = await client.conversations_create(name="inc-214")
    await client.conversations_invite(channel=room["channel"]["id"], users=["U0JUNIOR", "U0SENIOR"])
    await harness.until(lambda: len(harness.events("member_joined_channel")) == 2)

    assert harness.events("reaction_added")[0]["item"] == {"type": "message", "channel": "C0OPS", "ts": posted["ts"]}
    assert harness.events("reaction_removed")[0]["user"] == "U0JUNIOR"
    assert [e["user"] for e in harness.events("member_joined_channel")] == ["U0JUNIOR", "U0SENIOR"]


async def test_each_payload_goes_to_exactly_one_of_several_connections(harness: Harness) -> None:
    async def fettle(ack: AsyncAck) -> None:
        await ack()

    for _ in range(3):
        await harness.connect(lambda app: app.command("/fettle")(fettle))
    jun = harness.person()
    outcomes = await asyncio.gather(*[jun.command(f"/fettle {n}") for n in range(9)])

    assert all(outcome.ok for outcome in outcomes)
    assert sorted(body["text"] for _, body in harness.got) == [str(n) for n in range(9)]


async def _nothing() -> None:
    pass


def _title(text: str) -> Json:
    return {"type": "plain_text", "text": text}


async def test_a_press_on_a_message_that_was_updated_meanwhile_arrives(harness: Harness) -> None:
    def app(bolt: AsyncApp) -> None:
        @bolt.action("ack")
        async def acknowledged(ack: AsyncAck) -> None:
            await ack()

    await harness.connect(app)
    client = harness.client()
    row = {
        "type": "actions",
        "elements": [{"type": "button", "action_id": "ack", "text": {"type": "plain_text", "text": "Acknowledge"}}],
    }
    posted = await client.chat_postMessage(channel="C0ALERTS", text="INC-1", blocks=[row])
    person = harness.person()
    drawn = await person.wait_for(lambda m: m.ts == posted["ts"])
    await client.chat_update(channel="C0ALERTS", ts=posted["ts"], text="INC-1", blocks=[row])
    assert (await person.press(drawn, "Acknowledge")).ok
    assert [kind for kind, _ in harness.got].count("block_actions") == 1
