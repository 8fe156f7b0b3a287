"""The payment service of the demo: ``POST /pay``, a pool of connections, a ledger, a journal on a small disk.

Run by ``python -m bot.demo.world``. What a payment does is in the release that its host points at.
"""

import asyncio
import base64
import contextlib
import errno
from collections.abc import AsyncIterator

from aiohttp import web

from bot.demo.disk import Disk, Log
from bot.demo.ledger import Compaction, Ledger
from bot.demo.pool import Pool, PoolTimeout
from bot.demo.serving import Place, follow_level, serve, shown
from bot.demo.telemetry import Telemetry
from bot.demo.till import Order, Release, Tools, load_release
from bot.demo.tracing import Tracer

POOL_SIZE, POOL_PATIENCE = 20, 1.0
DISK_SIZE = 24_000_000  # bytes
JOURNAL_SEGMENT = 128_000
FRAME = 62_000  # bytes that the card network and we exchange for one payment


class Payment:
    """One process of the payment service."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._release: Release = load_release(place.folder / "current")
        (place.folder / "data").mkdir(exist_ok=True)
        database = place.folder / "data" / "ledger.db"
        self._disk = Disk(place.folder / "disk", DISK_SIZE, place.clock)
        self._log = Log(self._disk, "payment", place.wall, stream=place.logs)
        self._tracer = Tracer("payment", place.spans, place.wall, place.clock, place.ids)
        self._ledger = Ledger(database, place.clock, self._tracer.span)
        self._pool = Pool(database, POOL_SIZE, POOL_PATIENCE, place.clock, self._tracer.span)
        self._compaction = Compaction(self._ledger, place.clock)
        self._tools = Tools(self._pool, self._ledger, self._journal, self._authorise)
        self._telemetry = Telemetry(self._release.VERSION, place.clock, self._tracer)
        self._failures = self._telemetry.counter("payment_failures_total", "Payments that failed", ("reason",))
        self._gauges()

    def app(self) -> web.Application:
        """The service."""
        app = web.Application(middlewares=[self._telemetry.middleware()])
        app.add_routes(
            [
                web.post("/pay", self._pay),
                web.post("/jobs/compaction", self._compact),
                web.get("/health", self._health),
                web.get("/metrics", self._telemetry.show),
                web.get("/debug/pool", self._show_pool),
                web.get("/debug/disk", self._show_disk),
                web.get("/debug/locks", self._show_locks),
            ]
        )
        app.cleanup_ctx.append(self._running)
        app.on_shutdown.append(self._ending)
        return app

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        level = asyncio.create_task(follow_level(self._place.folder, self._set_level))
        self._log.info("started", version=self._release.VERSION)
        yield
        level.cancel()
        await asyncio.gather(level, return_exceptions=True)
        self._pool.close()

    async def _ending(self, _: web.Application) -> None:
        # First of all, so that whoever waits for the ledger's lock is still served.
        await self._compaction.stop()

    def _set_level(self, level: str) -> None:
        if level != self._log.level:
            self._log.warning("log level changed", before=self._log.level, now=level)
        self._log.level = level

    async def _pay(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
            order = Order(str(body["order"])[:100], int(body["cents"]))
        except (ValueError, KeyError, TypeError):
            return web.json_response({"error": "expected order and cents"}, status=400)
        try:
            receipt = await self._release.pay(order, self._tools)
        except PoolTimeout as failure:
            return self._failed(order, "PoolTimeout", str(failure), 503)
        except OSError as failure:
            if failure.errno != errno.ENOSPC:
                raise
            return self._failed(order, "DiskFull", f"the journal cannot be written: {failure.strerror}", 507)
        self._log.info("paid", order=order.id, cents=order.cents, number=receipt.number, state=receipt.state)
        return web.json_response({"order": order.id, "number": receipt.number, "state": receipt.state})

    def _failed(self, order: Order, reason: str, text: str, status: int) -> web.Response:
        self._failures.labels(reason).inc()
        self._log.error(reason, order=order.id, text=text)
        return web.json_response({"error": reason, "text": text}, status=status)

    def _journal(self, order: str, cents: int) -> None:
        self._disk.rotate("journal.jsonl", JOURNAL_SEGMENT, keep=1)
        self._disk.append("journal.jsonl", f'{{"order": "{order}", "cents": {cents}}}\n'.encode())

    async def _authorise(self, order: Order) -> None:
        """Ask the card network, which takes about 80 ms."""
        self._log.dump(
            f"card network frames of {order.id}", lambda: base64.b64encode(self._place.chance.randbytes(FRAME)).decode()
        )
        with self._tracer.span("card network: authorise"):
            await asyncio.sleep(self._place.chance.gammavariate(4, 0.02))

    async def _compact(self, _: web.Request) -> web.Response:
        if not self._compaction.running:
            self._log.info("compaction of the ledger started")
        self._compaction.start()
        return shown(self._compaction.table())

    async def _health(self, _: web.Request) -> web.Response:
        return shown({"status": "ok", "service": "payment", "host": self._place.host, "version": self._release.VERSION})

    async def _show_pool(self, _: web.Request) -> web.Response:
        return shown(self._pool.table())

    async def _show_disk(self, _: web.Request) -> web.Response:
        body = {
            "size_bytes": self._disk.size,
            "used_bytes": self._disk.used,
            "used_ratio": round(self._disk.used_ratio, 3),
            "log_level": self._log.level,
            "biggest": self._disk.biggest(self._place.wall()),
        }
        return shown(body)

    async def _show_locks(self, _: web.Request) -> web.Response:
        return shown({"ledger": self._ledger.table(), "jobs": {"compaction": self._compaction.table()}})

    def _gauges(self) -> None:
        show, pool, disk = self._telemetry.gauge, self._pool, self._disk
        show("pool_in_use", "Connections in use, mean of the last second", lambda now: pool.level.mean(now, 1.0))
        show("pool_in_use_ratio", "Share of the pool in use, 0-1", lambda now: pool.level.mean(now, 1.0) / pool.size)
        show("pool_size", "Connections in the pool", lambda _: pool.size)
        show("pool_wait_p95_seconds", "95th percentile of the wait for a connection, last 8 s", pool.waits.p95)
        show("disk_used_bytes", "Bytes used on the disk", lambda _: disk.used)
        show("disk_size_bytes", "Size of the disk", lambda _: disk.size)
        show("disk_used_ratio", "Share of the disk in use, 0-1", lambda _: disk.used_ratio)
        waits = self._ledger.waits
        show("lock_wait_p95_seconds", "95th percentile of the wait for a lock, last 8 s", waits.p95, {"lock": "ledger"})


def build(place: Place) -> web.Application:
    """The service on its host."""
    return Payment(place).app()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        serve(build)
