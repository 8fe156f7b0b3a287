"""Keeps the demo's programs running: starts them, starts them again when they crash, replaces them without a gap."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bot

ROOT = Path(bot.__file__).resolve().parent.parent
START_SECONDS = 20.0
END_SECONDS = 5.0
WORDS_KEPT = 1500


class StartFailed(Exception):
    """A program did not come up. The text has its last words."""


@dataclass(slots=True)
class Program:
    """One program. ``command`` gives its arguments; one that ``announces`` itself says ``ready`` when it answers.

    ``sockets`` listen and outlive each process: callers wait in their queues instead of being refused.
    """

    name: str
    command: Callable[[], Sequence[str]]
    log: Path
    sockets: Sequence[socket.socket] = ()
    announces: bool = True
    restarts: int = 0
    crashes: int = 0
    _process: asyncio.subprocess.Process | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _watching: asyncio.Task[None] | None = None
    _ending: bool = False
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def pid(self) -> int | None:
        """The process that answers now, None while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and keep it running. Raises ``StartFailed``."""
        async with self._lock:
            self._process = await self._spawn()
        self._watching = asyncio.create_task(self._watch())

    async def restart(self) -> None:
        """Start a new process and, once it answers, tell the old one to end, which may take it a moment.

        Raises ``StartFailed``; then the old one stays.
        """
        async with self._lock:
            old, self._process = self._process, await self._spawn()
            self.restarts += 1
            task = asyncio.create_task(_end(old))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def stop(self) -> None:
        """End it for good."""
        self._ending = True
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        async with self._lock:
            await asyncio.gather(_end(self._process), *self._leaving)

    async def _watch(self) -> None:
        pause = 0.5
        while not self._ending:
            watched = self._process
            if watched is not None:
                await watched.wait()
            async with self._lock:
                if self._process is not watched:  # replaced on purpose
                    pause = 0.5
                    continue
                self.crashes += 1
                try:
                    self._process = await self._spawn()
                except StartFailed:
                    self._process = None
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _spawn(self) -> asyncio.subprocess.Process:
        fds = tuple(one.fileno() for one in self.sockets)
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self.command(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE if self.announces else log,
                stderr=log,
                pass_fds=fds,
                cwd=ROOT,
            )
        if not self.announces or process.stdout is None:
            return process
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await process.stdout.readline()
        except TimeoutError:
            line = b""
        except asyncio.CancelledError:
            await _end(process)
            raise
        if line.strip() != b"ready":
            await _end(process)
            raise StartFailed(f"{self.name} did not come up; its last words:\n{last_words(self.log)}")
        return process


def last_words(log: Path) -> str:
    """The end of a program's log."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-WORDS_KEPT:].strip()
    except OSError:
        return ""


def service(module: str, sock: socket.socket, folder: Path, **options: object) -> list[str]:
    """The command line of one of the demo's services: ``seed=7`` becomes ``--seed 7``, what is empty is left out."""
    command = [sys.executable, "-m", module, "--fd", str(sock.fileno()), "--host-dir", str(folder)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)] if value not in ("", None) else []
    return command


def leashed(*command: str) -> list[str]:
    """The command line of a foreign program, which ends with us."""
    return [sys.executable, "-m", "bot.demo.leash", *command]


def listen() -> socket.socket:
    """A listening socket on a free loopback port, for handing on."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=256)
    sock.setblocking(False)
    return sock


def url_of(sock: socket.socket) -> str:
    """The address that a socket listens at."""
    host, port = sock.getsockname()[:2]
    return f"http://{host}:{port}"


async def _end(process: asyncio.subprocess.Process | None) -> None:
    if process is None:
        return
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.stdin is not None:
        process.stdin.close()
