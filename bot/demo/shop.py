"""The shop front of the demo: ``POST /checkout`` prices a basket and calls the payment service, with a timeout.

Run by ``python -m bot.demo.world``.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from bot.demo.disk import Disk, Log
from bot.demo.serving import Place, follow_level, serve, shown
from bot.demo.sliding import Sliding
from bot.demo.telemetry import FAILED_FROM, Telemetry

VERSION = "1.8"
PATIENCE = 2.0  # seconds
DISK_SIZE = 24_000_000
UPSTREAM = {"upstream": "payment"}


class Shop:
    """One process of the shop front."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._log = Log(Disk(place.folder / "disk", DISK_SIZE, place.clock), "shop", place.wall)
        self._telemetry = Telemetry(VERSION, place.clock)
        self._calls = Sliding(place.clock())
        self._last_error = ""
        self._session: aiohttp.ClientSession | None = None
        self._took = self._telemetry.histogram(
            "upstream_request_duration_seconds", "Time until an upstream answers", ("upstream",)
        )
        self._answers = self._telemetry.counter(
            "upstream_requests_total", "Calls to an upstream by outcome", ("upstream", "outcome")
        )
        show, calls = self._telemetry.gauge, self._calls
        show("upstream_latency_p95_seconds", "95th percentile of its answer's time, last 8 s", calls.p95, UPSTREAM)
        show("upstream_error_ratio", "Share of calls that failed, last 8 s", calls.error_ratio, UPSTREAM)

    def app(self) -> web.Application:
        """The service."""
        app = web.Application(middlewares=[self._telemetry.middleware()])
        app.add_routes(
            [
                web.post("/checkout", self._checkout),
                web.get("/health", self._health),
                web.get("/metrics", self._telemetry.show),
                web.get("/debug/upstreams", self._show_upstreams),
            ]
        )
        app.cleanup_ctx.append(self._running)
        return app

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        level = asyncio.create_task(follow_level(self._place.folder, self._set_level))
        # A connection for each call: a payment process that ends never takes an idle one with it.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=PATIENCE))
        self._log.info("started", version=VERSION)
        yield
        level.cancel()
        await asyncio.gather(level, return_exceptions=True)
        await self._session.close()

    def _set_level(self, level: str) -> None:
        self._log.level = level

    async def _checkout(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
            order, cents = str(body["order"])[:100], int(body["cents"])
        except (ValueError, KeyError, TypeError):
            return web.json_response({"error": "expected order and cents"}, status=400)
        await asyncio.sleep(self._place.chance.gammavariate(4, 0.01))  # prices, stock, delivery
        began = self._place.clock()
        outcome, answer = await self._pay(order, cents)
        took = self._place.clock() - began
        self._calls.add(self._place.clock(), took, failed=outcome != "ok")
        self._took.labels("payment").observe(took)
        self._answers.labels("payment", outcome).inc()
        if outcome != "ok":
            self._last_error = f"{outcome}: {answer.get('text') or answer.get('error') or 'no answer'}"
            self._log.error("checkout failed", order=order, upstream="payment", outcome=outcome, seconds=round(took, 3))
            return web.json_response({"order": order, "error": outcome}, status=504 if outcome == "timeout" else 502)
        self._log.info("sold", order=order, cents=cents, seconds=round(took, 3))
        return web.json_response({"order": order, "receipt": answer.get("number")})

    async def _pay(self, order: str, cents: int) -> tuple[str, dict[str, object]]:
        """The outcome in a word, and what payment answered. A lost connection is tried again: an order is paid once."""
        try:
            try:
                return await self._ask(order, cents)
            except aiohttp.ClientConnectionError:
                return await self._ask(order, cents)
        except TimeoutError:
            return "timeout", {"error": f"no answer in {PATIENCE:g} s"}
        except aiohttp.ClientConnectionError as failure:
            return "unreachable", {"error": str(failure)}

    async def _ask(self, order: str, cents: int) -> tuple[str, dict[str, object]]:
        if self._session is None:
            raise aiohttp.ClientConnectionError("the shop is still starting")
        async with self._session.post(f"{self._place.upstream}/pay", json={"order": order, "cents": cents}) as response:
            answer = await response.json()
            return ("ok" if response.status < FAILED_FROM else f"HTTP {response.status}"), answer

    async def _health(self, _: web.Request) -> web.Response:
        return shown({"status": "ok", "service": "shop", "host": self._place.host, "version": VERSION})

    async def _show_upstreams(self, _: web.Request) -> web.Response:
        now = self._place.clock()
        body = {
            "shop": {"latency_p95_seconds": round(self._telemetry.requests.p95(now), 3)},
            "payment": {
                "latency_p95_seconds": round(self._calls.p95(now), 3),
                "error_ratio": round(self._calls.error_ratio(now), 3),
                "timeout_seconds": PATIENCE,
                "last_error": self._last_error or None,
            },
        }
        return shown(body)


def build(place: Place) -> web.Application:
    """The service on its host."""
    return Shop(place).app()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        serve(build)
