"""Who watches the demo's services: Prometheus and Alertmanager where they are installed, else Fettle's own recorder.

Both sample the same targets every second, evaluate the same rules and post the same webhook to Fettle.
"""

import asyncio
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import aiohttp
import yaml

from bot.demo.alerting import GROUP_BY, GROUP_INTERVAL, GROUP_WAIT, RECEIVER, REPEAT, Evaluator, Grouping, Reading
from bot.demo.deliver import Fettle
from bot.demo.rules import RULES, prometheus_rules
from bot.demo.supervisor import Program, StartFailed, last_words, leashed
from bot.domain.evidence import Found
from bot.domain.ports import Metrics

EVERY = 1.0  # seconds between two samples, and between two looks at the rules
READY_SECONDS = 20.0
ATTEMPTS = 3
Targets = Mapping[str, Mapping[str, str]]


class Watch(Protocol):
    """What watches the services. One of ``prometheus`` (an address) and ``recorder`` (a database) is set."""

    prometheus: str | None
    recorder: Path | None

    async def start(self) -> None:
        """Begin. Raises ``StartFailed``."""
        ...

    async def stop(self) -> None:
        """End everything that was begun."""
        ...

    async def firing(self) -> tuple[str, ...]:
        """The names of the alerts that fire."""
        ...


def installed() -> tuple[str, str] | None:
    """The programs of Prometheus and Alertmanager, None unless both are on PATH."""
    prometheus = shutil.which("prometheus")
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    return (prometheus, alertmanager) if prometheus and alertmanager else None


@dataclass(slots=True)
class Prometheus:
    """Prometheus and Alertmanager on free loopback ports, with their data in ``folder``."""

    programs: tuple[str, str]
    folder: Path
    targets: Targets
    fettle: Fettle
    prometheus: str | None = None
    recorder: Path | None = None
    _running: list[Program] = field(default_factory=list)

    async def start(self) -> None:
        """Start both and wait until they answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        manager = await self._up("alertmanager", self._alertmanager)
        self.prometheus = await self._up("prometheus", lambda port: self._prometheus(port, manager))

    async def stop(self) -> None:
        """End both."""
        for program in reversed(self._running):
            await program.stop()

    async def firing(self) -> tuple[str, ...]:
        """The names of the alerts that fire, as Prometheus says."""
        async with _session() as session:
            try:
                async with session.get(f"{self.prometheus}/api/v1/alerts") as response:
                    body = await response.json()
            except (aiohttp.ClientError, TimeoutError):
                return ()
        return tuple(one["labels"]["alertname"] for one in body["data"]["alerts"] if one["state"] == "firing")

    async def _up(self, name: str, command: Callable[[int], list[str]]) -> str:
        log = self.folder / f"{name}.log"
        for _ in range(ATTEMPTS):
            port = _free_port()
            program = Program(name, partial(command, port), log, announces=False)
            await program.start()
            if await _ready(f"http://127.0.0.1:{port}/-/ready", program):
                self._running.append(program)
                return f"http://127.0.0.1:{port}"
            await program.stop()
        raise StartFailed(f"{name} did not come up; its last words:\n{last_words(log)}")

    def _alertmanager(self, port: int) -> list[str]:
        token = self.folder / "token"
        token.touch(mode=0o600)
        token.write_text(self.fettle.token, encoding="utf-8")
        authorization = {"type": "Bearer", "credentials_file": str(token.absolute())}
        hook = {
            "url": self.fettle.alerts_url,
            "send_resolved": True,
            "http_config": {"authorization": authorization},
        }
        receiver = {"name": RECEIVER, "webhook_configs": [hook] if self.fettle.base else []}
        route = {
            "receiver": RECEIVER,
            "group_by": list(GROUP_BY),
            "group_wait": f"{GROUP_WAIT.seconds}s",
            "group_interval": f"{GROUP_INTERVAL.seconds}s",
            "repeat_interval": f"{REPEAT.seconds}s",
        }
        file = self._write("alertmanager.yml", {"route": route, "receivers": [receiver]})
        return leashed(
            self.programs[1],
            f"--config.file={file}",
            f"--storage.path={self.folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--web.external-url=http://127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        )

    def _prometheus(self, port: int, manager: str) -> list[str]:
        rules = self._write("rules.yml", prometheus_rules(RULES))
        scraped = [
            {
                "job_name": labels.get("job", "demo"),
                "static_configs": [
                    {
                        "targets": [url.removeprefix("http://").partition("/")[0]],
                        "labels": {name: value for name, value in labels.items() if name != "job"},
                    }
                ],
            }
            for url, labels in self.targets.items()
        ]
        every = f"{EVERY:g}s"
        managers = [{"static_configs": [{"targets": [manager.removeprefix("http://")]}]}]
        body = {
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": [str(rules)],
            "alerting": {"alertmanagers": managers},
            "scrape_configs": scraped,
        }
        return leashed(
            self.programs[0],
            f"--config.file={self._write('prometheus.yml', body)}",
            f"--storage.tsdb.path={self.folder / 'prometheus'}",
            "--storage.tsdb.retention.time=6h",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--web.external-url=http://127.0.0.1:{port}",
            "--log.level=warn",
        )

    def _write(self, name: str, body: Mapping[str, object]) -> Path:
        file = (self.folder / name).absolute()
        file.write_text(yaml.safe_dump(body, sort_keys=False), encoding="utf-8")
        return file


@dataclass(slots=True)
class Embedded:
    """Fettle's own recorder, and the rules evaluated in this process. ``page`` is the control API's address."""

    folder: Path
    targets: Targets
    fettle: Fettle
    page: str
    now: Callable[[], datetime]
    prometheus: str | None = None
    recorder: Path | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _firing: tuple[str, ...] = ()

    async def start(self) -> None:
        """Begin to record and to evaluate."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.recorder = self.folder / "metrics.db"
        from bot.sources.recorder import Recorder, RecorderMetrics  # noqa: PLC0415  # only where Prometheus is missing

        recorder = Recorder(self.recorder, self.targets, EVERY)
        self._tasks.append(asyncio.create_task(recorder.run()))
        self._tasks.append(asyncio.create_task(self._evaluate(RecorderMetrics(self.recorder))))

    async def stop(self) -> None:
        """End both."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def firing(self) -> tuple[str, ...]:
        """The names of the alerts that fire."""
        return self._firing

    async def _evaluate(self, metrics: Metrics) -> None:
        evaluator, grouping = Evaluator(f"{self.page}/rules"), Grouping(self.page)
        while True:
            await asyncio.sleep(EVERY)
            now = self.now()
            readings = []
            for rule in RULES:
                answer = await metrics.instant(rule.selector, now)
                series = answer.data if isinstance(answer, Found) else ()
                readings.append(
                    (rule, [Reading(_named(one.labels), one.samples[-1][1]) for one in series if one.samples])
                )
            alerts = evaluator.evaluate(readings, now)
            self._firing = tuple(alert.labels["alertname"] for alert in alerts if not alert.ended_at)
            grouping.take(alerts, now)
            for notification in grouping.due(now):
                if not await self.fettle.alerts(notification.body):
                    grouping.told(notification, now)


def _named(labels: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: value for name, value in labels if name != "__name__"}


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


async def _ready(url: str, program: Program) -> bool:
    try:
        async with asyncio.timeout(READY_SECONDS), _session() as session:
            while not program.crashes:
                try:
                    async with session.get(url) as response:
                        if response.ok:
                            return True
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)
    except TimeoutError:
        return False
    return False
