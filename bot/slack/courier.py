"""From the outbox to Slack: every message as it shall stand there, once, within Slack's rates.

Rows say what shall be shown; the courier makes it so. A living message is rendered when its turn has come, so ten
changes before that are one post. Before anything is posted a mark stands in the row; who finds a mark left by a process
that died looks in Slack for the message's metadata before posting.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackObjectFormationError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.domain.effects import Blocks, Rendered
from bot.errors import NotFound
from bot.slack.pace import Pace
from storage.outbox import Outbox, Outgoing
from storage.pictures import Pictures

log = structlog.get_logger(__name__)

EVENT_TYPE = "fettle_message"
CLAIM_SECONDS = 60.0
MOST_ATTEMPTS = 8
IDLE_SECONDS = 0.5
GONE = {"message_not_found", "thread_not_found"}
PASSING = {
    "ratelimited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
}
MOOT = {
    "expired_trigger_id",
    "view_not_found",
    "not_found",
    "hash_conflict",
    "no_active_hooks",
    "used_url",
    "expired_url",
}

Render = Callable[[str], Awaitable[Rendered | None]]
Posted = tuple[str, str]


class Waits(Exception):  # a reason to wait, no fault
    """Not yet: the message that it belongs under has not been posted."""


class Courier:
    """Posts what is due. ``clock`` tells the time, ``steady`` seconds that never go back.

    ``owner`` names the process, ``posted`` is told each message's kind and what became of it.
    """

    def __init__(  # what it joins
        self,
        client: AsyncWebClient,
        outbox: Outbox,
        pictures: Pictures,
        render: Render,
        *,
        clock: Callable[[], datetime],
        steady: Callable[[], float],
        owner: str,
        posted: Callable[[str, str], None] = lambda _kind, _result: None,
    ) -> None:
        self._client, self._outbox, self._pictures, self._render = client, outbox, pictures, render
        self._clock, self._steady, self._owner, self._count = clock, steady, owner, posted
        self._pace = Pace()
        self._bell = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Something may be due now."""
        self._bell.set()

    async def run(self) -> None:
        """Deliver until cancelled: channels side by side, the messages of one channel one after the other."""
        try:
            while True:
                self._bell.clear()
                pause = await self._round()
                try:
                    await asyncio.wait_for(self._bell.wait(), pause)
                except TimeoutError:
                    continue
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _round(self) -> float:
        """Start what may be sent now. Gives the seconds until something may be due again."""
        pause = IDLE_SECONDS
        taken: set[str] = set(self._busy)
        for row in await self._outbox.due(self._clock()):
            lane = _lane(row)
            if lane in taken:
                continue
            wait = self._pace.bucket(_method(row), row.posted_channel or row.channel or _lane(row)).wait(self._steady())
            if wait > 0:
                pause = min(pause, wait)
                continue
            taken.add(lane)
            task = asyncio.create_task(self._deliver(row.key))
            self._busy[lane] = task
            task.add_done_callback(partial(self._free, lane, row.key))
        return pause

    def _free(self, lane: str, key: str, done: asyncio.Task[None]) -> None:
        self._busy.pop(lane, None)
        if not done.cancelled() and (fault := done.exception()) is not None:
            log.error("a message could not be shown", key=key, exc_info=fault)
            self._busy[f"fault:{key}"] = task = asyncio.create_task(self._give_way(key, fault))
            task.add_done_callback(lambda _over: self._busy.pop(f"fault:{key}", None))
        self._bell.set()

    async def _give_way(self, key: str, fault: BaseException) -> None:
        """A fault of our own, in a view for instance: tried again later, and given up in the end."""
        row = await self._outbox.get(key)
        if row is not None:
            await self._again(row, f"{type(fault).__name__}: {fault}", None, nothing_happened=False)

    async def _deliver(self, key: str) -> None:
        now = self._clock()
        row = await self._outbox.claim(key, self._owner, now + timedelta(seconds=CLAIM_SECONDS), now)
        if row is None:
            return
        try:
            await self._send(row)
            self._count(row.kind, "posted")
        except Waits:
            await self._outbox.retry(key, self._clock() + timedelta(seconds=0.3), "waits", nothing_happened=True)
        except SlackApiError as error:
            await self._refused(row, error)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            await self._again(row, f"{type(error).__name__}: {error}", None, nothing_happened=False)
        except (NotFound, SlackObjectFormationError) as error:
            await self._bury(row, str(error))

    async def _refused(self, row: Outgoing, error: SlackApiError) -> None:
        code = str(error.response.get("error", "")) or f"HTTP {error.response.status_code}"
        if code in GONE and row.ts:
            log.info("a message is gone from Slack; it is posted anew", key=row.key)
            await self._outbox.forget_place(row.key, self._clock())
        elif code == "ratelimited" or error.response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            wait = float(error.response.headers.get("Retry-After", 1))
            self._pace.bucket(_method(row), row.posted_channel or row.channel).shut(self._steady(), wait)
            self._count(row.kind, "ratelimited")
            at = self._clock() + timedelta(seconds=wait)
            await self._outbox.retry(row.key, at, code, nothing_happened=True)
        elif code in PASSING or error.response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            await self._again(row, code, None, nothing_happened=False)
        elif code in MOOT:
            await self._bury(row, code)
        else:
            messages = error.response.get("response_metadata") or {}
            await self._bury(row, f"{code} {'; '.join(messages.get('messages', [])[:5])}".strip())

    async def _again(self, row: Outgoing, error: str, wait: float | None, *, nothing_happened: bool) -> None:
        if row.attempts + 1 >= MOST_ATTEMPTS:
            await self._bury(row, f"gave up after {row.attempts + 1} tries: {error}")
            return
        seconds = wait if wait is not None else min(0.5 * 2**row.attempts, 30.0)
        log.info("will be tried again", key=row.key, error=error, seconds=seconds)
        self._count(row.kind, "retried")
        at = self._clock() + timedelta(seconds=seconds)
        await self._outbox.retry(row.key, at, error, nothing_happened=nothing_happened)

    async def _bury(self, row: Outgoing, error: str) -> None:
        log.warning("a message was given up", key=row.key, error=error)
        self._count(row.kind, "dead")
        await self._outbox.bury(row.key, error)

    async def _send(self, row: Outgoing) -> None:
        match row.kind:
            case "living":
                await self._living(row)
            case "home":
                rendered = await self._render(row.key)
                view = {"type": "home", "blocks": list(rendered.blocks) if rendered else []}
                self._take("views.publish", "")
                await self._client.views_publish(user_id=row.key.partition(":")[2], view=view)
                await self._done(row, "", "", "")
            case "note":
                await self._post(row, row.channel, row.under, row.text, [dict(one) for one in row.blocks])
            case "reply":
                await self._reply(row)
            case "modal":
                await self._modal(row)

    async def _living(self, row: Outgoing) -> None:
        rendered = await self._render(row.key)
        if rendered is None:
            await self._done(row, row.ts, row.posted_channel, row.digest, row.permalink)
            return
        blocks = await self._with_pictures(rendered.blocks)
        digest = _digest(rendered.text, blocks)
        if not row.ts:
            await self._post(row, rendered.channel, rendered.under, rendered.text, blocks, digest)
            return
        if digest != row.digest:
            self._take("chat.update", "")
            await self._client.chat_update(
                channel=row.posted_channel, ts=row.ts, text=rendered.text, blocks=blocks, metadata=_metadata(row.key)
            )
        await self._done(row, row.ts, row.posted_channel, digest, row.permalink)

    async def _post(  # the parts of a message
        self,
        row: Outgoing,
        channel: str,
        under: str,
        text: str,
        blocks: Sequence[dict[str, Any]],
        digest: str = "",
        *,
        thread: str | None = None,
    ) -> None:
        parent = await self._outbox.get(under) if under else None
        if under and (parent is None or not parent.ts):
            raise Waits
        thread = parent.ts if parent else thread
        where = parent.posted_channel if parent else channel
        if row.trying_revision is not None:
            found = await self._find(row.key, where, thread)
            if found:
                log.info("it was posted before the restart", key=row.key)
                permalink = await self._permalink(where, found)
                await self._done(row, found, where, "", permalink, revision=min(row.trying_revision, row.revision))
                return
        self._take("chat.postMessage", where)
        answer = await self._client.chat_postMessage(
            channel=where,
            text=text,
            blocks=list(blocks) or None,
            thread_ts=thread,
            metadata=_metadata(row.key),
            unfurl_links=False,
            unfurl_media=False,
        )
        at, ts = str(answer["channel"]), str(answer["ts"])
        await self._done(row, ts, at, digest, await self._permalink(at, ts))

    async def _find(self, key: str, channel: str, thread: str | None) -> str | None:
        """The time stamp of a message of ours with that key, among the newest of the channel or the thread."""
        cursor: str | None = None
        for _page in range(5):
            answer: AsyncSlackResponse
            if thread:
                answer = await self._client.conversations_replies(
                    channel=channel, ts=thread, limit=200, include_all_metadata=True, cursor=cursor
                )
            else:
                answer = await self._client.conversations_history(
                    channel=channel, limit=200, include_all_metadata=True, cursor=cursor
                )
            for message in answer["messages"]:
                metadata = message.get("metadata") or {}
                if metadata.get("event_type") == EVENT_TYPE and metadata.get("event_payload", {}).get("key") == key:
                    return str(message["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return None
        return None

    async def _permalink(self, channel: str, ts: str) -> str:
        try:
            answer = await self._client.chat_getPermalink(channel=channel, message_ts=ts)
        except (TimeoutError, SlackApiError, aiohttp.ClientError):
            return ""
        return str(answer["permalink"])

    async def _reply(self, row: Outgoing) -> None:
        """An answer to one person. After a crash it is sent again: a private answer twice is better than never."""
        origin = dict(row.origin or {})
        user, channel, thread = str(origin.get("user", "")), row.channel, str(origin.get("thread") or "") or None
        blocks = [dict(one) for one in row.blocks] or None
        if origin.get("response_url") and not row.attempts:
            hook = AsyncWebhookClient(str(origin["response_url"]))
            kind = "ephemeral" if row.private else "in_channel"
            answer = await hook.send(text=row.text, blocks=blocks, response_type=kind, replace_original=False)
            if answer.status_code == HTTPStatus.OK:
                await self._done(row, "", "", "")
                return
            log.info("the response address was refused; another way instead", status=answer.status_code)
        if row.private and channel and not channel.startswith("D"):
            self._take("chat.postEphemeral", "")
            await self._client.chat_postEphemeral(
                channel=channel, user=user, text=row.text, blocks=blocks, thread_ts=thread
            )
            await self._done(row, "", "", "")
            return
        await self._post(row, channel or user, "", row.text, blocks or [], thread=thread)

    async def _modal(self, row: Outgoing) -> None:
        origin = dict(row.origin or {})
        view = dict(origin.get("modal") or {})
        where = f"{origin.get('channel', '')} {origin.get('thread') or origin.get('message') or ''}".strip()
        view["private_metadata"] = f"{view.get('private_metadata', '')}\n{where}"
        self._take("views.update", "")
        await self._client.views_update(view_id=origin.get("view"), hash=origin.get("view_hash") or None, view=view)
        await self._done(row, "", "", "")

    async def _with_pictures(self, blocks: Blocks) -> list[dict[str, Any]]:
        """The blocks with drawings in their places: uploaded once, then known by their file's id."""
        made: list[dict[str, Any]] = []
        for block in blocks:
            file = block.get("slack_file") if block.get("type") == "image" else None
            if isinstance(file, Mapping) and str(file.get("id", "")).startswith("picture:"):
                uploaded = await self._upload(str(file["id"]).removeprefix("picture:"), str(block.get("alt_text", "")))
                made.append({**block, "slack_file": {"id": uploaded}})
            else:
                made.append(dict(block))
        return made

    async def _upload(self, picture_id: str, alt: str) -> str:
        png, _alt, file_id = await self._pictures.picture(picture_id)
        if file_id:
            return file_id
        answer = await self._client.files_upload_v2(
            content=png, filename=f"{picture_id}.png", title=alt[:100] or "metric", alt_txt=alt[:900]
        )
        uploaded = str(answer["file"]["id"] if answer.get("file") else answer["files"][0]["id"])
        await self._pictures.uploaded(picture_id, uploaded)
        return uploaded

    def _take(self, method: str, channel: str) -> None:
        self._pace.bucket(method, channel).take(self._steady())

    async def _done(  # where it stands now
        self, row: Outgoing, ts: str, channel: str, digest: str, permalink: str = "", *, revision: int | None = None
    ) -> None:
        await self._outbox.posted(
            row.key,
            row.revision if revision is None else revision,
            ts=ts,
            channel=channel,
            permalink=permalink,
            digest=digest,
            now=self._clock(),
        )


def _lane(row: Outgoing) -> str:
    """Messages of one lane go one after the other."""
    if row.kind in ("living", "note"):
        return f"channel:{row.posted_channel or row.channel}"
    return f"{row.kind}:{row.key}"


def _method(row: Outgoing) -> str:
    if row.kind == "living":
        return "chat.update" if row.ts else "chat.postMessage"
    return {
        "note": "chat.postMessage",
        "reply": "chat.postEphemeral",
        "modal": "views.update",
        "home": "views.publish",
    }[row.kind]


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key}}


def _digest(text: str, blocks: Sequence[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps([text, *blocks], sort_keys=True).encode()).hexdigest()[:32]
