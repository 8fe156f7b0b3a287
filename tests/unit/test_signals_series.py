from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.catalogue import Indicator
from bot.domain.cause import CauseKind
from bot.domain.evidence import Series, Window
from skills.rca.signals.series import NOTABLE, Asked, Deviation, deviation, signs, trait
from skills.rca.signals.sign import Trait
from tests.builders import NOW, at, indicator, series

GUARD = timedelta(minutes=5)
CALM = [1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0] * 3
LATENCY = indicator("latency", CauseKind.LATENCY)
NUMBERS = st.floats(-1e12, 1e12)


def moved(
    values: Sequence[float], asked: Indicator = LATENCY, service: str = "payment", earlier: Sequence[Window] = ()
) -> Deviation:
    """A sample a minute, of which the last ten come after ``NOW``, the alert's time."""
    found = deviation(Asked(service, asked), asked.query, series(values, -30.0), NOW, GUARD, earlier)
    assert found
    return found


JUMP = [*CALM[:28], *[5.0] * 12]


def test_an_earlier_incident_is_no_past_to_compare_with() -> None:
    troubled = [*CALM[:5], *[5.0] * 15, *CALM[20:28], *[5.0] * 12]
    with_it, without = moved(troubled), moved(troubled, earlier=[Window(at(-25), at(-11))])
    assert not with_it.notable, "half of the past was like this"
    assert (without.notable, without.before, without.past) == (True, 1.0, 10)


def test_where_an_earlier_incident_is_all_of_the_past_it_is_compared_with() -> None:
    found = moved(JUMP, earlier=[Window(at(-40), at(-7))])
    assert (found.past, found.thin) == (25, False)


@given(st.lists(NUMBERS, max_size=60), st.sampled_from(["high", "low"]), st.floats(0, 1e6), st.integers(-30, 10))
def test_any_series_can_be_looked_at(values: list[float], bad: str, floor: float, alert: int) -> None:
    one = replace(LATENCY, bad="low" if bad == "low" else "high", floor=floor, limit=1.0)
    found = deviation(Asked("payment", one), "q", series(values, -30.0), at(alert), GUARD)
    if found is None:
        return
    assert found.onset is None or at(alert) - GUARD <= found.onset <= at(len(values))
    assert (found.size >= NOTABLE) is (found.onset is not None) or found.size < NOTABLE
    assert found.notable <= (found.onset is not None)
    assert all(size >= 0 for size in found.past_sizes)
    told = signs([found])
    assert set(told) == ({found.asked} if found.notable else set())


@given(st.floats(0.001, 1000), st.floats(-1000, 1000))
def test_neither_unit_nor_zero_of_a_metric_matters_much(factor: float, shift: float) -> None:
    one = moved([value * factor for value in JUMP])
    assert one.size == pytest.approx(moved(JUMP).size, rel=1e-6)
    assert one.onset == moved(JUMP).onset
    turned = moved([shift - value for value in JUMP], replace(LATENCY, bad="low"))
    # A spread of at least 5 % of the middle is assumed, which depends on where zero is.
    assert turned.onset == one.onset or abs(shift) > 10


def test_a_spike_counts_less_than_a_level() -> None:
    spike, level = [*CALM[:28], 5.0, *CALM[:11]], JUMP
    assert moved(spike).size < moved(level).size


@pytest.mark.parametrize(
    ("kind", "role", "found"),
    [
        (CauseKind.MEMORY, "resource", Trait.MEMORY),
        (CauseKind.CPU, "resource", Trait.RESOURCE),
        (CauseKind.LATENCY, "resource", Trait.RESOURCE),
        (CauseKind.LATENCY, "symptom", Trait.LATENCY),
        (CauseKind.NETWORK, "symptom", Trait.LATENCY),
        (CauseKind.TRAFFIC, "symptom", Trait.TRAFFIC),
        (CauseKind.ERRORS, "symptom", Trait.ERRORS),
        (CauseKind.CHANGE, "symptom", Trait.ERRORS),
    ],
)
def test_what_a_deviation_is_about(kind: CauseKind, role: str, found: Trait) -> None:
    assert trait(indicator("one", kind, "resource" if role == "resource" else "symptom")) is found


def test_a_sign_says_what_moved_and_where_that_was_read() -> None:
    known = moved(JUMP, replace(LATENCY, unit="seconds", title="p99"))
    sign = signs([known])[known.asked]
    assert sign.text == "payment p99 1 s → 5 s"
    assert (sign.service, sign.indicator, sign.kind, sign.trait) == (
        "payment",
        "latency",
        CauseKind.LATENCY,
        Trait.LATENCY,
    )
    assert (sign.query, sign.source, sign.evidence, sign.onset) == ("latency_total", "metrics", "metric", at(-2))


def test_what_did_not_move_is_no_sign() -> None:
    assert signs([moved([*CALM, *CALM[:10]])]) == {}
    assert signs([]) == {}


def test_an_indicator_that_always_jumps_somewhere_says_little() -> None:
    jumpy = [9.0 if 12 <= place < 18 else CALM[place % 30] for place in range(40)]
    quiet = moved(JUMP)
    alone = signs([quiet])[quiet.asked].surprise
    others = [moved(jumpy, service=f"other-{number}") for number in range(8)]
    assert signs([quiet, *others])[quiet.asked].surprise < alone


def test_each_direction_of_an_indicator_has_its_own_past() -> None:
    quiet = moved(JUMP)
    low = moved([9.0 - value for value in JUMP], replace(LATENCY, bad="low"), "other")
    assert signs([quiet, low])[quiet.asked].surprise == signs([quiet])[quiet.asked].surprise


def test_an_empty_series_is_none() -> None:
    assert deviation(Asked("payment", LATENCY), "q", Series((), ()), NOW, GUARD) is None
