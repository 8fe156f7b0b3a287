"""The road: an event becomes jobs, a job is decided by a skill, the decision commits, its effects follow.

Deciding only reads and is checkpointed, so it happens once unless somebody else changed the same thing first; then it
is decided again. Everything that follows from a decision is a row in the same transaction: messages to show, events,
runs, timers. So a kill between any two lines loses nothing and repeats nothing.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from time import perf_counter
from typing import Any, Protocol

import structlog

from bot.domain.effects import (
    CancelRun,
    Effect,
    Later,
    Modal,
    Note,
    NotLater,
    Refresh,
    Remember,
    Rendered,
    Reply,
    StartRun,
)
from bot.domain.events import CommandGiven, Event, Origin, Pressed, RunEnded, SignalsArrived, Submitted
from bot.domain.house import House
from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.domain.policy import Actor, permit
from bot.domain.run import RunResult
from bot.domain.wording import inline, quiet
from bot.engine import Engine, Job, Run, StepFailed, Transaction
from bot.errors import IllegalTransition, NotFound, Refused
from bot.registry import ALWAYS, Bound, Registry
from bot.runs import Runs
from bot.skill import Context, Ports
from storage.codec import decode_outcome, encode_outcome, pack, unpack
from storage.outbox import Kind
from storage.store import Storage

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
FETTLE = Actor("fettle", "Fettle", roles=frozenset())
OUTDATED = "Nothing answers to this any more: it was made by an older version. The newest message has what works."
PRIORITY = {"reply": 1, "modal": 1, "approval": 2, "step": 2, "note": 3, "incident": 3, "home": 5}


class Watcher(Protocol):
    """Whoever counts what happens. Times in seconds."""

    def handled(self, event: str, result: str, seconds: float) -> None:
        """An event was handled: ``done`` or ``dead``."""
        ...

    def ran(self, runner: str, result: RunResult) -> None:
        """A run ended."""
        ...

    def written(self, entry: Entry) -> None:
        """A line was added to the journal."""
        ...


@dataclass(frozen=True)
class Undeclared:
    """Stands where a port is that a skill did not declare: using it is a fault of the skill."""

    skill: str
    port: str

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # it stands for any port
        raise AttributeError(
            f"The skill {self.skill} uses {self.port}.{name} without declaring {self.port} in its needs."
        )


class Dispatch:
    """Takes events in, has skills decide them, commits what they decide.

    ``wake`` is called when there may be something to show. ``where`` names the data folder of the runners' records.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # everything that it joins
        self,
        registry: Registry,
        ports: Ports,
        house: House,
        storage: Storage,
        engine: Engine,
        clock: Clock,
        wake: Callable[[], None],
        watcher: Watcher,
        where: str,
    ) -> None:
        self._registry, self._ports, self._house = registry, ports, house
        self._storage, self._engine, self._clock, self._wake = storage, engine, clock, wake
        self._watcher = watcher
        self._runs = Runs(ports, storage, clock, wake, where)

    def install(self) -> None:
        """Tell the engine who handles which kind of job. Before it is started."""
        self._engine.handle("event", self._handle)
        self._engine.handle("run", self._run)
        self._engine.handle("cancel", self._cancel)

    async def submit(self, event: Event) -> None:
        """Take an event in: durable when this returns. The same event again is nothing new."""
        jobs = self.jobs(event)
        async with self._storage.begin() as session:
            await self._engine.submit_in(session, jobs)
            if not jobs and isinstance(event, Pressed | Submitted):
                await self._effect(session, f"{event.id}/nobody", Reply(OUTDATED, private=True), event, self._clock())
        self._wake()

    def jobs(self, event: Event) -> list[Job]:
        """One job for each skill that handles the event."""
        takers = self._registry.takers(event)
        if not takers:
            log.info("nobody handles this", event=type(event).__name__, id=event.id)
        return [
            Job(
                id=f"{event.id}/{bound.key}",
                queue=_queue(event),
                kind="event",
                payload={"event": pack(event), "taker": bound.key},
            )
            for bound in takers
        ]

    async def render(self, key: str) -> Rendered | None:
        """A living message as it shall look now; None when there is nothing to show."""
        name, _, rest = key.partition(":")
        found = self._registry.surfaces.get(name)
        if found is None:
            raise NotFound(f"No skill renders {name}.")
        skill, surface = found
        return await surface.render(rest, self._context(skill.name, skill.needs, FETTLE, f"render:{key}", ""))

    async def tick(self, limit: int = 50) -> int:
        """Emit the events whose time has come. Gives how many there were."""
        async with self._storage.begin() as session:
            due = await self._storage.timers.pop_due(session, self._clock(), limit)
            jobs = [job for _, packed in due for job in self.jobs(_event(unpack(packed)))]
            await self._engine.submit_in(session, jobs)
        return len(due)

    async def _handle(self, job: Job, run: Run) -> None:
        event = _event(unpack(job.payload["event"]))
        bound = self._registry.bound(str(job.payload["taker"]))
        if bound is None:
            log.warning("its skill is gone", taker=job.payload["taker"], event=event.id)
            return
        structlog.contextvars.bind_contextvars(request_id=event.request_id, event=event.id)
        name, began = type(event).__name__, perf_counter()
        try:
            outcome = decode_outcome(str(await run.read("decide", lambda: self._decide(bound, event))))
        except StepFailed as failure:
            self._watcher.handled(name, "dead", perf_counter() - began)
            await self._confess(job, event, failure)
            raise

        async def commit(session: Transaction) -> None:
            now = self._clock()
            await self._storage.commit(session, outcome, actor=event.actor, request_id=event.request_id, now=now)
            await self._follow(session, event, bound, outcome, now)

        await run.commit("commit", commit)
        self._watcher.handled(name, "done", perf_counter() - began)
        for entry in outcome.journal:
            self._watcher.written(entry)
        self._wake()

    async def _decide(self, bound: Bound, event: Event) -> str:
        actor = FETTLE if event.actor == FETTLE.id else await self._ports.people.actor(event.actor)
        context = self._context(bound.skill.name, bound.skill.needs, actor, f"{event.id}/{bound.key}", event.request_id)
        try:
            if bound.may is not None:
                permit(actor, bound.may)
            outcome = await bound.handler(event, context)
        except (Refused, IllegalTransition, NotFound) as refusal:
            log.info("refused", taker=bound.key, actor=actor.id, reason=str(refusal))
            outcome = refused(event, bound.key, refusal)
        return encode_outcome(outcome)

    def _context(self, skill: str, needs: Sequence[str], actor: Actor, seed: str, request_id: str) -> Context:
        ports: dict[str, Any] = {}
        for field in fields(Ports):
            declared = field.name in ALWAYS or field.name in needs
            ports[field.name] = getattr(self._ports, field.name) if declared else Undeclared(skill, field.name)
        count = iter(range(1_000_000))

        def new_id() -> str:
            return hashlib.sha256(f"{seed}#{next(count)}".encode()).hexdigest()[:10]

        async def progress(key: str, data: Mapping[str, object]) -> None:
            async with self._storage.begin() as session:
                now = self._clock()
                await self._storage.note_progress(session, key, data, now)
                await self._refresh(session, key, now)
            self._wake()

        return Context(
            **ports,
            actor=actor,
            now=self._clock(),
            clock=self._clock,
            request_id=request_id,
            house=self._house,
            commands=list(self._registry.usage().values()),
            new_id=new_id,
            progress=progress,
        )

    async def _follow(self, session: Transaction, event: Event, bound: Bound, outcome: Outcome, now: datetime) -> None:
        jobs: list[Job] = []
        for number, effect in enumerate(outcome.effects):
            key = f"{event.id}/{bound.key}/{number}"
            jobs.extend(await self._effect(session, key, effect, event, now))
        for follow in outcome.emit:
            jobs.extend(self.jobs(replace(follow, request_id=follow.request_id or event.request_id)))
        await self._engine.submit_in(session, jobs)

    async def _effect(self, session: Transaction, key: str, effect: Effect, event: Event, now: datetime) -> list[Job]:
        outbox, timers = self._storage.outbox, self._storage.timers
        match effect:
            case Refresh():
                await self._refresh(session, effect.key, now)
            case Note():
                await outbox.put(
                    session,
                    effect.key,
                    "note",
                    channel=effect.channel,
                    under=effect.under,
                    text=effect.text,
                    blocks=effect.blocks,
                    priority=PRIORITY["note"],
                    now=now,
                )
            case Reply():
                origin = _origin(event)
                await outbox.put(
                    session,
                    f"reply:{key}",
                    "reply",
                    channel=origin.channel,
                    origin={**asdict(origin), "user": event.actor},
                    text=effect.text,
                    blocks=effect.blocks,
                    private=_is_private(event, origin) if effect.private is None else effect.private,
                    priority=PRIORITY["reply"],
                    now=now,
                )
            case Modal():
                origin = _origin(event)
                await outbox.put(
                    session,
                    f"modal:{key}",
                    "modal",
                    channel=origin.channel,
                    origin={**asdict(origin), "user": event.actor, "modal": dict(effect.view)},
                    priority=PRIORITY["modal"],
                    now=now,
                )
            case StartRun():
                return [Job(id=f"run:{effect.run_id}", queue="runs", kind="run", payload={"run": pack(effect)})]
            case CancelRun():
                return [Job(id=f"cancel:{key}", queue="people", kind="cancel", payload={"cancel": pack(effect)})]
            case Later():
                await timers.later(session, effect.key, effect.due, pack(effect.event))
            case NotLater():
                await timers.not_later(session, effect.key)
            case Remember():
                await self._storage.remember(session, effect.document, now)
        return []

    async def _refresh(self, session: Transaction, key: str, now: datetime) -> None:
        surface = key.partition(":")[0]
        kind: Kind = "home" if surface == "home" else "living"
        await self._storage.outbox.put(session, key, kind, priority=PRIORITY.get(surface, 3), now=now)

    async def _run(self, job: Job, run: Run) -> None:
        start: StartRun = unpack(job.payload["run"])
        ended = await run.act("run", lambda attempt: self._runs.carry_out(start, seen_before=attempt.seen_before))
        over = _event(unpack(ended))
        if isinstance(over, RunEnded):
            self._watcher.ran(start.call.runner, over.result)

        async def tell(session: Transaction) -> None:
            await self._engine.submit_in(session, self.jobs(over))

        await run.commit("tell", tell)

    async def _cancel(self, job: Job, run: Run) -> None:
        cancel: CancelRun = unpack(job.payload["cancel"])
        runner = self._ports.runners[cancel.runner]
        await run.act("cancel", lambda _attempt: runner.cancel(cancel.run_id))

    async def _confess(self, job: Job, event: Event, failure: StepFailed) -> None:
        """Tell the person who waits that it failed, and under which name it is kept."""
        log.error("could not be decided", taker=job.payload["taker"], kind=failure.kind, error=failure.text)
        if event.actor == FETTLE.id:
            return
        text = (
            f"That did not work: {quiet(failure.text, 300)} ({failure.kind}). Nothing was changed by it. It is kept as "
            f"{inline(job.id, 100)} and can be tried again with `fettle dead replay`."
        )
        async with self._storage.begin() as session:
            await self._effect(session, f"{job.id}/failed", Reply(text, private=True), event, self._clock())
        self._wake()


