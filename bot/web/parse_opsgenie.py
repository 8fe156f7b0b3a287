"""Opsgenie's outgoing webhook: alerts that are created, closed or deleted.

Shape: https://support.atlassian.com/opsgenie/docs/opsgenie-edge-connector-alert-action-data/
"""

from collections.abc import Mapping
from datetime import datetime

from bot.domain.signal import Severity, Status
from bot.errors import BadDelivery
from bot.web.body import labels, line, mapping, moment
from bot.web.parse_parts import Delivery, Reading, alert, first, ignored, inner, must, named, own_fingerprint, tags

STATES = {"create": Status.FIRING, "close": Status.RESOLVED, "delete": Status.RESOLVED}
NANOSECONDS_FROM = 10**17  # as milliseconds that would be the year 5138 and later


def parse(body: object, to: Delivery) -> Reading:
    """The alert; actions that neither raise nor end it (a note, an acknowledgement, …) are ignored.

    The service is a detail or a tag such as ``service:api``, else the alert's entity. Raises ``BadDelivery`` naming the
    field.
    """
    top = mapping(body, "$", "Opsgenie's object")
    action = must(top, "action", "$", "what happened")
    status = STATES.get(action.lower())
    if status is None:
        return ignored(f"the action {line(action, 60)} neither raises nor ends an alert")
    found = mapping(top.get("alert"), "$.alert", "an alert")
    identity = first(found.get("alias"), found.get("alertId"))
    if not identity:
        raise BadDelivery("found nothing, expected the alert's id", "$.alert.alertId")
    name = must(found, "message", "$.alert", "the alert's message")
    began, updated = _time(found, "createdAt"), _time(found, "updatedAt")
    if began is None:
        raise BadDelivery("found no time, expected when the alert was created", "$.alert.createdAt")
    details = {**inner(found, "extraProperties", "$.alert"), **inner(found, "details", "$.alert")}
    first_ones = (*to.source.service_labels, *to.source.environment_labels)
    own = labels({**tags(found.get("tags")), **details}, "$.alert.details", first_ones)
    entity = line(found.get("entity"), 200)
    priority = line(found.get("priority"), 20).upper().removeprefix("P")
    return Reading(
        (
            alert(
                to,
                name=name,
                fingerprint=own_fingerprint(to.source, identity),
                status=status,
                severity=Severity.of(f"p{priority}" if priority else ""),
                began=began,
                at=began if status is Status.FIRING else updated,
                # An alias comes back with the next alert, and a closed alert may tell no time of its own.
                once=first(found.get("alertId")),
                services=to.source.services_of(entity, named(own, to.source.service_labels) or entity),
                summary=name,
                description=found.get("description"),
                environment=named(own, to.source.environment_labels),
                own=own,
            ),
        )
    )


def _time(found: Mapping[str, object], key: str) -> datetime | None:
    value = found.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and NANOSECONDS_FROM <= value < NANOSECONDS_FROM * 100:
        value //= 1_000_000
    return moment(value, f"$.alert.{key}")
