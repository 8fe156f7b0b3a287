from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.catalogue import Service
from bot.domain.signal import Severity, Signal, SignalKind, Status
from bot.domain.source import Open, Source
from bot.errors import BadDelivery
from tests.adapters.web import vendors as v

AT = datetime(2026, 11, 20, 19, 26, 44, tzinfo=UTC)
DEPLOYED = datetime(2026, 11, 20, 19, 20, tzinfo=UTC)


def one(case: str, body: object = None, source: Source | None = None) -> Signal:
    vendor, event, usual = v.ALL[case]
    [signal] = v.read(vendor, usual if body is None else body, event, source).signals
    return signal


@pytest.mark.parametrize(
    ("case", "name", "service", "at", "facts", "environment"),
    [
        ("merge", "merge", "Payment", AT, {"version": "ab" * 6, "previous": "cd" * 6, "by": "kim"}, ""),
        ("push", "push", "Payment", AT, {"version": "ab" * 6, "previous": "cd" * 6, "by": "kim"}, ""),
        ("deployment", "deploy", "Payment", DEPLOYED, {"version": "ab" * 6, "by": "kim"}, "production"),
        (
            "deployment status",
            "deploy",
            "Payment",
            DEPLOYED.replace(second=30),
            {"version": "ab" * 6, "state": "in progress"},
            "production",
        ),
        ("release", "release", "Payment", DEPLOYED, {"version": "v2.8.0", "by": "kim"}, ""),
        (
            "argocd",
            "deploy",
            "payment",
            DEPLOYED,
            {"version": "ab" * 6, "by": "kim", "images": "acme/payment:2.8.0", "state": "succeeded"},
            "",
        ),
        (
            "application",
            "deploy",
            "payment",
            DEPLOYED,
            {"version": "ab" * 6, "previous": "cd" * 6, "by": "automated", "state": "running"},
            "",
        ),
        ("flux", "deploy", "payment", DEPLOYED, {"version": "2.8.0", "state": "succeeded"}, "production"),
        (
            "kustomization",
            "deploy",
            "payment",
            DEPLOYED,
            {"version": f"main@{'ab' * 6}", "commit": v.SHA, "state": "succeeded"},
            "",
        ),
        (
            "launchdarkly",
            "flag",
            "shop",
            AT,
            {"version": "on (version 5)", "previous": "off (version 4)", "by": "kim@acme.example"},
            "production",
        ),
        ("unleash", "flag", "shop", AT, {"version": "on", "previous": "off", "flag": "new-checkout"}, "production"),
    ],
)
def test_a_change_of_each_vendor(  # what a person sees of a change
    case: str, name: str, service: str, at: datetime, facts: dict[str, str], environment: str
) -> None:
    signal = one(case)
    assert (signal.kind, signal.status, signal.severity) == (SignalKind.CHANGE, Status.HAPPENED, Severity.INFO)
    assert (signal.name, signal.service, signal.at, signal.environment) == (name, service, at, environment)
    assert facts.items() <= signal.facts.items()
    assert signal.summary


def test_a_merge_and_its_push_are_one_change() -> None:
    assert one("merge").id == one("push").id
    assert one("push", {**v.PUSH, "after": "ef" * 20}).id != one("push").id


def test_a_deployment_and_its_status_are_one_change_unless_it_waited() -> None:
    asked, began = one("deployment"), one("deployment status")
    ended = one(
        "deployment status",
        v.changed(
            v.changed(v.DEPLOYMENT_STATUS, "deployment_status.state", "success"),
            "deployment_status.created_at",
            "2026-11-20T19:24:00Z",
        ),
    )
    approved = one(
        "deployment status", v.changed(v.DEPLOYMENT_STATUS, "deployment_status.created_at", "2026-11-20T19:29:00Z")
    )
    waited = one(
        "deployment status",
        v.changed(v.DEPLOYMENT_STATUS, "deployment.created_at", "2026-11-20T16:00:00Z"),
    )
    assert asked.id == began.id == ended.id == approved.id
    assert waited.id != asked.id
    assert waited.at == DEPLOYED.replace(second=30)


