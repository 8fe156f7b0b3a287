"""What people do in Slack, and the events that come of it."""

import asyncio
from typing import Any

import pytest

from bot.domain.effects import Rendered
from bot.domain.events import CommandGiven, HomeOpened, Origin, Pressed, Submitted
from bot.engine import Engine, Job, Queue, Run
from bot.slack.connection import Socket
from bot.workspace.delivery import Envelope
from bot.workspace.seen import SeenMessage
from storage.store import Storage
from tests.adapters.slack import front as parts
from tests.adapters.slack.desk import ALERTS, OPS, Desk, section
from tests.adapters.slack.front import Front, Road

Json = dict[str, Any]


def button(action: str, label: str, **more: Any) -> Json:  # noqa: ANN401  # as Slack has it
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": label}, **more}


def option(value: str) -> Json:
    return {"value": value, "text": {"type": "plain_text", "text": f"for {value}"}}


BUTTONS = {
    "type": "actions",
    "elements": [
        button("incident:ack", "Acknowledge", value="1"),
        button("incident:evidence", "Show evidence", value="1"),
        {"type": "static_select", "action_id": "incident:mute", "options": [option("1h"), option("1d")]},
        {"type": "users_select", "action_id": "incident:hand"},
    ],
}
REASON = {
    "type": "input",
    "block_id": "why",
    "label": {"type": "plain_text", "text": "Reason"},
    "element": {"type": "plain_text_input", "action_id": "text"},
}


async def incident(front: Front) -> SeenMessage:
    """The living message of an incident, as a person sees it."""
    front.desk.courier()
    front.desk.views["incident:1"] = Rendered(ALERTS, "it burns", [section("it burns"), BUTTONS])
    await front.desk.put("incident:1")
    await front.desk.settled()
    return await front.desk.person().wait_for(lambda m: m.text == "it burns")


@pytest.mark.parametrize(
    ("typed", "name", "text", "number"),
    [
        ("", "", "", None),
        ("incidents", "incidents", "", None),
        ("show INC-7", "show", "", 7),
        ("SHOW 7  in full", "show", "in full", 7),
        ("show the last one", "show", "the last one", None),
        ("ask 7 replicas or 8 & why <soon>", "ask", "7 replicas or 8 & why <soon>", None),
        ("nonsense", "", "nonsense", None),
        ("why is checkout slow", "ask", "why is checkout slow", None),
    ],
)
async def test_a_command(front: Front, typed: str, name: str, text: str, number: int | None) -> None:
    outcome = await front.desk.person().command(f"/fettle {typed}", channel="#ops")
    assert outcome.ok
    (event,) = front.road.taken
    assert isinstance(event, CommandGiven)
    assert (event.name, event.text, event.incident) == (name, text, number)
    assert (event.actor, event.at) == ("U0JUNIOR", front.desk.time.now())
    assert event.id.startswith("command:")
    assert event.request_id
    assert event.origin.channel == OPS
    assert event.origin.response_url.startswith(front.desk.url)


async def test_a_press_on_the_living_message(front: Front) -> None:
    message = await incident(front)
    assert (await front.desk.person().press(message, "Acknowledge")).ok
    (event,) = front.road.taken
    assert isinstance(event, Pressed)
    assert (event.action, event.value, event.incident, event.actor) == ("incident:ack", "1", 1, "U0JUNIOR")
    place = Origin(ALERTS, "", message.ts, event.origin.response_url)
    assert event.origin == place, "whoever presses there looks at the channel"


async def test_a_press_in_a_thread_is_about_the_threads_incident(front: Front) -> None:
    message = await incident(front)
    await front.desk.put("note:1:a", "note", channel=ALERTS, under="incident:1", text="a step", blocks=[BUTTONS])
    await front.desk.settled()
    step = await front.desk.person().wait_for(lambda m: m.text == "a step", thread=message)
    await front.desk.person().press(step, "Acknowledge")
    event = await front.came(Pressed)
    assert event.incident == 1
    assert (event.origin.channel, event.origin.thread, event.origin.message) == (ALERTS, message.ts, step.ts)


