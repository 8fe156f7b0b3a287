"""Walk a person through the fix: steps in the thread, dry run, the change itself, and whether it helped."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.action import exact
from bot.domain.approval import Approval, ApprovalState, end
from bot.domain.cause import CauseReport, Search
from bot.domain.change import Change, ChangeMove, ChangeState
from bot.domain.change import advance as advance_change
from bot.domain.effects import CancelRun, Effect, Later, NotLater, Refresh, Rendered, StartRun
from bot.domain.events import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalWanted,
    AutomationStopped,
    CommandGiven,
    IncidentClosed,
    Pressed,
    RunEnded,
    SimulationWanted,
    StepStarted,
    VerifyDue,
)
from bot.domain.guide import GuideRun, GuideState, StepMove, StepState, advance, start
from bot.domain.incident import Alert, Incident, Move, number
from bot.domain.incident import advance as advance_incident
from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.domain.policy import May
from bot.domain.run import RunState
from bot.errors import IllegalTransition, NotFound, Refused
from bot.skill import Action, Command, Context, On, Skill, Surface, say
from skills.remediation import acts, logic, views

PAST_CHANGES = 200


async def begin(event: Pressed | CommandGiven, ctx: Context) -> Outcome:
    """Start the guide that fits, or say where the one under way stands."""
    if isinstance(event, Pressed):
        incident = await ctx.state.get(Incident, number(event.value))
    elif event.incident is None:
        raise Refused(f"Which incident? Say its number: `{ctx.house.command} fix 12`, or ask in its thread.")
    else:
        incident = await ctx.state.get(Incident, event.incident)
    under_way = await ctx.state.find(GuideRun, incident=incident.id, state=GuideState.ACTIVE, limit=1)
    if under_way:
        run = under_way[0]
        at = run.current or 0
        link = await ctx.state.permalink(acts.step_key(run.id, at))
        return say(views.under_way(run, at, link))
    report = await _report(incident.id, ctx)
    alerts = await ctx.state.find(Alert, incident=incident.id, limit=20, newest=False)
    chosen = logic.choose(ctx.guides, report, incident.services, [alert.name for alert in alerts])
    if chosen is None:
        raise Refused(views.no_guide(incident, report, ctx.house.command))
    guide, because = chosen
    moved, entry = advance_incident(incident, Move.START_FIX, by=ctx.actor.id, now=ctx.now)
    run, started = start(ctx.new_id(), guide, incident.id, ctx.actor.id, ctx.now, because, await acts.told(guide, ctx))
    effects = (
        Refresh(acts.step_key(run.id, 0)),
        Refresh(f"incident:{incident.id}"),
        NotLater(f"escalate:{incident.id}"),
    )
    outcome = Outcome((moved, run), (entry, started), effects)
    return outcome + (
        say(f"Started “{guide.title}” in the thread of {incident.name}.")
        if isinstance(event, CommandGiven)
        else Outcome()
    )


async def run_step(event: Pressed, ctx: Context) -> Outcome:
    """Claim a step: a read-only one runs at once, a changing one is tried dry."""
    run, index = await acts.step_of(event.value, ctx)
    step = run.guide.steps[index]
    if step.kind == "manual":
        raise Refused("There is nothing to run in this step: do what it says, then press Mark done.")
    key, follow = f"do:{event.id}", StepStarted if step.kind != "action" else SimulationWanted
    if step.kind == "action":
        (await acts.automation(ctx)).check()
        moved, entry = advance(run, index, StepMove.SIMULATE, by=ctx.actor.id, now=ctx.now)
    else:
        moved, entry = advance(run, index, StepMove.RUN, by=ctx.actor.id, now=ctx.now)
    go = follow(id=key, at=ctx.now, actor=ctx.actor.id, incident=run.incident, guide_run=run.id, step=index)
    return Outcome((moved,), (entry,), acts.shown(moved, index), (go,))


async def skip(event: Pressed, ctx: Context) -> Outcome:
    """Leave a step out."""
    return await _mark(event, ctx, StepMove.SKIP)


async def mark_done(event: Pressed, ctx: Context) -> Outcome:
    """A person did it by other means, or saw that it is done."""
    return await _mark(event, ctx, StepMove.MARK_DONE)


async def _mark(event: Pressed, ctx: Context, move: StepMove) -> Outcome:
    run, index = await acts.step_of(event.value, ctx)
    step = run.steps[index]
    finding = step.finding if step.state is StepState.UNEXPECTED and move is StepMove.MARK_DONE else ""
    moved, entry = advance(run, index, move, by=ctx.actor.id, now=ctx.now, finding=finding)
    return Outcome((moved,), (entry,), acts.shown(moved, index))


async def help_me(event: Pressed, ctx: Context) -> Outcome:
    """Call the next role into the thread with what was done so far."""
    run, index = await acts.step_of(event.value, ctx)
    incident = await ctx.state.get(Incident, run.incident)
    changes = await ctx.state.find(Change, incident=incident.id, limit=10, newest=False)
    people = [one for one in await ctx.people.with_role(ctx.house.escalate_role) if one != ctx.actor.id]
    text = views.call_for_help(incident, run, index, changes, people, ctx.actor.id, ctx.house.escalate_role)
    entry = Entry(run.thing, "ask for help", ctx.actor.id, reason=f"at step {index + 1}", incident=incident.id)
    return Outcome(journal=(entry,), effects=(acts.note(incident, f"help:{event.id}", text),))


async def do_step(event: StepStarted, ctx: Context) -> Outcome:
    """Run a read-only step and compare its output with what is expected."""
    run = await ctx.state.get(GuideRun, event.guide_run)
    if run.steps[event.step].state is not StepState.RUNNING:
        return Outcome()
    step = run.guide.steps[event.step]
    look = await acts.look(step, run, ctx)
    move = StepMove.FAIL if look.failed else StepMove.PASS if look.finding.held is not False else StepMove.MISS
    moved, entry = advance(
        run,
        event.step,
        move,
        by=run.steps[event.step].by,
        now=ctx.clock(),
        output=look.output,
        finding=look.finding.text,
        seconds=look.seconds,
    )
    return Outcome((moved,), (entry,), acts.shown(moved, event.step))


async def simulate(event: SimulationWanted, ctx: Context) -> Outcome:
    """Try a change dry and show what it would do, before anybody is asked."""
    run = await ctx.state.get(GuideRun, event.guide_run)
    index = event.step
    if run.steps[index].state is not StepState.SIMULATING:
        return Outcome()
    try:
        change = await acts.plan(run, index, event.actor, ctx, PAST_CHANGES)
    except Refused as refusal:
        moved, entry = advance(run, index, StepMove.FAIL, by=event.actor, now=ctx.clock(), finding=str(refusal))
        return Outcome((moved,), (entry,), acts.shown(moved, index))
    if not change.plan.ok:
        moved, entry = advance(
            run,
            index,
            StepMove.FAIL,
            by=event.actor,
            now=ctx.clock(),
            finding=f"the dry run failed: {change.plan.reason}",
        )
        return Outcome((moved,), (entry,), acts.shown(moved, index))
    moved, entry = advance(
        run, index, StepMove.PLAN, by=event.actor, now=ctx.clock(), seconds=change.plan.seconds, change=change.id
    )
    planned = Entry(
        change.thing, "plan", event.actor, after=change.state, reason=change.title, incident=run.incident,
        detail={"digest": change.digest, "risk": change.risk.score},
    )  # fmt: skip
    return Outcome((moved, change), (entry, planned), acts.shown(moved, index))


async def ask(event: Pressed, ctx: Context) -> Outcome:
    """Ask the role for its approval of exactly this."""
    run, index = await acts.step_of(event.value, ctx)
    (await acts.automation(ctx)).check()
    change = await ctx.state.get(Change, run.steps[index].change)
    moved, entry = advance(run, index, StepMove.ASK, by=ctx.actor.id, now=ctx.now)
    asked, noted = advance_change(change, ChangeMove.ASK, by=ctx.actor.id, now=ctx.now)
    wanted = ApprovalWanted(
        id=f"ask:{event.id}",
        at=ctx.now,
        actor=ctx.actor.id,
        incident=run.incident,
        change=change.id,
        origin=event.origin,
    )
    asked = replace(asked, asked_by=ctx.actor.id)
    return Outcome((moved, asked), (entry, noted), acts.shown(moved, index), (wanted,))


async def granted(event: ApprovalGranted, ctx: Context) -> Outcome:
    """Start the approved change, once, if it is still exactly what was approved."""
    change = await ctx.state.get(Change, event.change)
    approval = await ctx.state.get(Approval, event.approval)
    run = await ctx.state.get(GuideRun, change.guide_run)
    stop = await _why_not(change, approval, ctx)
    if stop:
        refused, noted = advance_change(change, ChangeMove.REFUSE, by="fettle", now=ctx.now, reason=stop)
        moved, entry = advance(run, change.step, StepMove.REFUSE, by=approval.asked_by, now=ctx.now, finding=stop)
        return Outcome((refused, moved), (noted, entry), acts.shown(moved, change.step))
    used, used_entry = end(approval, ApprovalState.USED, "fettle", "the change starts")
    before = await acts.readings(change, ctx)
    started, entry = advance_change(change, ChangeMove.START, by="fettle", now=ctx.clock(), reason=change.title)
    started = replace(
        started, before=before, approval=approval.id, approved_by=tuple(v.by for v in approval.votes if v.yes)
    )
    moved, step_entry = advance(run, change.step, StepMove.RUN, by=approval.asked_by, now=ctx.now)
    key = acts.step_key(run.id, change.step)
    go = StartRun(change.run_id, change.call, change.incident, change.id, key)
    effects: tuple[Effect, ...] = (go, *acts.shown(moved, change.step), *acts.approval_shown(approval.id))
    return Outcome((used, started, moved), (used_entry, entry, step_entry), effects)


async def _why_not(change: Change, approval: Approval, ctx: Context) -> str:
    """The reason not to start, empty when there is none."""
    stopped = await acts.automation(ctx)
    if stopped.stopped:
        return f"all automation was stopped by <@{stopped.stopped_by}>"
    if approval.state is not ApprovalState.APPROVED or approval.digest != change.digest:
        return "the approval is not for exactly this"
    action = ctx.actions.get(change.action)
    if action is None:
        return f"the action {change.action} is no longer in the catalogue"
    now_exactly = exact(action, change.parameters, change.call.targets, logic.plan_digest(change.plan))
    if now_exactly != change.digest:
        return f"the action {change.action} changed after it was approved; try it dry and ask again"
    return ""


async def not_granted(event: ApprovalRefused, ctx: Context) -> Outcome:
    """Rejected, withdrawn or expired: the step can be tried again."""
    change = await ctx.state.get(Change, event.change)
    run = await ctx.state.get(GuideRun, change.guide_run)
    refused, noted = advance_change(change, ChangeMove.REFUSE, by=event.actor, now=ctx.now, reason=event.reason)
    moved, entry = advance(run, change.step, StepMove.REFUSE, by=event.actor, now=ctx.now, finding=event.reason)
    return Outcome((refused, moved), (noted, entry), acts.shown(moved, change.step))


async def cancel(event: Pressed, ctx: Context) -> Outcome:
    """Stop a run that is under way."""
    run, index = await acts.step_of(event.value, ctx)
    change = await ctx.state.get(Change, run.steps[index].change)
    if change.state not in (ChangeState.RUNNING, ChangeState.ROLLING_BACK):
        raise Refused(f"“{change.title}” is {change.state}, so there is no run to stop.")
    entry = Entry(change.thing, "stop", ctx.actor.id, change.state, change.state, "asked to stop", change.incident)
    run_id = change.run_id if change.state is ChangeState.RUNNING else change.back_id
    return Outcome(journal=(entry,), effects=(CancelRun(run_id, change.call.runner),))


async def ended(event: RunEnded, ctx: Context) -> Outcome:
    """A run has ended: watch it, undo it, or put it to a person."""
    change = await ctx.state.get(Change, event.change)
    run = await ctx.state.get(GuideRun, change.guide_run)
    incident = await ctx.state.get(Incident, change.incident)
    if event.back:
        return await _back_ended(event, change, run, incident, ctx)
    change = replace(change, result=event.result)
    by = run.steps[change.step].by
    if not event.seen:
        return _lost(change, run, incident, by, ctx)
    match event.result.state:
        case RunState.SUCCEEDED:
            return _watch(change, run, incident, "fettle", ctx)
        case RunState.CANCELLED:
            moved, entry = advance_change(
                change, ChangeMove.CANCEL, by="fettle", now=ctx.now, reason=event.result.reason
            )
            finding = f"stopped: {event.result.reason or 'somebody pressed Stop'}"
        case _:
            moved, entry = advance_change(change, ChangeMove.FAIL, by="fettle", now=ctx.now, reason=event.result.reason)
            finding = f"the run failed: {event.result.reason or event.result.state}"
    stepped, step_entry = advance(
        run, change.step, StepMove.FAIL, by=by, now=ctx.now, finding=finding, output=event.result.output
    )
    outcome = Outcome((stepped,), (entry, step_entry), acts.shown(stepped, change.step))
    changed_something = any(task.status == "changed" for task in event.result.tasks)
    if event.result.state is RunState.CANCELLED or not changed_something or moved.back is None:
        return outcome + Outcome((moved,)) + await acts.escalate(moved, incident, finding, ctx)
    return outcome + acts.undo(moved, run, finding, ctx)


def _lost(change: Change, run: GuideRun, incident: Incident, by: str, ctx: Context) -> Outcome:
    """A restart came between: nobody saw the run end, so a person says how it stands."""
    moved, entry = advance_change(
        change, ChangeMove.LOSE, by="fettle", now=ctx.now, reason="Fettle was restarted while it ran"
    )
    stepped, step_entry = advance(
        run, change.step, StepMove.LOSE, by=by, now=ctx.now, finding="Fettle was restarted while this ran"
    )
    text = views.lost(moved, incident)
    effects = (*acts.shown(stepped, change.step), acts.note(incident, f"lost:{change.id}", text))
    return Outcome((moved, stepped), (entry, step_entry), effects)


def _watch(change: Change, run: GuideRun, incident: Incident, by: str, ctx: Context) -> Outcome:
    """It ran: wait, then judge."""
    moved, entry = advance_change(change, ChangeMove.FINISH, by=by, now=ctx.now)
    due = ctx.now + timedelta(seconds=change.wait_seconds)
    verify = VerifyDue(id=f"verify:{change.id}:1", at=due, incident=incident.id, change=change.id)
    return Outcome((moved,), (entry,), (Later(f"verify:{change.id}", due, verify), *acts.shown(run, change.step)))


async def say_how(event: Pressed, ctx: Context) -> Outcome:
    """A person's word on a run that nobody saw end: it worked, it failed, or roll it back."""
    run, index = await acts.step_of(event.value, ctx)
    change = await ctx.state.get(Change, run.steps[index].change)
    incident = await ctx.state.get(Incident, run.incident)
    if change.state is not ChangeState.UNKNOWN:
        raise IllegalTransition(f"“{change.title}” is {change.state}; nobody has to say how it stands.")
    reason = f"<@{ctx.actor.id}> looked"
    match event.action.partition(":")[2]:
        case "worked":
            return _watch(change, run, incident, ctx.actor.id, ctx)
        case "failed":
            moved, entry = advance_change(change, ChangeMove.FAIL, by=ctx.actor.id, now=ctx.now, reason=reason)
            stepped, step_entry = advance(
                run, index, StepMove.FAIL, by=ctx.actor.id, now=ctx.now, finding=f"it failed, says <@{ctx.actor.id}>"
            )
            return Outcome((moved, stepped), (entry, step_entry), acts.shown(stepped, index))
        case _:
            (await acts.automation(ctx)).check()
            if change.back is None:
                raise Refused(f"“{change.title}” has no way back: {change.back_note or 'the catalogue names none'}.")
            stepped, step_entry = advance(
                run, index, StepMove.FAIL, by=ctx.actor.id, now=ctx.now, finding="rolled back by hand"
            )
            outcome = Outcome((stepped,), (step_entry,), acts.shown(stepped, index))
            return outcome + acts.undo(change, run, f"asked by <@{ctx.actor.id}>", ctx)


