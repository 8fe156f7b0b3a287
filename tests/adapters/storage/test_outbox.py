import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from bot.errors import NotFound
from storage.outbox import Counts, Kind, Outgoing
from storage.store import Storage
from tests.adapters.storage.build import NOW, after, undone


async def put(storage: Storage, key: str, kind: Kind = "living", seconds: float = 0, **particulars: Any) -> None:  # noqa: ANN401  # as the outbox takes them
    async with storage.begin() as session:
        await storage.outbox.put(session, key, kind, now=after(seconds), **particulars)


async def claim(storage: Storage, key: str, owner: str = "one", seconds: float = 0) -> Outgoing:
    found = await storage.outbox.claim(key, owner, after(seconds + 30), after(seconds))
    assert found is not None
    return found


async def post(storage: Storage, key: str, seconds: float = 0, ts: str = "1.1", revision: int | None = None) -> None:
    found = await claim(storage, key, seconds=seconds)
    await storage.outbox.posted(
        key,
        found.revision if revision is None else revision,
        ts=ts,
        channel="C1",
        permalink=f"https://slack.example/{ts}",
        digest="d",
        now=after(seconds),
    )


async def row(storage: Storage, key: str) -> Outgoing:
    found = await storage.outbox.get(key)
    assert found is not None
    return found


async def keys(storage: Storage, seconds: float = 0) -> list[str]:
    return [one.key for one in await storage.outbox.due(after(seconds))]


async def test_a_note_is_asked_for_once(storage: Storage) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "ü"}}]
    await put(
        storage, "note:1", "note", channel="C1", under="incident:1", text="first", blocks=blocks, origin={"user": "U1"}
    )
    await put(storage, "note:1", "note", channel="C2", text="second")
    one = await row(storage, "note:1")
    assert (one.channel, one.under, one.text, one.revision, one.origin) == (
        "C1",
        "incident:1",
        "first",
        1,
        {"user": "U1"},
    )
    assert list(one.blocks) == blocks
    await post(storage, "note:1")
    await put(storage, "note:1", "note", text="third")
    assert await keys(storage, 99) == []


async def test_changes_to_a_living_message_before_a_post_are_one_post(storage: Storage) -> None:
    for seconds in range(5):
        await put(storage, "incident:1", seconds=seconds)
    assert (await row(storage, "incident:1")).revision == 5
    await post(storage, "incident:1", 9)
    assert await keys(storage, 99) == []
    await put(storage, "incident:1", seconds=10)
    assert await keys(storage, 10) == ["incident:1"]
    one = await row(storage, "incident:1")
    assert (one.revision, one.posted_revision, one.ts, one.posted_channel) == (6, 5, "1.1", "C1")


async def test_a_change_during_a_post_is_posted_next(storage: Storage) -> None:
    await put(storage, "incident:1")
    taken = await claim(storage, "incident:1")
    await put(storage, "incident:1", seconds=1)
    assert await keys(storage, 1) == []
    await storage.outbox.posted(
        "incident:1", taken.revision, ts="1.1", channel="C1", permalink="p", digest="d", now=after(2)
    )
    assert await keys(storage, 2) == ["incident:1"]


async def test_what_is_left_out_of_a_refresh_stays(storage: Storage) -> None:
    await put(storage, "incident:1", channel="C1", under="x", text="t", blocks=[{"a": 1}], origin={"user": "U1"})
    await put(storage, "incident:1", priority=1)
    one = await row(storage, "incident:1")
    assert (one.channel, one.under, one.text, list(one.blocks), one.origin) == (
        "C1",
        "x",
        "t",
        [{"a": 1}],
        {"user": "U1"},
    )
    await put(storage, "incident:1", channel="C2")
    assert (await row(storage, "incident:1")).channel == "C2"


async def test_priority_goes_first_and_then_whoever_has_waited_longest(storage: Storage) -> None:
    await put(storage, "late", seconds=3)
    await put(storage, "early", seconds=1)
    await put(storage, "urgent", "reply", seconds=5, priority=1)
    assert await keys(storage, 9) == ["urgent", "early"], "of every lane the first"
    await put(storage, "early", seconds=8)
    assert await keys(storage, 9) == ["urgent", "early"], "a refresh keeps its place in the line"
    await post(storage, "early", 9)
    assert await keys(storage, 9) == ["urgent", "late"]
    assert [one.key for one in await storage.outbox.due(after(9), limit=1)] == ["urgent"]


