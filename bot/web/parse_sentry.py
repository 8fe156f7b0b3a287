"""Sentry's integration webhooks: issues, issue alerts and metric alerts.

Shape: https://docs.sentry.io/organization/integrations/integration-platform/webhooks/
"""

import re
from collections.abc import Mapping

from bot.domain.signal import Severity, Status
from bot.errors import BadDelivery
from bot.web.body import labels, line, mapping, moment
from bot.web.parse_parts import (
    Delivery,
    Reading,
    alert,
    first,
    ignored,
    inner,
    must,
    must_time,
    named,
    own_fingerprint,
)

ISSUE_STATES = {"created": Status.FIRING, "unresolved": Status.FIRING, "resolved": Status.RESOLVED}
METRIC_STATES = {"critical": Status.FIRING, "warning": Status.FIRING, "resolved": Status.RESOLVED}
PROJECT = re.compile(r"/projects/[^/\s]{1,200}/([^/\s]{1,200})/")
MOST_TAGS = 100


def parse(body: object, to: Delivery) -> Reading:
    """The issue or the metric alert as an alert; what else Sentry tells (comments, installations, …) is ignored.

    The service is the project, by the source's ``services`` or by its slug. An issue and an alert about it are the same
    alert. Raises ``BadDelivery`` naming the field.
    """
    top = mapping(body, "$", "Sentry's object")
    action = must(top, "action", "$", "what happened")
    data = mapping(top.get("data"), "$.data", "an object")
    if data.get("metric_alert") is not None:
        return _metric(inner(data, "metric_alert", "$.data"), data, action, to)
    if data.get("issue") is not None:
        return _issue(inner(data, "issue", "$.data"), action, to)
    if data.get("event") is not None:
        return _event(inner(data, "event", "$.data"), data, action, to)
    return ignored(f"“{line(action, 60)}” tells of no issue and no alert")


def _issue(issue: Mapping[str, object], action: str, to: Delivery) -> Reading:
    status = ISSUE_STATES.get(action)
    if status is None:
        return ignored(f"an issue that is “{line(action, 60)}” neither begins nor ends")
    field = "$.data.issue"
    number = must(issue, "id", field, "the issue's id")
    began = must_time(issue, "firstSeen", field, "when the issue was first seen")
    last = moment(issue.get("lastSeen"), f"{field}.lastSeen") or began
    project = inner(issue, "project", field)
    name = must(issue, "title", field, "the issue's title")
    own = {
        "issue": line(issue.get("shortId")),
        "level": line(issue.get("level"), 60),
        "platform": line(issue.get("platform")),
        "project": line(project.get("slug")),
    }
    return Reading(
        (
            alert(
                to,
                name=name,
                fingerprint=own_fingerprint(to.source, "issue", number),
                status=status,
                severity=_severity(issue.get("level")),
                began=last if action == "unresolved" else began,
                # Nothing in the body says when a person resolved it or opened it again.
                at=began if action == "created" else None,
                once=f"{action} {last.isoformat()}" if action != "created" else "",
                services=to.source.services_of(first(project.get("slug"), project.get("name"))),
                summary=first(issue.get("culprit"), name, limit=500),
                description=inner(issue, "metadata", field).get("value"),
                url=first(issue.get("web_url"), issue.get("permalink"), limit=2000),
                own={key: text for key, text in own.items() if text},
            ),
        )
    )


def _event(event: Mapping[str, object], data: Mapping[str, object], action: str, to: Delivery) -> Reading:
    if action != "triggered":
        return ignored(f"an event that is “{line(action, 60)}” raises no alert")
    field = "$.data.event"
    at = moment(event.get("datetime"), f"{field}.datetime") or moment(event.get("timestamp"), f"{field}.timestamp")
    if at is None:
        raise BadDelivery("found no time, expected when the event happened", f"{field}.datetime")
    number = must(event, "issue_id", field, "the issue's id")
    name = must(event, "title", field, "the event's title")
    own = labels(_tags(event.get("tags")), f"{field}.tags", (*to.source.service_labels, *to.source.environment_labels))
    found = PROJECT.search(line(event.get("url"), 1000))
    project = first(event.get("project_slug"), event.get("project_name"), found[1] if found else "")
    return Reading(
        (
            alert(
                to,
                name=name,
                fingerprint=own_fingerprint(to.source, "issue", number),
                status=Status.FIRING,
                severity=_severity(event.get("level")),
                began=at,
                at=at,
                once=first(event.get("event_id")),
                services=to.source.services_of(project, named(own, to.source.service_labels) or project),
                summary=first(data.get("triggered_rule"), event.get("culprit"), name, limit=500),
                description=event.get("message"),
                environment=first(event.get("environment"), named(own, to.source.environment_labels)),
                url=first(event.get("web_url"), limit=2000),
                own=own,
            ),
        )
    )


def _metric(metric: Mapping[str, object], data: Mapping[str, object], action: str, to: Delivery) -> Reading:
    status = METRIC_STATES.get(action)
    if status is None:
        return ignored(f"a metric alert that is “{line(action, 60)}” neither begins nor ends")
    field = "$.data.metric_alert"
    rule = inner(metric, "alert_rule", field)
    number = must(metric, "id", field, "the alert's id")
    began = must_time(metric, "date_started", field, "when the alert began")
    ended = moment(metric.get("date_closed"), f"{field}.date_closed")
    projects = metric.get("projects")
    project = first(*projects[:1]) if isinstance(projects, list) else ""
    name = first(rule.get("name"), metric.get("title"), data.get("description_title"))
    if not name:
        raise BadDelivery("found nothing, expected the alert's title", f"{field}.title")
    return Reading(
        (
            alert(
                to,
                name=name,
                # A rule that fires again is a new incident at Sentry and the same alert here.
                fingerprint=own_fingerprint(to.source, "metric", first(rule.get("id"), number)),
                status=status,
                severity=Severity.of(action),
                began=began,
                at=ended if status is Status.RESOLVED else began,
                once=f"{number} {action}",
                services=to.source.services_of(project),
                summary=first(data.get("description_title"), name, limit=500),
                description=data.get("description_text"),
                environment=rule.get("environment"),
                url=first(data.get("web_url"), limit=2000),
                own={"project": project} if project else {},
            ),
        )
    )


def _tags(value: object) -> dict[str, str]:
    """Sentry's tags, which come as pairs."""
    pairs = [one for one in (value if isinstance(value, list) else [])[:MOST_TAGS] if isinstance(one, list)]
    return {line(one[0], 100): line(one[1]) for one in pairs if len(one) == 2}  # noqa: PLR2004  # a name and a value


def _severity(level: object) -> Severity:
    """An error is Sentry's ordinary level, so only a fatal one is critical."""
    match line(level, 60).lower():
        case "fatal":
            return Severity.CRITICAL
        case "info" | "debug" | "sample":
            return Severity.INFO
        case _:
            return Severity.WARNING
