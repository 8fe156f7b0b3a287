"""The demo's world: ``python -m bot.demo.world --home DIR --fettle-url URL --webhook-token TOKEN``.

It lays out the hosts, starts shop, payment, traffic and whoever watches, and prints one JSON line when all is well::

    {"control": url, "prometheus": url or null, "recorder": path or null, "loki": url, "jaeger": url,
     "shop": url, "secure": url, "payment": url,
     "hosts": {"pay-01": {"service": "payment", "host_dir": …, "supervisor_url": …, "service_url": …}, …},
     "baseline_seconds": 40}

The past of ordinary samples is long enough to compare with ``baseline_seconds`` after that line. The world ends, and
everything it started with it, on SIGTERM, on SIGINT, and when its starter is gone: when its standard input ends, where
that is a pipe, otherwise (on Linux) when the starter ends. ``--webhook-token -`` reads the token from the first line of
standard input, where no list of processes shows it.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from aiohttp import web

from bot.demo.authority import Authority, lay_out
from bot.demo.control import Control
from bot.demo.deliver import Fettle
from bot.demo.faults import Faults
from bot.demo.flags import USUAL, write_flags
from bot.demo.host import LEAKING, SOUND, Host, release_text
from bot.demo.leash import die_with_parent
from bot.demo.observability import Embedded, Prometheus, Watch, installed
from bot.demo.sources import LOGS, METRICS, TRACES, Sources
from bot.demo.supervisor import Program, StartFailed, listen, service, url_of
from bot.demo.traffic import Traffic

BASELINE_SECONDS = 40


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the world shall be. Port 0 takes any free one for the control API."""

    home: Path
    fettle: Fettle
    prometheus: bool = True
    port: int = 0
    seed: int | None = None


class World:
    """Everything that runs. ``start`` raises ``StartFailed`` with the last words of what did not come up."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._folder = wanted.home.absolute() / "world"
        self._chance = Random(wanted.seed)  # noqa: S311  # made-up customers, no secrets
        self._sockets: list[socket.socket] = [listen(), listen(), listen()]
        self._control_socket = socket.create_server(("127.0.0.1", wanted.port))
        self.shop, self.payment, secure = map(url_of, self._sockets)
        self.secure = secure.replace("http:", "https:")
        self.control = url_of(self._control_socket)
        self._hosts = {
            "payment": Host("pay-01", "payment", self._folder / "host" / "pay-01"),
            "shop": Host("shop-01", "shop", self._folder / "host" / "shop-01"),
        }
        self._sources = Sources(self._folder / "collected", {name: host.name for name, host in self._hosts.items()})
        self._programs = {
            "payment": self._program("payment", self._sockets[1]),
            "shop": self._program("shop", self._sockets[0], self._sockets[2], upstream=self.payment),
        }
        signer = Authority.found(datetime.now(UTC))
        trusted, customers = ssl.create_default_context(cadata=signer.pem), Random(self._chance.random())  # noqa: S311  # as above
        self._traffic = Traffic(self.shop, self.secure, trusted, customers, time.monotonic)
        self._flowing: asyncio.Task[None] | None = None
        self._watch = self._watching()
        self._faults = Faults(
            self._hosts["payment"],
            self._hosts["shop"],
            signer,
            self.payment,
            self.control,
            wanted.fettle,
            self._restart_payment,
            time.time,
        )
        self._api: web.AppRunner | None = None
        self._began = time.monotonic()

    async def start(self) -> None:
        """Start everything and wait until it is healthy."""
        (self._folder / "log").mkdir(parents=True, exist_ok=True)
        releases = {version: release_text(version) for version in (SOUND, LEAKING)}
        self._hosts["payment"].lay_out(releases, SOUND, self._chance)
        shop = self._hosts["shop"]
        shop.lay_out({}, "", self._chance)
        write_flags(shop.folder, USUAL)
        shutil.rmtree(shop.folder / "tls", ignore_errors=True)
        lay_out(shop.folder / "tls", self._faults.signer, datetime.now(UTC))
        self._sources.lay_out()
        await asyncio.gather(*(program.start() for program in self._programs.values()))
        self._flowing = asyncio.create_task(self._traffic.run())
        control = Control(self._faults, self._sources, self.restart, self.status)
        self._api = web.AppRunner(control.app(), access_log=None)
        await self._api.setup()
        await web.SockSite(self._api, self._control_socket).start()
        await self._watch.start()
        self._sources.prometheus, self._sources.recorder = self._watch.prometheus, self._watch.recorder
        await self._sources.start()

    async def stop(self) -> None:
        """End everything that was started."""
        if self._flowing:
            self._flowing.cancel()
            await asyncio.gather(self._flowing, return_exceptions=True)
        await self._sources.stop()
        await self._watch.stop()
        # The caller first: it would wait for a payment process that is gone.
        for name in ("shop", "payment"):
            await self._programs[name].stop()
        if self._api:
            await self._api.cleanup()
        for sock in (*self._sockets, self._control_socket):
            sock.close()

    async def restart(self, name: str) -> Mapping[str, object]:
        """Replace a service's process. Raises ``KeyError`` for an unknown one and ``StartFailed``."""
        program, began = self._programs[name], time.monotonic()
        await program.restart()
        took = round(time.monotonic() - began, 2)
        return {"service": name, "version": self._hosts[name].version or None, "pid": program.pid, "seconds": took}

    async def status(self) -> Mapping[str, object]:
        """How everything stands."""
        up = time.monotonic() - self._began
        return {
            "faults": list(await self._faults.on()),
            "alerts": list(await self._watch.firing()),
            "services": {
                name: {
                    "pid": program.pid,
                    "version": self._hosts[name].version or None,
                    "restarts": program.restarts,
                    "crashes": program.crashes,
                }
                for name, program in self._programs.items()
            },
            "traffic": {"orders": self._traffic.sent, "failed": self._traffic.failed},
            "sources_out": sorted(self._sources.out),
            "deliveries": {"taken": self._wanted.fettle.delivered, "not_taken": self._wanted.fettle.refused},
            "seconds": round(up, 1),
            "baseline": up > BASELINE_SECONDS,
        }

    def described(self) -> dict[str, object]:
        """What the starter needs to know."""
        urls = {"payment": self.payment, "shop": self.shop}
        hosts = {
            host.name: {
                "service": name,
                "host_dir": str(host.folder),
                "supervisor_url": self.control,
                "service_url": urls[name],
            }
            for name, host in self._hosts.items()
        }
        return {
            "control": self.control,
            "prometheus": self._sources.urls.get(METRICS),
            "recorder": str(self._sources.database) if self._sources.database else None,
            "loki": self._sources.urls[LOGS],
            "jaeger": self._sources.urls[TRACES],
            "shop": self.shop,
            "payment": self.payment,
            "secure": self.secure,
            "hosts": hosts,
            "baseline_seconds": BASELINE_SECONDS,
        }

    async def _restart_payment(self) -> None:
        await self._programs["payment"].restart()

    def _program(self, name: str, sock: socket.socket, tls: socket.socket | None = None, upstream: str = "") -> Program:
        module, folder = f"bot.demo.{name}", self._hosts[name].folder
        options = {
            "seed": self._chance.getrandbits(31),
            "collect": self._sources.begins(name),
            "tls_fd": tls.fileno() if tls else None,
            "upstream": upstream,
        }
        sockets = (sock, tls) if tls else (sock,)
        log = self._folder / "log" / f"{name}.log"
        return Program(name, lambda: service(module, sock, folder, **options), log, sockets)

    def _watching(self) -> Watch:
        targets = {
            f"{url}/metrics": {"job": name, "service": name, "instance": self._hosts[name].name}
            for name, url in (("shop", self.shop), ("payment", self.payment))
        }
        folder, programs = self._folder / "watch", installed()
        if self._wanted.prometheus and programs:
            return Prometheus(programs, folder, targets, self._wanted.fettle)
        return Embedded(folder, targets, self._wanted.fettle, self.control, lambda: datetime.now(UTC))


