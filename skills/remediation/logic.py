"""Which guide fits, what a change would do, how risky it is, and whether it helped. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from bot.domain import wording as w
from bot.domain.action import FACT, Action, Parameter, Value, bind, fill
from bot.domain.catalogue import Catalogue, Indicator
from bot.domain.cause import CauseReport
from bot.domain.change import Change, ChangeState, Reading, Risk
from bot.domain.evidence import Series
from bot.domain.guide import Guide, Step
from bot.domain.run import Call, Plan
from bot.domain.signal import Signal
from bot.errors import Refused

PRODUCTION = "production"
FAILED_TWICE = 2
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
MOST_CHECKS = 5
BETTER_BY_HALF = 0.5
WORSE_BY_TENTH = 0.1
DID_NOT_HOLD = frozenset(
    {ChangeState.FAILED, ChangeState.DID_NOT_HELP, ChangeState.ROLLED_BACK, ChangeState.ROLLBACK_FAILED}
)


def choose(
    guides: Sequence[Guide], report: CauseReport | None, services: Sequence[str], alerts: Sequence[str]
) -> tuple[Guide, str] | None:
    """The guide that fits, and why: for the likely cause's kind on its service, for the alert, for a weak idea."""
    best = report.best if report else None
    ideas = report.hypotheses[:1] if report and best is None else ()
    if best:
        sure = w.percent(best.confidence)
        for guide in guides:
            if guide.service == best.service and best.kind in guide.cause_kinds:
                return guide, f"written for {best.kind} trouble of {best.service}, the likeliest cause ({sure})"
    for guide in guides:
        shared = [alert for alert in alerts if alert in guide.alerts]
        if shared:
            return guide, f"written for the alert {shared[0]}"
    for idea in ideas:
        for guide in guides:
            if guide.service == idea.service and idea.kind in guide.cause_kinds:
                return guide, f"written for {idea.kind} trouble of {idea.service}, a weak idea only"
    for guide in guides:
        if guide.service in services and not guide.cause_kinds and not guide.alerts:
            return guide, f"the general guide of {guide.service}"
    return None


DEPLOYED = frozenset({"deploy", "release"})


def facts_of(service: str, changes: Sequence[Signal], catalogue: Catalogue) -> dict[str, Value]:
    """What a guide's texts may refer to: the service, its newest deploy and flag, its first host's variables."""
    facts: dict[str, Value] = {"service": service}
    flag = next((one for one in changes if one.service == service and one.name == "flag"), None)
    if flag is not None:
        facts["flag.name"] = flag.facts.get("flag", "") or flag.labels.get("flag", "") or flag.summary
        facts["flag.state"] = flag.facts.get("version", "")
        facts["flag.previous"] = flag.facts.get("previous", "")
    for change in changes:
        if change.service == service and change.name in DEPLOYED and change.facts.get("version"):
            facts["deploy.version"] = change.facts["version"]
            facts["deploy.previous"] = change.facts.get("previous", "")
            facts["from"] = change.facts["version"]
            break
    known = catalogue.services.get(service)
    for host in known.hosts[:1] if known else ():
        facts["host"] = host
        facts.update({f"host.{name}": value for name, value in catalogue.hosts.get(host, {}).items()})
    return facts


def told(guide: Guide, facts: Mapping[str, Mapping[str, Value]]) -> Guide:
    """The guide as a person reads it: its steps' texts with the facts of each step's service in them.

    A fact that is not known is said to be so. What is carried out is filled in from the guide itself, where a missing
    fact is a refusal.
    """

    def filled(step: Step) -> Step:
        known = facts.get(step.on or guide.service, {})

        def text(template: str) -> str:
            return FACT.sub(lambda name: str(known.get(name[1]) or f"({name[1]}: not known)"), template)

        return replace(step, title=text(step.title), why=text(step.why), run=text(step.run), warning=text(step.warning))

    return replace(guide, steps=tuple(filled(step) for step in guide.steps))


