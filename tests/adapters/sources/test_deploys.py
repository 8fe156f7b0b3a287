"""What GitHub and Argo CD do besides what their cassettes show."""

from collections.abc import Mapping

from aiohttp import web

from bot.domain.evidence import Empty, Failed, Found
from bot.domain.signal import Signal
from bot.sources.argocd import ArgoDeploys
from bot.sources.github import GitHubDeploys
from tests.adapters.sources.stand_in import HOUR, Answer, StandIn

SHA = "a" * 40


def deployment(number: int, environment: str = "production", **more: object) -> Mapping[str, object]:
    return {
        "id": number,
        "sha": SHA,
        "ref": "main",
        "environment": environment,
        "creator": {"login": "kim"},
        "created_at": "2026-11-21T02:30:00Z",
        "updated_at": "2026-11-21T02:50:00Z",
        **more,
    }


def status(state: str, at: str) -> Mapping[str, object]:
    return {"state": state, "created_at": f"2026-11-21T{at}Z"}


def github(api: StandIn, repository: str = "acme/payment", **services: str) -> GitHubDeploys:
    return GitHubDeploys(api.url, None, services or {"payment": repository}, 5)


def found(answer: Answer) -> tuple[Signal, ...]:
    assert isinstance(answer, Found), answer
    signals: tuple[Signal, ...] = answer.data
    return signals


async def test_a_deployment_counts_when_it_was_carried_out(api: StandIn) -> None:
    api.answers = {
        ".*/deployments": [
            deployment(1),
            deployment(2),
            deployment(3, created_at="2026-11-20T20:00:00Z"),
            deployment(4),
            deployment(5, created_at="2026-11-21T02:10:00Z"),
        ],
        ".*/1/statuses": [
            status("inactive", "02:59:00"),
            status("success", "02:33:00"),
            status("in_progress", "02:31:00"),
        ],
        ".*/2/statuses": [status("waiting", "02:31:00")],
        ".*/3/statuses": [status("success", "02:48:00"), status("waiting", "01:00:00")],
        ".*/4/statuses": [status("failure", "02:36:00"), status("in_progress", "02:31:00")],
        ".*/5/statuses": [],
        ".*": [],
    }
    signals = found(await github(api).changes(["payment"], HOUR))
    assert [(one.at.strftime("%H:%M"), one.facts.get("state"), one.summary) for one in signals] == [
        ("02:48", "success", "Deployed aaaaaaaaaaaa to production"),
        ("02:36", "failure", "Deployed aaaaaaaaaaaa to production (failure)"),
        ("02:33", "success", "Deployed aaaaaaaaaaaa to production"),
        ("02:10", None, "Deployed aaaaaaaaaaaa to production"),
    ]
    assert signals == found(await github(api).changes(["payment"], HOUR))


async def test_one_environment_of_a_repository(api: StandIn) -> None:
    api.answers = {".*/deployments": [deployment(1)], ".*/statuses": [], ".*": []}
    signals = found(await github(api, "acme/payment:production").changes(["payment"], HOUR))
    assert [one.environment for one in signals] == ["production"]
    assert api.paths() == ["/repos/acme/payment/deployments", "/repos/acme/payment/deployments/1/statuses"]
    assert api.asked[0].query["environment"] == "production"


async def test_a_repository_of_several_services_is_asked_once(api: StandIn) -> None:
    api.answers = {".*/deployments": [deployment(1)], ".*/statuses": [], ".*": []}
    source = github(api, payment="acme/shop", cart="acme/shop", mail="acme/mail")
    signals = found(await source.changes(["payment", "cart", "payment"], HOUR))
    assert {one.service for one in signals} == {"payment", "cart"}
    assert len({one.id for one in signals}) == 2
    assert api.paths().count("/repos/acme/shop/deployments") == 1
    assert not any("mail" in path for path in api.paths())


