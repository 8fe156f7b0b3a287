"""Pictures for messages, kept until they are uploaded, and the progress that living messages show meanwhile."""

import json
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import NotFound
from storage.columns import clean
from storage.database import Database, insert
from storage.tables import pictures, progress


class Pictures:
    """The table ``pictures``: what was drawn, by the id of the drawing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_picture(self, picture_id: str, png: bytes, alt: str) -> None:
        """Keep a picture; the same id is the same picture, so it is kept once."""
        async with self._database.write() as session:
            row = {"id": picture_id, "png": png, "alt": alt, "file_id": ""}
            await session.execute(insert(session, pictures).values(row).on_conflict_do_nothing())

    async def picture(self, picture_id: str) -> tuple[bytes, str, str]:
        """The picture, what it shows in words, and its file id at Slack (empty until it is uploaded).

        Raises ``NotFound``.
        """
        query = sa.select(pictures.c.png, pictures.c.alt, pictures.c.file_id).where(pictures.c.id == picture_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise NotFound(f"There is no picture {picture_id}; the message that shows it has to be rendered again.")
        return bytes(row.png), row.alt, row.file_id

    async def uploaded(self, picture_id: str, file_id: str) -> None:
        """Note the picture's file id at Slack."""
        async with self._database.write() as session:
            await session.execute(sa.update(pictures).where(pictures.c.id == picture_id).values(file_id=file_id))


async def note_progress(session: AsyncSession, key: str, data: Mapping[str, object], now: datetime) -> None:
    """Note what a living message shall show while its handler still works, instead of what was noted before."""
    row = {"key": key, "data": clean(json.dumps(data, ensure_ascii=False)), "at": now}
    statement = insert(session, progress).values(row)
    await session.execute(statement.on_conflict_do_update(index_elements=[progress.c.key], set_=row))
