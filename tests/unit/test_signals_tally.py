from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import Window
from skills.rca.signals.blocks import Clockwork
from skills.rca.signals.counts import Key
from skills.rca.signals.tally import Read, tallies
from tests.builders import at

CLOCK = Clockwork(at(-2), at(0.5), 60.0)
ZERO = CLOCK.bin(at(0))
PAID, ADDED = Key("shop", "paid"), Key("cart", "added")
NOW = [ZERO - 2, ZERO - 1, ZERO]
PAST = [[ZERO - 8, ZERO - 7, ZERO - 6], [ZERO - 5, ZERO - 4, ZERO - 3]]
EVENLY = {number: {PAID: 6.0, ADDED: 4.0} for number in range(ZERO - 8, ZERO + 1)}


def unread(first: float, last: float, service: str = "shop") -> Read:
    return Read(CLOCK, [(service, Window(at(first), at(last)))])


def test_bins_are_added_up_to_blocks_of_the_same_length() -> None:
    seen, blocks = tallies({ZERO: {PAID: 3.0}, ZERO - 4: {PAID: 1.0}}, NOW, [[ZERO - 4], PAST[0]], Read(CLOCK))
    assert seen == {PAID: 3.0}
    assert blocks == [{PAID: 3.0}, {}], "a block that was cut short counts as if it were whole"


@pytest.mark.parametrize("first", [-8, -6.5, -5, -4.25, -3.1])
def test_of_what_was_not_read_nothing_is_concluded(first: float) -> None:
    """However much of the past was not read, what is even stays even."""
    until = Window(at(-8), at(first))
    read = Read(CLOCK, [("shop", until)])
    kept = {
        number: {key: count * (read.bins("shop", [number]) if key == PAID else 1.0) for key, count in block.items()}
        for number, block in EVENLY.items()
    }
    seen, blocks = tallies(kept, NOW, PAST, read)
    assert blocks == [pytest.approx(seen)] * 2
    assert seen[ADDED] == 12.0
    assert 0 < seen[PAID] <= 18.0


def test_a_service_is_compared_by_the_shortest_part_that_was_read() -> None:
    seen, _ = tallies(EVENLY, NOW, PAST, unread(-8, -3.5))
    assert seen[PAID] == pytest.approx(9.0), "a bin and a half of three"


@pytest.mark.parametrize(("first", "last"), [(-8, -2), (-2, 0.5), (-8, 0.5)])
def test_a_service_that_was_not_read_either_before_or_since_is_compared_with_nothing(first: float, last: float) -> None:
    seen, blocks = tallies(EVENLY, NOW, PAST, unread(first, last))
    assert PAID not in seen
    assert not any(PAID in block for block in blocks)
    assert seen == {ADDED: 12.0}


def test_what_was_read_of_one_service_does_not_matter_to_another() -> None:
    _, blocks = tallies(EVENLY, NOW, PAST, unread(-8, -4))
    assert [block[ADDED] for block in blocks] == [12.0, 12.0]


def test_a_rounded_time_is_no_part_of_a_bin() -> None:
    assert unread(-8, -2 - 1e-8).bins("shop", PAST[0]) == 0
    assert unread(-8, -2 - 1e-8).bins("shop", PAST[1]) == 0
    assert unread(-8, -2 - 1e-8).bins("shop", NOW) == 3


@given(
    st.dictionaries(st.integers(-8, 0), st.integers(0, 1000), max_size=9),
    st.lists(st.tuples(st.sampled_from(["shop", "cart"]), st.floats(-9, 1), st.floats(0, 9)), max_size=4),
)
def test_any_times_can_be_missing(counts: dict[int, int], missing: Sequence[tuple[str, float, float]]) -> None:
    bins = {ZERO + minute: {PAID: float(count)} for minute, count in counts.items()}
    read = Read(CLOCK, [(service, Window(at(begin), at(begin + length))) for service, begin, length in missing])
    seen, blocks = tallies(bins, NOW, PAST, read)
    assert all(value >= 0 for block in (seen, *blocks) for value in block.values())
    assert len(blocks) == len(PAST)
