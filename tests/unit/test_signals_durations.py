from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.observed import Calls, Work
from skills.rca.signals.blocks import Clockwork
from skills.rca.signals.durations import GAP_FLOOR, Pace, own_times, waits
from tests.builders import at

CLOCK = Clockwork(at(-2), at(0), 60.0)
FLOOR = 0.010
SECONDS = st.floats(0, 1e5)


def call(minute: float, client: float | None, server: float | None, count: int = 10, caller: str = "web") -> Calls:
    return Calls(at(minute), 60.0, caller, "shop", count, 0, client, server)


def spent(*seconds: Sequence[float], count: int = 20) -> dict[tuple[str, int], tuple[float, int]]:
    """For each part its seconds, bin by bin."""
    return {
        (f"part {place}", number): (one, count) for place, some in enumerate(seconds) for number, one in enumerate(some)
    }


def test_a_callers_wait_is_what_the_callee_did_not_work() -> None:
    found, floors = waits([call(-5, 0.3, 0.1), call(-5, 0.5, 0.1, 30), call(-4, 0.1, 0.2)], CLOCK)
    early, late = CLOCK.bin(at(-5)), CLOCK.bin(at(-4))
    seconds, count = found["shop"]["web", early]
    assert (seconds, count) == pytest.approx((0.35, 40)), "the mean, weighed by calls"
    assert found["shop"]["web", late] == (0.0, 10), "a callee that works longer than its caller waits is no gap"
    assert floors["shop"] == pytest.approx(GAP_FLOOR + 0.1 * 0.1)


def test_ends_that_nobody_measured_are_no_wait() -> None:
    assert waits([call(-5, None, 0.1), call(-5, 0.1, None), call(-5, None, None)], CLOCK) == ({}, {})


def test_no_calls_at_all_are_no_time() -> None:
    found, _ = waits([call(-5, 0.3, 0.1, 0)], CLOCK)
    assert found == {"shop": {}}
    assert own_times([Work(at(-5), 60.0, "shop", "pay", 3)], CLOCK) == {}


def test_own_time_is_by_operation() -> None:
    found = own_times([Work(at(-5), 60.0, "shop", name, 5, 0, 0.2) for name in ("pay", "view")], CLOCK)
    assert set(found["shop"]) == {("pay", CLOCK.bin(at(-5))), ("view", CLOCK.bin(at(-5)))}


def test_a_block_that_takes_as_long_as_ever_is_not_slower() -> None:
    pace = Pace(spent([0.1] * 12), range(8), FLOOR)
    found = pace.slower(range(8, 12))
    assert found
    assert found.ratio == 0


def test_twice_as_long_is_about_twice_as_slow() -> None:
    pace = Pace(spent([0.1] * 8 + [0.2] * 4, count=1000), range(8), 0.0001)
    found = pace.slower(range(8, 12))
    assert found
    assert found.ratio == pytest.approx(1.0, rel=0.05)
    assert (found.before, found.then, found.bin) == (0.1, 0.2, 8)


def test_a_slowness_is_told_from_where_it_began() -> None:
    found = Pace(spent([0.1] * 10 + [0.4] * 3, count=1000), range(8), FLOOR).slower(range(8, 13))
    assert found
    assert found.bin == 10


def test_a_slowness_that_is_over_says_less_than_one_that_lasts() -> None:
    over = Pace(spent([0.1] * 8 + [0.4, 0.1, 0.1, 0.1]), range(8), FLOOR).slower(range(8, 12))
    lasts = Pace(spent([0.1] * 8 + [0.4] * 4), range(8), FLOOR).slower(range(8, 12))
    assert over
    assert lasts
    assert over.ratio < lasts.ratio


def test_few_calls_say_little() -> None:
    few, many = (
        Pace(spent([0.1] * 8 + [0.4] * 2, count=count), range(8), FLOOR).slower(range(8, 10)) for count in (1, 100)
    )
    assert few
    assert many
    assert few.ratio < many.ratio / 2


def test_one_part_among_many_does_not_make_the_middle_slower() -> None:
    pace = Pace(spent([0.1] * 10, [0.1] * 10, [0.1] * 8 + [5.0] * 2), range(8), FLOOR)
    found = pace.slower(range(8, 10))
    assert found
    assert found.ratio == 0


def test_a_part_that_is_new_is_compared_with_the_others() -> None:
    times = spent([0.1] * 8) | {("new", 9): (0.8, 50)}
    found = Pace(times, range(8), FLOOR).slower([9])
    assert found
    assert found.before == 0.1
    assert found.ratio > 2


@pytest.mark.parametrize(
    ("past", "block"), [((), (8, 9)), (range(20, 28), (8, 9)), (range(8), (30, 31)), (range(8), ())]
)
def test_without_a_past_or_a_present_nothing_is_said(past: Sequence[int], block: Sequence[int]) -> None:
    assert Pace(spent([0.1] * 10), past, FLOOR).slower(block) is None


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ab"), st.integers(0, 12)), st.tuples(SECONDS, st.integers(1, 10**6)), max_size=30
    ),
    st.lists(st.integers(0, 12)),
    st.lists(st.integers(0, 12), unique=True).map(sorted),
)
def test_any_times_can_be_compared(
    times: dict[tuple[str, int], tuple[float, int]], past: Sequence[int], block: Sequence[int]
) -> None:
    found = Pace(times, past, FLOOR).slower(block)
    assert found is None or (found.ratio >= 0 and found.bin in block)
