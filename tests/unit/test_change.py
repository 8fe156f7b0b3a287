import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.action import Action, Parameter, Rollback, Value, Verify, Watch, bind, exact, fill
from bot.domain.approval import ApprovalState, decide, end
from bot.domain.change import CHANGE_TRANSITIONS, ChangeMove, ChangeState, Risk, advance
from bot.domain.policy import ROLES, Actor, Automation, May, permit
from bot.errors import IllegalTransition, Refused
from tests.builders import NOW, action, approval, at, change, person

APPROVERS = [person(name, frozenset({"approver"})) for name in ("bob", "cid", "dee")]
BOB, CID, _ = APPROVERS
DIGEST = approval().digest
OTHER: dict[str, object] = {
    "name": "other",
    "version": 2,
    "title": "Another {service}",
    "runner": "kubectl",
    "targets": {"service": "shop"},
    "summary": "another",
    "playbook": "other.yml",
    "parameters": {"service": Parameter("string", pattern=".*")},
    "command_class": "destructive",
    "requires": "senior",
    "approvals": 2,
    "downtime_seconds": 5.0,
    "blind": ("a task",),
    "rollback": Rollback("other"),
    "rollback_note": "another",
    "verify": Verify(60.0, (Watch("errors", "higher"),)),
    "timeout_seconds": 30.0,
    "secrets": ("token",),
}


def digest(one: Action, parameters: Mapping[str, Value] | None = None, targets: tuple[str, ...] = ("a", "b")) -> str:
    return exact(one, {"service": "payment", "wait": 3} if parameters is None else parameters, targets, "plan")


@pytest.mark.parametrize("field", [one.name for one in fields(Action)])
def test_an_approval_is_for_exactly_this_action(field: str) -> None:
    changed = replace(action(), **{field: OTHER[field]})  # type: ignore[arg-type]  # each value fits its field
    assert digest(changed) != digest(action())


@pytest.mark.parametrize(
    "parameters",
    [
        {"service": "payment"},
        {"service": "payment", "wait": 4},
        {"service": "payment", "wait": "3"},
        {"service": "payment", "wait": 3.5},
        {"service": "payment", "wait": True},
        {"service": "shop", "wait": 3},
        {"service": "payment", "wait": 3, "force": False},
        {"service": "payment", "hold": 3},
    ],
)
def test_an_approval_is_for_exactly_these_parameters(parameters: dict[str, Value]) -> None:
    assert digest(action(), parameters) != digest(action())


@pytest.mark.parametrize("targets", [("a",), ("a", "c"), ("a", "b", "c"), ("a,b",), ()])
def test_an_approval_is_for_exactly_these_hosts(targets: tuple[str, ...]) -> None:
    assert digest(action(), targets=targets) != digest(action())


def test_an_approval_is_for_what_the_dry_run_foresaw() -> None:
    assert exact(action(), {}, (), "one plan") != exact(action(), {}, (), "another plan")


def test_the_same_thing_said_in_another_order_is_the_same() -> None:
    assert digest(action(), {"wait": 3, "service": "payment"}, ("b", "a")) == digest(action())
    frozen = replace(action(), targets=MappingProxyType({"service": "{service}"}))
    assert digest(frozen) == digest(action())


SOME = st.dictionaries(st.text(max_size=2), st.text(max_size=2) | st.integers(0, 3) | st.booleans(), max_size=3)


@given(SOME, SOME)
def test_two_sets_of_parameters_share_no_digest(one: dict[str, Value], other: dict[str, Value]) -> None:
    same = sorted((key, repr(value)) for key, value in one.items()) == sorted(
        (key, repr(value)) for key, value in other.items()
    )
    assert (digest(action(), one) == digest(action(), other)) is same


def test_one_yes_of_somebody_else_is_enough_where_one_is_needed() -> None:
    decided, entry = decide(approval(), BOB, True, DIGEST, at(1), "looks right")
    assert (decided.state, decided.yes, decided.votes[0].by) == (ApprovalState.APPROVED, 1, BOB.id)
    assert (entry.verb, entry.actor, entry.reason, entry.detail["digest"]) == ("approve", BOB.id, "looks right", DIGEST)


def test_two_are_needed_where_two_are_asked_for() -> None:
    first, entry = decide(approval(2), BOB, True, DIGEST, at(1))
    assert (first.state, entry.after) == (ApprovalState.WAITING, "waiting")
    with pytest.raises(Refused, match="already decided"):
        decide(first, BOB, True, DIGEST, at(2))
    second, _ = decide(first, CID, True, DIGEST, at(2))
    assert (second.state, second.yes) == (ApprovalState.APPROVED, 2)