async def test_what_could_be_read_counts_and_the_rest_is_told(api: StandIn) -> None:
    api.answers = {
        ".*/payment/deployments": [deployment(1)],
        ".*/statuses": [],
        "/repos/acme/payment/.*": [],
    }
    source = github(api, payment="acme/payment", cart="acme/gone", mail="just-a-name")
    answer = await source.changes(["payment", "cart", "mail"], HOUR)
    assert len(found(answer)) == 1
    assert "acme/gone: it answered 404" in answer.asked.query
    assert "just-a-name: known_as.github is owner/repository" in answer.asked.query

    nothing = await source.changes(["cart"], HOUR)
    assert isinstance(nothing, Failed)
    assert "may GITHUB_TOKEN read it?" in nothing.reason


async def test_more_pull_requests_than_are_read_are_told(api: StandIn) -> None:
    merged = {"merged_at": "2026-11-21T02:30:00Z", "updated_at": "2026-11-21T02:30:00Z"}
    base = {"ref": "main", "repo": {"default_branch": "main"}}

    def pulls(request: web.Request) -> object:
        page = int(request.query["page"])
        return [
            {**merged, "number": 100 * page + n, "merge_commit_sha": f"{100 * page + n:040x}", "base": base}
            for n in range(100)
        ]

    api.answers = {".*/pulls": pulls, ".*": []}
    answer = await github(api).changes(["payment"], HOUR)
    assert len(found(answer)) == 300
    assert "more than 300 pull requests" in answer.asked.query


async def test_without_a_known_repository_nobody_says_that_there_were_no_changes(api: StandIn) -> None:
    answer = await github(api).changes(["cart"], HOUR)
    assert isinstance(answer, Failed)
    assert "known_as.github" in answer.reason
    assert isinstance(await ArgoDeploys(api.url, None, {}, 5).changes(["cart"], HOUR), Failed)
    assert api.asked == []


def application(*history: Mapping[str, object]) -> Mapping[str, object]:
    return {"metadata": {"name": "pay"}, "spec": {"project": "shop"}, "status": {"history": list(history)}}


async def test_argo_cd_with_a_project_several_sources_and_a_chart(api: StandIn) -> None:
    api.answers = {
        "/api/v1/applications/pay": application(
            {"id": 2, "revisions": [SHA, "1.2.4"], "deployedAt": "2026-11-21T02:40:00Z"},
            {"id": 1, "revisions": [SHA, "1.2.3"], "deployedAt": "2026-11-20T02:40:00Z"},
        )
    }
    signals = found(await ArgoDeploys(api.url, None, {"payment": "shop/pay"}, 5).changes(["payment"], HOUR))
    assert [(one.facts, one.at.minute) for one in signals] == [
        ({"version": "aaaaaaaaaaaa, 1.2.4", "previous": "aaaaaaaaaaaa, 1.2.3"}, 40)
    ]
    assert api.asked[0].query["project"] == "shop"


async def test_argo_cds_previous_is_the_one_just_before(api: StandIn) -> None:
    days = [{"id": day, "revision": f"1.{day}", "deployedAt": f"2026-11-{day}T02:40:00Z"} for day in (19, 20, 21)]
    api.answers = {".*": application(*days)}
    signals = found(await ArgoDeploys(api.url, None, {"payment": "pay"}, 5).changes(["payment"], HOUR))
    assert [one.facts for one in signals] == [{"version": "1.21", "previous": "1.20"}]


async def test_an_application_that_did_not_deploy_is_empty(api: StandIn) -> None:
    api.answers = {".*": {**application(), "status": {"health": {"status": "Degraded"}}}}
    assert isinstance(await ArgoDeploys(api.url, None, {"payment": "pay"}, 5).changes(["payment"], HOUR), Empty)


async def test_argo_cds_403_may_mean_that_there_is_no_such_application(api: StandIn) -> None:
    api.status, api.answers = 403, {".*": {"error": "permission denied", "code": 7, "message": "permission denied"}}
    answer = await ArgoDeploys(api.url, None, {"payment": "pay"}, 5).changes(["payment"], HOUR)
    assert isinstance(answer, Failed)
    assert "“permission denied”): is there an application of that name" in answer.reason
