"""The question, exactly as it is approved. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.approval import Approval, ApprovalState
from bot.domain.change import Change
from bot.domain.policy import Actor

Shown = tuple[str, list[dict[str, Any]]]
ENDED = {
    ApprovalState.APPROVED: "✓ approved",
    ApprovalState.USED: "✓ approved, and used",
    ApprovalState.REJECTED: "✕ rejected",
    ApprovalState.EXPIRED: "✕ expired: nobody decided in time",
    ApprovalState.WITHDRAWN: "– withdrawn",
}


def approval(  # everything that an approver must see
    one: Approval, change: Change, people: Sequence[str], evidence: str, simulated: str, *, call: bool
) -> Shown:
    """The question with its exact action, or how it was decided."""
    title = w.line(change.title, 200)
    asked = f"for INC-{one.incident}, asked by <@{one.asked_by}>"
    if one.state is not ApprovalState.WAITING:
        votes = ", ".join(f"<@{vote.by}> {'yes' if vote.yes else 'no'} at {w.clock(vote.at)}" for vote in one.votes)
        text = f"Approval {one.state}: {title}"
        return text, b.plain(
            [b.text(f"{ENDED[one.state]}   *{title}*   {asked}"), b.small(votes or "nobody decided", _digest(one))]
        )
    mentions = " ".join(f"<@{person}>" for person in people if person != one.asked_by)
    parameters = ", ".join(f"{name}: {w.line(str(value), 80)}" for name, value in change.parameters.items())
    votes_so_far = f" {one.yes} of {one.needed} have approved." if one.needed > 1 else ""
    exactly = (
        f"Exactly this: action {w.inline(f'{change.action} {change.action_version}')}, parameters {{{parameters}}}, "
        f"on {w.listed([w.line(host, 60) for host in change.call.targets])}, {_digest(one)}. "
        f"Runs once. Ends at {w.clock(one.expires_at)}.{votes_so_far}"
    )
    links = " · ".join(
        f"<{url}|{name}>" for name, url in (("simulation", simulated), ("incident and evidence", evidence)) if url
    )
    who = f"{mentions or f'nobody has the role {one.role}'}  " if call else ""
    shown: list[Block] = [
        b.text(f"{who}*Approval wanted*   *{title}*   {asked}"),
        b.text(exactly),
        b.text(
            f"*Risk* {change.risk.score:.2f} {change.risk.word}: {w.listed(change.risk.reasons, 8)}\n"
            f"*Way back* {w.line(change.back_title or change.back_note or 'none', 200)}"
        ),
        b.actions(
            b.button(
                "Approve",
                "approval:approve",
                one.id,
                style="primary",
                confirm=f"{change.title} runs at once, on {', '.join(change.call.targets)}.",
                yes="Approve and run",
            ),
            b.button("Reject", "approval:reject", one.id, style="danger"),
            b.button("Withdraw", "approval:withdraw", one.id),
        ),
    ]
    shown.append(b.small(f"role {w.line(one.role, 40)}", links))
    return f"Approval wanted: {title} {asked}", b.plain(shown)


def _digest(one: Approval) -> str:
    return f"digest {one.digest[:4]}…{one.digest[-4:]}"


def waiting(found: Sequence[Approval], changes: Mapping[str, Change], links: Mapping[str, str], actor: Actor) -> Shown:
    """What waits for a decision; what waits for this person first."""
    if not found:
        text = "Nothing waits for an approval."
        return text, b.plain([b.text(text)])
    mine = sorted(found, key=lambda one: not can(one, actor))
    shown: list[Block] = [b.header(f"{w.plural(len(found), 'approval')} waiting")]
    for one in mine:
        name = w.line(changes[one.id].title, 150)
        link = links.get(one.id, "")
        note = "waits for you" if can(one, actor) else f"role {one.role}"
        shown.append(
            b.text(
                f"{f'<{link}|{name}>' if link else name}\nINC-{one.incident} · asked by <@{one.asked_by}> "
                f"· {note} · ends at {w.clock(one.expires_at)}"
            )
        )
    return f"{w.plural(len(found), 'approval')} waiting", b.plain(shown)


def can(one: Approval, actor: Actor) -> bool:
    """Whether this person could decide it."""
    return one.role in actor.roles and actor.id != one.asked_by and not any(vote.by == actor.id for vote in one.votes)
