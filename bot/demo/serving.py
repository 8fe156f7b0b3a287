"""How each of the demo's services runs: on a socket that its supervisor has opened, until it is told to end.

It says ``ready`` on standard output when it answers, and ends gracefully on SIGTERM, or when standard input ends
because the supervisor is gone.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom

import yaml
from aiohttp import web

from bot.demo.collected import Stream
from bot.demo.front_door import FrontDoor

GRACE = 2.5  # seconds for requests under way when it ends
CONFIG_AGAIN = 0.5  # seconds between two looks at config.yaml


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service runs: its host's name and folder, and the service that it calls, if any.

    ``logs`` and ``spans`` are what somebody collects of it, ``door`` is its TLS door, where it has one. ``ids`` names
    traces: it is not seeded, or a process that is started again would use the same names.
    """

    host: str
    folder: Path
    upstream: str
    chance: Random
    logs: Stream | None = None
    spans: Stream | None = None
    door: FrontDoor | None = None
    ids: Random = field(default_factory=SystemRandom)
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


def serve(build: Callable[[Place], web.Application]) -> None:
    """Read the command line, build the service and run it."""
    parser = argparse.ArgumentParser(description="A service of Fettle's demo; `python -m bot.demo.world` starts it.")
    parser.add_argument("--fd", type=int, required=True, help="the listening socket's descriptor")
    parser.add_argument("--tls-fd", type=int, help="the descriptor of a listening socket for TLS")
    parser.add_argument("--host-dir", type=Path, required=True)
    parser.add_argument("--collect", type=Path, help="the beginning of the files for its logs and spans")
    parser.add_argument("--upstream", default="")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder: Path = given.host_dir
    logs, spans = (Stream(Path(f"{given.collect}.{kind}")) if given.collect else None for kind in ("logs", "spans"))
    secure = socket.socket(fileno=given.tls_fd) if given.tls_fd is not None else None
    door = FrontDoor(folder / "tls", secure.getsockname()[1]) if secure else None
    chance = Random(given.seed)  # noqa: S311  # made-up delays, no secrets
    place = Place(folder.name, folder, given.upstream, chance, logs, spans, door)
    asyncio.run(_run(build, place, socket.socket(fileno=given.fd), secure))


def shown(body: object) -> web.Response:
    """JSON as a person can read it."""
    return web.json_response(body, dumps=lambda value: json.dumps(value, indent=2))


def config(folder: Path) -> dict[str, object]:
    """The host's ``config.yaml``; empty where it cannot be read just now."""
    try:
        read = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return {}
    return read if isinstance(read, dict) else {}


async def follow_level(folder: Path, tell: Callable[[str], None]) -> None:
    """Tell the log level that the host's configuration asks for, again whenever the file changes."""
    await follow(folder / "config.yaml", lambda: tell(str(config(folder).get("log_level", "info"))))


async def follow(file: Path, changed: Callable[[], None]) -> None:
    """Say that a file is there or was changed, until cancelled."""
    seen = 0
    while True:
        now = _changed_at(file) or seen
        if now != seen:
            seen = now
            changed()
        await asyncio.sleep(CONFIG_AGAIN)


def _changed_at(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None


async def _run(
    build: Callable[[Place], web.Application], place: Place, sock: socket.socket, secure: socket.socket | None
) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            told.set()

    loop.add_reader(sys.stdin.fileno(), read)
    runner = web.AppRunner(build(place), access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    sock.setblocking(False)
    sites = [web.SockSite(runner, sock, backlog=256)]
    if secure is not None and place.door is not None:
        secure.setblocking(False)
        sites.append(web.SockSite(runner, secure, ssl_context=place.door.context, backlog=256))
    for site in sites:
        await site.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await told.wait()
    for site in sites:
        await site.stop()
    await runner.cleanup()