async def run(wanted: Wanted) -> int:
    """Run the world until it is told to end; gives the exit status."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    _end_with_starter(loop, told)
    try:
        world = World(wanted)
    except OSError as failure:
        sys.stderr.write(f"world: its ports cannot be opened: {failure}\n")
        return 1
    try:
        starting, telling = asyncio.create_task(world.start()), asyncio.create_task(told.wait())
        await asyncio.wait({starting, telling}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return 0
        try:
            starting.result()
        except (StartFailed, OSError) as failure:
            sys.stderr.write(f"world: {failure}\n")
            return 1
        sys.stdout.write(json.dumps(world.described()) + "\n")
        sys.stdout.flush()
        await telling
        return 0
    finally:
        await world.stop()


def _end_with_starter(loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    fd = sys.stdin.fileno()
    kind = os.fstat(fd).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        die_with_parent()
        return

    def read() -> None:
        if not os.read(fd, 4096):
            loop.remove_reader(fd)
            told.set()

    loop.add_reader(fd, read)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m bot.demo.world", description="The world of Fettle's demo.")
    parser.add_argument("--home", type=Path, required=True, help="a folder for everything that it writes")
    parser.add_argument("--fettle-url", default="", help="where Fettle listens; without it nobody is told")
    parser.add_argument("--webhook-token", default="", help="Fettle's bearer token; - reads it from standard input")
    parser.add_argument("--no-prometheus", action="store_true", help="use Fettle's own recorder in any case")
    parser.add_argument("--port", type=int, default=0, help="the control API's port (default: any free one)")
    parser.add_argument("--seed", type=int, help="repeat the same customers (default: others each time)")
    given = parser.parse_args()
    token = sys.stdin.readline().strip() if given.webhook_token == "-" else given.webhook_token  # noqa: S105  # a dash
    fettle = Fettle(given.fettle_url.rstrip("/"), token)
    return asyncio.run(run(Wanted(given.home, fettle, not given.no_prometheus, given.port, given.seed)))


if __name__ == "__main__":
    sys.exit(main())
