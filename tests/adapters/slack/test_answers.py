"""Answers to one person, modals and home tabs."""

from typing import Any, TypedDict

import pytest

from bot.domain.effects import Rendered
from tests.adapters.slack.desk import ALERTS, OPS, Desk, client, section

MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "incident:evidence",
    "title": {"type": "plain_text", "text": "Evidence"},
    "private_metadata": "1",
    "blocks": [section("the evidence")],
}


class Opened(TypedDict):
    view: str
    view_hash: str


def response_url(desk: Desk, person: str = "U0JUNIOR", channel: str = ALERTS) -> str:
    return desk.url + desk.workspace.responses.issue(person, channel)


async def test_an_answer_goes_to_the_response_address_and_to_nobody_else(desk: Desk) -> None:
    desk.courier()
    await desk.reply("for you", response_url=response_url(desk))
    await desk.settled()
    assert [m.text for m in await desk.person().ephemerals()] == ["for you"]
    assert await desk.person("U0SENIOR").messages() == []
    assert desk.client.calls == []


async def test_an_answer_in_a_thread_is_in_that_thread(desk: Desk) -> None:
    desk.courier()
    parent = await desk.person().say("what is this")
    await desk.reply("reply:1", "reply:1", thread=parent.ts, response_url=response_url(desk))
    await desk.reply("reply:2", "reply:2", thread=parent.ts)
    await desk.settled()
    assert [(m.text, m.thread_ts) for m in await desk.person().ephemerals()] == [
        ("reply:1", parent.ts),
        ("reply:2", parent.ts),
    ]


@pytest.mark.parametrize("address", ["/hooks/T0LOCAL/unknown", "http://127.0.0.1:9/hooks", "expired"])
async def test_an_answer_comes_another_way_when_the_address_fails(desk: Desk, address: str) -> None:
    desk.courier()
    urls = {"expired": response_url(desk), "/hooks/T0LOCAL/unknown": f"{desk.url}/hooks/T0LOCAL/unknown"}
    await desk.put(
        "reply:1",
        "reply",
        channel=ALERTS,
        origin={"user": "U0JUNIOR", "channel": ALERTS, "response_url": urls.get(address, address)},
        text="for you",
        private=True,
    )
    desk.move_on(3_600 if address == "expired" else 0)
    await desk.settled()
    (told,) = await desk.person().ephemerals()
    assert told.text == "for you"


@pytest.mark.parametrize("channel", ["C0NOWHERE", OPS, "D0SOMEBODY", ""])
async def test_an_answer_comes_as_a_direct_message_where_fettle_cannot_speak(desk: Desk, channel: str) -> None:
    """Typed where Fettle is not, between two people, in the home tab: the person gets it all the same."""
    if channel == OPS:
        await client(desk.url).conversations_leave(channel=OPS)
    desk.courier()
    await desk.reply("for you", channel=channel)
    await desk.settled()
    person = desk.person()
    direct = await person.direct()
    assert [m.text for m in await person.messages(direct)] == ["for you"]


async def test_an_answer_in_direct_messages_is_an_ordinary_message(desk: Desk) -> None:
    person = desk.person()
    direct = await person.direct()
    desk.courier()
    await desk.reply("for you", channel=direct)
    await desk.settled()
    assert [(m.text, m.ephemeral) for m in await person.messages(direct)] == [("for you", False)]


async def test_an_answer_to_everybody_is_under_what_was_said(desk: Desk) -> None:
    said = await desk.person().say("what is this")
    desk.courier()
    await desk.reply("for all", private=False, message=said.ts)
    await desk.settled()
    answer = await desk.person("U0SENIOR").wait_for(lambda m: m.text == "for all", thread=said)
    assert answer.thread_ts == said.ts


async def test_an_answer_is_tried_again_and_given_up_like_any_message(desk: Desk) -> None:
    desk.workspace.fail("error", method="chat.postEphemeral")
    desk.courier()
    await desk.reply("for you")
    await desk.tried("reply:1")
    await desk.settled(step=0.5)
    assert [m.text for m in await desk.person().ephemerals()] == ["for you"]
    await desk.reply("x" * 40_001, "reply:2")
    await desk.settled()
    assert "msg_too_long" in str((await desk.row("reply:2")).dead_reason)