def test_a_push_counts_from_when_it_was_pushed() -> None:
    assert one("push").at == AT
    old = {**v.PUSH, "repository": {**v.REPOSITORY, "pushed_at": None}}
    assert one("push", old).at == datetime(2026, 11, 11, 8, tzinfo=UTC)


def test_a_sync_is_one_change_while_it_runs_and_when_it_ended() -> None:
    running = one("application")
    ended = one("application", v.changed({"app": v.APPLICATION}, "app.status.operationState.phase", "Succeeded"))
    again = one(
        "application", v.changed({"app": v.APPLICATION}, "app.status.operationState.startedAt", "2026-11-20T19:25:00Z")
    )
    assert running.id == ended.id != again.id
    assert one("application", v.APPLICATION).id == running.id


def test_a_repository_stands_for_the_services_that_the_configuration_says() -> None:
    mono = Source("github", Open(), services={"acme/payment": ("payment", "till")})
    signals = v.read("github", v.PUSH, "push", mono).signals
    assert [signal.service for signal in signals] == ["payment", "till"]
    assert len({signal.id for signal in signals}) == 2
    by_environment = Source("github", Open(), services={"acme/payment:production": ("payment",), "payment": ("all",)})
    assert one("deployment", source=by_environment).service == "payment"
    assert one("push", source=by_environment).service == "all"


@pytest.mark.parametrize("key", ["shop/new-checkout", "new-checkout", "shop"])
@pytest.mark.parametrize("case", ["launchdarkly", "unleash"])
def test_a_flag_stands_for_the_service_that_the_configuration_says(case: str, key: str) -> None:
    assert one(case, source=Source(case, Open(), services={key: ("payment",)})).service == "payment"


def test_the_catalogue_says_what_a_source_calls_a_service() -> None:
    services = (
        Service("payment", known_as={"github": "Acme/Payment", "loki": '{app="x"}'}),
        Service("till", known_as={"github": "acme/payment"}),
        Service("shop"),
    )
    source = Source("github", Open(), services={"acme/web": ("shop",)}).knowing(services)
    assert source.services_of("acme/payment") == ("payment", "till")
    assert source.services_of("acme/web") == ("shop",)
    assert source.services_of("acme/other", "SHOP") == ("shop",)
    assert source.services_of("acme/other", "Other") == ("Other",)
    assert source.services_of("", "") == ()
    told = Source("github", Open(), services={"payment": ("other",)}).knowing(services)
    assert told.services_of("payment") == ("other",)


IGNORED: list[tuple[str, str, Any, str]] = [
    ("merge", "action", "opened", "not merged"),
    ("merge", "pull_request.merged", False, "not merged"),
    ("merge", "pull_request.base.ref", "feature", "not the default one, main"),
    ("push", "ref", "refs/tags/v1", "a tag"),
    ("push", "ref", "refs/heads/feature", "not the default one"),
    ("push", "deleted", True, "deleted"),
    ("push", "after", "0" * 40, "deleted"),
    ("deployment", "action", "edited", "not created"),
    ("deployment status", "deployment_status.state", "waiting", "waiting changes nothing"),
    ("release", "action", "deleted", "not published"),
    ("argocd", "phase", "Terminating", "Terminating"),
    ("application", "app.status.operationState", None, "never synced"),
    ("flux", "reason", "TestSucceeded", "TestSucceeded releases nothing"),
    ("flux", "involvedObject.kind", "GitRepository", "a GitRepository changes nothing"),
    ("kustomization", "message", "Health check passed in 3s", "not changed"),
    ("kustomization", "metadata.commit_status", "update", "not changed"),
    ("kustomization", "reason", "BuildFailed", "BuildFailed applies nothing"),
    ("launchdarkly", "kind", "member", "a member is not a flag"),
    ("unleash", "type", "feature-tagged", "feature-tagged changes no flag"),
    ("unleash", "type", "change-request-created", "changes no flag"),
]


@pytest.mark.parametrize(("case", "path", "value", "why"), IGNORED)
def test_what_is_no_change_is_ignored_and_says_why(case: str, path: str, value: object, why: str) -> None:
    vendor, event, body = v.ALL[case]
    reading = v.read(vendor, v.changed(body, path, value), event)
    assert reading.signals == ()
    assert why in reading.ignored


