"""From Slack to events: verified by Bolt, made durable, then acknowledged. Nothing is decided here.

One of the four edges where a broad ``except`` stands: whatever goes wrong while a delivery is taken in is told to the
person, because Slack's own words would only be that the app did not respond.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.events import CommandGiven, Event, HomeOpened, Origin, Pressed, Submitted
from bot.domain.incident import number
from bot.errors import NotFound

log = structlog.get_logger(__name__)

MOST_TEXT = 3_000
LOADING = {
    "type": "modal",
    "callback_id": "loading",
    "title": {"type": "plain_text", "text": "One moment"},
    "close": {"type": "plain_text", "text": "Close"},
    "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "Reading …"}}],
}

Body = Mapping[str, Any]


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


KeyAt = Callable[[str, str], Awaitable[str | None]]


class Listeners:
    """Every kind of delivery from Slack, each turned into one event."""

    def __init__(self, road: Road, known: Known, key_at: KeyAt, client: AsyncWebClient, command: str) -> None:
        self._road, self._known, self._key_at = road, known, key_at
        self._client, self._command = client, command

    def install(self, app: AsyncApp) -> None:
        """Have Bolt call these."""
        app.command(self._command)(self._on_command)
        app.action(re.compile(".*"))(self._on_action)
        app.view(re.compile(".*"))(self._on_view)
        app.view_closed(re.compile(".*"))(self._on_nothing)
        app.shortcut(re.compile(".*"))(self._on_shortcut)
        app.event("app_mention")(self._on_mention)
        app.event("app_home_opened")(self._on_home)
        app.event("message")(self._on_message)

    async def _on_command(self, ack: Callable[..., Awaitable[None]], body: Body) -> None:
        text = str(body.get("text", ""))[:MOST_TEXT].strip()
        origin = Origin(channel=body["channel_id"], response_url=body.get("response_url", ""))
        event = self._given(f"command:{body['trigger_id']}", body["user_id"], self._split(text), origin, None)
        await self._take(ack, event, as_text=True)

    def _split(self, text: str) -> tuple[str, str]:
        """The command's name and the rest. What names no command is a question when it has several words.

        A single unknown word is left to the nameless command, which says what there is.
        """
        word, _, rest = text.partition(" ")
        if self._known.has_command(word.lower()):
            return word.lower(), rest.strip()
        return ("ask", text) if rest else ("", text)

    def _given(
        self, event_id: str, user: str, said: tuple[str, str], origin: Origin, thread: int | None
    ) -> CommandGiven:
        """The command that was said: its incident is the one that it names, else the thread's."""
        name, text = said
        incident = thread
        first, _, rest = text.partition(" ")
        if first and self._known.of_incident(name):
            try:
                incident, text = number(first), rest.strip()
            except NotFound:
                incident = thread
        return CommandGiven(
            id=event_id,
            at=_now(),
            actor=user,
            request_id=_request(event_id),
            name=name,
            text=text,
            origin=origin,
            incident=incident,
        )

    async def _on_action(self, ack: Callable[..., Awaitable[None]], body: Body) -> None:
        action = body["actions"][0]
        container = body.get("container", {})
        channel = body.get("channel", {}).get("id") or container.get("channel_id", "")
        message = container.get("message_ts", "")
        thread = body.get("message", {}).get("thread_ts", "") or container.get("thread_ts", "")
        name = action.get("action_id", "")
        if "url" in action:  # a link: Slack tells of the press, and only wants it acknowledged
            await ack()
            return
        view, view_hash = await self._open(name, body)
        event = Pressed(
            id=f"press:{body.get('trigger_id') or action.get('action_ts')}",
            at=_now(),
            actor=body["user"]["id"],
            request_id=_request(str(body.get("trigger_id", ""))),
            action=name,
            value=_value(action)[:2_000],
            origin=Origin(channel, thread, message, body.get("response_url", ""), view, view_hash),
            incident=_incident(await self._key_at(channel, thread or message) if channel else None),
        )
        await self._take(ack, event)

    async def _open(self, action: str, body: Body) -> tuple[str, str]:
        """Use the trigger at once, before it dies; gives the modal's id and hash."""
        if not self._known.opens_modal(action):
            return "", ""
        try:
            opened = await self._client.views_open(trigger_id=body["trigger_id"], view=LOADING)
        except SlackApiError as error:
            log.warning("the modal could not be opened", action=action, error=error.response.get("error"))
            return "", ""
        return opened["view"]["id"], opened["view"].get("hash", "")

    async def _on_view(self, ack: Callable[..., Awaitable[None]], body: Body) -> None:
        view = body["view"]
        about, channel, thread = _about(view.get("private_metadata", ""))
        values = {
            block: _value(next(iter(elements.values())))
            for block, elements in view["state"]["values"].items()
            if elements
        }
        event = Submitted(
            id=f"form:{view['id']}:{view.get('hash', '')}",
            at=_now(),
            actor=body["user"]["id"],
            request_id=_request(view["id"]),
            callback=view["callback_id"],
            about=about,
            values=values,
            origin=Origin(channel, thread),
        )
        await self._take(ack, event)

    async def _on_shortcut(self, ack: Callable[..., Awaitable[None]], body: Body) -> None:
        message = body.get("message", {})
        channel = body.get("channel", {}).get("id", "")
        key = await self._key_at(channel, message.get("ts", "")) if channel else None
        event = Pressed(
            id=f"shortcut:{body['trigger_id']}",
            at=_now(),
            actor=body["user"]["id"],
            request_id=_request(body["trigger_id"]),
            action=body["callback_id"],
            value=_all_text(message)[:MOST_TEXT],
            origin=Origin(channel, message.get("thread_ts", ""), message.get("ts", ""), body.get("response_url", "")),
            incident=_incident(key),
        )
        await self._take(ack, event)

    async def _on_mention(self, body: Body) -> None:
        said = body["event"]
        if said.get("bot_id") and not said.get("user"):
            return
        await self._said(body["event_id"], said)

    async def _on_message(self, body: Body) -> None:
        """A direct message is a command without the slash; every other message is left alone."""
        said = body["event"]
        if said.get("channel_type") == "im" and not said.get("bot_id") and not said.get("subtype"):
            await self._said(body["event_id"], said)

    async def _said(self, event_id: str, said: Body) -> None:
        text = re.sub(r"<@[A-Z0-9]+>", "", str(said.get("text", "")), count=1)[:MOST_TEXT].strip()
        thread = said.get("thread_ts", "")
        key = await self._key_at(said["channel"], thread) if thread else None
        in_thread = thread or ("" if said.get("channel_type") == "im" else said["ts"])
        origin = Origin(said["channel"], in_thread, said["ts"])
        event = self._given(f"event:{event_id}", said["user"], self._split(text), origin, _incident(key))
        await self._road.submit(event)

    async def _on_home(self, body: Body) -> None:
        said = body["event"]
        if said.get("tab", "home") == "home":
            event_id = body["event_id"]
            await self._road.submit(
                HomeOpened(id=f"event:{event_id}", at=_now(), actor=said["user"], request_id=_request(event_id))
            )

    async def _on_nothing(self, ack: Callable[..., Awaitable[None]]) -> None:
        await ack()

    async def _take(self, ack: Callable[..., Awaitable[None]], event: Event, *, as_text: bool = False) -> None:
        try:
            await self._road.submit(event)
        except Exception as error:
            log.exception("a delivery could not be taken in", event=event.id)
            if not as_text:
                raise
            await ack(
                f"Fettle could not take this in ({type(error).__name__}), so nothing happened. Try again in a moment; "
                f"if it stays so, `fettle doctor` says what is wrong. Request {event.request_id}."
            )
            return
        await ack()


