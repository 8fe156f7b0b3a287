"""A guide and its progress in one incident: steps, what is expected of each, and who did what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from bot.domain.journal import Entry
from bot.errors import IllegalTransition


@dataclass(frozen=True, slots=True)
class Expect:
    """What a step's output should be. ``path`` picks the value (``$.a.b``, or a column); all given tests must hold."""

    text: str = ""
    path: str = ""
    below: float | None = None
    above: float | None = None
    equals: str | float | None = None
    matches: str = ""
    exit_status: int | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what and why, what to run and on which service, what is expected. ``kind`` says what ``run`` is."""

    title: str
    kind: Literal["http", "command", "promql", "action", "manual"]
    why: str = ""
    run: str = ""
    on: str = ""
    action: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    expect: Expect | None = None
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """A written way through a kind of incident, from a file of the configuration."""

    name: str
    version: int
    title: str
    service: str
    steps: tuple[Step, ...]
    cause_kinds: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    runbook: str = ""
    source: str = ""


class StepState(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    OFFERED = "offered"
    RUNNING = "running"
    AS_EXPECTED = "as expected"
    UNEXPECTED = "not as expected"
    FAILED = "failed"
    SIMULATING = "simulating"
    PLANNED = "planned"
    APPROVING = "waiting for approval"
    SKIPPED = "skipped"
    DONE = "marked done"
    UNKNOWN = "unknown"

    @property
    def over(self) -> bool:
        """Nothing more happens to it by itself, and the next step can begin."""
        return self in OVER


LONGEST_SHOWN = 120
OVER = frozenset({StepState.AS_EXPECTED, StepState.SKIPPED, StepState.DONE})


class StepMove(StrEnum):
    """What can be done to a step."""

    RUN = "run"
    PASS = "find as expected"  # noqa: S105  # passing a check is no password
    MISS = "find not as expected"
    FAIL = "fail"
    SKIP = "skip"
    MARK_DONE = "mark done"
    SIMULATE = "simulate"
    PLAN = "show the simulation of"
    ASK = "ask for approval of"
    REFUSE = "reject"
    LOSE = "lose sight of"


A = StepState
STEP_TRANSITIONS: Mapping[tuple[StepState, StepMove], StepState] = {
    (A.OFFERED, StepMove.RUN): A.RUNNING,
    (A.UNEXPECTED, StepMove.RUN): A.RUNNING,
    (A.FAILED, StepMove.RUN): A.RUNNING,
    (A.APPROVING, StepMove.RUN): A.RUNNING,
    (A.RUNNING, StepMove.PASS): A.AS_EXPECTED,
    (A.RUNNING, StepMove.MISS): A.UNEXPECTED,
    (A.RUNNING, StepMove.FAIL): A.FAILED,
    (A.RUNNING, StepMove.LOSE): A.UNKNOWN,
    (A.OFFERED, StepMove.SIMULATE): A.SIMULATING,
    (A.FAILED, StepMove.SIMULATE): A.SIMULATING,
    (A.PLANNED, StepMove.SIMULATE): A.SIMULATING,
    (A.SIMULATING, StepMove.PLAN): A.PLANNED,
    (A.SIMULATING, StepMove.FAIL): A.FAILED,
    (A.PLANNED, StepMove.ASK): A.APPROVING,
    (A.APPROVING, StepMove.REFUSE): A.FAILED,
    (A.OFFERED, StepMove.SKIP): A.SKIPPED,
    (A.UNEXPECTED, StepMove.SKIP): A.SKIPPED,
    (A.FAILED, StepMove.SKIP): A.SKIPPED,
    (A.PLANNED, StepMove.SKIP): A.SKIPPED,
    (A.OFFERED, StepMove.MARK_DONE): A.DONE,
    (A.UNEXPECTED, StepMove.MARK_DONE): A.DONE,
    (A.FAILED, StepMove.MARK_DONE): A.DONE,
    (A.PLANNED, StepMove.MARK_DONE): A.DONE,
    (A.UNKNOWN, StepMove.MARK_DONE): A.DONE,
    (A.UNKNOWN, StepMove.FAIL): A.FAILED,
    (A.UNKNOWN, StepMove.PASS): A.AS_EXPECTED,
}


@dataclass(frozen=True, slots=True)
class StepRun:
    """A step's progress. ``output`` is capped; ``finding`` says how the output compares with what is expected."""

    state: StepState = StepState.WAITING
    by: str = ""
    at: datetime | None = None
    seconds: float | None = None
    output: str = ""
    finding: str = ""
    change: str = ""


class GuideState(StrEnum):
    """Where a guide's run stands."""

    ACTIVE = "active"
    FINISHED = "finished"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class GuideRun:
    """A guide as it is walked through in one incident.

    ``guide`` is the guide as it was when it was started, and what is carried out. ``told`` is the same with the facts
    of that moment in its texts, for showing it.
    """

    id: str
    version: int
    state: GuideState
    incident: int
    guide: Guide
    steps: tuple[StepRun, ...]
    started_by: str
    started_at: datetime
    chosen_because: str = ""
    told: Guide | None = None

    @property
    def shown(self) -> Guide:
        """The guide for people to read."""
        return self.told or self.guide

    @property
    def thing(self) -> str:
        """Its name in the journal."""
        return f"guide:{self.id}"

    @property
    def current(self) -> int | None:
        """The index of the first step that is not over, or None after the last."""
        return next((i for i, step in enumerate(self.steps) if not step.state.over), None)


