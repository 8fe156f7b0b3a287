"""Who may do what, and whether anything may be changed at all just now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.errors import Refused


class May(StrEnum):
    """What a role may allow."""

    LOOK = "look"
    RESPOND = "respond"
    APPROVE = "approve"
    STOP = "stop all automation"
    RESUME = "resume automation"


ROLES: Mapping[str, frozenset[May]] = {
    "viewer": frozenset({May.LOOK}),
    "responder": frozenset({May.LOOK, May.RESPOND, May.STOP}),
    "senior": frozenset({May.LOOK, May.RESPOND, May.STOP, May.RESUME}),
    "approver": frozenset({May.LOOK, May.RESPOND, May.APPROVE, May.STOP, May.RESUME}),
    "manager": frozenset({May.LOOK, May.STOP, May.RESUME}),
}


@dataclass(frozen=True, slots=True)
class RoleMembers:
    """Who has a role: Slack ids of people and of user groups."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever pressed, typed or called. ``zone`` is an IANA time zone name."""

    id: str
    name: str = ""
    is_bot: bool = False
    roles: frozenset[str] = frozenset()
    zone: str = "UTC"

    @property
    def may(self) -> frozenset[May]:
        """Everything that the roles allow together. Everybody may look; bots may nothing else."""
        if self.is_bot:
            return frozenset({May.LOOK})
        return frozenset({May.LOOK}).union(*(ROLES.get(role, frozenset()) for role in self.roles))


def permit(actor: Actor, what: May) -> None:
    """Raise ``Refused`` with the reason unless the actor may do that."""
    if what in actor.may:
        return
    if actor.is_bot:
        raise Refused("Bots cannot do that. A person has to press.")
    able = [role for role, allowed in ROLES.items() if what in allowed]
    mine = ", ".join(sorted(actor.roles)) or "none"
    raise Refused(f"To {what} you need one of the roles {', '.join(able)}; yours: {mine}.")


@dataclass(frozen=True, slots=True)
class Automation:
    """Whether Fettle may change anything at all. ``stopped_by`` is empty while it may."""

    id: str = "automation"
    version: int = 0
    stopped_by: str = ""
    stopped_at: datetime | None = None
    why: str = ""

    @property
    def stopped(self) -> bool:
        """True after ``/fettle stop`` until ``/fettle resume``."""
        return bool(self.stopped_by)

    def check(self) -> None:
        """Raise ``Refused`` while everything is stopped."""
        if self.stopped:
            why = f" ({self.why})" if self.why else ""
            raise Refused(
                f"All automation was stopped by <@{self.stopped_by}>{why}. `/fettle resume` turns it on again."
            )
