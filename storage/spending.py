"""What language models have cost so far, by scope, so that a budget holds across processes and restarts."""

from datetime import date

import sqlalchemy as sa

from storage.database import Database, insert
from storage.tables import spending

# Whole billionths add up to exactly the same in any order, so that what was set aside is given back to the last crumb.
_UNIT = 1_000_000_000
_MOST = 1e9


class Spending:
    """The table ``spending``: a total for each scope, in the currency of the prices, to the billionth."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spent(self, scope: str) -> float:
        """The scope's total, 0 where nothing was ever added."""
        query = sa.select(spending.c.billionths).where(spending.c.scope == scope)
        async with self._database.read() as connection:
            return ((await connection.execute(query)).scalar() or 0) / _UNIT

    async def add(self, scope: str, cost: float) -> float:
        """Add to a scope, or take back with a negative cost; gives the total after it, which is never below 0.

        It is one statement, committed when it returns: of several at once, each sees what those before it added.
        Raises ``ValueError`` for what cannot be a cost, ``Stale`` and ``Transient`` as every writing does.
        """
        if not abs(cost) < _MOST:
            raise ValueError(f"{cost} cannot be what a model cost; a number between {-_MOST:g} and {_MOST:g} can.")
        amount = round(cost * _UNIT)
        total = spending.c.billionths + amount
        async with self._database.write() as session:
            statement = (
                insert(session, spending)
                .values(scope=scope, billionths=max(amount, 0))
                .on_conflict_do_update(
                    index_elements=[spending.c.scope],
                    set_={"billionths": sa.case((total > 0, total), else_=0)},
                )
                .returning(spending.c.billionths)
            )
            after: int = (await session.execute(statement)).scalar_one()
        return after / _UNIT

    async def forget(self, before: date) -> int:
        """Remove the totals of the days before that one (scopes ``day:<date>``). How many they were."""
        old = sa.and_(spending.c.scope.startswith("day:"), spending.c.scope < f"day:{before:%Y-%m-%d}")
        async with self._database.write() as session:
            gone = await session.scalars(sa.delete(spending).where(old).returning(spending.c.scope))
            return len(gone.all())