@dataclass(frozen=True, slots=True)
class Bound:
    """An action with its parameters filled in: ready to be tried dry."""

    action: Action
    title: str
    parameters: Mapping[str, Value]
    service: str
    call: Call


def bound(action: Action, given: Mapping[str, Value | str], facts: Mapping[str, Value], catalogue: Catalogue) -> Bound:
    """Fill in and check the parameters, and find the hosts. Raises ``Refused`` naming what does not fit."""
    filled = {
        name: _typed(action.parameters[name], fill(value, facts))
        if isinstance(value, str) and name in action.parameters
        else value
        for name, value in given.items()
    }
    parameters = bind(action, filled)
    known = {**facts, **parameters}
    service = fill(action.targets.get("service", "{service}"), known)
    if service not in catalogue.services:
        raise Refused(f"{action.name} aims at the service {service}, which the catalogue does not have.")
    hosts = catalogue.services[service].hosts
    if not hosts:
        raise Refused(f"{action.name} needs hosts, and the catalogue lists none for {service}.")
    call = Call(
        runner=action.runner,
        spec={"playbook": action.playbook},
        parameters=parameters,
        targets=hosts,
        hosts={host: dict(catalogue.hosts.get(host, {})) for host in hosts},
        secrets=action.secrets,
        timeout_seconds=action.timeout_seconds,
    )
    return Bound(action, fill(action.title, known), parameters, service, call)


def _typed(schema: Parameter, text: str) -> Value:
    try:
        match schema.type:
            case "integer":
                return int(text)
            case "number":
                return float(text)
            case "boolean":
                return BOOLEANS[text.lower()]
            case _:
                return text
    except (ValueError, KeyError):
        return text


def way_back(
    action: Action, done: Bound, facts: Mapping[str, Value], actions: Mapping[str, Action], catalogue: Catalogue
) -> Bound | None:
    """The call that undoes it, or None where the action has no way back."""
    if action.rollback is None:
        return None
    back = actions.get(action.rollback.action)
    if back is None:
        raise Refused(f"{action.name}'s way back is {action.rollback.action}, which the catalogue does not have.")
    return bound(back, action.rollback.parameters, {**facts, **done.parameters}, catalogue)


def plan_digest(plan: Plan) -> str:
    """A digest of what a dry run foresees: tasks, hosts, outcomes and diffs, without times."""
    body = [[task.name, task.host, task.status, _steady(task.diff)] for task in plan.tasks]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


def _steady(diff: str) -> str:
    """A diff without the temporary file names that some tools put into it."""
    return re.sub(r"ansible-(?:tmp|local)-[\w.-]+|\btmp[a-z0-9_]{8}\b", "tmp", diff)


def refuse_third(action: Action, service: str, history: Sequence[Change], now: datetime) -> None:
    """Raise ``Refused`` when this action failed to hold twice here within a day."""
    failed = [
        one
        for one in history
        if one.action == action.name
        and one.service == service
        and one.state in DID_NOT_HOLD
        and now - one.planned_at < timedelta(days=1)
    ]
    if len(failed) >= FAILED_TWICE:
        tried = w.listed([f"INC-{one.incident}" for one in failed])
        raise Refused(
            f"{action.title} did not hold {len(failed)} times here today ({tried}), so it is not offered "
            "a third time. Ask for help instead."
        )


