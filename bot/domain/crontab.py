"""A crontab line, and when it came round last and comes round next. Pure; a time that does not exist is skipped."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
PARTS = ("minute", "hour", "day of the month", "month", "day of the week")
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
FARTHEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Crontab:
    """Minute, hour, day of the month, month, day of the week (0 and 7 are Sunday), each as the numbers that it allows.

    As in cron, a line that restricts both kinds of day comes round on either. ``text`` is the line as it was written.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    @classmethod
    def read(cls, text: str) -> "Crontab":
        """The line. Raises ``ValueError`` saying which part cannot be read."""
        words = text.lower().split()
        if len(words) != len(PARTS):
            raise ValueError(f"it has {len(words)} parts, expected five: {', '.join(PARTS)}")
        minutes, hours, days, months, weekdays = (_numbers(word, place) for place, word in enumerate(words))
        return cls(
            text,
            tuple(sorted(minutes)),
            tuple(sorted(hours)),
            days,
            months,
            frozenset(day % 7 for day in weekdays),
            either=not words[2].startswith("*") and not words[4].startswith("*"),
        )

    def last(self, now: datetime, zone: ZoneInfo, within: timedelta) -> datetime | None:
        """When it came round last, in UTC, not longer ago than ``within``."""
        first, day = (now - within).astimezone(zone).date(), now.astimezone(zone).date()
        while day >= first:
            for at in reversed(list(self._times(day, zone))):
                if at <= now:
                    return at if now - at <= within else None
            day -= timedelta(days=1)
        return None

    def next(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When it comes round next, in UTC, within a year."""
        day = now.astimezone(zone).date()
        end = day + FARTHEST
        while day <= end:
            for at in self._times(day, zone):
                if at > now:
                    return at
            day += timedelta(days=1)
        return None

    def _times(self, day: date, zone: ZoneInfo) -> Iterator[datetime]:
        """The day's times, oldest first."""
        if not self._on(day):
            return
        for hour in self.hours:
            for minute in self.minutes:
                at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
                if at.astimezone(zone).hour == hour:
                    yield at

    def _on(self, day: date) -> bool:
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and ((of_month or of_week) if self.either else (of_month and of_week))


def _numbers(word: str, place: int) -> frozenset[int]:
    least, most = BOUNDS[place]
    names = {3: dict(zip(MONTHS, range(1, 13), strict=True)), 4: dict(zip(DAYS, range(7), strict=True))}.get(place, {})
    found: set[int] = set()
    for one in word.split(","):
        match = re.fullmatch(r"(?:\*|(\w{1,3})(?:-(\w{1,3}))?)(?:/(\d{1,2}))?", one)
        if match is None:
            raise ValueError(f"the {PARTS[place]} “{word[:40]}” cannot be read")
        first, last, step = match.groups()
        low = least if first is None else _number(first, names)
        high = most if first is None or (step and not last) else _number(last or first, names)
        if low is None or high is None or not least <= low <= high <= most or step in ("0", "00"):
            raise ValueError(f"the {PARTS[place]} “{word[:40]}” is not within {least} to {most}")
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)


def _number(word: str, names: dict[str, int]) -> int | None:
    return names.get(word, int(word) if word.isdecimal() else None)