@pytest.mark.parametrize("event", ["ping", "workflow_run", "status", "check_run", "star"])
def test_other_events_of_github_are_ignored(event: str) -> None:
    assert v.read("github", {"zen": "Keep it simple."}, event).ignored == f"the event {event} tells of no change"


@pytest.mark.parametrize(
    ("case", "path", "value", "field"),
    [
        ("merge", "pull_request.merged_at", None, "$.pull_request.merged_at"),
        ("merge", "repository", None, "$.repository.full_name"),
        ("push", "repository", [], "$.repository"),
        ("push", "sender", "kim", "$.sender"),
        ("deployment", "deployment.id", None, "$.deployment.id"),
        ("deployment status", "deployment_status", 1, "$.deployment_status"),
        ("release", "release.published_at", "soon", "$.release.published_at"),
        ("argocd", "app", "", "$.app"),
        ("argocd", "phase", None, "$.phase"),
        ("argocd", "started_at", "soon", "$.started_at"),
        ("application", "app.metadata.name", None, "$.app.metadata.name"),
        ("application", "app.status.operationState.startedAt", None, "$.app.status.operationState.startedAt"),
        ("application", "app.status.history", "x", "$.app.status.history"),
        ("flux", "involvedObject", None, "$.involvedObject"),
        ("flux", "timestamp", None, "$.timestamp"),
        ("launchdarkly", "date", None, "$.date"),
        ("launchdarkly", "accesses", "x", "$.accesses"),
        ("unleash", "createdAt", True, "$.createdAt"),
        ("unleash", "featureName", "", "$.featureName"),
    ],
)
def test_what_is_not_the_vendors_is_named(case: str, path: str, value: object, field: str) -> None:
    vendor, event, body = v.ALL[case]
    with pytest.raises(BadDelivery) as refused:
        v.read(vendor, v.changed(body, path, value), event)
    assert refused.value.field == field


def test_github_says_the_event_in_its_header() -> None:
    with pytest.raises(BadDelivery) as refused:
        v.read("github", v.PUSH)
    assert refused.value.field == "X-GitHub-Event"


def test_a_failed_deploy_is_a_change_too() -> None:
    failed = one("deployment status", v.changed(v.DEPLOYMENT_STATUS, "deployment_status.state", "failure"))
    assert failed.summary == f"Deployed {'ab' * 6} to production (failure)"
    assert one("argocd", {**v.ARGOCD, "phase": "Failed"}).summary.endswith("(failed)")
    assert one("flux", {**v.FLUX, "reason": "UpgradeFailed", "severity": "error"}).facts["state"] == "failed"


def test_a_deployed_tag_is_the_version() -> None:
    body = v.changed(v.DEPLOYMENT, "deployment.ref", "refs/tags/v2.8.0")
    assert one("deployment", body).facts["version"] == "v2.8.0"


def test_a_flags_rules_changed() -> None:
    same = v.changed(v.LAUNCHDARKLY, "previousVersion", v.LAUNCHDARKLY["currentVersion"])
    signal = one("launchdarkly", {**same, "titleVerb": "updated the targeting of the flag"})
    assert signal.facts["version"] == "updated the targeting of the flag"
    assert "previous" not in signal.facts
    strategy = {"name": "flexibleRollout", "parameters": {"rollout": "50"}, "constraints": [{}]}
    before = {**strategy, "parameters": {"rollout": "10"}}
    shared = one("unleash", {**v.UNLEASH, "type": "feature-strategy-update", "data": strategy, "preData": before})
    assert (shared.facts["version"], shared.facts["previous"]) == (
        "flexibleRollout, 50 %, 1 constraints",
        "flexibleRollout, 10 %, 1 constraints",
    )


def test_a_flags_title_has_no_links() -> None:
    assert one("launchdarkly").summary == "Kim turned on the flag New checkout in `Production`"


def test_what_a_template_could_not_fill_counts_as_missing() -> None:
    running = one("argocd", {**v.ARGOCD, "phase": "Running", "finished_at": "<no value>"})
    assert running.id == one("argocd").id
    assert "previous" not in running.facts
    with pytest.raises(BadDelivery, match="when the sync began"):
        one("argocd", {**v.ARGOCD, "started_at": "<nil>", "finished_at": "<no value>"})
