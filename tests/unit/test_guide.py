from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.guide import (
    STEP_TRANSITIONS,
    Expect,
    GuideRun,
    GuideState,
    StepMove,
    StepRun,
    StepState,
    advance,
    check,
)
from bot.errors import IllegalTransition
from tests.builders import NOW, at, guide_run, step

S, M = StepState, StepMove


def put(state: StepState, by: str = "U-bob") -> GuideRun:
    """A guide of three steps whose first one is in that state."""
    run = guide_run(step("one"), step("two"), step("three"))
    return replace(run, steps=(StepRun(state, by), *run.steps[1:]))


def walked(run: GuideRun, index: int, *moves: StepMove) -> GuideRun:
    for move in moves:
        run, _ = advance(run, index, move, by="U-ada", now=NOW)
    return run


def test_a_guide_begins_with_its_first_step() -> None:
    run = guide_run()
    assert [one.state for one in run.steps] == [S.OFFERED, S.WAITING]
    assert (run.current, run.state) == (0, GuideState.ACTIVE)


@pytest.mark.parametrize("state", StepState)
@pytest.mark.parametrize("move", StepMove)
def test_a_step_moves_by_the_table_or_says_why_not(state: StepState, move: StepMove) -> None:
    after = STEP_TRANSITIONS.get((state, move))
    if after is None:
        with pytest.raises(IllegalTransition, match=r"[Ss]tep 1"):
            advance(put(state), 0, move, by="U-ada", now=at(1))
        return
    run, entry = advance(put(state), 0, move, by="U-ada", now=at(1), finding="seen", output="out", seconds=2.0)
    first = run.steps[0]
    assert (first.state, first.by, first.at, first.finding, first.output, first.seconds) == (
        *(after, "U-ada", at(1)),
        *("seen", "out", 2.0),
    )
    assert (entry.thing, entry.before, entry.after, entry.reason) == ("guide:g1:step:1", state, after, "seen")
    assert run.steps[1].state is (S.OFFERED if after.over else S.WAITING)


def test_the_last_step_ends_the_guide() -> None:
    run = walked(guide_run(), 0, M.RUN, M.PASS)
    assert (run.current, run.state) == (1, GuideState.ACTIVE)
    run = walked(run, 1, M.RUN, M.PASS)
    assert (run.current, run.state) == (None, GuideState.FINISHED)
    with pytest.raises(IllegalTransition, match="is finished"):
        advance(run, 0, M.RUN, by="U-ada", now=NOW)


@pytest.mark.parametrize(
    "moves",
    [(M.SKIP,), (M.MARK_DONE,), (M.RUN, M.MISS, M.SKIP), (M.RUN, M.FAIL, M.MARK_DONE), (M.RUN, M.MISS, M.RUN, M.PASS)],
)
def test_there_is_more_than_one_way_past_a_step(moves: tuple[StepMove, ...]) -> None:
    run = walked(guide_run(), 0, *moves)
    assert (run.current, run.steps[1].state) == (1, S.OFFERED)


@pytest.mark.parametrize(
    "moves", [(M.RUN, M.MISS), (M.RUN, M.FAIL), (M.RUN, M.LOSE), (M.SIMULATE, M.PLAN, M.ASK, M.REFUSE)]
)
def test_what_did_not_go_well_holds_the_next_step_back(moves: tuple[StepMove, ...]) -> None:
    run = walked(guide_run(), 0, *moves)
    assert (run.current, run.steps[1].state) == (0, S.WAITING)


def test_who_was_faster_is_named() -> None:
    run = walked(guide_run(), 0, M.RUN)
    with pytest.raises(IllegalTransition, match="<@U-ada> was faster: step 1 is already running"):
        advance(run, 0, M.RUN, by="U-bob", now=NOW)
    with pytest.raises(IllegalTransition, match="Step 2 is not due yet: step 1 comes first"):
        advance(run, 1, M.RUN, by="U-bob", now=NOW)


def test_a_changing_step_runs_only_after_it_was_simulated_and_approved() -> None:
    run = walked(guide_run(), 0, M.SIMULATE, M.PLAN)
    with pytest.raises(IllegalTransition):
        advance(run, 0, M.RUN, by="U-ada", now=NOW)
    assert walked(run, 0, M.ASK, M.RUN, M.PASS).steps[0].state is S.AS_EXPECTED


def test_what_was_lost_sight_of_never_runs_again() -> None:
    assert not {move for state, move in STEP_TRANSITIONS if state is S.UNKNOWN} & {M.RUN, M.SIMULATE, M.ASK}


def test_output_and_change_stay_until_others_come() -> None:
    run, _ = advance(guide_run(), 0, M.RUN, by="U-ada", now=NOW, output="first", change="c1")
    run, _ = advance(run, 0, M.MISS, by="U-ada", now=NOW)
    assert (run.steps[0].output, run.steps[0].change) == ("first", "c1")
    run, _ = advance(run, 0, M.RUN, by="U-ada", now=NOW, output="", change="")
    assert (run.steps[0].output, run.steps[0].change) == ("", "")


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(StepMove)), max_size=25))
def test_steps_are_taken_in_order(story: list[tuple[int, StepMove]]) -> None:
    run = guide_run(step("one"), step("two"), step("three"))
    for index, move in story:
        try:
            run, _ = advance(run, index, move, by="U-ada", now=NOW)
        except IllegalTransition:
            continue
    states = [one.state for one in run.steps]
    begun = [state is not S.WAITING for state in states]
    assert begun == sorted(begun, reverse=True), "no step begins before the one before it"
    assert all(state.over for state in states[: sum(begun) - 1])
    assert (run.state is GuideState.FINISHED) is all(state.over for state in states)


