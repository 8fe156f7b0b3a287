"""The composition root: the only place where parts are made and joined."""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot.config import Config, load
from bot.dispatch import Dispatch
from bot.domain.events import SignalsArrived
from bot.domain.incident import Incident
from bot.domain.ports import Metrics
from bot.domain.prompt import Prompt
from bot.domain.redaction import Redaction
from bot.domain.remembered import document_of
from bot.domain.signal import Signal
from bot.engine import Engine, Queue
from bot.errors import ConfigError, KnowledgeError
from bot.model import Model, ModelSettings
from bot.registry import Registry, discover
from bot.runners.ansible import AnsibleRunner
from bot.runners.command import CommandRunner
from bot.runners.http import HttpRunner
from bot.settings import Secret, Settings
from bot.skill import Ports
from bot.sources import made
from bot.sources.breaker import Breaker
from bot.sources.demo import DemoWorld
from bot.web.metrics import Meters
from bot.web.webhooks import Taken
from knowledge.index import IndexReport, Progress
from knowledge.library import Knowledge
from prompts.loader import load as load_prompts
from storage.chain import AuditReport
from storage.store import Storage

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

    from bot.schedule import Schedule
    from bot.slack.connection import Socket
    from bot.slack.courier import Courier
    from bot.web.server import RunningServer

log = structlog.get_logger(__name__)

QUEUES = (Queue.serial("signals"), Queue("people", 16), Queue("work", 8), Queue("runs", 4))
DRAIN_SECONDS = 8.0
TIMER_SECONDS = 0.25
INDEX_SECONDS, DOCUMENT_SECONDS, GAUGE_SECONDS, FORGET_SECONDS = 300.0, 15.0, 10.0, 6 * 3600.0
FORGET_AFTER = timedelta(days=14)
SPENDING_KEPT = timedelta(days=400)
METRICS_SECONDS = 10.0
AUDIT_KEY_BYTES = 32
USUAL_MODEL, NO_KEY = "gpt-4.1-mini", "none"  # a server of one's own may want no key, the client wants one


