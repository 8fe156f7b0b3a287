"""The audit trail and the state of automation. Pure."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.change import Change
from bot.domain.incident import Incident
from bot.domain.journal import Line

Shown = tuple[str, list[dict[str, Any]]]
MOST = 60


def audit(incident: Incident, lines: Sequence[Line]) -> Shown:
    """Everything on record about an incident, each line with its place in the chain."""
    told = [_line(one) for one in lines[-MOST:]]
    shown: list[Block] = [
        b.text(f"*Audit of {incident.name}*  {w.line(incident.title, 150)}  {w.plural(len(lines), 'line')}")
    ]
    paragraph = ""
    for one in told:
        if len(paragraph) + len(one) > 2_600:  # noqa: PLR2004  # a section takes 3,000 characters
            shown.append(b.text(paragraph))
            paragraph = ""
        paragraph += one + "\n"
    if paragraph:
        shown.append(b.text(paragraph))
    kept, size = [], 0
    for block in shown[:1] + shown[:0:-1]:
        size += len(str(block.to_dict()))
        if size > b.TOTAL_CHARACTERS - 1_000:
            break
        kept.append(block)
    shown = kept[:1] + kept[:0:-1]
    shown.append(b.small("`fettle audit verify` proves that no line was changed, removed or inserted"))
    return f"Audit of {incident.name}", b.plain(shown)


def _line(one: Line) -> str:
    entry = one.entry
    who = "Fettle" if entry.actor == "fettle" else f"<@{entry.actor}>"
    states = f" {w.line(entry.before, 30)} → {w.line(entry.after, 30)}" if entry.after and entry.before else ""
    reason = f": {w.told(entry.reason, 120)}" if entry.reason else ""
    return (
        f"`{one.seq}` {w.clock(one.at)} {who} *{w.line(entry.verb, 30)}* "
        f"{w.line(entry.thing, 50)}{states}{reason}  `{one.hash[:8]}`"
    )


def stopped(by: str, why: str, halted: Sequence[Change]) -> str:
    """What was stopped."""
    reason = f" ({w.line(why, 200)})" if why else ""
    runs = "; ".join(f"{w.line(one.title, 120)} (INC-{one.incident})" for one in halted)
    return (
        f"*Stopped*: <@{by}> stopped all automation{reason}. Halted: {runs or 'nothing was running'}. Nothing changes "
        "until somebody resumes it."
    )


def resumed(by: str) -> str:
    """Automation is on again."""
    return (
        f"*Resumed*: <@{by}> turned automation on again. Steps that were halted can be tried again from their messages."
    )


def everybody_knows(state: str, channel: str) -> str:
    """For whoever stopped or resumed it."""
    return f"All automation is {state}, and I said so in {w.line(channel, 80)}."
