import asyncio
import re
from datetime import timedelta
from functools import partial

import pytest

from bot.domain.effects import Rendered
from bot.errors import NotFound
from bot.slack.courier import MOST_ATTEMPTS, PATIENCE
from bot.slack.gateway import ORPHANED_AFTER
from bot.workspace.timing import Rates
from storage.store import Storage
from tests.adapters.slack.desk import ALERTS, OPS, Desk, client, section


async def test_a_living_message_is_posted_once_and_then_changed_in_place(desk: Desk) -> None:
    desk.courier()
    desk.shows("incident:1", "it burns")
    await desk.put("incident:1")
    await desk.settled()
    row = await desk.row("incident:1")
    assert desk.texts() == ["it burns"]
    assert (row.posted_channel, row.permalink) == (ALERTS, desk.workspace.permalink(ALERTS, row.ts))
    desk.shows("incident:1", "it smokes")
    await desk.put("incident:1")
    await desk.settled()
    assert desk.texts() == ["it smokes"]
    assert desk.seen()[0]["ts"] == row.ts
    await desk.put("incident:1")
    await desk.settled()
    assert desk.calls("chat.update") == 1, "what looks the same is not sent again"
    assert desk.counted["living", "posted"] == 3


async def test_ten_changes_are_one_post_and_ten_more_are_one_update(desk: Desk) -> None:
    for number in range(10):
        desk.shows("incident:1", f"state {number}")
        await desk.put("incident:1")
    one = desk.courier()
    await desk.settled()
    await one.stop()
    for number in range(10, 20):
        desk.shows("incident:1", f"state {number}")
        await desk.put("incident:1")
    desk.courier()
    await desk.settled()
    assert desk.texts() == ["state 19"]
    assert (desk.calls("chat.postMessage"), desk.calls("chat.update")) == (1, 1)


async def test_a_message_with_nothing_to_show_is_not_posted_until_it_has(desk: Desk) -> None:
    desk.courier()
    desk.views["incident:1"] = None
    await desk.put("incident:1")
    await desk.settled()
    assert desk.texts() == []
    desk.shows("incident:1", "now")
    await desk.put("incident:1")
    await desk.settled()
    assert desk.texts() == ["now"]


async def test_messages_of_a_thread_come_in_order_and_below_what_they_belong_under(desk: Desk) -> None:
    """The parent is asked for last and is the least urgent, and still it is first."""
    async with desk.storage.begin() as session:
        for number in range(3):
            await desk.storage.outbox.put(
                session, f"note:{number}", "note", channel=ALERTS, under="incident:1", text=f"note {number}",
                priority=2, now=desk.time.now(),
            )  # fmt: skip
    desk.shows("step:1", "step", under="incident:1")
    await desk.put("step:1", priority=2)
    desk.courier()
    await desk.rounds()
    assert desk.texts() == []
    desk.shows("incident:1", "it burns")
    await desk.put("incident:1", priority=3)
    await desk.settled(step=1.0)
    assert desk.texts()[0] == "it burns"
    assert [text for text in desk.texts() if "note" in text] == ["note 0", "note 1", "note 2"]
    assert "step" in desk.texts()
    parent = (await desk.row("incident:1")).ts
    assert [one.get("thread_ts") for one in desk.seen()[1:]] == [parent] * 4


async def test_what_waits_for_its_parent_costs_nothing_and_holds_nobody_up(desk: Desk) -> None:
    desk.courier()
    for number in range(20):
        await desk.put(f"note:{number}", "note", channel=ALERTS, under="incident:1", text="waits", priority=1)
    desk.shows("incident:1", "it burns")
    desk.workspace.fail("ratelimited", method="chat.postMessage", retry_after=20)
    await desk.put("incident:1", priority=9)
    await desk.put("note:ops", "note", channel=OPS, text="elsewhere", priority=9)
    await desk.until(lambda: _stands(desk, "elsewhere", OPS), step=0.2)
    assert desk.texts() == []
    assert {(await desk.row(f"note:{number}")).error for number in range(20)} == {""}, "not one was touched"
    await desk.settled(step=1.0)
    assert desk.texts() == ["it burns", *["waits"] * 20]


async def _stands(desk: Desk, text: str, channel: str = ALERTS) -> bool:
    return text in desk.texts(channel)


