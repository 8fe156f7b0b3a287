"""Mutes, maintenance windows and inhibition: what they hold back, why, and what becomes of it when they end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.crontab import Crontab
from bot.domain.effects import Later, Refresh
from bot.domain.events import SignalsArrived
from bot.domain.grouping import Grouping
from bot.domain.hold import HoldKind
from bot.domain.house import House
from bot.domain.incident import HELD, Alert, Incident, Mute
from bot.domain.inhibition import Inhibition, Matcher, matcher, rules_look_at
from bot.domain.maintenance import Maintenance
from bot.domain.outcome import Outcome
from bot.domain.signal import Severity, Signal
from skills.incidents import notes
from skills.incidents.logic import Intake, windows
from skills.mutes import logic as mutes
from skills.mutes import views as shown
from storage.codec import decode, encode
from tests.builders import NOW, alert, at, cleared, incident

UTC_ZONE = ZoneInfo("UTC")
VIENNA = ZoneInfo("Europe/Vienna")
DOWN = Inhibition(
    "a node that is down",
    (Matcher("alertname", "=", "NodeDown"),),
    (Matcher("severity", "=~", "warning|info"),),
    ("cluster",),
)
WORK = Maintenance("upgrade", ("payment",), "Ada", "the database is upgraded", at(-10), at(50))
HOUSE = House("C-alerts", "C-approvals")


def signal(name: str, service: str = "payment", minutes: float = 0.0, **labels: str) -> Signal:
    return replace(alert(name, service, minutes), labels=labels)


def intake(  # what a batch finds
    minutes: float = 0.0,
    *,
    house: House = HOUSE,
    open_now: tuple[Incident, ...] = (),
    firing: tuple[Alert, ...] = (),
    held: tuple[Alert, ...] = (),
    on: tuple[Mute, ...] = (),
    grouping: Grouping = Grouping(),  # noqa: B008  # frozen
) -> Intake:
    return Intake(
        house,
        grouping,
        at(minutes),
        1 + max((one.id for one in open_now), default=9),
        {one.id: one for one in open_now},
        {one.fingerprint: one for one in firing},
        on,
        held={one.fingerprint: one for one in held},
        firing=firing,
    )


def taken(into: Intake, *signals: Signal) -> Outcome:
    into.take_all(signals)
    return into.outcome(signals)


def incidents(outcome: Outcome) -> list[Incident]:
    return [one for one in outcome.save if isinstance(one, Incident)]


def held(outcome: Outcome) -> list[Alert]:
    return [one for one in outcome.save if isinstance(one, Alert) and one.incident == HELD]


def kept(outcome: Outcome) -> tuple[Alert, ...]:
    """The alerts as the next batch reads them."""
    return tuple(replace(one, version=1) for one in outcome.save if isinstance(one, Alert))


INHIBITING = replace(HOUSE, inhibit=(DOWN,))


def test_an_alert_that_another_explains_opens_nothing_and_is_recorded_with_its_reason() -> None:
    outcome = taken(intake(house=INHIBITING), signal("NodeDown", cluster="a"), signal("DiskFull", "shop", cluster="a"))
    (opened,) = incidents(outcome)
    (back,) = held(outcome)
    assert (opened.alerts, back.name, back.cleared_at) == (1, "DiskFull", None)
    assert back.held is not None
    assert back.held.hold.reason == "inhibited by “a node that is down” while NodeDown (INC-10) fires"
    assert (back.held.hold.kind, back.held.hold.incident) == (HoldKind.INHIBITION, 10)
    assert [(one.verb, one.reason) for one in outcome.journal][-1] == ("inhibited", back.held.hold.reason)
    assert len(outcome.emit) == 1
    assert Refresh("incident:10") in outcome.effects


def test_only_equal_labels_and_matching_alerts_are_held_back() -> None:
    critical = replace(signal("Errors", "a", cluster="a"), severity=Severity.CRITICAL)
    outcome = taken(
        intake(house=INHIBITING), signal("NodeDown", cluster="a"), signal("DiskFull", "b", cluster="b"), critical
    )
    assert len(incidents(outcome)) == 3
    assert held(outcome) == []


def test_what_explains_comes_first_within_a_batch() -> None:
    outcome = taken(intake(house=INHIBITING), signal("DiskFull", "shop", cluster="a"), signal("NodeDown", cluster="a"))
    assert [one.title for one in incidents(outcome)] == ["NodeDown of payment"]
    assert len(held(outcome)) == 1


def test_it_opens_when_its_source_clears_and_it_still_fires() -> None:
    first = taken(intake(house=INHIBITING), signal("NodeDown", cluster="a"), signal("DiskFull", "shop", cluster="a"))
    (opened,) = incidents(first)
    source, back = kept(first)
    assert source.labels == {"alertname": "NodeDown", "cluster": "a", "severity": "warning"}
    over = cleared(signal("NodeDown", cluster="a"), 20)
    outcome = taken(intake(20, house=INHIBITING, open_now=(opened,), firing=(source,), held=(back,)), over)
    fresh = next(one for one in incidents(outcome) if one.id != opened.id)
    assert (fresh.title, fresh.started_at) == ("DiskFull of shop", NOW)
    (record,) = held(outcome)
    assert (record.cleared_at, record.held) == (at(20), None)
    assert "it was held back, inhibited by" in next(one.reason for one in outcome.journal if one.verb == "open")


def test_it_stays_held_back_while_its_source_fires_and_a_restart_changes_nothing() -> None:
    first = taken(intake(house=INHIBITING), signal("NodeDown", cluster="a"), signal("DiskFull", "shop", cluster="a"))
    (opened,) = incidents(first)
    source, back = kept(first)
    outcome = taken(
        intake(30, house=INHIBITING, open_now=(opened,), firing=(source,), held=(back,)),
        signal("DiskFull", "shop", 30, cluster="a"),
    )
    assert incidents(outcome) == []
    assert [(one.times, one.version) for one in held(outcome)] == [(2, 1)]


def test_one_that_clears_while_it_is_held_back_opens_nothing_later() -> None:
    first = taken(intake(house=INHIBITING), signal("NodeDown", cluster="a"), signal("DiskFull", "shop", cluster="a"))
    (opened,) = incidents(first)
    source, back = kept(first)
    disk, node = (
        cleared(signal("DiskFull", "shop", cluster="a"), 5),
        cleared(signal("NodeDown", cluster="a"), 5),
    )
    outcome = taken(intake(5, house=INHIBITING, open_now=(opened,), firing=(source,), held=(back,)), disk, node)
    assert [one.id for one in incidents(outcome)] == [opened.id]
    assert [one.cleared_at for one in held(outcome)] == [at(5)]


def test_an_alert_does_not_hold_itself_or_its_like_back() -> None:
    both = Inhibition("all", (Matcher("team", "=", "x"),), (Matcher("team", "=", "x"),))
    house = replace(HOUSE, inhibit=(both,))
    outcome = taken(intake(house=house), signal("A", "a", team="x"), signal("B", "b", team="x"))
    assert (len(incidents(outcome)), held(outcome)) == (2, [])


def test_a_window_holds_its_services_alerts_back_and_says_who_why_and_until_when() -> None:
    house = replace(HOUSE, maintenance=(WORK,))
    outcome = taken(intake(house=house), signal("Errors"), signal("Errors", "shop"))
    assert [one.service for one in incidents(outcome)] == ["shop"]
    (back,) = held(outcome)
    assert back.why == "maintenance “upgrade” by Ada until 20 Nov 20:20 UTC: the database is upgraded"
    (later,) = [one for one in outcome.effects if isinstance(one, Later) and one.key.startswith("release:")]
    assert (later.due, type(later.event)) == (at(50), SignalsArrived)
    again = taken(intake(50, house=house, held=(back,)))
    assert [one.service for one in incidents(again)] == ["payment"], "it still fires at the window's end"


def test_where_it_may_an_alert_joins_an_open_incident_during_a_window_and_tells_nobody() -> None:
    house = replace(HOUSE, maintenance=(replace(WORK, joins=True),))
    into = intake(1, house=house, open_now=(incident(7),))
    outcome = taken(into, signal("Errors", minutes=1))
    assert [(one.id, one.alerts) for one in incidents(outcome)] == [(7, 2)]
    assert (into.told, held(outcome)) == ([], [])
    assert held(taken(intake(1, house=house), signal("Errors", minutes=1))), "it opens none"


def test_a_mute_that_ends_lets_what_still_fires_open() -> None:
    mute = Mute("m1", "payment", "", at(60), "U-ada", "a test")
    first = taken(intake(on=(mute,)), signal("Errors"))
    (back,) = held(first)
    assert back.held is not None
    assert (back.held.hold.name, back.held.hold.until) == ("m1", at(60))
    (opened,) = incidents(taken(intake(5, held=kept(first))))
    assert opened.started_at == NOW


def test_the_incidents_message_counts_what_it_holds_back() -> None:
    house = replace(INHIBITING, maintenance=(WORK,))
    first = taken(intake(house=house), signal("NodeDown", "x", cluster="a"), signal("DiskFull", "shop", cluster="a"))
    second = taken(intake(house=house), signal("Errors"))
    (opened,) = incidents(first)
    backs = [*held(first), *held(second)]
    assert notes.holding(opened, backs, windows(house, NOW)) == ["1 alert held back while this fires: DiskFull"]
    (line,) = notes.holding(incident(3), backs, windows(house, NOW))
    assert line.startswith("maintenance by Ada until <!date^")
    assert line.endswith("the database is upgraded, 1 alert held back")
    assert notes.holding(incident(3), (), windows(house, at(51))) == []


@pytest.mark.parametrize(
    ("text", "label", "operator", "value"),
    [
        ("alertname=NodeDown", "alertname", "=", "NodeDown"),
        ('severity =~ "warning|info"', "severity", "=~", "warning|info"),
        ("team!=x", "team", "!=", "x"),
        ('a !~ "b\\"c"', "a", "!~", 'b"c'),
        ('x=""', "x", "=", ""),
    ],
)
def test_conditions_are_written_as_in_alertmanager(text: str, label: str, operator: str, value: str) -> None:
    assert matcher(text) == Matcher(label, operator, value)


@pytest.mark.parametrize("text", ["NodeDown", "=x", "a=~(", "a=~(x+)+", "1a=x", ""])
def test_anything_else_is_no_condition(text: str) -> None:
    with pytest.raises(ValueError, match="“"):
        matcher(text)


def test_a_condition_fits_whole_values_and_a_missing_label_is_empty() -> None:
    labels = {"a": "warning"}
    fits = [matcher(text).fits(labels) for text in ("a=~warn", "a=~warn.*", "b=", "b!=x", "a!~info", "a!=warning")]
    assert fits == [False, True, True, True, True, False]


def test_the_names_of_what_can_hold_back_are_known_where_every_rule_says_them() -> None:
    assert rules_look_at((DOWN,)) == ("NodeDown",)
    assert rules_look_at((DOWN, Inhibition("x", (Matcher("severity", "=", "critical"),), ()))) == ()


def day(hour: int, minute: int = 0, of: int = 22) -> datetime:
    return datetime(2026, 11, of, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "now", "last", "following"),
    [
        ("0 3 * * sun", day(4), day(3), day(3, of=29)),
        ("0 3 * * 7", day(2, 59), None, day(3)),
        ("30 2-4/2 22 nov *", day(5), day(4, 30), None),
        ("*/15 * * * *", day(4, 20), day(4, 15), day(4, 30)),
        ("0 0 1 * mon", day(12), None, day(0, of=23)),
        ("0 22 * * mon-fri", day(1, of=24), day(22, of=23), day(22, of=24)),
    ],
)
def test_a_crontab_comes_round(text: str, now: datetime, last: datetime | None, following: datetime | None) -> None:
    crontab = Crontab.read(text)
    assert crontab.last(now, UTC_ZONE, timedelta(hours=12)) == last
    found = crontab.next(now, UTC_ZONE)
    assert found == following or (following is None and found is not None and found - now > timedelta(days=300))


def test_a_crontab_is_in_the_houses_zone_and_skips_an_hour_that_there_is_not() -> None:
    crontab = Crontab.read("30 2 * * *")
    assert crontab.next(datetime(2026, 11, 22, tzinfo=UTC), VIENNA) == datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert crontab.next(spring, VIENNA) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 3 * *", "4 parts"),
        ("61 * * * *", "minute"),
        ("0 3 * * moon", "day of the week"),
        ("0 5-3 * * *", "hour"),
        ("*/0 * * * *", "minute"),
        ("0 3 0 * *", "day of the month"),
    ],
)
def test_a_line_that_is_no_crontab_says_which_part(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Crontab.read(text)


def test_a_window_by_the_clock_lasts_as_long_as_it_says() -> None:
    window = Maintenance("w", ("*",), "Ada", "why", crontab=Crontab.read("0 3 * * sun"), lasts=timedelta(hours=2))
    assert window.under_way(day(4, 59), UTC_ZONE) == (day(3), day(5))
    assert window.under_way(day(5), UTC_ZONE) is None
    assert window.coming(day(5), UTC_ZONE) == (day(3, of=29), day(5, of=29))
    assert window.covers("anything")
    assert WORK.under_way(at(50), UTC_ZONE) is None
    assert WORK.coming(at(-11), UTC_ZONE) == (at(-10), at(50))


def test_everything_that_holds_back_is_listed_with_who_why_and_until_when() -> None:
    later = Maintenance("later", ("search",), "<!channel>", "x", at(100), at(160), joins=True)
    house = replace(INHIBITING, maintenance=(later, WORK))
    mute = Mute("m1", "ledger", "", at(30), "U-ada", "a <test>")
    old = Mute("m0", "ledger", "", at(-1), "U-ada", "over")
    backs = [
        *held(taken(intake(house=house), signal("NodeDown", "x", cluster="a"), signal("DiskFull", "y", cluster="a"))),
        *held(taken(intake(house=house), signal("Errors"))),
        *held(taken(intake(on=(mute,)), signal("Slow", "ledger"))),
    ]
    found = mutes.quiet(house, [mute, old], backs, NOW)
    text, blocks = shown.everything(found, "/fettle")
    page = str(blocks)
    assert text == "1 mute, 1 maintenance window now, 3 alerts held back"
    assert "*ledger* muted by <@U-ada> until <!date^" in page
    assert "a &lt;test&gt;  _1 alert held back (Slow)_" in page
    assert "*Maintenance*  *payment* until <!date^" in page
    assert "by Ada: the database is upgraded.  _1 alert held back (Errors)_" in page
    assert "Coming maintenance  *search*" in page
    assert "<!channel>" not in page
    assert "inhibited by “a node that is down” while NodeDown (INC-10) fires: 1 alert (DiskFull)" in page
    assert "m0" not in page


def test_a_hundred_mutes_fit_into_one_message() -> None:
    many = [Mute(f"m{one}", "s" * 200, "a" * 200, at(30), "U-ada", "w" * 300) for one in range(100)]
    wide = tuple(
        replace(WORK, name=f"w{one}", services=("s" * 200,), why="y" * 300, who="x" * 100) for one in range(30)
    )
    found = mutes.quiet(replace(HOUSE, maintenance=wide), many, (), NOW)
    _, blocks = shown.everything(found, "/fettle")
    assert "and 92 more mutes" in str(blocks)


def test_nothing_held_back_says_so() -> None:
    assert shown.everything(mutes.quiet(HOUSE, (), (), NOW), "/fettle")[0].startswith("Nothing is muted")


def test_a_mute_that_is_ended_is_shown_no_more() -> None:
    mute = Mute("m1", "payment", "", at(60), "U-ada", "a test", version=3)
    mine = replace(incident(1), muted_until=at(60), muted_by="U-ada")
    other = replace(incident(2), muted_until=at(90), muted_by="U-bob")
    over, after, entries = mutes.end(mute, [mine, other], "U-bob", at(5))
    assert (over.until, over.version) == (at(5), 3)
    assert [(one.id, one.muted_until, one.muted_by) for one in after] == [(1, None, "")]
    assert [(one.verb, one.actor, one.incident) for one in entries] == [("unmute", "U-bob", 1)]
    assert [one.thing for one in mutes.end(mute, (), "U-bob", at(5))[2]] == ["mute:m1"]


def test_what_is_held_back_is_stored_as_it_is() -> None:
    outcome = taken(intake(house=INHIBITING), signal("NodeDown", cluster="a"), signal("DiskFull", "shop", cluster="a"))
    for one in outcome.save:
        assert decode(type(one), encode(one)) == one
    old = encode(replace(kept(outcome)[0], labels={})).replace(',"labels":{}', "").replace(',"held":null', "")
    assert decode(Alert, old).held is None, "what an older version stored is read"
