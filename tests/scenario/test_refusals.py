"""Who may do what, seen from Slack: every refusal is private and says why, and nothing runs."""

import asyncio
from pathlib import Path

import pytest

from bot.workspace.person import Person
from tests.scenario.small import SmallHouse, small_house
from tests.scenario.test_kills import to_approval

pytestmark = pytest.mark.slow


async def private(person: Person, words: str) -> str:
    """What only this person sees, once it has those words."""
    seen = await person.wait_for(lambda m: m.ephemeral and words in m.all_text, channel="#ops", timeout=20)
    return seen.all_text


async def started(house: SmallHouse, junior: Person) -> None:
    await house.alert()
    message = await house.incident(junior)
    await junior.press(message, "Start guided fix")
    await to_approval(house, junior, message)


@pytest.mark.timeout(180)
async def test_only_an_approver_who_did_not_ask_decides_and_only_once(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path) as house,
        Person(house.url, "U0JUNIOR", timeout=30) as junior,
        Person(house.url, "U0SENIOR", timeout=30) as senior,
        Person(house.url, "U0MANAGER", timeout=30) as manager,
        Person(house.url, "U0OTHERBOT", timeout=30) as bot,
        Person(house.url, "U0APPROVER", timeout=30) as approver,
    ):
        await started(house, junior)
        asked = await approver.wait_for(lambda m: "Approve" in m.buttons, channel="#ops", timeout=30)
        assert "digest" in asked.all_text
        await junior.press(asked, "Approve")
        assert "asked for this" in await private(junior, "someone else")
        await senior.press(asked, "Approve")
        assert "approver" in await private(senior, "approver")
        await manager.press(asked, "Approve")
        assert "approver" in await private(manager, "approver")
        await bot.press(asked, "Approve")
        assert house.runs() == []
        first, second = await asyncio.gather(approver.press(asked, "Approve"), approver.press(asked, "Approve"))
        assert first.ok
        assert second.ok
        while not house.runs():
            await asyncio.sleep(0.05)
        await house.alert("resolved")
        message = await house.incident(junior)
        await junior.wait_for(lambda m: m.ts == message.ts and "resolved" in m.text.lower(), timeout=60)
        assert house.runs() == ["to well"]
        await approver.command("/fettle audit 1", channel="#ops")
        audit = await private(approver, "Audit of INC-1")
        for words in ("refuse", "approve", "resolve"):
            assert words in audit


@pytest.mark.timeout(120)
async def test_an_approval_that_nobody_gives_expires(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, expire="3s") as house,
        Person(house.url, "U0JUNIOR", timeout=30) as junior,
        Person(house.url, "U0APPROVER", timeout=30) as approver,
    ):
        await started(house, junior)
        over = await approver.wait_for(lambda m: "expired" in m.all_text, channel="#ops", timeout=30)
        assert "Approve" not in over.buttons
        message = await house.incident(junior)
        await house.step(junior, message, "Try dry again")
        assert house.runs() == []


@pytest.mark.timeout(120)
async def test_stop_halts_what_runs_and_refuses_what_is_asked(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, pause=20) as house,
        Person(house.url, "U0JUNIOR", timeout=30) as junior,
        Person(house.url, "U0MANAGER", timeout=30) as manager,
        Person(house.url, "U0APPROVER", timeout=30) as approver,
    ):
        await started(house, junior)
        asked = await approver.wait_for(lambda m: "Approve" in m.buttons, channel="#ops", timeout=30)
        await approver.press(asked, "Approve")
        while not house.runs():
            await asyncio.sleep(0.05)
        await manager.command("/fettle stop trying it out", channel="#ops")
        message = await house.incident(junior)
        await junior.wait_for(lambda m: "stopped" in m.all_text, thread=message, timeout=30)
        assert (tmp_path / "health").read_text() == "broken"
        await junior.command("/fettle resume", channel="#ops")
        await private(junior, "resume")
        await manager.command("/fettle resume", channel="#ops")
        await private(manager, "on again")
