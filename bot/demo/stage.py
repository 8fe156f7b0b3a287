"""Everything that the demo needs, started in its order: the workspace here, the world and Fettle as programs."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from bot.demo.configuration import write_config
from bot.demo.faults import FAULTS
from bot.demo.supervisor import ROOT, StartFailed, last_words, leashed
from bot.workspace.seed import Launcher, Seed
from bot.workspace.server import running
from bot.workspace.workspace import Workspace

START_SECONDS = 60.0
END_SECONDS = 15.0
PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")

Tell = Callable[[str], None]


@dataclass
class Stage:
    """The parts of the demo, all on loopback, with their data in ``folder``.

    Entering it starts everything and tells each step; leaving it ends everything. ``port`` is the page's, 0 for any
    free one. Raises ``StartFailed`` with the last words of what did not come up, and ``ConfigError`` for the port.
    """

    folder: Path
    port: int = 0
    prometheus: bool = True
    tell: Tell = lambda _line: None
    environment: Mapping[str, str] = field(default_factory=dict)
    workspace: Workspace = field(init=False)
    url: str = ""
    world: Mapping[str, Any] = field(default_factory=dict)
    fettle_url: str = ""
    _token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _world: asyncio.subprocess.Process | None = None
    _fettle: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._stop())

    @property
    def log(self) -> Path:
        """What Fettle writes about itself."""
        return self.folder / "fettle.log"

    @property
    def control(self) -> str:
        """The address of the world's control API."""
        return str(self.world["control"])

    async def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.fettle_url = f"http://127.0.0.1:{_free_port()}"
        self.tell("the workspace")
        self.workspace = Workspace(_seed(), state_file=self.folder / "workspace.db")
        self.url = await self._stack.enter_async_context(running(self.workspace, self.port))
        self.tell("a shop and its payment service, with traffic and somebody who watches them")
        self.world = await self._start_world()
        write_config(self.world, self.folder / "config")
        self.tell("Fettle")
        await self.start_fettle()

    async def _stop(self) -> None:
        for process in (self._fettle, self._world):
            await _end(process)
        await self._stack.aclose()

    async def status(self) -> Mapping[str, Any]:
        """How the world stands: faults, alerts, services."""
        async with _session() as session, session.get(f"{self.control}/status") as response:
            status: Mapping[str, Any] = await response.json()
            return status

    async def start_fettle(self) -> None:
        """Start Fettle and wait until it is ready."""
        with self.log.open("ab") as log:
            self._fettle = await asyncio.create_subprocess_exec(
                *leashed(sys.executable, "-m", "bot.cli", "run"),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=self._environment(os.environ),
            )
        await _until_ready(f"{self.fettle_url}/readyz", self._fettle, self.log)

    async def kill_fettle(self) -> None:
        """End Fettle without warning."""
        if self._fettle is not None and self._fettle.returncode is None:
            self._fettle.kill()
            await self._fettle.wait()

    async def stop_fettle(self) -> None:
        """Ask Fettle to end."""
        await _end(self._fettle)

    async def _start_world(self) -> Mapping[str, Any]:
        log = self.folder / "world.log"
        command = [sys.executable, "-m", "bot.demo.world", "--home", str(self.folder)]
        command += ["--fettle-url", self.fettle_url, "--webhook-token", "-"]
        command += [] if self.prometheus else ["--no-prometheus"]
        with log.open("ab") as errors:
            process = self._world = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                start_new_session=True,
            )
        if process.stdin is None or process.stdout is None:
            raise StartFailed("the demo's world has no pipes")
        process.stdin.write(f"{self._token}\n".encode())
        await process.stdin.drain()
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line.strip():
            raise StartFailed(f"The demo's services did not come up; their last words:\n{last_words(log)}")
        described: Mapping[str, Any] = json.loads(line)
        return described

    def _environment(self, surroundings: Mapping[str, str]) -> dict[str, str]:
        app = self.workspace.seed.app
        given = {name: surroundings[name] for name in PASSED_ON if name in surroundings}
        metrics = (
            {"PROMETHEUS_URL": str(self.world["prometheus"])}
            if self.world.get("prometheus")
            else {"FETTLE_RECORDER": str(self.world["recorder"])}
        )
        return {
            **given,
            **metrics,
            "LOKI_URL": str(self.world["loki"]),
            "JAEGER_URL": str(self.world["jaeger"]),
            "PYTHONUNBUFFERED": "1",
            "SLACK_API_URL": f"{self.url}/api/",
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_APP_TOKEN": app.app_token,
            "FETTLE_CONFIG": str(self.folder / "config"),
            "FETTLE_HOME": str(self.folder / "data"),
            "FETTLE_HTTP_PORT": self.fettle_url.rpartition(":")[2],
            "FETTLE_WEBHOOK_TOKEN": self._token,
            "FETTLE_DEMO_URL": self.control,
            **self.environment,
        }


def clear(folder: Path) -> None:
    """Remove what an earlier demo left."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _seed() -> Seed:
    launchers = [
        Launcher(f"Break it: {name}", f"/fettle demo break {name}", words, "#alerts") for name, words in FAULTS.items()
    ]
    launchers.append(Launcher("Mend everything", "/fettle demo reset", "ends every fault", "#alerts"))
    launchers.append(Launcher("What can Fettle do?", "/fettle", "lists every command"))
    return replace(Seed(), team_name="Fettle demo", launchers=tuple(launchers))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))


async def _until_ready(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    try:
        async with asyncio.timeout(START_SECONDS), _session() as session:
            while process.returncode is None:
                # A question that takes too long on a busy machine is asked again; only the whole time ends the wait.
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(url) as response:
                        if response.ok:
                            return
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    raise StartFailed(f"Fettle did not come up; its last words:\n{last_words(log)}")


async def _end(process: asyncio.subprocess.Process | None) -> None:
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
