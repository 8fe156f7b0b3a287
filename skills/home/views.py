"""The home tab and the help. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.incident import Incident
from bot.skill import Command
from skills.home.logic import Desk

Shown = tuple[str, list[dict[str, Any]]]


def home(desk: Desk, links: Mapping[str, str], steps: Mapping[int, str], command: str) -> Shown:
    """What waits for me, what I have, what else is open."""
    shown: list[Block] = []
    if desk.automation.stopped:
        shown.append(
            b.text(
                f"*All automation is stopped* by <@{desk.automation.stopped_by}>. `{command} resume` turns it on again."
            )
        )
    shown.append(b.header("Waits for you"))
    for approval, change in desk.approvals:
        name = _linked(change.title, links.get(f"approval:{approval.id}", ""))
        shown.append(
            b.text(
                f"{name}\nApproval for INC-{approval.incident}, asked by <@{approval.asked_by}>, ends at "
                f"{w.clock(approval.expires_at)}"
            )
        )
    for change in desk.unknown:
        link = links.get(f"step:{change.guide_run}:{change.step}", "")
        shown.append(
            b.text(
                f"? {_linked(change.title, link)}\nIts run was cut off; a person has to say how it stands "
                f"(INC-{change.incident})"
            )
        )
    shown += [b.text(_incident(one, links, steps)) for one in desk.mine]
    if not (desk.approvals or desk.unknown or desk.mine):
        shown.append(b.text("Nothing."))
    shown.append(b.header("Open"))
    shown += [b.text(_incident(one, links, steps)) for one in desk.others[:15]] or [b.text("Nothing else is open.")]
    if len(desk.others) > 15:  # noqa: PLR2004  # a screenful
        shown.append(b.small(f"and {len(desk.others) - 15} more: `{command} incidents`"))
    roles = ", ".join(sorted(desk.actor.roles)) or "none, so you can look at everything and change nothing"
    shown += [b.line(), b.small(f"Your roles: {roles}", f"`{command}` shows everything that I do")]
    return "Home", b.plain(shown, most=100)


def _incident(one: Incident, links: Mapping[str, str], steps: Mapping[int, str]) -> str:
    name = _linked(one.name, links.get(f"incident:{one.id}", ""))
    who = f"<@{one.assignee}>" if one.assignee else "nobody has it"
    step = f"\n{w.line(steps[one.id], 150)}" if steps.get(one.id) else ""
    return (
        f"{w.dot(one.severity)} {name} {w.line(one.title, 150)}\n{one.state} · since {w.clock(one.started_at)} "
        f"· {who}{step}"
    )


def _linked(words: str, link: str) -> str:
    return f"<{link}|{w.line(words, 150)}>" if link else f"*{w.line(words, 150)}*"


def help_text(commands: Sequence[Command], command: str) -> Shown:
    """Every command, with what it does."""
    told = [one for one in commands if one.name not in ("", "help")]
    listed = "\n".join(f"{w.inline(f'{command} {one.usage}')}  {one.summary}" for one in told)
    shown: list[Block] = [
        b.text(
            "I open one incident for alerts that belong together, look for the cause, walk you through "
            "the fix in its thread, and ask before anything changes."
        ),
        b.text(listed),
        b.text(
            "*In an incident's thread* mention me: `@Fettle rca`, `@Fettle fix`, or just ask a question. "
            "*On any message* choose More actions › Explain this. *The home tab* shows what waits for you."
        ),
    ]
    return "What Fettle does", b.plain(shown)


def unknown(word: str, near: Sequence[str], command: str) -> str:
    """For a command that does not exist."""
    guess = f" Did you mean {' or '.join(f'`{command} {one}`' for one in near)}?" if near else ""
    return f"There is no command {w.inline(word, 40)}.{guess} `{command}` alone shows all of them."
