"""The page in a real Chromium: what a person sees and does there."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from tests.adapters.workspace.harness import Harness, Json

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.browser

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
NASTY = "<img src=x onerror=alert(1)> <script>alert(2)</script> <javascript:alert(3)|here> &lt;b&gt;bold&lt;/b&gt;"


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: "Browser") -> AsyncIterator["Page"]:
    page = await browser.new_page()
    page.set_default_timeout(10_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: faults.append(f"script ran: {dialog.message}"))
    yield page
    assert faults == []


def words(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def button(label: str, action: str, **more: object) -> Json:
    return {"type": "button", "action_id": action, "text": words(label), **more}


CONFIRM = {
    "title": words("Roll back?"),
    "text": words("It undoes v2.31."),
    "confirm": words("Yes"),
    "deny": words("No"),
}
LIVING: list[Json] = [
    {"type": "header", "text": words("INC-1 Checkout")},
    {"type": "section", "text": {"type": "mrkdwn", "text": "*5xx* above `2 %`, <https://example.com|graph>\n> quoted"}},
    {
        "type": "actions",
        "elements": [
            button("Acknowledge", "ack", style="primary"),
            button("Why?", "ask"),
            button("Roll back", "back", confirm=CONFIRM),
        ],
    },
]  # fmt: skip
MODAL: Json = {
    "type": "modal",
    "callback_id": "why",
    "title": words("Why?"),
    "submit": words("Send"),
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": words("Reason"),
            "element": {"type": "plain_text_input", "action_id": "t"},
        },
        {
            "type": "input",
            "block_id": "how",
            "label": words("How sure"),
            "element": {
                "type": "static_select",
                "action_id": "s",
                "options": [{"text": words("Certain"), "value": "1"}, {"text": words("A guess"), "value": "2"}],
            },
        },
    ],
}


def fettle(app: AsyncApp) -> None:
    @app.command("/fettle")
    async def command(ack: AsyncAck, respond: AsyncRespond, command: Json) -> None:
        await ack()
        await respond(f"You asked: {command['text']}")

    @app.action("ack")
    async def acknowledged(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        text = f"<@{body['user']['id']}> has it"
        blocks = [LIVING[0], {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}]
        await client.chat_update(channel=body["channel"]["id"], ts=body["message"]["ts"], text=text, blocks=blocks)

    @app.action("ask")
    async def ask(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.action("back")
    async def back(ack: AsyncAck) -> None:
        await ack()

    @app.view("why")
    async def why(ack: AsyncAck, view: Json) -> None:
        if view["state"]["values"]["reason"]["t"]["value"] == "because":
            await ack(response_action="errors", errors={"reason": "That is no reason."})
        else:
            await ack()

    @app.event("app_home_opened")
    async def home(event: Json, client: AsyncWebClient) -> None:
        if event["tab"] == "home":
            blocks = [{"type": "header", "text": words("Nothing is open")}]
            await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    @app.message_shortcut("open_incident")
    async def incident(ack: AsyncAck, respond: AsyncRespond, shortcut: Json) -> None:
        await ack()
        await respond(f"About: {shortcut['message']['text']}")

    @app.event("message")
    async def message() -> None:
        pass


async def test_a_day_on_the_page(harness: Harness, page: "Page") -> None:
    await harness.connect(fettle)
    client = harness.client()
    await client.chat_postMessage(channel="C0ALERTS", text="INC-1", blocks=LIVING)
    await page.goto(f"{harness.url}/#as=U0JUNIOR&in=C0ALERTS")
    living = page.get_by_role("article").filter(has_text="INC-1 Checkout")
    assert await living.locator("strong").inner_text() == "5xx"
    assert await living.locator("blockquote").inner_text() == "quoted"

    # A question before a dangerous button, and the refusal of it.
    await living.get_by_role("button", name="Roll back").click()
    await page.get_by_role("dialog").get_by_role("button", name="No").click()
    assert [body for kind, body in harness.got if kind == "block_actions"] == []

    # A modal: refused by the client, then by the app, then accepted.
    await living.get_by_role("button", name="Why?").click()
    modal = page.get_by_role("dialog", name="Why?")
    await modal.get_by_role("button", name="Send").click()
    await modal.get_by_text("Please complete this required field.").first.wait_for()
    await modal.get_by_label("Reason").fill("because")
    await modal.get_by_label("How sure").select_option("A guess")
    await modal.get_by_role("button", name="Send").click()
    await modal.get_by_text("That is no reason.").wait_for()
    assert await modal.get_by_label("How sure").input_value() == "2"
    await modal.get_by_label("Reason").fill("a campaign")
    await page.keyboard.press("Enter")
    await modal.wait_for(state="hidden")

    # A button that edits the message in place.
    await living.get_by_role("button", name="Acknowledge").click()
    await living.get_by_text("@Jun Park has it").wait_for()
    assert await living.get_by_role("button", name="Acknowledge").count() == 0

    # A command, completed by the keyboard, answered privately.
    composer = page.get_by_role("combobox", name="Message #alerts")
    await composer.fill("/f")
    await page.get_by_role("option", name="/fettle").wait_for()
    await page.keyboard.press("Tab")
    await page.keyboard.type("status")
    await page.keyboard.press("Enter")
    private = page.get_by_role("article").filter(has_text="You asked: status")
    await private.get_by_text("Only visible to you").wait_for()

    # A shortcut from a message's menu, and the thread at the right.
    await composer.fill("is @sena there?")
    await page.keyboard.press("Enter")
    said = page.get_by_role("article").filter(has_text="is @Sena Okafor there?").first
    await said.hover()
    await said.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Open an incident").click()
    await page.get_by_role("article").filter(has_text="About: is").wait_for()
    await said.hover()
    await said.get_by_role("button", name="Reply in thread").click()
    thread = page.get_by_role("complementary", name="Thread")
    await thread.get_by_role("combobox").fill("here")
    await page.keyboard.press("Enter")
    await said.get_by_text("1 reply").wait_for()
    await page.keyboard.press("Escape")
    await thread.wait_for(state="hidden")


async def test_home_people_launchers_and_unread(harness: Harness, page: "Page") -> None:
    await harness.connect(fettle)
    await page.goto(harness.url)
    await page.get_by_role("button", name="What can Fettle do?").click()
    await page.get_by_role("article").filter(has_text="You asked: help").wait_for()

    navigation = page.get_by_role("navigation")
    await navigation.get_by_role("button", name="Fettle", exact=True).click()
    await page.get_by_role("tab", name="Home").click()
    await page.get_by_role("heading", name="Nothing is open").wait_for()

    await navigation.get_by_role("button", name="Act as").click()
    await page.get_by_role("menuitemradio", name="Ada Lindqvist").click()
    await navigation.get_by_text("Ada Lindqvist").wait_for()
    assert await page.get_by_text("You asked: help").count() == 0
    await harness.person().say("@ada please look", channel="#ops")
    await navigation.get_by_role("button", name="ops 1 unread for you").click()
    await page.get_by_role("article").get_by_text("@Ada Lindqvist").wait_for()
    await navigation.get_by_role("button", name="ops", exact=True).wait_for()


async def test_what_a_message_says_is_never_run(harness: Harness, page: "Page") -> None:
    client = harness.client()
    section = {
        "type": "section",
        "text": {"type": "mrkdwn", "text": NASTY},
        "fields": [{"type": "plain_text", "text": NASTY}],
    }
    link = {"type": "link", "url": "javascript:alert(4)", "text": "rich"}
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [link]}]}
    blocks: list[Json] = [section, rich, {"type": "markdown", "text": f"[x](javascript:alert(5)) {NASTY}"}]
    await client.chat_postMessage(channel="C0ALERTS", text=NASTY, blocks=blocks)
    await client.chat_postMessage(channel="C0ALERTS", text=NASTY, username=NASTY)
    await page.goto(f"{harness.url}/#as=U0JUNIOR&in=C0ALERTS")
    await page.get_by_role("article").nth(1).wait_for()

    assert await page.locator(".messages img, .messages script, .messages b").count() == 0
    assert await page.locator(".messages a[href^=javascript]").count() == 0
    assert "<b>bold</b>" in await page.get_by_role("article").nth(1).inner_text()


async def test_an_unanswered_button_shows_a_warning(harness: Harness, page: "Page") -> None:
    await harness.client().chat_postMessage(channel="C0ALERTS", text="INC-1", blocks=LIVING)
    await page.goto(f"{harness.url}/#as=U0JUNIOR&in=C0ALERTS")
    await page.get_by_role("button", name="Acknowledge").click()
    await page.get_by_role("img", name="Fettle did not answer (dispatch_failed).").wait_for()


async def test_a_phone_has_everything(harness: Harness, browser: "Browser") -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = await context.new_page()
    page.set_default_timeout(10_000)
    long = {"type": "section", "text": {"type": "mrkdwn", "text": "`" + "x" * 300 + "`"}}
    posted = await harness.client().chat_postMessage(channel="C0ALERTS", text="INC-1", blocks=[*LIVING, long])
    link = f"{harness.url}/archives/C0ALERTS/p{posted['ts'].replace('.', '')}"
    await page.goto(link)
    await page.get_by_role("article").wait_for()
    assert await page.evaluate("document.scrollingElement.scrollWidth") <= 390
    await page.get_by_role("button", name="Channels and people").click()
    await page.get_by_role("button", name="ops").click()
    await page.get_by_role("heading", name="ops", exact=True).wait_for()
    await context.close()