def clock() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Fettle:
    """One running Fettle, of the parts that were asked for: ``web`` takes in, ``worker`` does the work."""

    def __init__(self, settings: Settings, config: Config, parts: set[str]) -> None:
        self._settings, self._config, self._parts = settings, config, parts
        self.meters = Meters()
        self._storage = open_storage(settings)
        self._engine = _engine(self._storage, executes="worker" in parts, apart=len(parts) == 1)
        self._knowledge = Knowledge(settings.home / "knowledge")
        self._prompts = load_prompts()
        self._model = _model(settings, config, self._prompts, self._storage, self.meters)
        self._courier: Courier | None = None
        self._socket: Socket | None = None
        self._server: RunningServer | None = None
        self._schedule: Schedule | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._ended = asyncio.Event()
        self._stopping = False
        self._why: BaseException | None = None

    @property
    def address(self) -> str:
        """Where it takes deliveries, empty where it takes none."""
        return self._server.address if self._server else ""

    async def start(self) -> None:
        """Open everything, in the order in which one part needs another."""
        if len(self._parts) > 1:
            await self._storage.migrate()
        else:
            await self._storage.check()
        from bot.slack.connection import bolt_app, web_client
        from bot.slack.listeners import Listeners
        from bot.slack.watched import Watched

        token = _needed(self._settings.slack_bot_token, "SLACK_BOT_TOKEN")
        client = web_client(token, self._settings.slack_api_url)
        ports = self._ports(client)
        have = [field.name for field in fields(Ports) if field.name != "demo" or ports.demo is not None]
        registry = Registry(discover(), have, optional=("demo",))
        self._dispatch = Dispatch(
            registry,
            ports,
            self._config.house,
            self._storage,
            self._engine,
            clock,
            self._wake,
            self.meters,
            where=made_once(self._settings.home / "id", 8),
        )
        self._dispatch.install()
        await self._engine.start()
        signing = self._settings.slack_signing_secret
        app = bolt_app(client, signing.reveal() if signing else None)
        watched = Watched(self._config.watch, self.take, client)
        Listeners(
            self._dispatch,
            registry,
            self._storage.outbox.key_at,
            client,
            self._config.house.command,
            watched=watched,
        ).install(app)
        if "worker" in self._parts:
            self._work(client, registry, app)
        if "web" in self._parts:
            await self._serve(app)
        log.info("Fettle is ready", parts=sorted(self._parts), address=self.address, config=str(self._config.folder))

    async def wait(self) -> None:
        """Wait until a part ends that must not; raises what ended it."""
        await self._ended.wait()
        if self._why is not None:
            raise self._why

    async def stop(self) -> None:
        """Take nothing more, finish what is short, and leave the rest for the next start."""
        self._stopping = True
        if self._schedule:
            self._schedule.stop()
        if self._server:
            await self._server.stop()
        if self._socket:
            await self._socket.close()
        await self._engine.stop(DRAIN_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._knowledge.close()
        if self._model is not None:
            await self._model.close()
        await self._storage.close()

    async def take(self, signals: Sequence[Signal], delivery: str, request_id: str) -> Taken:
        """Take signals in, with the event that has them placed, in one transaction."""
        async with self._storage.begin() as session:
            new = await self._storage.take(session, signals)
            if new:
                event = SignalsArrived(id=f"signals:{delivery}", at=clock(), request_id=request_id)
                await self._engine.submit_in(session, self._dispatch.jobs(event))
        return Taken(new, len(signals) - new)

    async def ready(self) -> Mapping[str, str | None]:
        """For each part what is wrong with it, None where nothing is."""
        await self._engine.backlog()
        parts: dict[str, str | None] = {"database": None}
        if self._socket is not None:
            parts["slack"] = await self._socket.wrong()
        return parts

    def _wake(self) -> None:
        if self._courier is not None:
            self._courier.wake()

    def _ports(self, client: "AsyncWebClient") -> Ports:
        from bot.pictures import MetricPictures
        from bot.slack.people import SlackPeople

        settings, config = self._settings, self._config
        observers = made.observers(settings.sources, config.catalogue)

        def secret(name: str) -> str | None:
            found = settings.secret(name)
            return found.reveal() if found else None

        return Ports(
            state=self._storage.state,
            people=SlackPeople(client, config.roles, time.monotonic),
            metrics=_metrics(settings),
            knowledge=self._knowledge,
            pictures=MetricPictures(self._storage.pictures.put_picture),
            runners={"ansible": AnsibleRunner(config.actions_folder, settings.home / "runs", secret)},
            lookers={"command": CommandRunner(), "http": HttpRunner()},
            catalogue=config.catalogue,
            actions=config.actions,
            guides=config.guides,
            past=config.past,
            demo=DemoWorld(settings.demo_url) if settings.demo_url else None,
            logs=observers.logs,
            traces=observers.traces,
            cluster=observers.cluster,
            deploys=observers.deploys,
            model=self._model,
            prompts=self._prompts,
        )

    def _work(self, client: "AsyncWebClient", registry: Registry, app: "AsyncApp") -> None:
        from bot.schedule import Chore, Schedule
        from bot.slack.connection import Socket
        from bot.slack.courier import Courier

        self._courier = Courier(
            client,
            self._storage.outbox,
            self._storage.pictures,
            self._dispatch.render,
            clock=clock,
            steady=time.monotonic,
            owner=_process_name(),
            posted=lambda kind, result: self.meters.messages.labels(kind, result).inc(),
            conceal=Redaction(secret.reveal() for secret in self._settings.secrets()).conceal_known,
        )
        self._go(self._courier.run(), "courier")
        self._go(self._timers(), "timers")
        self._go(self._first_index(), "first index", ends=True)
        chores = (
            Chore("index", INDEX_SECONDS, self._index),
            Chore("documents", DOCUMENT_SECONDS, self._index_documents),
            Chore("gauges", GAUGE_SECONDS, self._gauges),
            Chore("forget", FORGET_SECONDS, self._forget),
        )
        self._schedule = Schedule(registry.schedules, chores, self._dispatch.submit, self._config.house.zone, clock)
        self._schedule.start()
        if self._settings.slack_app_token is not None:
            self._socket = Socket(app, self._settings.slack_app_token.reveal())
            self._socket.open()

    async def _serve(self, app: "AsyncApp") -> None:
        from bot.web.app import build
        from bot.web.server import serve

        handler = None
        if self._settings.slack_signing_secret is not None:
            from bot.slack.connection import http_handler

            handler = http_handler(app)
        web = build(
            self,
            sources=self._config.sources,
            secret_of=self._settings.webhook_secret,
            meters=self.meters,
            slack_handler=handler,
        )
        self._server = await serve(web, self._settings.http_host, self._settings.http_port)
        self._go(self._server.wait(), "http")

    def _go(self, work: Coroutine[object, object, None], name: str, *, ends: bool = False) -> None:
        """Keep something going beside the rest; when it ends although it must not, Fettle ends."""
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)

        def over(done: asyncio.Task[None]) -> None:
            if self._stopping or done.cancelled() or (ends and done.exception() is None):
                return
            self._why = done.exception()
            log.error("a part of Fettle ended", part=name, exc_info=self._why)
            self._ended.set()

        task.add_done_callback(over)

    async def _timers(self) -> None:
        while True:
            due = await self._storage.timers.next_due()
            if due is not None and due <= clock() and await self._dispatch.tick():
                continue
            await asyncio.sleep(TIMER_SECONDS)

    async def _first_index(self) -> None:
        with contextlib.suppress(KnowledgeError):
            await self._index()

    async def _index(self) -> None:
        report = await self._knowledge.index(list(self._config.knowledge))
        for error in report.errors:
            log.warning("not indexed", error=error)
        for past in self._config.past:
            await self._knowledge.put(document_of(past))
        await self._index_documents()

    async def _index_documents(self) -> None:
        for document in await self._storage.documents.waiting():
            await self._knowledge.put(document)
            await self._storage.documents.indexed(document)

    async def _forget(self) -> None:
        await self._engine.forget(FORGET_AFTER)
        await self._storage.spending.forget((clock() - SPENDING_KEPT).date())

    async def _gauges(self) -> None:
        for queue, waiting in (await self._engine.backlog()).items():
            self.meters.backlog.labels(queue).set(waiting)
        given_up = (await self._storage.outbox.counts()).dead + len(await self._engine.dead())
        self.meters.dead_letters.set(given_up)
        self.meters.incidents_open.set(len(await self._storage.state.find(Incident, closed=False, limit=10_000)))