async def verify(event: VerifyDue, ctx: Context) -> Outcome:
    """Judge whether the change helped; then resolve, look again shortly, or undo it."""
    change = await ctx.state.get(Change, event.change)
    if change.state is not ChangeState.WATCHING:
        return Outcome()
    incident = await ctx.state.get(Incident, change.incident)
    run = await ctx.state.get(GuideRun, change.guide_run)
    after = await acts.readings(change, ctx)
    judged = logic.judge(change.before, after, acts.limits(change, ctx), incident.firing, event.check)
    change = replace(change, after=after, verdict=judged.words, judged_at=ctx.clock())
    if judged.helped is None:
        due = ctx.clock() + timedelta(seconds=max(min(change.wait_seconds / 3, 12.0), 2.0))
        again = replace(event, id=f"verify:{change.id}:{event.check + 1}", at=due, check=event.check + 1)
        return Outcome((change,), (), (Later(f"verify:{change.id}", due, again), *acts.shown(run, change.step)))
    if judged.helped:
        return _helped(change, run, incident, judged.words, event, ctx)
    moved, entry = advance_change(change, ChangeMove.NOT_HELP, by="fettle", now=ctx.clock(), reason=judged.words)
    outcome = Outcome(journal=(entry,))
    step = run.steps[change.step].state
    if step in (StepState.RUNNING, StepState.UNKNOWN):
        miss = StepMove.MISS if step is StepState.RUNNING else StepMove.FAIL
        run, step_entry = advance(
            run,
            change.step,
            miss,
            by=run.steps[change.step].by,
            now=ctx.clock(),
            finding=f"it did not help: {judged.words}",
        )
        outcome += Outcome((run,), (step_entry,), acts.shown(run, change.step))
    if moved.back is None:
        return (
            outcome
            + Outcome((moved,))
            + await acts.escalate(moved, incident, "it did not help, and there is no way back", ctx)
        )
    return outcome + acts.undo(moved, run, "it did not help", ctx)


