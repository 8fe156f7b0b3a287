"""Other bots' messages, in the shapes in which their senders post them, and what is read in them."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.catalogue import Service
from bot.domain.signal import Severity, Status
from bot.domain.watch import Told, Watch
from bot.slack.alert_message import Read, over, read

Json = dict[str, Any]
SERVICES = (Service("payment"), Service("shop", known_as={"slack": "Web Shop"}))
WATCH = Watch("#monitoring", ("Alertmanager",)).knowing(SERVICES)
EVERY = replace(WATCH, every=True)


def only(message: Json, watch: Watch = WATCH) -> Read:
    (one,) = read(message, watch, "C1")
    return one


def alertmanager(title: str, text: str = "", color: str = "danger") -> Json:
    link = "http://127.0.0.1:9093/#/alerts?receiver=slack"
    attachment = {
        "title": title,
        "title_link": link,
        "text": text,
        "fallback": f"{title} | {link}",
        "color": color,
        "mrkdwn_in": ["fallback", "pretext", "text"],
    }
    return {"text": "", "attachments": [attachment]}


def test_alertmanagers_own_template_is_read() -> None:
    found = only(alertmanager("[FIRING:1] HighErrorRatio payment (critical production)"))
    assert (found.name, found.service, found.status, found.severity) == (
        *("HighErrorRatio", "payment"),
        *(Status.FIRING, Severity.CRITICAL),
    )
    assert found.url == "http://127.0.0.1:9093/#/alerts?receiver=slack"


def test_its_resolved_message_is_the_same_alert() -> None:
    firing = only(alertmanager("[FIRING:2] HighErrorRatio payment (critical production)"))
    again = only(alertmanager("[FIRING:1] HighErrorRatio payment (critical production pay-1)"))
    resolved = only(alertmanager("[RESOLVED] HighErrorRatio payment (critical production)", color="good"))
    assert resolved.status is Status.RESOLVED
    assert firing.fingerprint == again.fingerprint == resolved.fingerprint
    other = only(alertmanager("[FIRING:1] HighErrorRatio shop (critical production)"))
    assert other.fingerprint != firing.fingerprint
    elsewhere = read(alertmanager("[FIRING:1] HighErrorRatio payment (critical)"), WATCH, "C2")[0]
    assert elsewhere.fingerprint != firing.fingerprint, "another channel's alerts are others"


def test_the_lines_of_a_template_of_ones_own_are_read() -> None:
    text = (
        "*Alert:* DiskFull\n*Severity:* `warning`\n*Service:* Web Shop\n*Env:* staging\n*Summary:* 97 % of /var is used"
    )
    found = only(alertmanager(":fire: *[FIRING:3]* Several things", text))
    assert (found.name, found.service, found.environment) == ("DiskFull", "shop", "staging")
    assert (found.severity, found.summary) == (Severity.WARNING, "97 % of /var is used")


def test_a_name_of_several_words_is_a_name() -> None:
    assert only(alertmanager("[FIRING:1] High latency of checkout")).name == "High latency of checkout"
    found = only(alertmanager("[FIRING:1] Watchdog payment"))
    assert (found.name, found.service) == ("Watchdog", "payment")


def grafana(title: str, text: str, color: str = "#D63232") -> Json:
    attachment = {
        "color": color,
        "title": title,
        "title_link": "http://127.0.0.1:3000/alerting/list",
        "text": text,
        "fallback": title,
        "footer": "Grafana v11.2.0",
        "ts": 1732000000,
    }
    return {"text": title, "attachments": [attachment]}


GRAFANA = """**Firing**

Value: A=97, C=1
Labels:
 - alertname = DiskFull
 - grafana_folder = Infra
 - service = payment
 - severity = critical
Annotations:
 - summary = The disk of pay-1 is nearly full
 - description = Free some space.
Source: http://127.0.0.1:3000/alerting/grafana/abc/view
Silence: http://127.0.0.1:3000/alerting/silence/new

Value: A=98, C=1
Labels:
 - alertname = DiskFull
 - service = shop
Annotations:

**Resolved**

Value: A=12, C=0
Labels:
 - alertname = DiskFull
 - service = ledger
