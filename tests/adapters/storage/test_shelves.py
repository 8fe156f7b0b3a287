"""Timers, pictures, progress and documents."""

import asyncio
from dataclasses import replace

import pytest

from bot.domain.events import EscalationDue
from bot.domain.passage import Document
from bot.errors import NotFound
from storage.codec import pack, unpack
from storage.store import Storage
from tests.adapters.storage.build import NOW, after, undone

EVENT = EscalationDue(id="e1", at=NOW, incident=1)


async def later(storage: Storage, key: str, seconds: float, event: EscalationDue = EVENT) -> None:
    async with storage.begin() as session:
        await storage.timers.later(session, key, after(seconds), pack(event))


async def pop(storage: Storage, seconds: float, limit: int = 10) -> list[str]:
    async with storage.begin() as session:
        return [key for key, _ in await storage.timers.pop_due(session, after(seconds), limit)]


async def test_a_timer_comes_due_once(storage: Storage) -> None:
    assert await storage.timers.next_due() is None
    await later(storage, "escalate:1", 10)
    await later(storage, "escalate:2", 5)
    assert await storage.timers.next_due() == after(5)
    assert await pop(storage, 4) == []
    async with storage.begin() as session:
        (key, packed), *rest = await storage.timers.pop_due(session, after(10), 1)
    assert (key, unpack(packed), rest) == ("escalate:2", EVENT, [])
    assert await pop(storage, 10) == ["escalate:1"]
    assert await pop(storage, 99) == []


async def test_a_key_has_one_timer(storage: Storage) -> None:
    await later(storage, "escalate:1", 5)
    await later(storage, "escalate:1", 50, replace(EVENT, incident=2))
    assert await pop(storage, 5) == []
    async with storage.begin() as session:
        ((_, packed),) = await storage.timers.pop_due(session, after(50), 9)
    assert unpack(packed).incident == 2


async def test_a_timer_that_was_taken_back(storage: Storage) -> None:
    await later(storage, "escalate:1", 5)
    async with storage.begin() as session:
        await storage.timers.not_later(session, "escalate:1")
        await storage.timers.not_later(session, "escalate:2")
    assert await pop(storage, 9) == []


async def test_a_timer_whose_handling_failed_is_due_again(storage: Storage) -> None:
    await later(storage, "escalate:1", 5)
    with pytest.raises(ZeroDivisionError):
        await undone(storage, lambda session: storage.timers.pop_due(session, after(9), 5))
    assert await pop(storage, 9) == ["escalate:1"]


async def test_two_processes_share_what_is_due(storage: Storage, other: Storage) -> None:
    for number in range(20):
        await later(storage, f"escalate:{number}", number)
    got = await asyncio.gather(*(pop(mine, 99, 5) for mine in (storage, other) for _ in range(2)))
    assert sorted(key for keys in got for key in keys) == sorted(f"escalate:{n}" for n in range(20))


async def test_pictures(storage: Storage) -> None:
    png = bytes(range(256)) * 100
    await storage.pictures.put_picture("p1", png, "latency, 15 minutes")
    await storage.pictures.put_picture("p1", b"other", "other")
    assert await storage.pictures.picture("p1") == (png, "latency, 15 minutes", "")
    await storage.pictures.uploaded("p1", "F1")
    assert (await storage.pictures.picture("p1"))[2] == "F1"
    with pytest.raises(NotFound, match="p2"):
        await storage.pictures.picture("p2")


async def test_progress(storage: Storage) -> None:
    assert await storage.state.progress("run:1") is None
    for done in (1, 2):
        async with storage.begin() as session:
            await storage.note_progress(
                session, "run:1", {"done": done, "doing": "restart \ud800", "steps": ["a"]}, NOW
            )
    assert await storage.state.progress("run:1") == {"done": 2, "doing": "restart \ufffd", "steps": ["a"]}


async def remember(storage: Storage, document: Document, seconds: float = 0) -> None:
    async with storage.begin() as session:
        await storage.remember(session, document, after(seconds))


async def test_documents_wait_for_the_index(storage: Storage) -> None:
    one, two = Document("incidents/INC-1", "INC-1", "slow"), Document("incidents/INC-2", "INC-2", "full")
    await remember(storage, two, 1)
    await remember(storage, one)
    assert await storage.documents.waiting() == (one, two)
    await storage.documents.indexed(one)
    assert await storage.documents.waiting() == (two,)
    await remember(storage, one, 5)
    assert await storage.documents.waiting() == (two,), "the very same is in the index already"
    newer = replace(one, text="slow because of the pool")
    await remember(storage, newer, 6)
    await storage.documents.indexed(one)
    assert await storage.documents.waiting() == (two, newer)
    assert await storage.documents.every() == (newer, two)
    assert await storage.documents.every(after="incidents/INC-1") == (two,)
