"""From Slack to events: verified by Bolt, made durable, then acknowledged. Nothing is decided here.

One of the four edges where a broad ``except`` stands: whatever goes wrong while a delivery is taken in is told to the
person, because Slack's own words would only be that the app did not respond.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltContext, AsyncBoltRequest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.domain.events import CommandGiven, Event, HomeOpened, Origin, Pressed, Submitted
from bot.domain.incident import number
from bot.errors import NotFound
from bot.slack import payloads
from bot.slack.payloads import Body
from bot.slack.refusals import NO_ANSWER
from bot.slack.watched import Watched

log = structlog.get_logger(__name__)

MOST_TEXT = 3_000
OPEN_SECONDS = 2.0  # Slack gives three for everything
TELL_SECONDS = 5
ANYTHING = re.compile(".*", re.DOTALL)

Ack = Callable[..., Awaitable[object]]
KeyAt = Callable[[str, str], Awaitable[str | None]]


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Road(Protocol):
    """What listeners need of dispatch."""

    async def submit(self, event: Event) -> None:
        """Take an event in: durable when this returns."""
        ...


class Known(Protocol):
    """What listeners need to know."""

    def opens_modal(self, action: str) -> bool:
        """Whether a press opens a modal."""
        ...

    def has_command(self, name: str) -> bool:
        """Whether there is a command of that name."""
        ...

    def of_incident(self, command: str) -> bool:
        """Whether a command is about one incident, so that a number after it names one."""
        ...


class Listeners:
    """Every kind of delivery from Slack, each turned into one event."""

    def __init__(
        self,
        road: Road,
        known: Known,
        key_at: KeyAt,
        client: AsyncWebClient,
        command: str,
        clock: Callable[[], datetime] = now,
        watched: Watched | None = None,
    ) -> None:
        self._road, self._known, self._key_at = road, known, key_at
        self._client, self._command, self._clock = client, command, clock
        self._watched = watched

    def install(self, app: AsyncApp) -> None:
        """Have Bolt call these."""
        app.command(self._command)(self._on_command)
        app.action(ANYTHING)(self._on_action)
        app.view(ANYTHING)(self._on_view)
        app.view_closed(ANYTHING)(self._on_nothing)
        app.shortcut(ANYTHING)(self._on_shortcut)
        app.event("app_mention")(self._on_mention)
        app.event("app_home_opened")(self._on_home)
        app.event("message")(self._on_message)

    async def _on_command(self, ack: Ack, body: Body) -> None:
        text = payloads.plain(str(body.get("text") or ""))[:MOST_TEXT].strip()
        origin = Origin(channel=body["channel_id"], response_url=body.get("response_url", ""))
        event = self._given(f"command:{body['trigger_id']}", body["user_id"], text, origin, None)
        try:
            await self._road.submit(event)
        except Exception as error:
            await ack(_apology(event.request_id, error))
            return
        await ack()

    def _given(self, event_id: str, user: str, said: str, origin: Origin, thread: int | None) -> CommandGiven:
        """The command that was said: its incident is the one that it names, else the thread's.

        What names no command is a question when it has several words. A single unknown word is left to the nameless
        command, which says what there is.
        """
        words = said.split(maxsplit=1)
        name, text = (words[0].lower() if words else ""), "".join(words[1:])
        if not self._known.has_command(name):
            name, text = ("ask" if text else ""), said
        incident = thread
        first, _, rest = text.partition(" ")
        if first and self._known.of_incident(name):
            try:
                incident, text = number(first), rest.strip()
            except NotFound:
                incident = thread
        return CommandGiven(
            id=event_id,
            at=self._clock(),
            actor=user,
            request_id=_request(event_id),
            name=name,
            text=text,
            origin=origin,
            incident=incident,
        )

    async def _on_action(self, ack: Ack, body: Body) -> None:
        action = body["actions"][0]
        if "url" in action:  # a link: Slack tells of the press, and only wants it acknowledged
            await ack()
            return
        delivery = f"press:{body.get('trigger_id') or action['action_ts']}"
        await self._pressed(ack, body, delivery, action.get("action_id", ""), payloads.value(action))

    async def _on_shortcut(self, ack: Ack, body: Body) -> None:
        said = payloads.all_text(body.get("message") or {})
        await self._pressed(ack, body, f"shortcut:{body['trigger_id']}", body["callback_id"], said)

    async def _pressed(self, ack: Ack, body: Body, delivery: str, action: str, value: str) -> None:
        channel, message, thread, root = payloads.place(body)
        user, request = body["user"]["id"], _request(delivery)
        view, view_hash = await self._open(action, body)
        origin = Origin(channel, thread, message, body.get("response_url", ""), view, view_hash)
        try:
            key = await self._key_at(channel, root) if channel else None
            event = Pressed(
                id=delivery,
                at=self._clock(),
                actor=user,
                request_id=request,
                action=action,
                value=value[:MOST_TEXT],
                origin=origin,
                incident=_incident(key),
            )
            await self._road.submit(event)
        except Exception as error:
            if not await self._tell(user, origin, _apology(request, error)):
                raise
        await ack()

    async def _open(self, action: str, body: Body) -> tuple[str, str]:
        """Use the trigger at once, before it dies; gives the modal's id and hash, empty when it did not open."""
        if not self._known.opens_modal(action) or not body.get("trigger_id"):
            return "", ""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                opened = await self._client.views_open(trigger_id=body["trigger_id"], view=_notice("Reading …"))
        except (SlackApiError, *NO_ANSWER) as error:
            log.warning("the modal could not be opened", action=action, error=str(error) or type(error).__name__)
            return "", ""
        return opened["view"]["id"], opened["view"].get("hash", "")

    async def _on_view(self, ack: Ack, body: Body) -> None:
        view = body["view"]
        about, channel, thread = payloads.about(view.get("private_metadata") or "")
        request = _request(view["id"])
        event = Submitted(
            id=f"form:{view['id']}:{view.get('hash', '')}",
            at=self._clock(),
            actor=body["user"]["id"],
            request_id=request,
            callback=view["callback_id"],
            about=about,
            values=payloads.values(view),
            origin=Origin(channel, thread),
        )
        try:
            await self._road.submit(event)
        except Exception as error:
            sorry, field = _apology(request, error), payloads.first_input(view)
            if field:  # what the person typed stays, and can be sent again
                await ack(response_action="errors", errors={field: sorry})
            else:
                await ack(response_action="update", view=_notice(sorry))
            return
        await ack()

    async def _on_mention(self, body: Body, request: AsyncBoltRequest) -> None:
        if payloads.said_by_a_person(body["event"]):
            await self._said(body, request)

    async def _on_message(self, body: Body, request: AsyncBoltRequest, context: AsyncBoltContext) -> None:
        """A direct message is a command without the slash, another bot's message in a watched channel may be an alert.

        Every other message is left alone.
        """
        if body["event"].get("channel_type") == "im":
            if payloads.said_by_a_person(body["event"]):
                await self._said(body, request)
        elif self._watched is not None:
            event_id = f"event:{body['event_id']}"
            await self._watched.heard(body, context.bot_id or "", self._clock(), _request(event_id))

    async def _said(self, body: Body, request: AsyncBoltRequest) -> None:
        said, event_id = body["event"], f"event:{body['event_id']}"
        text = payloads.plain(payloads.without_mention(str(said.get("text") or ""), body))[:MOST_TEXT].strip()
        thread = said.get("thread_ts") or ""
        origin = Origin(said["channel"], thread, said["ts"])
        try:
            key = await self._key_at(said["channel"], thread) if thread else None
            await self._road.submit(self._given(event_id, said["user"], text, origin, _incident(key)))
        except Exception as error:
            # Not acknowledged, so Slack brings it again, three times in six minutes: the person is told once.
            if request.headers.get("x-slack-retry-num", ["0"])[0] == "0":
                await self._tell(said["user"], origin, _apology(_request(event_id), error, again=True))
            raise

    async def _on_home(self, body: Body) -> None:
        said, event_id = body["event"], f"event:{body['event_id']}"
        if said.get("tab", "home") == "home":
            await self._road.submit(
                HomeOpened(id=event_id, at=self._clock(), actor=said["user"], request_id=_request(event_id))
            )

    async def _on_nothing(self, ack: Ack) -> None:
        await ack()

    async def _tell(self, user: str, origin: Origin, text: str) -> bool:
        """Tell a person something without the road, which is what failed. False when that failed too."""
        try:
            if origin.view:
                await self._client.views_update(view_id=origin.view, view=_notice(text))
            elif origin.response_url:
                hook = AsyncWebhookClient(origin.response_url, timeout=TELL_SECONDS, retry_handlers=[])
                await hook.send(text=text, response_type="ephemeral", replace_original=False)
            elif origin.channel.startswith("D"):
                await self._client.chat_postMessage(channel=origin.channel, text=text)
            elif origin.channel:
                await self._client.chat_postEphemeral(
                    channel=origin.channel, user=user, text=text, thread_ts=origin.thread or None
                )
            else:
                await self._client.chat_postMessage(channel=user, text=text)
        except (SlackApiError, *NO_ANSWER) as error:
            log.warning("a person could not be told", user=user, error=str(error) or type(error).__name__)
            return False
        return True


def _apology(request_id: str, error: Exception, *, again: bool = False) -> str:
    """For the person, while the log gets the whole story."""
    log.error("a delivery could not be taken in", request_id=request_id, exc_info=error)
    next_step = (
        "Slack brings it to me again by itself, so wait a moment"
        if again
        else "Nothing happened. Try again in a moment"
    )
    return (
        f"I could not take this in ({type(error).__name__}). {next_step}; if it stays so, `fettle doctor` says what is "
        f"wrong. Request `{request_id}`."
    )


def _notice(text: str) -> dict[str, Any]:
    """A modal that only says something."""
    return {
        "type": "modal",
        "callback_id": "notice",
        "title": {"type": "plain_text", "text": "Fettle"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}],
    }


def _incident(key: str | None) -> int | None:
    found = re.match(r"(?:incident|note):(\d+)", key or "")
    return int(found[1]) if found else None


def _request(delivery: str) -> str:
    """The id by which one delivery is followed through every log line."""
    return f"slack-{delivery[-16:]}"
