from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.action import Parameter, Rollback, Value
from bot.domain.cause import CauseKind, CauseReport, Hypothesis, Verdict
from bot.domain.change import Change, ChangeState
from bot.domain.evidence import Series
from bot.domain.guide import Guide
from bot.domain.run import Plan, Task
from bot.errors import Refused
from skills.remediation.logic import (
    bound,
    choose,
    facts_of,
    judge,
    pick,
    plan_digest,
    reading,
    refuse_third,
    risk_of,
    told,
    tried,
    way_back,
)
from tests.builders import NOW, action, at, catalogue, change, deploy, guide, indicator, plan, series, step
from tests.builders import reading as read

SHOP = catalogue({"shop": ("payment",)})
LIMIT: dict[tuple[str, str], float | None] = {("payment", "errors"): 0.02}
NONE: dict[tuple[str, str], float | None] = {}


@pytest.mark.parametrize(
    ("before", "after", "limits", "helped"),
    [
        (0.2, 0.01, LIMIT, True),
        (0.2, 0.02, LIMIT, False),
        (0.2, 0.05, LIMIT, False),
        (0.01, 0.01, LIMIT, True),
        (None, 0.01, LIMIT, True),
        (0.2, None, LIMIT, False),
        (0.2, 0.1, NONE, True),
        (0.2, 0.11, NONE, False),
        (0.2, 0.4, NONE, False),
        (0.2, None, NONE, False),
        (None, 0.1, NONE, False),
    ],
)
def test_a_change_helped_when_it_is_healthy_or_better_by_half(
    before: float | None,
    after: float | None,
    limits: dict[tuple[str, str], float | None],
    helped: bool,  # noqa: FBT001  # a table
) -> None:
    last = judge([read(before)], [read(after)], limits, 0, 5)
    assert last.helped is helped
    assert judge([read(before)], [read(after)], limits, 0, 1).helped is (True if helped else None), "not told yet"


@pytest.mark.parametrize(("after", "helped"), [(40.0, False), (50.0, False), (51.0, True)])
def test_higher_is_better_where_it_says_so(after: float, helped: bool) -> None:  # noqa: FBT001  # a table
    was, now = read(10.0, "orders", better="higher"), read(after, "orders", better="higher")
    assert judge([was], [now], {("payment", "orders"): 50.0}, 0, 5).helped is helped


def test_one_reading_that_is_not_well_is_enough_to_say_no() -> None:
    both = [read(0.2), read(0.2, service="shop")]
    limits = {**LIMIT, ("shop", "errors"): 0.02}
    assert judge(both, [read(0.0), read(0.0, service="shop")], limits, 0, 5).helped is True
    assert judge(both, [read(0.0), read(0.2, service="shop")], limits, 0, 5).helped is False


@pytest.mark.parametrize(("neighbour", "helped"), [(0.2, True), (0.21, True), (0.3, False), (None, False)])
def test_a_neighbour_that_was_well_may_stay_as_it_is_and_must_not_get_worse(
    neighbour: float | None,
    helped: bool,  # noqa: FBT001  # a table
) -> None:
    before = [read(0.2), read(0.2, "latency", service="shop")]
    after = [read(0.0), read(neighbour, "latency", service="shop")]
    assert judge(before, after, LIMIT, 0, 5).helped is helped


def test_what_stays_as_it_was_is_no_help() -> None:
    same = read(0.0, "orders", better="higher")
    assert judge([same], [same], NONE, 0, 5).helped is False


def test_a_reading_that_is_gone_is_bad_and_a_new_one_says_nothing() -> None:
    other = read(0.9, "latency")
    assert judge([read(0.2)], [other], LIMIT, 0, 5).helped is False
    assert judge([read(0.2)], [read(0.0), other], LIMIT, 0, 5).helped is True


def test_while_an_alert_fires_it_has_not_helped() -> None:
    assert judge([read(0.2)], [read(0.0)], LIMIT, 1, 4).helped is None
    last = judge([read(0.2)], [read(0.0)], LIMIT, 1, 5)
    assert (last.helped, last.words) == (False, "payment errors 20 % → 0 %, but 1 alert still fires")
    assert judge([read(0.2)], [read(0.0)], LIMIT, 2, 5).words.endswith("but 2 alerts still fire")