def _helped(change: Change, run: GuideRun, incident: Incident, words: str, event: VerifyDue, ctx: Context) -> Outcome:
    """It helped: the step is as expected, the incident is resolved, and says by what."""
    now = ctx.clock()
    moved, entry = advance_change(change, ChangeMove.HELP, by="fettle", now=now, reason=words)
    stepped, step_entry = advance(
        run, change.step, StepMove.PASS, by=run.steps[change.step].by, now=now, finding=f"it helped: {words}"
    )
    stepped = replace(stepped, state=GuideState.FINISHED)
    outcome = Outcome((moved, stepped), (entry, step_entry), acts.shown(stepped, change.step))
    if incident.state.closed:
        return outcome
    by = " and ".join(f"<@{one}>" for one in change.approved_by)
    resolved, resolve_entry = advance_incident(
        incident,
        Move.RESOLVE,
        by="fettle",
        now=now,
        reason=f"Fixed by: {change.title} (approved by {by}). {words}.",
        fixed_by=change.id,
    )
    closed = IncidentClosed(id=f"closed:{incident.id}:{event.id}", at=now, incident=incident.id)
    note = acts.note(incident, f"resolved:{change.id}", views.resolved(resolved, change, words))
    effects = (note, Refresh(f"incident:{incident.id}"), NotLater(f"quiet:{incident.id}"))
    return outcome + Outcome((resolved,), (resolve_entry,), effects, (closed,))


