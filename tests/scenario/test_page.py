"""The story in the page, as people would play it: a junior, an approver, and what each of them sees."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.demo.stage import Stage

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE = 45_000


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: "Browser", tmp_path: Path) -> AsyncIterator["Page"]:
    """A page that must not have an error; what it shows at the end is kept as ``end.png`` beside the test's data."""
    page = await browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    yield page
    await page.screenshot(path=tmp_path / "end.png")
    # The test leaves the stage before the page is closed, so the page may miss the workspace at the end.
    assert [one for one in faults if "ERR_CONNECTION_REFUSED" not in one] == []


class Desk:
    """What a person does in the page."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.living = page.get_by_role("main").get_by_role("article").filter(has_text="INC-1").first
        self.thread = page.get_by_role("complementary", name="Thread")

    async def become(self, name: str) -> None:
        navigation = self.page.get_by_role("navigation")
        await navigation.get_by_role("button", name="Act as").click()
        await self.page.get_by_role("menuitemradio", name=name).click()
        await navigation.get_by_role("button", name="Act as").get_by_text(name).wait_for()

    async def go(self, channel: str) -> None:
        button = self.page.get_by_role("navigation").get_by_role("button", name=re.compile(f"^{channel}\\b"))
        await button.click()
        await self.page.get_by_role("heading", name=channel, exact=True).wait_for()

    async def press(self, where: "Locator", label: str, sure: str = "") -> None:
        await where.get_by_role("button", name=label, exact=True).last.click()
        if sure:
            await self.page.get_by_role("dialog").get_by_role("button", name=sure, exact=True).click()

    async def command(self, text: str) -> "Locator":
        """Give a command; the newest private answer."""
        box = self.page.get_by_role("main").get_by_role("combobox")
        await box.fill(text)
        await self.page.keyboard.press("Enter")
        return self.page.get_by_role("article").filter(has_text="Only visible to you").last


async def steps_to_approval(desk: Desk) -> None:
    """From step 1 to the question for approval, with what each step shows."""
    thread = desk.thread
    await thread.get_by_text("Step 1 of 4").wait_for()
    for number in (1, 2):
        await desk.press(thread, "Run")
        step = thread.get_by_role("article").filter(has_text=f"Step {number} of 4")
        await step.get_by_text("not as expected").first.wait_for()
        await desk.press(step, "Go on")
    await desk.press(thread, "Run")
    await thread.get_by_role("article").filter(has_text="Step 3 of 4").get_by_text("as expected").first.wait_for()
    change = thread.get_by_role("article").filter(has_text="Step 4 of 4")
    await change.get_by_text("Go back to release 2.30").first.wait_for()
    await desk.press(change, "Run with approval")
    for words in ("1 would change", "Way back", "Switch payment to release 2.31", "Risk", "callers: shop"):
        await change.get_by_text(words).first.wait_for()
    await desk.press(change, "Ask for approval")


async def test_a_junior_and_an_approver_resolve_an_incident_in_the_page(page: "Page", tmp_path: Path) -> None:
    async with Stage(tmp_path / "stage", prometheus=False) as stage:
        while not (await stage.status())["baseline"]:
            await page.wait_for_timeout(250)
        await page.goto(f"{stage.url}/#as=U0JUNIOR&in=C0ALERTS")
        desk = Desk(page)
        await page.get_by_role("button", name="Break it: pool-leak").click()

        living = desk.living
        await living.get_by_text("exhausted after deploy payment 2.31").wait_for()
        for words in ("Likely cause", "Against it", "Pool exhausted", "sample data", "before the onset"):
            await living.get_by_text(words).first.wait_for()
        picture = living.get_by_role("img", name=re.compile("pool"))
        await picture.wait_for()
        assert await picture.evaluate("image => image.naturalWidth") > 300
        await desk.press(living, "Show evidence")
        await page.get_by_role("dialog").get_by_text('pool_in_use_ratio{service="payment"}').first.wait_for()
        await page.keyboard.press("Escape")
        await desk.press(living, "Acknowledge")
        await living.get_by_text("has it").wait_for()
        await desk.press(living, "Start guided fix")
        await living.get_by_role("button", name=re.compile("repl")).first.click()
        await steps_to_approval(desk)

        await desk.press(desk.thread, "Approve", "Approve and run")
        await page.get_by_text("You asked for this change, so someone else has to approve it.").first.wait_for()
        await desk.become("Sena Okafor")
        await desk.go("ops")
        asked = page.get_by_role("main").get_by_role("article").filter(has_text="Approval wanted")
        await asked.get_by_text("rollback_deploy").wait_for()
        await desk.press(asked, "Approve", "Approve and run")
        refusal = page.get_by_role("article").filter(has_text="Only visible to you").last
        await refusal.get_by_text("approver").first.wait_for()

        await desk.become("Ada Lindqvist")
        await page.get_by_role("navigation").get_by_role("button", name="Fettle", exact=True).click()
        await page.get_by_role("tab", name="Home").click()
        await page.get_by_role("link", name="Switch payment to release 2.30").wait_for()
        await desk.go("ops")
        await desk.press(asked, "Approve", "Approve and run")
        await page.get_by_text("approved, and used").first.wait_for()

        await desk.go("alerts")
        await living.get_by_text("resolved").first.wait_for()
        await living.get_by_text("Fixed by: Switch payment to release 2.30").wait_for()
        answer = await desk.command("/fettle incidents")
        await answer.get_by_text("Nothing is open").wait_for()
        answer = await desk.command("/fettle ask what to do when the pool is exhausted")
        await answer.get_by_text("Pool exhausted").first.wait_for()
        answer = await desk.command("/fettle audit 1")
        await answer.get_by_text("Audit of INC-1").wait_for()
        assert (await stage.status())["alerts"] == []
