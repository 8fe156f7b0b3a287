"""Documents that Fettle wrote itself and that shall go into the knowledge index, kept so that it can be built anew."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.passage import Document
from storage.codec import decode, encode
from storage.database import Database, insert
from storage.tables import documents


class Documents:
    """The table ``documents``, by path. What takes a session happens in that session's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remember(self, session: AsyncSession, document: Document, now: datetime) -> None:
        """Keep the document instead of what stood under its path. Unless it is the very same, it waits again."""
        fresh = insert(session, documents)
        row = {
            "path": document.path,
            "digest": document.version,
            "in_index": False,
            "at": now,
            "body": encode(document),
        }
        changed = documents.c.digest != fresh.excluded.digest
        await session.execute(
            fresh.on_conflict_do_update(
                index_elements=[documents.c.path],
                set_={name: fresh.excluded[name] for name in row if name != "path"},
                where=changed,
            ),
            row,
        )

    async def waiting(self, limit: int = 50) -> tuple[Document, ...]:
        """Documents that are not in the index yet, the longest waiting first."""
        query = sa.select(documents.c.body).where(~documents.c.in_index)
        async with self._database.read() as connection:
            bodies = await connection.scalars(query.order_by(documents.c.at, documents.c.path).limit(limit))
            return tuple(decode(Document, body) for body in bodies)

    async def indexed(self, document: Document) -> None:
        """Note that this version of the document is in the index. A newer one that came meanwhile still waits."""
        statement = sa.update(documents).where(
            documents.c.path == document.path, documents.c.digest == document.version
        )
        async with self._database.write() as session:
            await session.execute(statement.values(in_index=True))

    async def every(self, after: str = "", limit: int = 500) -> tuple[Document, ...]:
        """All documents by path, those after the given one: for building the index anew."""
        query = sa.select(documents.c.body).where(documents.c.path > after)
        async with self._database.read() as connection:
            bodies = await connection.scalars(query.order_by(documents.c.path).limit(limit))
            return tuple(decode(Document, body) for body in bodies)
