"""The shop front of the demo: ``POST /checkout`` prices a basket and calls the payment service, with a timeout.

It listens without TLS for those inside, and with it for customers. Run by ``python -m bot.demo.world``.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import aiohttp
from aiohttp import web

from bot.demo.disk import Disk, Log
from bot.demo.flags import FILE, FLAGS, read_flags
from bot.demo.prices import PriceError, price
from bot.demo.serving import Place, follow, follow_level, serve, shown
from bot.demo.sliding import Sliding
from bot.demo.telemetry import FAILED_FROM, Telemetry
from bot.demo.tracing import Tracer

VERSION = "1.8"
PATIENCE = 2.0  # seconds
DISK_SIZE = 24_000_000
UPSTREAM = {"upstream": "payment"}


class Shop:
    """One process of the shop front."""

    def __init__(self, place: Place) -> None:
        self._place = place
        disk = Disk(place.folder / "disk", DISK_SIZE, place.clock)
        self._log = Log(disk, "shop", place.wall, stream=place.logs)
        self._tracer = Tracer("shop", place.spans, place.wall, place.clock, place.ids)
        self._telemetry = Telemetry(VERSION, place.clock, self._tracer)
        self._flags: Mapping[str, str] = read_flags(place.folder)
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
        if door := place.door:
            days = "Days until the certificate ends that the TLS door serves, by a handshake"
            show("tls_certificate_days_left", days, lambda _: door.days(datetime.now(UTC)))

    def app(self) -> web.Application:
        """The service."""
        app = web.Application(middlewares=[self._telemetry.middleware()])
        app.add_routes(
            [
                web.post("/checkout", self._checkout),
                web.get("/health", self._health),
                web.get("/metrics", self._telemetry.show),
                web.get("/debug/upstreams", self._show_upstreams),
                web.get("/debug/flags", self._show_flags),
                web.get("/debug/certificate", self._show_certificate),
            ]
        )
        app.cleanup_ctx.append(self._running)
        return app

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        following = [
            asyncio.create_task(follow_level(self._place.folder, self._set_level)),
            asyncio.create_task(follow(self._place.folder / FILE, self._set_flags)),
        ]
        if self._place.door:
            following.append(asyncio.create_task(self._place.door.follow(self._log.warning)))
        # A connection for each call: a payment process that ends never takes an idle one with it.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=PATIENCE))
        self._log.info("started", version=VERSION)
        yield
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await self._session.close()

    def _set_level(self, level: str) -> None:
        self._log.level = level

    def _set_flags(self) -> None:
        before, self._flags = self._flags, read_flags(self._place.folder) or self._flags
        for name, state in self._flags.items():
            if before.get(name) != state:
                self._log.info("flag changed", flag=name, before=before.get(name), now=state)

    async def _checkout(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
            order, cents = str(body["order"])[:100], int(body["cents"])
        except (ValueError, KeyError, TypeError):
            return web.json_response({"error": "expected order and cents"}, status=400)
        try:
            with self._tracer.span("price the basket"):
                await asyncio.sleep(self._place.chance.gammavariate(4, 0.01))  # prices, stock, delivery
                cents = price(cents, self._flags)
        except PriceError as failure:
            self._log.error("PriceError", order=order, text=str(failure))
            return web.json_response({"order": order, "error": "PriceError", "text": str(failure)}, status=500)
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
        body, url = {"order": order, "cents": cents}, f"{self._place.upstream}/pay"
        with self._tracer.span("POST /pay", "client") as span:
            span.tags["peer.service"] = "payment"
            async with self._session.post(url, json=body, headers=span.headers) as response:
                answer = await response.json()
                span.failed, span.tags["http.status_code"] = response.status >= FAILED_FROM, response.status
                return ("ok" if response.status < FAILED_FROM else f"HTTP {response.status}"), answer

    async def _health(self, _: web.Request) -> web.Response:
        return shown({"status": "ok", "service": "shop", "host": self._place.host, "version": VERSION})

    async def _show_upstreams(self, _: web.Request) -> web.Response:
        now = self._place.clock()
        body = {
            "shop": {
                "latency_p95_seconds": round(self._telemetry.requests.p95(now), 3),
                "error_ratio": round(self._telemetry.requests.error_ratio(now), 3),
            },
            "payment": {
                "latency_p95_seconds": round(self._calls.p95(now), 3),
                "error_ratio": round(self._calls.error_ratio(now), 3),
                "timeout_seconds": PATIENCE,
                "last_error": self._last_error or None,
            },
        }
        return shown(body)

    async def _show_flags(self, _: web.Request) -> web.Response:
        return shown(
            {name: {"state": state, "what": FLAGS.get(name, "")} for name, state in sorted(self._flags.items())}
        )

    async def _show_certificate(self, _: web.Request) -> web.Response:
        return shown(self._place.door.table() if self._place.door else {"served": False})


def build(place: Place) -> web.Application:
    """The service on its host."""
    return Shop(place).app()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        serve(build)
