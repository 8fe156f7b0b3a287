"""From the outbox to Slack: every message as it shall stand there, once, within Slack's rates.

Rows say what shall be shown; the courier makes it so. A living message is rendered when its turn has come, so ten
changes before that are one post. Before anything is posted a mark stands in the row; who finds a mark left by a process
that died looks in Slack for the message's metadata before posting.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from aiohttp import ClientError
from slack_sdk.errors import SlackApiError, SlackObjectFormationError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import NotFound
from bot.slack import refusals
from bot.slack.files import Files
from bot.slack.gateway import ORPHANED_AFTER, Gateway, NotOurs, Render, Stands
from bot.slack.last_look import LastLook
from bot.slack.pace import POST, UPDATE, Pace, Wait
from bot.slack.refusals import Means, Refusal
from storage.outbox import Due, Outbox, Outgoing
from storage.pictures import Pictures

log = structlog.get_logger(__name__)

CLAIM_SECONDS, RENEW_AFTER_SECONDS = 15.0, 4.0
MOST_ATTEMPTS = 8
FIRST_PAUSE, PAUSE_GROWS = 1.0, 3.0  # 1 s, 3 s, 9 s …: given up after 18 minutes
SHORTEST_OUTAGE, LONGEST_OUTAGE = 0.5, 30.0
PATIENCE = timedelta(hours=24)
MOST_AT_ONCE = 16
IDLE_SECONDS, ROUND_SECONDS = 0.5, 0.05
DRAIN_SECONDS = 3.0


class Courier:
    """Posts what is due. ``clock`` tells the time, ``steady`` seconds that never go back.

    ``owner`` names the process, ``posted`` is told each message's kind and what became of it. ``conceal`` takes
    Fettle's own secrets out of whatever is about to leave.
    """

    def __init__(  # noqa: PLR0913  # what it joins
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
        conceal: Callable[[str], str] = str,
    ) -> None:
        self._outbox, self._clock, self._steady, self._owner, self._count = outbox, clock, steady, owner, posted
        self._pace = Pace(steady)
        files = Files(client, pictures, self._pace)
        self._gateway = Gateway(client, outbox, files, render, self._pace, clock, LastLook(conceal))
        self._bell = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._failing: set[str] = set()
        self._outages, self._away_until = 0, 0.0

    def wake(self) -> None:
        """Something may be due now."""
        self._bell.set()

    async def run(self) -> None:
        """Deliver until cancelled: channels side by side, the messages of one channel one after the other."""
        try:
            while True:
                self._bell.clear()
                pause = await self._round()
                await asyncio.sleep(ROUND_SECONDS)
                # Not wait_for: before Python 3.12 it forgets a cancellation that comes together with the bell.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._bell.wait()
        finally:
            await self._drain()

    async def _drain(self) -> None:
        """Let what is on its way arrive: what is cut off in between is looked for before it is posted again."""
        if not self._busy:
            return
        _, late = await asyncio.wait(self._busy.values(), timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _round(self) -> float:
        """Start what may be sent now. Gives the seconds until something may be due again."""
        if (away := self._away_until - self._steady()) > 0:
            return min(away, IDLE_SECONDS)
        pause = IDLE_SECONDS
        room = (1 if self._failing else MOST_AT_ONCE) - len(self._busy)
        if room <= 0:
            return pause
        now = self._clock()
        for due in await self._outbox.due(now, without=self._busy, orphaned=now - ORPHANED_AFTER):
            if (wait := self._shut(due)) > 0:
                pause = min(pause, wait)
            elif room > 0:
                room -= 1
                task = asyncio.create_task(self._deliver(due.key), name=f"message {due.key}")
                self._busy[due.lane] = task
                task.add_done_callback(partial(self._free, due))
        return pause

    def _shut(self, due: Due) -> float:
        """Seconds for which a lane is kept shut by Slack's rates."""
        if due.lane.startswith("post:") and due.channel:
            return self._pace.wait(POST, due.channel)
        return self._pace.wait(UPDATE) if due.lane.startswith("update:") else 0.0

    def _free(self, due: Due, done: asyncio.Task[None]) -> None:
        self._busy.pop(due.lane, None)
        if not done.cancelled() and (fault := done.exception()) is not None:
            log.error("what became of a message could not be recorded", key=due.key, exc_info=fault)
        self._bell.set()

    async def _deliver(self, key: str) -> None:
        now, begun = self._clock(), self._steady()
        row = await self._outbox.claim(key, self._owner, now + timedelta(seconds=CLAIM_SECONDS), now)
        if row is None:
            return

        async def still_ours() -> None:
            if self._steady() - begun < RENEW_AFTER_SECONDS:
                return
            until = self._clock() + timedelta(seconds=CLAIM_SECONDS)
            if not await self._outbox.renew(key, self._owner, until):
                raise NotOurs

        # Whatever a skill's view or Slack comes up with is this one message's fate, and never ends the courier.
        (became,) = await asyncio.gather(self._gateway.show(row, still_ours), return_exceptions=True)
        match became:
            case Stands():
                await self._done(row, became)
            case Wait():
                await self._later(row, became)
            case NotOurs():
                log.info("another process has taken it over", key=key)
            case SlackApiError():
                await self._refused(row, refusals.read(became))
            case SlackRequestError():
                await self._again(row, refusals.upload_failed(became))
            case TimeoutError() | OSError() | ClientError():
                await self._outage(row, refusals.unanswered(became))
            case NotFound() | SlackObjectFormationError():
                await self._bury(row, str(became))
            case Exception():
                log.error("a message could not be made", key=key, exc_info=became)
                await self._again(row, f"{type(became).__name__}: {became}")
            case _:
                raise became

    async def _done(self, row: Outgoing, stands: Stands) -> None:
        self._failing.clear()
        self._outages = 0
        await self._outbox.posted(
            row.key,
            stands.revision,
            ts=stands.ts,
            channel=stands.channel,
            permalink=stands.permalink,
            digest=stands.digest,
            now=self._clock(),
        )
        self._count(row.kind, "posted")

    async def _later(self, row: Outgoing, wait: Wait) -> None:
        """While its lane is kept shut by the rates it stays first in it; otherwise it is put off."""
        gated = row.kind in ("living", "note") and wait.method in (POST, UPDATE)
        at = self._clock() + timedelta(seconds=0 if gated else wait.seconds)
        if wait.told:
            self._count(row.kind, "ratelimited")
        await self._outbox.give_back(row, at, str(wait), owner=self._owner, counts=wait.counts, place=wait.place)

    async def _refused(self, row: Outgoing, refusal: Refusal) -> None:
        match refusal.means:
            case Means.GONE if row.ts:
                log.info("a message is gone from Slack; it is posted anew", key=row.key, why=refusal.code)
                await self._outbox.forget_place(row.key, self._clock())
            case Means.OVER if row.kind == "modal":
                log.info("the modal was closed before it was filled", key=row.key, why=refusal.code)
                await self._done(row, Stands(row.revision))
            case Means.SLOWER:
                await self._later(row, Wait(refusal.wait, told=True))
            case Means.AWAY:
                await self._outage(row, refusal.reason)
            case Means.AGAIN if self._failing - {row.key}:
                await self._outage(row, refusal.reason)
            case Means.AGAIN:
                self._failing.add(row.key)
                await self._again(row, refusal.reason)
            case Means.PICTURE:
                await self._again(row, refusal.reason)
            case _:
                await self._bury(row, refusal.reason)

    async def _outage(self, row: Outgoing, error: str) -> None:
        """Slack is away, for every message: this one is not to blame, and what waits is tried one at a time."""
        self._failing.add(row.key)
        seconds = min(SHORTEST_OUTAGE * 2**self._outages, LONGEST_OUTAGE)
        self._outages = min(self._outages + 1, 10)
        self._away_until = self._steady() + seconds
        if self._clock() - row.changed_at > PATIENCE:
            await self._bury(row, f"gave up after {PATIENCE.total_seconds() / 3600:.0f} hours: {error}")
            return
        log.warning("Slack does not take messages; they wait", key=row.key, error=error, seconds=seconds)
        self._count(row.kind, "retried")
        at = self._clock() + timedelta(seconds=seconds)
        await self._outbox.retry(row.key, at, error, owner=self._owner, counts=False)

    async def _again(self, row: Outgoing, error: str) -> None:
        """It may be this message: it is tried again a few times, ever later, and the others go on."""
        if row.attempts + 1 >= MOST_ATTEMPTS:
            await self._bury(row, f"gave up after {row.attempts + 1} attempts: {error}")
            return
        seconds = FIRST_PAUSE * PAUSE_GROWS**row.attempts
        log.info("a message will be tried again", key=row.key, error=error, seconds=seconds)
        self._count(row.kind, "retried")
        await self._outbox.retry(row.key, self._clock() + timedelta(seconds=seconds), error, owner=self._owner)

    async def _bury(self, row: Outgoing, error: str) -> None:
        log.warning("a message was given up", key=row.key, error=error)
        self._failing.discard(row.key)
        self._count(row.kind, "dead")
        await self._outbox.bury(row.key, error, owner=self._owner)
