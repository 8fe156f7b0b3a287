"""Maintenance windows: announced work during which a service's alerts open no incident."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.crontab import Crontab
from bot.domain.hold import Hold, HoldKind

EVERY_SERVICE = "*"
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Announced work, once (``start`` to ``end``) or each time that ``crontab`` comes round, for ``lasts``.

    ``services`` may hold ``*`` for all of them. With ``joins``, alerts may join an incident that is open anyway.
    """

    name: str
    services: tuple[str, ...]
    who: str
    why: str
    start: datetime | None = None
    end: datetime | None = None
    crontab: Crontab | None = None
    lasts: timedelta = timedelta()
    joins: bool = False

    def under_way(self, now: datetime, zone: ZoneInfo) -> Span | None:
        """From when until when it is now (its end not included); None outside it."""
        if self.start is not None and self.end is not None:
            return (self.start, self.end) if self.start <= now < self.end else None
        began = self.crontab.last(now, zone, self.lasts) if self.crontab else None
        return (began, began + self.lasts) if began is not None and now < began + self.lasts else None

    def coming(self, now: datetime, zone: ZoneInfo) -> Span | None:
        """The next time, None when there is none."""
        if self.start is not None and self.end is not None:
            return (self.start, self.end) if now < self.start else None
        begins = self.crontab.next(now, zone) if self.crontab else None
        return (begins, begins + self.lasts) if begins else None

    def covers(self, service: str) -> bool:
        """Whether it is about that service."""
        return EVERY_SERVICE in self.services or service in self.services

    def hold(self, until: datetime) -> Hold:
        """Why it holds an alert back, while it lasts until then."""
        reason = f"maintenance “{self.name}” by {self.who} until {until:%d %b %H:%M} UTC: {self.why}"
        return Hold(HoldKind.MAINTENANCE, self.name, reason, until, joins=self.joins)
