import asyncio
from datetime import date

import pytest

from bot.domain.model import Spending
from storage.store import Storage
from tests.adapters.storage.build import NOW

DAY = f"day:{NOW:%Y-%m-%d}"


async def test_each_scope_has_a_total_of_its_own(storage: Storage, other: Storage) -> None:
    spending: Spending = storage.spending
    assert await spending.spent("incident:1") == 0
    assert await spending.add("incident:1", 0.25) == 0.25
    assert await spending.add("incident:1", 0.5) == 0.75
    assert await spending.add(DAY, 2) == 2
    assert await other.spending.spent("incident:1") == 0.75
    assert await other.spending.spent(DAY) == 2
    assert await other.spending.spent("incident:2") == 0


@pytest.mark.parametrize("cost", [0.01, 0.0000007, 1e-9, 0.1 + 0.2])
async def test_what_two_processes_add_at_once_is_all_counted(storage: Storage, other: Storage, cost: float) -> None:
    async def add(mine: Storage) -> list[float]:
        return [await mine.spending.add(DAY, cost) for _ in range(100)]

    totals = await asyncio.gather(add(storage), add(other))
    assert await storage.spending.spent(DAY) == round(200 * cost, 9)
    seen = sorted(total for of_one in totals for total in of_one)
    assert seen == [round(cost * n, 9) for n in range(1, 201)], "each add gave a total that no other gave"
    assert all(of_one == sorted(of_one) for of_one in totals)


async def test_a_budget_is_never_passed_however_many_ask_at_once(storage: Storage, other: Storage) -> None:
    """As the model books: set the price aside, and give it back when that is beyond the limit."""

    async def ask(mine: Storage) -> bool:
        if await mine.spending.add(DAY, 0.1) <= 1:
            return True
        await mine.spending.add(DAY, -0.1)
        return False

    let_through = await asyncio.gather(*(ask(mine) for mine in (storage, other) for _ in range(20)))
    assert 0 < sum(let_through) <= 10
    assert await storage.spending.spent(DAY) == round(0.1 * sum(let_through), 9)
    for _ in range(10 - sum(let_through)):
        assert await ask(storage)
    assert not await ask(storage)
    assert await storage.spending.spent(DAY) == 1


async def test_taking_back_leaves_no_crumb_and_never_a_credit(storage: Storage) -> None:
    spending = storage.spending
    assert [await spending.add(DAY, cost) for cost in (0.1, 0.2, -0.1, -0.2)] == [0.1, 0.3, 0.2, 0]
    assert await spending.add(DAY, -3) == 0
    assert await spending.add("day:2020-01-01", -3) == 0, "taken back after its day was forgotten"
    assert await spending.add(DAY, 0.5) == 0.5


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), float("-inf"), 1e12])
async def test_what_cannot_be_a_cost_is_refused(storage: Storage, cost: float) -> None:
    await storage.spending.add(DAY, 1)
    with pytest.raises(ValueError, match="cannot be what a model cost"):
        await storage.spending.add(DAY, cost)
    assert await storage.spending.spent(DAY) == 1


async def test_only_days_before_the_given_one_are_forgotten(storage: Storage) -> None:
    kept = ("day:2026-03-01", "day:2026-11-21", "incident:1", "dayside", "day_2020-01-01")
    for scope in ("day:2025-12-31", "day:2026-02-28", *kept):
        await storage.spending.add(scope, 1)
    assert await storage.spending.forget(date(2026, 3, 1)) == 2
    assert await storage.spending.forget(date(2026, 3, 1)) == 0
    assert [await storage.spending.spent(scope) for scope in kept] == [1] * len(kept)
    assert await storage.spending.spent("day:2026-02-28") == 0
