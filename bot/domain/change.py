"""A change: one use of an action of the catalogue, from its dry run to the verdict whether it helped."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.domain.action import Value
from bot.domain.journal import Entry
from bot.domain.run import Call, Plan, RunResult
from bot.errors import IllegalTransition


class ChangeState(StrEnum):
    """Where a change stands. ``UNKNOWN``: it was begun and nobody saw it end; it never runs again by itself."""

    PLANNED = "planned"
    ASKED = "waiting for approval"
    REFUSED = "refused"
    RUNNING = "running"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    WATCHING = "being watched"
    HELPED = "helped"
    DID_NOT_HELP = "did not help"
    ROLLING_BACK = "being rolled back"
    ROLLED_BACK = "rolled back"
    ROLLBACK_FAILED = "not rolled back"


class ChangeMove(StrEnum):
    """What can happen to a change."""

    ASK = "ask for approval of"
    REFUSE = "refuse"
    START = "start"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"
    LOSE = "lose sight of"
    HELP = "judge as helpful"
    NOT_HELP = "judge as no help"
    ROLL_BACK = "roll back"
    BACK = "see rolled back"
    NOT_BACK = "fail to roll back"


C = ChangeState
CHANGE_TRANSITIONS: Mapping[tuple[ChangeState, ChangeMove], ChangeState] = {
    (C.PLANNED, ChangeMove.ASK): C.ASKED,
    (C.PLANNED, ChangeMove.REFUSE): C.REFUSED,
    (C.ASKED, ChangeMove.REFUSE): C.REFUSED,
    (C.ASKED, ChangeMove.START): C.RUNNING,
    (C.RUNNING, ChangeMove.FINISH): C.WATCHING,
    (C.RUNNING, ChangeMove.FAIL): C.FAILED,
    (C.RUNNING, ChangeMove.CANCEL): C.CANCELLED,
    (C.RUNNING, ChangeMove.LOSE): C.UNKNOWN,
    (C.UNKNOWN, ChangeMove.FINISH): C.WATCHING,
    (C.UNKNOWN, ChangeMove.FAIL): C.FAILED,
    (C.UNKNOWN, ChangeMove.ROLL_BACK): C.ROLLING_BACK,
    (C.WATCHING, ChangeMove.HELP): C.HELPED,
    (C.WATCHING, ChangeMove.NOT_HELP): C.DID_NOT_HELP,
    (C.DID_NOT_HELP, ChangeMove.ROLL_BACK): C.ROLLING_BACK,
    (C.FAILED, ChangeMove.ROLL_BACK): C.ROLLING_BACK,
    (C.CANCELLED, ChangeMove.ROLL_BACK): C.ROLLING_BACK,
    (C.ROLLING_BACK, ChangeMove.BACK): C.ROLLED_BACK,
    (C.ROLLING_BACK, ChangeMove.NOT_BACK): C.ROLLBACK_FAILED,
    (C.ROLLING_BACK, ChangeMove.LOSE): C.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Risk:
    """How risky a change is, 0–1, with its reasons in words."""

    score: float
    reasons: tuple[str, ...]

    @property
    def word(self) -> str:
        """low, medium or high."""
        return "low" if self.score < 0.3 else "medium" if self.score < 0.6 else "high"  # noqa: PLR2004  # thirds


@dataclass(frozen=True, slots=True)
class Reading:
    """An indicator at one moment, in its own unit. ``value`` is None when it could not be read."""

    service: str
    indicator: str
    better: str
    value: float | None
    unit: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One use of an action. ``digest`` binds an approval to exactly this.

    ``back`` is the call that undoes it, None where there is no way back; ``before`` are the readings taken when it was
    started, ``after`` those that it was judged by.
    """

    id: str
    version: int
    state: ChangeState
    incident: int
    guide_run: str
    step: int
    action: str
    action_version: int
    title: str
    service: str
    parameters: Mapping[str, Value]
    call: Call
    plan: Plan
    digest: str
    risk: Risk
    callers: tuple[str, ...]
    asked_by: str
    planned_at: datetime
    back: Call | None = None
    back_title: str = ""
    back_note: str = ""
    requires: str = "approver"
    approvals: int = 1
    downtime_seconds: float = 0.0
    wait_seconds: float = 120.0
    approval: str = ""
    approved_by: tuple[str, ...] = ()
    started_at: datetime | None = None
    result: RunResult | None = None
    back_result: RunResult | None = None
    before: tuple[Reading, ...] = ()
    after: tuple[Reading, ...] = ()
    judged_at: datetime | None = None
    verdict: str = ""

    @property
    def thing(self) -> str:
        """Its name in the journal."""
        return f"change:{self.id}"

    @property
    def run_id(self) -> str:
        """The name of its run at the runner."""
        return f"{self.id}-run"

    @property
    def back_id(self) -> str:
        """The name of its rollback's run at the runner."""
        return f"{self.id}-back"


def advance(change: Change, move: ChangeMove, *, by: str, now: datetime, reason: str = "") -> tuple[Change, Entry]:
    """Move a change on, by the table. Raises ``IllegalTransition`` in words for a person."""
    after = CHANGE_TRANSITIONS.get((change.state, move))
    if after is None:
        raise IllegalTransition(f"“{change.title}” is {change.state}, so nobody can {move} it now.")
    moved = replace(change, state=after)
    if move is ChangeMove.START:
        moved = replace(moved, started_at=now)
    detail = {"action": f"{change.action} {change.action_version}", "digest": change.digest}
    return moved, Entry(change.thing, move.name.lower(), by, change.state, after, reason, change.incident, detail)
