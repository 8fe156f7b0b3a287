"""One message into Slack: the calls that each kind of it takes, at Slack's pace."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.domain.effects import Rendered
from bot.errors import NotFound
from bot.slack import refusals
from bot.slack.files import Files
from bot.slack.last_look import LastLook
from bot.slack.pace import POST, UPDATE, Pace, Wait
from bot.slack.refusals import Means
from storage.outbox import Outbox, Outgoing, Place

log = structlog.get_logger(__name__)

EVENT_TYPE = "fettle_message"
HOOK_SECONDS, PERMALINK_SECONDS = 5, 3
RESPONSE_URL_LIVES = timedelta(minutes=29)
ORPHANED_AFTER = timedelta(seconds=30)
CLOCKS_DIFFER = timedelta(minutes=10)
MOST_PAGES = 5
TOO_LATE = "That dialog could not be opened in time: Slack gives three seconds. Press again."

Render = Callable[[str], Awaitable[Rendered | None]]
StillOurs = Callable[[], Awaitable[None]]
Blocks = list[dict[str, Any]]


class NotOurs(Exception):
    """Somebody else has the claim by now: they post it."""


@dataclass(frozen=True, slots=True)
class Stands:
    """What stands in Slack now. Without ``ts`` it cannot be found again: an answer, a modal, a home tab."""

    revision: int
    ts: str = ""
    channel: str = ""
    permalink: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says."""

    text: str
    blocks: Blocks


