"""What several handlers of the guided fix do: read a step, plan a change, take readings, undo, escalate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.action import Value, exact, fill
from bot.domain.change import Change, ChangeMove, ChangeState, Reading
from bot.domain.change import advance as advance_change
from bot.domain.effects import Effect, Note, Refresh, StartRun
from bot.domain.evidence import Empty, Failed, Series, Window
from bot.domain.guide import Finding, Guide, GuideRun, Step, check
from bot.domain.incident import Incident
from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.domain.policy import Automation
from bot.domain.run import RunState
from bot.errors import NotFound, Refused
from bot.skill import Context
from skills.remediation import logic, views

LOOK_SECONDS = 30.0
READ_OVER = timedelta(seconds=6)
DEPLOYS_BACK = timedelta(hours=24)


def step_key(run: str, index: int | None) -> str:
    """The key of a step's living message."""
    return f"step:{run}:{index or 0}"


async def step_of(value: str, ctx: Context) -> tuple[GuideRun, int]:
    """The guide's run and the step that a button means. Raises ``NotFound`` for a value that names none."""
    run_id, _, index = value.partition(":")
    run = await ctx.state.get(GuideRun, run_id)
    if not index.isdigit() or int(index) >= len(run.steps):
        raise NotFound("That button names no step of this guide. The newest step in the thread has working ones.")
    return run, int(index)


def shown(run: GuideRun, index: int) -> tuple[Effect, ...]:
    """Show a step, the one that is due after it, and the incident."""
    keys = [step_key(run.id, index), f"incident:{run.incident}"]
    if run.current is not None and run.current != index:
        keys.append(step_key(run.id, run.current))
    return tuple(Refresh(key) for key in keys)


def approval_shown(approval: str) -> tuple[Effect, ...]:
    """Show an approval, in its channel and in the thread."""
    return (Refresh(f"approval:{approval}:channel"), Refresh(f"approval:{approval}:thread"))


def note(incident: Incident, key: str, text: str) -> Note:
    """A message in the incident's thread."""
    return Note(f"note:{incident.id}:{key}", incident.channel, text, under=f"incident:{incident.id}")


async def automation(ctx: Context) -> Automation:
    """Whether anything may be changed at all."""
    try:
        return await ctx.state.get(Automation, "automation")
    except NotFound:
        return Automation()


async def facts(service: str, before: datetime, ctx: Context) -> dict[str, Value]:
    """What a guide's texts may refer to, for one of its services; deploys of the day before that time and since."""
    window = Window(before - DEPLOYS_BACK, ctx.now)
    return logic.facts_of(service, await ctx.state.changes([service], window), ctx.catalogue)


async def told(guide: Guide, ctx: Context) -> Guide:
    """The guide as a person reads it now."""
    services = {step.on or guide.service for step in guide.steps}
    return logic.told(guide, {name: await facts(name, ctx.now, ctx) for name in sorted(services)})


@dataclass(frozen=True, slots=True)
class Look:
    """What a read-only step brought."""

    output: str
    finding: Finding
    seconds: float
    failed: bool = False


async def look(step: Step, run: GuideRun, ctx: Context) -> Look:
    """Run a read-only step."""
    expect = step.expect
    try:
        known = await facts(step.on or run.guide.service, run.started_at, ctx)
        command = fill(step.run, known)
        if step.kind == "promql":
            return await _query(step, command, ctx)
        service = ctx.catalogue.services.get(step.on or run.guide.service)
        host: dict[str, Value] = (
            dict(ctx.catalogue.hosts.get(service.hosts[0], {})) if service and service.hosts else {}
        )
        if service and service.url:
            host.setdefault("service_url", service.url)
        plain = {name: value for name, value in host.items() if isinstance(value, str | int)}
        result = await ctx.lookers[step.kind].look(command, plain, LOOK_SECONDS)
    except Refused as refusal:
        return Look("", Finding(None, str(refusal)), 0.0, failed=True)
    if result.state is not RunState.SUCCEEDED and (expect is None or expect.exit_status is None):
        return Look(result.output, Finding(None, result.reason or str(result.state)), result.seconds, failed=True)
    value = logic.pick(expect.path, result.output) if expect else None
    return Look(result.output, check(expect, result.output, value, result.exit_status), result.seconds)


async def _query(step: Step, query: str, ctx: Context) -> Look:
    answer = await ctx.metrics.instant(query, ctx.clock())
    match answer:
        case Failed():
            return Look("", Finding(None, answer.reason), answer.asked.seconds, failed=True)
        case Empty():
            return Look("no series", check(step.expect, "", None, None), answer.asked.seconds)
    output = "\n".join(f"{_written(one)} {one.samples[-1][1]:.6g}" for one in answer.data if one.samples)
    value = max((one.samples[-1][1] for one in answer.data if one.samples), default=None)
    return Look(output, check(step.expect, output, value, None), answer.asked.seconds)


