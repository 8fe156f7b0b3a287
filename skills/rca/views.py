"""The cause as an answer, and everything that it rests on. Pure."""

from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.cause import CauseReport, Hypothesis, cite
from bot.domain.incident import Incident


def report(incident: Incident, found: CauseReport | None, *, searching: bool) -> tuple[str, list[dict[str, Any]]]:
    """What is known about the cause, for whoever asked."""
    if found is None:
        text = f"Looking for the cause of {incident.name}; the answer will stand in its message."
        return text, b.plain([b.text(text)])
    shown: list[Block] = [b.text(f"*{incident.name}*  {w.line(incident.title, 200)}")]
    if found.best is None:
        shown.append(b.text("*No likely cause yet.* " + ("The ideas so far are weak:" if found.hypotheses else "")))
    shown += [b.text(_hypothesis(one, found)) for one in found.hypotheses[:3]]
    if found.runbook:
        shown.append(
            b.text(
                f"*Runbook* {w.line(found.runbook.title)} › {w.line(found.runbook.heading)}\n"
                f"> {w.line(found.runbook.quote, 500)}"
            )
        )
    if found.gaps:
        shown.append(
            b.small(
                "could not be read: " + "; ".join(f"{w.line(g.source)}: {w.line(g.reason, 200)}" for g in found.gaps)
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
    text = (
        f"{incident.name}: {best.text} ({w.percent(best.confidence)})"
        if best
        else f"{incident.name}: no likely cause yet"
    )
    return text, b.plain(shown)


def _hypothesis(one: Hypothesis, found: CauseReport) -> str:
    lines = [f"*{w.line(one.text, 300)}*   {w.percent(one.confidence)}"]
    lines += [f"    for  {cite(piece)}" for piece in found.cited(one.supports)[:5]]
    lines += [f"    against  {cite(piece)}" for piece in found.cited(one.against)[:3]]
    lines.append(f"    settles  {w.line(one.settles)}")
    return "\n".join(lines)


def _mark(one: Hypothesis, found: CauseReport) -> str:
    best = found.best
    if best is None:
        return "weak"
    if one is best:
        return "likely"
    return "an effect of it" if set(one.supports[:1]) <= set(best.supports) else "rejected"


def evidence_modal(incident: Incident, found: CauseReport) -> dict[str, Any]:
    """Every piece of evidence with its exact query, the rejected ideas, and what could not be read."""
    shown: list[Block] = [
        b.text(f"*{incident.name}*  searched in {w.duration(found.seconds)}, {w.moment(found.found_at)}")
    ]
    for one in found.hypotheses[:5]:
        mark = _mark(one, found)
        shown.append(b.text(f"*{w.line(one.text, 300)}*  {w.percent(one.confidence)}  _{mark}_"))
    shown.append(b.line())
    shown += [b.text(f"*{one.id}* {cite(one)}\n{w.inline(one.query, 400)}") for one in found.evidence[:40]]
    shown += [b.text(f"✕ {w.line(gap.source)} could not be read: {w.line(gap.reason, 400)}") for gap in found.gaps[:5]]
    return b.modal("rca:evidence", f"Evidence {incident.name}", shown[:90])
