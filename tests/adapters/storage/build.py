"""Things to store, each with everything that it can have."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.approval import Approval, ApprovalState, Vote
from bot.domain.cause import CauseReport, Verdict
from bot.domain.change import Change, ChangeState, Reading, Risk
from bot.domain.grouping import Place, Placement, opened
from bot.domain.incident import Alert, Incident, IncidentState
from bot.domain.journal import Entry
from bot.domain.run import Call, Plan, RunResult, RunState, Task
from bot.domain.signal import Severity, Signal, SignalKind, Status
from bot.domain.troubleshooting import Session
from bot.domain.unanswered import Asked, Unanswered, gap_id
from storage.store import Storage

NOW = datetime(2026, 3, 1, 9, 30, 15, 123456, tzinfo=UTC)
KEY = b"a key for tests, 32 bytes or more"


async def undone(storage: Storage, work: Callable[[AsyncSession], Awaitable[object]]) -> None:
    """Do the work in a session that fails afterwards."""
    async with storage.begin() as session:
        await work(session)
        raise ZeroDivisionError


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def signal(name: str = "one", service: str = "checkout", seconds: float = 0.0) -> Signal:
    return Signal(
        id=f"signal-{name}",
        kind=SignalKind.ALERT,
        source="alertmanager",
        service=service,
        name="HighLatency",
        status=Status.FIRING,
        severity=Severity.CRITICAL,
        fingerprint=f"print-{name}",
        started_at=after(seconds),
        at=after(seconds),
        received_at=after(seconds),
        request_id="request-1",
        labels={"zone": "eu"},
    )


def deployed(name: str, service: str, seconds: float) -> Signal:
    made = signal(name, service, seconds)
    return replace(made, kind=SignalKind.CHANGE, status=Status.HAPPENED, name="deploy", facts={"version": "7"})


def incident(number: int = 1, name: str = "one", service: str = "checkout") -> tuple[Incident, Alert, Entry]:
    made, alert, entry = opened(signal(name, service), number, "C1", Placement(Place.NEW, "no open incident"), NOW)
    return made, alert, entry


def closed(one: Incident, seconds: float = 60.0) -> Incident:
    return replace(one, state=IncidentState.RESOLVED, closed_at=after(seconds), closed_by="U1")


def change(name: str = "c1", number: int = 1, seconds: float = 0.0) -> Change:
    call = Call(
        "ansible", {"playbook": "roll.yml"}, {"version": "6", "wait": 3, "force": True, "share": 0.5}, ("web-1",)
    )
    task = Task("restart", "web-1", "changed", 0.25, "", "- 7\n+ 6")
    return Change(
        id=name,
        version=0,
        state=ChangeState.WATCHING,
        incident=number,
        guide_run="g1",
        step=2,
        action="rollback_deploy",
        action_version=3,
        title="Roll checkout back",
        service="checkout",
        parameters={"version": "6", "wait": 3, "force": True, "share": 0.5},
        call=call,
        plan=Plan(True, (task,), ("a command",), 1.5),
        digest="d" * 64,
        risk=Risk(0.4, ("one caller",)),
        callers=("shop",),
        asked_by="U1",
        planned_at=after(seconds),
        back=call,
        result=RunResult(RunState.SUCCEEDED, (task,), 2.0, "done", 0),
        before=(
            Reading("checkout", "latency", "lower", 812.5, "ms", "q"),
            Reading("checkout", "errors", "lower", None),
        ),
    )


def approval(name: str = "a1", seconds: float = 900.0) -> Approval:
    state = ApprovalState.WAITING
    votes = (Vote("U2", True, NOW, "fine"),)
    return Approval(name, 0, state, 1, "c1", "d" * 64, "approver", 2, "U1", NOW, after(seconds), votes)


def session(name: str = "T-1", by: str = "U1", seconds: float = 0.0) -> Session:
    report = CauseReport(Verdict.UNSURE, (), (), (), None, (), None, (), NOW, 0.5, missing=("traces",))
    pages = ("runbooks/shop.md#pool",)
    return Session(name, 0, by, NOW, after(seconds), "checkout", ("Traceback \u2026",), report, pages)


def gap(
    text: str = "How is the pool resized?", seconds: float = 0.0, times: int = 1, closed_by: str = ""
) -> Unanswered:
    return Unanswered(
        id=gap_id(Asked.QUESTION, text),
        version=0,
        kind=Asked.QUESTION,
        text=text,
        service="checkout",
        owner="team-shop",
        nearest="runbooks/shop.md",
        times=times,
        first_at=NOW,
        last_at=after(seconds),
        closed_by=closed_by,
    )
