import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.demo.alerting import (
    GROUP_INTERVAL,
    GROUP_WAIT,
    REPEAT,
    Evaluator,
    Grouping,
    Notification,
    Reading,
    fingerprint,
)
from bot.demo.rules import RULES, prometheus_rules
from bot.domain.signal import Status
from bot.domain.source import Bearer, Source
from bot.web.parse_alertmanager import parse

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RULE = next(rule for rule in RULES if rule.name == "PaymentDiskFull")
LABELS = {"service": "payment", "job": "payment", "instance": "pay-01"}
SHOP = {"service": "shop", "job": "shop", "instance": "shop-01"}
FULL, ROOMY = [(RULE, [Reading(LABELS, 0.97)])], [(RULE, [Reading(LABELS, 0.2)])]


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("labels", "digits"),
    [
        ({"alertname": "ShopErrorsHigh", "severity": "critical", **SHOP}, "f6185f190de24c86"),
        ({"alertname": "PaymentDiskFull", "severity": "warning", **LABELS}, "b455d4c97c8a423e"),
    ],
)
def test_fingerprints_are_those_that_alertmanager_gave(labels: dict[str, str], digits: str) -> None:
    assert fingerprint({**labels, "environment": "production"}) == digits


def test_an_alert_fires_once_its_rule_has_held_long_enough_and_ends_with_it() -> None:
    evaluator = Evaluator("http://rules")
    assert evaluator.evaluate(FULL, after(0)) == ()
    assert evaluator.evaluate(FULL, after(2)) == ()
    (fired,) = evaluator.evaluate(FULL, after(3))
    assert (fired.started_at, fired.ended_at) == (after(3), None)
    assert fired.annotations["description"] == "97% of the disk is used."
    assert evaluator.evaluate(FULL, after(4))[0].started_at == after(3)
    (ended,) = evaluator.evaluate(ROOMY, after(5))
    assert (ended.started_at, ended.ended_at, ended.fingerprint) == (after(3), after(5), fired.fingerprint)
    assert evaluator.evaluate(ROOMY, after(6)) == ()


def test_a_rule_may_hold_below_its_limit() -> None:
    rule = next(rule for rule in RULES if rule.name == "ShopCertificateEndsSoon")
    evaluator = Evaluator("http://rules")
    for second, days in enumerate((89.9, 2.04, 2.04, 2.04)):
        assert evaluator.evaluate([(rule, [Reading(SHOP, days)])], after(second)) == ()
    (fired,) = evaluator.evaluate([(rule, [Reading(SHOP, 2.04)])], after(4))
    assert "ends in 2.0 days." in fired.annotations["description"]
    assert evaluator.evaluate([(rule, [Reading(SHOP, 14.0)])], after(5))[0].ended_at == after(5)
    assert rule.expression == 'tls_certificate_days_left{service="shop"} < 14'
    assert '{{ $value | printf "%.1f" }} days' in rule.template()


def test_a_moment_below_the_limit_begins_the_wait_anew() -> None:
    evaluator = Evaluator("http://rules")
    for second, readings in enumerate((FULL, FULL, ROOMY, FULL, FULL, FULL)):
        assert evaluator.evaluate(readings, after(second)) == ()
    assert evaluator.evaluate(FULL, after(6))


def test_a_series_that_is_gone_ends_its_alert() -> None:
    evaluator = Evaluator("http://rules")
    for second in range(4):
        evaluator.evaluate(FULL, after(second))
    assert evaluator.evaluate([(RULE, [])], after(4))[0].ended_at == after(4)


def grouped(grouping: Grouping, evaluator: Evaluator, full: bool, second: float) -> list[Notification]:  # noqa: FBT001  # a test's table
    grouping.take(evaluator.evaluate(FULL if full else ROOMY, after(second)), after(second))
    due = grouping.due(after(second))
    for one in due:
        grouping.told(one, after(second))
    return list(due)


def test_a_group_is_told_after_its_wait_then_only_of_news() -> None:
    evaluator, grouping = Evaluator("http://rules"), Grouping("http://here")
    told = {second: grouped(grouping, evaluator, second < 8, second) for second in range(20)}
    firing, ended = 3 + GROUP_WAIT.seconds, 9
    assert [second for second, due in told.items() if due] == [firing, ended]
    assert (told[firing][0].reason, told[firing][0].body["status"]) == ("new alerts", "firing")
    assert (told[ended][0].reason, told[ended][0].body["status"]) == ("alerts ended", "resolved")
    assert ended - firing == GROUP_INTERVAL.seconds
    assert grouping.firing == ()


def test_a_delivery_that_failed_is_due_again() -> None:
    evaluator, grouping = Evaluator("http://rules"), Grouping("http://here")
    for second in range(4):
        grouping.take(evaluator.evaluate(FULL, after(second)), after(second))
    first = grouping.due(after(4))
    assert first
    assert grouping.due(after(5)) == ()
    assert grouping.due(after(4) + GROUP_INTERVAL)[0].body == first[0].body


def test_what_still_fires_is_repeated_seldom() -> None:
    evaluator, grouping = Evaluator("http://rules"), Grouping("http://here")
    for second in range(5):
        grouped(grouping, evaluator, full=True, second=second)
    assert grouped(grouping, evaluator, full=True, second=100) == []
    assert grouped(grouping, evaluator, full=True, second=REPEAT.seconds + 10)[0].reason == "repeated"


def test_its_body_is_read_as_alertmanagers_own() -> None:
    evaluator, grouping = Evaluator("http://rules"), Grouping("http://here")
    for second in range(4):
        grouping.take(evaluator.evaluate(FULL, after(second)), after(second))
    (due,) = grouping.due(after(4))
    assert due.body["groupLabels"] == {"service": "payment"}
    assert due.key == '{}:{service="payment"}'
    (signal,) = parse(json.loads(json.dumps(due.body)), Source("alertmanager", Bearer("X")), after(5), "r1")
    assert (signal.service, signal.name, signal.status) == ("payment", "PaymentDiskFull", Status.FIRING)
    assert (signal.started_at, signal.environment) == (after(3), "production")


def test_prometheus_is_given_the_same_rules_and_words() -> None:
    groups = prometheus_rules(RULES)["groups"]
    assert isinstance(groups, list)
    written = {one["alert"]: one for one in groups[0]["rules"]}
    assert list(written) == [rule.name for rule in RULES]
    disk = written["PaymentDiskFull"]
    assert disk["expr"] == 'disk_used_ratio{service="payment"} > 0.9'
    assert disk["annotations"]["description"] == "{{ $value | humanizePercentage }} of the disk is used."
    assert disk["for"] == "3s"
