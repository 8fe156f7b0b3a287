"""Brings payloads to the app, by Socket Mode or signed HTTP, and says what came of it."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import httpx

from bot.workspace.faults import Faults
from bot.workspace.ids import Ids
from bot.workspace.seed import SeedApp
from bot.workspace.sockets import ConnectionGone, Sockets
from bot.workspace.timing import Timing

Json = dict[str, Any]

_LOG = logging.getLogger(__name__)


class Envelope(StrEnum):
    """The kinds of payload, in Socket Mode's words."""

    COMMAND = "slash_commands"
    INTERACTIVE = "interactive"
    EVENT = "events_api"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """``failure`` is empty when the app acknowledged; otherwise Slack's word for what happened."""

    failure: str = ""
    payload: Json = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.failure


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The v0 signature that Slack puts into ``X-Slack-Signature``."""
    base = b"v0:%d:%s" % (timestamp, body)
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class Delivery:
    """Delivers once, or for events until acknowledged or out of retries."""

    def __init__(self, app: SeedApp, ids: Ids, clock: Callable[[], float], timing: Timing, faults: Faults) -> None:
        self.sockets = Sockets(app.id)
        self._app = app
        self._ids = ids
        self._clock = clock
        self._timing = timing
        self._faults = faults
        self._running: set[asyncio.Task[None]] = set()

    async def once(self, kind: Envelope, payload: Json) -> Acknowledgement:
        """A command or interaction: one delivery, the app has three seconds."""
        return await self._attempt(kind, payload, 0, "")

    def event(self, payload: Json) -> None:
        """An event: delivered in the background, again after each pause while unacknowledged."""
        task = asyncio.get_running_loop().create_task(self._event(payload))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Stop retrying and end the connections."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self.sockets.drop(politely=False)

    async def _event(self, payload: Json) -> None:
        reason = ""
        for attempt in range(len(self._timing.event_retries) + 1):
            if attempt:
                await asyncio.sleep(self._timing.event_retries[attempt - 1])
            answer = await self._attempt(Envelope.EVENT, payload, attempt, reason)
            if answer.ok:
                return
            reason = "timeout" if answer.failure == "operation_timeout" else "connection_failed"
        _LOG.warning("event %s was never acknowledged by the app", payload["event_id"])

    async def _attempt(self, kind: Envelope, payload: Json, attempt: int, reason: str) -> Acknowledgement:
        body: Json | None
        try:
            if self._app.request_url:
                body = await self._post(kind, payload, attempt, reason)
            else:
                body = await self.sockets.send(self._envelope(kind, payload, attempt, reason), self._timing.acknowledge)
        except TimeoutError:
            return Acknowledgement("operation_timeout")
        except ConnectionGone:
            return Acknowledgement("dispatch_failed")
        if self._faults.loses_acknowledgement(kind):
            return Acknowledgement("operation_timeout")
        return Acknowledgement("", body or {})

    def _envelope(self, kind: Envelope, payload: Json, attempt: int, reason: str) -> Json:
        envelope: Json = {
            "envelope_id": self._ids.envelope(),
            "type": str(kind),
            "payload": payload,
            "accepts_response_payload": kind is not Envelope.EVENT,
        }
        if kind is Envelope.EVENT:
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        return envelope

    async def _post(self, kind: Envelope, payload: Json, attempt: int, reason: str) -> Json:
        if kind is Envelope.EVENT:
            content, content_type = json.dumps(payload).encode(), "application/json"
        else:
            form = payload if kind is Envelope.COMMAND else {"payload": json.dumps(payload)}
            content, content_type = urlencode(form).encode(), "application/x-www-form-urlencoded"
        now = int(self._clock())
        headers = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": str(now),
            "X-Slack-Signature": sign(self._app.signing_secret, now, content),
        }
        if attempt:
            headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
        try:
            async with httpx.AsyncClient(timeout=self._timing.acknowledge, trust_env=False) as client:
                answer = await client.post(self._app.request_url, content=content, headers=headers)
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except httpx.HTTPError as error:
            raise ConnectionGone from error
        if not answer.is_success:
            raise ConnectionGone
        if answer.headers.get("content-type", "").startswith("application/json"):
            body = answer.json()
            return body if isinstance(body, dict) else {}
        return {"text": answer.text} if answer.text else {}
