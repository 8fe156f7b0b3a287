"""Looking at the engine from outside: what waits, what died, trying again, and forgetting."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from dbos import DBOSClient, WorkflowStatus
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.engine.job import DeadJob, Job, StepFailed
from bot.errors import NotFound, Refused, Stale

_DEAD = ["ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_DONE = ["SUCCESS", "CANCELLED"]
_BATCH = 500


class Ledger:
    """The engine's rows, through DBOS's client. Works from any process that reaches the database."""

    def __init__(self, client: DBOSClient, database: AsyncEngine, schema: str) -> None:
        self._client = client
        self._database = database
        self._schema = schema

    async def backlog(self) -> dict[str, int]:
        """How many jobs wait or run, by queue."""
        count = f"SELECT queue_name, count(*) FROM {self._schema}workflow_status WHERE status IN ('ENQUEUED', 'PENDING') GROUP BY queue_name"  # noqa: E501, S608 - one statement, our own table's name
        async with self._database.connect() as connection:
            rows = (await connection.execute(sa.text(count))).all()
        return {row[0]: row[1] for row in rows if row[0] is not None}

    async def other_versions(self, version: str) -> dict[str, int]:
        """How many jobs wait for a worker of another application version, which this one does not run."""
        count = f"SELECT application_version, count(*) FROM {self._schema}workflow_status WHERE status IN ('ENQUEUED', 'PENDING') AND application_version <> :version GROUP BY application_version"  # noqa: E501, S608 - as above
        async with self._database.connect() as connection:
            rows = (await connection.execute(sa.text(count), {"version": version})).all()
        return {row[0]: row[1] for row in rows}

    async def executors_at_work(self) -> list[str]:
        """The executors that jobs belong to which began and did not end."""
        query = f"SELECT DISTINCT executor_id FROM {self._schema}workflow_status WHERE status = 'PENDING'"  # noqa: S608 - as above
        async with self._database.connect() as connection:
            return list((await connection.execute(sa.text(query))).scalars())

    async def dead(self, limit: int) -> list[DeadJob]:
        """The newest dead letters first."""
        rows = await self._client.list_workflows_async(status=_DEAD, limit=limit, sort_desc=True)
        return [_dead(row) for row in rows]

    async def replay(self, job_id: str, version: str) -> None:
        """Puts a dead job back in its queue, to go on from the step that failed.

        Raises ``NotFound`` when there is no such job, ``Refused`` when it is not dead.
        """
        rows = await self._client.list_workflows_async(workflow_ids=[job_id], load_output=False)
        if not rows:
            raise NotFound(f"There is no job {job_id}: it was never accepted, or was forgotten since.")
        if rows[0].status not in _DEAD:
            raise Refused(
                f"The job {job_id} is not a dead letter ({rows[0].status}), so there is nothing to try again."
            )
        step = await self._failed_step(job_id)
        # DBOS clears these when a job ends, but only as best it can; one left behind would fail again for ever.
        failures = f"DELETE FROM {self._schema}datasource_outputs WHERE workflow_id = :job AND step_id >= :step AND error IS NOT NULL"  # noqa: E501, S608 - as above
        async with self._database.begin() as connection:
            await connection.execute(sa.text(failures), {"job": job_id, "step": step})
        await self._client.rewind_workflow_async(
            job_id,
            start_step=step,
            application_version=version,
            queue_name=_job(rows[0]).queue,
        )

    async def forget(self, older_than: timedelta, *, now: datetime, dead_too: bool) -> int:
        """Removes jobs that ended longer ago than that, with their steps and marks. How many they were."""
        before = (now - older_than).astimezone(UTC).isoformat()
        status = _DONE + _DEAD if dead_too else _DONE
        forgotten = 0
        async for ids in self._ended(before, status):
            await self._client.delete_workflows_async(ids)
            forgotten += len(ids)
        for table, job in (("engine_marks", "job"), ("datasource_outputs", "workflow_id")):
            orphans = f"DELETE FROM {self._schema}{table} WHERE {job} NOT IN (SELECT workflow_uuid FROM {self._schema}workflow_status)"  # noqa: E501, S608 - as above
            async with self._database.begin() as connection:
                await connection.execute(sa.text(orphans))
        return forgotten

    async def _ended(self, before: str, status: list[str]) -> AsyncIterator[list[str]]:
        while rows := await self._client.list_workflows_async(
            status=status, completed_before=before, limit=_BATCH, load_input=False, load_output=False
        ):
            yield [row.workflow_id for row in rows]

    async def _failed_step(self, job_id: str) -> int:
        steps = await self._client.list_workflow_steps_async(job_id)
        if not steps:
            return 1
        last = steps[-1]
        if isinstance(last["error"], Stale):  # it began again and again: let it begin where it first lost
            return next(step["function_id"] for step in steps if isinstance(step["error"], Stale))
        return last["function_id"] if last["error"] is not None else last["function_id"] + 1


def _job(row: WorkflowStatus) -> Job:
    queue, kind, payload, priority = row.input["args"] if row.input else ("", "", {}, 0)
    return Job(id=row.workflow_id, queue=queue, kind=kind, payload=payload, priority=priority)


def _dead(row: WorkflowStatus) -> DeadJob:
    error = row.error
    if isinstance(error, StepFailed):
        step, kind, text = error.step, error.kind, error.text
    elif error is None:
        step, kind, text = "", "", f"The process ended {row.recovery_attempts} times while this job ran."
    else:
        step, kind, text = "", type(error).__name__, str(error)
    at = datetime.fromtimestamp((row.completed_at or row.updated_at or 0) / 1000, UTC)
    return DeadJob(job=_job(row), step=step, kind=kind, text=text, failed_at=at)