def test_where_there_is_nothing_to_compare_the_alert_decides() -> None:
    assert judge([], [], NONE, 0, 1).helped is True
    assert judge([], [], NONE, 1, 5).helped is False


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_better_reading_is_never_judged_worse(before: float, good: float, bad: float) -> None:
    good, bad = sorted((good, bad))
    for limits in (LIMIT, NONE):
        order = [judge([read(before)], [read(now)], limits, 0, 5).helped for now in (good, bad)]
        assert order[0] is True or order[1] is False


def test_a_reading_is_the_mean_of_the_worst_series() -> None:
    two = [series([1.0, 3.0]), series([5.0, 7.0])]
    errors = indicator("errors")
    assert reading("payment", errors, "lower", two, "q").value == 6.0
    assert reading("payment", errors, "higher", two, "q").value == 2.0
    assert reading("payment", errors, "lower", [Series((), ())], "q").value is None
    assert reading("payment", errors, "lower", [], "q").value is None


def report(kind: CauseKind = CauseKind.POOL, service: str = "payment") -> CauseReport:
    best = Hypothesis(kind, service, "pool", "the pool is exhausted", 0.8, ("E1",), (), "count")
    return CauseReport(Verdict.LIKELY, (best,), (), (), None, (), None, (), NOW, 0.1)


GENERAL = replace(guide(), name="general", title="Payment")
POOL = replace(guide(), name="pool", cause_kinds=("pool",))
SLOW = replace(guide(), name="slow", cause_kinds=("latency",), alerts=("HighLatency",))
OTHER = replace(guide(), name="other", service="shop", cause_kinds=("pool",))
GUIDES = (OTHER, GENERAL, SLOW, POOL)


@pytest.mark.parametrize(
    ("found", "services", "alerts", "chosen"),
    [
        (report(), ("payment",), ("HighLatency",), POOL),
        (report(service="shop"), ("payment",), ("HighLatency",), OTHER),
        (report(CauseKind.DISK), ("payment",), ("HighLatency",), SLOW),
        (None, ("payment",), ("HighLatency",), SLOW),
        (None, ("payment",), ("Other",), GENERAL),
        (None, ("search",), ("Other",), None),
    ],
)
def test_the_guide_that_fits_best_is_chosen(
    found: CauseReport | None, services: tuple[str, ...], alerts: tuple[str, ...], chosen: Guide | None
) -> None:
    made = choose(GUIDES, found, services, alerts)
    assert (made[0] if made else None) == chosen
    assert made is None or made[1]


def test_a_weak_idea_stands_behind_the_alert() -> None:
    weak = replace(report(), verdict=Verdict.UNSURE)
    chosen = choose(GUIDES, weak, ("payment",), ("HighLatency",))
    assert chosen
    assert chosen[0] == SLOW
    chosen = choose(GUIDES, weak, ("payment",), ("Other",))
    assert chosen
    assert (chosen[0], chosen[1]) == (POOL, "written for pool trouble of payment, a weak idea only")


def test_facts_are_of_the_newest_deploy_and_the_first_host() -> None:
    facts = facts_of("payment", [deploy("shop", -1, "9"), deploy("payment", -2), deploy("payment", -9, "1", "0")], SHOP)
    assert (facts["deploy.version"], facts["deploy.previous"], facts["host"], facts["host.dir"]) == (
        *("2.8.0", "2.7.3"),
        *("payment-1", "/srv/payment"),
    )
    assert "deploy.version" not in facts_of("payment", [], SHOP)
    assert facts_of("unheard of", [], SHOP) == {"service": "unheard of"}


def test_a_guide_is_told_with_its_facts_and_says_what_is_not_known() -> None:
    one = guide(replace(step("Go back to {deploy.previous}"), why="on {host.dir}, {nothing}"))
    (shown,) = told(one, {"payment": {"deploy.previous": "2.7.3", "host.dir": "/srv"}}).steps
    assert (shown.title, shown.why) == ("Go back to 2.7.3", "on /srv, (nothing: not known)")


