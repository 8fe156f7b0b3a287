"""What is said beside an incident: why alerts joined, that one flaps, what is held back and until when. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain import wording as w
from bot.domain.grouping import Flapping
from bot.domain.hold import HoldKind
from bot.domain.incident import Alert, Incident
from bot.domain.maintenance import Maintenance
from bot.domain.signal import digest
from skills.incidents.logic import Told

Window = tuple[Maintenance, datetime]


def told(one: Told, flapping: Flapping) -> tuple[str, str, str]:
    """A message for the incident's thread, as its key, channel and text."""
    incident, alert = one.incident, one.alert
    name = f"*{w.line(alert.name, 80)}*" + (f" of {w.line(alert.service, 60)}" if alert.service else "")
    key = digest(alert.fingerprint)[:10]
    if not one.flapping:
        text = f"{name} joined {incident.name} because: {w.told(alert.why + one.before, 400)}."
        return f"incident:{incident.id}:joined:{key}", incident.channel, text
    quiet = w.duration(flapping.quiet.total_seconds())
    text = (
        f"{name} is flapping: {w.line(incident.flapping[alert.fingerprint], 200)}. {incident.name} stays open until "
        f"everything has been quiet for {quiet}, and I do not tell of every time here."
    )
    return f"incident:{incident.id}:flapping:{key}:{len(alert.fired)}:{alert.times}", incident.channel, text


def flapping(incident: Incident) -> list[str]:
    """A line for the alerts that flap."""
    if not incident.flapping:
        return []
    return [f":repeat: *Flapping*: {w.listed([w.line(one, 120) for one in incident.flapping.values()], 3)}"]


def joined(incident: Incident) -> list[str]:
    """Why the alerts belong together."""
    if incident.alerts < 2:  # noqa: PLR2004  # one alert joins nothing
        return []
    reasons = "; ".join(w.line(one, 100) for one in incident.joined[:3])
    more = f" and {len(incident.joined) - 3} more reasons" if len(incident.joined) > 3 else ""  # noqa: PLR2004  # as above
    return [f"{incident.alerts} alerts" + (f", joined because {reasons}{more}" if reasons else "")]


def holding(incident: Incident, held: Sequence[Alert], windows: Sequence[Window]) -> list[str]:
    """What is held back: by this incident's alerts, and because its services are in maintenance."""
    backs = [(one, one.held) for one in held if one.held is not None]
    inhibited = [one for one, back in backs if back.hold.incident == incident.id]
    lines = []
    if inhibited:
        names = w.listed(sorted({w.line(one.name, 60) for one in inhibited}), 3)
        lines.append(f"{w.plural(len(inhibited), 'alert')} held back while this fires: {names}")
    for window, until in windows:
        if not any(window.covers(service) for service in incident.services):
            continue
        kept = [
            one
            for one, back in backs
            if (back.hold.kind, back.hold.name) == (HoldKind.MAINTENANCE, window.name)
            and one.service in incident.services
        ]
        count = f", {w.plural(len(kept), 'alert')} held back" if kept else ""
        lines.append(
            f"maintenance by {w.told(window.who, 60)} until {w.clock(until)}: {w.line(window.why, 120)}{count}"
        )
    return lines
