"""CloudWatch's alarms, as Amazon SNS delivers them.

Shape: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-notification-schemas.html
Whether SNS signed the envelope is checked before (``bot.web.sns``).
"""

import json
from collections.abc import Mapping

from bot.domain.signal import Severity, Status
from bot.errors import BadDelivery
from bot.web.body import labels, line, mapping
from bot.web.parse_parts import Delivery, Reading, alert, first, ignored, inner, must, must_time, named, own_fingerprint

STATES = {"ALARM": Status.FIRING, "OK": Status.RESOLVED}
MOST_DIMENSIONS = 60


def parse(body: object, to: Delivery) -> Reading:
    """The alarm in SNS' envelope; a message that is no alarm, and one without enough data, is ignored.

    The service is the one that ``services`` gives for the alarm's name or for a dimension's value, else the dimension
    that is named as a service label is (``ServiceName`` too). Raises ``BadDelivery`` naming the field.
    """
    top = mapping(body, "$", "SNS' object")
    if top.get("Type") != "Notification":
        return ignored(f"an envelope of type {line(top.get('Type'), 60) or 'nothing'} carries no alarm")
    message = top.get("Message")
    if not isinstance(message, str):
        raise BadDelivery("found no text, expected the alarm as a text", "$.Message")
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return ignored("the message is not a CloudWatch alarm: it is not JSON")
    if not isinstance(found, dict) or "AlarmName" not in found or "NewStateValue" not in found:
        return ignored("the message is not a CloudWatch alarm: it has no AlarmName")
    return _alarm(found, to)


def _alarm(alarm: Mapping[str, object], to: Delivery) -> Reading:
    field = "$.Message"
    state = must(alarm, "NewStateValue", field, "ALARM, OK or INSUFFICIENT_DATA")
    status = STATES.get(state)
    if status is None:
        return ignored(f"the alarm's state {line(state, 60)} is neither ALARM nor OK")
    name = must(alarm, "AlarmName", field, "the alarm's name")
    at = must_time(alarm, "StateChangeTime", field, "when the state changed")
    trigger = inner(alarm, "Trigger", field)
    dimensions = _dimensions(trigger.get("Dimensions"))
    told = {
        **dimensions,
        "region": alarm.get("Region"),
        "account": alarm.get("AWSAccountId"),
        "namespace": trigger.get("Namespace"),
        "metric": trigger.get("MetricName"),
    }
    wanted = (*to.source.service_labels, "ServiceName")
    own = {key: text for key, text in labels(told, f"{field}.Trigger", wanted).items() if text}
    known = [one for one in (name, *dimensions.values()) if one.lower() in to.source.services]
    where = [first(alarm.get(key)) for key in ("AlarmArn", "AWSAccountId", "Region")]
    return Reading(
        (
            alert(
                to,
                name=name,
                fingerprint=own_fingerprint(to.source, *where, name),
                status=status,
                severity=Severity.WARNING,
                began=at,
                at=at,
                services=to.source.services_of(*known, named(own, wanted)),
                summary=first(alarm.get("AlarmDescription"), alarm.get("NewStateReason"), limit=500),
                description=alarm.get("NewStateReason"),
                environment=named(own, to.source.environment_labels),
                own=own,
            ),
        )
    )


def _dimensions(value: object) -> dict[str, str]:
    found = [one for one in (value if isinstance(value, list) else [])[:MOST_DIMENSIONS] if isinstance(one, dict)]
    pairs = [(first(one.get("name"), one.get("Name")), first(one.get("value"), one.get("Value"))) for one in found]
    return {key: text for key, text in pairs if key and text}
