import asyncio
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.errors import AuditBroken, ConfigError
from storage.store import Storage
from tests.adapters.storage.build import KEY, NOW, after, incident, undone


async def write(storage: Storage, *entries: Entry, request_id: str = "request-1") -> None:
    async with storage.begin() as session:
        await storage.commit(session, Outcome(journal=entries), actor="U9", request_id=request_id, now=NOW)


def entry(number: int, incident_id: int | None = 1) -> Entry:
    return Entry(
        f"incident:{incident_id}", "note", "U1", "open", "open", f"line {number}", incident_id, {"n": number, "f": 0.1}
    )


async def ten_lines(storage: Storage) -> None:
    await write(storage, *(entry(n) for n in range(1, 5)))
    for number in range(5, 11):
        await write(storage, entry(number))


async def tamper(storage: Storage, *statements: str) -> None:
    """What somebody with the database and without the key could do."""
    triggers = {
        "journal": ("journal_no_update", "journal_no_delete", "journal_no_change"),
        "journal_head": ("journal_head_no_delete",),
    }
    async with storage.begin() as session:
        for table, names in triggers.items():
            for name in names:
                on = "" if storage.engine.dialect.name == "sqlite" else f" ON {table}"
                await session.execute(sa.text(f"DROP TRIGGER IF EXISTS {name}{on}"))
        for statement in statements:
            await session.execute(sa.text(statement))


async def test_lines_are_read_as_they_were_written(storage: Storage) -> None:
    await ten_lines(storage)
    await write(storage, entry(11, 2), Entry("automation", "stop", ""))
    lines = await storage.state.journal(1)
    assert [line.entry for line in lines] == [entry(n) for n in range(1, 11)]
    assert [line.seq for line in lines] == list(range(1, 11))
    assert {line.at for line in lines} == {NOW}
    assert [line.seq for line in await storage.state.journal(1, 3)] == [8, 9, 10]
    assert [line.entry.actor for line in await storage.journal.after(11)] == ["U9"]
    report = await storage.verify_audit()
    assert (report.ok, report.lines, report.first_bad, report.why) == (True, 12, None, "")


async def test_an_empty_log_holds(storage: Storage) -> None:
    assert (await storage.verify_audit()).ok


async def test_a_log_of_several_pages_holds(storage: Storage) -> None:
    for _ in range(3):
        await write(storage, *(entry(n) for n in range(800)))
    assert (await storage.verify_audit()).lines == 2400


async def test_many_writers_make_one_chain(storage: Storage, other: Storage) -> None:
    await asyncio.gather(*(write(mine, entry(n), entry(n + 100)) for mine in (storage, other) for n in range(12)))
    report = await storage.verify_audit()
    assert (report.ok, report.lines) == (True, 48)


async def test_what_was_rolled_back_is_not_in_the_log(storage: Storage) -> None:
    await ten_lines(storage)
    outcome = Outcome(journal=(entry(11),))
    with pytest.raises(ZeroDivisionError):
        await undone(storage, lambda session: storage.commit(session, outcome, actor="U1", request_id="r", now=NOW))
    await write(storage, entry(12))
    assert (await storage.verify_audit()).lines == 11


@pytest.mark.parametrize(
    "statement", ["UPDATE journal SET reason = 'x'", "DELETE FROM journal", "DELETE FROM journal_head"]
)
async def test_the_database_refuses_to_change_the_log(storage: Storage, statement: str) -> None:
    await ten_lines(storage)
    with pytest.raises(DBAPIError, match="only ever added to"):
        await undone(storage, lambda session: session.execute(sa.text(statement)))
    assert (await storage.verify_audit()).ok


COPY = "(seq, at, request_id, thing, verb, actor, before, after, reason, incident, detail, prev, hash) SELECT"
REST = "at, request_id, thing, 'approve', actor, before, after, reason, incident, detail, prev, hash FROM journal"


