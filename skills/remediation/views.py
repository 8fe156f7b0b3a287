"""A step, a simulation, a run and its verdict, as a person sees them. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.approval import Approval, ApprovalState
from bot.domain.cause import CauseReport
from bot.domain.change import Change, ChangeState
from bot.domain.guide import GuideRun, GuideState, Step, StepRun, StepState
from bot.domain.incident import Incident
from bot.domain.run import RunResult
from skills.remediation.logic import tried

Shown = tuple[str, list[dict[str, Any]]]
MOST_LINES, MOST_ENTRIES = 16, 4
MARKS = {
    StepState.AS_EXPECTED: "✓",
    StepState.DONE: "✓",
    StepState.SKIPPED: "–",
    StepState.UNEXPECTED: "✕",
    StepState.FAILED: "✕",
    StepState.UNKNOWN: "?",
}
ASKS = {"command": "Command", "http": "Request", "promql": "Query"}
WAYS = {
    "http": "read-only",
    "command": "read-only",
    "promql": "read-only",
    "manual": "by hand",
    "action": "changes production",
}


def step(  # everything that the message tells of
    run: GuideRun,
    index: int,
    change: Change | None,
    approval: Approval | None,
    progress: Mapping[str, object] | None,
) -> Shown:
    """One step of a guide, as it stands now."""
    spec, state = run.shown.steps[index], run.steps[index]
    head = f"*Step {index + 1} of {len(run.steps)}*   {w.line(spec.title, 150)}"
    shown: list[Block] = [b.text(f"{head}   _{_status(spec, state, change)}_")]
    body = _body(spec, state, change)
    if body:
        shown.append(b.text(body))
    if change is not None:
        shown += _change(change, state, approval, progress)
    elif state.state is StepState.SIMULATING:
        shown.append(b.text("Trying it dry: nothing changes yet …"))
    elif state.state is StepState.RUNNING:
        shown.append(b.text("Running …"))
    if state.output and (change is None or state.state is StepState.FAILED):
        shown.append(b.text(w.code(readable(state.output), 2400)))
    if run.state is GuideState.ACTIVE:
        row = _buttons(run, index, spec, state, change)
        if row:
            shown.append(row)
    shown.append(b.small(_foot(run, index, spec, state)))
    text = f"Step {index + 1} of {len(run.steps)}: {w.line(spec.title, 150)} ({_status(spec, state, change)})"
    return text, b.plain(shown)


def _status(spec: Step, state: StepRun, change: Change | None) -> str:
    if change is not None and change.state not in (ChangeState.PLANNED, ChangeState.ASKED, ChangeState.REFUSED):
        return {
            ChangeState.WATCHING: "done, being watched",
            ChangeState.HELPED: "✓ it helped",
            ChangeState.DID_NOT_HELP: "✕ it did not help",
            ChangeState.ROLLED_BACK: "✕ it did not help, rolled back",
            ChangeState.ROLLBACK_FAILED: "✕ not rolled back",
            ChangeState.UNKNOWN: "? unknown: a person has to look",
        }.get(change.state, str(change.state))
    mark = MARKS.get(state.state)
    if mark is None:
        return WAYS[spec.kind] if state.state is StepState.OFFERED else str(state.state)
    if state.state is StepState.DONE and state.finding:
        return f"✕ {StepState.UNEXPECTED}: {w.line(state.finding, 160)}"
    finding = f": {w.line(state.finding, 160)}" if state.finding and state.state is not StepState.SKIPPED else ""
    return f"{mark} {state.state}{finding}"


def _body(spec: Step, state: StepRun, change: Change | None) -> str:
    if state.state.over and change is None:
        return ""
    lines = []
    if spec.why:
        lines.append(f"*Why*  {w.line(spec.why, 500)}")
    if spec.run:
        lines.append(f"*{ASKS[spec.kind]}*  {w.inline(spec.run, 500)}")
    if spec.expect and spec.expect.text:
        lines.append(f"*Expected*  {w.line(spec.expect.text, 200)}")
    if spec.warning:
        lines.append(f"⚠ {w.line(spec.warning, 300)}")
    if state.state is StepState.FAILED and state.finding and change is None:
        lines.append(f"✕ {w.line(state.finding, 600)}")
    return "\n".join(lines)


def readable(output: str) -> str:
    """An output short enough for a thread: of JSON its values and the first entries of its lists, of text its ends."""
    try:
        data = json.loads(output)
    except ValueError:
        data = None
    lines = _lines(data) if isinstance(data, dict) else output.strip().splitlines()
    return shortened(lines)


def shortened(lines: Sequence[str]) -> str:
    """Lines with their middle left out when they are many, saying how many."""
    if len(lines) > MOST_LINES:
        kept = MOST_LINES // 2
        lines = [*lines[:kept], f"… {len(lines) - 2 * kept} lines …", *lines[-kept:]]
    return "\n".join(lines)


def _lines(data: Mapping[str, object]) -> list[str]:
    lines = []
    for name, value in data.items():
        if isinstance(value, list) and any(isinstance(one, dict) for one in value):
            lines.append(f"{name}: {w.plural(len(value), 'item')}")
            lines += [f"  {_flat(one)}" for one in value[:MOST_ENTRIES]]
            lines += [f"  … {len(value) - MOST_ENTRIES} more"] if len(value) > MOST_ENTRIES else []
        else:
            lines.append(f"{name}: {_flat(value)}")
    return lines


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {_flat(one)}" for name, one in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _change(
    change: Change, state: StepRun, approval: Approval | None, progress: Mapping[str, object] | None
) -> list[Block]:
    shown: list[Block] = []
    if change.state in (ChangeState.PLANNED, ChangeState.ASKED, ChangeState.REFUSED):
        shown.append(b.text(simulation(change)))
        diff = "\n".join(task.diff.strip() for task in change.plan.would_change if task.diff)
        if diff and change.state is ChangeState.PLANNED:
            shown.append(b.text(w.code(shortened(diff.splitlines()), 1500)))
    if change.state is ChangeState.ASKED and approval and approval.state is ApprovalState.WAITING:
        shown.append(
            b.text(
                f"Waiting for the role *{w.line(approval.role, 40)}* until "
                f"{w.clock(approval.expires_at)}. Asked by <@{approval.asked_by}>."
            )
        )
    if change.state is ChangeState.REFUSED:
        shown.append(b.text(f"✕ {w.line(state.finding or 'not approved', 300)}"))
    if change.state in (ChangeState.RUNNING, ChangeState.ROLLING_BACK):
        shown.append(b.text(_running(change, progress)))
    if change.state not in (ChangeState.PLANNED, ChangeState.ASKED, ChangeState.REFUSED, ChangeState.RUNNING):
        shown.append(b.text("\n".join(_told(change))))
    return shown


def simulation(change: Change) -> str:
    """What a change would do, in the words of its dry run."""
    would = change.plan.would_change
    names = w.listed([w.line(task.name, 80) for task in would], 4)
    what = f"{len(would)} would change: {names}" if would else "none would change anything"
    dry = f"{w.plural(len(change.plan.tasks), 'task')}, {what}"
    blind = (
        f". Not seen by it: {'; '.join(w.line(one, 120) for one in change.plan.blind[:4])}" if change.plan.blind else ""
    )
    callers = f" · callers: {w.listed([w.line(one, 40) for one in change.callers])}" if change.callers else ""
    down = f" · about {w.duration(change.downtime_seconds)} without answers" if change.downtime_seconds else ""
    hosts = w.listed([w.line(one, 60) for one in change.call.targets])
    back = change.back_title or f"none: {change.back_note or 'the catalogue names no way back'}"
    people = w.plural(change.approvals, "person") if change.approvals == 1 else f"{change.approvals} people"
    return "\n".join(
        [
            f"*{w.line(change.title, 200)}*",
            f"*Dry run*  {dry}{blind}",
            f"*Touches*  {w.line(change.service, 60)} on {hosts}{callers}{down}",
            f"*Way back*  {w.line(back, 200)}",
            f"*Risk*  {change.risk.score:.2f} {change.risk.word}: {w.listed(change.risk.reasons, 8)}",
            f"*Policy*  needs {people} with the role {w.line(change.requires, 40)} who is not you",
        ]
    )


def _running(change: Change, progress: Mapping[str, object] | None) -> str:
    back = change.state is ChangeState.ROLLING_BACK
    head = f"Going back: {w.line(change.back_title, 150)}" if back else f"Running: {w.line(change.title, 150)}"
    if not progress:
        return f"{head} …"
    total = f" of {progress['total']}" if progress.get("total") else ""
    return f"{head} … task {progress.get('done')}{total}  _{w.line(str(progress.get('doing', '')), 120)}_"


def _told(change: Change) -> list[str]:
    lines = []
    if change.approved_by:
        lines.append(f"approved by {' and '.join(f'<@{one}>' for one in change.approved_by)}")
    if change.result:
        lines.append(_result(change.title, change.result))
    match change.state:
        case ChangeState.WATCHING:
            now = f" So far: {w.line(change.verdict, 300)}." if change.verdict else ""
            lines.append(f"Watching for {w.duration(change.wait_seconds)} whether it helps …{now}")
        case ChangeState.HELPED:
            lines.append(f"✓ It helped: {w.line(change.verdict, 400)}")
        case ChangeState.UNKNOWN:
            lines.append(
                "Nobody saw it end. Look at the service, then say how it stands; it does not run again by itself."
            )
        case (
            ChangeState.DID_NOT_HELP | ChangeState.ROLLING_BACK | ChangeState.ROLLED_BACK | ChangeState.ROLLBACK_FAILED
        ):
            if change.verdict:
                lines.append(f"✕ It did not help: {w.line(change.verdict, 400)}")
        case _:
            pass
    if change.back_result:
        lines.append(_result(change.back_title, change.back_result))
    if change.state is ChangeState.ROLLED_BACK:
        lines.append("✓ Verified: a dry run of the way back finds nothing left to do.")
    if change.state is ChangeState.ROLLBACK_FAILED:
        lines.append("✕ *The way back did not work.* A person has to look now.")
    return lines


def _result(title: str, result: RunResult) -> str:
    changed = sum(task.status == "changed" for task in result.tasks)
    failed = [task for task in result.tasks if task.status in ("failed", "unreachable")]
    if failed:
        words = (
            f"failed at “{w.line(failed[0].name, 100)}” on {w.line(failed[0].host, 60)}: "
            f"{w.line(failed[0].output, 300)}"
        )
    else:
        what = f"{w.plural(changed, 'task')} changed something" if changed else "nothing was changed"
        words = f"{result.state} in {w.duration(result.seconds)}, {what}"
        words += f" ({w.line(result.reason, 200)})" if result.reason else ""
    return f"{w.line(title, 150)}: {words}"


def _buttons(run: GuideRun, index: int, spec: Step, state: StepRun, change: Change | None) -> Block | None:
    value = f"{run.id}:{index}"
    ask_help = b.button("Ask for help", "step:help", value)
    skip = b.button("Skip", "step:skip", value)
    done = b.button("Mark done", "step:done", value)
    changing = spec.kind == "action"
    if change is not None and change.state in (ChangeState.RUNNING, ChangeState.ROLLING_BACK):
        sure = "What has run so far stays as it is; nothing is rolled back by itself."
        return b.actions(b.button("Stop it", "step:stop", value, style="danger", confirm=sure, yes="Stop it"), ask_help)
    if change is not None and change.state is ChangeState.UNKNOWN:
        back = b.button(
            "Roll it back", "change:back", value, style="danger", confirm=change.back_title, yes="Roll it back"
        )
        return b.actions(
            b.button("It worked: check it", "change:worked", value, style="primary"),
            b.button("It failed", "change:failed", value),
            back if change.back else None,
            ask_help,
        )
    match state.state:
        case StepState.OFFERED if spec.kind == "manual":
            return b.actions(b.button("Mark done", "step:done", value, style="primary"), skip, ask_help)
        case StepState.OFFERED:
            label = "Run with approval" if changing else "Run"
            return b.actions(b.button(label, "step:run", value, style="primary"), skip, done, ask_help)
        case StepState.PLANNED:
            return b.actions(
                b.button("Ask for approval", "step:ask", value, style="primary"),
                b.button("Try dry again", "step:run", value),
                skip,
                done,
                ask_help,
            )
        case StepState.UNEXPECTED | StepState.FAILED:
            label = "Try dry again" if changing else "Run again"
            go_on = b.button("Go on", "step:done", value, style="primary") if not changing else done
            return b.actions(go_on, b.button(label, "step:run", value) if not _used(change) else None, skip, ask_help)
        case StepState.APPROVING:
            return b.actions(ask_help)
        case _:
            return None


def _used(change: Change | None) -> bool:
    return change is not None and change.state in (
        ChangeState.DID_NOT_HELP,
        ChangeState.ROLLED_BACK,
        ChangeState.ROLLBACK_FAILED,
    )


def _foot(run: GuideRun, index: int, spec: Step, state: StepRun) -> str:
    parts = []
    if state.by and state.at and state.state not in (StepState.OFFERED, StepState.WAITING):
        done = "gone on from" if state.finding else "marked done"
        verb = {StepState.SKIPPED: "skipped", StepState.DONE: done}.get(state.state, "pressed")
        took = f", took {w.duration(state.seconds)}" if state.seconds is not None else ""
        parts.append(f"{verb} by <@{state.by}> at {w.clock(state.at)}{took}")
    where = f" for {w.line(spec.on, 60)}" if spec.on else ""
    source = w.line(run.guide.runbook or run.guide.source or run.guide.name, 120)
    parts.append(f"guide “{w.line(run.guide.title, 100)}” {run.guide.version}{where}, from {source}")
    if index == 0:
        parts.append(w.line(run.chosen_because, 150))
    return " · ".join(parts)


def under_way(run: GuideRun, index: int, link: str) -> str:
    """Where the guide that is under way stands."""
    name = f"Step {index + 1} of {len(run.steps)}"
    return (
        f"“{w.line(run.guide.title)}” is under way, started by <@{run.started_by}>. "
        f"{f'<{link}|{name}>' if link else name} is next."
    )


def no_guide(incident: Incident, report: CauseReport | None, command: str) -> str:
    """Why there is nothing to start, and what to do instead."""
    book = (
        f" The nearest runbook is “{report.runbook.title} › {report.runbook.heading}” ({report.runbook.path})."
        if report and report.runbook
        else ""
    )
    return (
        f"No guide fits {incident.name} yet.{book} `{command} ask` answers from the runbooks; "
        "a guide is one YAML file in the configuration's guides folder."
    )


def call_for_help(  # who, whom, and what was done
    incident: Incident, run: GuideRun, index: int, changes: Sequence[Change], people: Sequence[str], by: str, role: str
) -> str:
    """Calling the next role with what was done so far."""
    called = " ".join(f"<@{one}>" for one in people) or f"Nobody else has the role {role}."
    done = [
        f"{i + 1}. {w.line(run.shown.steps[i].title, 80)}: {s.state}{_found(s)}"
        for i, s in enumerate(run.steps)
        if s.state is not StepState.WAITING
    ]
    return (
        f"{called}  <@{by}> asks for help with {incident.name} at step {index + 1}.\nSo far:\n"
        + "\n".join(done)
        + f"\nChanges: {tried(changes)}"
    )


def _found(state: StepRun) -> str:
    return f" ({w.line(state.finding, 100)})" if state.finding else ""


def escalation(
    incident: Incident, change: Change, what: str, words: str, people: Sequence[str], role: str
) -> str:  # as above
    """Calling a person after a change that did not go well."""
    called = " ".join(f"<@{one}>" for one in people) or f"Nobody has the role {role}, so I can call no one."
    return (
        f"✕ {w.line(change.title, 150)}: {w.line(words, 500)}.\n{called}  {incident.name} needs you. Tried: "
        f"{w.line(what, 1200)}"
    )


def lost(change: Change, incident: Incident) -> str:
    """A run that nobody saw end."""
    known = "It recorded nothing."
    if change.result and change.result.tasks:
        known = f"Its own record says: {_result(change.title, change.result)}."
    return (
        f"? Fettle was restarted while “{w.line(change.title, 150)}” ran for {incident.name}, so its end "
        f"was not seen. {known} "
        "It will not run again by itself: look, then press one of the buttons on the step."
    )


def resolved(incident: Incident, change: Change, words: str) -> str:
    """The summary when a change resolved the incident."""
    closed = incident.closed_at or incident.touched_at
    took = w.duration((closed - incident.started_at).total_seconds())
    return (
        f"✓ It helped: {w.line(words, 400)}. {incident.name} resolved after {took}.\nFixed by: "
        f"{w.line(change.title, 150)}, approved by {' and '.join(f'<@{one}>' for one in change.approved_by)}."
    )