def _value(element: Body) -> str:
    """What a button carries, or what a person chose or typed."""
    for name in ("value", "selected_user", "selected_channel", "selected_date", "selected_time"):
        if element.get(name):
            return str(element[name])
    chosen = element.get("selected_option") or {}
    return str(chosen.get("value", ""))


def _all_text(message: Body) -> str:
    """A message's text with that of its sections: other bots often put everything into blocks or attachments."""
    parts = [str(message.get("text", ""))]
    for block in message.get("blocks", []):
        text = block.get("text")
        if isinstance(text, dict):
            parts.append(str(text.get("text", "")))
    parts += [str(one.get("text") or one.get("fallback") or "") for one in message.get("attachments", [])]
    return " ".join(part for part in dict.fromkeys(parts) if part)


def _about(metadata: str) -> tuple[str, str, str]:
    """What a modal was opened for, and where: the courier puts both into its metadata."""
    about, _, where = metadata.partition("\n")
    channel, _, thread = where.partition(" ")
    return about, channel, thread


def _incident(key: str | None) -> int | None:
    if key is None:
        return None
    found = re.match(r"(?:incident|note):(\d+)", key)
    return int(found[1]) if found else None


def _request(seed: str) -> str:
    return f"slack-{seed[-16:]}"


def _now() -> datetime:
    return datetime.now(UTC)
