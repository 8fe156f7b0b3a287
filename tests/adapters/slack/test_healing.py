"""What becomes of a message whose sender died or froze on the way."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.effects import Rendered
from bot.slack.courier import CLAIM_SECONDS
from storage.store import Storage
from tests.adapters.slack.desk import ALERTS, Desk, client, section


async def die_after_posting(desk: Desk, key: str, text: str, channel: str = ALERTS, thread: str | None = None) -> None:
    """A sender takes the message, posts it, and dies before it has noted that."""
    now = desk.time.now()
    row = await desk.storage.outbox.claim(key, "dead", now + timedelta(seconds=CLAIM_SECONDS), now)
    assert row is not None
    metadata = {"event_type": "fettle_message", "event_payload": {"key": key}}
    await client(desk.url).chat_postMessage(
        channel=channel, text=text, blocks=[section(text)], thread_ts=thread, metadata=metadata
    )
    desk.move_on(CLAIM_SECONDS)


@pytest.mark.parametrize("channel", [ALERTS, "#alerts"])
async def test_what_was_posted_and_not_noted_is_found_and_not_posted_again(desk: Desk, channel: str) -> None:
    await desk.put("note:1", "note", channel=channel, text="one")
    await die_after_posting(desk, "note:1", "one")
    desk.courier()
    await desk.settled()
    assert desk.texts() == ["one"]
    row = await desk.row("note:1")
    assert (row.ts, row.posted_channel) == (desk.seen()[0]["ts"], ALERTS)
    assert row.permalink == desk.workspace.permalink(ALERTS, row.ts)


async def test_a_living_message_that_is_found_is_brought_up_to_date(desk: Desk) -> None:
    desk.shows("incident:1", "it burns")
    await desk.put("incident:1")
    await die_after_posting(desk, "incident:1", "it burns")
    desk.shows("incident:1", "it smokes")
    await desk.put("incident:1")
    desk.courier()
    await desk.settled(step=0.5)
    assert desk.texts() == ["it smokes"]
    assert desk.calls("chat.postMessage") == 0


async def test_a_reply_in_a_long_thread_is_found(desk: Desk) -> None:
    one = desk.courier()
    desk.shows("incident:1", "it burns")
    await desk.put("incident:1")
    await desk.settled()
    await one.stop()
    parent = (await desk.row("incident:1")).ts
    await desk.put("note:1", "note", channel=ALERTS, under="incident:1", text="below")
    for number in range(250):
        await client(desk.url).chat_postMessage(channel=ALERTS, text=f"{number}", thread_ts=parent)
    await die_after_posting(desk, "note:1", "below", thread=parent)
    desk.courier()
    await desk.settled()
    assert desk.texts().count("below") == 1


async def test_a_mark_without_a_message_means_that_it_is_posted(desk: Desk) -> None:
    await desk.put("note:1", "note", channel=ALERTS, text="one")
    now = desk.time.now()
    await desk.storage.outbox.claim("note:1", "dead", now + timedelta(seconds=CLAIM_SECONDS), now)
    desk.courier()
    desk.move_on(CLAIM_SECONDS - 1)
    await desk.rounds()
    assert desk.texts() == [], "whoever has it may still be at work"
    desk.move_on(1)
    await desk.settled()
    assert desk.texts() == ["one"]


async def test_the_message_of_another_key_is_not_taken_for_it(desk: Desk) -> None:
    await desk.put("note:1", "note", channel=ALERTS, text="one")
    await desk.put("note:2", "note", channel=ALERTS, text="two")
    await die_after_posting(desk, "note:2", "two")
    now = desk.time.now()
    await desk.storage.outbox.claim("note:1", "dead", now, now)
    desk.courier()
    await desk.settled()
    assert sorted(desk.texts()) == ["one", "two"]


@pytest.mark.parametrize("fault", ["ratelimited", "error"])
async def test_a_look_that_fails_does_not_make_it_forget_to_look(desk: Desk, fault: str) -> None:
    await desk.put("note:1", "note", channel=ALERTS, text="one")
    await die_after_posting(desk, "note:1", "one")
    desk.workspace.fail(fault, method="conversations.history", count=3)
    desk.courier()
    await desk.settled(step=0.5)
    assert desk.texts() == ["one"]


async def test_where_nobody_may_look_it_is_rather_posted_twice_than_never(desk: Desk) -> None:
    await desk.put("note:1", "note", channel="C0NOWHERE", text="one")
    now = desk.time.now()
    await desk.storage.outbox.claim("note:1", "dead", now, now)
    desk.courier()
    await desk.settled()
    assert desk.calls("chat.postMessage") == 1
    assert "channel_not_found" in (await desk.row("note:1")).error


async def test_a_kill_in_the_middle_of_a_post_is_made_good_by_the_next_process(desk: Desk, other: Storage) -> None:
    one = desk.courier("one")
    desk.workspace.fail("hang", method="chat.postMessage", seconds=30)
    await desk.put("note:1", "note", channel=ALERTS, text="one")

    async def posting() -> bool:
        return desk.calls("chat.postMessage") == 1

    await desk.until(posting)
    await one.kill()
    desk.workspace.faults.clear()  # the call may have been cut off before it arrived
    desk.couriers.clear()
    desk.courier("two", other)
    await desk.rounds()
    assert desk.texts() == []
    desk.move_on(CLAIM_SECONDS)
    await desk.settled()
    assert desk.texts() == ["one"]


async def test_whoever_froze_and_thaws_posts_nothing_that_another_has_taken_over(desk: Desk, other: Storage) -> None:
    frozen, thaw = asyncio.Event(), asyncio.Event()
    shown = Rendered(ALERTS, "it burns", [section("it burns")])

    async def slow() -> Rendered:
        if not frozen.is_set():
            frozen.set()
            await thaw.wait()
        return shown

    desk.courier("one")
    desk.views["incident:1"] = slow
    await desk.put("incident:1")
    await frozen.wait()
    desk.courier("two", other)
    desk.move_on(CLAIM_SECONDS + 1)
    await desk.settled()
    thaw.set()
    await desk.rounds()
    assert desk.texts() == ["it burns"]
    assert (await desk.row("incident:1")).ts == desk.seen()[0]["ts"]


async def test_whoever_is_only_slow_keeps_its_claim(desk: Desk, other: Storage) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Rendered:
        begun.set()
        await go_on.wait()
        return Rendered(ALERTS, "it burns", [section("it burns")])

    desk.courier("one")
    desk.views["incident:1"] = slow
    await desk.put("incident:1")
    await begun.wait()
    desk.move_on(CLAIM_SECONDS - 1)
    desk.workspace.fail("hang", method="chat.postMessage", seconds=0.3)
    go_on.set()

    async def posting() -> bool:
        return desk.calls("chat.postMessage") == 1

    await desk.until(posting)
    desk.courier("two", other)
    desk.move_on(2)
    await desk.rounds(2)
    assert desk.calls("chat.postMessage") == 1, "the claim was renewed before the post"
