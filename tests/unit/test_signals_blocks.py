from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import Window
from skills.rca.signals.blocks import Clockwork, without_the_worst
from tests.builders import NOW, at


def clock(*earlier: Window, begins: float = -3.0, ends: float = 0.0) -> Clockwork:
    """Bins of a minute; it may have begun so many minutes from ``NOW``."""
    return Clockwork(at(begins), at(ends), 60.0, earlier)


def bins(known: Clockwork, first: int, last: int) -> list[int]:
    """The bins between two minutes from ``NOW``, both included."""
    return list(range(known.bin(at(first)), known.bin(at(last)) + 1))


def test_a_bin_begins_where_it_is_said_to() -> None:
    one = clock()
    number = one.bin(NOW + timedelta(seconds=42))
    assert one.at(number) == NOW
    assert one.bin(one.at(number) + timedelta(seconds=59.9)) == number
    assert one.bin(one.at(number + 1)) == number + 1


def test_the_past_is_cut_into_blocks_as_long_as_what_began() -> None:
    one = clock()
    now, past, enough = one.cut(bins(one, -15, 0))
    assert now == bins(one, -3, 0)
    assert [len(block) for block in past] == [4, 4, 4]
    assert enough


def test_a_block_does_not_reach_over_a_hole() -> None:
    one = clock()
    _, past, _ = one.cut([*bins(one, -15, -10), *bins(one, -8, -4), *bins(one, -3, 0)])
    assert [len(block) for block in past] == [4, 2, 4, 1]


def test_what_is_later_than_now_is_not_looked_at() -> None:
    one = clock()
    now, _, _ = one.cut(bins(one, -8, 5))
    assert now == bins(one, -3, 0)


def test_blocks_with_an_earlier_incident_are_left_out() -> None:
    one = clock(Window(at(-13), at(-12)))
    now, past, calm = one.cut(bins(one, -19, 0))
    assert len(now) == 4
    assert [block[0] for block in past] == [bins(one, minute, minute)[0] for minute in (-19, -11, -7)]
    assert calm


def test_where_too_little_calm_remains_all_of_the_past_counts() -> None:
    one = clock(Window(at(-60), at(-8)))
    _, past, calm = one.cut(bins(one, -19, 0))
    assert (len(past), calm) == (4, False)


@pytest.mark.parametrize("known", [[], [0]])
def test_without_anything_seen_there_is_nothing_to_cut(known: list[int]) -> None:
    now, past, calm = clock().cut(known)
    assert now == []
    assert past == [[one] for one in known]
    assert not calm


@given(st.lists(st.integers(-40, 8)), st.integers(0, 9), st.lists(st.tuples(st.integers(-40, 0), st.integers(0, 9))))
def test_every_cut_is_a_partition_of_what_was_seen(
    seen: Sequence[int], length: int, incidents: Sequence[tuple[int, int]]
) -> None:
    one = clock(*(Window(at(begin), at(begin + took)) for begin, took in incidents), begins=-length)
    zero = one.bin(NOW)
    now, past, calm = one.cut(zero + minute for minute in seen)
    flat = [number for block in past for number in block]
    assert set(now) == {zero + minute for minute in seen if -length <= minute <= 0}
    assert now == sorted(now)
    assert flat == sorted(set(flat)), "no bin twice, in order"
    assert set(flat) <= {zero + minute for minute in seen if minute < -length}
    assert all(len(block) <= max(len(now), 1) and block[-1] - block[0] == len(block) - 1 for block in past)
    if not calm:
        assert set(flat) == {zero + minute for minute in seen if minute < -length}


def test_each_blocks_worst_score_is_dropped() -> None:
    assert without_the_worst([[3.0, 9.0, 1.0], [], [5.0]]) == [1.0, 3.0]


def test_how_much_of_each_bin_a_window_covers() -> None:
    one = clock()
    zero = one.bin(NOW)
    assert one.shares(Window(at(-1.5), at(1.25))) == {zero - 2: 0.5, zero - 1: 1.0, zero: 1.0, zero + 1: 0.25}
    assert one.shares(Window(NOW, NOW)) == {}
