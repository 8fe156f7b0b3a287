import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.approval import Approval, ApprovalState
from bot.domain.cause import Search
from bot.domain.change import Change
from bot.domain.guide import Guide, GuideRun, Step, start
from bot.domain.incident import Alert, Incident, IncidentState, Mute
from bot.domain.outcome import Outcome
from bot.domain.policy import Automation
from bot.domain.troubleshooting import Session
from bot.domain.unanswered import Asked, Unanswered
from bot.errors import NotFound, Stale
from storage.store import Storage
from tests.adapters.storage.build import NOW, after, approval, change, closed, gap, incident, session, signal, undone


async def commit(storage: Storage, outcome: Outcome) -> None:
    async with storage.begin() as session:
        await storage.commit(session, outcome, actor="U1", request_id="request-1", now=NOW)


async def save(storage: Storage, *things: object) -> None:
    await commit(storage, Outcome(tuple(things)))


async def test_what_was_saved_is_read_with_its_new_version(storage: Storage) -> None:
    opened, alert, _ = incident()
    guide = Guide("slow", 1, "Slow checkout", "checkout", (Step("Look", "http"),))
    run, _ = start("g1", guide, 1, "U1", NOW, "the cause fits")
    mute = Mute("m1", "checkout", "", after(60), "U1", "maintenance")
    search = Search(1, 0, NOW)
    things: dict[str | int, Any] = {
        1: opened,
        "1:print-one": alert,
        "g1": run,
        "m1": mute,
        "c1": change(),
        "a1": approval(),
        "1": search,
        "T-1": session(),
        gap().id: gap(),
    }
    await save(storage, *things.values(), Automation(stopped_by="U1", stopped_at=NOW))
    for thing_id, thing in things.items():
        assert await storage.state.get(type(thing), thing_id) == replace(thing, version=1)
    assert (await storage.state.get(Automation, "automation")).stopped_by == "U1"


async def test_saving_over_the_version_that_was_read(storage: Storage) -> None:
    opened, _, _ = incident()
    await save(storage, opened)
    first = await storage.state.get(Incident, 1)
    await save(storage, replace(first, title="second"))
    second = await storage.state.get(Incident, 1)
    assert (second.version, second.title) == (2, "second")
    with pytest.raises(Stale, match="incident 1"):
        await save(storage, replace(first, title="too late"))
    assert await storage.state.get(Incident, 1) == second


async def test_a_stale_thing_undoes_the_whole_outcome(storage: Storage) -> None:
    opened, alert, entry = incident()
    await save(storage, opened)
    async with storage.begin() as session:
        await storage.take(session, [signal()])
    outcome = Outcome((opened, alert), (entry,), placed=("signal-one",))
    with pytest.raises(Stale):
        await commit(storage, outcome)
    assert await storage.state.find(Alert) == ()
    assert await storage.state.journal(1) == ()
    assert len(await storage.state.waiting_signals(9)) == 1


async def test_a_new_thing_that_somebody_else_made_first_is_stale(storage: Storage) -> None:
    await save(storage, incident(1, "one")[0])
    with pytest.raises(Stale, match="incident 1"):
        await save(storage, *(incident(number, "two")[0] for number in (1, 2)))
    assert await storage.state.next_incident() == 2


async def test_a_thing_that_was_never_saved_cannot_be_replaced(storage: Storage) -> None:
    with pytest.raises(Stale):
        await save(storage, replace(incident()[0], version=3))


async def test_one_outcome_saves_a_thing_once(storage: Storage) -> None:
    opened, _, _ = incident()
    with pytest.raises(ValueError, match="incident 1 more than once"):
        await save(storage, opened, replace(opened, title="again"))


async def test_only_things_are_saved(storage: Storage) -> None:
    with pytest.raises(TypeError, match="Signal"):
        await save(storage, signal())


async def test_two_writers_race_and_every_win_counts(storage: Storage, other: Storage) -> None:
    await save(storage, replace(incident()[0], alerts=0))

    async def count(mine: Storage, times: int) -> int:
        lost = 0
        for _ in range(times):
            while True:
                read = await mine.state.get(Incident, 1)
                try:
                    await save(mine, replace(read, alerts=read.alerts + 1))
                    break
                except Stale:
                    lost += 1
        return lost

    lost = await asyncio.gather(*(count(mine, 15) for mine in (storage, other) for _ in range(2)))
    final = await storage.state.get(Incident, 1)
    assert (final.alerts, final.version) == (60, 61)
    assert sum(lost) > 0


async def test_two_make_the_next_incident_at_once(storage: Storage, other: Storage) -> None:
    async def make(mine: Storage, name: str) -> None:
        while True:
            try:
                await save(mine, incident(await mine.state.next_incident(), name)[0])
                break
            except Stale:
                pass

    await asyncio.gather(*(make(mine, f"{n}") for mine in (storage, other) for n in range(4)))
    assert sorted(one.id for one in await storage.state.find(Incident)) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_finding_by_columns(storage: Storage) -> None:
    one, two = incident(1, "one", "checkout")[0], incident(2, "two", "search")[0]
    three = closed(incident(3, "three", "checkout")[0])
    moved = replace(two, opened_at=after(-60), touched_at=after(-30))
    await save(storage, one, moved, three)

    async def found(**where: object) -> list[int]:
        return [each.id for each in await storage.state.find(Incident, **where)]  # type: ignore[arg-type]  # mypy mixes where with limit and newest

    assert await found() == [3, 1, 2]
    assert await found(newest=False) == [2, 1, 3]
    assert await found(limit=1) == [3]
    assert await found(closed=False) == [1, 2]
    assert await found(service="checkout", closed=True) == [3]
    assert await found(service=("search", "other")) == [2]
    assert await found(service=[]) == []
    assert await found(state=IncidentState.RESOLVED) == [3]
    assert await found(closed_at=None) == [1, 2]
    assert await found(opened_at__before=NOW) == [2]
    assert await found(opened_at__after=NOW) == [3, 1]
    assert await found(touched_at__after=after(-40), touched_at__before=NOW) == [2]
    assert await found(id=(1, 3)) == [3, 1]


