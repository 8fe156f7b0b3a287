import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.signal import Severity, Signal, SignalKind, Status
from bot.domain.source import Open, Source
from bot.errors import BadDelivery
from tests import house
from tests.adapters.web import vendors as v
from tests.adapters.web.conftest import NOW

AT = datetime(2026, 11, 20, 19, 26, 44, tzinfo=UTC)
DATA = Path(os.environ.get("FETTLE_DATA", house.ROOT / ".." / "shared" / "data")) / "webhooks"


def one(vendor: str, body: object, source: Source | None = None) -> Signal:
    [signal] = v.read(vendor, body, source=source).signals
    return signal


@pytest.mark.parametrize(
    ("case", "name", "service", "severity", "environment"),
    [
        ("grafana", "PoolExhausted", "payment", Severity.CRITICAL, ""),
        ("pagerduty", "Payments fail", "Payments (prod)", Severity.CRITICAL, ""),
        ("datadog", "Errors of checkout", "payment", Severity.CRITICAL, "prod"),
        ("sentry", "KeyError: card", "payment-backend", Severity.WARNING, ""),
        ("sentry event", "KeyError: card", "payment-backend", Severity.CRITICAL, "prod"),
        ("sentry metric", "Too slow", "payment-backend", Severity.CRITICAL, "prod"),
        ("opsgenie", "Pool is full", "payment", Severity.CRITICAL, "prod"),
        ("cloudwatch", "payment-5xx", "payment", Severity.WARNING, ""),
    ],
)
def test_an_alert_of_each_vendor(case: str, name: str, service: str, severity: Severity, environment: str) -> None:
    vendor, _, body = v.ALL[case]
    signal = one(vendor, body)
    assert (signal.kind, signal.source, signal.status) == (SignalKind.ALERT, vendor, Status.FIRING)
    assert (signal.name, signal.service, signal.severity) == (name, service, severity)
    assert signal.environment == environment
    began = {"pagerduty": AT.replace(second=40), "sentry event": AT.replace(minute=28, second=0)}.get(case, AT)
    assert signal.started_at.replace(microsecond=0) == began


RESOLVED = [
    ("grafana", v.changed(v.changed(v.GRAFANA, "alerts.0.status", "resolved"), "alerts.0.endsAt", "2026-11-20T19:29Z")),
    ("pagerduty", v.changed(v.changed(v.PAGERDUTY, "event.event_type", "incident.resolved"), "event.id", "02E")),
    (
        "datadog",
        v.changed(
            v.changed(v.DATADOG, "alert_transition", "Recovered"), "title", "[Recovered on {host:web-01}] Errors"
        ),
    ),
    ("sentry", v.changed(v.SENTRY, "action", "resolved")),
    (
        "sentry metric",
        v.changed(
            v.changed(v.SENTRY_METRIC, "action", "resolved"), "data.metric_alert.date_closed", "2026-11-20T19:29:00Z"
        ),
    ),
    ("opsgenie", v.changed(v.OPSGENIE, "action", "Close")),
    ("cloudwatch", {**v.CLOUDWATCH, "Message": json.dumps({**v.ALARM, "NewStateValue": "OK"})}),
]


@pytest.mark.parametrize(("case", "body"), RESOLVED, ids=[case for case, _ in RESOLVED])
def test_resolved_finds_its_alert(case: str, body: v.Body) -> None:
    vendor, _, fired = v.ALL[case]
    before, after = one(vendor, fired), one(vendor, body)
    assert (before.status, after.status) == (Status.FIRING, Status.RESOLVED)
    assert before.fingerprint == after.fingerprint
    assert before.id != after.id
    assert after.service == before.service


@pytest.mark.parametrize("case", v.ALL)
def test_the_same_body_later_is_the_same_signal(case: str) -> None:
    vendor, event, body = v.ALL[case]
    times = (AT, NOW, NOW + timedelta(days=2))
    ids = {tuple(signal.id for signal in v.read(vendor, body, event, None, now).signals) for now in times}
    assert len(ids) == 1
    assert () not in ids


def test_vendors_never_share_a_fingerprint() -> None:
    alike = [one("grafana", v.GRAFANA), one("grafana", v.GRAFANA, Source("other", Open()))]
    assert len({signal.fingerprint for signal in alike}) == 2
    assert "c6eadffa33fcdf37" not in {signal.fingerprint for signal in alike}


