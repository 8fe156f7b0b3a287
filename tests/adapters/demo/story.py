"""One fault from its beginning to its end, as Fettle goes through it: what is seen is kept, and nothing is judged."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.config import Config, load
from bot.demo.configuration import write_config
from bot.domain.action import fill
from bot.domain.cause import CauseReport
from bot.domain.change import Reading
from bot.domain.evidence import Found, Window
from bot.domain.guide import Guide, Step, check
from bot.domain.run import Plan, RunResult
from bot.domain.signal import Severity, Signal, SignalKind, Status
from bot.runners.ansible import AnsibleRunner
from skills.rca import logic as rca
from skills.remediation import logic as remediation
from tests.adapters.demo.stage import Stage, until, values, window


@dataclass(frozen=True)
class Case:
    """A fault: how long the world is watched before it, the alert that opens the incident, the guide that mends it."""

    fault: str
    settle: float
    alert: str
    guide: str
    mends: bool = True


@dataclass
class Story:
    """What was seen. ``seconds`` since the break, or for the ends since the playbook had run."""

    case: Case
    seconds: dict[str, float] = field(default_factory=dict)
    on: list[str] = field(default_factory=list)
    alert: dict[str, Any] = field(default_factory=dict)
    report: CauseReport | None = None
    guide: Guide | None = None
    findings: list[tuple[str, bool | None, str]] = field(default_factory=list)
    plan: Plan | None = None
    on_after_plan: list[str] = field(default_factory=list)
    result: RunResult | None = None
    on_after_run: list[str] = field(default_factory=list)
    judged: remediation.Judgement | None = None
    back: RunResult | None = None
    left: Plan | None = None
    states: dict[str, str] = field(default_factory=dict)


async def tell(case: Case, stage: Stage) -> Story:
    """Go through it."""
    story = Story(case)
    config = load(write_config(stage.said, stage.home / "config"))
    runner = AnsibleRunner(config.actions_folder, stage.home / "runs", lambda _: None)
    await asyncio.sleep(case.settle)
    broken = await _break(case, stage, story)
    signals = [_change(one) for one in stage.inbox.changes]
    await _explain(stage, config, signals, story)
    story.guide = next(one for one in config.guides if one.name == case.guide)
    facts = remediation.facts_of("payment", signals, config.catalogue)
    await _look(stage, story, facts)
    step = story.guide.steps[-1]
    bound = remediation.bound(config.actions[step.action], step.parameters, facts, config.catalogue)
    story.plan = await runner.plan(bound.call)
    story.on_after_plan = (await stage.status())["faults"]
    before = await _readings(stage, config, step)
    if not case.mends:
        # A rollback that does not help looks as one that helps until the pool is full again.
        await until(lambda: _told(stage, "PaymentErrorsHigh"), "payment's errors are told of")
    story.result = await runner.run(bound.call, f"{case.fault}-1", _unheard)
    ended = time.monotonic()
    story.on_after_run = (await stage.status())["faults"]
    if case.mends:
        story.seconds["better"] = await until(lambda: _healthy(stage, config, step), "its metrics are healthy again")
        await until(lambda: _all_resolved(stage), "every alert is resolved")
        story.seconds["resolved"] = time.monotonic() - ended
    # As long as Fettle waits before it judges.
    await asyncio.sleep(max(config.actions[step.action].verify.wait_seconds - (time.monotonic() - ended), 0))
    after = await _readings(stage, config, step)
    limits = {(one.service, one.indicator): _limit(config, one.service, one.indicator) for one in before}
    firing = sum(state == "firing" for state in stage.inbox.states().values())
    story.judged = remediation.judge(before, after, limits, firing, 5)
    if not case.mends:
        back = remediation.way_back(config.actions[step.action], bound, facts, config.actions, config.catalogue)
        assert back
        story.back = await runner.run(back.call, f"{case.fault}-2", _unheard)
        story.left = await runner.plan(back.call)
    story.states = stage.inbox.states()
    assert time.monotonic() > broken
    return story


async def _break(case: Case, stage: Stage, story: Story) -> float:
    broken = time.monotonic()
    status, said = await stage.post("/break", {"fault": case.fault})
    assert (status, said["fault"]) == (200, case.fault), said
    story.on = (await stage.status())["faults"]
    await until(lambda: _told(stage, case.alert), f"{case.alert} is delivered for {case.fault}")
    first = stage.inbox.first(case.alert)
    assert first
    story.seconds["alert"], story.alert = first[0] - broken, first[1]
    return broken


async def _told(stage: Stage, alert: str) -> bool:
    return stage.inbox.first(alert) is not None


async def _explain(stage: Stage, config: Config, changes: list[Signal], story: Story) -> None:
    house, service = config.house, story.alert["labels"]["service"]
    at = datetime.fromisoformat(story.alert["startsAt"])
    asked = [
        rca.Asked(one.name, indicator) for one in config.catalogue.services.values() for indicator in one.indicators
    ]
    moved = []
    # A second later than Fettle would ask, at the least: so the first samples after the alert are there.
    await asyncio.sleep(1)
    span = Window(at - timedelta(seconds=house.search_window), window(0).end)
    for one in asked:
        answer = await stage.metrics.range(one.indicator.query, span, house.search_step)
        assert isinstance(answer, Found), (one, answer)
        guard = timedelta(seconds=house.search_guard)
        moved += [m for s in answer.data if (m := rca.deviation(one, one.indicator.query, s, at, guard))]
    findings = rca.Findings((service,), at, tuple(moved), tuple(changes), (), None, (), {})
    story.report = rca.rank(findings, config.catalogue, span.end, 0.0)


def _change(body: Mapping[str, str]) -> Signal:
    at = datetime.fromisoformat(body["at"])
    facts = {"version": body["version"], "previous": body["previous"]}
    return Signal(
        "c1", SignalKind.CHANGE, "changes", body["service"], body["kind"], Status.HAPPENED, Severity.INFO, "",
        at, at, at, "", summary=body["title"], url=body["url"], facts=facts,
    )  # fmt: skip


async def _look(stage: Stage, story: Story, facts: Mapping[str, Any]) -> None:
    assert story.guide
    for step in story.guide.steps:
        if step.kind == "http":
            async with stage.session.get(f"{stage.said[step.on]}{fill(step.run, facts)}") as response:
                output = await response.text()
            value = remediation.pick(step.expect.path, output) if step.expect else None
        elif step.kind == "promql":
            answer = await stage.metrics.instant(step.run, window(0).end)
            output, value = str(answer), max(values(answer), default=None)
        else:
            continue
        found = check(step.expect, output, value, None)
        story.findings.append((step.title, found.held, found.text))


async def _readings(stage: Stage, config: Config, step: Step) -> list[Reading]:
    made = []
    for watch in config.actions[step.action].verify.metrics:
        for service in config.catalogue.services.values():
            indicator = service.indicator(watch.indicator)
            if indicator:
                answer = await stage.metrics.range(indicator.query, window(6), 1.0)
                series = answer.data if isinstance(answer, Found) else ()
                made.append(remediation.reading(service.name, indicator, watch.better, series, indicator.query))
    return made


async def _healthy(stage: Stage, config: Config, step: Step) -> bool:
    for watch in config.actions[step.action].verify.metrics:
        for service in config.catalogue.services.values():
            limit = _limit(config, service.name, watch.indicator)
            indicator = service.indicator(watch.indicator)
            if indicator and limit is not None:
                now = values(await stage.metrics.instant(indicator.query, window(0).end))
                if not now or max(now) >= limit:
                    return False
    return True


def _limit(config: Config, service: str, indicator: str) -> float | None:
    found = config.catalogue.services[service].indicator(indicator)
    return found.limit if found else None


async def _all_resolved(stage: Stage) -> bool:
    return set(stage.inbox.states().values()) == {"resolved"}


async def _unheard(_progress: object) -> None:
    """Nobody watches the run."""
