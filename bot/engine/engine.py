"""Durable execution: a job that was accepted is done, whatever crashes meanwhile. The only user of DBOS."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from dbos import DBOS, AsyncSQLAlchemyDatasource, DBOSClient, DBOSConfig, EnqueueOptions
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from bot.engine.inside import ask_owners_apart, launched, recover, running_jobs, use_one_clock
from bot.engine.job import DeadJob, Job, JsonObject, Queue
from bot.engine.ledger import Ledger
from bot.engine.marks import Marks
from bot.engine.peers import Peers
from bot.engine.run import Run
from bot.engine.sqlite import OneWorker, begin_immediate, system_engine
from bot.engine.wake import Porter
from bot.engine.wire import Wire
from bot.errors import ConfigError, NotFound, Stale, Transient

Handler = Callable[[Job, Run], Awaitable[None]]

_APPLICATION = "fettle"
_WORKFLOW = "job"
_BEGINNINGS = 5  # of one handler, when others change what it decided on
_DEATHS = 10  # of processes running one job, before the job is taken for the cause
_LAST_SECONDS = 5.0  # for a cancelled job to let go
_SYSTEM_CONNECTIONS = 4
_SPARE_THREADS = 16

# PostgreSQL stamps all rows of one transaction alike; a queue's order is by that stamp.
_KEEP_ORDER = """UPDATE dbos.workflow_status SET created_at = created_at + :place
    WHERE workflow_uuid = :job AND created_at = (EXTRACT(epoch FROM now()) * 1000)::bigint"""

_log = logging.getLogger(__name__)


class Engine:
    """Accepts jobs durably and, where ``executes``, runs them.

    ``database`` is the application's own, SQLite (``sqlite+aiosqlite``, a file) or PostgreSQL
    (``postgresql+asyncpg``): jobs live in it too, so that a state and the jobs that follow from it are one
    transaction. ``executor`` names this process and must not be used by another. ``app_version`` must only change when
    running jobs of the old code cannot go on in the new. ``lost`` is called, in another thread, when the other
    workers took this one for dead: the process must end; by default it sends itself SIGTERM.

    One engine executes in a process at a time (DBOS is one per process), and one process per SQLite file.
    """

    def __init__(
        self,
        database: AsyncEngine,
        *,
        executor: str,
        queues: Sequence[Queue],
        executes: bool = True,
        app_version: str = "fettle-1",
        poll_seconds: float = 0.1,
        heartbeat_seconds: float = 1.0,
        lost: Callable[[], None] = lambda: signal.raise_signal(signal.SIGTERM),
    ) -> None:
        self._database = database
        self._sqlite = database.dialect.name == "sqlite"
        if self._sqlite and not database.url.database:
            raise ConfigError("The engine needs a database that outlives the process: give SQLite a file.")
        self._schema = "" if self._sqlite else "dbos."
        self._executor = executor
        self._queues = {queue.name: queue for queue in queues}
        self._executes = executes
        self._version = app_version
        self._poll = poll_seconds
        self._beat = heartbeat_seconds
        self._on_lost = lost
        self._handlers: dict[str, Handler] = {}
        self._marks = Marks(database, self._schema)
        self._system: sa.Engine | None = None
        self._owners: sa.Engine | None = None
        self._client: DBOSClient | None = None
        self._instance: DBOS | None = None
        self._datasource: AsyncSQLAlchemyDatasource | None = None
        self._porters: dict[str, Porter] = {}
        self._one_worker: OneWorker | None = None
        self._peers: Peers | None = None

    def handle(self, kind: str, handler: Handler) -> None:
        """Gives jobs of a kind to a handler. Before ``start``."""
        if kind in self._handlers:
            raise ConfigError(f"Two handlers for jobs of the kind {kind}: {self._handlers[kind]!r} and {handler!r}.")
        self._handlers[kind] = handler

    async def start(self) -> None:
        """Makes the engine's tables where they are missing and, where it executes, takes up what others left.

        Raises ``ConfigError`` when another worker has this SQLite file or this ``executor`` name.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop(0)
            raise

    async def _start(self) -> None:
        logging.getLogger("dbos").addHandler(logging.NullHandler())  # keeps DBOS from adding a handler of its own
        logging.getLogger("dbos").setLevel(logging.WARNING)
        url = blocking_url(self._database.url)
        if self._sqlite:
            use_one_clock()
            self._system = system_engine(url, connections=_SYSTEM_CONNECTIONS)
            self._owners = system_engine(url, connections=1)
        address = url.render_as_string(hide_password=False)
        await asyncio.to_thread(DBOS.migrate, address)
        await AsyncSQLAlchemyDatasource.migrate(address)
        await self._marks.create()
        self._client = DBOSClient(
            system_database_url=None if self._system else address,
            system_database_engine=self._system,
            serializer=Wire(),
            application_name=_APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )
        if self._executes:
            await self._start_executing(url, address)

    async def stop(self, drain_seconds: float) -> None:
        """Starts no more jobs, waits up to ``drain_seconds`` for those that run, and puts the rest back in line."""
        if self._instance is not None:
            await self._stop_executing(self._instance, drain_seconds)
            self._instance = self._datasource = None
        if self._peers is not None:
            await asyncio.to_thread(self._peers.leave)
            self._peers = None
        if self._one_worker is not None:
            self._one_worker.give_back()
            self._one_worker = None
        if self._client is not None:
            await asyncio.to_thread(self._client.destroy)
            self._client = None
        for engine in (self._system, self._owners):
            if engine is not None:
                engine.dispose()
        self._system = self._owners = None

    async def submit(self, job: Job) -> None:
        """Durable when it returns. A job with an id that is known already changes nothing."""
        async with AsyncSession(self._database) as session, session.begin():
            if self._sqlite:
                await begin_immediate(session)
            await self.submit_in(session, [job])

    async def submit_in(self, session: AsyncSession, jobs: Sequence[Job]) -> None:
        """Durable when the session's transaction commits, and never if it does not.

        Raises ``ConfigError`` when a job names a queue that this engine was not given.
        """
        for job in jobs:
            if job.queue not in self._queues:
                raise ConfigError(f"The job {job.id} is for the queue {job.queue}; there is {', '.join(self._queues)}.")
        client = self._ready()

        def enqueue(connection: sa.Connection) -> None:
            for place, job in enumerate(jobs):
                options: EnqueueOptions = {
                    "workflow_name": _WORKFLOW,
                    "queue_name": job.queue,
                    "workflow_id": job.id,
                    "app_version": self._version,
                }
                if job.priority:
                    options["priority"] = job.priority
                client.enqueue_in_transaction(connection, options, job.queue, job.kind, job.payload, job.priority)
                if place and not self._sqlite:
                    connection.execute(sa.text(_KEEP_ORDER), {"place": place, "job": job.id})

        await (await session.connection()).run_sync(enqueue)
        waking = {job.queue for job in jobs} & self._porters.keys()
        if waking:
            sa.event.listen(session.sync_session, "after_commit", lambda _: self._ring(waking), once=True)

    async def backlog(self) -> dict[str, int]:
        """How many jobs wait or run, by queue; 0 for an empty one."""
        return dict.fromkeys(self._queues, 0) | await self._ledger().backlog()

    async def dead(self, limit: int = 50) -> list[DeadJob]:
        """The jobs that were given up, the newest first."""
        return await self._ledger().dead(limit)

    async def replay(self, job_id: str) -> None:
        """Tries a dead job again, from the step that failed; the steps before it keep their results.

        Raises ``NotFound`` when there is no such job, ``Refused`` when it is not dead.
        """
        await self._ledger().replay(job_id, self._version)
        self._ring(self._porters.keys())

    async def forget(self, older_than: timedelta, *, dead_too: bool = False) -> int:
        """Removes what ended longer ago than that, and gives how many jobs it was; dead letters only if asked to.

        Keep them longer than any sender redelivers: a forgotten id is a new job.
        """
        return await self._ledger().forget(older_than, now=datetime.now(UTC), dead_too=dead_too)

    async def _start_executing(self, url: sa.URL, address: str) -> None:
        if launched():
            raise ConfigError(
                "An engine executes in this process already: stop it first, or start this one in another."
            )
        if self._sqlite:
            self._one_worker = OneWorker(str(url.database))
            self._one_worker.take()
        else:
            self._peers = Peers(
                url,
                schema=self._schema,
                executor=self._executor,
                version=self._version,
                seconds=self._beat,
                recover=self._take_over,
                lost=self._on_lost,
            )
            await asyncio.to_thread(self._peers.enlist)
        instance = self._instance = DBOS(config=self._configuration(address))
        self._datasource = await AsyncSQLAlchemyDatasource.create(
            self._database.url.render_as_string(hide_password=False), engine=self._database, serializer=Wire()
        )

        async def job(queue: str, kind: str, payload: JsonObject, priority: int) -> None:
            await self._perform(Job(str(DBOS.workflow_id), queue, kind, payload, priority))

        DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=_DEATHS)(job)
        DBOS.listen_queues([])  # the porters do
        DBOS.launch()
        if self._owners is not None:
            ask_owners_apart(instance, self._owners)
        for version, count in (await self._ledger().other_versions(self._version)).items():
            _log.warning("%d jobs wait for a worker of version %s; this one runs %s.", count, version, self._version)
        if self._sqlite:  # nobody else is alive: what began and did not end was left by the dead
            await asyncio.to_thread(self._take_over, await self._ledger().executors_at_work())
        for queue in self._queues.values():
            registered = await DBOS.register_queue_async(
                queue.name,
                worker_concurrency=queue.per_process,
                global_concurrency=queue.overall,
                polling_interval_sec=self._poll,
                on_conflict="always_update",
            )
            self._porters[queue.name] = Porter(instance, registered)
        if self._peers is not None:
            self._peers.start()

    def _configuration(self, address: str) -> DBOSConfig:
        return {
            "name": _APPLICATION,
            "system_database_url": address,
            "system_database_engine": self._system,
            "sys_db_pool_size": 2 * _SYSTEM_CONNECTIONS,
            "sys_db_idle_transaction_timeout_sec": 2.0,  # or a frozen peer's locks block the living
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": 0.1,  # nothing listens; it is how long a stop may take
            "executor_id": self._executor,
            "application_version": self._version,
            "serializer": Wire(),
            "max_executor_threads": _SPARE_THREADS + 2 * sum(queue.per_process for queue in self._queues.values()),
            "run_migrations": False,
            "log_level": "WARNING",
            "enable_otlp": False,
        }

    async def _stop_executing(self, instance: DBOS, drain_seconds: float) -> None:
        for porter in self._porters.values():
            porter.leave()
        for porter in self._porters.values():
            await asyncio.to_thread(porter.join)
        self._porters.clear()
        if running := running_jobs(instance):
            await asyncio.wait(running, timeout=drain_seconds)
        if unfinished := running_jobs(instance):
            _log.warning("Stopping with %d jobs unfinished; they go on from their last step.", len(unfinished))
            logging.getLogger("dbos").setLevel(logging.ERROR)  # it warns of every cancelled step
            for task in unfinished:
                task.cancel()
            await asyncio.wait(unfinished, timeout=_LAST_SECONDS)
            await asyncio.to_thread(self._take_over, [self._executor])
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # DBOS made its own threads the loop's, and has just ended them.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    async def _perform(self, job: Job) -> None:
        """The workflow, the same for every kind, so that a job of an unknown kind is a dead letter and not ignored."""
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(lambda _: self._ring([job.queue]))
        handler = self._handlers.get(job.kind)
        if handler is None:
            raise NotFound(
                f"Nothing handles jobs of the kind {job.kind}; there is {', '.join(sorted(self._handlers))}."
            )
        for beginning in range(_BEGINNINGS):
            if await self._begin(handler, job, beginning):
                return
        raise Stale(f"Others changed the same thing first, {_BEGINNINGS} times.")

    async def _begin(self, handler: Handler, job: Job, beginning: int) -> bool:
        """Runs the handler; false when a commit was stale, so that it must begin again."""
        if self._datasource is None:
            raise ConfigError("The engine is not started.")
        wait = 0.5
        for patience in range(_BEGINNINGS, 0, -1):
            run = Run(job, self._datasource, self._marks, beginning)
            try:
                await handler(job, run)
            except Stale:
                if run.stale and not run.acted:
                    return False
                if run.began or patience == 1:
                    raise
            except Transient as error:
                if run.began or patience == 1:  # what was written down cannot be walked again differently
                    raise
                await asyncio.sleep(wait if error.retry_after is None else error.retry_after)
                wait *= 2
            else:
                return True
        return False

    def _take_over(self, executors: Sequence[str]) -> None:
        if executors:
            recover(executors)
            self._ring(self._porters.keys())

    def _ring(self, queues: Iterable[str]) -> None:
        for queue in list(queues):
            if porter := self._porters.get(queue):
                porter.ring()

    def _ready(self) -> DBOSClient:
        if self._client is None:
            raise ConfigError("The engine is not started, so it takes no jobs: await start() first.")
        return self._client

    def _ledger(self) -> Ledger:
        return Ledger(self._ready(), self._database, self._schema)


def blocking_url(url: sa.URL) -> sa.URL:
    """The same database for the drivers that DBOS uses, which wait: ``ssl`` is asyncpg's word for ``sslmode``."""
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite")
    url = url.set(drivername="postgresql")
    if "ssl" in url.query:
        url = url.difference_update_query(["ssl"]).update_query_dict({"sslmode": url.query["ssl"]})
    return url
