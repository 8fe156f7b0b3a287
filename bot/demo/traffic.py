"""Customers of the demo's shop: a small steady stream of orders that swells and ebbs a little."""

import asyncio
import math
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import aiohttp

PER_SECOND = 18.0
SWELL, SWELL_SECONDS = 0.12, 40.0
LARGE_SHARE = 0.13
MOST_AT_ONCE = 120
TLS_SHARE = 0.2  # each of those is a handshake, which costs CPU here


@dataclass(slots=True)
class Traffic:
    """Sends orders to ``shop`` until cancelled, a part of them to ``secure``; customers do not wait for each other.

    Those who come over TLS trust ``trusted`` only, and buy nothing where the certificate is not right.
    """

    shop: str
    secure: str
    trusted: ssl.SSLContext
    chance: Random
    clock: Callable[[], float]
    sent: int = 0
    failed: int = 0
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Send orders until cancelled."""
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10)) as session:
            try:
                while True:
                    await asyncio.sleep(self._pause())
                    if len(self._under_way) < MOST_AT_ONCE:
                        task = asyncio.create_task(self._order(session))
                        self._under_way.add(task)
                        task.add_done_callback(self._under_way.discard)
            finally:
                for task in self._under_way:
                    task.cancel()
                await asyncio.gather(*self._under_way, return_exceptions=True)

    def _pause(self) -> float:
        rate = PER_SECOND * (1 + SWELL * math.sin(2 * math.pi * self.clock() / SWELL_SECONDS))
        return self.chance.uniform(0.4, 1.6) / rate

    def _cents(self) -> int:
        if self.chance.random() < LARGE_SHARE:
            return self.chance.randint(100_00, 400_00)
        return self.chance.randint(5_00, 99_00)

    async def _order(self, session: aiohttp.ClientSession) -> None:
        self.sent += 1
        order = f"o-{self.chance.getrandbits(40):010x}"
        shop, tls = (self.secure, self.trusted) if self.chance.random() < TLS_SHARE else (self.shop, True)
        body = {"order": order, "cents": self._cents()}
        try:
            async with session.post(f"{shop}/checkout", json=body, ssl=tls) as response:
                self.failed += response.status >= 500  # noqa: PLR2004  # HTTP's own line between mine and thine
        except (aiohttp.ClientError, TimeoutError):
            self.failed += 1
