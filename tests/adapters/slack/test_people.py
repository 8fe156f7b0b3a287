"""Who somebody is, and which roles they have."""

import asyncio
from dataclasses import replace

import pytest

from bot.domain.policy import Actor, RoleMembers
from bot.errors import Transient
from bot.slack.people import GROUP_SECONDS, OUTAGE_SECONDS, PERSON_SECONDS, SlackPeople
from tests.adapters.slack.desk import Desk, client

ROLES = {
    "responder": RoleMembers(users=("U0MANAGER",), groups=("@oncall",)),
    "senior": RoleMembers(groups=("S0SENIORS",)),
    "approver": RoleMembers(users=("U0APPROVER", "U0SENIOR"), groups=("S0SENIORS", "@approvers")),
    "manager": RoleMembers(groups=("@nobody-has-this",)),
}


@pytest.fixture
def people(desk: Desk) -> SlackPeople:
    return SlackPeople(desk.client, ROLES, desk.time.steady)


def leave(desk: Desk, group: str) -> None:
    """Nobody is in the group any more."""
    seed = desk.workspace.seed
    left = tuple(replace(one, users=()) if one.id == group else one for one in seed.groups)
    desk.workspace.seed = replace(seed, groups=left)


async def test_a_person_with_roles_from_the_configuration_and_from_groups(people: SlackPeople) -> None:
    assert await people.actor("U0JUNIOR") == Actor(
        "U0JUNIOR", "jun", roles=frozenset({"responder"}), zone="Europe/Berlin"
    )
    assert (await people.actor("U0SENIOR")).roles == {"senior", "approver"}
    assert await people.with_role("approver") == ("U0APPROVER", "U0SENIOR")
    assert await people.with_role("manager") == ()
    assert await people.with_role("unheard of") == ()


@pytest.mark.parametrize("who", ["U0OTHERBOT", "U0FETTLE", "U0NOBODY"])
async def test_bots_and_strangers_may_nothing(people: SlackPeople, who: str) -> None:
    assert (await people.actor(who)).is_bot


async def test_slack_is_asked_once_for_everybody_who_wants_to_know(desk: Desk, people: SlackPeople) -> None:
    await asyncio.gather(*(people.actor(who) for who in ("U0JUNIOR", "U0JUNIOR", "U0SENIOR", "U0SENIOR")))
    assert desk.calls("users.info") == 2
    assert desk.calls("usergroups.list") == 1
    asked = len(desk.client.calls)
    desk.move_on(GROUP_SECONDS - 1)
    await people.actor("U0JUNIOR")
    assert len(desk.client.calls) == asked


async def test_who_leaves_a_group_loses_the_role_soon(desk: Desk, people: SlackPeople) -> None:
    assert (await people.actor("U0SENIOR")).roles == {"senior", "approver"}
    leave(desk, "S0SENIORS")
    desk.move_on(GROUP_SECONDS)
    assert (await people.actor("U0SENIOR")).roles == {"approver"}
    assert desk.calls("users.info") == 1, "the person is known for longer"
    desk.move_on(PERSON_SECONDS)
    await people.actor("U0SENIOR")
    assert desk.calls("users.info") == 2


async def test_nobody_gets_or_loses_a_role_by_an_outage(desk: Desk, people: SlackPeople) -> None:
    assert (await people.actor("U0SENIOR")).roles == {"senior", "approver"}
    desk.move_on(GROUP_SECONDS)
    desk.workspace.fail("error", method="usergroups.users.list")
    with pytest.raises(Transient, match=r"who is in the group .*: internal_error"):
        await people.actor("U0SENIOR")
    with pytest.raises(Transient, match="@oncall: internal_error"):
        await people.with_role("responder")
    asked = desk.calls("usergroups.users.list")
    desk.move_on(OUTAGE_SECONDS)
    assert (await people.actor("U0SENIOR")).roles == {"senior", "approver"}
    assert desk.calls("usergroups.users.list") > asked


async def test_slack_says_how_long_to_wait(desk: Desk, people: SlackPeople) -> None:
    desk.workspace.fail("ratelimited", method="users.info", retry_after=9)
    for _ in range(2):
        with pytest.raises(Transient) as refused:
            await people.actor("U0JUNIOR")
        assert refused.value.retry_after == 9
    assert desk.calls("users.info") == 1, "until then nobody asks again"
    desk.move_on(9)
    assert (await people.actor("U0JUNIOR")).name == "jun"


async def test_no_answer_at_all(desk: Desk, people: SlackPeople) -> None:
    desk.client.base_url = client("http://127.0.0.1:9").base_url
    with pytest.raises(Transient, match="no answer from Slack"):
        await people.actor("U0JUNIOR")