@pytest.mark.parametrize(
    ("case", "path", "value", "why"),
    [
        ("grafana", "alerts", [], "no alert"),
        ("pagerduty", "event.event_type", "incident.annotated", "incident.annotated neither raises nor resolves"),
        ("pagerduty", "event.event_type", "pagey.ping", "pagey.ping"),
        ("sentry", "action", "assigned", "assigned"),
        ("sentry", "data", {"installation": {}}, "no issue and no alert"),
        ("sentry event", "action", "snoozed", "snoozed"),
        ("sentry metric", "action", "open", "open"),
        ("opsgenie", "action", "AddNote", "AddNote"),
        ("cloudwatch", "Message", "hello", "not a CloudWatch alarm"),
        ("cloudwatch", "Message", "[" * 100_000, "not a CloudWatch alarm"),
        ("cloudwatch", "Message", '{"budget": 1}', "no AlarmName"),
        ("cloudwatch", "Message", json.dumps({**v.ALARM, "NewStateValue": "INSUFFICIENT_DATA"}), "INSUFFICIENT_DATA"),
        ("cloudwatch", "Type", "UnsubscribeConfirmation", "carries no alarm"),
    ],
)
def test_what_is_no_alert_is_ignored_and_says_why(case: str, path: str, value: object, why: str) -> None:
    vendor, _, body = v.ALL[case]
    reading = v.read(vendor, v.changed(body, path, value))
    assert reading.signals == ()
    assert why in reading.ignored


@pytest.mark.parametrize(
    ("case", "path", "value", "field", "said"),
    [
        ("grafana", "alerts", None, "$.alerts", "a list of alerts"),
        ("grafana", "alerts.0.startsAt", "soon", "$.alerts[0].startsAt", "a time such as"),
        ("pagerduty", "event", [], "$.event", "an event of version 3"),
        ("pagerduty", "event.occurred_at", None, "$.event.occurred_at", "when it happened"),
        ("pagerduty", "event.data.id", {}, "$.event.data.id", "the incident's id"),
        ("pagerduty", "event.data.service", "x", "$.event.data.service", "an object"),
        ("datadog", "date", "", "$.date", "$DATE"),
        ("datadog", "date", "$DATE", "$.date", "$DATE"),
        ("datadog", "title", "[Triggered]", "$.title", "$EVENT_TITLE"),
        ("sentry", "action", None, "$.action", "what happened"),
        ("sentry", "data.issue.id", "", "$.data.issue.id", "the issue's id"),
        ("sentry event", "data.event.datetime", None, "$.data.event.datetime", "when the event happened"),
        ("sentry metric", "data.metric_alert.alert_rule", 1, "$.data.metric_alert.alert_rule", "an object"),
        ("opsgenie", "alert", None, "$.alert", "an alert"),
        ("opsgenie", "alert.createdAt", None, "$.alert.createdAt", "when the alert was created"),
        ("cloudwatch", "Message", None, "$.Message", "the alarm as a text"),
        (
            "cloudwatch",
            "Message",
            json.dumps({**v.ALARM, "StateChangeTime": ""}),
            "$.Message.StateChangeTime",
            "when the state changed",
        ),
    ],
)
def test_what_is_not_the_vendors_is_named(case: str, path: str, value: object, field: str, said: str) -> None:
    vendor, _, body = v.ALL[case]
    with pytest.raises(BadDelivery, match=said.replace("$", r"\$")) as refused:
        v.read(vendor, v.changed(body, path, value))
    assert refused.value.field == field


def test_services_by_the_configuration() -> None:
    source = Source(
        "x", Open(), services={"psvc": ("payment",), "payment-5xx": ("shop",), "payment-backend": ("till",)}
    )
    assert one("pagerduty", v.PAGERDUTY, source).service == "payment"
    assert one("cloudwatch", v.CLOUDWATCH, source).service == "shop"
    assert one("sentry", v.SENTRY, source).service == "till"
    labelled = Source("x", Open(), services={"payment": ("Payments",)})
    assert one("grafana", v.GRAFANA, labelled).service == "Payments"
    assert (
        one("opsgenie", v.OPSGENIE, Source("x", Open(), services={"pay-1": ("payment-host",)})).service
        == "payment-host"
    )


def test_opsgenie_tells_when_an_alert_was_closed_in_nanoseconds() -> None:
    closed = v.changed(v.changed(v.OPSGENIE, "action", "Close"), "alert.updatedAt", 1795202864000000110)
    assert (one("opsgenie", closed).started_at, one("opsgenie", closed).at) == (AT, AT + timedelta(minutes=1))


