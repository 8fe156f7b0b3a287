"""An approval: who may decide, how many must, until when, and exactly what for."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.domain.journal import Entry
from bot.domain.policy import Actor
from bot.errors import Refused


class ApprovalState(StrEnum):
    """Where an approval stands. ``USED``: the one run that it allows was started."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's decision."""

    by: str
    yes: bool
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """The question whether one exact change may be made. ``digest`` is the change's; ``role`` may decide."""

    id: str
    version: int
    state: ApprovalState
    incident: int
    change: str
    digest: str
    role: str
    needed: int
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    votes: tuple[Vote, ...] = ()

    @property
    def thing(self) -> str:
        """Its name in the journal."""
        return f"approval:{self.id}"

    @property
    def yes(self) -> int:
        """How many have approved."""
        return sum(vote.yes for vote in self.votes)


def decide(
    approval: Approval,
    actor: Actor,
    yes: bool,  # noqa: FBT001  # a vote is a yes or a no
    digest: str,
    now: datetime,
    reason: str = "",
) -> tuple[Approval, Entry]:
    """Count one press. ``digest`` is that of the change as it stands now.

    Raises ``Refused`` with the reason for the person who pressed: a bot, the wrong role, the requester's own press, a
    second press, an approval that has ended, or a change that is no longer what was asked for.
    """
    if approval.state is not ApprovalState.WAITING:
        raise Refused(f"This approval is already {approval.state}, so your press changes nothing.")
    if now >= approval.expires_at:
        raise Refused("This approval has expired. Ask for a new one from the step in the thread.")
    if actor.is_bot:
        raise Refused("Bots cannot approve changes. A person with the role has to press.")
    if actor.id == approval.asked_by:
        raise Refused(
            "You asked for this change, so someone else has to approve it."
            if yes
            else "You asked for this change; press Withdraw on the step instead of rejecting it yourself."
        )
    if approval.role not in actor.roles:
        mine = ", ".join(sorted(actor.roles)) or "none"
        raise Refused(f"Approving this needs the role {approval.role}; yours: {mine}.")
    if any(vote.by == actor.id for vote in approval.votes):
        raise Refused("You have already decided; another person has to press as well.")
    if digest != approval.digest:
        raise Refused(
            "The change is no longer exactly what was asked for, so this approval no longer counts. "
            "A new one is needed."
        )
    voted = replace(approval, votes=(*approval.votes, Vote(actor.id, yes, now, reason)))
    state = ApprovalState.WAITING
    if not yes:
        state = ApprovalState.REJECTED
    elif voted.yes >= approval.needed:
        state = ApprovalState.APPROVED
    verb = "approve" if yes else "reject"
    return replace(voted, state=state), _entry(approval, verb, actor.id, state, reason)


def end(approval: Approval, state: ApprovalState, by: str, reason: str) -> tuple[Approval, Entry]:
    """Expire, withdraw or use up an approval.

    Raises ``Refused`` when it has ended already: only a waiting one expires or is withdrawn, only an approved one is
    used, and that once.
    """
    right = ApprovalState.APPROVED if state is ApprovalState.USED else ApprovalState.WAITING
    if approval.state is not right:
        raise Refused(f"This approval is {approval.state}, so it cannot be {state}.")
    verb = {"expired": "expire", "withdrawn": "withdraw", "used": "use"}[state]
    return replace(approval, state=state), _entry(approval, verb, by, state, reason)


def _entry(approval: Approval, verb: str, by: str, after: ApprovalState, reason: str) -> Entry:
    detail = {"change": approval.change, "digest": approval.digest}
    return Entry(approval.thing, verb, by, approval.state, after, reason, approval.incident, detail)
