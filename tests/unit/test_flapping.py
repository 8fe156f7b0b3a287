"""An alert that fires and clears again and again is named, keeps its incident, and does not tell of every time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.effects import Later, Note
from bot.domain.grouping import Flapping, Grouping, absorb, opened, place, returns_to
from bot.domain.house import House
from bot.domain.incident import Alert, Incident, IncidentState, Move, advance
from bot.domain.outcome import Outcome
from bot.domain.signal import Signal
from skills.incidents import notes, views
from skills.incidents.logic import Intake, quiet_time
from tests.builders import NOW, alert, at, catalogue, cleared

HOUSE = House("C-alerts", "C-approvals", escalate_after=600.0)
PLAIN = Grouping()
FLAPPING = Flapping()


def story(every: float, cycles: int) -> tuple[Incident, Alert]:
    """An alert that fires and clears so often in one incident, each ``every`` minutes."""
    signal = alert()
    incident, held, _ = opened(signal, 1, "C1", place(signal, (), None, PLAIN, NOW), NOW)
    for cycle in range(cycles):
        over = at((cycle + 0.5) * every)
        found = place(cleared(signal, (cycle + 0.5) * every), [incident], 1, PLAIN, over)
        incident, held, _ = absorb(incident, held, cleared(signal, (cycle + 0.5) * every), found, over)
        if cycle + 1 < cycles:
            again = alert(minutes=(cycle + 1) * every)
            found = place(again, [incident], 1, PLAIN, again.at)
            incident, held, _ = absorb(incident, held, again, found, again.at)
    return incident, held


def test_three_times_in_an_hour_is_flapping() -> None:
    assert story(10, 2)[0].flapping == {}
    incident, held = story(10, 3)
    assert incident.flapping == {held.fingerprint: "HighLatency fired 3 times in 25 min"}
    assert story(30, 3)[0].flapping == {}, "three times in more than an hour is not"


def test_an_alert_that_is_told_of_again_while_it_fires_has_not_fired_again() -> None:
    signal = alert()
    incident, held, _ = opened(signal, 1, "C1", place(signal, (), None, PLAIN, NOW), NOW)
    for minute in range(1, 9):
        again = alert(minutes=minute)
        incident, held, _ = absorb(incident, held, again, place(again, [incident], 1, PLAIN, again.at), again.at)
    assert (held.times, len(held.fired), incident.flapping) == (9, 1, {})


def test_it_flaps_no_more_when_it_has_fired_steadily() -> None:
    incident, held = story(10, 3)
    again = alert(minutes=30)
    incident, held, _ = absorb(incident, held, again, place(again, [incident], 1, PLAIN, again.at), again.at)
    assert incident.flapping == {held.fingerprint: "HighLatency fired 4 times in 30 min"}
    late = cleared(alert(), 120)
    incident, held, _ = absorb(incident, held, late, place(late, [incident], 1, PLAIN, late.at), late.at)
    assert incident.flapping == {}


def test_only_a_quiet_while_ends_it() -> None:
    incident, _ = story(10, 3)
    assert quiet_time(incident, FLAPPING) == timedelta(minutes=30)
    assert quiet_time(replace(incident, flapping={}), FLAPPING) == timedelta(minutes=5)


def intake(
    minutes: float, incident: Incident, held: Alert | None = None, former: tuple[Alert, Incident] | None = None
) -> Intake:
    open_now = {} if incident.state.closed else {incident.id: incident}
    holders = {held.fingerprint: held} if held else {}
    earlier = {former[0].fingerprint: former} if former else {}
    return Intake(HOUSE, PLAIN, at(minutes), 10, open_now, holders, (), former=earlier)


def after(into: Intake, *signals: Signal) -> tuple[Incident, Outcome]:
    into.take_all(signals)
    outcome = into.outcome(signals)
    (incident,) = [one for one in outcome.save if isinstance(one, Incident)]
    return incident, outcome


def test_the_thread_is_told_once_that_it_flaps() -> None:
    incident, held = story(10, 3)
    into = intake(25, replace(incident, flapping={}), held)
    after(into, cleared(alert(), 25))
    (told,) = into.told
    key, channel, text = notes.told(told, FLAPPING)
    assert (key.startswith("incident:1:flapping:"), channel) == (True, "C1")
    assert "*HighLatency* of payment is flapping: HighLatency fired 3 times in 25 min." in text
    assert "quiet for 30 min" in text
    into = intake(30, incident, held)
    again, outcome = after(into, alert(minutes=30))
    assert (into.told, outcome.emit) == ([], ())
    assert again.flapping == {held.fingerprint: "HighLatency fired 4 times in 30 min"}
    assert not [one for one in outcome.effects if isinstance(one, Note)]


def test_its_incident_waits_longer_for_quiet() -> None:
    incident, held = story(10, 3)
    again = alert(minutes=30)
    loud, back, _ = absorb(incident, held, again, place(again, [incident], 1, PLAIN, again.at), again.at)
    _, outcome = after(intake(32, loud, back), cleared(again, 32))
    (later,) = [one for one in outcome.effects if isinstance(one, Later)]
    assert later.due == at(32) + timedelta(minutes=30)


def resolved(incident: Incident, minutes: float, by: str = "fettle", fixed_by: str = "") -> Incident:
    return advance(incident, Move.RESOLVE, by=by, now=at(minutes), reason="quiet", fixed_by=fixed_by)[0]


def test_an_alert_that_flaps_opens_its_incident_again_instead_of_another_one() -> None:
    incident, held = story(10, 3)
    over = resolved(incident, 36)
    into = intake(40, over, former=(held, over))
    back, outcome = after(into, alert(minutes=40))
    assert (back.id, back.state, back.firing, back.alerts) == (1, IncidentState.OPEN, 1, 1)
    assert (back.closed_at, back.escalates_at) == (None, at(50))
    assert outcome.emit == (), "nobody searches for its cause again"
    assert [one.verb for one in outcome.journal] == ["reopen", "refire"]
    assert "flapping: HighLatency fired 4 times in 40 min" in outcome.journal[0].reason
    assert back.flapping


def test_one_that_somebody_has_calls_nobody_when_it_opens_again() -> None:
    incident, held = story(10, 3)
    over = replace(resolved(incident, 36), assignee="U-ada")
    back, outcome = after(intake(40, over, former=(held, over)), alert(minutes=40))
    assert (back.assignee, back.escalates_at) == ("U-ada", None)
    assert not [one for one in outcome.effects if isinstance(one, Later)]


@pytest.mark.parametrize(
    "over",
    [
        resolved(story(10, 3)[0], 36, by="U-ada"),
        resolved(story(10, 3)[0], 36, fixed_by="c1"),
        replace(resolved(story(10, 3)[0], 36), state=IncidentState.FALSE_ALARM),
        replace(resolved(story(10, 3)[0], 36), closed_at=at(-30)),
        story(10, 3)[0],
    ],
)
def test_what_a_person_or_a_fix_closed_stays_closed(over: Incident) -> None:
    assert not returns_to(story(10, 3)[1], over, FLAPPING, at(40))


def test_its_history_goes_on_in_another_incident() -> None:
    incident, held = story(10, 3)
    over = resolved(incident, 36, by="U-ada")
    fresh, outcome = after(intake(40, over, former=(held, over)), alert(minutes=40))
    assert (fresh.id, len(outcome.emit)) == (10, 1)
    assert fresh.flapping == {held.fingerprint: "HighLatency fired 4 times in 40 min"}
    calm, _ = after(intake(90, over, former=(held, over)), alert(minutes=90))
    assert calm.flapping == {}


def test_two_alerts_of_one_incident_open_it_again_together() -> None:
    incident, held = story(10, 3)
    other = replace(held, fingerprint="other", name="Other")
    over = replace(resolved(incident, 36), alerts=2)
    into = Intake(HOUSE, PLAIN, at(40), 10, {}, {}, (), former={one.fingerprint: (one, over) for one in (held, other)})
    second = replace(alert("Other", minutes=40), fingerprint="other")
    back, _ = after(into, alert(minutes=40), second)
    assert (back.id, back.firing, back.alerts, len(back.flapping)) == (1, 2, 2, 2)


def test_the_message_names_it() -> None:
    incident, held = story(10, 3)
    shown = str(views.living(incident, [held], None, None, None, catalogue({"payment": ()}), HOUSE))
    assert "*Flapping*: HighLatency fired 3 times in 25 min" in shown


def test_hostile_names_do_not_ping() -> None:
    incident, held = story(10, 3)
    nasty = replace(
        incident, flapping={held.fingerprint: "<!channel> fired 3 times"}, joined=("<@U1> calls x",), alerts=2
    )
    shown = str(views.living(nasty, [held], None, None, None, catalogue({"payment": ()}), HOUSE))
    assert "<!channel>" not in shown
    assert "<@U1>" not in shown
