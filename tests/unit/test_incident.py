from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.grouping import Grouping, Place, absorb, opened, place
from bot.domain.incident import TRANSITIONS, Incident, IncidentState, Move, Mute, advance, number
from bot.domain.signal import Severity, Signal
from bot.errors import IllegalTransition, NotFound
from tests.builders import NOW, alert, at, cleared, incident

PATHS = Grouping(paths={"shop": frozenset({"payment", "ledger"}), "payment": frozenset({"ledger"})})
NOWHERE = Grouping()


def placed(signal: Signal, *incidents: Incident, grouping: Grouping = PATHS) -> tuple[Place, int | None]:
    found = place(signal, incidents, None, grouping, signal.at)
    return found.place, found.incident


@pytest.mark.parametrize("state", IncidentState)
@pytest.mark.parametrize("move", Move)
def test_an_incident_moves_by_the_table_or_says_why_not(state: IncidentState, move: Move) -> None:
    before = replace(incident(), state=state, assignee="U-bob")
    after = TRANSITIONS.get((state, move))
    if after is None:
        with pytest.raises(IllegalTransition, match="INC-1"):
            advance(before, move, by="U-ada", now=at(5))
        return
    moved, entry = advance(before, move, by="U-ada", now=at(5), reason="why")
    assert moved.state is after
    assert moved.touched_at == at(5)
    assert (entry.thing, entry.actor, entry.before, entry.after, entry.reason) == (
        *("incident:1", "U-ada", state, after),
        "why",
    )


def test_whoever_takes_it_keeps_it_and_ends_the_escalation() -> None:
    waiting = replace(incident(), escalates_at=at(10))
    taken, _ = advance(waiting, Move.ACKNOWLEDGE, by="U-ada", now=at(2))
    assert (taken.assignee, taken.acknowledged_at, taken.escalates_at) == ("U-ada", at(2), None)
    fixing, _ = advance(taken, Move.START_FIX, by="U-bob", now=at(4))
    assert (fixing.assignee, fixing.acknowledged_at, fixing.state) == ("U-ada", at(2), IncidentState.FIXING)
    with pytest.raises(IllegalTransition, match="<@U-ada> already has INC-1"):
        advance(taken, Move.ACKNOWLEDGE, by="U-bob", now=at(3))


def test_starting_the_fix_takes_it_too() -> None:
    fixing, _ = advance(replace(incident(), escalates_at=at(10)), Move.START_FIX, by="U-bob", now=at(4))
    assert (fixing.assignee, fixing.acknowledged_at, fixing.escalates_at) == ("U-bob", at(4), None)


def test_what_is_resolved_says_by_whom_and_how_until_it_is_reopened() -> None:
    resolved, _ = advance(incident(), Move.RESOLVE, by="U-ada", now=at(9), reason="restarted", fixed_by="c1")
    assert (resolved.closed_at, resolved.closed_by, resolved.resolution, resolved.fixed_by) == (
        *(at(9), "U-ada"),
        *("restarted", "c1"),
    )
    with pytest.raises(IllegalTransition, match="already closed"):
        advance(resolved, Move.ACKNOWLEDGE, by="U-bob", now=at(10))
    again, _ = advance(resolved, Move.REOPEN, by="U-ada", now=at(11))
    assert (again.closed_at, again.closed_by, again.resolution, again.fixed_by) == (None, "", "", "")


def test_a_fix_under_way_is_no_false_alarm() -> None:
    with pytest.raises(IllegalTransition, match="before a fix was started or after"):
        advance(replace(incident(), state=IncidentState.FIXING), Move.DISMISS, by="U-ada", now=NOW)


@pytest.mark.parametrize("text", ["214", "INC-214", "inc 214", " inc214 ", "#214"])
def test_an_incident_is_named_in_many_ways(text: str) -> None:
    assert number(text) == 214


@pytest.mark.parametrize("text", ["", "INC-", "payment", "2140000000000", "-1", "1.5", "INC-1; x"])
def test_anything_else_is_no_incident(text: str) -> None:
    with pytest.raises(NotFound, match="incidents"):
        number(text)


