"""What Fettle can ask about the demo's world besides its services, each source at an address of its own.

Each of them can be put out of order: then it answers 503, or, where it is the recorder's database, is not there.
"""

import asyncio
import contextlib
import shutil
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from bot.demo.collected import Collected
from bot.demo.jaeger import JaegerApi
from bot.demo.loki import LokiApi
from bot.demo.supervisor import url_of
from bot.errors import Refused

METRICS, LOGS, TRACES = "prometheus", "loki", "jaeger"
READ_EVERY = 2.0  # seconds
PASSED_ON = ("Content-Type", "Accept")
OUT = "This source is out of order on purpose: the demo shows what Fettle does without it.\n"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Sources:
    """Logs and traces that the services write into ``folder``, and the way to whoever has the metrics.

    ``prometheus`` is the address of a real one, ``recorder`` the recorder's database where there is none.
    """

    folder: Path
    hosts: Mapping[str, str]
    prometheus: str | None = None
    recorder: Path | None = None
    out: set[str] = field(default_factory=set)
    urls: dict[str, str] = field(default_factory=dict)
    _runners: list[web.AppRunner] = field(default_factory=list)
    _collected: list[Collected] = field(default_factory=list)
    _reading: asyncio.Task[None] | None = None
    _session: aiohttp.ClientSession | None = None

    @property
    def database(self) -> Path | None:
        """Where Fettle finds the recorder's database, None where there is no recorder."""
        return self.folder / "metrics.db" if self.recorder else None

    def begins(self, service: str) -> Path:
        """The beginning of the files into which a service writes its logs and spans."""
        return self.folder / service

    def lay_out(self) -> None:
        """Make the folder as on a good day; what an earlier world wrote is gone."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    async def start(self) -> None:
        """Serve everything, each source on a free port."""
        logs = Collected(self._files("logs"), lambda one: float(one["at"]), time.time)
        spans = Collected(self._files("spans"), lambda one: float(one["start"]) / 1e6, time.time)
        self._collected = [logs, spans]
        await self._serve(LOGS, LokiApi(logs, self.hosts, time.time).add_to)
        await self._serve(TRACES, JaegerApi(spans, self.hosts, time.time).add_to)
        if self.prometheus:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
            await self._serve(METRICS, lambda app: app.router.add_route("*", "/{path:.*}", self._pass_on))
        self._link(there=True)
        self._reading = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """End everything that was started."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        for runner in self._runners:
            await runner.cleanup()
        if self._session:
            await self._session.close()
        for one in self._collected:
            one.close()

    def outage(self, source: str, *, on: bool) -> None:
        """Put a source out of order, or in order again. Raises ``Refused`` for one that there is not."""
        if source not in (METRICS, LOGS, TRACES):
            raise Refused(f"There is no source “{source[:40]}”. There are: {METRICS}, {LOGS}, {TRACES}.")
        if on:
            self.out.add(source)
        else:
            self.out.discard(source)
        if source == METRICS:
            self._link(there=not on)

    async def _serve(self, name: str, fill: Callable[[web.Application], object]) -> None:
        @web.middleware
        async def out_of_order(request: web.Request, handler: Handler) -> web.StreamResponse:
            return web.Response(text=OUT, status=503) if name in self.out else await handler(request)

        app = web.Application(middlewares=[out_of_order])
        fill(app)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._runners.append(runner)
        sock = socket.create_server(("127.0.0.1", 0))
        self.urls[name] = url_of(sock)
        await web.SockSite(runner, sock).start()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        if self._session is None:
            return web.Response(status=502)
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        try:
            async with self._session.request(
                request.method, f"{self.prometheus}{request.rel_url}", data=await request.read(), headers=headers
            ) as answer:
                kind = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
                return web.Response(body=await answer.read(), status=answer.status, headers=kind)
        except (aiohttp.ClientError, TimeoutError) as failure:
            return web.Response(text=f"Prometheus does not answer: {type(failure).__name__}\n", status=502)

    async def _read(self) -> None:
        """Keep up with the files, so that a question finds little to read."""
        while True:
            for one in self._collected:
                one.read()
            await asyncio.sleep(READ_EVERY)

    def _files(self, kind: str) -> tuple[Path, ...]:
        return tuple(self.folder / f"{service}.{kind}" for service in self.hosts)

    def _link(self, *, there: bool) -> None:
        """Fettle reads the recorder's database through a link, and the world itself does not."""
        if self.database is None or self.recorder is None:
            return
        with contextlib.suppress(FileNotFoundError):
            self.database.unlink()
        if there:
            self.database.symlink_to(self.recorder.absolute())
