import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.domain.evidence import Window
from bot.domain.outcome import Outcome
from bot.errors import NotFound, Stale
from storage.store import Storage
from tests.adapters.storage.build import NOW, after, deployed, incident, signal


async def take(storage: Storage, *names: str) -> int:
    async with storage.begin() as session:
        return await storage.take(session, [signal(name) for name in names])


async def place(storage: Storage, *names: str) -> None:
    async with storage.begin() as session:
        outcome = Outcome(placed=tuple(f"signal-{name}" for name in names))
        await storage.commit(session, outcome, actor="fettle", request_id="r", now=NOW)


async def test_each_signal_is_taken_once_and_repeats_are_counted(storage: Storage) -> None:
    assert await take(storage, "a", "b", "a") == 2
    assert await take(storage, "a", "c") == 1
    assert await take(storage, "a", "a") == 0
    assert await take(storage) == 0
    async with storage.begin() as session:
        rows = (await session.execute(sa.text("SELECT id, seen FROM signals ORDER BY id"))).all()
    assert [tuple(row) for row in rows] == [("signal-a", 5), ("signal-b", 1), ("signal-c", 1)]


async def test_a_storm_is_taken_at_once(storage: Storage) -> None:
    many = [signal(f"{n}", seconds=n) for n in range(3000)]
    async with storage.begin() as session:
        assert await storage.take(session, many) == 3000
    assert list(await storage.state.waiting_signals(5000)) == many
    await place(storage, *(f"{n}" for n in range(2990)))
    assert len(await storage.state.waiting_signals(5000)) == 10


async def test_waiting_ones_come_oldest_first(storage: Storage) -> None:
    async with storage.begin() as session:
        await storage.take(
            session, [signal("late", seconds=9), signal("early", seconds=1), signal("middle", seconds=5)]
        )
    assert [one.id for one in await storage.state.waiting_signals(2)] == ["signal-early", "signal-middle"]
    await place(storage, "early")
    assert [one.id for one in await storage.state.waiting_signals(9)] == ["signal-middle", "signal-late"]


async def test_a_repeat_of_a_placed_signal_does_not_wait_again(storage: Storage) -> None:
    await take(storage, "a")
    await place(storage, "a")
    assert await take(storage, "a") == 0
    assert await storage.state.waiting_signals(9) == ()


async def test_two_that_place_the_same_signal(storage: Storage, other: Storage) -> None:
    await take(storage, "a", "b")
    results = await asyncio.gather(*(place(mine, "a", "b") for mine in (storage, other)), return_exceptions=True)
    assert [type(one) for one in results if one is not None] == [Stale]
    with pytest.raises(Stale):
        await place(storage, "b")


async def test_a_signal_that_was_never_taken_cannot_be_placed(storage: Storage) -> None:
    with pytest.raises(NotFound, match="signal-ghost"):
        await place(storage, "ghost")


async def test_two_take_the_same_signals_at_once(storage: Storage, other: Storage) -> None:
    names = [f"{n}" for n in range(50)]
    taken = await asyncio.gather(
        *(take(mine, *(names if n else reversed(names))) for n, mine in enumerate((storage, other) * 3))
    )
    assert sum(taken) == 50


async def test_changes_of_services_in_a_window(storage: Storage) -> None:
    async with storage.begin() as session:
        some = [deployed("a", "checkout", -60), deployed("b", "checkout", -5), deployed("c", "search", -5)]
        await storage.take(session, [*some, deployed("d", "checkout", 5), signal("e", "checkout", -5)])
    window = Window(after(-60), NOW)
    assert [one.id for one in await storage.state.changes(["checkout"], window)] == ["signal-b", "signal-a"]
    assert len(await storage.state.changes(["checkout", "search"], window)) == 3
    assert await storage.state.changes([], window) == ()
    first = (await storage.state.changes(["search"], window))[0]
    assert first == replace(deployed("c", "search", -5))


async def test_a_signal_is_placed_with_the_incident_that_it_opened(storage: Storage) -> None:
    await take(storage, "one")
    made, alert, entry = incident()
    async with storage.begin() as session:
        outcome = Outcome((made, alert), (entry,), placed=("signal-one",))
        await storage.commit(session, outcome, actor="fettle", request_id="r", now=NOW)
    assert await storage.state.waiting_signals(1) == ()
    assert (await storage.state.holders(["print-one"]))["print-one"].incident == 1
