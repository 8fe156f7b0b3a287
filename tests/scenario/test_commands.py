"""Everything that can be asked of Fettle in words, buttons and modals, by the people who ask it."""

from pathlib import Path

import pytest

from bot.workspace.person import Person
from bot.workspace.seen import SeenMessage
from tests.scenario.small import small_house

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def answered(person: Person, command: str, words: str, channel: str = "#alerts") -> SeenMessage:
    """Give a command; its private answer, which must have those words."""
    await person.command(command, channel=channel)
    seen = await person.wait_for(lambda m: m.ephemeral and words in m.all_text, channel=channel, timeout=20)
    assert "That did not work" not in seen.all_text
    return seen


async def test_every_command_answers_in_a_channel_and_in_a_thread(tmp_path: Path) -> None:
    async with small_house(tmp_path) as house, Person(house.url, "U0JUNIOR", timeout=20) as junior:
        await answered(junior, "/fettle", "/fettle incidents")
        await answered(junior, "/fettle incidents", "Nothing is open")
        await answered(junior, "/fettle incidnets", "Did you mean `/fettle incidents`")
        await answered(junior, "/fettle show 7", "7")
        await answered(junior, "/fettle show", "Which incident?")
        await answered(junior, "/fettle approvals", "Nothing")
        await house.alert()
        message = await house.incident(junior)
        await answered(junior, "/fettle incidents", "1 open incident")
        await answered(junior, "/fettle show 1", "Timeline")
        await answered(junior, "/fettle rca INC-1", "INC-1")
        await answered(junior, "/fettle audit 1", "Audit of INC-1")
        found = await answered(junior, "/fettle ask what does ShopErrors mean", "runbooks/shop.md#errors")
        assert "Set the shop to well" in found.all_text or "checkouts of the shop fail" in found.all_text
        await answered(junior, "/fettle ask who won the chess championship of 1972", "I found nothing")

        await junior.say("<@U0FETTLE> show", thread=message)
        await junior.wait_for(lambda m: "Timeline" in m.all_text and not m.ephemeral, thread=message)
        await junior.say("<@U0FETTLE> what is to be done when ShopErrors fires?", thread=message)
        await junior.wait_for(lambda m: "[1]" in m.all_text and not m.ephemeral, thread=message)
        await junior.say("<@U0FETTLE> ack", thread=message)
        await junior.wait_for(lambda m: m.ts == message.ts and "has it" in m.all_text)
        await junior.shortcut("explain", await junior.reload(message))
        explained = await junior.wait_for(lambda m: m.ephemeral and "What is written about it" in m.all_text)
        assert "INC-1" in explained.all_text
        await junior.say("checkouts of the shop fail with ShopErrors")
        other = await junior.wait_for(lambda m: m.text.startswith("checkouts of the shop") and m.author == "U0JUNIOR")
        await junior.shortcut("explain", other)
        await junior.wait_for(lambda m: m.ephemeral and "runbooks/shop.md#errors" in m.all_text and "[1]" in m.all_text)
        await junior.open_home()
        home = await junior.wait_for_home(lambda view: "INC-1" in view.all_text)
        assert "Your roles: responder" in home.all_text

        await answered(junior, "/fettle fix 1", "Started “The shop fails”")
        await house.step(junior, message, "Run")
        await answered(junior, "/fettle fix 1", "under way")
        await answered(junior, "/fettle resolve 1 it went <!channel> away", "resolved")
        closed = await junior.wait_for(lambda m: m.ts == message.ts and "resolved at" in m.all_text)
        assert "<!channel>" not in str(closed.raw["blocks"])
        await answered(junior, "/fettle ack 1", "resolved")


async def test_a_false_alarm_and_a_mute_are_kept_and_shown(tmp_path: Path) -> None:
    async with small_house(tmp_path) as house, Person(house.url, "U0JUNIOR", timeout=20) as junior:
        await house.alert()
        message = await house.incident(junior)
        await junior.press(message, "Mute")
        await junior.wait_for_modal(lambda view: "will open no incident" in view.all_text)
        assert not (await junior.submit({})).ok
        assert (await junior.submit({"for": "1 hour", "why": "a planned test"})).ok
        await junior.wait_for(lambda m: m.ts == message.ts and "muted by" in m.all_text)
        await junior.press(await junior.reload(message), "False alarm")
        await junior.wait_for(lambda m: m.ts == message.ts and "false alarm, said" in m.all_text)
        await house.alert(name="OtherErrors")
        await answered(junior, "/fettle incidents", "Nothing is open")
        assert [m for m in await junior.messages() if "INC-2" in m.all_text] == []


async def test_somebody_without_a_role_may_look_and_is_told_why_not_more(tmp_path: Path) -> None:
    async with small_house(tmp_path) as house, Person(house.url, "U0MANAGER", timeout=20) as manager:
        await house.alert()
        message = await house.incident(manager)
        await answered(manager, "/fettle show 1", "Timeline")
        await manager.press(message, "Start guided fix")
        refusal = await manager.wait_for(lambda m: m.ephemeral and "responder" in m.all_text)
        assert "U0MANAGER" not in refusal.text
        assert [m for m in await manager.thread(message) if "Step 1" in m.all_text] == []
