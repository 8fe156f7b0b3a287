"""Every fault breaks really, is seen by whoever watches, is explained, and is mended by its own playbook."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.domain.cause import Verdict
from bot.domain.run import RunState
from tests.adapters.demo.stage import Stage, stage, until
from tests.adapters.demo.story import Case, Story, tell

POOL = Case("pool-leak", 12, "PaymentPoolSaturated", "payment_pool")
DISK = Case("disk-full", 6, "PaymentDiskFull", "payment_disk")
SLOW = Case("slow-dependency", 18, "ShopLatencyHigh", "payment_slow")
# Too little is known of the time before it to explain it, which its like does.
STUBBORN = Case("stubborn-leak", 1, "PaymentPoolSaturated", "payment_pool", mends=False)
EMBEDDED = "--no-prometheus"

# What the cause search must name: service, indicator, and whether the deploy is a part of it.
CAUSES = {
    "pool-leak": ("payment", "pool", True),
    "disk-full": ("payment", "disk", False),
    "slow-dependency": ("payment", "lock", False),
}
# What the guide's read-only steps find: whether all is well there.
FOUND = {
    "pool-leak": [False, False, True],
    "stubborn-leak": [False, False, True],
    "disk-full": [False, False],
    "slow-dependency": [False, False],
}
# What the dry run foresees.
WOULD_CHANGE = {
    "pool-leak": ["Point current at release 2.30"],
    "disk-full": ["Set payment's log level to info", "Remove them"],
    "slow-dependency": [],
}


@pytest.mark.servers
@pytest.mark.slow
async def test_every_fault_with_prometheus_and_alertmanager(tmp_path: Path) -> None:
    await play([POOL, DISK, SLOW, STUBBORN], tmp_path)


@pytest.mark.slow
async def test_a_fault_with_the_embedded_recorder_and_the_others_alerts(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as all_at_once:
        all_at_once.create_task(play([POOL], tmp_path, EMBEDDED))
        for case in (DISK, SLOW):
            all_at_once.create_task(break_and_reset(case, tmp_path / case.fault, EMBEDDED))


async def play(cases: Sequence[Case], home: Path, *options: str) -> None:
    """Each in a world of its own, all at once: most of the time is waiting."""
    async with asyncio.TaskGroup() as all_at_once:
        for case in cases:
            all_at_once.create_task(play_one(case, home / case.fault, *options))


async def play_one(case: Case, home: Path, *options: str) -> None:
    async with stage(home, *options) as world:
        assert (world.said["prometheus"] is None) is (EMBEDDED in options)
        assert (world.said["recorder"] is None) is (EMBEDDED not in options)
        story = await tell(case, world)
        broken(story)
        if case.mends:
            explained(story)
            mended(story)
        else:
            not_mended(story)
        assert world.inbox.strangers == 0
        assert len(world.inbox.changes) == case.fault.endswith("leak")
        await healed(world)


async def break_and_reset(case: Case, home: Path, *options: str) -> None:
    async with stage(home, *options) as world:
        assert (await world.post("/break", {"fault": case.fault}))[0] == 200
        await until(lambda: told(world, case.alert, "firing"), f"{case.alert} fires")
        await healed(world)
        await until(lambda: told(world, case.alert, "resolved"), f"{case.alert} is resolved")


async def told(world: Stage, alert: str, state: str) -> bool:
    return world.inbox.states().get(alert) == state


def broken(story: Story) -> None:
    fault = story.case.fault
    assert story.on == [fault]
    assert story.alert["labels"]["environment"] == "production"
    assert story.alert["annotations"]["summary"]
    assert len(story.alert["fingerprint"]) == 16
    assert [held for _, held, _ in story.findings] == FOUND[fault], story.findings


def explained(story: Story) -> None:
    report, (service, indicator, deployed) = story.report, CAUSES[story.case.fault]
    assert report
    assert report.verdict is Verdict.LIKELY, report.hypotheses
    assert report.best
    assert (report.best.service, report.best.indicator) == (service, indicator), report.hypotheses
    assert [(change.version, change.previous) for change in report.changes] == ([("2.31", "2.30")] if deployed else [])
    assert ("after deploy payment 2.31" in report.best.text) is deployed
    assert story.guide
    assert report.best.kind in story.guide.cause_kinds


def mended(story: Story) -> None:
    fault = story.case.fault
    assert story.plan
    assert story.plan.ok, story.plan.reason
    assert sorted({task.name for task in story.plan.would_change}) == sorted(WOULD_CHANGE[fault])
    assert story.on_after_plan == [fault], "a dry run changes nothing"
    assert story.result
    assert story.result.state is RunState.SUCCEEDED, story.result.reason
    assert story.on_after_run == []
    assert story.judged
    assert story.judged.helped, story.judged.words
    assert set(story.states.values()) == {"resolved"}


def not_mended(story: Story) -> None:
    assert story.result
    assert story.result.state is RunState.SUCCEEDED, story.result.reason
    assert story.on_after_run == ["stubborn-leak"]
    assert story.judged
    assert story.judged.helped is False, story.judged.words
    assert story.back
    assert story.back.state is RunState.SUCCEEDED, story.back.reason
    assert story.left
    assert (story.left.ok, story.left.would_change) == (True, ()), "the way back leaves nothing to do"


async def healed(world: Stage) -> None:
    assert (await world.post("/reset"))[0] == 200
    assert (await world.status())["faults"] == []

    async def well() -> bool:
        payment, shop = await world.gauges("payment"), await world.gauges("shop")
        return (
            max(payment["http_error_ratio"], shop["http_error_ratio"]) < 0.02
            and payment["pool_in_use_ratio"] < 0.5
            and payment["disk_used_ratio"] < 0.5
            and shop["http_latency_p95_seconds"] < 0.8
        )

    await until(well, "the services are well after the reset")