async def _back_ended(event: RunEnded, change: Change, run: GuideRun, incident: Incident, ctx: Context) -> Outcome:
    """The way back has ended: check that nothing is left to undo, and call a person with what was tried."""
    change = replace(change, back_result=event.result)
    if event.result.state is RunState.SUCCEEDED and event.seen and change.back is not None:
        left = await ctx.runners[change.back.runner].plan(change.back)
        if left.ok and not left.would_change:
            moved, entry = advance_change(
                change, ChangeMove.BACK, by="fettle", now=ctx.clock(), reason="a dry run finds nothing left to undo"
            )
            words = f"{change.verdict or change.title}. {change.back_title}: done and verified"
            return (
                Outcome((), (entry,), acts.shown(run, change.step))
                + await acts.escalate(moved, incident, words, ctx)
                + Outcome((moved,))
            )
        reason = left.reason or f"{len(left.would_change)} tasks would still change something"
    else:
        reason = event.result.reason or ("nobody saw it end" if not event.seen else str(event.result.state))
    moved, entry = advance_change(change, ChangeMove.NOT_BACK, by="fettle", now=ctx.clock(), reason=reason)
    words = f"*The way back did not work either* ({reason}). {change.title} may be half done"
    return Outcome((moved,), (entry,), acts.shown(run, change.step)) + await acts.escalate(moved, incident, words, ctx)


