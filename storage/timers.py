"""Events for a later time, as rows with a due time: no code waits, so a restart loses nothing."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database, insert
from storage.tables import timers


class Timers:
    """The table ``timers``. What takes a session happens in that session's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def later(self, session: AsyncSession, key: str, due: datetime, packed: Mapping[str, Any]) -> None:
        """Put a packed event off under that key, instead of what stood there."""
        row = {"key": key, "due": due, "event": json.dumps(packed, ensure_ascii=False, separators=(",", ":"))}
        statement = insert(session, timers).values(row)
        await session.execute(statement.on_conflict_do_update(index_elements=[timers.c.key], set_=row))

    async def not_later(self, session: AsyncSession, key: str) -> None:
        """Take back what was put off under that key, if anything was."""
        await session.execute(sa.delete(timers).where(timers.c.key == key))

    async def pop_due(self, session: AsyncSession, now: datetime, limit: int) -> list[tuple[str, dict[str, Any]]]:
        """Take out what is due, the longest due first, as ``(key, packed event)``; another process gets other ones."""
        due = sa.select(timers.c.key).where(timers.c.due <= now).order_by(timers.c.due, timers.c.key).limit(limit)
        keys = list(await session.scalars(due.with_for_update(skip_locked=True)))
        if not keys:
            return []
        gone = sa.delete(timers).where(timers.c.key.in_(keys)).returning(timers.c.key, timers.c.event)
        events = {row.key: row.event for row in await session.execute(gone)}
        return [(key, json.loads(events[key])) for key in keys if key in events]

    async def next_due(self) -> datetime | None:
        """When the next one is due, None when nothing waits."""
        async with self._database.read() as connection:
            first: datetime | None = (await connection.execute(sa.select(sa.func.min(timers.c.due)))).scalar()
        return first
