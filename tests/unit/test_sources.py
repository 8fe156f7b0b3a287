"""The ``webhooks`` part of fettle.yaml, vendor by vendor."""

from pathlib import Path

import pytest

from bot.config import examine
from bot.domain.source import Auth, Basic, Bearer, Header, Hmac, Open, Sns, Source
from bot.schema.webhooks import KNOWN_VENDORS, VENDORS
from bot.web.webhooks import PARSERS

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
HOUSE = "channels: {alerts: alerts, approvals: ops}\nroles: {approver: {users: [U0APPROVER]}}\n"


def read(tmp_path: Path, webhooks: str) -> tuple[dict[str, Source], list[str]]:
    (tmp_path / "fettle.yaml").write_text(HOUSE + "webhooks:\n" + webhooks)
    (tmp_path / "catalogue.yaml").write_text("services: {payment: {}}\n")
    config, problems = examine(tmp_path)
    return dict(config.sources), [str(one) for one in sorted(problems.errors)]


def variable(name: str) -> str:
    return f"FETTLE_WEBHOOK_SECRET_{name.upper()}"


def test_every_vendor_has_its_parser() -> None:
    assert set(PARSERS) | {"alertmanager", "changes"} == set(VENDORS) == set(KNOWN_VENDORS)


@pytest.mark.parametrize("written", ["{}", ""])
@pytest.mark.parametrize(
    ("name", "auth"),
    [
        ("grafana", Bearer(variable("grafana"))),
        ("pagerduty", Hmac(variable("pagerduty"), "X-PagerDuty-Signature", "v1=")),
        ("datadog", Bearer(variable("datadog"))),
        ("sentry", Hmac(variable("sentry"), "Sentry-Hook-Signature", "")),
        ("opsgenie", Bearer(variable("opsgenie"))),
        ("github", Hmac(variable("github"), "X-Hub-Signature-256", "sha256=")),
        ("argocd", Bearer(variable("argocd"))),
        ("flux", Bearer(variable("flux"))),
        ("launchdarkly", Hmac(variable("launchdarkly"), "X-LD-Signature", "")),
        ("unleash", Bearer(variable("unleash"))),
    ],
)
def test_a_vendors_own_way_needs_no_more_than_its_name(tmp_path: Path, name: str, auth: Auth, written: str) -> None:
    sources, errors = read(tmp_path, f"  {name}: {written}\n")
    assert errors == []
    assert set(sources) == {"alertmanager", "changes", name}
    assert sources[name].auth == auth


@pytest.mark.parametrize(
    ("written", "auth"),
    [
        ("grafana: {auth: basic, user: kim}", Basic(variable("grafana"), "kim")),
        ("grafana: {auth: basic}", Basic(variable("grafana"), "fettle")),
        ("grafana: {auth: hmac}", Hmac(variable("grafana"), "X-Grafana-Alerting-Signature", "")),
        (
            "grafana: {auth: hmac, timestamp_header: X-Stamp, secret: FETTLE_WEBHOOK_SECRET_G}",
            Hmac("FETTLE_WEBHOOK_SECRET_G", "X-Grafana-Alerting-Signature", "", stamp="X-Stamp"),
        ),
        ("datadog: {auth: header, header: X-Token}", Header(variable("datadog"), "X-Token")),
        ("flux: {auth: hmac}", Hmac(variable("flux"), "X-Signature", "sha256=")),
        ("pagerduty: {auth: bearer}", Bearer(variable("pagerduty"))),
        ("sentry: {header: X-Other, prefix: 'x='}", Hmac(variable("sentry"), "X-Other", "x=")),
        ("unleash: {auth: none}", Open()),
        (f"cloudwatch: {{topics: {TOPIC}}}", Sns((TOPIC,))),
    ],
)
def test_other_ways(tmp_path: Path, written: str, auth: Auth) -> None:
    sources, errors = read(tmp_path, f"  {written}\n")
    assert errors == []
    assert sources[written.partition(":")[0]].auth == auth


def test_what_a_source_calls_the_services(tmp_path: Path) -> None:
    sources, errors = read(
        tmp_path,
        "  github:\n    services:\n      Acme/Shop: shop\n      acme/mono: [payment, till]\n"
        "  alertmanager: {services: {pay: payment}}\n",
    )
    assert errors == []
    # What the catalogue itself calls a service counts, too.
    named = {"acme/shop": ("shop",), "acme/mono": ("payment", "till"), "payment": ("payment",)}
    assert sources["github"].services == named
    assert sources["alertmanager"].services_of("pay") == ("payment",)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("cloudwatch: {}", "webhooks.cloudwatch.topics is missing: anybody can have SNS sign something"),
        ("cloudwatch:", "webhooks.cloudwatch.topics is missing"),
        ("cloudwatch: {topics: [alarms]}", "found “alarms”, expected a topic such as arn:aws:sns:"),
        (f"cloudwatch: {{topics: [{TOPIC}], auth: none}}", "webhooks.cloudwatch.auth is not a key that is known here"),
        ("githb: {}", "webhooks.githb is not a key that is known here; did you mean “github”?"),
        ("github: {services: [a]}", "webhooks.github.services: found a list, expected a mapping"),
        ("github: {services: {a/b: {}}}", "webhooks.github.services.a/b: found a mapping, expected a service's name"),
        ("github: {secret: ghp_1}", "expected the name of an environment variable such as"),
        ("grafana: {auth: hamc}", "webhooks.grafana.auth: found “hamc”, expected one of bearer, basic, header, hmac"),
        ("grafana: {auth: bearer, user: kim}", "webhooks.grafana.user is not a key that is known here"),
        ("changes: {services: {a: b}}", "webhooks.changes.services is not a key that is known here"),
        ("generic: {github: {map: {name: a, service: b}}}", "the name github is taken by Fettle's own webhook"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, written: str, said: str) -> None:
    _, errors = read(tmp_path, f"  {written}\n")
    assert any(said in error for error in errors), errors


def test_an_open_source_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "fettle.yaml").write_text(HOUSE + "webhooks:\n  unleash: {auth: none}\n")
    _, problems = examine(tmp_path)
    assert any("whoever reaches the port can deliver to unleash" in str(one) for one in problems.warnings)
