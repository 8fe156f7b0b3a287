"""The cause as an answer, and everything that it rests on. Pure."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.cause import CauseKind, CauseReport, Evidence, Hypothesis, Verdict, cite
from bot.domain.incident import Incident
from bot.domain.passage import Answer, Band
from bot.domain.troubleshooting import Session
from skills.rca.logic import Record

Shown = tuple[str, list[dict[str, Any]]]


def report(incident: Incident, found: CauseReport | None, *, searching: bool) -> Shown:
    """What is known about the cause, for whoever asked."""
    if found is None:
        text = f"Looking for the cause of {incident.name}; the answer will stand in its message."
        return text, b.plain([b.text(text)])
    shown: list[Block] = [b.text(f"*{incident.name}*  {w.line(incident.title, 200)}"), *_answer(found)]
    if found.runbook:
        shown.append(
            b.text(
                f"*Runbook* {w.line(found.runbook.title)} › {w.line(found.runbook.heading)}\n"
                f"> {w.line(found.runbook.quote, 500)}"
            )
        )
    if searching:
        shown.append(
            b.small(
                f"Found {w.moment(found.found_at)} in {w.duration(found.seconds)}. Searching again now; "
                "its message shows the result."
            )
        )
    best = found.best
    text = f"{incident.name}: {w.line(best.text)} ({sure(best)})" if best else f"{incident.name}: no likely cause yet"
    return text, _that_fits(shown)


def _answer(found: CauseReport) -> list[Block]:
    shown: list[Block] = []
    if found.verdict is Verdict.FALSE_ALARM:
        shown.append(b.text("*Probably a false alarm.* Everything that alerts was read, and it is as always."))
    elif found.best is None:
        shown.append(b.text("*No likely cause yet.* " + ("The ideas so far are weak:" if found.hypotheses else "")))
    shown += [b.text(_hypothesis(one, found)) for one in found.hypotheses[:3]]
    shown += _unread(found)
    return shown


def _unread(found: CauseReport) -> list[Block]:
    shown: list[Block] = []
    if found.gaps:
        gaps = "; ".join(f"{w.line(g.source)}: {w.line(g.reason, 200)}" for g in found.gaps[:6])
        shown.append(b.small("could not be read: " + gaps))
    if found.missing:
        shown.append(b.small(f"not connected here: {', '.join(found.missing)}"))
    return shown


def sure(one: Hypothesis) -> str:
    """How sure it is, or who says so."""
    return f"said <@{one.said_by}>" if one.said_by else w.percent(one.confidence)


def _hypothesis(one: Hypothesis, found: CauseReport, *, weaker: bool = False) -> str:
    lines = [f"*{w.line(one.text, 300)}*   {sure(one)}"]
    lines += [f"    for  {cite(piece)}" for piece in found.cited(one.supports)[:5]]
    lines += [f"    against  {cite(piece)}" for piece in found.cited(one.against)[:3]]
    lines += ["    against  it is only weaker"] if weaker and not one.against else []
    if one.settles:
        lines.append(f"    settles  {w.line(one.settles)}")
    return "\n".join(lines)


def evidence_modal(incident: Incident, found: CauseReport) -> dict[str, Any]:
    """Every piece of evidence with its exact query, and what could not be read."""
    shown: list[Block] = [
        b.text(f"*{incident.name}*  searched in {w.duration(found.seconds)}, {w.moment(found.found_at)}")
    ]
    best = found.hypotheses[0] if found.hypotheses else None
    if best:
        mark = "likely" if found.best else "weak"
        shown.append(b.text(f"*{w.line(best.text, 300)}*  {sure(best)}  _{mark}_"))
    shown.append(b.line())
    shown += [b.text(_piece(one)) for one in found.evidence[:36]]
    shown += [b.text(f"✕ {w.line(gap.source)} could not be read: {w.line(gap.reason, 400)}") for gap in found.gaps[:5]]
    if found.missing:
        shown.append(b.small(f"not connected here: {', '.join(found.missing)}"))
    return _modal_that_fits("rca:evidence", f"Evidence {incident.name}", shown)


def _piece(one: Evidence) -> str:
    asked = f"\n{w.inline(one.query, 400)}" if one.query else ""
    return f"*{one.id}* {cite(one)}{asked}"


def ideas_modal(incident: Incident, found: CauseReport) -> dict[str, Any]:
    """The ideas that were not taken, and why not."""
    shown: list[Block] = []
    best = found.best
    if best:
        shown.append(b.text(f"Taken: *{w.line(best.text, 300)}*   {sure(best)}"))
    others = [one for one in found.hypotheses if one is not best]
    if not others:
        shown.append(b.text("There was no other idea: nothing else is unlike its past."))
    shown += [b.text(_hypothesis(one, found, weaker=True)) for one in others]
    shown += _unread(found)
    return _modal_that_fits("rca:ideas", f"Ideas {incident.name}", shown)


def _that_fits(shown: Sequence[Block], *last: Block) -> list[dict[str, Any]]:
    """As many of the blocks as Slack takes in one message, and the last ones."""
    for most in range(len(shown), 1, -1):
        try:
            return b.plain([*shown[:most], *last])
        except SlackObjectFormationError:
            continue
    return b.plain([*shown[:1], *last])


def _modal_that_fits(callback: str, title: str, shown: Sequence[Block]) -> dict[str, Any]:
    """The modal with as many of the blocks as Slack takes, and a word about the rest."""
    kept = list(shown[:45])
    while True:
        try:
            left = len(shown) - len(kept)
            more = [b.small(f"and {w.plural(left, 'more piece')}; `rca` and the audit have them all")] if left else []
            return b.modal(callback, title, [*kept, *more])
        except SlackObjectFormationError:
            if len(kept) <= 1:
                raise
            kept = kept[: len(kept) * 3 // 4]


KINDS = {
    CauseKind.POOL: "a connection pool ran out",
    CauseKind.DISK: "a disk is full",
    CauseKind.CPU: "short of CPU",
    CauseKind.MEMORY: "short of memory",
    CauseKind.LATENCY: "slow by itself",
    CauseKind.ERRORS: "it failed by itself",
    CauseKind.TRAFFIC: "unusual traffic",
    CauseKind.CHANGE: "a change (deploy, flag, configuration)",
    CauseKind.NETWORK: "the network to it",
    CauseKind.CERTIFICATE: "a certificate",
    CauseKind.BEHAVIOUR: "it does something else than before",
}


def correction_modal(incident: Incident, found: CauseReport, services: Sequence[str]) -> dict[str, Any]:
    """What the cause was, by the word of whoever knows."""
    best = found.best
    said = f"Fettle says: *{w.line(best.text, 300)}* ({sure(best)})." if best else "Fettle has no likely cause."
    suspected = found.hypotheses[0].service if found.hypotheses else incident.service
    named = list(dict.fromkeys([*services, incident.service]))
    first = named.index(suspected) if suspected in named else 0
    return b.modal(
        "incident:correct",
        f"Cause of {incident.name}",
        [
            b.text(
                f"{said} Your word takes its place; it is kept, found again in incidents like this one, and counts."
            ),
            b.ask_choice("service", "Where did it begin?", [(one, one) for one in named if one][:100], first),
            b.ask_choice(
                "kind",
                "What was it?",
                [(words, kind.value) for kind, words in KINDS.items()],
                list(KINDS).index(found.hypotheses[0].kind) if found.hypotheses else 0,
            ),
            b.ask_text("text", "What was the cause, in a sentence or two?", hint="Everyone sees this in the thread."),
        ],
        submit="Keep it",
        about=str(incident.id),
    )


def drawing(title: str, picture: str, words: str, by: str) -> Shown:
    """A picture in the thread, with who asked for it."""
    text = f"{w.line(title, 200)}, asked for by <@{by}>"
    return f"{w.line(title, 200)}: {w.line(words, 300)}", b.plain([b.text(text), b.picture(picture, words)])


def record(known: Record, command: str) -> Shown:
    """How often the likely cause turned out to be right."""
    if not known.known:
        text = (
            "Nothing has turned out yet: a cause counts as right when the fix for it helped, and as wrong when "
            "somebody corrects it or calls the incident a false alarm. "
            f"`{command} rca 12` shows the cause of an incident."
        )
        return text, b.plain([b.text(text)])
    few = " That is few; read it with care." if known.known < 20 else ""  # noqa: PLR2004  # below twenty a share says little
    text = (
        f"Of the last {w.plural(known.searches, 'cause')} {known.known} turned out: *{known.right} right*, "
        f"{known.known - known.right} wrong; {known.corrected} corrected by a person. Fettle claimed "
        f"{w.percent(known.claimed)} on average and was right in {w.percent(known.right / known.known)}; its "
        f"calibration error is {w.percent(known.error)}.{few}"
    )
    return text.replace("*", ""), b.plain([b.text(text)])


def sessions(mine: Sequence[Session], command: str) -> Shown:
    """My troubleshooting sessions, and how to begin one."""
    how = f"Name a service or paste errors: `{command} troubleshoot payment`. Go on with `{command} troubleshoot T-…`."
    lines = [
        f"*{one.id}*  {w.line(one.service or 'no service', 60)}, {w.moment(one.touched_at)}"
        + (f"  {w.line(one.report.best.text, 120)}" if one.report and one.report.best else "")
        for one in mine
    ]
    text = f"You have {w.plural(len(mine), 'troubleshooting session')}." if mine else "You have no session yet."
    return text, b.plain([b.text("\n".join([text, *lines])), b.small(how)])


def session(  # a session has these parts
    one: Session, found: CauseReport | None, pages: Answer, worded: Sequence[str], command: str
) -> Shown:
    """Causes and next checks of a session. ``worded`` are a language model's sentences, harmless already."""
    about = w.line(one.service, 60) if one.service else "what you pasted"
    shown: list[Block] = [b.text(f"*{one.id}*  {about}")]
    if worded:
        shown.append(b.text("\n".join(worded)))
    if found is None:
        shown.append(b.text("No service of the catalogue is named, so only what is written was looked up."))
    elif not found.hypotheses:
        shown.append(b.text(f"Nothing around {about} is unlike its past right now."))
        shown += _unread(found)
    else:
        shown += [b.text(_hypothesis(idea, found)) for idea in found.hypotheses[:3]]
        shown += _unread(found)
    if pages.band is Band.NONE:
        near = ", ".join(
            f"{w.link(page.url, w.line(page.title, 80))}{f' ({w.line(page.owner, 40)})' if page.owner else ''}"
            for page in pages.nearest[:3]
        )
        shown.append(b.small("Nothing is written about it." + (f" Nearest: {near}" if near else "")))
    for number, passage in enumerate(pages.passages[:3], 1):
        where = w.link(passage.url, f"{w.line(passage.title, 80)} › {w.line(passage.heading, 80)}")
        unsure = "" if pages.band is Band.FOUND else " (possible, unconfirmed)"
        shown.append(b.text(f"> {w.line(passage.quote, 500)}\n[{number}] {where}{unsure}"))
    kept = b.small(f"kept; go on with `{command} troubleshoot {one.id} …` and what you see next")
    best = found.hypotheses[0] if found and found.hypotheses else None
    text = f"{one.id}: {w.line(best.text)}" if best else f"{one.id}: nothing stands out"
    return text, _that_fits(shown, kept)
