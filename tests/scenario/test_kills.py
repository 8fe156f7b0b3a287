"""Killed without warning at each stage, and started again: it goes on, nothing is posted twice, nothing runs twice."""

import asyncio
from pathlib import Path

import pytest

from bot.app import audit_verify
from bot.settings import Settings
from bot.workspace.person import Person
from bot.workspace.seen import SeenMessage
from tests.scenario.small import SmallHouse, small_house

pytestmark = pytest.mark.slow

JUNIOR, APPROVER = "U0JUNIOR", "U0APPROVER"


async def once_each(house: SmallHouse) -> None:
    """Nothing stands twice in Slack, and the audit log holds."""
    posted = house.posted()
    assert sorted(posted) == sorted(set(posted))
    await house.kill()
    report = await audit_verify(
        Settings.from_environment({"FETTLE_HOME": str(house.home), "FETTLE_CONFIG": str(house.folder / "config")})
    )
    assert report.ok, report


async def to_approval(house: SmallHouse, junior: Person, message: SeenMessage) -> None:
    """From a started guide to the question for approval."""
    await junior.press(await house.step(junior, message, "Run"), "Run")
    await junior.press(await house.step(junior, message, "Go on"), "Go on")
    await junior.press(await house.step(junior, message, "Run with approval"), "Run with approval")
    await junior.press(await house.step(junior, message, "Ask for approval"), "Ask for approval")


async def approve(approver: Person) -> SeenMessage:
    asked = await approver.wait_for(lambda m: "Approve" in m.buttons, channel="#ops", timeout=30)
    await approver.press(asked, "Approve")
    return asked


@pytest.mark.timeout(240)
async def test_killed_between_any_two_steps_it_goes_on(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path) as house,
        Person(house.url, JUNIOR, timeout=30) as junior,
        Person(house.url, APPROVER, timeout=30) as approver,
    ):
        receipt = await house.alert()
        assert receipt["taken"] == 1
        await house.restart()  # the webhook was acknowledged, perhaps nothing has happened yet
        repeat = await house.alert()
        assert repeat["repeats"] == 0  # a later notification is a signal of its own, the incident is the same
        message = await house.incident(junior)
        await house.restart()  # the message may stand without being noted; the search may be half done
        message = await junior.wait_for(lambda m: m.ts == message.ts and "ikely cause" in m.all_text, timeout=40)
        await junior.press(message, "Acknowledge")
        await house.restart()  # the press was acknowledged
        message = await junior.wait_for(lambda m: m.ts == message.ts and "nobody has it" not in m.all_text, timeout=30)
        await junior.press(message, "Start guided fix")
        await house.restart()
        step = await house.step(junior, message, "Run")
        await junior.press(step, "Run")
        await house.restart()  # a read-only step may run again: it only reads
        await junior.press(await house.step(junior, message, "Go on"), "Go on")
        await junior.press(await house.step(junior, message, "Run with approval"), "Run with approval")
        await house.restart()  # in the dry run
        await junior.press(await house.step(junior, message, "Ask for approval"), "Ask for approval")
        await house.restart()
        assert house.runs() == []
        await approve(approver)
        await junior.wait_for(lambda m: "Watching for" in m.all_text, thread=message, timeout=40)
        await house.restart()  # while it watches: the judgement is a row with a due time
        await house.alert("resolved")
        await junior.wait_for(lambda m: m.ts == message.ts and "resolved" in m.text.lower(), timeout=60)
        assert house.runs() == ["to well"]
        await once_each(house)


@pytest.mark.timeout(180)
async def test_a_run_that_was_under_way_is_unknown_and_asks(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, pause=4) as house,
        Person(house.url, JUNIOR, timeout=30) as junior,
        Person(house.url, APPROVER, timeout=30) as approver,
    ):
        await house.alert()
        message = await house.incident(junior)
        await junior.press(message, "Start guided fix")
        await to_approval(house, junior, message)
        await approve(approver)
        while not house.runs():
            await asyncio.sleep(0.05)
        await house.restart()
        step = await house.step(junior, message, "It worked: check it")
        assert "Nobody saw it end" in step.all_text
        assert house.runs() == ["to well"]
        await house.alert("resolved")
        await junior.press(step, "It worked: check it")
        await junior.wait_for(lambda m: m.ts == message.ts and "resolved" in m.text.lower(), timeout=60)
        assert house.runs() == ["to well"]
        await once_each(house)


@pytest.mark.timeout(120)
async def test_taking_in_and_working_apart_as_the_procfile_has_it(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, apart=True) as house,
        Person(house.url, JUNIOR, timeout=30) as junior,
        Person(house.url, APPROVER, timeout=30) as approver,
    ):
        await house.alert()
        message = await house.incident(junior)
        await junior.press(message, "Start guided fix")
        await to_approval(house, junior, message)
        await approve(approver)
        while not house.runs():
            await asyncio.sleep(0.05)
        await house.alert("resolved")
        await junior.wait_for(lambda m: m.ts == message.ts and "resolved" in m.text.lower(), timeout=60)
        assert house.runs() == ["to well"]
        await once_each(house)


@pytest.mark.timeout(180)
async def test_a_change_that_does_not_help_is_undone_also_through_a_kill(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, to="worse") as house,
        Person(house.url, JUNIOR, timeout=30) as junior,
        Person(house.url, APPROVER, timeout=30) as approver,
    ):
        await house.alert()
        message = await house.incident(junior)
        await junior.press(message, "Start guided fix")
        await to_approval(house, junior, message)
        await approve(approver)
        await junior.wait_for(lambda m: "Watching for" in m.all_text, thread=message, timeout=40)
        await house.restart()
        called = await junior.wait_for(lambda m: "needs you" in m.all_text, thread=message, timeout=60)
        assert "<@U0SENIOR>" in called.text
        assert (tmp_path / "health").read_text() == "broken"
        assert house.runs() == ["to worse", "to broken"]
        await once_each(house)
