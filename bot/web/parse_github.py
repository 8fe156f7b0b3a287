"""GitHub's webhooks: merged pull requests, pushes, deployments and releases, each as a change.

Shape: https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bot.errors import BadDelivery
from bot.web.body import clean, line, mapping, moment
from bot.web.parse_parts import Delivery, Reading, changes, first, ignored, inner, must, must_time, short

EVENT = "X-GitHub-Event"
NOBODY = "0" * 40  # what GitHub writes for the commit before the first and after the last
SOON = timedelta(minutes=10)
UNDER_WAY = {"in_progress", "success", "failure", "error"}


def parse(body: object, to: Delivery) -> Reading:
    """The event as a change of each service that the repository stands for; every other event is ignored.

    A merge and the push that it makes are the same change, and so are a deployment and its status within ten minutes.
    Only the repository's default branch counts. Raises ``BadDelivery`` naming the field.
    """
    event = line(to.headers.get(EVENT.lower(), ""), 60)
    if not event:
        raise BadDelivery(f"found nothing, expected GitHub's header {EVENT}", EVENT)
    top = mapping(body, "$", "GitHub's object")
    read = EVENTS.get(event)
    return read(top, to) if read else ignored(f"the event {event} tells of no change")


def _merged(top: Mapping[str, object], to: Delivery) -> Reading:
    request = mapping(top.get("pull_request"), "$.pull_request", "a pull request")
    if top.get("action") != "closed" or request.get("merged") is not True:
        return ignored("the pull request was not merged")
    base = inner(request, "base", "$.pull_request")
    branch = must(base, "ref", "$.pull_request.base", "the branch that it was merged into")
    elsewhere = _elsewhere(top, branch)
    if elsewhere:
        return ignored(elsewhere)
    commit = must(request, "merge_commit_sha", "$.pull_request", "the commit that the merge made")
    number = line(request.get("number"), 20)
    return changes(
        to,
        name="merge",
        identity=("commit", _repository(top), commit),
        services=_services(top, to),
        at=must_time(request, "merged_at", "$.pull_request", "when it was merged"),
        facts={
            "version": short(commit),
            "previous": short(line(base.get("sha"))),
            "commit": commit,
            "by": first(_login(request, "merged_by", "$.pull_request"), _login(request, "user", "$.pull_request")),
        },
        field="$.repository.full_name",
        summary=f"Merged #{number} into {branch}: {line(request.get('title'))}",
        description=request.get("body"),
        url=request.get("html_url"),
        own=_labels(top, branch),
    )


def _pushed(top: Mapping[str, object], to: Delivery) -> Reading:
    ref = must(top, "ref", "$", "what was pushed")
    branch = ref.removeprefix("refs/heads/")
    if branch == ref:
        return ignored("a tag was pushed; its release or deployment tells of the change")
    after = must(top, "after", "$", "the commit that was pushed")
    if top.get("deleted") is True or after == NOBODY:
        return ignored("a branch was deleted")
    elsewhere = _elsewhere(top, branch)
    if elsewhere:
        return ignored(elsewhere)
    head = inner(top, "head_commit", "$")
    repository = mapping(top.get("repository"), "$.repository", "a repository")
    # A commit may be days older than its push, so the repository's own time comes first.
    at = moment(repository.get("pushed_at"), "$.repository.pushed_at") or moment(
        head.get("timestamp"), "$.head_commit.timestamp"
    )
    if at is None:
        raise BadDelivery("found no time, expected when it was pushed", "$.repository.pushed_at")
    before = line(top.get("before"))
    title, _, rest = clean(head.get("message"), 4000).partition("\n")
    return changes(
        to,
        name="push",
        identity=("commit", _repository(top), after),
        services=_services(top, to),
        at=at,
        facts={
            "version": short(after),
            "previous": "" if before == NOBODY else short(before),
            "commit": after,
            "by": first(_login(top, "sender", "$"), inner(top, "pusher", "$").get("name")),
        },
        field="$.repository.full_name",
        summary=f"Pushed to {branch}: {title}" if title else f"Pushed to {branch}",
        description=rest.strip(),
        url=top.get("compare"),
        own=_labels(top, branch),
    )


def _deployment(top: Mapping[str, object], to: Delivery) -> Reading:
    deployment = mapping(top.get("deployment"), "$.deployment", "a deployment")
    if top.get("action") not in (None, "created"):
        return ignored("the deployment was not created just now")
    at = must_time(deployment, "created_at", "$.deployment", "when it was created")
    return _deploy(top, deployment, {}, at, to)


def _deployment_status(top: Mapping[str, object], to: Delivery) -> Reading:
    deployment = mapping(top.get("deployment"), "$.deployment", "a deployment")
    status = mapping(top.get("deployment_status"), "$.deployment_status", "a deployment's status")
    state = must(status, "state", "$.deployment_status", "the status' state")
    if state not in UNDER_WAY:
        return ignored(f"a deployment that is {line(state, 60)} changes nothing")
    at = must_time(status, "created_at", "$.deployment_status", "when it came to that")
    return _deploy(top, deployment, status, at, to)


def _deploy(
    top: Mapping[str, object],
    deployment: Mapping[str, object],
    status: Mapping[str, object],
    at: datetime,
    to: Delivery,
) -> Reading:
    number = must(deployment, "id", "$.deployment", "the deployment's id")
    asked = moment(deployment.get("created_at"), "$.deployment.created_at") or at
    # One that waited, for an approval for example, reaches the service at its status and not when it was asked for.
    waited = at - asked > SOON
    commit, ref = line(deployment.get("sha")), line(deployment.get("ref"))
    version = short(commit) if not ref or ref in (_default(top), commit) else short(ref.removeprefix("refs/tags/"))
    environment = first(status.get("environment"), deployment.get("environment"))
    state = line(status.get("state"), 60).replace("_", " ")
    return changes(
        to,
        name="deploy",
        identity=("deployment", _repository(top), number, "later" if waited else ""),
        services=_services(top, to, environment),
        at=at,
        facts={
            "version": version,
            "commit": commit,
            "by": _login(deployment, "creator", "$.deployment"),
            "state": state,
        },
        field="$.repository.full_name",
        summary=f"Deployed {version} to {environment or 'an environment without a name'}"
        + (f" ({state})" if state in ("failure", "error") else ""),
        description=first(status.get("description"), deployment.get("description"), limit=4000),
        environment=environment,
        url=first(status.get("log_url"), status.get("target_url"), status.get("environment_url"), limit=2000),
        own=_labels(top, ref),
    )


def _released(top: Mapping[str, object], to: Delivery) -> Reading:
    if top.get("action") != "published":
        return ignored("the release was not published just now")
    release = mapping(top.get("release"), "$.release", "a release")
    tag = must(release, "tag_name", "$.release", "the release's tag")
    return changes(
        to,
        name="release",
        identity=("release", _repository(top), must(release, "id", "$.release", "the release's id")),
        services=_services(top, to),
        at=must_time(release, "published_at", "$.release", "when it was published"),
        facts={"version": tag, "by": _login(release, "author", "$.release")},
        field="$.repository.full_name",
        summary=f"Released {first(release.get('name'), tag)}",
        description=release.get("body"),
        url=release.get("html_url"),
        own=_labels(top, tag),
    )


EVENTS: Mapping[str, Callable[[Mapping[str, object], Delivery], Reading]] = {
    "pull_request": _merged,
    "push": _pushed,
    "deployment": _deployment,
    "deployment_status": _deployment_status,
    "release": _released,
}


def _repository(top: Mapping[str, object]) -> str:
    return must(inner(top, "repository", "$"), "full_name", "$.repository", "owner/repository")


def _services(top: Mapping[str, object], to: Delivery, environment: str = "") -> tuple[str, ...]:
    """By ``owner/repository:environment`` (one may deploy several services), ``owner/repository`` or ``repository``."""
    full = _repository(top)
    return to.source.services_of(f"{full}:{environment}" if environment else "", full, full.rpartition("/")[2])


def _default(top: Mapping[str, object]) -> str:
    return line(inner(top, "repository", "$").get("default_branch"))


def _elsewhere(top: Mapping[str, object], branch: str) -> str:
    """Why a branch does not count, nothing where it does."""
    default = _default(top)
    return f"the branch is not the default one, {default}" if default and branch != default else ""


def _login(parent: Mapping[str, object], key: str, field: str) -> str:
    return line(inner(parent, key, field).get("login"), 200)


def _labels(top: Mapping[str, object], ref: str) -> dict[str, str]:
    labels = {"repository": _repository(top), "ref": line(ref)}
    return {key: text for key, text in labels.items() if text}
