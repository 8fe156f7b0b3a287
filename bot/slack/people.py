"""Who somebody is in Slack, and which roles they have now: from the configuration and from user groups."""

import asyncio
from collections.abc import Callable, Mapping

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.policy import Actor, RoleMembers
from bot.errors import Transient

log = structlog.get_logger(__name__)

PERSON_SECONDS = 300.0
GROUP_SECONDS = 30.0


class SlackPeople:
    """Reads people and groups from Slack, and keeps them for a short while.

    ``clock`` gives seconds of a steady clock. A person whom Slack does not know has no roles; while Slack does not
    answer, ``Transient`` is raised: nobody gets or loses a role by an outage.
    """

    def __init__(self, client: AsyncWebClient, roles: Mapping[str, RoleMembers], clock: Callable[[], float]) -> None:
        self._client, self._roles, self._clock = client, roles, clock
        self._people: dict[str, tuple[float, Actor]] = {}
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}
        self._handles: tuple[float, Mapping[str, str]] = (-1e9, {})
        self._one_by_one = asyncio.Lock()

    async def actor(self, user: str) -> Actor:
        """The person, with the roles of this moment."""
        bare = await self._person(user)
        roles = frozenset([role for role in self._roles if user in await self._members(role)])
        return Actor(bare.id, bare.name, bare.is_bot, roles, bare.zone)

    async def with_role(self, role: str) -> tuple[str, ...]:
        """The ids of the people who have that role now, in the configuration's order."""
        return tuple(await self._members(role))

    async def _person(self, user: str) -> Actor:
        at, known = self._people.get(user, (-1e9, Actor(user)))
        if self._clock() - at < PERSON_SECONDS:
            return known
        try:
            answer = await self._client.users_info(user=user)
        except SlackApiError as error:
            code = error.response.get("error")
            if code in {"user_not_found", "user_not_visible"}:
                return Actor(user, is_bot=True)
            raise Transient(f"Slack did not say who {user} is: {code}.") from error
        except (TimeoutError, OSError) as error:
            raise Transient(f"Slack did not say who {user} is: {type(error).__name__}.") from error
        info = answer["user"]
        name = info.get("profile", {}).get("display_name") or info.get("real_name") or info.get("name", "")
        is_bot = bool(info.get("is_bot") or info.get("is_workflow_bot") or info.get("deleted"))
        person = Actor(user, name, is_bot, frozenset(), info.get("tz") or "UTC")
        self._people[user] = (self._clock(), person)
        return person

    async def _members(self, role: str) -> list[str]:
        members = self._roles.get(role, RoleMembers())
        found = dict.fromkeys(members.users)
        for group in members.groups:
            found.update(dict.fromkeys(sorted(await self._group(group))))
        return list(found)

    async def _group(self, group: str) -> frozenset[str]:
        async with self._one_by_one:
            at, known = self._groups.get(group, (-1e9, frozenset()))
            if self._clock() - at < GROUP_SECONDS:
                return known
            try:
                group_id = await self._group_id(group)
                answer = await self._client.usergroups_users_list(usergroup=group_id)
            except SlackApiError as error:
                code = error.response.get("error")
                if code in {"no_such_subteam", "subteam_not_found"}:
                    log.warning("a role names a user group that Slack does not have", group=group)
                    return frozenset()
                raise Transient(f"Slack did not say who is in the group {group}: {code}.") from error
            except (TimeoutError, OSError) as error:
                raise Transient(f"Slack did not say who is in the group {group}: {type(error).__name__}.") from error
            members: frozenset[str] = frozenset(answer["users"])
            self._groups[group] = (self._clock(), members)
            return members

    async def _group_id(self, group: str) -> str:
        """The id of a group that is given by its handle (``@payments``); an id is taken as it is."""
        if not group.startswith("@"):
            return group
        at, handles = self._handles
        if self._clock() - at >= PERSON_SECONDS:
            answer = await self._client.usergroups_list()
            handles = {one["handle"]: one["id"] for one in answer["usergroups"]}
            self._handles = (self._clock(), handles)
        return handles.get(group.removeprefix("@"), group)