async def test_a_note_whose_parent_was_given_up_goes_into_the_channel(desk: Desk) -> None:
    async def broken() -> Rendered:
        raise NotFound("there is no incident 1")

    desk.courier()
    desk.views["incident:1"] = broken
    await desk.put("incident:1")
    await desk.put("note:1", "note", channel=OPS, under="incident:1", text="nobody has it yet")
    await desk.settled()
    assert [one.get("thread_ts") for one in desk.seen(OPS)] == [None]
    assert desk.texts(OPS) == ["nobody has it yet"]
    await desk.put("note:2", "note", under="incident:1", text="and no channel")
    await desk.settled()
    assert "incident:1" in (await desk.row("note:2")).error


async def test_a_note_under_a_message_that_nobody_asked_for_waits_a_while_and_then_goes_into_the_channel(
    desk: Desk,
) -> None:
    desk.courier()
    await desk.put("note:1", "note", channel=ALERTS, under="incident:9", text="nobody has it yet")
    desk.move_on(ORPHANED_AFTER.total_seconds() - 1)
    await desk.rounds()
    assert desk.texts() == []
    desk.move_on(2)
    await desk.settled()
    assert desk.texts() == ["nobody has it yet"]


async def test_a_thread_whose_first_message_was_deleted_gets_it_back(desk: Desk) -> None:
    desk.courier()
    desk.shows("incident:1", "it burns")
    await desk.put("incident:1")
    await desk.settled()
    await desk.delete("incident:1")
    await desk.put("note:1", "note", channel=ALERTS, under="incident:1", text="still")
    await desk.settled(step=1.0)
    assert desk.texts() == ["it burns", "still"]
    assert desk.seen()[1]["thread_ts"] == desk.seen()[0]["ts"]


async def test_slack_says_when_to_come_again(desk: Desk) -> None:
    desk.workspace.fail("ratelimited", method="chat.postMessage", retry_after=7)
    desk.courier()
    await desk.put("note:1", "note", channel=ALERTS, text="one")
    await desk.until(lambda: _counted(desk, "note", "ratelimited"))
    desk.move_on(6.5)
    await desk.rounds()
    assert desk.calls("chat.postMessage") == 1
    desk.move_on(0.6)
    await desk.settled()
    assert desk.texts() == ["one"]
    assert desk.counted["note", "ratelimited"] == 1


async def test_a_limit_on_one_method_holds_up_no_other(desk: Desk) -> None:
    desk.courier()
    desk.shows("incident:1", "it burns")
    desk.shows("home:U0JUNIOR", "nothing is open")
    await desk.put("incident:1")
    await desk.settled()
    desk.workspace.fail("ratelimited", method="chat.update", retry_after=9)
    desk.workspace.fail("ratelimited", method="views.publish", retry_after=4)
    desk.shows("incident:1", "it smokes")
    await desk.put("incident:1")
    await desk.put("home:U0JUNIOR", "home")
    await desk.until(partial(_counted, desk, "living", "ratelimited"))
    await desk.until(partial(_counted, desk, "home", "ratelimited"))
    await desk.put("note:1", "note", channel=ALERTS, text="posts go on")
    await desk.until(partial(_stands, desk, "posts go on"))
    desk.move_on(4.1)
    await desk.until(partial(_counted, desk, "home", "posted"))
    assert desk.calls("chat.update") == 1
    assert desk.texts()[0] == "it burns"
    desk.move_on(5.0)
    await desk.settled()
    assert desk.texts()[0] == "it smokes"
    assert (desk.calls("chat.update"), desk.calls("views.publish")) == (2, 2)


async def _counted(desk: Desk, kind: str, result: str) -> bool:
    return desk.counted[kind, result] > 0


@pytest.mark.parametrize("fault", ["error", "apply_then_error"])
async def test_an_error_of_slack_is_tried_again_and_nothing_stands_twice(desk: Desk, fault: str) -> None:
    desk.workspace.fail(fault, method="chat.postMessage")
    desk.courier()
    await desk.put("note:1", "note", channel=ALERTS, text="one")
    await desk.tried("note:1")
    await desk.settled(step=0.5)
    assert desk.texts() == ["one"]
    assert (await desk.row("note:1")).ts == desk.seen()[0]["ts"]


