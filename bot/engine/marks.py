"""Marks that an effect was begun, so that nobody repeats one whose outcome is unknown."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine


class Marks:
    """The table ``engine_marks``: one row for every effect that was begun and may have happened."""

    def __init__(self, database: AsyncEngine, schema: str) -> None:
        self._database = database
        self._table = f"{schema}engine_marks"

    async def create(self) -> None:
        async with self._database.begin() as connection:
            if self._database.dialect.name == "postgresql":  # where IF NOT EXISTS is not safe among several
                await connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('engine_marks'))"))
            await connection.execute(
                sa.text(
                    f"CREATE TABLE IF NOT EXISTS {self._table}"
                    " (job TEXT NOT NULL, step TEXT NOT NULL, PRIMARY KEY (job, step))"
                )
            )

    async def place(self, job: str, step: str) -> bool:
        """Durable when it returns. False means that the mark stood already: somebody began this effect before."""
        insert = f"INSERT INTO {self._table} (job, step) VALUES (:job, :step) ON CONFLICT DO NOTHING RETURNING job"  # noqa: S608 - our own table's name
        return bool(await self._write(insert, job, step))

    async def lift(self, job: str, step: str) -> None:
        """Takes a mark away: its effect is known not to have happened."""
        await self._write(f"DELETE FROM {self._table} WHERE job = :job AND step = :step RETURNING job", job, step)  # noqa: S608 - as above

    async def _write(self, statement: str, job: str, step: str) -> int:
        async with self._database.begin() as connection:
            return len((await connection.execute(sa.text(statement), {"job": job, "step": step})).all())
