"""The workspace as one thing: its state, its people's hands and the app's connection to it."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.workspace.acting import Acting
from bot.workspace.delivery import Delivery
from bot.workspace.faults import Fault, FaultKind, Faults
from bot.workspace.feed import Feed
from bot.workspace.ids import Ids
from bot.workspace.modals import Modals
from bot.workspace.posting import Posting
from bot.workspace.responses import Responses
from bot.workspace.seed import Seed
from bot.workspace.state import State
from bot.workspace.storage import Storage
from bot.workspace.throttle import Throttle
from bot.workspace.timing import Rates, Timing

Json = dict[str, Any]


class Workspace:
    """Made in the composition root or a test, served by ``server.serve``.

    ``state_file`` keeps it over restarts; ``clock`` gives seconds since the epoch; ``rng`` gives the ids and secrets.
    """

    def __init__(
        self,
        seed: Seed | None = None,
        *,
        state_file: Path | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
        timing: Timing | None = None,
        rates: Rates | None = None,
    ) -> None:
        self.seed = seed or Seed()
        self.clock = clock
        self.timing = timing or Timing()
        self.ids = Ids(rng or random.SystemRandom())
        self.state = State(self.seed, Storage(state_file), clock())
        self.feed = Feed()
        self.faults = Faults()
        self.throttle = Throttle(rates or Rates())
        self.delivery = Delivery(self.seed.app, self.ids, clock, self.timing, self.faults)
        self.posting = Posting(self.state, self.feed, self.delivery, self.ids, clock)
        self.modals = Modals(self.state, self.feed, self.posting, self.ids, clock, self.timing)
        self.responses = Responses(self.state, self.posting, self.ids, clock, self.timing)
        self.acting = Acting(self.state, self.posting, self.modals, self.responses, self.delivery, self.ids, clock)
        self._tickets: dict[str, float] = {}
        self.statuses: dict[tuple[str, str], tuple[str, float]] = {}

    @property
    def base_url(self) -> str:
        """Where the workspace is reached, such as ``http://127.0.0.1:8480``; empty until it is served."""
        return self.acting.base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self.acting.base_url = url.rstrip("/")

    def fail(
        self, kind: FaultKind | str, *, count: int = 1, method: str = "", retry_after: int = 1, seconds: float = 30.0
    ) -> None:
        """Make the next ``count`` calls (of ``method``, or of any) go wrong; see ``FaultKind``."""
        self.faults.add(Fault(FaultKind(kind), count, method, retry_after, seconds))

    async def drop_sockets(self, *, politely: bool = False) -> int:
        """End the app's Socket Mode connections; gives how many there were."""
        return await self.delivery.sockets.drop(politely=politely)

    def socket_ticket(self) -> str:
        """A ticket for one Socket Mode connection, good for half a minute."""
        now = self.clock()
        self._tickets = {key: until for key, until in self._tickets.items() if until > now}
        ticket = self.ids.secret()
        self._tickets[ticket] = now + self.timing.socket_ticket
        return ticket

    def redeem(self, ticket: str) -> bool:
        """Whether the ticket is good; it is used up now."""
        return self._tickets.pop(ticket, 0.0) > self.clock()

    def set_status(self, channel: str, thread_ts: str, status: str) -> None:
        """The line *Fettle is …* under a thread; empty clears it."""
        key = (channel, thread_ts)
        if status:
            self.statuses[key] = (status, self.clock() + self.timing.status)
        else:
            self.statuses.pop(key, None)
        where = self.state.conversations[channel]
        told: Json = {"kind": "status", "channel": channel, "thread_ts": thread_ts, "status": status}
        self.feed.publish(told, self.posting.audience(where))

    def permalink(self, channel: str, ts: str, thread_ts: str = "") -> str:
        link = f"{self.base_url}/archives/{channel}/p{ts.replace('.', '')}"
        return f"{link}?thread_ts={thread_ts}&cid={channel}" if thread_ts else link

    async def close(self) -> None:
        """Stop deliveries and close the file."""
        await self.delivery.close()
        self.state.close()
