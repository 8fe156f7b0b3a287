"""Other bots' messages in watched channels, taken in as alerts: by the same way as a webhook's delivery."""

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.received import line
from bot.domain.signal import Signal, SignalKind, Status, alert_id, digest
from bot.domain.watch import SOURCE, Watch
from bot.slack.alert_message import Read, over, read
from bot.slack.payloads import Body

log = structlog.get_logger(__name__)

MOST_NAMES = 2_000
SUBTYPES = (None, "bot_message", "thread_broadcast", "message_changed")


class Take(Protocol):
    """Where signals go. Durable when it returns."""

    def __call__(self, signals: Sequence[Signal], delivery: str, request_id: str) -> Awaitable[object]:
        """Take signals in; ``delivery`` is the same for the same delivery."""
        ...


class Watched:
    """The watched channels."""

    def __init__(self, watches: Sequence[Watch], take: Take, client: AsyncWebClient) -> None:
        self._watches, self._take, self._client = watches, take, client
        self._names: dict[str, str] = {}

    async def heard(self, body: Body, own_bot: str, now: datetime, request_id: str) -> bool:
        """Take a message event in, if it tells of alerts. False for every other one, Fettle's own (``own_bot``) first.

        Raises what ``take`` and Slack raise; the delivery then comes again.
        """
        event = body["event"]
        message = event.get("message") if event.get("subtype") == "message_changed" else event
        if event.get("subtype") not in SUBTYPES or not isinstance(message, dict) or not self._watches:
            return False
        senders = _senders(message)
        if not senders or self._own(message, body, own_bot):
            return False
        channel = str(event.get("channel") or "")
        for watch in self._watches:
            if watch.listens_to(*senders) and await self._is(watch.channel, channel):
                signals = signals_of(event, watch, channel, now, request_id)
                if not signals:
                    log.info("a watched message tells of no alert", channel=channel, sender=senders[0])
                    return False
                delivery = digest("watched", *(signal.id for signal in signals))
                await self._take(signals, delivery, request_id)
                log.info("a watched message was taken in", channel=channel, sender=senders[0], signals=len(signals))
                return True
        return False

    @staticmethod
    def _own(message: Body, body: Body, own_bot: str) -> bool:
        own_users = {str(one.get("user_id")) for one in body.get("authorizations") or () if one.get("is_bot")}
        return (
            message.get("bot_id") == own_bot
            or message.get("app_id") == body.get("api_app_id")
            or message.get("user") in own_users
        )

    async def _is(self, watched: str, channel: str) -> bool:
        """Whether the channel is the watched one. A name is looked up once, as long as Fettle runs."""
        if not watched.startswith("#"):
            return watched == channel
        if channel not in self._names:
            if len(self._names) >= MOST_NAMES:
                self._names.clear()
            found = await self._client.conversations_info(channel=channel)
            self._names[channel] = "#" + str(found["channel"].get("name") or "")
        return self._names[channel] == watched


def _senders(message: Body) -> list[str]:
    """The ids and names of the bot that wrote it; none for a person."""
    if not message.get("bot_id"):
        return []
    profile = message.get("bot_profile") or {}
    found = [message.get("bot_id"), message.get("app_id") or profile.get("app_id"), message.get("user")]
    return [line(one, 100) for one in (*found, message.get("username"), profile.get("name")) if one]


def signals_of(event: Body, watch: Watch, channel: str, now: datetime, request_id: str) -> tuple[Signal, ...]:
    """The alerts of a message event as signals; of an edit only those whose state it changed.

    The id of one comes from the message's place and time, so that the same event is the same signal.
    """
    if event.get("subtype") != "message_changed":
        began = _moment(event.get("ts"), now)
        return tuple(_signal(one, began, began, now, request_id) for one in read(event, watch, channel))
    message, previous = event["message"], event.get("previous_message") or {}
    before = {one.fingerprint: one for one in read(previous, watch, channel)} if previous else {}
    after = {one.fingerprint: one for one in read(message, watch, channel)}
    began = _moment(message.get("ts"), now)
    at = _moment((message.get("edited") or {}).get("ts") or event.get("event_ts") or event.get("ts"), now)
    changed = [one for key, one in after.items() if one.status is not _status(before.get(key))]
    if not previous:  # what it said before is not known, so that it fires is nothing new
        changed = [one for one in changed if one.status is Status.RESOLVED]
    gone = [one for key, one in before.items() if key not in after and one.status is Status.FIRING]
    if gone and over(message, watch):
        changed += [_ended(one) for one in gone]
    return tuple(_signal(one, began, at, now, request_id) for one in changed)


def _status(one: Read | None) -> Status | None:
    return one.status if one else None


def _ended(one: Read) -> Read:
    return Read(
        name=one.name,
        service=one.service,
        status=Status.RESOLVED,
        severity=one.severity,
        fingerprint=one.fingerprint,
        summary=one.summary,
        labels=one.labels,
    )


def _signal(one: Read, began: datetime, at: datetime, now: datetime, request_id: str) -> Signal:
    return Signal(
        id=alert_id(SOURCE, one.fingerprint, one.status, at),
        kind=SignalKind.ALERT,
        source=SOURCE,
        service=one.service,
        name=one.name,
        status=one.status,
        severity=one.severity,
        fingerprint=one.fingerprint,
        started_at=min(began, now),
        at=min(at, now),
        received_at=now,
        request_id=request_id,
        summary=one.summary,
        description=one.description,
        environment=one.environment,
        url=one.url,
        labels=dict(one.labels),
    )


def _moment(ts: object, now: datetime) -> datetime:
    """The time of Slack's time stamp; now where it is none."""
    try:
        return datetime.fromtimestamp(float(str(ts)), UTC)
    except (ValueError, OverflowError, OSError):
        return now