def risk_of(
    action: Action, plan: Plan, callers: Sequence[str], environment: str, history: Sequence[Change], others: int
) -> Risk:
    """How risky this is, 0–1, from its class, where it happens, who depends on it, its history and its blind spots.

    A weighted sum with fixed weights: every reason is worth what its words say, nothing is hidden.
    """
    score, reasons = 0.1, []
    held = sum(one.state is ChangeState.HELPED for one in history if one.action == action.name)
    tried = sum(
        one.state is ChangeState.HELPED or one.state in DID_NOT_HOLD for one in history if one.action == action.name
    )
    if tried:
        score += 0.3 * (1 - held / tried)
        reasons.append(f"done {w.plural(tried, 'time')}, {held} held")
    else:
        score += 0.1
        reasons.append("never done here before")
    if action.command_class == "destructive":
        score += 0.3
        reasons.append("it destroys something")
    if environment == PRODUCTION:
        score += 0.05
        reasons.append("production")
    if callers:
        score += min(0.03 * len(callers), 0.15)
        reasons.append(
            f"{w.plural(len(callers), 'service')} depend on it" if len(callers) > 1 else f"{callers[0]} depends on it"
        )
    if plan.blind or action.blind:
        score += 0.05
        reasons.append("a part cannot be tried dry")
    if action.rollback is None:
        score += 0.1
        reasons.append("no way back")
    if others:
        score += 0.15
        reasons.append(f"{w.plural(others, 'other change')} running")
    else:
        reasons.append("no other change running")
    return Risk(round(min(score, 1.0), 2), tuple(reasons))


def reading(service: str, indicator: Indicator, better: str, series: Sequence[Series], query: str) -> Reading:
    """An indicator's value now: the worst series' mean of its samples."""
    means = [sum(v for _, v in one.samples) / len(one.samples) for one in series if one.samples]
    value = (max(means) if better == "lower" else min(means)) if means else None
    return Reading(service, indicator.name, better, value, indicator.unit, query)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a change helped: yes, no, or not to be told yet, with words for it."""

    helped: bool | None
    words: str


def judge(
    before: Sequence[Reading],
    after: Sequence[Reading],
    limits: Mapping[tuple[str, str], float | None],
    firing: int,
    check: int,
) -> Judgement:
    """Compare before and after. It helped when a reading is healthy or better by half, none is bad, no alert fires.

    Bad is what is beyond its limit, cannot be had, or is worse by a tenth where there is no limit. While it is not
    clear yet there are up to five looks; then a bad reading, or an alert that still fires, counts as no help.
    """
    known = {(one.service, one.indicator): one for one in after}
    told, marks = [], set()
    for was in before:
        now = known.get((was.service, was.indicator), replace(was, value=None))
        told.append(
            f"{was.service} {was.indicator} {w.measure(was.value, was.unit)} → {w.measure(now.value, now.unit)}"
        )
        marks.add(_mark(was, now, limits.get((was.service, was.indicator))))
    good = "bad" not in marks and ("good" in marks or not before)
    words = ", ".join(told) or "no metric to compare"
    if good and not firing:
        return Judgement(True, words)
    if check < MOST_CHECKS:
        return Judgement(None, words)
    if good:
        words += f", but {w.plural(firing, 'alert')} still fire{'s' if firing == 1 else ''}"
    return Judgement(False, words)


def _mark(was: Reading, now: Reading, limit: float | None) -> Literal["good", "same", "bad"]:
    if now.value is None:
        return "bad"
    lower = now.better == "lower"
    if limit is not None:
        return "good" if (now.value < limit if lower else now.value > limit) else "bad"
    if was.value is None:
        return "bad"
    moved = was.value - now.value if lower else now.value - was.value
    if moved > 0 and moved >= BETTER_BY_HALF * abs(was.value):
        return "good"
    return "same" if moved >= -WORSE_BY_TENTH * abs(was.value) else "bad"


def pick(path: str, output: str) -> object:
    """The value at ``$.a.b`` of a JSON output; the whole output as a number where there is no path. None if absent."""
    if not path:
        try:
            return float(output.strip())
        except ValueError:
            return output.strip() or None
    try:
        found: object = json.loads(output)
    except ValueError:
        return None
    for part in path.removeprefix("$").strip(".").split("."):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def tried(changes: Sequence[Change]) -> str:
    """What was tried, for whoever is called."""
    if not changes:
        return "nothing has been changed yet"
    return "; ".join(f"{one.title}: {one.state}" + (f" ({one.verdict})" if one.verdict else "") for one in changes)