TYPED = replace(
    action("scale"),
    title="Scale {service} to {count}",
    parameters={
        "service": Parameter("string"),
        "count": Parameter("integer", minimum=1, maximum=5),
        "force": Parameter("boolean"),
    },
)


def test_an_action_is_filled_in_and_aimed_at_its_services_hosts() -> None:
    made = bound(TYPED, {"service": "{service}", "count": "{n}", "force": "true"}, {"service": "payment", "n": 3}, SHOP)
    assert (made.title, made.service) == ("Scale payment to 3", "payment")
    assert made.parameters == {"service": "payment", "count": 3, "force": True}
    assert (made.call.targets, made.call.hosts["payment-1"]["ansible_host"]) == (("payment-1",), "127.0.0.1")
    assert made.call.spec == {"playbook": "scale.yml"}


@pytest.mark.parametrize(
    ("given", "facts", "reason"),
    [
        ({"service": "{service}", "count": "9", "force": "no"}, {"service": "payment"}, "between 1 and 5"),
        ({"service": "{service}", "count": "many", "force": "no"}, {"service": "payment"}, "count must be an integer"),
        ({"service": "{nothing}", "count": "1", "force": "no"}, {"service": "payment"}, "needs nothing"),
        ({"service": "{service}", "count": "1"}, {"service": "payment"}, "needs the parameter force"),
        ({"service": "{service}", "count": "1", "force": "treu"}, {"service": "payment"}, "force must be a boolean"),
        ({"service": "{service}", "count": "1", "force": "no"}, {"service": "search"}, "does not have"),
        ({"service": "{service}", "count": "1", "force": "no", "x": "1"}, {"service": "payment"}, "has no parameter x"),
        ({"service": "a; rm -rf /", "count": "1", "force": "no"}, {}, "must look like a plain word"),
        ({"service": "{service}", "count": "1", "force": "no"}, {"service": "$(x)"}, "must look like a plain word"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Value], facts: dict[str, Value], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        bound(TYPED, given, facts, SHOP)


def test_a_service_without_hosts_cannot_be_aimed_at() -> None:
    bare = replace(SHOP, services={"payment": replace(SHOP.services["payment"], hosts=())})
    with pytest.raises(Refused, match="lists none for payment"):
        bound(action(), {"service": "payment"}, {}, bare)


def test_the_way_back_knows_what_was_done() -> None:
    back = replace(action("rollback"), parameters={"service": Parameter("string"), "to": Parameter("string")})
    there = replace(back, name="deploy", rollback=Rollback("rollback", {"service": "{service}", "to": "{from}"}))
    done = bound(there, {"service": "payment", "to": "2.9"}, {}, SHOP)
    made = way_back(there, done, {"from": "2.8"}, {"rollback": back}, SHOP)
    assert made
    assert (made.action.name, made.parameters) == ("rollback", {"service": "payment", "to": "2.8"})
    assert way_back(replace(there, rollback=None), done, {}, {}, SHOP) is None
    with pytest.raises(Refused, match="which the catalogue does not have"):
        way_back(there, done, {"from": "2.8"}, {}, SHOP)


def test_a_plans_digest_is_of_what_it_would_do_and_not_of_how_long_it_took() -> None:
    assert plan_digest(plan("a", "b")) == plan_digest(replace(plan("a", "b"), seconds=9.0))
    slower = Plan(True, tuple(replace(task, seconds=9.0) for task in plan("a", "b").tasks), (), 0.5)
    assert plan_digest(slower) == plan_digest(plan("a", "b"))
    others = [
        plan("a"),
        plan("b", "a"),
        Plan(True, (Task("a", "pay-2", "changed", 0.1), Task("b", "pay-1", "changed", 0.1)), (), 0.5),
        Plan(True, (Task("a", "pay-1", "ok", 0.1), Task("b", "pay-1", "changed", 0.1)), (), 0.5),
        Plan(True, (Task("a", "pay-1", "changed", 0.1, "", "- 7\n+ 6"), Task("b", "pay-1", "changed", 0.1)), (), 0.5),
    ]
    scratch = [
        Plan(True, (Task("a", "pay-1", "changed", 0.1, "", f"+++ ~/.ansible/tmp/ansible-tmp-{n}/tmp{n}"),), (), 0.5)
        for n in ("abcd1234", "efgh5678")
    ]
    assert plan_digest(scratch[0]) == plan_digest(scratch[1])
    places = [
        Plan(True, (Task("a", "pay-1", "changed", 0.1, "", f"+++ /etc/tmpfiles.d/{n}.conf"),), (), 0.5) for n in "ab"
    ]
    assert plan_digest(places[0]) != plan_digest(places[1])
    assert plan_digest(plan("a", "b")) not in {plan_digest(one) for one in others}


def past(state: ChangeState, minutes: float = -60.0, name: str = "restart_service", service: str = "payment") -> Change:
    return replace(change(state), planned_at=at(minutes), action=name, service=service, incident=7)


BAD = ChangeState.DID_NOT_HELP


@pytest.mark.parametrize("state", [BAD, ChangeState.FAILED, ChangeState.ROLLED_BACK, ChangeState.ROLLBACK_FAILED])
def test_what_did_not_hold_twice_is_not_offered_a_third_time(state: ChangeState) -> None:
    with pytest.raises(Refused, match=r"did not hold 2 times here today \(INC-7, INC-7\)"):
        refuse_third(action(), "payment", [past(state), past(state)], NOW)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [past(BAD)],
        [past(BAD), past(ChangeState.HELPED)],
        [past(BAD), past(ChangeState.REFUSED)],
        [past(BAD), past(BAD, -60 * 24)],
        [past(BAD), past(BAD, name="clean_disk")],
        [past(BAD), past(BAD, service="shop")],
    ],
)
def test_what_held_or_failed_elsewhere_or_long_ago_may_be_tried(history: list[Change]) -> None:
    refuse_third(action(), "payment", history, NOW)