def test_whoever_asked_is_told_what_to_do_instead() -> None:
    ada = person("ada", frozenset({"approver"}))
    with pytest.raises(Refused, match="someone else has to approve it"):
        decide(approval(), ada, True, DIGEST, at(1))
    with pytest.raises(Refused, match="press Withdraw"):
        decide(approval(), ada, False, DIGEST, at(1))


def test_one_no_ends_it() -> None:
    first, _ = decide(approval(3), BOB, True, DIGEST, at(1))
    ended, entry = decide(first, CID, False, DIGEST, at(2), "not at peak")
    assert (ended.state, entry.verb, entry.reason) == (ApprovalState.REJECTED, "reject", "not at peak")


@pytest.mark.parametrize("yes", [True, False])
@pytest.mark.parametrize(
    ("who", "now", "digest_now", "reason"),
    [
        (Actor("U-ada", "ada", roles=frozenset({"approver"})), 1, DIGEST, "You asked for this change"),
        (person("eve"), 1, DIGEST, "needs the role approver; yours: responder"),
        (person("eve", frozenset()), 1, DIGEST, "yours: none"),
        (person("eve", frozenset({"senior", "manager"})), 1, DIGEST, "yours: manager, senior"),
        (person("app", frozenset({"approver"}), is_bot=True), 1, DIGEST, "Bots cannot approve"),
        (BOB, 15, DIGEST, "has expired"),
        (BOB, 99, DIGEST, "has expired"),
        (BOB, 1, "e" * 64, "no longer exactly what was asked for"),
        (BOB, 1, "", "no longer exactly what was asked for"),
    ],
)
def test_a_press_is_refused_with_the_reason(who: Actor, now: float, digest_now: str, reason: str, yes: bool) -> None:  # noqa: FBT001  # a table
    with pytest.raises(Refused, match=reason):
        decide(approval(), who, yes, digest_now, at(now))


@pytest.mark.parametrize("state", [one for one in ApprovalState if one is not ApprovalState.WAITING])
def test_a_press_on_what_has_ended_is_refused(state: ApprovalState) -> None:
    with pytest.raises(Refused, match=f"already {state}"):
        decide(replace(approval(), state=state), BOB, True, DIGEST, at(1))


@pytest.mark.parametrize("start", ApprovalState)
@pytest.mark.parametrize("to", [ApprovalState.EXPIRED, ApprovalState.WITHDRAWN, ApprovalState.USED])
def test_only_what_is_approved_is_used_and_only_what_waits_ends(start: ApprovalState, to: ApprovalState) -> None:
    may = start is (ApprovalState.APPROVED if to is ApprovalState.USED else ApprovalState.WAITING)
    before = replace(approval(), state=start)
    if may:
        ended, entry = end(before, to, "fettle", "why")
        assert (ended.state, entry.before, entry.after, entry.reason) == (to, start, to, "why")
    else:
        with pytest.raises(Refused, match=f"is {start}"):
            end(before, to, "fettle", "why")


def test_an_approval_is_used_once() -> None:
    decided, _ = decide(approval(), BOB, True, DIGEST, at(1))
    used, _ = end(decided, ApprovalState.USED, "fettle", "the change starts")
    with pytest.raises(Refused, match="is used"):
        end(used, ApprovalState.USED, "fettle", "the change starts")


@given(st.lists(st.tuples(st.sampled_from(APPROVERS), st.booleans()), max_size=8), st.integers(1, 3))
def test_it_is_approved_only_by_enough_people_and_no_rejection(votes: list[tuple[Actor, bool]], needed: int) -> None:
    current = approval(needed)
    for who, yes in votes:
        try:
            current, _ = decide(current, who, yes, DIGEST, at(1))
        except Refused:
            continue
    people = {vote.by for vote in current.votes if vote.yes}
    assert (current.state is ApprovalState.APPROVED) is (len(people) >= needed)
    assert (current.state is ApprovalState.REJECTED) is any(not vote.yes for vote in current.votes)