def test_an_alert_joins_its_service_or_a_dependency_and_nothing_else() -> None:
    payment = incident(7, "payment")
    assert placed(alert("Errors", "payment", 1), payment) == (Place.JOIN, 7)
    assert placed(alert("Errors", "shop", 1), payment) == (Place.JOIN, 7)
    assert placed(alert("Disk", "ledger", 1), payment) == (Place.JOIN, 7)
    assert placed(alert("Errors", "search", 1), payment) == (Place.NEW, None)
    assert placed(alert("Errors", "shop", 1), payment, grouping=NOWHERE) == (Place.NEW, None)
    assert placed(alert("Errors", "", 1), replace(payment, services=())) == (Place.NEW, None)


def test_the_same_service_goes_before_a_dependency() -> None:
    assert placed(alert("Errors", "shop", 1), incident(1, "payment"), incident(2, "shop")) == (Place.JOIN, 2)


def test_siblings_are_joined_only_through_what_both_depend_on() -> None:
    paths = Grouping(paths={"shop": frozenset({"db"}), "search": frozenset({"db"})})
    assert placed(alert("Errors", "search", 1), incident(1, "shop"), grouping=paths) == (Place.NEW, None)
    assert placed(alert("Errors", "search", 1), incident(1, "db"), grouping=paths) == (Place.JOIN, 1)


def test_an_incident_that_nobody_touched_for_the_window_takes_no_more() -> None:
    assert placed(alert("Errors", "payment", 10), incident(1)) == (Place.JOIN, 1)
    assert placed(alert("Errors", "payment", 10.1), incident(1)) == (Place.NEW, None)
    assert placed(alert("Errors", "payment", 10.1), replace(incident(1), touched_at=at(5))) == (Place.JOIN, 1)


def test_the_incident_that_holds_the_alert_takes_it_however_old_and_muted() -> None:
    mute = Mute("m", "payment", "", at(999), "U-ada", "")
    fired = alert(minutes=120)
    assert place(fired, [incident(1)], 3, PATHS, at(120), hold=mute.hold()).place is Place.REFIRE
    found = place(cleared(fired, 121), [incident(1)], 3, PATHS, at(121), hold=mute.hold())
    assert (found.place, found.incident) == (Place.CLEAR, 3)
    assert place(cleared(fired, 121), [incident(1)], None, PATHS, at(121)).place is Place.IGNORE


@pytest.mark.parametrize(
    ("mute", "covered"),
    [
        (Mute("m", "payment", "", at(5), "U", "why"), True),
        (Mute("m", "payment", "HighLatency", at(5), "U", "why"), True),
        (Mute("m", "payment", "DiskFull", at(5), "U", "why"), False),
        (Mute("m", "shop", "", at(5), "U", "why"), False),
        (Mute("m", "payment", "", at(0), "U", "why"), False),
    ],
)
def test_a_mute_covers_its_service_or_alert_until_its_end(mute: Mute, covered: bool) -> None:  # noqa: FBT001  # a table
    assert mute.covers(alert(), NOW) is covered
    found = place(alert(), (), None, NOWHERE, NOW, hold=mute.hold())
    assert found.place is Place.MUTED
    assert "<@U>" in found.reason
    assert "until" in found.reason
    assert "why" in found.reason


def test_too_many_at_once_are_a_storm_that_takes_the_rest() -> None:
    many = [incident(one, f"s{one}") for one in range(12)]
    assert placed(alert("Errors", "other", 0.5), *many) == (Place.STORM, None)
    assert placed(alert("Errors", "other", 0.5), *many[:11]) == (Place.NEW, None)
    assert placed(alert("Errors", "other", 1.1), *many) == (Place.NEW, None)
    storm, _, _ = opened(alert("Errors", "other"), 99, "C1", place(alert(), many, None, NOWHERE, NOW), NOW)
    assert (storm.title, storm.service, storm.storm) == ("Alert storm", "", True)
    assert placed(alert("Errors", "another", 0.5), *many, storm) == (Place.JOIN, 99)
    assert placed(alert("Errors", "s3", 0.5), *many, storm) == (Place.JOIN, 3), "its own service's incident is nearer"
    assert placed(alert("Errors", "another", 11), storm) == (Place.NEW, None)


def test_a_joining_alert_is_counted_with_its_reason() -> None:
    first, other = incident(1, "payment"), alert("Errors", "shop", 1)
    found = place(other, [first], None, PATHS, at(1))
    merged, held, entry = absorb(first, None, other, found, at(1))
    assert (merged.alerts, merged.firing, merged.services) == (2, 2, ("payment", "shop"))
    assert merged.joined == ("shop calls payment, within 10 min",) == (held.why,)
    assert (merged.touched_at, merged.service, merged.title) == (at(1), first.service, first.title)
    assert entry.verb == "join"


