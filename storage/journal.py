"""The audit log, which is also the log of transitions: appended to in the commit that it tells of, never changed."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from bot.domain.journal import Entry, Line
from bot.errors import AuditBroken
from storage import chain, tables
from storage.chain import AuditReport, Head, Record
from storage.database import Database, insert

_AT_ONCE = 1_000
_HEAD = 1
_TEXTS = ("request_id", "thing", "verb", "actor", "before", "after", "reason", "detail", "prev", "hash")


class Journal:
    """The log of one database. Raises ``ConfigError`` when the key is missing or too short."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = chain.usable(key)

    async def begin(self) -> None:
        """Write the head of a log in which nothing stands yet, or see that an existing one has the same key.

        Raises ``ConfigError`` when the key is another, ``AuditBroken`` when there are lines or things but no head.
        """
        async with self._database.write() as session:
            found = await _head(session)
            if found is None:
                for table in (tables.journal, tables.incidents):
                    if (await session.execute(sa.select(sa.literal(1)).select_from(table).limit(1))).first():
                        raise AuditBroken(_NO_HEAD)
                first = chain.head(self._key, 0, chain.BEGINNING)
                statement = insert(session, tables.journal_head).on_conflict_do_nothing()
                await session.execute(statement, [{"id": _HEAD, **asdict(first)}])
                found = await _head(session)
            if found is not None:
                chain.same_key(self._key, found)

    async def check(self) -> None:
        """Raise ``ConfigError`` or ``AuditBroken`` when lines could not be added with this key."""
        async with self._database.read() as connection:
            self._trusted(await _head(connection))

    async def append(
        self, session: AsyncSession, entries: Sequence[Entry], *, actor: str, request_id: str, now: datetime
    ) -> None:
        """Add the entries in their order, in the session's transaction. ``actor`` stands in where an entry names none.

        Transactions that append wait for each other from here to their end. Raises ``AuditBroken`` when the head was
        tampered with: then nothing can be written down any more, and so nothing may happen.
        """
        if not entries:
            return
        last = self._trusted(await _head(session, lock=True))
        lines: list[Record] = []
        for entry in entries:
            named = entry if entry.actor else replace(entry, actor=actor)
            lines.append(chain.record(self._key, last, named, request_id, now))
            last = chain.head(self._key, lines[-1].seq, lines[-1].hash)
        await session.execute(sa.insert(tables.journal), [asdict(line) for line in lines])
        head = tables.journal_head
        await session.execute(sa.update(head).where(head.c.id == _HEAD).values(asdict(last)))

    async def about(self, incident: int, limit: int) -> tuple[Line, ...]:
        """The newest lines about an incident, the oldest of them first."""
        table = tables.journal
        query = _select().where(table.c.incident == incident).order_by(table.c.seq.desc()).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return tuple(_record(row).line for row in reversed(rows))

    async def after(self, seq: int, limit: int = _AT_ONCE) -> tuple[Line, ...]:
        """The lines after that one in their order: for an export, or for numbers."""
        async with self._database.read() as connection:
            return tuple(_record(row).line for row in await _next(connection, seq, limit))

    async def verify(self) -> AuditReport:
        """Walk the whole log, a thousand lines at a time, and name the first line that is not as it was written.

        Raises ``ConfigError`` when the log was begun with another key than this.
        """
        async with self._database.read() as connection:
            end = await _head(connection)
            if end is None:
                return AuditReport(0, ok=False, why=_NO_HEAD)
            chain.same_key(self._key, end)
            walk = chain.Walk(self._key, end)
            seen: int | None = None
            at_once = _AT_ONCE
            while True:
                try:
                    rows = await _next(connection, seen, at_once)
                except DBAPIError:  # SQLite keeps bytes that are no text, and cannot give them back
                    if at_once == 1:
                        walk.unreadable()
                        break
                    at_once = 1
                    continue
                if not rows or not all(walk.step(_record(row)) for row in rows):
                    break
                seen = rows[-1]["seq"]
        return walk.finish()

    def _trusted(self, found: Head | None) -> Head:
        if found is None:
            raise AuditBroken(_NO_HEAD)
        chain.same_key(self._key, found)
        if not chain.genuine(self._key, found):
            raise AuditBroken(
                "The head of the audit log was changed by somebody without its key. Nothing is written until a person "
                "has looked: `fettle audit verify` names the first bad line."
            )
        return found


_NO_HEAD = (
    "The head of the audit log is missing although the database is in use: somebody removed it. Nothing is written "
    "until a person has looked."
)


async def _head(connection: AsyncSession | AsyncConnection, *, lock: bool = False) -> Head | None:
    table = tables.journal_head
    query = sa.select(table.c.seq, table.c.hash, table.c.seal, table.c.key_print).where(table.c.id == _HEAD)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    return None if row is None else Head(row.seq, row.hash, row.seal, row.key_print)


async def _next(connection: AsyncConnection, after: int | None, limit: int) -> Sequence[sa.RowMapping]:
    query = _select().order_by(tables.journal.c.seq).limit(limit)
    if after is not None:
        query = query.where(tables.journal.c.seq > after)
    result: sa.CursorResult[Any] = await connection.execute(query)
    return result.mappings().all()


def _select() -> sa.Select[Any]:
    columns = tables.journal.c
    return sa.select(*(sa.type_coerce(one, sa.Text).label("at") if one.name == "at" else one for one in columns))


def _record(row: sa.RowMapping) -> Record:
    # SQLite keeps any value in any column, so that a line which was tampered with may hold something else than text.
    texts = {name: str(row[name]) for name in _TEXTS}
    incident = row["incident"]
    number = incident if incident is None or isinstance(incident, int) else -1
    return Record(seq=row["seq"], at=_moment(row["at"]), incident=number, **texts)


def _moment(stored: object) -> datetime:
    if isinstance(stored, datetime):
        return stored
    try:
        return datetime.fromisoformat(str(stored)).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