"""


def test_every_alert_of_grafanas_message_is_read() -> None:
    found = read(grafana("[FIRING:2, RESOLVED:1] DiskFull (Infra)", GRAFANA), WATCH, "C1")
    assert [(one.name, one.service, one.status) for one in found] == [
        ("DiskFull", "payment", Status.FIRING),
        ("DiskFull", "shop", Status.FIRING),
        ("DiskFull", "ledger", Status.RESOLVED),
    ]
    assert (found[0].severity, found[0].summary) == (Severity.CRITICAL, "The disk of pay-1 is nearly full")
    assert found[0].url == "http://127.0.0.1:3000/alerting/grafana/abc/view"
    assert found[0].labels == {
        "alertname": "DiskFull",
        "grafana_folder": "Infra",
        "service": "payment",
        "severity": "critical",
    }


def test_grafanas_old_alerting_and_its_ok_are_read() -> None:
    firing = only(grafana("[Alerting] Payment errors alert", "Errors are above 2 %"))
    resolved = only(grafana("[OK] Payment errors alert", "", "#36a64f"))
    assert (firing.name, firing.status, resolved.status) == (
        "Payment errors alert",
        Status.FIRING,
        Status.RESOLVED,
    )
    assert firing.fingerprint == resolved.fingerprint
    assert firing.service == "payment"


def datadog(title: str, text: str = "", color: str = "#FF4444") -> Json:
    attachment = {"title": title, "title_link": "http://127.0.0.1/monitors/1", "text": text, "color": color}
    return {"subtype": "bot_message", "text": "", "attachments": [attachment]}


@pytest.mark.parametrize(
    ("title", "name", "status", "severity"),
    [
        ("Triggered: CPU is high on host:pay-1,service:payment", "CPU is high", "firing", "critical"),
        ("Re-Triggered: CPU is high on host:pay-1,service:payment", "CPU is high", "firing", "critical"),
        ("Warn: CPU is high on host:pay-1,service:payment", "CPU is high", "firing", "warning"),
        ("No data: CPU is high on host:pay-1,service:payment", "CPU is high", "firing", "warning"),
        ("Recovered: CPU is high on host:pay-1,service:payment", "CPU is high", "resolved", "warning"),
        ("[Triggered on {host:pay-1,service:payment}] CPU is high", "CPU is high", "firing", "critical"),
        ("[P2] Triggered: CPU is high on host:pay-1,service:payment", "CPU is high", "firing", "critical"),
    ],
)
def test_datadogs_messages_are_read(title: str, name: str, status: str, severity: str) -> None:
    found = only(datadog(title))
    assert (found.name, found.service, found.status, found.severity) == (name, "payment", status, severity)


def test_datadogs_recovery_is_the_same_alert() -> None:
    messages = [datadog(f"{word}: CPU is high on host:pay-1") for word in ("Triggered", "Warn", "Recovered")]
    assert len({only(one).fingerprint for one in messages}) == 1


@pytest.mark.parametrize(
    "message",
    [
        {"text": "Deployed payment 2.31 to production"},
        {"text": "Hello: I am a bot"},
        {"text": ""},
        {"text": "[payment] 3 new commits pushed"},
        {"text": "", "attachments": [{"color": "danger", "text": "the build is broken"}]},
        {"text": None, "attachments": "x", "blocks": {"text": 3}},
        {"attachments": [None, 3, {"fields": "x"}]},
    ],
)
def test_what_is_no_alert_is_none(message: Json) -> None:
    assert read(message, WATCH, "C1") == ()


def test_with_every_a_message_is_an_alert_whose_colour_says_whether_it_is_over() -> None:
    red = {"text": "", "attachments": [{"color": "danger", "title": "payment: probe failed", "text": "no answer"}]}
    green = {"text": "", "attachments": [{"color": "good", "title": "payment: probe failed", "text": "answers"}]}
    said = {"text": "Resolved - payment: probe failed"}
    first, last, words = (only(one, EVERY) for one in (red, green, said))
    assert [one.status for one in (first, last, words)] == [Status.FIRING, Status.RESOLVED, Status.RESOLVED]
    assert first.fingerprint == last.fingerprint == words.fingerprint
    assert (first.name, first.service, first.description) == ("payment: probe failed", "payment", "no answer")
    assert read({"text": ""}, EVERY, "C1") == ()


def test_a_pattern_reads_what_its_groups_say() -> None:
    pattern = re.compile(r"(?P<status>DOWN|UP) (?P<service>\w+) (?P<name>[\w ]+) prio=(?P<severity>\w+)", re.IGNORECASE)
    watch = replace(WATCH, pattern=pattern, name=Told.ALL, environment="production")
    message = {"text": "Probe report\nDOWN payment health check prio=p1\nUP shop health check prio=p1"}
    first, second = read(message, watch, "C1")
    assert (first.name, first.service, first.status, first.severity) == (
        *("health check", "payment"),
        *(Status.FIRING, Severity.CRITICAL),
    )
    assert (second.service, second.status, second.environment) == ("shop", Status.RESOLVED, "production")
    assert read({"text": "nothing to see"}, watch, "C1") == ()


def test_a_pattern_without_a_status_goes_by_the_colour() -> None:
    watch = replace(WATCH, pattern=re.compile(r"(?P<name>\w+) on (?P<service>\w+)"), severity=Severity.INFO)
    green = {"text": "", "attachments": [{"color": "#2eb886", "title": "DiskFull on payment"}]}
    found = only(green, watch)
    assert (found.name, found.service, found.status, found.severity) == (
        *("DiskFull", "payment"),
        *(Status.RESOLVED, Severity.INFO),
    )


def test_blocks_are_read_where_a_bot_writes_in_them() -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "[FIRING:1] DiskFull"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Service:* payment"}]},
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Severity: info"}}]},
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "Summary: full"}]}],
        },
    ]
    for message in (
        {"text": "", "blocks": blocks},
        {"text": "", "attachments": [{"color": "danger", "blocks": blocks}]},
    ):
        found = only(message)
        assert (found.name, found.service, found.summary) == ("DiskFull", "payment", "full")
        assert found.severity is Severity.WARNING, "a button says nothing of the alert"


def test_what_a_message_says_is_kept_as_data() -> None:
    title = "[FIRING:1] Disk\u202eFull <!channel> payment"
    found = only(alertmanager(title, "*Summary:* ignore all rules <https://127.0.0.1/x|click> &lt;b&gt;\x07"))
    assert found.name.startswith("DiskFull")
    assert "\u202e" not in found.name
    assert found.summary == "ignore all rules https://127.0.0.1/x <b>"
    assert only(alertmanager("[FIRING:1] " + "x" * 5_000)).name.endswith("…")
    assert len(only(alertmanager("[FIRING:1] X", "y" * 100_000)).description) <= 4_000
    dangerous = alertmanager("[FIRING:1] X")
    dangerous["attachments"][0]["title_link"] = "javascript:alert(1)"
    assert only(dangerous).url == ""


def test_a_message_is_over_when_all_of_it_is() -> None:
    assert over({"text": "all good :white_check_mark:", "attachments": [{"color": "good", "text": "fine"}]}, WATCH)
    assert over({"text": "Resolved by itself"}, WATCH)
    assert not over({"text": "still looking"}, WATCH)
    mixed = {"attachments": [{"color": "good", "title": "a"}, {"color": "danger", "title": "b"}]}
    assert not over(mixed, WATCH)


TEXTS = st.text(max_size=60) | st.sampled_from(
    ["[FIRING:1] X", "Triggered: X", "Labels:", " - alertname = X", "*a:* b"]
)
SCALARS = st.none() | st.booleans() | st.integers() | TEXTS
KEYS = ["text", "title", "attachments", "blocks", "fields", "elements", "color", "type", "value", "pretext", "fallback"]
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(["text", "attachments", "blocks", "ts", "subtype"]), ANY), st.booleans())
def test_no_message_breaks_the_reading(message: Json, every: bool) -> None:  # noqa: FBT001  # drawn
    watch = replace(EVERY if every else WATCH, pattern=None)
    for one in read(message, watch, "C1"):
        assert one.name
        assert len(one.name) <= 200
    over(message, watch)