def refused(event: Event, taker: str, why: Exception) -> Outcome:
    """A refusal: told to the person alone, and written down."""
    incident = getattr(event, "incident", None) or getattr(why, "incident", None)
    entry = Entry(
        thing=f"incident:{incident}" if incident else f"request:{taker}",
        verb="refuse",
        actor=event.actor,
        reason=str(why),
        incident=incident,
        detail={"asked": taker, "value": getattr(event, "value", "")[:200]},
    )
    effects = (Reply(str(why), private=True),) if isinstance(event, CommandGiven | Pressed | Submitted) else ()
    return Outcome(journal=(entry,), effects=effects)


def _queue(event: Event) -> str:
    match event:
        case SignalsArrived():
            return "signals"
        case CommandGiven() | Pressed() | Submitted():
            return "people"
        case _:
            return "work"


def _event(thing: object) -> Event:
    if not isinstance(thing, Event):
        raise TypeError(f"{type(thing).__name__} is no event")
    return thing


def _is_private(event: Event, origin: Origin) -> bool:
    """A question that all could read is answered to all: a mention or a direct message has no address of its own."""
    return not (isinstance(event, CommandGiven) and origin.message and not origin.response_url)


def _origin(event: Event) -> Origin:
    found = getattr(event, "origin", None)
    return found if isinstance(found, Origin) else Origin()