def test_an_issue_and_an_alert_about_it_are_one_alert() -> None:
    assert one("sentry", v.SENTRY).fingerprint == one("sentry", v.SENTRY_EVENT).fingerprint


def test_an_issue_that_comes_back_fires_again() -> None:
    back = one("sentry", v.changed(v.SENTRY, "action", "unresolved"))
    created = one("sentry", v.SENTRY)
    assert (back.fingerprint, back.status) == (created.fingerprint, Status.FIRING)
    assert back.id != created.id


def test_an_issue_that_is_resolved_again_is_resolved_again() -> None:
    resolved = v.changed(v.SENTRY, "action", "resolved")
    again = v.changed(resolved, "data.issue.lastSeen", "2026-11-20T19:28:30Z")
    assert one("sentry", resolved).id != one("sentry", again).id
    assert one("sentry", again).started_at == AT


@pytest.mark.parametrize(
    ("transition", "status"),
    [
        ("Re-Triggered", Status.FIRING),
        ("Warn", Status.FIRING),
        ("No Data", Status.FIRING),
        ("Renotify", Status.FIRING),
        ("Recovered", Status.RESOLVED),
    ],
)
def test_datadogs_transitions(transition: str, status: Status) -> None:
    signal = one("datadog", v.changed(v.DATADOG, "alert_transition", transition))
    assert signal.status is status
    if transition in ("Warn", "No Data"):
        assert signal.severity is Severity.WARNING


def test_datadogs_own_payload_has_only_a_title() -> None:
    """Without a custom payload there is no transition, id or tag; all of it stands in the title."""
    usual = {"body": "b", "last_updated": 1795202804000, "title": "[Triggered on {service:payment}] Slow", "date": None}
    fired = one("datadog", usual)
    over = one("datadog", {**usual, "title": "[Recovered on {service:payment}] Slow"})
    assert (fired.name, fired.service, fired.started_at) == ("Slow", "payment", AT)
    assert (over.status, over.fingerprint) == (Status.RESOLVED, fired.fingerprint)
    assert v.read("datadog", {**usual, "title": "Deployed"}).ignored


def test_grafanas_values_stand_in_for_a_description() -> None:
    signal = one("grafana", v.GRAFANA)
    assert signal.description == "B = 20.5, C = 1"
    assert signal.url == "https://grafana.example/d/1?viewPanel=2"


def test_hostile_text_is_cut_and_cleaned() -> None:
    nasty = "Pay\u0000\u202e\ud800ments\u200b " + "x" * 100_000
    for path in ("title", "service.summary", "urgency"):
        signal = one("pagerduty", v.changed(v.PAGERDUTY, f"event.data.{path}", nasty))
        texts = [signal.name, signal.service, signal.summary, *signal.labels.values()]
        assert max(map(len, texts)) <= 500
        assert all(text.isprintable() and text.encode() for text in texts)
    assert one("pagerduty", v.changed(v.PAGERDUTY, "event.data.html_url", "javascript:alert(1)")).url == ""


@pytest.mark.parametrize(
    ("name", "event", "signals"),
    [
        ("grafana_alerting", "", 2),
        ("pagerduty_v3_triggered", "", 1),
        ("datadog_default_fields", "", 1),
        ("sentry_issue_created", "", 1),
        ("opsgenie_create", "", 1),
        ("cloudwatch_sns_notification", "", 1),
        ("github_deployment_created_0", "deployment", 1),
        ("github_deployment_status_created_1", "deployment_status", 1),
        ("github_release_published_0", "release", 1),
        ("github_pull_request_opened_0", "pull_request", 0),
        ("github_push__0", "push", 0),
        ("github_status__1", "status", 0),
        ("github_workflow_run_completed_0", "workflow_run", 0),
    ],
)
def test_real_bodies(name: str, event: str, signals: int) -> None:
    path = DATA / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no real bodies here: {DATA} has no {path.name} (FETTLE_DATA says where they are)")
    reading = v.read(name.partition("_")[0], json.loads(path.read_text(encoding="utf-8")), event)
    assert len(reading.signals) == signals
    assert bool(reading.ignored) == (signals == 0)
    for signal in reading.signals:
        assert signal.name
        assert signal.started_at < NOW