async def test_two_presses_are_two_events_by_whoever_pressed(front: Front) -> None:
    message = await incident(front)
    for name in ("U0JUNIOR", "U0SENIOR", "U0JUNIOR"):
        await front.desk.person(name).press(message, "Acknowledge")
    assert [one.actor for one in front.road.taken] == ["U0JUNIOR", "U0SENIOR", "U0JUNIOR"]
    assert len({one.id for one in front.road.taken}) == 3


async def test_what_is_chosen_is_the_value(front: Front) -> None:
    message = await incident(front)
    person = front.desk.person()
    assert (await person.choose(message, "incident:mute", "for 1d")).ok
    assert (await person.choose(message, "incident:hand", "U0SENIOR")).ok
    assert [one.value for one in front.road.taken if isinstance(one, Pressed)] == ["1d", "U0SENIOR"]


async def test_a_link_is_acknowledged_and_nothing_else(front: Front) -> None:
    """Slack tells of it all the same, and shows a warning when nobody acknowledges."""
    message = await incident(front)
    pressed = {**button("link", "Timeline", url="https://fettle.example/1"), "block_id": "b", "action_ts": "1.1"}
    body = {
        "type": "block_actions",
        "user": {"id": "U0JUNIOR"},
        "team": {"id": "T0LOCAL"},
        "container": {"type": "message", "message_ts": message.ts, "channel_id": ALERTS},
        "actions": [pressed],
    }
    assert (await front.desk.workspace.delivery.once(Envelope.INTERACTIVE, body)).ok
    assert front.road.taken == []


async def test_a_press_on_a_private_answer_is_about_its_thread(front: Front) -> None:
    message = await incident(front)
    await front.desk.put(
        "reply:1", "reply", channel=ALERTS, text="only you", blocks=[BUTTONS], private=True,
        origin={"user": "U0JUNIOR", "channel": ALERTS, "thread": message.ts},
    )  # fmt: skip
    await front.desk.settled()
    (answer,) = await front.desk.person().ephemerals()
    await front.desk.person().press(answer, "Acknowledge")
    event = await front.came(Pressed)
    assert (event.incident, event.origin.thread) == (1, message.ts)


async def test_a_press_that_opens_a_modal_opens_it_before_anything_else(front: Front) -> None:
    """The trigger dies after three seconds, and nobody knows how long taking in will be."""
    message = await incident(front)
    front.road.closed = asyncio.Event()
    pressing = asyncio.create_task(front.desk.person().press(message, "Show evidence"))
    modal = await front.desk.person().wait_for_modal()
    assert (modal.all_text, front.road.taken) == ("Reading …", [])
    front.road.closed.set()
    assert (await pressing).ok
    event = await front.came(Pressed)
    assert (event.origin.view, event.origin.view_hash) == (modal.id, modal.raw["hash"])


async def test_a_press_whose_modal_does_not_open_goes_on_without(front: Front) -> None:
    message = await incident(front)
    front.desk.workspace.fail("error", method="views.open")
    assert (await front.desk.person().press(message, "Show evidence")).ok
    assert (await front.came(Pressed)).origin.view == ""


async def test_a_press_in_the_home_tab(front: Front) -> None:
    front.desk.courier()
    front.desk.views["home:U0JUNIOR"] = Rendered("U0JUNIOR", "", [BUTTONS])
    await front.desk.put("home:U0JUNIOR", "home")
    await front.desk.settled()
    home = await front.desk.person().wait_for_home()
    assert (await front.desk.person().press(home, "Acknowledge")).ok
    event = await front.came(Pressed)
    assert (event.origin, event.incident) == (Origin(), None)


async def test_the_shortcut_brings_all_that_is_written_in_the_message(front: Front) -> None:
    """Other bots write into attachments and blocks; the text is often empty."""
    said = await front.desk.person("U0OTHERBOT").say(
        "",
        blocks=[section("PoolTimeout &amp; more"), {"type": "actions", "elements": [button("x", "Open", value="no")]}],
        attachments=[{"title": "payment", "text": "v2.31 is out", "fields": [{"title": "by", "value": "jun"}]}],
    )
    assert (await front.desk.person().shortcut("Explain this", said)).ok
    event = await front.came(Pressed)
    assert (event.action, event.origin.message, event.incident) == ("explain", said.ts, None)
    for words in ("PoolTimeout & more", "v2.31 is out", "payment", "by jun"):
        assert words in event.value
    assert "no" not in event.value.split()