async def test_posts_into_one_channel_are_a_lane_and_updates_another(storage: Storage) -> None:
    for number in range(3):
        await put(storage, f"incident:{number}", seconds=number, channel="C1")
    await post(storage, "incident:0", 5)
    await put(storage, "incident:0", seconds=6)
    await put(storage, "note:1", "note", seconds=7, channel="C2")
    await put(storage, "home:U1", "home", seconds=8)
    due = await storage.outbox.due(after(9))
    assert [(one.key, one.lane, one.channel) for one in due] == [
        ("incident:1", "post:C1", "C1"),
        ("incident:0", "update:C1", "C1"),
        ("note:1", "post:C2", "C2"),
        ("home:U1", "home:U1", ""),
    ]
    less = await storage.outbox.due(after(9), without=["post:C1", "home:U1"])
    assert [one.lane for one in less] == ["update:C1", "post:C2"]
    await claim(storage, "note:1", seconds=9)
    assert "post:C2" not in [one.lane for one in await storage.outbox.due(after(9))], "one of it is being sent"
    assert "post:C2" in [one.lane for one in await storage.outbox.due(after(40))], "whoever sent it died"


async def test_a_lane_with_thousands_hides_no_other(storage: Storage) -> None:
    async with storage.begin() as session:
        for number in range(1_000):
            await storage.outbox.put(session, f"note:{number}", "note", channel="C1", priority=1, now=NOW)
    await put(storage, "note:last", "note", seconds=1, channel="C2", priority=9)
    due = await storage.outbox.due(after(2))
    assert [one.key for one in due] == ["note:0", "note:last"]


async def test_what_one_transaction_asks_for_keeps_its_order(storage: Storage) -> None:
    names = [f"note:{number}" for number in (3, 1, 10, 2)]
    async with storage.begin() as session:
        for name in names:
            await storage.outbox.put(session, name, "note", channel="C1", now=NOW)
    seen = []
    while due := await keys(storage):
        seen += due
        await post(storage, due[0])
    assert seen == names


async def test_what_belongs_under_another_waits_for_it(storage: Storage) -> None:
    await put(storage, "note:1", "note", channel="C1", under="incident:1")
    assert await keys(storage, 99) == []
    assert [one.key for one in await storage.outbox.due(after(99), orphaned=after(-1))] == []
    assert [one.key for one in await storage.outbox.due(after(99), orphaned=NOW)] == ["note:1"], (
        "there is none to wait for"
    )
    await put(storage, "incident:1", channel="C1")
    assert [one.key for one in await storage.outbox.due(after(99), orphaned=NOW)] == ["incident:1"]
    await post(storage, "incident:1")
    assert await keys(storage, 99) == ["note:1"]


@pytest.mark.parametrize("settled", ["given up", "nothing to show"])
async def test_what_will_never_stand_is_not_waited_for(storage: Storage, settled: str) -> None:
    await put(storage, "incident:1", channel="C1")
    await put(storage, "note:1", "note", seconds=1, channel="C1", under="incident:1")
    await claim(storage, "incident:1")
    if settled == "given up":
        await storage.outbox.bury("incident:1", "is_archived", owner="one")
    else:
        await storage.outbox.posted("incident:1", 1, ts="", channel="", permalink="", digest="", now=NOW)
    assert await keys(storage, 1) == ["note:1"]


async def test_one_sender_gets_a_message(storage: Storage, other: Storage) -> None:
    await put(storage, "incident:1")
    senders = [(mine, f"{n}") for mine in (storage, other) for n in range(4)]
    got = await asyncio.gather(*(mine.outbox.claim("incident:1", name, after(30), NOW) for mine, name in senders))
    assert sum(one is not None for one in got) == 1
    assert await keys(storage) == []
    assert await storage.outbox.claim("nothing", "one", after(30), NOW) is None


async def test_a_claim_that_ran_out_leaves_its_mark(storage: Storage) -> None:
    await put(storage, "incident:1")
    first = await claim(storage, "incident:1", "frozen")
    assert (first.trying_revision, first.attempts) == (None, 0)
    assert await storage.outbox.claim("incident:1", "other", after(60), after(29)) is None
    second = await claim(storage, "incident:1", "other", 30)
    assert (second.trying_revision, second.attempts, second.claimed_by) == (1, 1, "frozen")


async def test_a_late_sender_does_not_overwrite_what_another_posted(storage: Storage) -> None:
    await put(storage, "incident:1")
    await claim(storage, "incident:1", "frozen")
    await post(storage, "incident:1", 40, "2.2")
    await storage.outbox.posted("incident:1", 1, ts="1.1", channel="C1", permalink="p", digest="d", now=after(50))
    assert (await row(storage, "incident:1")).ts == "2.2"


async def test_trying_again_later(storage: Storage) -> None:
    await put(storage, "incident:1")
    await claim(storage, "incident:1")
    await storage.outbox.retry("incident:1", after(60), "timed out", owner="one")
    assert await keys(storage, 59) == []
    await put(storage, "incident:1", seconds=59)
    assert await keys(storage, 59) == [], "a refresh does not hurry what failed"
    again = await claim(storage, "incident:1", seconds=60)
    assert (again.trying_revision, again.error, again.attempts) == (1, "timed out", 1)
    await storage.outbox.retry("incident:1", after(70), "no answer", owner="one", counts=False)
    assert (await row(storage, "incident:1")).attempts == 1
    await claim(storage, "incident:1", seconds=70)
    await storage.outbox.posted("incident:1", 2, ts="1", channel="C1", permalink="", digest="", now=after(71))
    one = await row(storage, "incident:1")
    assert (one.attempts, one.error, one.trying_revision, one.claimed_by) == (0, "", None, None)


