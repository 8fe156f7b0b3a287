"""What has been spent, kept in memory."""


class Ledger:
    """Spending that lasts as long as its process; scopes beyond the newest ``most`` are forgotten."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._spent: dict[str, float] = {}

    async def spent(self, scope: str) -> float:
        """The scope's total."""
        return self._spent.get(scope, 0.0)

    async def add(self, scope: str, cost: float) -> float:
        """Add to a scope; gives the total after it."""
        total = max(self._spent.pop(scope, 0.0) + cost, 0.0)
        self._spent[scope] = total
        while len(self._spent) > self._most:
            del self._spent[next(iter(self._spent))]
        return total