class Gateway:
    """Knows Slack's methods, and which of them each kind of message takes."""

    def __init__(
        self,
        client: AsyncWebClient,
        outbox: Outbox,
        files: Files,
        render: Render,
        pace: Pace,
        clock: Callable[[], datetime],
        look: LastLook,
    ) -> None:
        self._client, self._outbox, self._files, self._render = client, outbox, files, render
        self._pace, self._clock, self._look = pace, clock, look

    async def show(self, row: Outgoing, still_ours: StillOurs) -> Stands:
        """Make it stand in Slack as it shall. ``still_ours`` is asked right before a post, which cannot be undone.

        Raises ``Wait``, ``NotOurs``, ``NotFound`` when it can never be shown, Slack's errors, and whatever rendering
        raises.
        """
        match row.kind:
            case "living":
                return await self._living(row, still_ours)
            case "note":
                content = await self._content(row.text, row.blocks, row.attempts)
                return await self._post(row, (row.channel, row.under), content, still_ours)
            case "reply":
                return await self._reply(row, still_ours)
            case "modal":
                return await self._modal(row, still_ours)
            case "home":
                return await self._home(row)

    async def _content(self, text: str, blocks: Sequence[Mapping[str, Any]], attempts: int) -> Content:
        seen = self._look.blocks(blocks)
        return Content(self._look.text(text, seen), await self._files.in_place(seen, attempts))

    async def _living(self, row: Outgoing, still_ours: StillOurs) -> Stands:
        rendered = await self._render(row.key)
        if rendered is None:
            return Stands(row.revision, row.ts, row.posted_channel, row.permalink, row.digest)
        content = await self._content(rendered.text, rendered.blocks, row.attempts)
        if not row.ts:
            place, thread = (rendered.channel, rendered.under), rendered.origin.thread
            return await self._post(row, place, content, still_ours, thread=thread)
        digest = _digest(content)
        if digest != row.digest:
            with self._pace.call(UPDATE):
                await self._client.chat_update(
                    channel=row.posted_channel,
                    ts=row.ts,
                    text=content.text,
                    blocks=content.blocks,
                    metadata=_metadata(row.key),
                )
        permalink = row.permalink or await self._permalink(row.posted_channel, row.ts)
        return Stands(row.revision, row.ts, row.posted_channel, permalink, digest)

    async def _home(self, row: Outgoing) -> Stands:
        rendered = await self._render(row.key)
        content = await self._content(rendered.text, rendered.blocks, row.attempts) if rendered else Content("", [])
        with self._pace.call("views.publish"):
            await self._client.views_publish(
                user_id=row.key.partition(":")[2], view={"type": "home", "blocks": content.blocks}
            )
        return Stands(row.revision)

    async def _modal(self, row: Outgoing, still_ours: StillOurs) -> Stands:
        """Fill the modal that opened at the press. Where it is: in its metadata, for what the person sends from it."""
        origin = dict(row.origin or {})
        if not origin.get("view"):
            return await self._privately(row, Content(TOO_LATE, []), still_ours)
        view = self._look.part(origin.get("modal") or {})
        where = f"{origin.get('channel', '')} {origin.get('thread', '')}".strip()
        view["private_metadata"] = f"{view.get('private_metadata', '')}\n{where}"
        view["blocks"] = await self._files.in_place(view.get("blocks", []), row.attempts)
        with self._pace.call("views.update"):
            await self._client.views_update(
                view_id=origin["view"], hash=str(origin.get("view_hash", "")) or None, view=view
            )
        return Stands(row.revision)

    async def _reply(self, row: Outgoing, still_ours: StillOurs) -> Stands:
        origin = dict(row.origin or {})
        content = await self._content(row.text, row.blocks, row.attempts)
        if origin.get("view") and await self._into_modal(origin, content):
            return Stands(row.revision)
        if row.private:
            return await self._privately(row, content, still_ours)
        channel = row.channel or await self._direct(str(origin.get("user", "")))
        thread = str(origin.get("thread") or origin.get("message") or "")
        return await self._post(row, (channel, ""), content, still_ours, thread=thread)

    async def _into_modal(self, origin: Mapping[str, Any], content: Content) -> bool:
        """Show an answer in the modal that waits for its content; False when it is not there any more."""
        section = {"type": "section", "text": {"type": "mrkdwn", "text": content.text[:3_000]}}
        view = {
            "type": "modal",
            "title": {"type": "plain_text", "text": "Fettle"},
            "close": {"type": "plain_text", "text": "Close"},
            "blocks": content.blocks or [section],
        }
        try:
            with self._pace.call("views.update"):
                await self._client.views_update(view_id=origin["view"], view=view)
        except SlackApiError as error:
            if refusals.read(error).means in (Means.AWAY, Means.AGAIN):
                raise
            return False
        return True

    async def _privately(self, row: Outgoing, content: Content, still_ours: StillOurs) -> Stands:
        """To one person: where they asked, else as a direct message. Rather twice after a crash than never."""
        origin = dict(row.origin or {})
        user, thread = str(origin.get("user", "")), str(origin.get("thread") or "")
        if await self._by_response_url(row, origin, content, thread):
            return Stands(row.revision)
        try:
            if row.channel.startswith("D"):
                return await self._post(row, (row.channel, ""), content, still_ours, thread=thread)
            if row.channel:
                with self._pace.call("chat.postEphemeral"):
                    await self._client.chat_postEphemeral(
                        channel=row.channel,
                        user=user,
                        text=content.text,
                        blocks=content.blocks or None,
                        thread_ts=thread or None,
                    )
                return Stands(row.revision)
        except SlackApiError as error:
            refusal = refusals.read(error)
            if refusal.means not in (Means.ELSEWHERE, Means.NO_THREAD):
                raise
            log.info("not where it was asked; a direct message instead", key=row.key, why=refusal.reason)
        return await self._post(row, (await self._direct(user), ""), content, still_ours)

    async def _by_response_url(self, row: Outgoing, origin: Mapping[str, Any], content: Content, thread: str) -> bool:
        """Answer at the address that came with the press or the command, once: it takes five answers in all."""
        url = str(origin.get("response_url") or "")
        if not url or row.attempts or self._clock() - row.created_at > RESPONSE_URL_LIVES:
            return False
        body: dict[str, Any] = {"text": content.text, "response_type": "ephemeral", "replace_original": False}
        if content.blocks:
            body["blocks"] = content.blocks
        if thread:
            body["thread_ts"] = thread
        try:
            answer = await AsyncWebhookClient(url, timeout=HOOK_SECONDS, retry_handlers=[]).send_dict(body)
        except refusals.NO_ANSWER as error:
            log.info("the response address gave no answer; another way instead", error=type(error).__name__)
            return False
        if answer.status_code != HTTPStatus.OK:
            log.info("the response address was refused; another way instead", status=answer.status_code)
        return answer.status_code == HTTPStatus.OK

    async def _direct(self, user: str) -> str:
        with self._pace.call("conversations.open"):
            answer = await self._client.conversations_open(users=user)
        return str(answer["channel"]["id"])

    async def _post(
        self, row: Outgoing, place: Place, content: Content, still_ours: StillOurs, *, thread: str = ""
    ) -> Stands:
        above = await self._above(row, place)
        channel, thread = (above.posted_channel, above.ts) if above else (place[0], thread)
        if not channel:
            raise NotFound(f"It belongs under {place[1]}, which does not stand in Slack, and names no channel.")
        if (seconds := self._pace.wait(POST, channel)) > 0:
            raise Wait(seconds, place, method=POST)
        if row.trying_revision is not None and (found := await self._find(row, channel, thread)):
            log.info("it was posted already, and that was not recorded", key=row.key)
            at, ts = found
            revision = min(row.trying_revision, row.revision)
            return Stands(revision, ts, at, await self._permalink(at, ts))
        await still_ours()
        try:
            answer = await self._send(row, place, channel, thread, content)
        except SlackApiError as error:
            if above is None or refusals.read(error).means is not Means.NO_THREAD:
                raise
            if row.attempts == 0:
                log.info("the message above is gone from Slack; it is posted anew", key=row.key, above=above.key)
                await self._outbox.forget_place(above.key, self._clock())
                raise Wait(1.0, place, counts=True) from error
            answer = await self._send(row, place, channel, "", content)
        at, ts = str(answer["channel"]), str(answer["ts"])
        self._pace.same(channel, at)
        return Stands(row.revision, ts, at, await self._permalink(at, ts), _digest(content))

    async def _above(self, row: Outgoing, place: Place) -> Outgoing | None:
        """The message in whose thread it goes; None when there is none and none will come. Raises ``Wait``."""
        if not place[1]:
            return None
        above = await self._outbox.get(place[1])
        if above is not None and above.ts:
            return above
        if above is None:
            coming = self._clock() - row.created_at < ORPHANED_AFTER
        else:
            coming = above.posted_revision < above.revision and above.dead_reason is None
        if coming:
            raise Wait(1.0, place)
        return None

    async def _send(
        self, row: Outgoing, place: Place, channel: str, thread: str, content: Content
    ) -> AsyncSlackResponse:
        with self._pace.call(POST, channel, place):
            return await self._client.chat_postMessage(
                channel=channel,
                text=content.text,
                blocks=content.blocks or None,
                thread_ts=thread or None,
                metadata=_metadata(row.key),
                unfurl_links=False,
                unfurl_media=False,
            )

    async def _find(self, row: Outgoing, channel: str, thread: str) -> tuple[str, str] | None:
        """Channel and time stamp of a message of ours with that key, among those since it was asked for."""
        oldest = f"{(row.created_at - CLOCKS_DIFFER).timestamp():.6f}"
        cursor: str | None = None
        try:
            at = await self._id_of(channel)
            for _page in range(MOST_PAGES):
                with self._pace.call("conversations.replies" if thread else "conversations.history"):
                    answer = await self._page(at, thread, oldest, cursor)
                for message in answer["messages"]:
                    metadata = message.get("metadata") or {}
                    ours = metadata.get("event_type") == EVENT_TYPE
                    if ours and (metadata.get("event_payload") or {}).get("key") == row.key:
                        return at, str(message["ts"])
                cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
                if cursor is None:
                    return None
        except SlackApiError as error:
            refusal = refusals.read(error)
            if refusal.means in (Means.AWAY, Means.AGAIN):
                raise
            log.warning("could not look whether it was posted; it is posted", key=row.key, why=refusal.reason)
        return None

    async def _page(self, channel: str, thread: str, oldest: str, cursor: str | None) -> AsyncSlackResponse:
        if thread:
            return await self._client.conversations_replies(
                channel=channel, ts=thread, oldest=oldest, limit=200, include_all_metadata=True, cursor=cursor
            )
        return await self._client.conversations_history(
            channel=channel, oldest=oldest, limit=200, include_all_metadata=True, cursor=cursor
        )

    async def _id_of(self, channel: str) -> str:
        """A channel's id: history cannot be read by name, as posts can be made."""
        if not channel.startswith("#") or self._pace.id_of(channel) != channel:
            return self._pace.id_of(channel)
        cursor: str | None = None
        while True:
            with self._pace.call("conversations.list"):
                answer = await self._client.conversations_list(
                    types="public_channel,private_channel", exclude_archived=True, limit=1_000, cursor=cursor
                )
            for one in answer["channels"]:
                if one.get("name") == channel[1:]:
                    self._pace.same(channel, one["id"])
                    return str(one["id"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return channel

    async def _permalink(self, channel: str, ts: str) -> str:
        try:
            async with asyncio.timeout(PERMALINK_SECONDS):
                answer = await self._client.chat_getPermalink(channel=channel, message_ts=ts)
        except (SlackApiError, *refusals.NO_ANSWER):
            return ""
        return str(answer["permalink"])


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key}}


def _digest(content: Content) -> str:
    parts: Sequence[object] = [content.text, *content.blocks]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