def start(
    run_id: str, guide: Guide, incident: int, by: str, now: datetime, because: str, told: Guide | None = None
) -> tuple[GuideRun, Entry]:
    """Begin a guide: its first step is offered."""
    steps = tuple(StepRun(StepState.OFFERED if i == 0 else StepState.WAITING) for i in range(len(guide.steps)))
    run = GuideRun(run_id, 0, GuideState.ACTIVE, incident, guide, steps, by, now, because, told)
    return run, Entry(
        run.thing, "start", by, "", run.state, because, incident, {"guide": guide.name, "version": guide.version}
    )


def advance(  # noqa: PLR0913  # the particulars of one press, all by name
    run: GuideRun,
    index: int,
    move: StepMove,
    *,
    by: str,
    now: datetime,
    reason: str = "",
    output: str | None = None,
    finding: str = "",
    seconds: float | None = None,
    change: str | None = None,
) -> tuple[GuideRun, Entry]:
    """Move one step on, by the table; when it is over, the next one is offered, and after the last the guide ends.

    Raises ``IllegalTransition`` in words for a person: somebody was faster, or the step is not due yet.
    """
    step = run.steps[index]
    after = STEP_TRANSITIONS.get((step.state, move))
    if run.state is not GuideState.ACTIVE:
        raise IllegalTransition(f"This guide is {run.state}; its steps can no longer be used.")
    if after is None:
        raise IllegalTransition(_why_not(run, index, move))
    changed = replace(
        step,
        state=after,
        by=by,
        at=now,
        finding=finding,
        seconds=seconds,
        output=step.output if output is None else output,
        change=step.change if change is None else change,
    )
    steps = list(run.steps)
    steps[index] = changed
    state: GuideState = run.state
    if after.over:
        if index + 1 < len(steps):
            if steps[index + 1].state is StepState.WAITING:
                steps[index + 1] = StepRun(StepState.OFFERED)
        else:
            state = GuideState.FINISHED
    entry = Entry(
        f"{run.thing}:step:{index + 1}",
        move.name.lower(),
        by,
        step.state,
        after,
        reason or finding,
        run.incident,
        {"title": run.shown.steps[index].title, "change": changed.change},
    )
    return replace(run, steps=tuple(steps), state=state), entry


def _why_not(run: GuideRun, index: int, move: StepMove) -> str:
    step, number = run.steps[index], index + 1
    if step.state is StepState.WAITING:
        return f"Step {number} is not due yet: step {(run.current or 0) + 1} comes first."
    if step.state in (StepState.RUNNING, StepState.SIMULATING):
        return f"<@{step.by}> was faster: step {number} is already {step.state}."
    if step.by and step.state is not StepState.OFFERED:
        return f"Step {number} is {step.state} (<@{step.by}>), so nobody can {move} it now."
    return f"Step {number} is {step.state}, so nobody can {move} it now."


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether an output is as expected, in words. ``held`` is None where nothing was expected."""

    held: bool | None
    text: str


def check(expect: Expect | None, output: str, value: object, exit_status: int | None) -> Finding:
    """Compare a step's output with what is expected of it.

    ``value`` is what ``expect.path`` picked from a structured output, or the metric's value; None when there is none.
    """
    if expect is None:
        return Finding(None, "nothing particular was expected")
    if expect.exit_status is not None and exit_status != expect.exit_status:
        ended = "no exit status" if exit_status is None else f"exit status {exit_status}"
        return Finding(False, f"{ended} (expected {expect.exit_status})")
    if expect.matches and not re.search(expect.matches, output):
        return Finding(False, f"the output does not contain “{expect.matches}”")
    wanted = _wanted(expect)
    if not wanted:
        return Finding(True, expect.text or "as expected")
    if value is None:
        return Finding(False, f"no value{f' at {expect.path}' if expect.path else ''} to compare")
    shown = f"{_shown(value)} {expect.unit}".strip()
    number = _number(value)
    if number is None and (expect.below is not None or expect.above is not None):
        return Finding(False, f"{shown} is not a number (expected {wanted})")
    held = (
        (expect.below is None or (number is not None and number < expect.below))
        and (expect.above is None or (number is not None and number > expect.above))
        and (expect.equals is None or _same(value, expect.equals))
    )
    return Finding(held, shown if held else f"{shown} (expected {wanted})")


def _wanted(expect: Expect) -> str:
    """What the value should be, in words; empty where no value is compared."""
    words = [f"above {_shown(expect.above)}"] if expect.above is not None else []
    words += [f"below {_shown(expect.below)}"] if expect.below is not None else []
    words += [_shown(expect.equals)] if expect.equals is not None else []
    return " and ".join(words)


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    # float() also takes what nobody writes as a number: 1_000, nan, infinity.
    plain = re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", str(value))
    return float(plain[0]) if plain else None


def _same(value: object, expected: str | float) -> bool:
    """Equal as numbers when one of them is a number; two texts are compared as texts, as 1.10 is another release."""
    if isinstance(value, str) and isinstance(expected, str):
        return value == expected
    left, right = _number(value), _number(expected)
    return left == right if left is not None and right is not None else _plain(value) == _plain(expected)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.4g}"  # noqa: PLR2004  # exact so far
    text = " ".join(_plain(value).split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"
