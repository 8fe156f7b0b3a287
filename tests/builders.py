"""Things of the domain for tests, each made with as little as a test has to say about it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from bot.domain.action import Action, Parameter, Rollback, Verify, Watch
from bot.domain.approval import Approval, ApprovalState
from bot.domain.catalogue import Catalogue, Indicator, Service
from bot.domain.cause import CauseKind
from bot.domain.change import Change, ChangeState, Reading, Risk
from bot.domain.evidence import Series
from bot.domain.grouping import Place, Placement, opened
from bot.domain.guide import Expect, Guide, GuideRun, Step, start
from bot.domain.incident import Incident
from bot.domain.policy import Actor
from bot.domain.run import Call, Plan, Task
from bot.domain.signal import Severity, Signal, SignalKind, Status, alert_id

NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)
LEAST_ROLE = frozenset({"responder"})


def at(minutes: float = 0.0) -> datetime:
    """So many minutes after ``NOW``."""
    return NOW + timedelta(minutes=minutes)


def alert(name: str = "HighLatency", service: str = "payment", minutes: float = 0.0) -> Signal:
    """A firing alert; the same name on the same service is the same alert."""
    when, fingerprint = at(minutes), f"{name}/{service}"
    return Signal(
        id=alert_id("alertmanager", fingerprint, Status.FIRING, when),
        kind=SignalKind.ALERT,
        source="alertmanager",
        service=service,
        name=name,
        status=Status.FIRING,
        severity=Severity.WARNING,
        fingerprint=fingerprint,
        started_at=when,
        at=when,
        received_at=when,
        request_id=f"r-{minutes:g}",
        summary=f"{name} of {service}",
    )


def cleared(one: Signal, minutes: float) -> Signal:
    """The same alert, resolved."""
    when = at(minutes)
    digest = alert_id(one.source, one.fingerprint, Status.RESOLVED, when)
    return replace(one, id=digest, status=Status.RESOLVED, at=when, received_at=when)


def deploy(service: str = "payment", minutes: float = -5.0, version: str = "2.8.0", previous: str = "2.7.3") -> Signal:
    """A deploy that happened."""
    facts = {"version": version, "previous": previous}
    return replace(
        alert("deploy", service, minutes),
        id=f"deploy-{service}-{version}",
        kind=SignalKind.CHANGE,
        status=Status.HAPPENED,
        severity=Severity.INFO,
        summary=f"deploy {service} {version}",
        facts=facts,
    )


def incident(number: int = 1, service: str = "payment", minutes: float = 0.0) -> Incident:
    """An open incident with one firing alert."""
    placed = Placement(Place.NEW, "no open incident")
    made, _, _ = opened(alert(service=service, minutes=minutes), number, "C1", placed, at(minutes))
    return made


def person(name: str = "ada", roles: frozenset[str] = LEAST_ROLE, *, is_bot: bool = False) -> Actor:
    """Somebody."""
    return Actor(f"U-{name}", name, is_bot, roles)


def action(name: str = "restart_service") -> Action:
    """An action on a service, with one parameter and a way back."""
    return Action(
        name=name,
        version=1,
        title="Restart {service}",
        runner="ansible",
        targets={"service": "{service}"},
        playbook=f"{name}.yml",
        parameters={"service": Parameter("string")},
        rollback=Rollback(name, {"service": "{service}"}),
        verify=Verify(60.0, (Watch("errors"),)),
    )


def plan(*changed: str, ok: bool = True) -> Plan:
    """A dry run that would change so many things."""
    return Plan(ok, tuple(Task(name, "pay-1", "changed", 0.1) for name in changed), (), 0.5)


def change(state: ChangeState = ChangeState.PLANNED) -> Change:
    """A use of ``restart_service`` on payment."""
    call = Call("ansible", {"playbook": "restart_service.yml"}, {"service": "payment"}, ("pay-1",))
    return Change(
        id="c1",
        version=0,
        state=state,
        incident=1,
        guide_run="g1",
        step=0,
        action="restart_service",
        action_version=1,
        title="Restart payment",
        service="payment",
        parameters={"service": "payment"},
        call=call,
        plan=plan("restart"),
        digest="d" * 64,
        risk=Risk(0.2, ("never done here before",)),
        callers=("shop",),
        asked_by="U-ada",
        planned_at=NOW,
        back=call,
    )


def approval(needed: int = 1) -> Approval:
    """A waiting approval of ``change()``, asked for by ada, open for fifteen minutes."""
    return Approval(
        id="a1",
        version=0,
        state=ApprovalState.WAITING,
        incident=1,
        change="c1",
        digest="d" * 64,
        role="approver",
        needed=needed,
        asked_by="U-ada",
        asked_at=NOW,
        expires_at=at(15),
    )


def step(title: str = "Look", run: str = "up", expect: Expect | None = None) -> Step:
    """A reading step."""
    return Step(title, "promql", run=run, expect=expect)


def guide(*steps: Step) -> Guide:
    """A guide of payment with these steps, two when none are given."""
    return Guide("payment_pool", 1, "Payments fail", "payment", steps or (step(), step("Look again")))


def guide_run(*steps: Step) -> GuideRun:
    """A guide that has just been started."""
    return start("g1", guide(*steps), 1, "U-ada", NOW, "chosen by hand")[0]


def indicator(
    name: str = "errors",
    kind: CauseKind = CauseKind.ERRORS,
    role: Literal["symptom", "resource"] = "symptom",
    limit: float | None = None,
    bad: Literal["high", "low"] = "high",
) -> Indicator:
    """An indicator whose title is its name."""
    return Indicator(name, f"{name}_total", kind, role, title=name, limit=limit, bad=bad)


def catalogue(calls: dict[str, tuple[str, ...]], *indicators: Indicator) -> Catalogue:
    """Services by whom they call; each has one host and these indicators."""
    names = dict.fromkeys([*calls, *(callee for callees in calls.values() for callee in callees)])
    return Catalogue(
        {name: Service(name, calls=calls.get(name, ()), hosts=(f"{name}-1",), indicators=indicators) for name in names},
        {f"{name}-1": {"ansible_host": "127.0.0.1", "dir": f"/srv/{name}"} for name in names},
    )


def series(values: Sequence[float], begins: float = -30.0, every: float = 1.0) -> Series:
    """Samples, one each ``every`` minutes, the first one ``begins`` minutes after ``NOW``."""
    return Series((), tuple((at(begins + place * every), float(value)) for place, value in enumerate(values)))


def reading(
    value: float | None, name: str = "errors", service: str = "payment", better: Literal["lower", "higher"] = "lower"
) -> Reading:
    """An indicator at one moment."""
    return Reading(service, name, better, value, "ratio" if name == "errors" else "")
