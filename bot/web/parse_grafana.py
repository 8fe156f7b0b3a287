"""Grafana's alerting webhook: one signal for each alert of a group.

Shape: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.signal import Signal
from bot.errors import BadDelivery
from bot.web.body import line, mapping, sequence, web_address
from bot.web.parse_alertmanager import MOST_ALERTS, alert_of
from bot.web.parse_parts import Delivery, Reading, ignored, own_fingerprint


def parse(body: object, to: Delivery) -> Reading:
    """The group's alerts, in their order.

    An alert is Alertmanager's, with the values that the rule saw. Raises ``BadDelivery`` naming the first field that is
    not Grafana's; the webhook of Grafana's old alerting, without a list of alerts, is one of those.
    """
    top = mapping(body, "$", "Grafana's object")
    alerts = sequence(top.get("alerts"), "$.alerts", "a list of alerts")
    if len(alerts) > MOST_ALERTS:
        raise BadDelivery(f"found {len(alerts)} alerts, expected at most {MOST_ALERTS}: set Max Alerts", "$.alerts")
    if not alerts:
        return ignored("there is no alert in it")
    return Reading(tuple(_alert(one, f"$.alerts[{i}]", to) for i, one in enumerate(alerts)))


def _alert(value: object, field: str, to: Delivery) -> Signal:
    read = alert_of(value, field, to.source, to.received_at, to.request_id)
    own = mapping(value, field)
    # For the same labels Grafana counts the same fingerprint as an Alertmanager beside it, whose alert is another one.
    fingerprint = own_fingerprint(to.source, read.fingerprint)
    links = (web_address(own.get(key)) for key in ("panelURL", "dashboardURL"))
    return replace(
        read,
        fingerprint=fingerprint,
        url=read.url or next((link for link in links if link), ""),
        description=read.description or _values(own.get("values")),
    )


def _values(found: object) -> str:
    """What the rule's expressions came to, for an alert without a description of its own."""
    if not isinstance(found, Mapping):
        return ""
    pairs = [(line(key, 40), line(value, 40)) for key, value in list(found.items())[:20]]
    return ", ".join(f"{key} = {value}" for key, value in pairs if key and value)