async def test_a_message_that_was_deleted_is_posted_anew_when_it_changes(desk: Desk) -> None:
    desk.courier()
    desk.shows("incident:1", "it burns")
    await desk.put("incident:1")
    await desk.settled()
    await desk.put("note:1", "note", channel=ALERTS, under="incident:1", text="below")
    await desk.settled()
    await desk.delete("incident:1")
    desk.shows("incident:1", "it smokes")
    await desk.put("incident:1")
    await desk.settled(step=0.5)
    assert desk.texts()[-1] == "it smokes"
    assert (await desk.row("incident:1")).ts == desk.seen()[-1]["ts"]


async def test_what_always_fails_is_given_up_and_the_others_go_on(desk: Desk) -> None:
    desk.workspace.fail("error", method="chat.update", count=99)
    desk.courier()
    desk.shows("incident:1", "it burns")
    await desk.put("incident:1")
    await desk.settled()
    desk.shows("incident:1", "it smokes")
    await desk.put("incident:1")
    for number in range(1, MOST_ATTEMPTS):
        await desk.tried("incident:1", number)
        await desk.put(f"note:{number}", "note", channel=ALERTS, text=f"{number}")
        await desk.until(partial(_stands, desk, f"{number}"), step=0.2)
        desk.move_on(1_000)
    await desk.settled()
    (dead,) = await desk.storage.outbox.dead(9)
    assert dead.key == "incident:1"
    assert dead.dead_reason == f"gave up after {MOST_ATTEMPTS} attempts: internal_error"
    assert desk.calls("chat.update") == MOST_ATTEMPTS
    assert desk.counted["living", "dead"] == 1


async def test_a_view_that_breaks_is_tried_again_then_given_up_and_stops_nobody(desk: Desk) -> None:
    async def broken() -> Rendered:
        raise KeyError("service")

    desk.courier()
    desk.views["incident:1"] = broken
    await desk.put("incident:1", priority=1)
    await desk.put("note:1", "note", channel=ALERTS, text="fine")
    await desk.until(lambda: _stands(desk, "fine"))
    await desk.settled(step=200.0)
    row = await desk.row("incident:1")
    assert row.dead_reason == f"gave up after {MOST_ATTEMPTS} attempts: KeyError: 'service'"
    desk.shows("incident:1", "mended")
    await desk.put("incident:1")
    await desk.settled()
    assert desk.texts() == ["fine", "mended"], "a change brings it back from the dead"


@pytest.mark.parametrize(
    ("channel", "blocks", "reason"),
    [
        (ALERTS, [section("x" * 2_900) for _ in range(5)], "msg_blocks_too_long: the blocks together are longer"),
        (ALERTS, [section("x" * 3_001)], r"invalid_blocks: .* must be less than 3001 characters .*/blocks/0/text/text"),
        ("C0NOWHERE", [], "channel_not_found: there is no such channel"),
    ],
)
async def test_what_slack_will_never_take_is_given_up_at_once_with_the_reason(
    desk: Desk, channel: str, blocks: list[dict[str, object]], reason: str
) -> None:
    desk.courier()
    await desk.put("note:1", "note", channel=channel, text="long", blocks=blocks)
    await desk.settled()
    (dead,) = await desk.storage.outbox.dead(9)
    assert desk.calls("chat.postMessage") == 1
    assert re.match(reason, str(dead.dead_reason))


async def test_while_slack_is_away_everything_waits_and_nothing_is_given_up(desk: Desk) -> None:
    desk.client.base_url = client("http://127.0.0.1:9").base_url
    desk.courier()
    for number in range(3):
        await desk.put(f"note:{number}", "note", channel=ALERTS, text=f"{number}")
    desk.shows("incident:1", "it burns", OPS)
    await desk.put("incident:1")

    async def tried_often() -> bool:
        return len(desk.client.calls) >= 3 * MOST_ATTEMPTS

    await desk.until(tried_often, step=10.0)
    assert (await desk.storage.outbox.counts()).dead == 0
    attempts = [(await desk.row(key)).attempts for key in ("note:0", "note:1", "note:2", "incident:1")]
    assert max(attempts) <= 1, "none is blamed; one may be on its way just now"
    desk.client.base_url = client(desk.url).base_url
    await desk.settled(step=10.0)
    assert (desk.texts(), desk.texts(OPS)) == (["0", "1", "2"], ["it burns"])