@asynccontextmanager
async def running(settings: Settings, parts: set[str]) -> AsyncIterator[Fettle]:
    """Fettle, started; it is stopped at the end."""
    fettle = Fettle(settings, load(_config_folder(settings)), parts)
    try:
        await fettle.start()
        yield fettle
    finally:
        await asyncio.shield(fettle.stop())


async def run(settings: Settings, parts: set[str]) -> None:
    """Run until told to end. Raises ``ConfigError`` when something that it needs is missing or wrong."""
    async with running(settings, parts) as fettle:
        await fettle.wait()


async def release(settings: Settings) -> None:
    """Bring the database to what this version needs."""
    storage = open_storage(settings)
    engine = _engine(storage, executes=False, apart=True)
    try:
        await storage.migrate()
        await engine.start()
    finally:
        await engine.stop(0)
        await storage.close()


async def index(settings: Settings, progress: Callable[[Progress], None]) -> IndexReport:
    """Bring the knowledge index up to date with the configuration's folders."""
    config, knowledge = load(_config_folder(settings)), Knowledge(settings.home / "knowledge")
    try:
        return await knowledge.index(list(config.knowledge), progress)
    finally:
        await knowledge.close()


async def audit_verify(settings: Settings) -> AuditReport:
    """Walk the audit log."""
    storage = open_storage(settings)
    try:
        return await storage.verify_audit()
    finally:
        await storage.close()


