"""The living message and the lists of incidents. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.catalogue import Catalogue
from bot.domain.cause import CauseReport, Search, Verdict, cite
from bot.domain.guide import GuideRun, GuideState
from bot.domain.house import House
from bot.domain.incident import Alert, Incident, IncidentState
from bot.domain.journal import Line
from skills.incidents import notes
from skills.incidents.logic import MUTE_CHOICES

Shown = tuple[str, list[dict[str, Any]]]
# The journal's verbs for people; what another line of the same moment says already has no words.
SAID: Mapping[tuple[str, str], str] = {
    ("incident", "open"): "opened it: {reason}",
    ("incident", "join"): "took one more alert in: {reason}",
    ("incident", "clear"): "saw an alert clear",
    ("incident", "refire"): "saw an alert fire again",
    ("incident", "reopen"): "opened it again: {reason}",
    ("incident", "unmute"): "ended the mute: {reason}",
    ("incident", "acknowledge"): "took it",
    ("incident", "start_fix"): "started the guided fix",
    ("incident", "explain"): "looked for the cause: {reason}",
    ("incident", "correct"): "corrected the cause: {reason}",
    ("incident", "resolve"): "resolved it: {reason}",
    ("incident", "dismiss"): "called it a false alarm",
    ("incident", "escalate"): "called for help: {reason}",
    ("incident", "mute"): "muted the service: {reason}",
    ("incident", "refuse"): "was refused: {reason}",
    ("guide", "start"): "",
    ("guide", "leave"): "ended the guide",
    ("guide", "ask for help"): "asked for help {reason}",
    ("step", "run"): "ran {step}",
    ("step", "pass"): "{step}: as expected, {reason}",
    ("step", "miss"): "{step}: not as expected, {reason}",
    ("step", "fail"): "{step} failed: {reason}",
    ("step", "skip"): "skipped {step}",
    ("step", "mark_done"): "went on from {step}",
    ("step", "simulate"): "tried {step} dry",
    ("step", "plan"): "",
    ("step", "ask"): "",
    ("step", "refuse"): "",
    ("step", "lose"): "",
    ("change", "plan"): "",
    ("change", "ask"): "",
    ("change", "refuse"): "did not start the change: {reason}",
    ("change", "start"): "started: {reason}",
    ("change", "finish"): "saw the run end well",
    ("change", "fail"): "saw the run fail: {reason}",
    ("change", "cancel"): "saw the run stopped: {reason}",
    ("change", "lose"): "lost sight of the run: {reason}",
    ("change", "help"): "saw that it helped: {reason}",
    ("change", "not_help"): "saw that it did not help: {reason}",
    ("change", "roll_back"): "rolls it back: {reason}",
    ("change", "back"): "saw it rolled back: {reason}",
    ("change", "not_back"): "could not roll it back: {reason}",
    ("approval", "ask"): "asked for approval: {reason}",
    ("approval", "approve"): "approved it",
    ("approval", "reject"): "rejected it: {reason}",
    ("approval", "withdraw"): "took the question back",
    ("approval", "expire"): "let the approval expire: {reason}",
    ("approval", "use"): "",
}
OF_CHANGE = frozenset({"run", "pass", "miss", "fail"})  # the change's own lines tell these
TICKS = {"found": "✓", "empty": "–", "failed": "✕", "asked": "…"}


def living(  # everything that the message tells of
    incident: Incident,
    alerts: Sequence[Alert],
    search: Search | None,
    progress: Mapping[str, object] | None,
    guide: GuideRun | None,
    catalogue: Catalogue,
    house: House,
    holding: Sequence[str] = (),
) -> Shown:
    """The one message of an incident, as it shall look now. ``holding`` says what is held back."""
    if incident.state.closed:
        return _closed(incident, search)
    report = search.report if search else None
    shown: list[Block] = [
        b.text(f"{w.dot(incident.severity)} *{incident.name}*  *{w.line(incident.title, 200)}*   {incident.severity}"),
        b.text(_facts(incident, alerts)),
        b.text(_cause_lines(report, progress, search.again_at if search else None)),
    ]
    if report and report.best and report.picture:
        shown.append(b.picture(report.picture, _picture_words(report)))
    context = _also(report)
    if context:
        shown.append(b.small(*context))
    shown += _buttons(incident, guide, report)
    shown.append(b.small(_foot(incident, catalogue, house, holding)))
    text = f"{incident.name} {w.line(incident.title, 150)} ({incident.severity}, {incident.state})"
    return text, b.plain(shown)


def _facts(incident: Incident, alerts: Sequence[Alert]) -> str:
    unnamed = "Several services" if incident.storm or incident.services else "No service is named"
    where = f"Service *{w.line(incident.service, 60)}*" if incident.service else unnamed
    where += f", {w.line(incident.environment, 40)}" if incident.environment else ""
    lines = [f"{where}. Since {w.clock(incident.started_at)}.", *notes.flapping(incident)]
    for alert in alerts[:4]:
        state = "cleared " + w.clock(alert.cleared_at) if alert.cleared_at else "firing"
        again = f", fired {alert.times} times" if alert.times > 1 else ""
        lines.append(f"• {w.line(alert.name, 80)}: {w.line(alert.summary or 'no summary', 200)}  _{state}{again}_")
    if incident.alerts > len(alerts[:4]):
        lines.append(f"• and {incident.alerts - len(alerts[:4])} more alerts, {incident.firing} of all firing")
    return "\n".join(lines)


def _cause_lines(report: CauseReport | None, progress: Mapping[str, object] | None, again_at: datetime | None) -> str:
    if progress and progress.get("searching") and (report is None or _newer(progress, report)):
        return _looking(progress)
    if report is None:
        return "*Looking for the cause*   …"
    best = report.best
    if best is None:
        return _unsure(report, again_at)
    sure = f"said <@{best.said_by}>" if best.said_by else w.percent(best.confidence)
    lines = [f"*{'Cause' if best.said_by else 'Likely cause'}*  {w.line(best.text, 300)}   *{sure}*"]
    if best.said_by:
        return "\n".join([*lines, *_gaps(report)])
    if report.worded:
        told = " ".join(f"{w.line(one.text, 400)} [{', '.join(one.cites)}]" for one in report.worded)
        lines.append(f"> {told}")
    lines += [f"• {cite(piece)}" for piece in report.cited(best.supports)[:4]]
    against = report.cited(best.against)[:3]
    lines.append("*Against it*  " + ("" if against else "nothing was found"))
    lines += [f"• {cite(piece)}" for piece in against]
    if best.settles:
        lines.append(f"*To settle it*  {w.line(best.settles, 200)}")
    return "\n".join([*lines, *_gaps(report)])


def _newer(progress: Mapping[str, object], report: CauseReport) -> bool:
    return str(progress.get("at", "")) > report.found_at.isoformat()


def _looking(progress: Mapping[str, object]) -> str:
    parts = progress.get("parts")
    shown = []
    for name, state in (parts if isinstance(parts, dict) else {}).items():
        mark, _, detail = str(state).partition(" ")
        shown.append(f"{TICKS.get(mark, '…')} {w.line(str(name), 30)} {w.line(detail, 80)}".strip())
    return "*Looking for the cause*   " + "   ".join(shown)


def _unsure(report: CauseReport, again_at: datetime | None) -> str:
    if report.verdict is Verdict.FALSE_ALARM:
        lines = ["*Probably a false alarm.* Everything that alerts was read, and it is as always."]
        return "\n".join([*lines, *_again(again_at)])
    ideas = [f"{w.line(one.text, 160)} ({w.percent(one.confidence)})" for one in report.hypotheses[:2]]
    lines = ["*No likely cause yet.* " + (f"Weak ideas: {'; '.join(ideas)}." if ideas else "Nothing stands out.")]
    lines += _gaps(report)
    if report.hypotheses and report.hypotheses[0].settles:
        lines.append(f"Would settle it: {w.line(report.hypotheses[0].settles, 200)}")
    return "\n".join([*lines, *_again(again_at)])


def _again(again_at: datetime | None) -> list[str]:
    return [f"Looking again at {w.clock(again_at)}, when there is more to see."] if again_at else []


def _gaps(report: CauseReport) -> list[str]:
    told = []
    if report.gaps:
        gaps = (f"{w.line(gap.source, 40)} ({w.line(gap.reason, 160)})" for gap in report.gaps[:4])
        told.append("could not be read: " + "; ".join(gaps))
    if report.missing:
        told.append(f"_not connected here: {', '.join(report.missing)}_")
    return told


def _picture_words(report: CauseReport) -> str:
    best = report.best
    onset = f", onset {report.onset:%H:%M:%S} UTC" if report.onset else ""
    name = f"{best.service} {best.indicator}".strip() if best and best.indicator else "the metric that moved most"
    return f"{name} over time{onset}: {best.text}" if best else f"{name} over time"


def _also(report: CauseReport | None) -> list[str]:
    if report is None:
        return []
    shown = []
    if report.again_of:
        shown.append(f"the same alert as in {w.line(report.again_of, 30)}; its cause was looked at anew")
    for change in report.changes[:1]:
        ago = w.duration(change.minutes * 60)
        shown.append(f"change before: {w.line(change.title, 120)}, {ago} before the onset ({w.clock(change.at)})")
    if report.runbook:
        sure = "" if report.runbook.band == "found" else " (possible, unconfirmed)"
        shown.append(f"runbook {w.line(report.runbook.title, 80)} › {w.line(report.runbook.heading, 80)}{sure}")
    for past in report.similar[:1]:
        held = {True: "and it held", False: "and it came back", None: ""}[past.held]
        mark = " _sample data_" if past.sample else ""
        shown.append(
            f"like {w.line(past.id, 30)}: {w.line(past.title, 100)}, fixed by "
            f"{w.line(past.fix.rstrip('. ') or '–', 80)} {held}{mark}"
        )
    return shown


def _buttons(incident: Incident, guide: GuideRun | None, report: CauseReport | None) -> list[Block]:
    value = str(incident.id)
    walking = guide is not None and guide.state is GuideState.ACTIVE
    early = incident.state in (IncidentState.OPEN, IncidentState.ACKNOWLEDGED)
    sure = f"Everyone will see that you called {incident.name} a false alarm. It stops calling people."
    acts = b.actions(
        b.button("Acknowledge", "incident:ack", value, style="primary") if not incident.assignee else None,
        b.button("Continue guided fix" if walking else "Start guided fix", "incident:fix", value),
        b.button("Show evidence", "incident:evidence", value) if report else None,
        b.button("False alarm", "incident:false", value, confirm=sure, yes="It is a false alarm") if early else None,
        b.button("Mute", "incident:mute", value) if incident.service else None,
    )
    return [acts, *_asks(incident, report)]


def _asks(incident: Incident, report: CauseReport | None) -> list[Block]:
    """The buttons that ask more about the cause."""
    if report is None:
        return []
    value = str(incident.id)
    return [
        b.actions(
            b.button("Rejected ideas", "incident:ideas", value),
            b.button("Wrong cause?", "incident:wrong", value),
            b.button("Blast radius", "incident:blast", value),
            b.button("RED and USE", "incident:panels", value),
            b.button("Search again", "incident:rca", value),
        )
    ]


def _foot(incident: Incident, catalogue: Catalogue, house: House, holding: Sequence[str]) -> str:
    parts = []
    callers = catalogue.callers(incident.service)
    if callers:
        parts.append(f"callers: {w.listed([w.line(one, 40) for one in callers])}")
    parts += [*notes.joined(incident), *holding]
    if incident.muted_until:
        parts.append(f"muted by <@{incident.muted_by}> until {w.clock(incident.muted_until)}")
    if incident.assignee:
        parts.append(f"<@{incident.assignee}> has it")
    elif incident.escalates_at:
        parts.append(f"nobody has it yet, calls {house.escalate_role} at {w.clock(incident.escalates_at)}")
    return " · ".join(parts) or f"{incident.name}"


def _closed(incident: Incident, search: Search | None) -> Shown:
    closed_at = incident.closed_at or incident.touched_at
    took = w.duration((closed_at - incident.started_at).total_seconds())
    best = search.report.best if search and search.report else None
    if incident.state is IncidentState.FALSE_ALARM:
        head = f"○ *{incident.name}* false alarm, said <@{incident.closed_by}> at {w.clock(closed_at)}"
        rest = f"{w.line(incident.title, 200)}."
    else:
        head = f"✓ *{incident.name}* resolved at {w.clock(closed_at)} after {took}."
        by = f" (said <@{best.said_by}>)" if best and best.said_by else ""
        cause = f"Cause: {w.line(best.text.rstrip('. '), 250)}{by}." if best else "Cause: not found."
        rest = f"{w.line(incident.title, 200)}. {cause} {w.told(incident.resolution, 900)}"
    link = (
        b.actions(
            b.button("Show evidence", "incident:evidence", str(incident.id)),
            b.button("Wrong cause?", "incident:wrong", str(incident.id)),
        )
        if search and search.report
        else None
    )
    shown: list[Block] = [b.text(head), b.text(rest)]
    if link:
        shown.append(link)
    text = f"{incident.name} {incident.state}: {w.line(incident.title, 150)}"
    return text, b.plain(shown)


def mute_modal(incident: Incident) -> dict[str, Any]:
    """How long, and why."""
    return b.modal(
        "incident:mute",
        f"Mute {incident.service}",
        [
            b.text(
                f"New alerts of *{w.line(incident.service, 60)}* will open no incident until then. "
                f"{incident.name} stays open."
            ),
            b.ask_choice("for", "For how long?", [(label, str(int(seconds))) for label, seconds in MUTE_CHOICES]),
            b.ask_text("why", "Why?", hint="Everyone sees this beside the mute.", lines=False),
        ],
        submit="Mute",
        about=str(incident.id),
    )


def escalation(incident: Incident, people: Sequence[str], role: str, now: datetime) -> str:
    """Calling the next role."""
    called = " ".join(f"<@{one}>" for one in people) or f"nobody has the role {role}, so I can call no one"
    waited = w.duration((now - incident.opened_at).total_seconds())
    return f"{called}  Nobody has acknowledged {incident.name} in {waited}: {w.line(incident.title, 200)}"


def incident_list(
    still: Sequence[Incident], over: Sequence[Incident], links: Mapping[int, str], now: datetime
) -> Shown:
    """What is open, and what was closed last."""
    if not still and not over:
        text = "Nothing is open, and nothing has been."
        return text, b.plain([b.text(text)])
    shown: list[Block] = [b.header(f"{w.plural(len(still), 'open incident')}" if still else "Nothing is open")]
    for one in still:
        who = f"<@{one.assignee}>" if one.assignee else "nobody yet"
        age = w.duration((now - one.started_at).total_seconds())
        shown.append(
            b.text(f"{w.dot(one.severity)} {_link(one, links)} {w.line(one.title, 150)}\n{one.state} · {age} · {who}")
        )
    if over:
        recent = [f"✓ {_link(one, links)} {w.line(one.title, 100)} · {one.state}" for one in over]
        shown.append(b.small("\n".join(recent)))
    return f"{w.plural(len(still), 'open incident')}", b.plain(shown)


def _link(one: Incident, links: Mapping[int, str]) -> str:
    link = links.get(one.id, "")
    return f"<{link}|{one.name}>" if link else f"*{one.name}*"


def incident_detail(incident: Incident, search: Search | None, lines: Sequence[Line], link: str) -> Shown:
    """One incident with its timeline."""
    name = f"<{link}|{incident.name}>" if link else incident.name
    report = search.report if search else None
    shown: list[Block] = [
        b.text(
            f"*{name}*  {w.line(incident.title, 200)}\n{incident.severity} · {incident.state} · since "
            f"{w.moment(incident.started_at)}"
        ),
    ]
    if report:
        best = report.best
        by = f"said <@{best.said_by}>" if best and best.said_by else w.percent(best.confidence if best else 0)
        sure = f"{w.line(best.text, 250)}  {by}" if best else str(report.verdict)
        shown.append(b.text(f"*Cause*  {sure}"))
    shown.append(b.text("*Timeline*\n" + ("\n".join(timeline(lines)[-25:]) or "nothing yet")))
    return f"{incident.name} {incident.title}", b.plain(shown)


def timeline(lines: Sequence[Line]) -> list[str]:
    """The journal in words, without what another line says already; equal ones in a row are one with their number."""
    told: list[tuple[str, str, int]] = []
    for one in lines:
        words = _told(one)
        if told and words == told[-1][1]:
            told[-1] = (*told[-1][:2], told[-1][2] + 1)
        elif words:
            told.append((w.clock(one.at), words, 1))
    return [f"{at}  {words}" + (f" ({times} times)" if times > 1 else "") for at, words, times in told]


def _told(one: Line) -> str:
    entry = one.entry
    kind, *rest = entry.thing.split(":")
    kind = "step" if "step" in rest else kind
    if kind == "step" and entry.detail.get("change") and entry.verb in OF_CHANGE:
        return ""
    words = SAID.get((kind, entry.verb), f"{entry.verb.replace('_', ' ')}: {{reason}}")
    title = f"step {rest[-1]} “{entry.detail.get('title', '')}”" if kind == "step" else ""
    filled = words.format(reason=entry.reason, step=title).strip(": ")
    who = f"<@{entry.actor}>" if entry.actor != "fettle" else "Fettle"
    return f"{who} {w.told(filled, 200)}" if filled else ""
