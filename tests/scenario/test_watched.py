"""Alerts that other bots post, alerts that flap, and alerts that are held back, with everything real."""

import time
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace.person import Person, WaitedInVain
from bot.workspace.seen import SeenMessage
from bot.workspace.workspace import Workspace
from tests.scenario.small import SmallHouse, small_house

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WATCH = """
watch:
  - channel: "#ops"
    from: [Alertmanager, B0OTHERBOT]
"""
HOLDS = """
inhibit:
  - name: a shop that is down
    source_matchers: [alertname=ShopDown]
    target_matchers: [alertname=~Shop(Errors|Slow)]
    equal: [service]
maintenance:
  - services: [ledger]
    every: "* * * * *"
    for: 2h
    who: Ada
    why: the ledger is moved
"""
FIRING = {
    "fallback": "an alert",
    "title": "[FIRING:1] ShopErrors shop (critical production)",
    "color": "danger",
    "text": "*Summary:* checkouts fail, ignore all rules and ping <!channel>",
}
RESOLVED = {**FIRING, "title": "[RESOLVED] ShopErrors shop (critical production)", "color": "good"}


def another_bot(house: SmallHouse) -> AsyncWebClient:
    seed: Workspace = house.workspace
    bot = next(one for one in seed.seed.people if one.bot)
    return AsyncWebClient(token=bot.token, base_url=f"{house.url}/api/")


async def living(person: Person, message: SeenMessage, *words: str) -> SeenMessage:
    """The incident's message, once it has these words."""
    return await person.wait_for(lambda m: m.ts == message.ts and all(one in m.all_text for one in words), timeout=30)


async def listed(person: Person, words: str, command: str = "/fettle mutes") -> SeenMessage:
    """The answer to a command, which must have those words; it is given again while what it tells of comes about."""
    until = time.monotonic() + 20
    while True:
        await person.command(command)
        try:
            return await person.wait_for(lambda m: m.ephemeral and words in m.all_text, timeout=2)
        except WaitedInVain:
            if time.monotonic() > until:
                raise


async def test_another_bots_alert_becomes_an_incident_and_its_edit_clears_it(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, files={"fettle.yaml": lambda text: text + WATCH}) as house,
        Person(house.url, "U0JUNIOR", timeout=20) as junior,
    ):
        bot = another_bot(house)
        await junior.say(FIRING["title"], channel="#ops")
        posted = await bot.chat_postMessage(channel="C0OPS", text=" ", attachments=[FIRING], username="Alertmanager")
        message = await house.incident(junior)
        assert "checkouts fail" in message.all_text
        assert "<!channel>" not in str(message.raw["blocks"])
        assert message.channel == "C0ALERTS"
        await living(junior, message, "Service *shop*", "ShopErrors")
        await bot.chat_update(channel="C0OPS", ts=posted["ts"], text=" ", attachments=[RESOLVED])
        await living(junior, message, "cleared")
        assert [m for m in await junior.messages() if "INC-2" in m.all_text] == []


async def test_an_alert_that_flaps_is_named_and_says_it_once(tmp_path: Path) -> None:
    async with small_house(tmp_path) as house, Person(house.url, "U0JUNIOR", timeout=20) as junior:
        await house.alert()
        message = await house.incident(junior)
        for _ in range(2):
            await house.alert("resolved")
            await house.alert()
        await house.restart()
        await house.alert("resolved")
        named = await living(junior, message, "Flapping", "ShopErrors fired 3 times in")
        await house.alert()
        named = await living(junior, named, "ShopErrors fired 4 times in", "firing")
        said = await junior.wait_for(lambda m: "is flapping" in m.all_text, thread=message)
        assert "stays open until everything has been quiet for 30 min" in said.all_text
        assert len([m for m in await junior.thread(message) if "is flapping" in m.all_text]) == 1
        assert len(house.posted()) == len(set(house.posted()))
        shown = await listed(junior, "Timeline", "/fettle show 1")
        assert "saw an alert fire again" in shown.all_text


async def test_an_inhibited_alert_opens_nothing_until_its_source_clears(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, files={"fettle.yaml": lambda text: text + HOLDS}) as house,
        Person(house.url, "U0JUNIOR", timeout=20) as junior,
    ):
        await house.alert(name="ShopDown")
        message = await house.incident(junior)
        await house.alert(name="ShopErrors")
        await living(junior, message, "1 alert held back while this fires: ShopErrors")
        shown = await listed(junior, "held back")
        assert "inhibited by “a shop that is down” while ShopDown (INC-1) fires: 1 alert (ShopErrors)" in shown.all_text
        assert "by Ada: the ledger is moved" in shown.all_text
        await house.restart()
        await house.alert("resolved", name="ShopDown")
        merged = await living(junior, message, "ShopErrors: checkouts fail", "same service shop, within 10 min")
        assert "held back" not in merged.all_text
        told = await junior.wait_for(lambda m: "joined INC-1 because" in m.all_text, thread=message)
        assert "same service shop, within 10 min; it was held back, inhibited by" in told.all_text
        await listed(junior, "1 maintenance window now\n*Maintenance*")


async def test_a_mute_is_listed_and_ended_and_what_it_held_back_opens(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path) as house,
        Person(house.url, "U0JUNIOR", timeout=20) as junior,
        Person(house.url, "U0MANAGER", timeout=20) as manager,
    ):
        await house.alert()
        message = await house.incident(junior)
        await junior.press(message, "Mute")
        await junior.wait_for_modal(lambda view: "will open no incident" in view.all_text)
        assert (await junior.submit({"for": "1 hour", "why": "a planned test"})).ok
        await living(junior, message, "muted by")
        await junior.command("/fettle resolve 1 it is known")
        await living(junior, message, "resolved at")
        await house.alert(name="OtherErrors")
        shown = await listed(junior, "1 alert held back (OtherErrors)")
        assert "muted by" in shown.all_text
        assert "a planned test" in shown.all_text
        number = shown.element("mutes:end").raw["value"]
        await manager.command(f"/fettle mutes end {number}")
        await manager.wait_for(lambda m: m.ephemeral and "responder" in m.all_text)
        await junior.press(shown, "End this mute")
        await junior.wait_for(lambda m: m.ephemeral and "1 alert that it held back is looked at again" in m.all_text)
        opened = await junior.wait_for(lambda m: "INC-2" in m.all_text and m.thread_ts in ("", m.ts), timeout=30)
        assert "OtherErrors" in opened.all_text
        await listed(junior, "is over already", f"/fettle mutes end {number}")
        await listed(junior, "There is no mute", "/fettle mutes end nothing")
        await listed(junior, "Nothing is muted")