async def dead(settings: Settings) -> list[str]:
    """Everything that was given up, one line each: its id, when, and why."""
    async with _stored(settings) as (storage, engine):
        jobs = [
            f"{one.job.id}\n    {one.failed_at:%Y-%m-%d %H:%M} UTC  {one.kind}: {one.text}"
            for one in await engine.dead()
        ]
        rows = [
            f"message:{one.key}\n    {one.changed_at:%Y-%m-%d %H:%M} UTC  {one.dead_reason}"
            for one in await storage.outbox.dead(50)
        ]
        return [*jobs, *rows]


async def replay(settings: Settings, name: str) -> None:
    """Try something that was given up again. Raises ``NotFound`` or ``Refused`` when that cannot be."""
    async with _stored(settings) as (storage, engine):
        if name.startswith("message:"):
            await storage.outbox.revive(name.removeprefix("message:"), clock())
        else:
            await engine.replay(name)


@asynccontextmanager
async def _stored(settings: Settings) -> AsyncIterator[tuple[Storage, Engine]]:
    storage = open_storage(settings)
    engine = _engine(storage, executes=False, apart=True)
    try:
        await storage.check()
        await engine.start()
        yield storage, engine
    finally:
        await engine.stop(0)
        await storage.close()


def open_storage(settings: Settings) -> Storage:
    """The database, with the audit log's key: the setting, else one that is made in the data folder at first use."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = settings.audit_key.reveal() if settings.audit_key else made_once(settings.home / "audit.key", AUDIT_KEY_BYTES)
    return Storage(settings.database_url, key.encode())


def made_once(path: Path, size: int) -> str:
    """What the file holds: random bytes in hexadecimal, made by whoever comes first.

    A link is whole or not there, so nobody reads half of it.
    """
    if not path.exists():
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(size))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text(encoding="ascii").strip()


def _engine(storage: Storage, *, executes: bool, apart: bool) -> Engine:
    """Who works apart from whoever takes in has to look for new jobs more often: nobody can wake it."""
    return Engine(
        storage.engine, executor=_process_name(), queues=QUEUES, executes=executes, poll_seconds=0.1 if apart else 1.0
    )


def _process_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def _model(
    settings: Settings, config: Config, prompts: Mapping[str, Prompt], storage: Storage, meters: Meters
) -> Model | None:
    if settings.openai_api_key is None and settings.openai_base_url is None:
        return None
    bounds = config.house.model
    chosen = ModelSettings(
        settings.openai_model or USUAL_MODEL,
        settings.openai_api_key.reveal() if settings.openai_api_key else NO_KEY,
        settings.openai_base_url,
        bounds.prices,
        bounds.budget,
        bounds.seconds,
        bounds.steps,
        secrets=[secret.reveal() for secret in settings.secrets()],
    )
    return Model(
        chosen,
        prompts["rules"],
        storage.spending,
        Breaker(time.monotonic),
        clock=clock,
        steady=time.monotonic,
        chance=lambda: secrets.token_hex(8),
        noted=meters.asked_model,
    )


def _metrics(settings: Settings) -> Metrics:
    if settings.prometheus_url is not None:
        from bot.sources.prometheus import PrometheusMetrics

        return PrometheusMetrics(settings.prometheus_url, METRICS_SECONDS)
    if settings.recorder is not None:
        from bot.sources.recorder import RecorderMetrics

        return RecorderMetrics(settings.recorder)
    from bot.sources.absent import NoMetrics

    return NoMetrics()


def _config_folder(settings: Settings) -> Path:
    if settings.config is None:
        raise ConfigError("There is no configuration: set FETTLE_CONFIG, or let `fettle init` write one to begin with.")
    return settings.config


def _needed(secret: Secret | None, variable: str) -> str:
    if secret is None:
        raise ConfigError(f"{variable} is not set, so Fettle cannot speak to Slack. README.md shows where to find it.")
    return secret.reveal()