def test_an_alert_clears_once_and_may_fire_again() -> None:
    signal = alert()
    first, held, _ = opened(signal, 1, "C1", place(signal, (), None, NOWHERE, NOW), NOW)
    found = place(cleared(signal, 3), [first], 1, NOWHERE, at(3))
    quiet, held, _ = absorb(first, held, cleared(signal, 3), found, at(3))
    assert (quiet.firing, held.cleared_at, held.times) == (0, at(3), 1)
    quiet, held, _ = absorb(quiet, held, cleared(signal, 4), found, at(4))
    assert (quiet.firing, held.cleared_at) == (0, at(3)), "a second clearing changes nothing"
    again = place(signal, [quiet], 1, NOWHERE, at(5))
    loud, held, _ = absorb(quiet, held, signal, again, at(5))
    assert (loud.firing, loud.alerts, held.cleared_at, held.times) == (1, 1, None, 2)
    loud, held, _ = absorb(loud, held, signal, again, at(6))
    assert (loud.firing, held.times) == (1, 3)


@given(st.lists(st.sampled_from(Severity), min_size=1, max_size=6))
def test_an_incident_is_as_bad_as_its_worst_alert(severities: list[Severity]) -> None:
    signals = [replace(alert(f"a{place}"), severity=one) for place, one in enumerate(severities)]
    now = incident()
    merged, _, _ = opened(signals[0], 1, "C1", place(signals[0], (), None, NOWHERE, NOW), NOW)
    for signal in signals[1:]:
        merged, _, _ = absorb(merged, None, signal, place(signal, [now], None, NOWHERE, NOW), NOW)
    assert merged.severity is min(severities, key=lambda one: one.rank)


def test_a_clearing_makes_nothing_worse() -> None:
    signal = alert()
    first, held, _ = opened(signal, 1, "C1", place(signal, (), None, NOWHERE, NOW), NOW)
    worse = replace(cleared(signal, 1), severity=Severity.CRITICAL)
    found = place(worse, [first], 1, NOWHERE, at(1))
    assert absorb(first, held, worse, found, at(1))[0].severity is Severity.WARNING


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20))
def test_the_count_of_firing_alerts_is_that_of_its_alerts(story: list[tuple[int, bool]]) -> None:
    current, held = incident(), {"first": False}
    alerts = {alert().fingerprint: opened(alert(), 1, "C1", place(alert(), (), None, NOWHERE, NOW), NOW)[1]}
    for which, clears in story:
        signal = alert(f"a{which}")
        known = alerts.get(signal.fingerprint)
        signal = cleared(signal, 1) if clears else signal
        found = place(signal, [current], current.id if known else None, NOWHERE, NOW)
        if found.place is Place.IGNORE:
            continue
        current, alerts[signal.fingerprint], _ = absorb(current, known, signal, found, NOW)
    assert current.alerts == len(alerts) >= len(held)
    assert current.firing == sum(one.cleared_at is None for one in alerts.values())


def test_only_so_many_reasons_and_services_are_kept() -> None:
    current = incident()
    for which in range(60):
        signal = alert("Errors", f"s{which}")
        found = replace(place(signal, (), None, NOWHERE, NOW), reason=f"reason {which}")
        current, _, _ = absorb(current, None, signal, found, NOW)
    assert (len(current.joined), len(current.services), current.alerts) == (5, 50, 61)


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("critical", "critical"),
        ("Page", "critical"),
        ("P1", "critical"),
        ("none", "info"),
        ("odd", "warning"),
        ("", "warning"),
    ],
)
def test_a_vendors_word_means_a_severity(word: str, severity: str) -> None:
    assert Severity.of(word) == severity


def test_an_incident_is_called_by_its_first_alerts_summary_or_name() -> None:
    new = place(alert(), (), None, NOWHERE, NOW)
    titles = [opened(one, 1, "C1", new, NOW)[0].title for one in (alert(), replace(alert(), summary=""))]
    assert titles == ["HighLatency of payment", "HighLatency"]


def test_the_window_is_the_groupings() -> None:
    wide = replace(PATHS, window=timedelta(hours=2))
    assert placed(alert("Errors", "payment", 100), incident(1), grouping=wide) == (Place.JOIN, 1)
