"""PagerDuty's webhook, version 3: incidents that are triggered, opened again or resolved.

Shape: https://developer.pagerduty.com/docs/webhooks/v3-overview/
"""

from bot.domain.signal import Severity, Status
from bot.web.body import line, mapping, moment
from bot.web.parse_parts import Delivery, Reading, alert, first, ignored, inner, must, must_time, own_fingerprint

STATES = {
    "incident.triggered": Status.FIRING,
    "incident.reopened": Status.FIRING,
    "incident.resolved": Status.RESOLVED,
}


def parse(body: object, to: Delivery) -> Reading:
    """The event's incident as an alert; every other event is ignored.

    The service is PagerDuty's, by the source's ``services`` or by its own name. Raises ``BadDelivery`` naming the
    field.
    """
    event = mapping(mapping(body, "$", "PagerDuty's object").get("event"), "$.event", "an event of version 3")
    kind = must(event, "event_type", "$.event", "the event's type")
    status = STATES.get(kind)
    if status is None:
        return ignored(f"{kind} neither raises nor resolves an incident")
    at = must_time(event, "occurred_at", "$.event", "when it happened")
    data = mapping(event.get("data"), "$.event.data", "an incident")
    number = must(data, "id", "$.event.data", "the incident's id")
    service = inner(data, "service", "$.event.data")
    priority = inner(data, "priority", "$.event.data")
    name = must(data, "title", "$.event.data", "the incident's title")
    began = moment(data.get("created_at"), "$.event.data.created_at") or at
    labels = {
        "urgency": line(data.get("urgency"), 60),
        "priority": line(priority.get("summary"), 60),
        "incident": line(data.get("number"), 60),
        "service": line(service.get("summary")),
    }
    return Reading(
        (
            alert(
                to,
                name=name,
                fingerprint=own_fingerprint(to.source, number),
                status=status,
                severity=Severity.of(first(priority.get("summary"), data.get("urgency"))),
                began=began,
                at=at,
                services=to.source.services_of(first(service.get("id")), first(service.get("summary"))),
                summary=name,
                url=data.get("html_url"),
                own={key: text for key, text in labels.items() if text},
            ),
        )
    )