@pytest.mark.parametrize(
    ("statements", "first_bad", "why"),
    [
        (["UPDATE journal SET reason = 'harmless' WHERE seq = 4"], 4, "line 4 was changed"),
        (["UPDATE journal SET at = '2020-01-01 00:00:00.000000' WHERE seq = 7"], 7, "line 7 was changed"),
        (["UPDATE journal SET hash = prev WHERE seq = 2"], 2, "line 2 was changed"),
        (["DELETE FROM journal WHERE seq = 3"], 3, "line 3 was removed"),
        (["DELETE FROM journal WHERE seq < 4"], 1, "the lines 1 to 3 were removed"),
        (["DELETE FROM journal WHERE seq > 8"], 9, "the lines 9 to 10 were removed from the end"),
        (["DELETE FROM journal"], 1, "the lines 1 to 10 were removed from the end"),
        ([f"INSERT INTO journal {COPY} 11, {REST} WHERE seq = 10"], 11, "line 11 was inserted"),
        ([f"INSERT INTO journal {COPY} 0, {REST} WHERE seq = 10"], 0, "line 0 was inserted"),
        (
            ["UPDATE journal SET seq = -seq WHERE seq > 5", "UPDATE journal SET seq = 1 - seq WHERE seq < 0",
             f"INSERT INTO journal {COPY} 6, {REST} WHERE seq = 5"],
            6,
            "line 6 was changed",
        ),
        (
            ["DELETE FROM journal WHERE seq > 8",
             "UPDATE journal_head SET seq = 8, hash = (SELECT hash FROM journal WHERE seq = 8)"],
            9,
            "the head of the log",
        ),
    ],
    ids=["changed", "time", "hash", "removed", "beginning", "tail", "all", "appended", "prepended", "inserted", "head"],
)  # fmt: skip
async def test_tampering_is_found_and_named(
    storage: Storage, statements: Sequence[str], first_bad: int, why: str
) -> None:
    await ten_lines(storage)
    await tamper(storage, *statements)
    report = await storage.verify_audit()
    assert (report.ok, report.first_bad) == (False, first_bad)
    assert report.why.startswith(why)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("value", ["'nonsense'", "x'ff00'", "3", "CAST(x'ff' AS TEXT)"])
@pytest.mark.parametrize("column", ["at", "reason", "incident", "hash", "detail"])
async def test_anything_that_sqlite_keeps_in_a_column(storage: Storage, column: str, value: str) -> None:
    await ten_lines(storage)
    await tamper(storage, f"UPDATE journal SET {column} = {value} WHERE seq = 4")  # noqa: S608  # both are listed above
    report = await storage.verify_audit()
    assert (report.ok, report.first_bad) == (False, 4)


async def test_nothing_is_written_after_the_head_was_tampered_with(storage: Storage) -> None:
    await ten_lines(storage)
    await tamper(storage, "DELETE FROM journal WHERE seq = 10", "UPDATE journal_head SET seq = 9")
    with pytest.raises(AuditBroken, match="head of the audit log"):
        await write(storage, entry(10))
    with pytest.raises(AuditBroken):
        await storage.check()


async def test_a_removed_head_is_found_and_not_made_anew(storage: Storage) -> None:
    async with storage.begin() as session:
        await storage.commit(session, Outcome((incident()[0],)), actor="U1", request_id="r", now=NOW)
    await tamper(storage, "DELETE FROM journal_head")
    report = await storage.verify_audit()
    assert not report.ok
    assert "head" in report.why
    with pytest.raises(AuditBroken, match="somebody removed it"):
        await write(storage, entry(1))
    with pytest.raises(AuditBroken):
        await storage.migrate()


async def test_another_key_is_refused_with_what_to_do(storage: Storage, url: str) -> None:
    await ten_lines(storage)
    stranger = Storage(url, b"another key, and as long as needed")
    for attempt in (stranger.migrate, stranger.check, stranger.verify_audit, lambda: write(stranger, entry(1))):
        with pytest.raises(ConfigError, match="Put the old key back"):
            await attempt()
    await stranger.close()
    assert (await storage.verify_audit()).lines == 10


def test_no_key_is_refused(url: str) -> None:
    for key in (b"", KEY[:31]):
        with pytest.raises(ConfigError, match=r"audit\.key"):
            Storage(url, key)


async def test_text_that_no_database_can_hold_can_be_written_down(storage: Storage) -> None:
    await write(
        storage,
        Entry("incident:1", "note", reason="nul \x00 and half \ud800", detail={"a\x00": "\udfff"}),
        request_id="\x00",
    )
    assert (await storage.verify_audit()).ok


async def test_the_time_of_another_zone_is_the_same_line(storage: Storage) -> None:
    async with storage.begin() as session:
        await storage.commit(session, Outcome(journal=(entry(1),)), actor="U1", request_id="r", now=after(0.000001))
    assert (await storage.verify_audit()).ok
    assert (await storage.state.journal(1))[0].at == after(0.000001)
