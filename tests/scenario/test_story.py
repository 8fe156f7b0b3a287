"""The demo's story without a person, as ``fettle demo --hands-free`` plays it: every fault, with everything real."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from bot.app import audit_verify
from bot.demo.faults import FAULTS
from bot.demo.stage import Stage
from bot.demo.story import Story, Told
from bot.settings import Settings
from bot.workspace.person import Person

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STAGES = ("alert", "message", "cause", "approved", "fixed", "resolved", "calm")
AT_ONCE = 3
MENDED = tuple(fault for fault in FAULTS if fault != "stubborn-leak")


async def told(stage: Stage, fault: str) -> Told:
    lines: list[str] = []
    story = Story(stage, fault, lambda name, seconds, words: lines.append(f"{seconds:6.1f} {name} {words}"))
    result = await story.play()
    if not result.resolved:
        lines.append(stage.log.read_text(encoding="utf-8", errors="replace")[-3000:])
    print("\n".join(lines))  # noqa: T201  # pytest shows it where the story did not end well
    return result


async def proven(folder: Path) -> bool:
    """The audit log holds, read by a Fettle of its own after the one on the stage has ended."""
    given = {"FETTLE_HOME": str(folder / "data"), "FETTLE_CONFIG": str(folder / "config")}
    return (await audit_verify(Settings.from_environment(given))).ok


async def resolves(folder: Path, fault: str, *, prometheus: bool) -> None:
    async with Stage(folder, prometheus=prometheus) as stage:
        assert bool(stage.world.get("prometheus")) is prometheus
        result = await told(stage, fault)
        assert (result.resolved, result.cause_correct, result.why) == (True, True, "")
        assert tuple(sorted(result.seconds, key=lambda name: result.seconds[name])) == tuple(
            name for name in STAGES if name in result.seconds
        )
        assert set(result.seconds) == set(STAGES)
        async with Person(stage.url, "U0JUNIOR") as junior:
            posted = [m for m in await junior.messages("#alerts") if "INC-" in m.all_text and m.thread_ts in ("", m.ts)]
            assert len(posted) == 1
            picture = [block for block in posted[0].raw["blocks"] if block["type"] == "image"]
            assert picture == []  # a resolved incident is short
    assert await proven(folder)


async def all_resolve(folder: Path, *, prometheus: bool) -> None:
    """Each fault on a stage of its own, some at once: most of the time is waiting."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(fault: str) -> None:
        async with room:
            await resolves(folder / fault, fault, prometheus=prometheus)

    async with asyncio.TaskGroup() as together:
        for fault in MENDED:
            together.create_task(one(fault))


async def test_each_fault_is_found_and_mended_with_the_recorder(tmp_path: Path) -> None:
    await all_resolve(tmp_path, prometheus=False)


@pytest.mark.servers
async def test_each_fault_is_found_and_mended_with_prometheus_and_alertmanager(tmp_path: Path) -> None:
    await all_resolve(tmp_path, prometheus=True)


async def test_a_fix_that_does_not_help_is_rolled_back_and_a_person_is_called(tmp_path: Path) -> None:
    async with Stage(tmp_path, prometheus=False) as stage:
        result = await told(stage, "stubborn-leak")
        assert (result.resolved, result.cause_correct) == (False, True)
        assert "resolved" not in result.seconds
        assert "Switch payment to release 2.31: done and verified" in result.why
        assert "<@U0SENIOR>" in result.why
        assert (await stage.status())["services"]["payment"]["version"] == "2.31"
    assert await proven(tmp_path)


# The demo's word for a source, and what Fettle calls the signal that is missing.
OUT = {"prometheus": "metrics", "loki": "logs", "jaeger": "traces"}


async def outages(stage: Stage, *, on: bool) -> None:
    async with aiohttp.ClientSession() as session:
        for source in OUT:
            async with session.post(f"{stage.control}/outage", json={"source": source, "on": on}) as answer:
                assert (source in (await answer.json())["out"]) is on


async def test_a_source_that_is_out_of_order_is_a_gap_in_the_answer_until_it_is_back(tmp_path: Path) -> None:
    async with Stage(tmp_path, prometheus=False) as stage, Person(stage.url, "U0JUNIOR") as junior:
        while not (await stage.status())["baseline"]:
            await asyncio.sleep(0.5)
        await outages(stage, on=True)
        await junior.command("/fettle demo break bad-flag")
        message = await junior.wait_for(lambda m: "could not be read" in m.all_text and not m.thread_ts, timeout=90)
        missing = next(one for one in message.all_text.splitlines() if "could not be read" in one)
        assert [signal for signal in OUT.values() if signal not in missing] == []
        await outages(stage, on=False)
        found = await junior.wait_for(lambda m: m.ts == message.ts and "Likely cause" in m.all_text, timeout=90)
        # A source that was out is asked again in a while, so the first search after it may still miss it.
        await junior.press(found, "Search again")
        await junior.wait_for(
            lambda m: m.ts == message.ts and "Likely cause" in m.all_text and "could not be read" not in m.all_text,
            timeout=90,
        )