async def test_what_is_given_back_is_as_it_was(storage: Storage) -> None:
    await put(storage, "incident:1")
    fresh = await claim(storage, "incident:1")
    await storage.outbox.give_back(fresh, after(1), "not yet", owner="one", place=("C1", "incident:0"))
    one = await row(storage, "incident:1")
    assert (one.attempts, one.trying_revision, one.claimed_by, one.channel, one.under) == (
        0,
        None,
        None,
        "C1",
        "incident:0",
    )
    await claim(storage, "incident:1", seconds=1)
    await storage.outbox.retry("incident:1", after(2), "no answer", owner="one")
    unknown = await claim(storage, "incident:1", seconds=2)
    await storage.outbox.give_back(unknown, after(3), "not yet", owner="one", counts=True)
    one = await row(storage, "incident:1")
    assert (one.attempts, one.trying_revision) == (2, 1), "that an earlier post may have happened is not forgotten"


async def test_a_late_sender_leaves_the_claim_of_another_alone(storage: Storage) -> None:
    await put(storage, "incident:1")
    late = await claim(storage, "incident:1", "frozen")
    assert await storage.outbox.renew("incident:1", "frozen", after(40))
    assert await storage.outbox.claim("incident:1", "other", after(60), after(39)) is None
    await claim(storage, "incident:1", "other", 40)
    assert not await storage.outbox.renew("incident:1", "frozen", after(99))
    await storage.outbox.retry("incident:1", after(99), "thawed", owner="frozen")
    await storage.outbox.give_back(late, after(99), "thawed", owner="frozen")
    await storage.outbox.bury("incident:1", "thawed", owner="frozen")
    one = await row(storage, "incident:1")
    assert (one.claimed_by, one.trying_revision, one.error, one.dead_reason) == ("other", 1, "", None)


async def test_the_dead_are_kept_and_revived(storage: Storage) -> None:
    await put(storage, "note:1", "note")
    await put(storage, "incident:1")
    for key in ("note:1", "incident:1"):
        await claim(storage, key)
        await storage.outbox.bury(key, "channel_not_found", owner="one")
    assert await keys(storage, 999) == []
    assert {one.key for one in await storage.outbox.dead(9)} == {"note:1", "incident:1"}
    assert await storage.outbox.counts() == Counts(0, 2, None)
    await put(storage, "note:1", "note")
    assert await keys(storage, 999) == []
    await put(storage, "incident:1", seconds=5)
    assert await keys(storage, 5) == ["incident:1"]
    await storage.outbox.revive("note:1", after(5))
    revived = await row(storage, "note:1")
    assert (revived.dead_reason, revived.attempts, revived.changed_at) == (None, 0, after(5)), "its patience is new"
    await claim(storage, "incident:1", seconds=5)
    await storage.outbox.bury("incident:1", "again", owner="one")
    assert await keys(storage, 5) == ["note:1"]
    with pytest.raises(NotFound, match="note:1"):
        await storage.outbox.revive("note:1", after(5))


async def test_where_messages_stand(storage: Storage) -> None:
    await put(storage, "incident:1")
    assert await storage.outbox.key_at("C1", "") is None
    assert await storage.state.permalink("incident:1") == ""
    assert await storage.state.permalink("nothing") == ""
    await post(storage, "incident:1", ts="17.5")
    assert await storage.outbox.key_at("C1", "17.5") == "incident:1"
    assert await storage.outbox.key_at("C2", "17.5") is None
    assert await storage.state.permalink("incident:1") == "https://slack.example/17.5"
    assert await storage.outbox.get("nothing") is None


async def test_what_was_rolled_back_is_not_posted(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError):
        await undone(storage, lambda session: storage.outbox.put(session, "incident:1", "living", now=NOW))
    assert await keys(storage) == []


async def test_counts(storage: Storage) -> None:
    await put(storage, "b", seconds=2)
    await put(storage, "a", seconds=1)
    assert await storage.outbox.counts() == Counts(2, 0, after(1))


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_the_due_ones_are_found_by_their_index(storage: Storage) -> None:
    seen: list[str] = []

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    try:
        await storage.outbox.due(NOW, without=["post:C1"], orphaned=NOW)
        await storage.outbox.counts()
        await storage.outbox.dead(5)
        await storage.outbox.key_at("C1", "1.1")
        await storage.state.waiting_signals(5)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    queries = [one for one in seen if one.startswith("SELECT")]
    assert len(queries) == 6
    async with storage.engine.connect() as connection:
        for query in queries:
            bound: tuple[Any, ...] = tuple("2026-01-01" for _ in range(query.count("?")))
            explained = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", bound)
            plan = [row.detail for row in explained]
            assert all("INDEX" in step for step in plan if step.startswith(("SCAN", "SEARCH"))), (query, plan)
