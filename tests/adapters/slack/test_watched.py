"""Other bots' messages in watched channels: through the workspace, Socket Mode and the real Bolt app."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from bot.domain.signal import Severity, Signal, Status
from bot.domain.watch import Watch
from bot.registry import Registry
from bot.slack.connection import Socket, bolt_app
from bot.slack.listeners import Listeners
from bot.slack.watched import Watched, signals_of
from bot.workspace.seed import SeedPerson
from tests.adapters.slack.desk import ALERTS, OPS, Desk, client
from tests.adapters.slack.front import APP, SKILL, Road

Json = dict[str, Any]
BOT = SeedPerson("U0OTHERBOT", "deploybot", "Deploy bot", bot=True)
FIRING = {
    "fallback": "an alert",
    "title": "[FIRING:1] DiskFull payment (critical)",
    "color": "danger",
    "text": "97 % used",
}
RESOLVED = {"fallback": "an alert", "title": "[RESOLVED] DiskFull payment (critical)", "color": "good", "text": ""}


@dataclass
class Door:
    """Takes signals in, each once."""

    signals: list[Signal] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    broken: int = 0

    async def take(self, signals: Sequence[Signal], delivery: str, request_id: str) -> None:
        assert request_id
        if self.broken:
            self.broken -= 1
            raise RuntimeError("the database is away")
        known = {one.id for one in self.signals}
        self.deliveries.append(delivery)
        self.signals += [one for one in signals if one.id not in known]


@dataclass
class Ward:
    """A workspace, its watched channel, and what came of it."""

    desk: Desk
    door: Door

    def bot(self) -> Any:  # noqa: ANN401  # the real client, with another bot's token
        return client(self.desk.url, BOT.token)

    async def came(self, number: int) -> list[Signal]:
        """That many signals, once they are there."""

        async def there() -> bool:
            return len(self.door.signals) >= number

        await self.desk.until(there)
        return self.door.signals

    async def quiet(self) -> None:
        """Wait until the app has had everything that was said so far: a marker comes after it."""
        before = len(self.door.signals)
        await self.bot().chat_postMessage(channel=ALERTS, attachments=[{**FIRING, "title": f"[FIRING:1] Mark{before}"}])
        found = await self.came(before + 1)
        assert found.pop().name == f"Mark{before}"
        assert len(found) == before


@pytest.fixture
def senders() -> tuple[str, ...]:
    return (BOT.bot_id,)


@pytest.fixture
async def ward(desk: Desk, senders: tuple[str, ...]) -> AsyncIterator[Ward]:
    door, app = Door(), bolt_app(desk.client, APP.signing_secret)
    watched = Watched([Watch("#alerts", senders)], door.take, desk.client)
    key_at, registry = desk.storage.outbox.key_at, Registry([SKILL], ())
    Listeners(Road(), registry, key_at, desk.client, "/fettle", desk.time.now, watched).install(app)
    socket = Socket(app, APP.app_token)
    socket.open()
    await desk.workspace.delivery.sockets.wait_connected()
    yield Ward(desk, door)
    await socket.close()


async def test_another_bots_alert_is_taken_in_once(ward: Ward) -> None:
    posted = await ward.bot().chat_postMessage(channel=ALERTS, text="", attachments=[FIRING])
    (found,) = await ward.came(1)
    assert (found.name, found.status, found.severity, found.source) == (
        *("DiskFull", Status.FIRING),
        *(Severity.CRITICAL, "slack"),
    )
    assert found.at.timestamp() == pytest.approx(float(posted["ts"]), abs=1e-3)
    await ward.bot().chat_postMessage(channel=ALERTS, text="", attachments=[RESOLVED])
    first, second = await ward.came(2)
    assert (second.status, second.fingerprint) == (Status.RESOLVED, first.fingerprint)


async def test_a_delivery_that_comes_again_is_the_same_signal(ward: Ward) -> None:
    ward.desk.workspace.fail("lose_acknowledgement", method="events_api")
    await ward.bot().chat_postMessage(channel=ALERTS, text="", attachments=[FIRING])

    async def twice() -> bool:
        return len(ward.door.deliveries) == 2

    await ward.desk.until(twice)
    assert len(set(ward.door.deliveries)) == 1
    assert len(ward.door.signals) == 1


async def test_what_could_not_be_stored_comes_again(ward: Ward) -> None:
    ward.door.broken = 1
    await ward.bot().chat_postMessage(channel=ALERTS, text="", attachments=[FIRING])
    assert len(await ward.came(1)) == 1


async def test_an_edit_from_red_to_green_resolves(ward: Ward) -> None:
    bot = ward.bot()
    posted = await bot.chat_postMessage(channel=ALERTS, text="", attachments=[FIRING])
    (first,) = await ward.came(1)
    ward.desk.move_on(90)
    await bot.chat_update(channel=ALERTS, ts=posted["ts"], text="", attachments=[{**FIRING, "text": "98 % used"}])
    await ward.quiet()
    await bot.chat_update(channel=ALERTS, ts=posted["ts"], text="", attachments=[{**RESOLVED, "title": "All good"}])
    _, second = await ward.came(2)
    assert (second.status, second.fingerprint, second.name) == (Status.RESOLVED, first.fingerprint, first.name)
    assert (second.at - first.at).total_seconds() >= 90
    await bot.chat_update(channel=ALERTS, ts=posted["ts"], text="", attachments=[FIRING])
    _, _, third = await ward.came(3)
    assert (third.status, third.fingerprint) == (Status.FIRING, first.fingerprint)
    assert third.id != first.id, "it fires again"


async def test_people_other_bots_other_channels_and_fettle_itself_are_left_alone(ward: Ward) -> None:
    title = FIRING["title"]
    await ward.desk.person().say(title)
    await ward.desk.person("U0SENIOR").say(f"{title} Deploy bot B0OTHERBOT")
    await ward.bot().chat_postMessage(channel=OPS, text="", attachments=[FIRING])
    await ward.desk.client.chat_postMessage(channel=ALERTS, text="", attachments=[FIRING])
    await ward.bot().chat_postMessage(channel=ALERTS, text="deployed payment 2.31")
    await ward.quiet()
    assert ward.door.signals == []


@pytest.mark.parametrize("senders", [("B0SOMEBODY", "A0FETTLE", "B0FETTLE", "U0FETTLE", "U0JUNIOR", "Fettle")])
async def test_fettles_own_messages_never_count_even_where_somebody_lists_them(ward: Ward) -> None:
    await ward.desk.client.chat_postMessage(channel=ALERTS, text="", attachments=[FIRING])
    await ward.desk.client.chat_postMessage(channel=ALERTS, text="", attachments=[FIRING], username="Somebody")
    await ward.desk.person().say(FIRING["title"])
    await ward.bot().chat_postMessage(channel=ALERTS, text="", attachments=[FIRING])
    await ward.desk.rounds(8)
    assert ward.door.signals == []


@pytest.mark.parametrize("senders", [("alertmanager",), ("A0OTHERBOT",), ("U0OTHERBOT", "Alertmanager")])
async def test_a_sender_is_known_by_its_app_its_user_or_its_name(ward: Ward, senders: tuple[str, ...]) -> None:
    name = {} if senders == ("A0OTHERBOT",) else {"username": "Alertmanager"}
    await ward.bot().chat_postMessage(channel=ALERTS, text="", attachments=[FIRING], **name)
    (found,) = await ward.came(1)
    assert found.name == "DiskFull"


async def test_another_bot_may_post_and_nothing_else(ward: Ward) -> None:
    with pytest.raises(SlackApiError, match="missing_scope"):
        await ward.bot().conversations_list()
    mine = await ward.desk.client.chat_postMessage(channel=ALERTS, text="Fettle's")
    with pytest.raises(SlackApiError, match="cant_update_message"):
        await ward.bot().chat_update(channel=ALERTS, ts=mine["ts"], text="not any more")


def test_an_edit_without_its_past_can_only_resolve(desk: Desk) -> None:
    watch, now = Watch("C1", ("B1",)), desk.time.now()
    event: Json = {"subtype": "message_changed", "event_ts": "5.0", "message": {"ts": "1.0", "attachments": [FIRING]}}
    assert signals_of(event, watch, "C1", now, "r") == ()
    event["message"] = {"ts": "1.0", "attachments": [RESOLVED]}
    (over,) = signals_of(event, watch, "C1", now, "r")
    assert (over.status, over.at.timestamp(), over.started_at.timestamp()) == (Status.RESOLVED, 5.0, 1.0)


def test_a_link_that_slack_unfurls_is_no_news(desk: Desk) -> None:
    watch, message = Watch("C1", ("B1",)), {"ts": "1.0", "attachments": [FIRING]}
    unfurled = {**message, "attachments": [FIRING, {"title": "A page", "from_url": "http://127.0.0.1/"}]}
    event = {"subtype": "message_changed", "ts": "2.0", "message": unfurled, "previous_message": message}
    assert signals_of(event, watch, "C1", desk.time.now(), "r") == ()
