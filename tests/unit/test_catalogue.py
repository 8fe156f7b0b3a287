from hypothesis import given
from hypothesis import strategies as st

from tests.builders import catalogue

CHAIN = catalogue({"shop": ("payment", "search"), "payment": ("ledger",), "mobile": ("shop",)})


def test_callees_are_all_that_a_service_depends_on() -> None:
    assert CHAIN.callees("shop") == {"payment", "search", "ledger"}
    assert CHAIN.callees("mobile") == {"shop", "payment", "search", "ledger"}
    assert CHAIN.callees("ledger") == CHAIN.callees("unheard of") == frozenset()


def test_callers_are_all_that_depend_on_it_nearest_first() -> None:
    assert CHAIN.callers("ledger") == ("payment", "shop", "mobile")
    assert CHAIN.callers("mobile") == ()


@given(st.dictionaries(st.sampled_from("abcde"), st.lists(st.sampled_from("abcde"), max_size=4).map(tuple), max_size=5))
def test_callers_and_callees_are_two_ends_of_the_same_paths(calls: dict[str, tuple[str, ...]]) -> None:
    known = catalogue(calls)
    for one in known.services:
        assert one not in known.callees(one), "even where services call one another in a circle"
        assert set(known.callers(one)) == {other for other in known.services if one in known.callees(other)}
    assert known.paths() == {name: known.callees(name) for name in known.services}