def _written(series: Series) -> str:
    """A series as PromQL writes it."""
    labels = ", ".join(f'{name}="{value}"' for name, value in series.labels if name != "__name__")
    return f"{series.label('__name__') or ''}{{{labels}}}"


async def plan(run: GuideRun, index: int, by: str, ctx: Context, most: int) -> Change:
    """Try a changing step dry and gather what an approver must see. Raises ``Refused`` with the reason."""
    step = run.guide.steps[index]
    action = ctx.actions.get(step.action)
    if action is None:
        raise Refused(f"The guide wants the action {step.action}, which the catalogue does not have.")
    known = await facts(step.on or run.guide.service, run.started_at, ctx)
    done = logic.bound(action, step.parameters, known, ctx.catalogue)
    history = await ctx.state.find(Change, service=done.service, action=action.name, limit=most)
    logic.refuse_third(action, done.service, history, ctx.now)
    back = logic.way_back(action, done, known, ctx.actions, ctx.catalogue)
    foreseen = await ctx.runners[action.runner].plan(done.call)
    running = await ctx.state.find(Change, state=[ChangeState.RUNNING, ChangeState.ROLLING_BACK], limit=20)
    service = ctx.catalogue.services[done.service]
    callers = ctx.catalogue.callers(done.service)
    risk = logic.risk_of(action, foreseen, callers, service.environment, history, len(running))
    return Change(
        id=ctx.new_id(),
        version=0,
        state=ChangeState.PLANNED,
        incident=run.incident,
        guide_run=run.id,
        step=index,
        action=action.name,
        action_version=action.version,
        title=done.title,
        service=done.service,
        parameters=done.parameters,
        call=done.call,
        plan=replace(foreseen, blind=tuple(dict.fromkeys((*foreseen.blind, *action.blind)))),
        digest=exact(action, done.parameters, done.call.targets, logic.plan_digest(foreseen)),
        risk=risk,
        callers=callers,
        asked_by=by,
        planned_at=ctx.now,
        back=back.call if back else None,
        back_title=back.title if back else "",
        back_note=action.rollback_note,
        requires=action.requires,
        approvals=action.approvals,
        downtime_seconds=action.downtime_seconds,
        wait_seconds=action.verify.wait_seconds,
    )


async def readings(change: Change, ctx: Context) -> tuple[Reading, ...]:
    """The indicators that the action is judged by, over the last few seconds; on the services that call it as well."""
    action = ctx.actions.get(change.action)
    made: list[Reading] = []
    now = ctx.clock()
    for watch in action.verify.metrics if action else ():
        for name in (change.service, *change.callers):
            service = ctx.catalogue.services.get(name)
            indicator = service.indicator(watch.indicator) if service else None
            if indicator is None:
                continue
            answer = await ctx.metrics.range(indicator.query, Window(now - READ_OVER, now), 1.0)
            series = () if isinstance(answer, Failed | Empty) else answer.data
            made.append(logic.reading(name, indicator, watch.better, series, indicator.query))
    return tuple(made)


def limits(change: Change, ctx: Context) -> Mapping[tuple[str, str], float | None]:
    """The limits of the indicators that were read before the change."""
    found: dict[tuple[str, str], float | None] = {}
    for one in change.before:
        service = ctx.catalogue.services.get(one.service)
        indicator = service.indicator(one.indicator) if service else None
        found[one.service, one.indicator] = indicator.limit if indicator else None
    return found


def undo(change: Change, run: GuideRun, reason: str, ctx: Context) -> Outcome:
    """Give the way back to its runner, once."""
    if change.back is None:
        raise Refused(f"“{change.title}” has no way back.")
    moved, entry = advance_change(change, ChangeMove.ROLL_BACK, by="fettle", now=ctx.clock(), reason=reason)
    key = step_key(run.id, change.step)
    go = StartRun(change.back_id, change.back, change.incident, change.id, key, back=True)
    return Outcome((moved,), (entry,), (go, Refresh(key)))


async def escalate(change: Change, incident: Incident, words: str, ctx: Context) -> Outcome:
    """Call the next role into the thread with everything that was tried."""
    changes = await ctx.state.find(Change, incident=incident.id, limit=10, newest=False)
    others = [one for one in changes if one.id != change.id]
    people = await ctx.people.with_role(ctx.house.escalate_role)
    text = views.escalation(incident, change, logic.tried([*others, change]), words, people, ctx.house.escalate_role)
    entry = Entry(incident.thing, "escalate", reason=words, incident=incident.id, detail={"change": change.id})
    return Outcome(
        (),
        (entry,),
        (note(incident, f"escalated:{change.id}:{change.state.name}", text), Refresh(f"incident:{incident.id}")),
    )
