"""Calendars and chores."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.events import Event, Ticked
from bot.domain.outcome import Outcome
from bot.errors import ConfigError
from bot.schedule import Chore, Schedule
from bot.skill import Context, Every

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def nothing(_event: Event, _context: Context) -> Outcome:
    return Outcome()


@dataclass
class Office:
    """Schedules at a time that is set, and what they submit."""

    stack: AsyncExitStack
    now: datetime = MONDAY
    taken: list[Event] = field(default_factory=list)
    broken: bool = False

    async def submit(self, event: Event) -> None:
        if self.broken:
            raise ConnectionError("the database is away")
        self.taken.append(event)

    def schedule(self, crontab: str = "0 9 * * 1", zone: str = "UTC", *chores: Chore) -> Schedule:
        calendars = [Every("digest", crontab, nothing)]
        made = Schedule(calendars, chores, self.submit, zone, lambda: self.now)
        self.stack.callback(made.stop)
        return made

    async def times(self, crontab: str, zone: str, start: datetime, hours: int) -> list[str]:
        """When the calendar's events are, looking once an hour."""
        schedule, self.now = self.schedule(crontab, zone), start
        for _ in range(hours):
            await schedule.tick("digest")
            self.now += timedelta(hours=1)
        found = dict.fromkeys(one.at for one in self.taken)
        return [f"{at:%a %d %H:%M}" for at in found]


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with AsyncExitStack() as stack:
        yield Office(stack)


async def until(fits: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not fits():
            await asyncio.sleep(0.01)


async def test_an_event_has_the_minute_for_which_it_was_meant(office: Office) -> None:
    office.now = MONDAY + timedelta(seconds=0.3)
    await office.schedule().tick("digest")
    assert office.taken == [Ticked(id="tick:digest:20260302T0900", at=MONDAY, schedule="digest")]


async def test_processes_with_clocks_of_their_own_make_one_event(office: Office) -> None:
    for late in (timedelta(seconds=-0.4), timedelta(), timedelta(minutes=7), timedelta(minutes=59)):
        office.now = MONDAY + late
        await office.schedule().tick("digest")
    assert len(office.taken) == 4
    assert len({one.id for one in office.taken}) == 1


async def test_what_is_more_than_an_hour_late_is_left_out(office: Office) -> None:
    office.now = MONDAY + timedelta(minutes=61)
    await office.schedule().tick("digest")
    assert office.taken == []


@pytest.mark.parametrize(
    ("days", "fires"),
    [
        ("1", ["Mon 02"]),
        ("0", ["Sun 08"]),
        ("7", ["Sun 08"]),
        ("1-5", ["Mon 02", "Tue 03", "Wed 04", "Thu 05", "Fri 06"]),
        ("5-7", ["Fri 06", "Sat 07", "Sun 08"]),
        ("0,3", ["Wed 04", "Sun 08"]),
        ("*/2", ["Tue 03", "Thu 05", "Sat 07", "Sun 08"]),
        ("1-5/2", ["Mon 02", "Wed 04", "Fri 06"]),
        ("tue", ["Tue 03"]),
        ("mon-tue", ["Mon 02", "Tue 03"]),
        ("*", ["Mon 02", "Tue 03", "Wed 04", "Thu 05", "Fri 06", "Sat 07", "Sun 08"]),
    ],
)
async def test_weekdays_are_those_of_a_crontab(office: Office, days: str, fires: list[str]) -> None:
    assert await office.times(f"0 9 * * {days}", "UTC", MONDAY, 24 * 7) == [f"{day} 09:00" for day in fires]


async def test_the_time_is_that_of_the_houses_zone_also_when_clocks_change(office: Office) -> None:
    saturday = datetime(2026, 3, 28, 0, 0, tzinfo=UTC)
    assert await office.times("0 9 * * *", "Europe/Berlin", saturday, 48) == ["Sat 28 08:00", "Sun 29 07:00"]


@pytest.mark.parametrize("crontab", ["", "daily", "0 9 * *", "61 9 * * *", "0 9 * * 8", "0 9 * * 5-1", "0 9 * * */x"])
def test_a_crontab_that_cannot_be_read_is_named(crontab: str) -> None:
    with pytest.raises(ConfigError, match=r"The schedule digest: .* is no crontab"):
        Schedule([Every("digest", crontab, nothing)], (), None, "UTC", lambda: MONDAY)  # type: ignore[arg-type]  # it never comes to that


async def test_the_calendar_is_kept_by_the_scheduler(office: Office) -> None:
    schedule = office.schedule()
    schedule.start()
    inside = schedule._scheduler  # noqa: SLF001  # a test does not wait until Monday
    job = inside.get_job("every:digest")
    assert (job.next_run_time.weekday(), job.next_run_time.hour, job.next_run_time.minute) == (0, 9, 0)
    inside.modify_job("every:digest", next_run_time=datetime.now(UTC))
    await until(lambda: bool(office.taken))
    assert office.taken[0].id == "tick:digest:20260302T0900"


async def test_an_event_that_cannot_be_taken_in_ends_nothing(office: Office) -> None:
    schedule = office.schedule()
    office.broken = True
    await schedule.tick("digest")
    office.broken = False
    await schedule.tick("digest")
    assert len(office.taken) == 1


async def test_a_chore_comes_round_although_it_fails_and_ends_with_the_schedule(office: Office) -> None:
    done: list[str] = []

    async def fail() -> None:
        done.append("fail")
        raise OSError("the disk is full")

    async def well() -> None:
        done.append("well")

    schedule = office.schedule("0 9 * * 1", "UTC", Chore("fails", 0.05, fail), Chore("goes", 0.05, well))
    schedule.start()
    await until(lambda: done.count("fail") > 1 and done.count("well") > 1)
    schedule.stop()
    await asyncio.sleep(0.1)  # what was under way already may end
    many = len(done)
    await asyncio.sleep(0.15)
    assert len(done) == many
    schedule.stop()


async def test_a_chore_never_runs_beside_itself(office: Office) -> None:
    begun, go_on = 0, asyncio.Event()

    async def slow() -> None:
        nonlocal begun
        begun += 1
        await go_on.wait()

    office.schedule("0 9 * * 1", "UTC", Chore("slow", 0.05, slow)).start()
    await until(lambda: begun == 1)
    await asyncio.sleep(0.15)
    assert begun == 1
    go_on.set()
    await until(lambda: begun == 2)
