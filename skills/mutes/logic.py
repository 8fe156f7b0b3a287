"""What holds alerts back now and soon, and ending a mute before its time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.domain.hold import HoldKind
from bot.domain.house import House
from bot.domain.incident import Alert, Incident, Mute
from bot.domain.journal import Entry
from bot.domain.maintenance import Maintenance

MOST_COMING = 5


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance window: from when until when it is now, or will be next."""

    maintenance: Maintenance
    start: datetime
    end: datetime
    now: bool


@dataclass(frozen=True, slots=True)
class Quiet:
    """Everything that holds alerts back. ``held`` are alerts that fire and open nothing, ``inhibit`` counts rules."""

    mutes: tuple[Mute, ...]
    windows: tuple[Window, ...]
    held: tuple[Alert, ...]
    inhibit: int = 0

    def behind(self, kind: HoldKind, name: str) -> list[Alert]:
        """The alerts that this mute, window or rule holds back."""
        return [one for one in self.held if one.held and (one.held.hold.kind, one.held.hold.name) == (kind, name)]

    @property
    def inhibited(self) -> dict[str, list[Alert]]:
        """The alerts that others hold back, by the reason in words."""
        found: dict[str, list[Alert]] = {}
        for one in self.held:
            if one.held and one.held.hold.kind is HoldKind.INHIBITION:
                found.setdefault(one.held.hold.reason, []).append(one)
        return found


def quiet(house: House, mutes: Sequence[Mute], held: Sequence[Alert], now: datetime) -> Quiet:
    """What holds alerts back: the windows that are under way first, then those that come next."""
    zone = ZoneInfo(house.zone)
    under_way, coming = [], []
    for one in house.maintenance:
        span, later = one.under_way(now, zone), one.coming(now, zone)
        if span:
            under_way.append(Window(one, *span, now=True))
        elif later:
            coming.append(Window(one, *later, now=False))
    coming.sort(key=lambda one: one.start)
    return Quiet(
        mutes=tuple(sorted((one for one in mutes if now < one.until), key=lambda one: one.until)),
        windows=(*sorted(under_way, key=lambda one: one.end), *coming[:MOST_COMING]),
        held=tuple(held),
        inhibit=len(house.inhibit),
    )


def end(mute: Mute, incidents: Sequence[Incident], by: str, now: datetime) -> tuple[Mute, list[Incident], list[Entry]]:
    """End a mute now. ``incidents`` are the open ones: those that show this mute show it no more."""
    ended = replace(mute, until=now)
    shown = [one for one in incidents if one.muted_until == mute.until and one.service == mute.service]
    after = [replace(one, muted_until=None, muted_by="", touched_at=now) for one in shown]
    reason = f"ended before {mute.until:%d %b %H:%M} UTC"
    detail = {"mute": mute.id, "service": mute.service, "until": mute.until.isoformat()}
    entries = [Entry(one.thing, "unmute", by, one.state, one.state, reason, one.id, detail) for one in shown]
    return ended, after, entries or [Entry(f"mute:{mute.id}", "unmute", by, reason=reason, detail=detail)]
