"""Datadog's webhooks integration: a monitor's notification.

Variables of its payload: https://docs.datadoghq.com/integrations/webhooks/. Both the payload that the integration comes
with and the longer one of Fettle's README are read; a variable that Datadog left unfilled counts as missing.
"""

import re
from collections.abc import Mapping

from bot.domain.signal import Severity, Status
from bot.errors import BadDelivery
from bot.web.body import labels, line, mapping, moment
from bot.web.parse_parts import Delivery, Reading, alert, first, ignored, named, own_fingerprint, tags

TITLE = re.compile(r"\[(?P<transition>[A-Za-z -]{2,30}?)(?: on \{(?P<scope>[^}]{0,400})\})?\]\s*(?P<name>.*)")
IDENTITY = ("alert_id", "aggreg_key", "alert_scope")


def parse(body: object, to: Delivery) -> Reading:
    """The monitor's alert; an event without a transition is ignored.

    The service is a tag's, such as ``service:api``. What makes it the same alert are its id, key and scope, without
    them its title. Raises ``BadDelivery`` naming the field.
    """
    given = mapping(body, "$", "Datadog's object")
    found = {key: "" if _unfilled(value) else value for key, value in given.items()}
    title = first(found.get("title"), found.get("alert_title"), limit=500)
    head = TITLE.match(title)
    transition = first(found.get("alert_transition"), head["transition"] if head else "").lower()
    status, severity = _state(transition, first(found.get("alert_type")).lower(), first(found.get("alert_priority")))
    if status is None:
        return ignored("it tells of no monitor that is triggered or recovers: there is no alert_transition")
    name = line(head["name"], 200) if head else first(title)
    if not name:
        raise BadDelivery("found nothing, expected $EVENT_TITLE", "$.title")
    at = moment(found.get("date"), "$.date") or moment(found.get("last_updated"), "$.last_updated")
    if at is None:
        raise BadDelivery("found no time, expected $DATE", "$.date")
    scope = first(found.get("alert_scope"), head["scope"] if head else "", limit=500)
    own = labels({**tags(found.get("tags")), **tags(scope), **_host(found)}, "$.tags", to.source.service_labels)
    service = named(own, to.source.service_labels)
    known = [first(found.get(key)) for key in IDENTITY]
    identity = (*known, line(found.get("host"), 200)) if any(known) else (name, scope)
    return Reading(
        (
            alert(
                to,
                name=name,
                fingerprint=own_fingerprint(to.source, *identity),
                status=status,
                severity=severity,
                began=at,
                at=at,
                services=to.source.services_of(first(found.get("alert_id")), service),
                summary=first(found.get("alert_status"), name, limit=500),
                description=found.get("body"),
                environment=named(own, to.source.environment_labels),
                url=found.get("link"),
                own=own,
            ),
        )
    )


def _state(transition: str, kind: str, priority: str) -> tuple[Status | None, Severity]:
    if "recover" in transition or "resolve" in transition:
        return Status.RESOLVED, Severity.INFO if kind == "info" else Severity.WARNING
    if transition.removeprefix("re-") not in {"triggered", "warn", "no data", "renotify", "alert"}:
        return None, Severity.INFO
    if priority:
        return Status.FIRING, Severity.of(priority)
    if "warn" in transition or "no data" in transition:
        return Status.FIRING, Severity.WARNING
    return Status.FIRING, Severity.of(kind)


def _unfilled(value: object) -> bool:
    return (
        isinstance(value, str) and re.fullmatch(r"\s*(\$[A-Z][A-Z_]{1,40}|null)\s*", value, re.IGNORECASE) is not None
    )


def _host(found: Mapping[str, object]) -> dict[str, str]:
    host = line(found.get("host"), 200)
    return {"host": host} if host else {}