@pytest.mark.parametrize("fault", ["error", "apply_then_error"])
async def test_an_answer_comes_rather_twice_than_never(desk: Desk, fault: str) -> None:
    """Nobody can look up what only one person saw."""
    desk.workspace.fail(fault, method="chat.postEphemeral")
    desk.courier()
    await desk.reply("for you")
    await desk.tried("reply:1")
    await desk.settled(step=0.5)
    times = 1 if fault == "error" else 2
    assert [m.text for m in await desk.person().ephemerals()] == ["for you"] * times


async def test_an_answer_whose_sender_died_comes_from_the_next_one(desk: Desk) -> None:
    """Not by the response address, which may have been used already, and takes five answers in all."""
    url = response_url(desk)
    await desk.reply("for you", response_url=url)
    now = desk.time.now()
    assert await desk.storage.outbox.claim("reply:1", "dead", now, now)
    desk.courier()
    await desk.settled()
    assert [m.text for m in await desk.person().ephemerals()] == ["for you"]
    assert desk.calls("chat.postEphemeral") == 1


async def open_modal(desk: Desk) -> Opened:
    """A press has opened the loading modal."""
    view = {**MODAL, "callback_id": "notice", "blocks": [section("Reading …")]}
    opened = await client(desk.url).views_open(trigger_id=desk.workspace.modals.trigger("U0JUNIOR"), view=view)
    return Opened(view=opened["view"]["id"], view_hash=opened["view"]["hash"])


async def ask_modal(desk: Desk, key: str = "modal:1", **origin: str) -> None:
    where = {"user": "U0JUNIOR", "channel": ALERTS, "thread": "17.5", "modal": MODAL, **origin}
    await desk.put(key, "modal", channel=ALERTS, origin=where, priority=1)


async def test_the_modal_that_waits_is_filled_and_knows_where_it_was_opened(desk: Desk) -> None:
    desk.courier()
    await ask_modal(desk, **await open_modal(desk))
    await desk.settled()
    modal = await desk.person().wait_for_modal(lambda v: v.title == "Evidence")
    assert modal.all_text == "the evidence"
    assert modal.raw["private_metadata"] == f"1\n{ALERTS} 17.5"


async def test_a_modal_that_was_closed_meanwhile_is_no_dead_letter(desk: Desk) -> None:
    desk.courier()
    opened = await open_modal(desk)
    await desk.person().dismiss()
    await ask_modal(desk, **opened)
    await desk.settled()
    assert (await desk.storage.outbox.counts()).dead == 0


async def test_a_modal_that_was_filled_and_not_noted_is_left_as_it_is(desk: Desk) -> None:
    desk.workspace.fail("apply_then_error", method="views.update")
    desk.courier()
    await ask_modal(desk, **await open_modal(desk))
    await desk.tried("modal:1")
    await desk.settled(step=0.5)
    assert (await desk.person().wait_for_modal()).title == "Evidence"
    assert (await desk.storage.outbox.counts()).dead == 0


async def test_who_waits_for_a_modal_that_could_not_be_opened_is_told(desk: Desk) -> None:
    desk.courier()
    await ask_modal(desk, thread="", view="", view_hash="")
    await desk.settled()
    (told,) = await desk.person().ephemerals()
    assert "Press again" in told.text


async def test_a_refusal_is_shown_in_the_modal_that_waits(desk: Desk) -> None:
    desk.courier()
    await desk.reply("You may not.", **await open_modal(desk))
    await desk.settled()
    assert (await desk.person().wait_for_modal()).all_text == "You may not."
    opened = await open_modal(desk)
    await desk.person().dismiss()
    await desk.reply("You may not either.", "reply:2", **opened)
    await desk.settled()
    assert [m.text for m in await desk.person().ephemerals()] == ["You may not either."]


async def test_the_home_tab_is_published_for_its_person(desk: Desk) -> None:
    desk.courier()
    desk.views["home:U0JUNIOR"] = Rendered("U0JUNIOR", "", [section("nothing is open")])
    await desk.put("home:U0JUNIOR", "home")
    await desk.settled()
    home = await desk.person().home()
    assert home is not None
    assert home.all_text == "nothing is open"
    assert await desk.person("U0SENIOR").home() is None
    desk.views["home:U0JUNIOR"] = Rendered("U0JUNIOR", "", [section("one is open")])
    await desk.put("home:U0JUNIOR", "home")
    await desk.settled()
    assert (await desk.person().wait_for_home()).all_text == "one is open"
