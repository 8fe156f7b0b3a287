"""A world in a process of its own, with somebody in Fettle's place who takes its deliveries."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.domain.evidence import Asked, Empty, Failed, Found, Series, Window
from bot.domain.ports import Metrics
from tests.house import ROOT

TOKEN = "open-sesame"
PATIENCE = 60.0


@dataclass
class Inbox:
    """What was delivered, each with the moment (``time.monotonic``)."""

    alerts: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    strangers: int = 0

    async def take(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.strangers += 1
            return web.Response(status=401)
        body = await request.json()
        if request.path == "/changes":
            self.changes.append(body)
        else:
            self.alerts.append((time.monotonic(), body))
        return web.Response()

    def states(self) -> dict[str, str]:
        """The newest state of every alert that was told of."""
        return {one["labels"]["alertname"]: one["status"] for _, body in self.alerts for one in body["alerts"]}

    def first(self, alert: str) -> tuple[float, dict[str, Any]] | None:
        """The first delivery that holds the alert: when, and the alert."""
        for at, body in self.alerts:
            for one in body["alerts"]:
                if one["labels"]["alertname"] == alert:
                    return at, one
        return None


@dataclass
class Stage:
    """A running world. ``said`` is its JSON line."""

    home: Path
    process: asyncio.subprocess.Process
    said: dict[str, Any]
    inbox: Inbox
    session: aiohttp.ClientSession

    async def post(self, path: str, body: Mapping[str, object] | None = None) -> tuple[int, dict[str, Any]]:
        async with self.session.post(f"{self.said['control']}{path}", json=body) as response:
            return response.status, await response.json()

    async def status(self) -> dict[str, Any]:
        async with self.session.get(f"{self.said['control']}/status") as response:
            found: dict[str, Any] = await response.json()
            return found

    async def gauges(self, service: str) -> dict[str, float]:
        """What the service's own ``/metrics`` shows now."""
        async with self.session.get(f"{self.said[service]}/metrics") as response:
            lines = (await response.text()).splitlines()
        return {name: float(value) for name, _, value in (one.rpartition(" ") for one in lines if one[:1] != "#")}

    @property
    def metrics(self) -> Metrics:
        """What the world's watcher has recorded."""
        if self.said["prometheus"]:
            return Asking(self.said["prometheus"], self.session)
        from bot.sources.recorder import RecorderMetrics  # noqa: PLC0415  # as in bot/demo/observability.py

        return RecorderMetrics(Path(self.said["recorder"]))


@dataclass
class Asking:
    """Prometheus' HTTP API behind Fettle's port, as little as the tests need."""

    url: str
    session: aiohttp.ClientSession

    async def range(
        self, query: str, window: Window, step_seconds: float
    ) -> Found[tuple[Series, ...]] | Empty | Failed:
        span = {"start": window.start.timestamp(), "end": window.end.timestamp(), "step": step_seconds}
        return await self._ask("query_range", {"query": query, **span})

    async def instant(self, query: str, at: datetime) -> Found[tuple[Series, ...]] | Empty | Failed:
        return await self._ask("query", {"query": query, "time": at.timestamp()})

    async def _ask(self, kind: str, asked: Mapping[str, str | float]) -> Found[tuple[Series, ...]] | Empty | Failed:
        given = Asked("prometheus", str(asked["query"]))
        async with self.session.get(f"{self.url}/api/v1/{kind}", params=dict(asked)) as response:
            body = await response.json()
        if body["status"] != "success":
            return Failed(given, body["error"])
        series = tuple(
            Series(
                tuple(sorted(one["metric"].items())),
                tuple((datetime.fromtimestamp(at, UTC), float(v)) for at, v in one.get("values") or [one["value"]]),
            )
            for one in body["data"]["result"]
        )
        return Found(given, series) if series else Empty(given)


@asynccontextmanager
async def stage(home: Path, *options: str) -> AsyncIterator[Stage]:
    """Start a world that delivers here, and end it by closing its standard input."""
    inbox = Inbox()
    app = web.Application()
    app.add_routes([web.post("/webhooks/alertmanager", inbox.take), web.post("/changes", inbox.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    process = await start(home, "--fettle-url", f"http://{host}:{port}", *options)
    try:
        said = await line(process)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            yield Stage(home, process, said, inbox, session)
    finally:
        await end(process)
        await runner.cleanup()


async def start(home: Path, *options: str) -> asyncio.subprocess.Process:
    """The world's process; its standard input is a pipe, and its first line the token."""
    command = [sys.executable, "-m", "bot.demo.world", "--home", str(home), "--webhook-token", "-", *options]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin
    process.stdin.write(f"{TOKEN}\n".encode())
    await process.stdin.drain()
    return process


async def line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The world's JSON line."""
    assert process.stdout
    async with asyncio.timeout(PATIENCE):
        said: dict[str, Any] = json.loads(await process.stdout.readline())
    return said


async def end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin
    process.stdin.close()
    async with asyncio.timeout(PATIENCE):
        await process.wait()


async def until(true: Callable[[], Awaitable[object]], what: str, patience: float = PATIENCE) -> float:
    """Wait until it is true; gives how many seconds that took."""
    began = time.monotonic()
    while not await true():
        assert time.monotonic() - began < patience, f"not within {patience:g} s: {what}"
        await asyncio.sleep(0.2)
    return time.monotonic() - began


def window(seconds: float) -> Window:
    """The last so many seconds."""
    now = datetime.now(UTC)
    return Window(now - timedelta(seconds=seconds), now)


def values(answer: object) -> Sequence[float]:
    """Every sample of an answer's series; none where there is no answer."""
    return [value for one in answer.data for _, value in one.samples] if isinstance(answer, Found) else []
