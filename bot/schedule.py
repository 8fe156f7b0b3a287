"""Calendars become events, and the house is kept: nothing is decided here.

One of the four edges where a broad ``except`` stands: what fails here has nobody waiting, and comes round again.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.domain.events import Event, Ticked
from bot.errors import ConfigError
from bot.skill import Every

log = structlog.get_logger(__name__)

LATE = timedelta(hours=1)
EARLY = timedelta(seconds=1)
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every ``seconds``, the first time after as many."""

    name: str
    seconds: float
    work: Callable[[], Awaitable[object]]


class Schedule:
    """Submits a ``Ticked`` for every calendar, and does the chores. Crontabs are read in ``zone``.

    An event's id is the calendar's name and the minute for which it was meant, so that several processes make one
    event, however late one of them is. What is more than an hour late is left out. Raises ``ConfigError`` for a
    crontab that cannot be read.
    """

    def __init__(
        self,
        calendars: Sequence[Every],
        chores: Sequence[Chore],
        submit: Callable[[Event], Awaitable[None]],
        zone: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._submit, self._clock = submit, clock
        self._triggers = {one.name: _trigger(one, zone) for one in calendars}
        self._scheduler = AsyncIOScheduler(timezone=zone)
        for name, trigger in self._triggers.items():
            self._add(f"every:{name}", trigger, self.tick, name)
        for chore in chores:
            self._add(f"chore:{chore.name}", IntervalTrigger(seconds=chore.seconds), self.do, chore)

    def start(self) -> None:
        """Begin. Inside the running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Begin nothing more; what is under way is cut off."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _add(self, name: str, trigger: object, work: Callable[..., Awaitable[None]], about: object) -> None:
        self._scheduler.add_job(
            work,
            trigger,
            (about,),
            id=name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=int(LATE.total_seconds()),
        )

    async def tick(self, name: str) -> None:
        """Submit the event of a calendar's latest time."""
        at = latest(self._triggers[name], self._clock())
        if at is None:
            return
        try:
            await self._submit(Ticked(id=f"tick:{name}:{at:%Y%m%dT%H%M}", at=at, schedule=name))
        except Exception:
            log.exception("a calendar's event could not be taken in", schedule=name)

    async def do(self, chore: Chore) -> None:
        """Do a chore once."""
        try:
            await chore.work()
        except Exception:
            log.exception("a chore failed; it comes round again", chore=chore.name, seconds=chore.seconds)


def latest(trigger: CronTrigger, now: datetime) -> datetime | None:
    """The last time, in UTC, that the calendar names within the past hour; None when it names none."""
    at, following = None, trigger.get_next_fire_time(None, now - LATE)
    while following is not None and following <= now + EARLY:
        at, following = following, trigger.get_next_fire_time(following, following + EARLY)
    return None if at is None else at.astimezone(UTC)


def _trigger(every: Every, zone: str) -> CronTrigger:
    try:
        *time, days = every.crontab.split()
        return CronTrigger.from_crontab(" ".join([*time, _named(days)]), timezone=zone)
    except ValueError as error:
        raise ConfigError(
            f"The schedule {every.name}: {every.crontab!r} is no crontab (minute hour day month weekday): {error}."
        ) from error


def _named(days: str) -> str:
    """The weekdays by name. In a crontab 0 and 7 are Sunday; APScheduler would take 0 for Monday."""
    parts = []
    for part in days.split(","):
        span, slash, step = part.partition("/")
        if re.fullmatch(r"[0-7]-[0-7]", span) or (slash and re.fullmatch(r"[0-7]|\*", span)):
            first, last = (0, 6) if span == "*" else (int(span[0]), int(span[-1]) if "-" in span else 6)
            parts += [DAYS[day] for day in range(first, last + 1, int(step or 1))]
        else:
            parts.append(DAYS[int(span)] if re.fullmatch("[0-7]", span) else part)
    return ",".join(parts)
