from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.catalogue import Catalogue, Indicator
from bot.domain.cause import CauseKind, CauseReport, Gap, Similar, Verdict
from bot.domain.evidence import Series
from bot.domain.signal import Signal
from skills.rca.logic import Asked, Deviation, Findings, deviation, rank
from tests.builders import NOW, at, catalogue, deploy, indicator, series

GUARD = timedelta(minutes=5)
SHOP = catalogue({"shop": ("payment",), "payment": ("ledger",)})
ERRORS = indicator("errors", limit=0.02)
LATENCY = indicator("latency", CauseKind.LATENCY)
POOL = indicator("pool", CauseKind.POOL, "resource", limit=0.8)
CALM = [1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0] * 3


def moved(values: Sequence[float], asked: Indicator = LATENCY, service: str = "payment") -> Deviation | None:
    """How it moved; a sample a minute, of which the last ten come after ``NOW``, the alert's time."""
    return deviation(Asked(service, asked), asked.query, series(values, -30.0), NOW, GUARD)


def jump(service: str, asked: Indicator = LATENCY, onset: float = -2.0, to: float = 5.0) -> Deviation:
    """A calm metric that jumps at its onset and stays there."""
    values = [CALM[place % 30] if place - 30 < onset else to for place in range(40)]
    found = moved(values, asked, service)
    assert found
    return found


def flat(service: str, asked: Indicator) -> Deviation:
    found = moved([*CALM, *CALM[:10]], asked, service)
    assert found
    return found


def ranked(
    *deviations: Deviation,
    alerting: tuple[str, ...] = ("shop",),
    changes: tuple[Signal, ...] = (),
    similar: tuple[Similar, ...] = (),
    known: Catalogue = SHOP,
) -> CauseReport:
    kinds = {one.id: CauseKind.POOL for one in similar}
    findings = Findings(alerting, NOW, deviations, changes, similar, None, (Gap("logs", "timed out"),), kinds)
    return rank(findings, known, at(1), 0.5)


def order(report: CauseReport) -> list[tuple[str, str]]:
    return [(one.service, one.indicator) for one in report.hypotheses]


def confidence(report: CauseReport, service: str) -> float:
    return max(one.confidence for one in report.hypotheses if one.service == service)


@pytest.mark.parametrize("minutes", [-4, -1, 0, 3])
def test_the_onset_is_where_the_metric_left_its_past(minutes: int) -> None:
    found = jump("payment", onset=minutes)
    assert (found.onset, found.notable, found.thin) == (at(minutes), True, False)
    assert (found.before, found.peak) == (1.0, 5.0)


def test_an_ordinary_metric_is_not_notable() -> None:
    found = flat("payment", LATENCY)
    assert (found.onset, found.notable) == (None, False)


def test_noise_is_measured_against_its_own_past() -> None:
    noisy = [1.0, 9.0, 2.0, 8.0, 3.0, 7.0] * 5
    found = moved([*noisy, *[9.0] * 10])
    assert found
    assert not found.notable
    assert jump("payment", to=9.0).notable


def test_an_old_spike_is_no_onset() -> None:
    found = moved([*CALM[:25], 9.0, *CALM[:14]])
    assert found
    assert not found.notable
    twice = moved([*CALM[:25], 9.0, *CALM[:4], *[9.0] * 10])
    assert twice
    assert twice.onset == at(0), "the run that lasts counts, not the spike before it"


def test_a_spike_that_ended_two_minutes_before_the_alert_is_over() -> None:
    over = moved([*CALM[:26], 9.0, 9.0, *CALM[:12]])
    assert over
    assert not over.notable


def test_a_gap_of_a_sample_or_two_does_not_end_a_run() -> None:
    found = moved([*CALM[:26], 9.0, 9.0, 1.0, 9.0, *[9.0] * 10])
    assert found
    assert found.onset == at(-4)


def test_low_is_bad_where_it_says_so() -> None:
    throughput = indicator("orders", CauseKind.TRAFFIC, bad="low")
    assert jump("payment", throughput, to=0.1).notable
    assert not jump("payment", throughput, to=9.0).notable
    assert not jump("payment", LATENCY, to=0.1).notable


def test_a_move_below_the_floor_is_not_noticed() -> None:
    values = [*[0.001] * 26, *[0.004] * 14]
    found, floored = moved(values), moved(values, replace(LATENCY, floor=0.01))
    assert found
    assert floored
    assert (found.notable, floored.notable) == (True, False)


def test_a_limit_is_breached_at_its_value() -> None:
    assert jump("payment", replace(LATENCY, limit=5.0)).breached
    assert not jump("payment", replace(LATENCY, limit=5.1)).breached
    assert not jump("payment", LATENCY).breached


def test_a_short_past_is_thin_and_none_at_all_is_too() -> None:
    few = deviation(Asked("payment", LATENCY), "q", series([1, 1, 1, 9, 9, 9, 9, 9], -8.0), NOW, GUARD)
    assert few
    assert few.thin
    new = deviation(Asked("payment", LATENCY), "q", series([9, 9, 9], 0.0), NOW, GUARD)
    assert new
    assert (new.thin, new.notable) == (True, False), "a metric without a past has not moved"


