"""A job while it runs: steps that are written down, so that a crash repeats as little as can be."""

import asyncio
from collections.abc import Awaitable, Callable

from dbos import DBOS, AsyncSQLAlchemyDatasource
from dbos import error as dbos_error
from dbos._datasource import DatasourceOptions
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.engine.job import Attempt, Job, JsonValue, StepFailed
from bot.engine.marks import Marks
from bot.engine.sqlite import begin_immediate
from bot.errors import Stale, Transient

_LOST_TO_ANOTHER = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 60.0


class Run:
    """What a handler works with. Each step has a name of its own and is written down when it is done.

    After a crash the handler runs again from its beginning and the finished steps give back what they gave. So the
    names and the order of the steps may depend on the job and on what earlier steps gave, and on nothing else: no
    clock, no chance, and nothing read outside a step.

    A step that is given up raises ``StepFailed``. A handler that lets it pass makes the job a dead letter.
    """

    def __init__(self, job: Job, datasource: AsyncSQLAlchemyDatasource, marks: Marks, beginning: int) -> None:
        self.job = job
        self._datasource = datasource
        self._sqlite = datasource.engine.dialect.name == "sqlite"
        self._marks = marks
        self._beginning = beginning
        self._names: set[str] = set()
        self.acted = False
        self.stale = False

    @property
    def began(self) -> bool:
        """Whether any step was taken."""
        return bool(self._names)

    async def commit(
        self, name: str, fn: Callable[[AsyncSession], Awaitable[JsonValue]], *, tries: int = 5
    ) -> JsonValue:
        """What ``fn`` gives; its writes and this step's record are one transaction, made once.

        ``fn`` may run several times before that, each time in a new transaction. When it raises ``Stale``, the
        handler begins again, unless it has acted on the outside already: then only ``fn`` is tried again.
        """
        name = self._new(name)
        for again in range(tries):
            try:
                return await self._commit(f"{name}~{again}" if again else name, fn)
            except Stale:
                self.stale = True
                if not self.acted or again == tries - 1:
                    raise
        raise ValueError(f"{name}: a commit needs at least one try, not {tries}.")

    async def act(
        self,
        name: str,
        fn: Callable[[Attempt], Awaitable[JsonValue]],
        *,
        tries: int = 5,
        first_wait: float = _FIRST_WAIT_SECONDS,
        longest_wait: float = _LONGEST_WAIT_SECONDS,
    ) -> JsonValue:
        """What ``fn`` gives, which changes something outside.

        A mark is durable before ``fn`` begins. Whoever finds a mark gets ``Attempt.seen_before`` and must look at the
        outside before acting. ``Transient`` is tried again, up to ``tries`` times, after its ``retry_after`` or
        after ``first_wait`` seconds, doubled each time. A ``Transient`` with a ``retry_after`` means that the outside
        refused: nothing happened, and the mark is taken away. One that asks for more than ``longest_wait`` is final.
        """
        step = self._new(name)
        self.acted = True
        key = f"{self.job.id}/{name}"

        async def once(number: int) -> JsonValue:
            new = await self._marks.place(self.job.id, name)
            try:
                return await fn(Attempt(number=number, seen_before=not new, key=key))
            except Transient as refusal:
                if new and refusal.retry_after is not None:
                    await self._marks.lift(self.job.id, name)
                raise

        return await self._step(step, lambda: _patiently(once, tries, first_wait, longest_wait))

    async def read(
        self,
        name: str,
        fn: Callable[[], Awaitable[JsonValue]],
        *,
        tries: int = 5,
        first_wait: float = _FIRST_WAIT_SECONDS,
        longest_wait: float = _LONGEST_WAIT_SECONDS,
    ) -> JsonValue:
        """What ``fn`` gives; it changes nothing, so it may be repeated. ``Transient`` is tried again, as in ``act``."""

        async def once(_number: int) -> JsonValue:
            return await fn()

        return await self._step(self._new(name), lambda: _patiently(once, tries, first_wait, longest_wait))

    def _new(self, name: str) -> str:
        if name in self._names:
            raise ValueError(f"The step {name} was taken already in this job: each step needs a name of its own.")
        self._names.add(name)
        return f"{name}#{self._beginning}" if self._beginning else name

    async def _commit(self, name: str, fn: Callable[[AsyncSession], Awaitable[JsonValue]]) -> JsonValue:
        async def body() -> JsonValue:
            session = self._datasource.sql_session()
            if self._sqlite:
                await begin_immediate(session)
            try:
                return await fn(session)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) in _LOST_TO_ANOTHER:
                    raise Stale("Another transaction changed the same rows first.") from error
                raise

        options: DatasourceOptions = {"name": name}
        if not self._sqlite:  # rows carry versions, so that a stricter level would only add conflicts
            options["isolation_level"] = "READ COMMITTED"
        try:
            return await self._datasource.run_tx_step_async(options, body)
        except (Stale, dbos_error.DBOSException):
            raise
        except Exception as error:
            raise _failed(name, error) from error

    async def _step(self, name: str, fn: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
        async def body() -> JsonValue:
            return await fn()

        try:
            return await DBOS.run_step_async({"name": name}, body)
        except dbos_error.DBOSException:
            raise
        except Exception as error:
            raise _failed(name, error) from error


async def _patiently(
    once: Callable[[int], Awaitable[JsonValue]], tries: int, first_wait: float, longest_wait: float
) -> JsonValue:
    wait = first_wait
    for number in range(1, tries):
        try:
            return await once(number)
        except Transient as error:
            if (error.retry_after or 0) > longest_wait:
                raise
            await asyncio.sleep(wait if error.retry_after is None else error.retry_after)
            wait = min(wait * 2, longest_wait)
    return await once(tries)


def _failed(step: str, error: Exception) -> StepFailed:
    if isinstance(error, StepFailed):
        return StepFailed(step, error.kind, error.text)
    return StepFailed(step, type(error).__name__, str(error))