async def stop(_event: AutomationStopped, ctx: Context) -> Outcome:
    """Everything halts: what runs is stopped too."""
    running = await ctx.state.find(Change, state=[ChangeState.RUNNING, ChangeState.ROLLING_BACK], limit=100)
    effects = [
        CancelRun(one.run_id if one.state is ChangeState.RUNNING else one.back_id, one.call.runner) for one in running
    ]
    return Outcome(effects=tuple(effects))


async def close(event: IncidentClosed, ctx: Context) -> Outcome:
    """An incident was closed: nobody has to go on with its guide."""
    active = await ctx.state.find(GuideRun, incident=event.incident, state=GuideState.ACTIVE, limit=5)
    left = [replace(run, state=GuideState.LEFT) for run in active]
    entries = [
        Entry(run.thing, "leave", before=run.state, after=GuideState.LEFT, incident=event.incident) for run in active
    ]
    effects = [Refresh(acts.step_key(run.id, run.current)) for run in active if run.current is not None]
    return Outcome(tuple(left), tuple(entries), tuple(effects))


async def render(rest: str, ctx: Context) -> Rendered | None:
    """One step as it shall look now."""
    run_id, _, index = rest.partition(":")
    run = await ctx.state.get(GuideRun, run_id)
    step = run.steps[int(index)]
    if step.state is StepState.WAITING:
        return None
    change = await ctx.state.get(Change, step.change) if step.change else None
    approvals = await ctx.state.find(Approval, change=change.id, limit=1) if change else ()
    progress = None
    if change:
        back = change.state is ChangeState.ROLLING_BACK
        progress = await ctx.state.progress(f"run:{change.back_id if back else change.run_id}")
    incident = await ctx.state.get(Incident, run.incident)
    approval = approvals[0] if approvals else None
    text, blocks = views.step(run, int(index), change, approval, progress)
    return Rendered(incident.channel, text, blocks, under=f"incident:{incident.id}")


async def _report(incident: int, ctx: Context) -> CauseReport | None:
    try:
        return (await ctx.state.get(Search, incident)).report
    except NotFound:
        return None


SKILL = Skill(
    name="remediation",
    summary="Walk a person through the fix, and see whether it helped",
    commands=(Command("fix", begin, "fix <incident>", "start the guided fix in the incident's thread", May.RESPOND),),
    actions=(
        Action("incident:fix", begin),
        Action("step:run", run_step),
        Action("step:skip", skip),
        Action("step:done", mark_done),
        Action("step:help", help_me),
        Action("step:ask", ask),
        Action("step:stop", cancel),
        Action("change:worked", say_how),
        Action("change:failed", say_how),
        Action("change:back", say_how),
    ),
    events=(
        On(StepStarted, do_step),
        On(SimulationWanted, simulate),
        On(ApprovalGranted, granted),
        On(ApprovalRefused, not_granted),
        On(RunEnded, ended),
        On(VerifyDue, verify),
        On(AutomationStopped, stop),
        On(IncidentClosed, close),
    ),
    surfaces=(Surface("step", render),),
    needs=("metrics", "runners", "lookers", "actions", "guides"),
)
