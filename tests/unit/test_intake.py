from dataclasses import replace
from datetime import timedelta

from bot.domain.effects import Later, NotLater, Refresh
from bot.domain.events import AlertsCleared, EscalationDue, IncidentOpened
from bot.domain.grouping import Grouping
from bot.domain.house import House
from bot.domain.incident import Alert, Incident, Mute
from bot.domain.outcome import Outcome
from bot.domain.signal import Signal
from skills.incidents.logic import QUIET_SECONDS, Intake, mute_of
from tests.builders import NOW, alert, at, cleared, deploy, incident

HOUSE = House("C-alerts", "C-approvals", escalate_after=600.0)
PATHS = Grouping(paths={"shop": frozenset({"payment"})})


def intake(
    minutes: float = 0.0, *open_now: Incident, held: tuple[Alert, ...] = (), mutes: tuple[Mute, ...] = ()
) -> Intake:
    holders = {one.fingerprint: one for one in held}
    return Intake(HOUSE, PATHS, at(minutes), 10, {one.id: one for one in open_now}, holders, mutes)


def taken(into: Intake, *signals: Signal) -> Outcome:
    into.take_all(signals)
    return into.outcome(signals)


def incidents(outcome: Outcome) -> list[Incident]:
    return [one for one in outcome.save if isinstance(one, Incident)]


def alerts(outcome: Outcome) -> list[Alert]:
    return [one for one in outcome.save if isinstance(one, Alert)]


def timers(outcome: Outcome) -> dict[str, Later | NotLater]:
    return {one.key: one for one in outcome.effects if isinstance(one, Later | NotLater)}


def test_an_alert_opens_an_incident_shows_it_and_begins_to_wait() -> None:
    outcome = taken(intake(), alert())
    (opened,) = incidents(outcome)
    assert (opened.id, opened.channel, opened.service, opened.escalates_at) == (10, "C-alerts", "payment", at(10))
    later = timers(outcome)["escalate:10"]
    assert isinstance(later, Later)
    assert (later.due, later.event) == (at(10), EscalationDue(id="escalate:10", at=at(10), incident=10))
    assert outcome.emit == (IncidentOpened(id="opened:10", at=NOW, incident=10),)
    assert Refresh("incident:10") in outcome.effects
    assert outcome.placed == (alert().id,)


def test_a_batch_is_placed_one_after_the_other() -> None:
    outcome = taken(intake(), alert("Errors", "payment"), alert("Errors", "shop"), alert("Disk", "search"))
    joined, apart = incidents(outcome)
    assert (joined.id, joined.alerts, joined.services, joined.joined) == (
        10,
        2,
        ("payment", "shop"),
        ("shop calls payment, within 10 min",),
    )
    assert (apart.id, apart.service) == (11, "search")
    assert [one.incident for one in alerts(outcome)] == [10, 10, 11]
    assert len(outcome.emit) == 2
    assert len([one for one in outcome.effects if isinstance(one, Refresh)]) == 2, "one for each, however many alerts"


def test_the_same_alert_twice_is_one_alert() -> None:
    outcome = taken(intake(), alert(), alert(minutes=1))
    (only,) = incidents(outcome)
    assert (only.alerts, only.firing) == (1, 1)
    assert [one.times for one in alerts(outcome)] == [2]


def test_when_the_last_alert_clears_it_waits_for_quiet() -> None:
    outcome = taken(intake(2), alert("A"), alert("B"), cleared(alert("A"), 2))
    assert isinstance(timers(outcome)["quiet:10"], NotLater), "one still fires"
    outcome = taken(intake(2), alert("A"), alert("B"), cleared(alert("A"), 2), cleared(alert("B"), 2))
    quiet = timers(outcome)["quiet:10"]
    assert isinstance(quiet, Later)
    assert quiet.due == at(2) + timedelta(seconds=QUIET_SECONDS)
    assert isinstance(quiet.event, AlertsCleared)
    assert (quiet.event.incident, quiet.event.quiet) == (10, True)
    assert incidents(outcome)[0].firing == 0


def test_an_alert_that_fires_again_ends_the_quiet() -> None:
    outcome = taken(intake(2), alert(), cleared(alert(), 1), alert(minutes=2))
    assert isinstance(timers(outcome)["quiet:10"], NotLater)
    assert incidents(outcome)[0].firing == 1


def test_what_an_open_incident_holds_stays_there() -> None:
    held = alerts(taken(intake(), alert()))[0]
    before = replace(incident(10), touched_at=at(-60))
    outcome = taken(intake(3, before, held=(held,)), cleared(alert(), 3))
    (after,) = incidents(outcome)
    assert (after.id, after.firing, after.touched_at) == (10, 0, at(3))
    assert outcome.emit == ()


def test_what_clears_nothing_is_only_written_down() -> None:
    outcome = taken(intake(), cleared(alert(), 0))
    assert (outcome.save, outcome.effects, outcome.emit) == ((), (), ())
    assert [entry.verb for entry in outcome.journal] == ["ignore"]
    assert len(outcome.placed) == 1


def test_what_is_muted_opens_nothing_and_says_who_muted_it() -> None:
    mute, entry = mute_of(incident(3), 3600, "U-ada", "known", NOW, "m1")
    assert (mute.service, mute.alert, mute.until) == ("payment", "", at(60))
    assert (entry.verb, entry.actor, entry.incident, entry.reason) == ("mute", "U-ada", 3, "known")
    outcome = taken(intake(59, mutes=(mute,)), alert(minutes=59), alert("Errors", "search", 59))
    assert [one.service for one in incidents(outcome)] == ["search"]
    assert (outcome.journal[0].verb, "U-ada" in outcome.journal[0].reason) == ("muted", True)
    assert len(incidents(taken(intake(60, mutes=(mute,)), alert(minutes=60)))) == 1


def test_a_change_is_written_down_and_opens_nothing() -> None:
    outcome = taken(intake(), deploy())
    assert (outcome.save, outcome.emit) == ((), ())
    assert [(one.verb, one.detail["service"]) for one in outcome.journal] == [("change", "payment")]


def test_a_storm_is_one_incident() -> None:
    signals = [alert("Down", f"s{place}") for place in range(40)]
    outcome = taken(intake(), *signals)
    made = incidents(outcome)
    assert len(made) == 13
    assert [(one.storm, one.alerts) for one in made][-1] == (True, 28)
    assert len(outcome.placed) == 40
    assert len(outcome.emit) == 13


def test_every_alert_of_a_batch_is_in_the_journal() -> None:
    outcome = taken(intake(1), alert("A"), alert("B"), cleared(alert("A"), 1), deploy())
    assert [one.verb for one in outcome.journal] == ["open", "join", "clear", "change"]