async def test_a_modal_that_is_sent_knows_what_it_was_opened_for_and_where(front: Front) -> None:
    message = await incident(front)
    await front.desk.put("note:1:a", "note", channel=ALERTS, under="incident:1", text="a step", blocks=[BUTTONS])
    await front.desk.settled()
    step = await front.desk.person().wait_for(lambda m: m.text == "a step", thread=message)
    await front.desk.person().press(step, "Show evidence")
    pressed = await front.came(Pressed)
    view = {
        "type": "modal",
        "callback_id": "approval:reject",
        "private_metadata": "ap7",
        "title": {"type": "plain_text", "text": "Reject"},
        "submit": {"type": "plain_text", "text": "Reject"},
        "blocks": [REASON],
    }
    origin = {
        "user": "U0JUNIOR", "channel": pressed.origin.channel, "thread": pressed.origin.thread,
        "view": pressed.origin.view, "view_hash": pressed.origin.view_hash, "modal": view,
    }  # fmt: skip
    await front.desk.put("modal:1", "modal", channel=ALERTS, origin=origin)
    await front.desk.person().wait_for_modal(lambda v: v.title == "Reject")
    assert (await front.desk.person().submit({"Reason": "not <now>"})).ok
    event = await front.came(Submitted)
    assert (event.callback, event.about, dict(event.values)) == ("approval:reject", "ap7", {"why": "not <now>"})
    assert (event.actor, event.origin) == ("U0JUNIOR", Origin(ALERTS, message.ts))


async def test_a_mention_is_a_command(front: Front) -> None:
    said = await front.desk.person().say("hello @Fettle show 7 please, @sena", channel=OPS)
    event = await front.came(CommandGiven)
    assert (event.name, event.actor, event.incident) == ("ask", "U0JUNIOR", None)
    assert event.text.split() == ["hello", "show", "7", "please,", "<@U0SENIOR>"]
    assert event.origin == Origin(OPS, "", said.ts)
    assert event.id.startswith("event:")


async def test_a_mention_in_an_incidents_thread_is_about_that_incident(front: Front) -> None:
    message = await incident(front)
    said = await front.desk.person().say("@Fettle show", thread=message)
    event = await front.came(CommandGiven)
    assert (event.name, event.text, event.incident) == ("show", "", 1)
    assert event.origin == Origin(ALERTS, message.ts, said.ts)
    await front.desk.person().say("@Fettle show 9", thread=message)
    assert (await front.came(CommandGiven, lambda one: one.id != event.id)).incident == 9


async def test_a_direct_message_is_a_command_and_other_talk_is_nothing(front: Front) -> None:
    person = front.desk.person()
    await person.say("just talking")
    await front.desk.person("U0OTHERBOT").say("@Fettle show 7")
    direct = await person.direct()
    await person.say("show 7", channel=direct)
    event = await front.came(CommandGiven)
    assert (event.name, event.incident, event.origin.channel) == ("show", 7, direct)
    front.desk.courier()
    await front.desk.reply("seven", channel=direct)
    await front.desk.settled()
    await person.say("incidents", channel=direct)
    await front.came(CommandGiven, lambda one: one.name == "incidents")
    assert len(front.road.taken) == 2, "neither the talk nor the bot, nor Fettle's own answer"


async def test_the_home_tab_that_is_opened(front: Front) -> None:
    await front.desk.person().open_home()
    event = await front.came(HomeOpened)
    assert (event.actor, event.id[:6]) == ("U0JUNIOR", "event:")


async def test_the_same_delivery_again_is_the_same_event(front: Front) -> None:
    # A mention in a channel is two events, and only one of them is taken in: the message's and the mention's.
    front.desk.workspace.fail("lose_acknowledgement", method="events_api", count=2)
    await front.desk.person().say("@Fettle incidents")

    async def twice() -> bool:
        return len(front.road.taken) == 2

    await front.desk.until(twice)
    first, second = front.road.taken
    assert first == second


