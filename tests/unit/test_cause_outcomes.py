"""What came true of the causes that were named: the record, what it says about later ones, and corrections."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cause import CauseKind, CauseReport, Correction, Evidence, Hypothesis, Search, Verdict
from bot.domain.incident import IncidentState
from skills.rca.logic import MOST_HYPOTHESES, MOST_SHIFT, corrected, record, shift, turned_out
from tests.builders import NOW, at, incident

SURE = st.floats(0.01, 0.97)


def search(claimed: float = 0.8, right: bool | None = True, number: int = 1) -> Search:  # noqa: FBT001, FBT002  # how it turned out
    return Search(number, 1, NOW, right=right, claimed=claimed)


def searches(claimed: float, right: int, wrong: int) -> list[Search]:
    return [search(claimed, place < right, place) for place in range(right + wrong)]


def test_too_few_outcomes_say_nothing() -> None:
    assert shift(searches(0.9, 0, 4)) == 0
    assert shift([*searches(0.9, 0, 4), *[search(0.9, None)] * 50]) == 0, "what nobody knows is no outcome"
    assert shift(searches(0.9, 0, 5)) < 0


def test_who_is_right_as_often_as_claimed_needs_no_shift() -> None:
    assert shift(searches(0.8, 80, 20)) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("claimed", [0.5, 0.8, 0.97])
@pytest.mark.parametrize("count", [5, 20, 200])
def test_who_is_always_wrong_is_less_sure_and_who_is_always_right_surer(claimed: float, count: int) -> None:
    assert shift(searches(claimed, 0, count)) < -0.2
    assert shift(searches(claimed, count, 0)) > 0
    assert shift(searches(claimed, 0, count)) <= shift(searches(claimed, count // 2, count - count // 2))


def test_a_shift_makes_what_is_claimed_agree_with_what_came_true() -> None:
    known = searches(0.8, 100, 100)
    odds = math.log(0.8 / 0.2) + shift(known)
    assert 1 / (1 + math.exp(-odds)) == pytest.approx(0.5, abs=0.05)


@given(st.lists(st.tuples(SURE, st.booleans()), max_size=200))
def test_a_shift_is_bounded_and_more_luck_never_lowers_it(known: list[tuple[float, bool]]) -> None:
    made = [search(claimed, right) for claimed, right in known]
    assert -MOST_SHIFT <= shift(made) <= MOST_SHIFT
    for place, one in enumerate(made):
        if not one.right:
            better = [*made[:place], replace(one, right=True), *made[place + 1 :]]
            assert shift(better) >= shift(made) - 1e-9
            break


def test_the_record_counts_what_turned_out() -> None:
    correction = Correction("U1", NOW, "shop", CauseKind.DISK, "the disk")
    told = record([*searches(0.9, 3, 1), search(0.5, None), replace(search(0.9, right=False), correction=correction)])
    assert (told.searches, told.known, told.right, told.corrected) == (6, 5, 3, 1)
    assert told.claimed == pytest.approx(0.9)
    assert told.error == pytest.approx(0.3)


def test_a_record_of_nothing() -> None:
    told = record([])
    assert (told.searches, told.known, told.right, told.claimed, told.error) == (0, 0, 0, 0.0, 0.0)


def test_who_claims_what_comes_true_has_no_error() -> None:
    assert record([*searches(0.75, 3, 1), *searches(0.25, 1, 3)]).error == pytest.approx(0)


def test_being_wrong_twice_in_opposite_ways_is_no_calibration() -> None:
    assert record([*searches(0.95, 0, 1), *searches(0.05, 1, 0)]).error == pytest.approx(0.95)


@given(st.lists(st.tuples(SURE, st.booleans()), max_size=60))
def test_an_error_is_a_share(known: list[tuple[float, bool]]) -> None:
    told = record([search(claimed, right) for claimed, right in known])
    assert 0 <= told.error <= 1
    assert 0 <= told.claimed <= 1


CORRECTION = Correction("U1", NOW, "ledger", CauseKind.LATENCY, "a lock", was="Payment's pool")
RESOLVED = replace(incident(), state=IncidentState.RESOLVED)


@pytest.mark.parametrize(
    ("state", "fixed_by", "correction", "right"),
    [
        (IncidentState.RESOLVED, "c1", None, True),
        (IncidentState.RESOLVED, "", None, None),
        (IncidentState.FALSE_ALARM, "", None, False),
        (IncidentState.RESOLVED, "c1", CORRECTION, None),
        (IncidentState.FALSE_ALARM, "", CORRECTION, None),
    ],
)
def test_what_an_incidents_end_says_about_its_cause(
    state: IncidentState,
    fixed_by: str,
    correction: Correction | None,
    right: bool | None,  # noqa: FBT001  # a table
) -> None:
    found = Search(1, 1, NOW, correction=correction)
    assert turned_out(found, replace(incident(), state=state, fixed_by=fixed_by)) is right


def hypothesis(service: str, confidence: float) -> Hypothesis:
    return Hypothesis(CauseKind.POOL, service, "pool", f"{service}'s pool", confidence, ("E1",), ("E2",), "look")


def report(*found: Hypothesis, verdict: Verdict = Verdict.LIKELY) -> CauseReport:
    pieces = tuple(Evidence(f"E{one}", "metric", "payment", f"piece {one}", "q", "metrics") for one in (1, 2))
    return CauseReport(verdict, found, pieces, (), at(-1), (), None, (), NOW, 0.1)


def test_what_a_person_says_stands_first_and_against_the_rest() -> None:
    told = corrected(report(hypothesis("payment", 0.8), hypothesis("shop", 0.3)), CORRECTION)
    assert told.best
    assert (told.best.text, told.best.said_by, told.best.confidence) == ("a lock", "U1", 1.0)
    assert [one.text for one in told.cited(told.best.supports)] == ["a lock"]
    assert [one.service for one in told.hypotheses] == ["ledger", "payment", "shop"]
    assert [[piece.text for piece in told.cited(one.against)] for one in told.hypotheses[1:]] == [
        ["piece 2", "a lock"]
    ] * 2


def test_a_correction_makes_an_answer_where_there_was_none() -> None:
    told = corrected(report(verdict=Verdict.UNSURE), CORRECTION)
    assert told.verdict is Verdict.LIKELY
    assert told.best
    assert told.best.kind is CauseKind.LATENCY


def test_the_last_word_counts_however_often_it_is_changed() -> None:
    told = report(*(hypothesis(f"s{number}", 0.5) for number in range(MOST_HYPOTHESES)))
    for words in ("a lock", "no, the disk", "the disk of ledger-2", "the disk of ledger-3"):
        told = corrected(told, replace(CORRECTION, text=words))
    assert [one.text for one in told.hypotheses if one.said_by] == ["the disk of ledger-3"]
    assert [one.text for one in told.evidence if one.kind == "person"] == ["the disk of ledger-3"]
    assert len(told.hypotheses) == MOST_HYPOTHESES + 1
    ids = [one.id for one in told.evidence]
    assert len(ids) == len(set(ids))
    for one in told.hypotheses[1:]:
        assert [piece.text for piece in told.cited(one.against)] == ["piece 2", "the disk of ledger-3"], "once"
        assert set(one.against) <= set(ids)
