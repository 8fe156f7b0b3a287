"""Who somebody is in Slack, and which roles they have now: from the configuration and from user groups."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.policy import Actor, RoleMembers
from bot.errors import Transient
from bot.slack import refusals
from bot.slack.refusals import Means

log = structlog.get_logger(__name__)

PERSON_SECONDS, HANDLES_SECONDS = 300.0, 300.0
GROUP_SECONDS = 30.0
OUTAGE_SECONDS = 3.0
UNKNOWN_PERSON = {"user_not_found", "user_not_visible", "users_not_found"}
UNKNOWN_GROUP = {"no_such_subteam", "subteam_not_found"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Known:
    """Something that Slack said, and until when it is believed."""

    until: float
    what: Any


class SlackPeople:
    """Reads people and groups from Slack, and keeps them for a short while.

    ``clock`` gives seconds of a steady clock. A person whom Slack does not know is treated as a bot, which may do
    nothing; while Slack does not answer, ``Transient`` is raised: nobody gets or loses a role by an outage.
    """

    def __init__(self, client: AsyncWebClient, roles: Mapping[str, RoleMembers], clock: Callable[[], float]) -> None:
        self._client, self._roles, self._clock = client, roles, clock
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def actor(self, user: str) -> Actor:
        """The person, with the roles of this moment."""
        person = await self._person(user)
        roles = frozenset([role for role in self._roles if user in await self._members(role)])
        return replace(person, roles=roles)

    async def with_role(self, role: str) -> tuple[str, ...]:
        """The ids of the people who have that role now, in the configuration's order."""
        return await self._members(role)

    async def _members(self, role: str) -> tuple[str, ...]:
        members = self._roles.get(role, RoleMembers())
        found = dict.fromkeys(members.users)
        for group in members.groups:
            found.update(dict.fromkeys(await self._group(group)))
        return tuple(found)

    async def _person(self, user: str) -> Actor:
        async def ask() -> Actor:
            answer = await self._client.users_info(user=user)
            info = answer["user"]
            profile = info.get("profile") or {}
            name = profile.get("display_name") or info.get("real_name") or info.get("name") or ""
            powerless = bool(info.get("is_bot") or info.get("is_workflow_bot") or info.get("deleted"))
            return Actor(user, name, powerless, frozenset(), info.get("tz") or "UTC")

        nobody = Actor(user, is_bot=True)
        return await self._ask(f"who {user} is", PERSON_SECONDS, ask, UNKNOWN_PERSON, nobody)

    async def _group(self, group: str) -> tuple[str, ...]:
        group_id = await self._group_id(group)

        async def ask() -> tuple[str, ...]:
            answer = await self._client.usergroups_users_list(usergroup=group_id)
            return tuple(sorted(answer["users"]))

        if not group_id:
            return ()
        return await self._ask(f"who is in the group {group}", GROUP_SECONDS, ask, UNKNOWN_GROUP, ())

    async def _group_id(self, group: str) -> str:
        """The id of a group that is given by its handle (``@payments``), empty if there is none; an id stays."""
        if not group.startswith("@"):
            return group

        async def ask() -> Mapping[str, str]:
            answer = await self._client.usergroups_list()
            return {one["handle"]: one["id"] for one in answer["usergroups"]}

        nothing: Mapping[str, str] = {}
        handles = await self._ask("which groups there are", HANDLES_SECONDS, ask, set(), nothing)
        if group[1:] not in handles:
            log.warning("a role names a user group that Slack does not have", group=group)
        return handles.get(group[1:], "")

    async def _ask(
        self, what: str, seconds: float, ask: Callable[[], Awaitable[T]], unknown: set[str], nothing: T
    ) -> T:
        """What Slack says, asked once for everybody who wants to know at the same time, and kept for ``seconds``.

        An outage is kept for a moment too, so that those who waited do not each wait for it again.
        """
        async with self._asking.setdefault(what, asyncio.Lock()):
            known = self._known.get(what)
            if known is None or known.until <= self._clock():
                known = await self._asked(what, seconds, ask, unknown, nothing)
                self._known[what] = known
        if isinstance(known.what, Transient):
            raise Transient(str(known.what), known.what.retry_after)
        said: T = known.what
        return said

    async def _asked(
        self, what: str, seconds: float, ask: Callable[[], Awaitable[T]], unknown: set[str], nothing: T
    ) -> _Known:
        try:
            said = await ask()
        except SlackApiError as error:
            refusal = refusals.read(error)
            if refusal.code in unknown:
                log.warning("Slack does not know", what=what, why=refusal.code)
                return _Known(self._clock() + seconds, nothing)
            wait = refusal.wait if refusal.means is Means.SLOWER else None
            lost = Transient(f"Slack did not say {what}: {refusal.reason}.", wait)
            return _Known(self._clock() + (wait or OUTAGE_SECONDS), lost)
        except refusals.NO_ANSWER as error:
            lost = Transient(f"Slack did not say {what}: {refusals.unanswered(error)}.")
            return _Known(self._clock() + OUTAGE_SECONDS, lost)
        return _Known(self._clock() + seconds, said)
