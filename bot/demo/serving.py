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
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml
from aiohttp import web

GRACE = 2.5  # seconds for requests under way when it ends
CONFIG_AGAIN = 0.5  # seconds between two looks at config.yaml


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service runs: its host's name and folder, and the service that it calls, if any."""

    host: str
    folder: Path
    upstream: str
    chance: Random
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


def serve(build: Callable[[Place], web.Application]) -> None:
    """Read the command line, build the service and run it."""
    parser = argparse.ArgumentParser(description="A service of Fettle's demo; `python -m bot.demo.world` starts it.")
    parser.add_argument("--fd", type=int, required=True, help="the listening socket's descriptor")
    parser.add_argument("--host-dir", type=Path, required=True)
    parser.add_argument("--upstream", default="")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder: Path = given.host_dir
    place = Place(folder.name, folder, given.upstream, Random(given.seed))  # noqa: S311  # made-up delays, no secrets
    asyncio.run(_run(build, place, socket.socket(fileno=given.fd)))


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
    seen = 0
    while True:
        try:
            changed = (folder / "config.yaml").stat().st_mtime_ns
        except FileNotFoundError:
            changed = seen
        if changed != seen:
            seen = changed
            tell(str(config(folder).get("log_level", "info")))
        await asyncio.sleep(CONFIG_AGAIN)


async def _run(build: Callable[[Place], web.Application], place: Place, sock: socket.socket) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            told.set()

    loop.add_reader(sys.stdin.fileno(), read)
    sock.setblocking(False)
    runner = web.AppRunner(build(place), access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    site = web.SockSite(runner, sock, backlog=256)
    await site.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await told.wait()
    await site.stop()
    await runner.cleanup()