async def test_finding_other_things(storage: Storage) -> None:
    await save(storage, change("c1"), change("c2", 2, 5), change("c3", 2, 9), approval("a1"), approval("a2", -5))
    assert [one.id for one in await storage.state.find(Change, incident=2)] == ["c3", "c2"]
    waiting = await storage.state.find(Approval, state=ApprovalState.WAITING, expires_at__before=NOW)
    assert [one.id for one in waiting] == ["a2"]
    assert await storage.state.find(GuideRun) == ()


async def test_finding_sessions_of_a_person(storage: Storage) -> None:
    await save(storage, session("T-1", "U1", 5), session("T-2", "U2", 7), session("T-3", "U1", 9))
    first = await storage.state.get(Session, "T-1")
    await save(storage, replace(first, touched_at=after(60), pasted=(*first.pasted, "again")))
    assert [one.id for one in await storage.state.find(Session, by="U1")] == ["T-1", "T-3"]
    assert [one.id for one in await storage.state.find(Session, touched_at__before=after(9))] == ["T-2"]
    assert (await storage.state.get(Session, "T-1")).pasted[-1] == "again"
    with pytest.raises(NotFound, match="There is no troubleshooting session T-9"):
        await storage.state.get(Session, "T-9")
    with pytest.raises(ValueError, match="pasted"):
        await storage.state.find(Session, pasted="again")


async def test_finding_gaps(storage: Storage) -> None:
    one, two = gap("One?", 5, times=4), replace(gap("Two?", 9), kind=Asked.ALERT, service="search", owner="")
    await save(storage, one, two, gap("Three?", 20, closed_by="U1"))

    async def found(**where: object) -> list[str]:
        return [each.text for each in await storage.state.find(Unanswered, **where)]  # type: ignore[arg-type]  # as above

    assert await found() == ["Three?", "Two?", "One?"]
    assert await found(open=True) == ["Two?", "One?"]
    assert await found(open=False) == ["Three?"]
    assert await found(owner="") == await found(service="search") == ["Two?"]
    assert await found(times=4) == ["One?"]
    stored = await storage.state.get(Unanswered, one.id)
    await save(storage, replace(stored, times=5, last_at=after(30), closed_by="U2"))
    assert await found(open=True) == ["Two?"]
    assert await found(open=False) == ["One?", "Three?"]
    with pytest.raises(Stale, match="gap"):
        await save(storage, one)


@pytest.mark.parametrize(
    "where", [{"title": "x"}, {"body": "x"}, {"version": 1}, {"opened_at__since": NOW}, {"opened_at__before": 3}]
)
async def test_finding_by_what_is_no_column(storage: Storage, where: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(where)).partition("__")[0]):
        await storage.state.find(Incident, **where)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("thing_id", [7, "7", "seven", "\u0667", "9" * 30, "-1", "1'; DROP TABLE incidents; --"])
async def test_what_is_not_there(storage: Storage, thing_id: str | int) -> None:
    with pytest.raises(NotFound, match="There is no incident"):
        await storage.state.get(Incident, thing_id)
    for kind in (Alert, Change):
        with pytest.raises(NotFound):
            await storage.state.get(kind, thing_id)


async def test_automation_may_run_before_anybody_touched_the_switch(storage: Storage) -> None:
    assert await storage.state.get(Automation, "automation") == Automation()
    await save(storage, replace(Automation(), stopped_by="U1"))
    with pytest.raises(Stale):
        await save(storage, replace(Automation(), stopped_by="U2"))


async def test_only_open_incidents_hold_alerts(storage: Storage) -> None:
    things = []
    for number, name in ((1, "one"), (2, "two"), (3, "one")):
        made, alert, _ = incident(number, name)
        things += [closed(made) if number == 2 else made, alert]
    await save(storage, *things)
    held = await storage.state.holders(["print-one", "print-two", "print-three", "print-one"])
    assert {print_: alert.incident for print_, alert in held.items()} == {"print-one": 3}
    many = [f"print-{n}" for n in range(1200)] + ["print-one"]
    assert list(await storage.state.holders(many)) == ["print-one"]


async def test_a_session_that_fails_leaves_nothing(storage: Storage) -> None:
    outcome = Outcome((incident()[0],))
    with pytest.raises(ZeroDivisionError):
        await undone(storage, lambda session: storage.commit(session, outcome, actor="U1", request_id="r", now=NOW))
    assert await storage.state.find(Incident) == ()


async def test_reading_does_not_wait_for_a_writer(storage: Storage, other: Storage) -> None:
    await save(storage, incident()[0])
    async with storage.begin() as session:
        await storage.commit(session, Outcome((incident(2)[0],)), actor="U1", request_id="r", now=NOW)
        for reader in (storage, other):
            assert [one.id for one in await reader.state.find(Incident)] == [1]


async def test_a_time_without_a_zone_is_refused(storage: Storage) -> None:
    with pytest.raises(ValueError, match="time zone"):
        await storage.state.find(Incident, opened_at__before=NOW.replace(tzinfo=None))


async def test_text_that_the_database_cannot_hold(storage: Storage) -> None:
    await save(storage, incident(1, "one", "check\x00out \ud800")[0])
    assert [one.id for one in await storage.state.find(Incident, service="check\ufffdout \ufffd")] == [1]