def test_nothing_recent_is_no_deviation() -> None:
    assert deviation(Asked("payment", LATENCY), "q", series([1.0] * 20, -60.0), NOW, GUARD) is None
    assert deviation(Asked("payment", LATENCY), "q", Series((), ()), NOW, GUARD) is None


@given(st.lists(st.floats(-1e9, 1e9), max_size=40))
def test_any_series_can_be_looked_at(values: list[float]) -> None:
    found = moved(values)
    assert found is None or found.onset is None or at(-5) <= found.onset <= at(10)


@given(st.floats(0.001, 1000))
def test_the_unit_of_a_metric_does_not_matter(factor: float) -> None:
    one, other = jump("payment"), moved([value * factor for _, value in jump("payment").series.samples])
    assert other
    assert other.onset == one.onset
    assert other.size == pytest.approx(one.size, rel=1e-6)


def test_what_lies_downstream_is_the_cause_of_what_alerts() -> None:
    report = ranked(jump("shop"), jump("payment"), jump("ledger"))
    assert order(report)[0] == ("ledger", "latency")
    turned = catalogue({"ledger": ("payment",), "payment": ("shop",)})
    assert (
        order(ranked(jump("shop"), jump("payment"), jump("ledger"), alerting=("ledger",), known=turned))[0][0] == "shop"
    )


def test_a_service_that_nobody_who_alerts_depends_on_is_less_likely() -> None:
    apart = catalogue({"shop": ("payment",), "search": ()})
    report = ranked(jump("payment"), jump("search"), known=apart)
    assert order(report) == [("payment", "latency"), ("search", "latency")]


def test_services_that_call_one_another_do_not_hang_it() -> None:
    loop = catalogue({"shop": ("payment",), "payment": ("shop",)})
    assert len(order(ranked(jump("shop"), jump("payment"), known=loop))) == 2


def test_a_resource_is_a_cause_and_a_symptom_its_effect() -> None:
    report = ranked(jump("payment", ERRORS), jump("payment", POOL), jump("shop", ERRORS))
    assert report.verdict is Verdict.LIKELY
    assert report.best
    assert (report.best.service, report.best.kind) == ("payment", CauseKind.POOL)
    assert report.best.text.startswith("Payment's connection pool is exhausted")
    texts = [piece.text for piece in report.cited(report.best.supports)]
    assert texts[0].startswith("payment pool 1 → 5")
    assert any(text.startswith("shop errors") for text in texts)


def test_the_earliest_and_the_greatest_move_is_likelier() -> None:
    apart = catalogue({"shop": ("a", "b")})
    assert order(ranked(jump("a", onset=-1), jump("b", onset=-3), known=apart))[0][0] == "b"
    assert order(ranked(jump("a", to=3), jump("b", to=30), known=apart))[0][0] == "b"


def test_errors_are_an_effect_more_often_than_slowness() -> None:
    apart = catalogue({"shop": ("a", "b")})
    assert order(ranked(jump("a", replace(ERRORS, limit=None)), jump("b"), known=apart))[0][0] == "b"


def test_a_thin_past_and_an_equal_rival_make_it_less_sure() -> None:
    apart = catalogue({"shop": ("a", "b")})
    alone = confidence(ranked(jump("a"), known=apart), "a")
    assert confidence(ranked(replace(jump("a"), past=3), known=apart), "a") < alone
    rivals = ranked(jump("a", onset=-3), jump("b"), known=apart)
    assert confidence(rivals, "b") < alone
    assert confidence(ranked(jump("a"), jump("b"), known=apart), "a") < alone


def test_two_equal_rivals_are_not_enough_evidence() -> None:
    apart = catalogue({"shop": ("a", "b")})
    alone, both = ranked(jump("a"), known=apart), ranked(jump("a"), jump("b"), known=apart)
    assert (alone.verdict, both.verdict) == (Verdict.LIKELY, Verdict.UNSURE)


def test_a_breached_limit_is_worse_than_a_move() -> None:
    apart = catalogue({"shop": ("a", "b")})
    report = ranked(jump("a"), jump("b", replace(LATENCY, limit=4.0)), known=apart)
    assert order(report)[0][0] == "b"


@pytest.mark.parametrize(
    ("minutes", "blamed"), [(-32.1, False), (-31.9, True), (-5, True), (-2, True), (-1.1, True), (0, False)]
)
def test_a_change_counts_when_it_was_shortly_before_the_onset(minutes: float, blamed: bool) -> None:  # noqa: FBT001  # a table
    plain, report = ranked(jump("payment")), ranked(jump("payment"), changes=(deploy("payment", minutes),))
    assert bool(report.changes) is blamed
    assert (confidence(report, "payment") > confidence(plain, "payment")) is blamed
    assert ("2.8.0" in report.hypotheses[0].text) is blamed
    assert report.hypotheses[0].settles.startswith("roll payment back to 2.7.3, or ") is blamed


