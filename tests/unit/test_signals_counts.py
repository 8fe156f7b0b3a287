from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.rca.signals.counts import Key, Odd, Together, Usual, fresh_and_usual

Block = dict[Key, float]
PAID, SENT, FAILED = Key("shop", "paid"), Key("shop", "sent"), Key("shop", "failed", grave=True)
COUNTS = st.one_of(st.integers(0, 10**9).map(float), st.floats(0, 1e6))
KEYS = st.builds(Key, st.sampled_from(["shop", "cart"]), st.sampled_from(["a", "b", "c", "d"]), st.booleans())
BLOCKS = st.lists(st.dictionaries(KEYS, COUNTS, max_size=6), max_size=12)


def past(*counts: Mapping[str, float], times: int = 10, service: str = "shop") -> list[Block]:
    """Those blocks over and over; a small wobble makes them unlike one another, as real ones are."""
    return [
        {Key(service, name, name == "failed"): value + (place % 3) * 0.1 * value for name, value in block.items()}
        for place in range(times)
        for block in counts
    ]


def oddities(odds: Mapping[str, Sequence[Odd]], service: str = "shop") -> dict[str, float]:
    return {one.key.name: one.size for one in odds.get(service, ())}


def test_nothing_is_odd_about_a_block_like_the_others() -> None:
    blocks = past({"paid": 20, "sent": 20, "viewed": 200})
    assert Usual(blocks).odd(blocks[0]) == {}


def test_a_new_line_is_fresh_and_the_more_the_odder() -> None:
    usual = Usual(past({"paid": 20, "sent": 20}))
    few, many = ({PAID: 20.0, SENT: 20.0, Key("shop", "boom"): count} for count in (3.0, 30.0))
    one, other = usual.odd(few)["shop"][0], usual.odd(many)["shop"][0]
    assert (one.key.name, one.fresh, one.expected) == ("boom", True, 0.0)
    assert 0 < one.size < other.size


def test_a_line_that_stops_is_odd_and_not_fresh() -> None:
    odd = Usual(past({"paid": 20, "sent": 20, "viewed": 20})).odd({PAID: 20.0, Key("shop", "viewed"): 20.0})
    assert oddities(odd)["sent"] < -2
    assert not odd["shop"][0].fresh


def test_more_traffic_alone_is_not_odd() -> None:
    usual = Usual(past({"paid": 20, "sent": 20, "viewed": 40, "asked": 60}))
    busy = {PAID: 100.0, SENT: 100.0, Key("shop", "viewed"): 200.0, Key("shop", "asked"): 300.0}
    assert usual.odd(busy) == {}
    assert "sent" in oddities(usual.odd({**busy, SENT: 20.0}))


def test_errors_that_burst_are_fresh_although_there_always_were_some() -> None:
    usual = Usual(past({"paid": 100, "sent": 100, "failed": 2}))
    odd = usual.odd({PAID: 100.0, SENT: 100.0, FAILED: 30.0})
    assert [(one.key.name, one.fresh) for one in odd["shop"]] == [("failed", True)]
    assert not usual.odd({PAID: 100.0, SENT: 100.0, FAILED: 2.0})


def test_a_service_that_falls_silent_among_others_is_odd() -> None:
    blocks = [shop | cart for shop, cart in zip(past({"paid": 20}), past({"added": 20}, service="cart"), strict=True)]
    odd = Usual(blocks).odd({Key("cart", "added"): 20.0})
    assert oddities(odd)["paid"] < -1
    assert all(abs(size) < 1 for size in oddities(odd, "cart").values())


def test_a_past_incident_does_not_make_a_burst_usual() -> None:
    blocks = [*past({"paid": 20, "sent": 20}, times=9), {PAID: 20.0, SENT: 20.0, FAILED: 200.0}]
    assert oddities(Usual(blocks).odd({PAID: 20.0, SENT: 20.0, FAILED: 200.0}))["failed"] > 3


@given(BLOCKS, st.dictionaries(KEYS, COUNTS, max_size=6))
def test_any_counts_can_be_judged(blocks: Sequence[Block], now: Block) -> None:
    for odds in Usual(blocks).odd(now).values():
        sizes = [abs(one.size) for one in odds]
        assert sizes == sorted(sizes, reverse=True)
        assert all(one.seen >= 0 <= one.expected for one in odds)
    for service, one in Together(blocks).odd(now).items():
        assert one.key.service == service
        assert abs(one.size) >= 1
        assert one.beside


def test_a_line_that_is_missing_beside_the_other_is_odd_whatever_the_traffic() -> None:
    blocks: list[Block] = [{PAID: float(count), SENT: float(count)} for count in (5, 40, 11, 60, 25, 8, 33)]
    together = Together(blocks)
    assert together.odd({PAID: 3.0, SENT: 3.0}) == {}
    assert together.odd({PAID: 300.0, SENT: 300.0}) == {}
    odd = together.odd({PAID: 30.0})["shop"]
    assert (odd.seen, odd.beside_seen) == (0.0, 30.0) if odd.key == SENT else (30.0, 0.0)
    assert {odd.key.name, odd.beside} == {"paid", "sent"}


def test_names_that_never_belonged_together_are_not_paired() -> None:
    blocks: list[Block] = [{PAID: 20.0, SENT: float(count)} for count in (1, 90, 4, 0, 60, 17, 2, 33)]
    assert Together(blocks).odd({PAID: 20.0}) == {}


def test_names_of_two_services_are_never_paired() -> None:
    other = Key("cart", "sent")
    blocks: list[Block] = [{PAID: float(count), other: float(count)} for count in (5, 40, 11, 60, 25)]
    assert Together(blocks).odd({PAID: 30.0}) == {}


@pytest.mark.parametrize(
    ("size", "grave", "expected", "fresh"),
    [
        (4.0, False, 0.0, True),
        (4.0, False, 0.6, False),
        (4.0, True, 9.0, True),
        (-4.0, True, 9.0, False),
    ],
)
def test_fresh_is_new_or_a_burst_of_errors(size: float, grave: bool, expected: float, fresh: bool) -> None:  # noqa: FBT001  # a table
    assert Odd(Key("shop", "a", grave), size, 5.0, expected).fresh is fresh


def test_the_oddest_of_both_kinds() -> None:
    new, newer = Odd(Key("shop", "a"), 5.0, 5.0, 0.0), Odd(Key("shop", "b"), 4.0, 5.0, 0.0)
    less = Odd(Key("shop", "c"), -3.0, 5.0, 50.0)
    assert fresh_and_usual([new, newer, less]) == (new, less)
    assert fresh_and_usual([less]) == (None, less)
    assert fresh_and_usual([]) == (None, None)