async def test_patience_with_slack_ends_after_a_day(desk: Desk) -> None:
    desk.client.base_url = client("http://127.0.0.1:9").base_url
    desk.courier()
    await desk.put("note:1", "note", channel=ALERTS, text="old")
    await desk.until(lambda: _counted(desk, "note", "retried"))
    desk.move_on((PATIENCE + timedelta(minutes=1)).total_seconds())
    await desk.settled()
    (dead,) = await desk.storage.outbox.dead(9)
    assert str(dead.dead_reason).startswith("gave up after 24 hours: no answer from Slack")


async def test_errors_of_slack_for_every_message_are_an_outage_and_not_counted(desk: Desk) -> None:
    desk.workspace.fail("error", method="chat.postMessage", count=5 * MOST_ATTEMPTS)
    desk.courier()
    await desk.put("note:1", "note", channel=ALERTS, text="one")
    await desk.put("note:2", "note", channel=OPS, text="two")
    await desk.settled(step=20.0)
    assert (desk.texts(), desk.texts(OPS)) == (["one"], ["two"])


@pytest.mark.parametrize("rates", [Rates()], indirect=True)
async def test_a_channel_gets_one_post_a_second_with_small_bursts(desk: Desk, rates: Rates) -> None:
    """Slack's own limits are on, and need not say a word."""
    assert rates.enabled
    desk.courier()
    for number in range(5):
        desk.shows(f"incident:{number}", f"incident {number}", "#alerts")
        await desk.put(f"incident:{number}")
        await desk.put(f"note:{number}", "note", channel="#alerts", under=f"incident:{number}", text=f"note {number}")
    began = desk.time.passed

    async def a_burst() -> bool:
        return len(desk.texts()) >= 3

    await desk.until(a_burst)
    await desk.rounds()
    assert len(desk.texts()) == 3, "a small burst"
    await desk.settled(step=0.1)
    assert len(desk.texts()) == 10
    assert desk.time.passed - began >= 10 - 3
    assert desk.counted["note", "ratelimited"] + desk.counted["living", "ratelimited"] == 0
    assert desk.calls("chat.postMessage") == 10


async def test_a_channel_that_is_full_holds_up_no_other_and_no_update(desk: Desk) -> None:
    desk.courier()
    desk.shows("incident:1", "it burns")
    await desk.put("incident:1")
    await desk.settled()
    for number in range(300):
        await desk.put(f"note:{number}", "note", channel=ALERTS, text=f"{number}", priority=1)
    desk.shows("incident:1", "it smokes")
    await desk.put("incident:1", priority=9)
    await desk.put("note:ops", "note", channel=OPS, text="elsewhere", priority=9)
    await desk.reply("here", channel=ALERTS)

    async def all_through() -> bool:
        return "elsewhere" in desk.texts(OPS) and {"it smokes", "here"} <= set(desk.texts())

    await desk.until(all_through)
    assert len(desk.texts()) < 10


async def test_two_couriers_on_one_database_post_everything_once_and_in_order(desk: Desk, other: Storage) -> None:
    desk.courier("one")
    desk.courier("two", other)
    desk.shows("incident:1", "it burns")
    await desk.put("incident:1")
    texts = [f"note {number}" for number in range(12)]
    for number, text in enumerate(texts):
        await desk.put(f"note:{number}", "note", channel=ALERTS, under="incident:1", text=text)
        desk.shows(f"step:{number}", f"step {number}", OPS)
        await desk.put(f"step:{number}")
    await desk.settled(step=0.5)
    assert desk.texts() == ["it burns", *texts]
    assert desk.texts(OPS) == [f"step {number}" for number in range(12)]


async def test_a_courier_ends_when_it_is_told_also_while_the_bell_rings(desk: Desk) -> None:
    for _ in range(5):
        one = desk.courier()
        await desk.rounds(2)
        one.courier.wake()
        await asyncio.sleep(0)
        one.task.cancel()
        done, _ = await asyncio.wait({one.task}, timeout=2.0)
        assert done, "it went on"


async def test_what_is_on_its_way_arrives_before_the_courier_ends(desk: Desk) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Rendered:
        begun.set()
        await go_on.wait()
        return Rendered(ALERTS, "just in time", [section("just in time")])

    one = desk.courier()
    desk.views["incident:1"] = slow
    await desk.put("incident:1")
    await begun.wait()
    stopping = asyncio.create_task(one.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    assert desk.texts() == ["just in time"]
    row = await desk.row("incident:1")
    assert (row.posted_revision, row.claimed_by) == (1, None)