def score(**more: object) -> float:
    known: dict[str, object] = {
        "action": action(),
        "plan": plan("a"),
        "callers": (),
        "environment": "test",
        "history": [past(ChangeState.HELPED)],
        "others": 0,
    }
    return risk_of(**MappingProxyType({**known, **more})).score  # type: ignore[arg-type]  # each fits its parameter


@pytest.mark.parametrize(
    "worse",
    [
        {"history": []},
        {"history": [past(ChangeState.HELPED), past(BAD)]},
        {"action": replace(action(), command_class="destructive")},
        {"environment": "production"},
        {"callers": ("shop",)},
        {"callers": ("shop", "search")},
        {"plan": replace(plan("a"), blind=("a command",))},
        {"action": replace(action(), blind=("a command",))},
        {"action": replace(action(), rollback=None)},
        {"others": 1},
    ],
)
def test_every_reason_makes_it_riskier(worse: dict[str, object]) -> None:
    assert score() < score(**worse) <= 1


def test_a_risk_says_why() -> None:
    found = risk_of(replace(action(), rollback=None), plan("a"), ("shop",), "production", [past(BAD)], 2)
    assert found.reasons == (
        "done 1 time, 0 held",
        "production",
        "shop depends on it",
        "no way back",
        "2 other changes running",
    )


@pytest.mark.parametrize(
    ("path", "output", "value"),
    [
        ("$.a.b", '{"a": {"b": 3}}', 3),
        ("$.a.1", '{"a": [1, "x"]}', "x"),
        ("$.a.2", '{"a": [1, 2]}', None),
        ("$.a.x", '{"a": [1, 2]}', None),
        ("$.a", '{"b": 1}', None),
        ("$.a", "no json", None),
        ("$.a", '{"a": null}', None),
        ("$.a", '{"a": false}', False),
        ("a", '{"a": 1}', 1),
        ("", " 42\n", 42.0),
        ("", "ok\n", "ok"),
        ("", "", None),
    ],
)
def test_a_value_is_picked_from_an_output(path: str, output: str, value: object) -> None:
    assert pick(path, output) == value
    assert type(pick(path, output)) is type(value)


def test_what_was_tried_is_told_to_whoever_is_called() -> None:
    assert tried([]) == "nothing has been changed yet"
    assert tried([replace(change(BAD), verdict="errors 20 % → 20 %"), change()]) == (
        "Restart payment: did not help (errors 20 % → 20 %); Restart payment: planned"
    )