BELOW, ABOVE = Expect(below=16, unit="connections"), Expect(above=0.5)
RANGE = Expect(above=1, below=5, unit="s")


@pytest.mark.parametrize(
    ("expect", "value", "held", "text"),
    [
        (BELOW, 15.0, True, "15 connections"),
        (BELOW, 16.0, False, "16 connections (expected below 16)"),
        (BELOW, 20, False, "20 connections (expected below 16)"),
        (BELOW, "7", True, "7 connections"),
        (BELOW, " 7.5e0 ", True, "7.5e0 connections"),
        (BELOW, None, False, "no value to compare"),
        (BELOW, "seven", False, "seven connections is not a number (expected below 16)"),
        (BELOW, True, False, "true connections is not a number (expected below 16)"),
        (BELOW, "nan", False, "nan connections is not a number (expected below 16)"),
        (BELOW, "-inf", False, "-inf connections is not a number (expected below 16)"),
        (BELOW, "1_0", False, "1_0 connections is not a number (expected below 16)"),
        (BELOW, float("nan"), False, "nan connections (expected below 16)"),
        (BELOW, [1], False, "[1] connections is not a number (expected below 16)"),
        (ABOVE, 0.51, True, "0.51"),
        (ABOVE, 0.5, False, "0.5 (expected above 0.5)"),
        (RANGE, 3, True, "3 s"),
        (RANGE, 1, False, "1 s (expected above 1 and below 5)"),
        (RANGE, 5, False, "5 s (expected above 1 and below 5)"),
        (Expect(equals="ok"), "ok", True, "ok"),
        (Expect(equals="ok"), "OK", False, "OK (expected ok)"),
        (Expect(equals="ok", path="$.status"), None, False, "no value at $.status to compare"),
        (Expect(equals=5), "5.0", True, "5.0"),
        (Expect(equals="5"), 5, True, "5"),
        (Expect(equals="1.10"), "1.1", False, "1.1 (expected 1.10)"),
        (Expect(equals=True), True, True, "true"),
        (Expect(equals="true"), True, True, "true"),
        (Expect(equals=1), True, False, "true (expected 1)"),
        (Expect(equals="running", below=3), 2, False, "2 (expected below 3 and running)"),
        (Expect(below=1e6), 123456.7, True, "1.235e+05"),
        (Expect(equals="x"), "y" * 500, False, f"{'y' * 119}… (expected x)"),
    ],
)
def test_a_value_is_compared_with_what_is_expected(expect: Expect, value: object, held: bool, text: str) -> None:  # noqa: FBT001  # a table
    found = check(expect, "", value, None)
    assert (found.held, found.text) == (held, text)


@pytest.mark.parametrize(
    ("expect", "output", "status", "held", "text"),
    [
        (Expect(matches=r"state: (up|ready)"), "state: up", 0, True, "as expected"),
        (Expect(matches=r"^ready$"), "not ready", 0, False, "the output does not contain “^ready$”"),
        (Expect(matches="up", text="the service is up"), "up", 0, True, "the service is up"),
        (Expect(exit_status=0), "", 0, True, "as expected"),
        (Expect(exit_status=0), "", 2, False, "exit status 2 (expected 0)"),
        (Expect(exit_status=0), "", None, False, "no exit status (expected 0)"),
        (Expect(exit_status=1, matches="down"), "down", 1, True, "as expected"),
        (Expect(exit_status=1, matches="down"), "up", 1, False, "the output does not contain “down”"),
        (Expect(exit_status=1, matches="down"), "down", 0, False, "exit status 0 (expected 1)"),
    ],
)
def test_an_output_is_compared_with_what_is_expected(
    expect: Expect,
    output: str,
    status: int | None,
    held: bool,  # noqa: FBT001  # a table
    text: str,
) -> None:
    found = check(expect, output, output, status)
    assert (found.held, found.text) == (held, text)


def test_all_given_tests_must_hold() -> None:
    every = Expect(below=5, above=1, matches="rows", exit_status=0)
    assert check(every, "3 rows", 3, 0).held is True
    assert [check(every, *other).held for other in [("3 rows", 6, 0), ("3 rows", 3, 1), ("3", 3, 0)]] == [False] * 3


def test_where_nothing_is_expected_nothing_is_judged() -> None:
    assert check(None, "anything", 5, 1).held is None


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_below_and_above_leave_out_the_bound(value: float, bound: float) -> None:
    below, above = check(Expect(below=bound), "", value, None).held, check(Expect(above=bound), "", value, None).held
    assert (below, above) == (value < bound, value > bound)