@pytest.mark.parametrize("way", ["command", "press", "submit"])
async def test_nothing_is_acknowledged_before_it_is_durable(front: Front, way: str) -> None:
    person, message = front.desk.person(), await incident(front)
    if way == "submit":
        await person.press(message, "Show evidence")
        front.road.taken.clear()
    front.road.closed = asyncio.Event()
    asked = front.road.asked
    match way:
        case "command":
            doing = person.command("/fettle incidents")
        case "press":
            doing = person.press(message, "Acknowledge")
        case _:
            doing = person.submit()
    waiting = asyncio.create_task(doing)

    async def arrived() -> bool:
        return front.road.asked > asked

    await front.desk.until(arrived)
    await asyncio.sleep(0.1)
    assert not waiting.done()
    front.road.closed.set()
    assert (await waiting).ok
    assert len(front.road.taken) == 1


async def test_it_is_acknowledged_while_the_work_is_still_to_be_done(desk: Desk, storage: Storage) -> None:
    """Durable with the engine, and acknowledged, although the handler has not come far."""
    begun, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(_job: Job, _run: Run) -> None:
        begun.set()
        await go_on.wait()
        done.set()

    engine = Engine(storage.engine, executor="one", queues=(Queue("people", 4),), poll_seconds=0.05)
    engine.handle("event", work)
    await engine.start()

    class Durable:
        async def submit(self, event: CommandGiven) -> None:
            async with storage.begin() as session:
                await engine.submit_in(session, [Job(event.id, "people", "event", {})])

    socket = Socket(parts.app(desk, Durable()), parts.APP.app_token)
    socket.open()
    try:
        await desk.workspace.delivery.sockets.wait_connected()
        assert (await desk.person().command("/fettle incidents")).ok
        await asyncio.wait_for(begun.wait(), 5)
        assert not done.is_set()
        go_on.set()
        await asyncio.wait_for(done.wait(), 5)
    finally:
        go_on.set()
        await socket.close()
        await engine.stop(2.0)


def broken(road: Road) -> None:
    road.broken = ConnectionError("the database is away")


async def test_who_types_a_command_that_cannot_be_taken_in_is_told(front: Front) -> None:
    broken(front.road)
    assert (await front.desk.person().command("/fettle incidents")).ok
    (told,) = await front.desk.person().ephemerals()
    assert "could not take this in (ConnectionError)" in told.text
    assert "the database is away" not in told.text


async def test_who_presses_in_vain_is_told(front: Front) -> None:
    message = await incident(front)
    broken(front.road)
    assert (await front.desk.person().press(message, "Acknowledge")).ok
    (told,) = await front.desk.person().ephemerals()
    assert "could not take this in" in told.text
    assert (await front.desk.person().reload(message)).text == "it burns", "the message itself stays"
    assert (await front.desk.person().press(message, "Show evidence")).ok
    await front.desk.person().wait_for_modal(lambda view: "could not take this in" in view.all_text)


async def test_a_modal_that_cannot_be_taken_in_keeps_what_was_typed(front: Front) -> None:
    view = {
        "type": "modal",
        "callback_id": "approval:reject",
        "title": {"type": "plain_text", "text": "Reject"},
        "submit": {"type": "plain_text", "text": "Reject"},
        "blocks": [REASON],
    }
    trigger = front.desk.workspace.modals.trigger("U0JUNIOR")
    await front.desk.client.views_open(trigger_id=trigger, view=view)
    broken(front.road)
    outcome = await front.desk.person().submit({"Reason": "not now"})
    assert "could not take this in" in outcome.errors["why"]
    front.road.broken = None
    assert (await front.desk.person().submit({"Reason": "not now"})).ok
    assert (await front.came(Submitted)).values == {"why": "not now"}


async def test_a_mention_that_cannot_be_taken_in_is_told_once_and_comes_again(front: Front) -> None:
    broken(front.road)
    await front.desk.person().say("@Fettle incidents")
    told = await front.desk.person().wait_for(lambda m: m.ephemeral)
    assert "Slack brings it to me again" in told.text

    async def again() -> bool:
        return front.road.asked >= 2

    await front.desk.until(again)
    assert len(await front.desk.person().ephemerals()) == 1
