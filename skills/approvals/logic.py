"""What an approval is made of. Pure."""

from datetime import datetime, timedelta

from bot.domain.approval import Approval, ApprovalState
from bot.domain.change import Change
from bot.domain.journal import Entry


def wanted(change: Change, approval_id: str, by: str, now: datetime, expires_after: float) -> tuple[Approval, Entry]:
    """The question whether exactly this change may be made."""
    approval = Approval(
        id=approval_id,
        version=0,
        state=ApprovalState.WAITING,
        incident=change.incident,
        change=change.id,
        digest=change.digest,
        role=change.requires,
        needed=change.approvals,
        asked_by=by,
        asked_at=now,
        expires_at=now + timedelta(seconds=expires_after),
    )
    detail = {"change": change.id, "digest": change.digest, "role": approval.role}
    return approval, Entry(approval.thing, "ask", by, "", approval.state, change.title, change.incident, detail)
