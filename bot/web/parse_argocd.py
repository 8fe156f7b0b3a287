"""Argo CD's notifications: a sync as a deploy.

Argo CD sends what its template says. Read are the whole application (``{{toJson .app}}``) and the short form of
Fettle's README. Way: https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/services/webhook/
"""

from collections.abc import Mapping
from datetime import datetime

from bot.errors import BadDelivery
from bot.web.body import line, mapping, moment, sequence
from bot.web.parse_parts import Delivery, Reading, changes, first, ignored, inner, must, short

UNDER_WAY = {"running", "succeeded", "failed", "error"}
MOST_IMAGES = 20
MOST_SYNCS = 1000
UNFILLED = ("<no value>", "<nil>")  # what a template writes for a value that is not there


def parse(body: object, to: Delivery) -> Reading:
    """The application's latest sync as a deploy of each service that the application stands for.

    A sync is the same one while it runs and when it has ended. Raises ``BadDelivery`` naming the field.
    """
    top = mapping(body, "$", "Argo CD's application")
    found, field = (top["app"], "$.app") if isinstance(top.get("app"), dict) else (top, "$")
    application = mapping(found, field)
    if "metadata" in application:
        return _whole(application, field, to)
    return _short(top, to)


def _whole(application: Mapping[str, object], field: str, to: Delivery) -> Reading:
    metadata = inner(application, "metadata", field)
    status = inner(application, "status", field)
    if status.get("operationState") is None:
        return ignored("the application was never synced")
    at_field = f"{field}.status.operationState"
    operation = inner(status, "operationState", f"{field}.status")
    result = inner(operation, "syncResult", at_field)
    sync = inner(status, "sync", f"{field}.status")
    asked = inner(inner(operation, "operation", at_field), "initiatedBy", f"{at_field}.operation")
    spec = inner(application, "spec", field)
    revision = first(result.get("revision"), _joined(result.get("revisions")), sync.get("revision"))
    automated = "automated" if asked.get("automated") is True else ""
    images = inner(status, "summary", f"{field}.status").get("images")
    return _deploy(
        {
            "app": must(metadata, "name", f"{field}.metadata", "the application's name"),
            "project": spec.get("project"),
            "namespace": inner(spec, "destination", f"{field}.spec").get("namespace"),
            "phase": operation.get("phase"),
            "revision": revision,
            "previous": _previous(status.get("history"), revision, f"{field}.status.history"),
            "by": first(asked.get("username"), automated),
            "message": operation.get("message"),
            "health": inner(status, "health", f"{field}.status").get("status"),
            "images": _joined(images),
        },
        _began(operation, ("startedAt", "finishedAt"), at_field),
        at_field,
        to,
    )


def _short(top: Mapping[str, object], to: Delivery) -> Reading:
    must(top, "app", "$", "the application, or its name")
    told = {key: None if value in UNFILLED else value for key, value in top.items()}
    told["images"] = _joined(told.get("images")) or told.get("images")
    return _deploy(told, _began(told, ("started_at", "finished_at"), "$"), "$", to)


def _began(parent: Mapping[str, object], keys: tuple[str, str], field: str) -> datetime:
    """When the sync began, or when it ended where only that is told."""
    for key in keys:
        at = moment(parent.get(key), f"{field}.{key}")
        if at is not None:
            return at
    raise BadDelivery("found no time, expected when the sync began", f"{field}.{keys[0]}")


def _deploy(told: Mapping[str, object], at: datetime, field: str, to: Delivery) -> Reading:
    phase = must(told, "phase", field, "the sync's phase")
    if phase.lower() not in UNDER_WAY:
        return ignored(f"a sync that is “{line(phase, 60)}” changes nothing")
    application, project = first(told.get("app")), first(told.get("project"))
    version = short(first(told.get("revision")))
    failed = phase.lower() in ("failed", "error")
    labels = {key: line(told.get(key)) for key in ("app", "project", "namespace", "health")}
    return changes(
        to,
        name="deploy",
        identity=("sync", project, application, at.isoformat(), version),
        services=to.source.services_of(f"{project}/{application}" if project else "", application),
        at=at,
        facts={
            "version": version,
            "previous": short(first(told.get("previous"))),
            "by": told.get("by"),
            "state": phase.lower(),
            "images": told.get("images"),
        },
        field=f"{field}.app",
        summary=f"Synced {application} to {version or 'a revision without a name'}" + (" (failed)" if failed else ""),
        description=told.get("message"),
        environment=told.get("environment"),
        url=told.get("url"),
        own={key: text for key, text in labels.items() if text},
    )


def _previous(history: object, revision: str, field: str) -> str:
    """The revision that was synced last before this one; the history is in the order of time."""
    if history is None:
        return ""
    syncs = [one for one in sequence(history, field)[-MOST_SYNCS:] if isinstance(one, dict)]
    known = [first(one.get("revision"), _joined(one.get("revisions"))) for one in syncs]
    return next((one for one in reversed(known) if one and one != revision), "")


def _joined(values: object) -> str:
    found = (values if isinstance(values, list) else [])[:MOST_IMAGES]
    return ", ".join(text for text in (line(one, 200) for one in found) if text)