def test_the_nearest_change_of_the_service_itself_is_blamed() -> None:
    changes = (deploy("payment", -20, "2.7.9"), deploy("payment", -4, "2.8.0"), deploy("shop", -3, "9.9.9"))
    report = ranked(jump("payment"), changes=changes)
    assert [one.version for one in report.changes] == ["9.9.9", "2.8.0", "2.7.9"]
    assert "2.8.0" in report.hypotheses[0].text
    cited = [piece for piece in report.cited(report.hypotheses[0].supports) if piece.kind == "change"]
    assert [piece.service for piece in cited] == ["payment"]


def test_a_change_raises_the_service_that_it_was_made_in() -> None:
    apart = catalogue({"shop": ("a", "b")})
    for name in ("a", "b"):
        assert order(ranked(jump("a"), jump("b"), changes=(deploy(name),), known=apart))[0][0] == name


def test_a_past_incident_of_the_same_kind_supports_it() -> None:
    past = Similar("INC-3", "Pool", "the pool was exhausted", "restart", True, 0.9)
    both = (jump("payment", replace(POOL, limit=None)), jump("search", indicator("cpu", CauseKind.CPU, "resource")))
    plain, report = ranked(*both, alerting=()), ranked(*both, alerting=(), similar=(past,))
    assert confidence(report, "payment") > confidence(plain, "payment")
    assert [piece.query for piece in report.cited(report.hypotheses[0].supports)][-1] == "INC-3"
    other = ranked(jump("payment", LATENCY), similar=(past,))
    assert confidence(other, "payment") == confidence(ranked(jump("payment", LATENCY)), "payment")


def test_where_nothing_moved_there_is_not_enough_evidence() -> None:
    report = ranked(flat("payment", POOL), flat("shop", ERRORS), changes=(deploy("payment", -2),))
    assert (report.verdict, report.hypotheses, report.best, report.onset) == (Verdict.UNSURE, (), None, None)
    assert [one.version for one in report.changes] == ["2.8.0"], "a change is shown, but is no cause by itself"
    assert report.gaps == (Gap("logs", "timed out"),)


def test_a_weak_symptom_alone_is_not_enough_evidence() -> None:
    report = ranked(jump("shop", replace(ERRORS, limit=None), to=1.8))
    assert order(report) == [("shop", "errors")]
    assert (report.verdict, report.best) == (Verdict.UNSURE, None)


def test_what_does_not_fit_is_said() -> None:
    report = ranked(jump("payment", ERRORS, onset=-1), flat("payment", POOL), jump("search", onset=-4))
    errors = next(one for one in report.hypotheses if one.service == "payment")
    against = [piece.text for piece in report.cited(errors.against)]
    assert against[0] == "payment's pool is ordinary"
    assert against[-1].startswith("search latency 1 → 5 moved earlier")
    assert not next(one for one in report.hypotheses if one.service == "search").against


def test_the_effect_of_a_cause_may_move_first_without_speaking_against_it() -> None:
    report = ranked(jump("shop", ERRORS, onset=-3), jump("payment", POOL, onset=-1))
    pool = next(one for one in report.hypotheses if one.service == "payment")
    assert pool.against == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["shop", "payment", "ledger", "search"]),
            st.sampled_from([ERRORS, LATENCY, POOL]),
            st.integers(-4, 3),
            st.floats(1.5, 500),
        ),
        max_size=6,
        unique_by=lambda one: (one[0], one[1].name),
    ),
    st.lists(st.sampled_from([-20.0, -5.0, 0.0]), max_size=2),
)
def test_every_report_is_in_order_and_rests_on_evidence(
    story: list[tuple[str, Indicator, int, float]], deploys: list[float]
) -> None:
    changes = tuple(deploy("payment", minutes, f"2.{place}") for place, minutes in enumerate(deploys))
    report = ranked(*(jump(service, asked, onset, to) for service, asked, onset, to in story), changes=changes)
    sure = [one.confidence for one in report.hypotheses]
    assert sure == sorted(sure, reverse=True)
    assert all(0 < one < 1 for one in sure)
    assert len(sure) <= 8
    known = {piece.id for piece in report.evidence}
    assert len(known) == len(report.evidence)
    assert all({*one.supports, *one.against} <= known and one.supports for one in report.hypotheses)
    assert (report.verdict is Verdict.LIKELY) is (report.best is not None) is (bool(sure) and sure[0] >= 0.5)


def test_it_does_not_matter_in_which_order_metrics_were_read() -> None:
    apart = catalogue({"shop": ("a", "b")})
    made = [jump("a", onset=-1), jump("b", onset=-3), jump("shop", ERRORS)]
    assert order(ranked(*made, known=apart)) == order(ranked(*reversed(made), known=apart))


def test_the_times_of_a_report_are_what_it_is_given() -> None:
    report = ranked(jump("payment"))
    assert (report.found_at, report.seconds, report.onset) == (at(1), 0.5, at(-2))
    assert isinstance(report.evidence[0].at, datetime)
