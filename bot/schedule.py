"""Calendars become events, and the house is kept: nothing is decided here.

One of the four edges where a broad ``except`` stands: what fails here has nobody waiting, and comes round again.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.domain.events import Event, Ticked
from bot.skill import Every

log = structlog.get_logger(__name__)

LATE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every ``seconds``, the first time after as many."""

    name: str
    seconds: float
    work: Callable[[], Awaitable[object]]


class Schedule:
    """Submits a ``Ticked`` for every calendar, and does the chores. Crontabs are read in ``zone``.

    An event's id is the calendar's name and minute, so that several processes' clocks make one event.
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
        self._scheduler = AsyncIOScheduler(timezone=zone)
        for one in calendars:
            trigger = CronTrigger.from_crontab(one.crontab, timezone=zone)
            self._add(f"every:{one.name}", trigger, self._tick, one.name)
        for chore in chores:
            self._add(f"chore:{chore.name}", IntervalTrigger(seconds=chore.seconds), self._do, chore)

    def start(self) -> None:
        """Begin. Inside the running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Begin nothing more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _add(self, name: str, trigger: object, work: Callable[..., Awaitable[None]], about: object) -> None:
        self._scheduler.add_job(
            work, trigger, (about,), id=name, coalesce=True, max_instances=1, misfire_grace_time=LATE_SECONDS
        )

    async def _tick(self, name: str) -> None:
        at = self._clock().astimezone(UTC).replace(second=0, microsecond=0)
        try:
            await self._submit(Ticked(id=f"tick:{name}:{at:%Y%m%dT%H%M}", at=at, schedule=name))
        except Exception:
            log.exception("a calendar's event could not be taken in", schedule=name)

    async def _do(self, chore: Chore) -> None:
        try:
            await chore.work()
        except Exception:
            log.exception("a chore failed; it comes round again", chore=chore.name, seconds=chore.seconds)