@pytest.mark.parametrize("state", ChangeState)
@pytest.mark.parametrize("move", ChangeMove)
def test_a_change_moves_by_the_table_or_says_why_not(state: ChangeState, move: ChangeMove) -> None:
    after = CHANGE_TRANSITIONS.get((state, move))
    if after is None:
        with pytest.raises(IllegalTransition, match="Restart payment"):
            advance(change(state), move, by="U-ada", now=at(1))
        return
    moved, entry = advance(change(state), move, by="U-ada", now=at(1), reason="why")
    assert (moved.state, entry.before, entry.after, entry.reason) == (after, state, after, "why")
    assert moved.started_at == (at(1) if move is ChangeMove.START else None)
    assert entry.detail == {"action": "restart_service 1", "digest": "d" * 64}


def test_nothing_runs_without_having_waited_for_approval() -> None:
    assert [one for one, after in CHANGE_TRANSITIONS.items() if after is ChangeState.RUNNING] == [
        (ChangeState.ASKED, ChangeMove.START)
    ]


def test_what_nobody_saw_end_is_never_started_again() -> None:
    reached, todo = set(), {ChangeState.UNKNOWN}
    while todo:
        state = todo.pop()
        reached.add(state)
        todo |= {after for (before, _), after in CHANGE_TRANSITIONS.items() if before is state} - reached
    assert ChangeState.RUNNING not in reached


@pytest.mark.parametrize(
    ("score", "word"), [(0, "low"), (0.29, "low"), (0.3, "medium"), (0.59, "medium"), (0.6, "high")]
)
def test_a_risk_has_a_word(score: float, word: str) -> None:
    assert Risk(score, ()).word == word


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (Parameter("integer", minimum=1, maximum=9), [1, 9], [0, 10, "5", 1.0, True]),
        (Parameter("number", maximum=9), [1, 1.5], ["1", 9.1, True, float("nan"), float("-inf")]),
        (Parameter("boolean"), [True, False], [1, "true", 0]),
        (Parameter("string"), ["2.7.3", "a/b:c@d"], ["", "a b", "a;b", "$(x)", "-x", "--force", "a\n", "é" * 201, 1]),
        (Parameter("string", pattern=r"\d+"), ["12"], ["12a", "a", "12\n", ""]),
        (Parameter("string", enum=("info", "debug")), ["info"], ["trace", "inf"]),
    ],
)
def test_a_parameter_fits_its_schema_or_is_refused(schema: Parameter, good: list[Value], bad: list[Value]) -> None:
    one = replace(action(), parameters={"x": schema})
    assert [bind(one, {"x": value}) for value in good] == [{"x": value} for value in good]
    for value in bad:
        with pytest.raises(Refused, match="x must"):
            bind(one, {"x": value})


def test_a_parameter_too_many_or_too_few_is_refused() -> None:
    with pytest.raises(Refused, match="has no parameter force; it has service"):
        bind(action(), {"service": "payment", "force": True})
    with pytest.raises(Refused, match="needs the parameter service"):
        bind(action(), {})


def test_a_template_is_filled_with_what_is_known() -> None:
    assert (
        fill("{service} to {deploy.previous}", {"service": "payment", "deploy.previous": "2.7.3"}) == "payment to 2.7.3"
    )
    assert fill("{service}", {"service": "{host}", "host": "x"}) == "{host}", "a fact is no template"
    with pytest.raises(Refused, match=re.escape("needs deploy.previous")):
        fill("to {deploy.previous}", {"service": "payment"})


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("what", May)
def test_a_role_allows_what_its_line_says(role: str, what: May) -> None:
    actor = person("x", frozenset({role}))
    if what in ROLES[role] | {May.LOOK}:
        permit(actor, what)
    else:
        with pytest.raises(Refused, match=f"yours: {role}"):
            permit(actor, what)
    if what is not May.LOOK:
        with pytest.raises(Refused, match="Bots"):
            permit(replace(actor, is_bot=True), what)


def test_only_approvers_approve() -> None:
    assert [role for role, may in ROLES.items() if May.APPROVE in may] == ["approver"]
    assert person("x", frozenset({"no such role"})).may == {May.LOOK}


def test_while_automation_is_stopped_everything_is_refused_with_the_reason() -> None:
    Automation().check()
    with pytest.raises(Refused, match=r"<@U-ada> \(peak hours\)"):
        Automation(stopped_by="U-ada", stopped_at=NOW, why="peak hours").check()


def test_an_approval_expires_at_its_very_moment() -> None:
    moment = approval().expires_at
    assert decide(approval(), BOB, True, DIGEST, moment - timedelta(microseconds=1))[0].yes == 1
    with pytest.raises(Refused, match="expired"):
        decide(approval(), BOB, True, DIGEST, moment)
