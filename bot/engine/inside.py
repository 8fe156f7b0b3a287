"""Every place where the engine reaches into DBOS 3.4 beyond its public names; its tests hold each of them to it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, _datasource_migration
from dbos import _dbos as singleton
from dbos._migration import sqlite_migrations
from dbos._queue import queue_worker_thread
from dbos._sys_db import SystemDatabase

__all__ = ["ask_owners_apart", "launched", "queue_worker_thread", "recover", "running_jobs", "use_one_clock"]

_NOW = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
_CLOCKS_OF_DBOS = ("(unixepoch('subsec') * 1000)", "(strftime('%s','now') * 1000)")


def launched() -> bool:
    """Whether this process has a DBOS already."""
    return vars(singleton)["_dbos_global_instance"] is not None


def running_jobs(instance: DBOS) -> set[asyncio.Task[Any]]:
    """The tasks in which jobs run here, those that have just been created included."""
    return set(instance._workflow_tasks)  # noqa: SLF001 - the public count leaves out what has not begun yet


def recover(executors: Sequence[str]) -> None:
    """Puts the jobs that these executors began back in their queues. Repeating it changes nothing."""
    DBOS._recover_pending_workflows(list(executors))  # noqa: SLF001 - publicly only the paid control plane calls it


def use_one_clock() -> None:
    """Makes DBOS tell the time on SQLite in milliseconds with ``julianday``, in its tables' defaults and its queries.

    DBOS chooses by Python's version: whole seconds below 3.12 (which loses the order of a queue), and from 3.12 on a
    function that SQLite has from 3.42 (launch fails before). ``julianday`` is in all of them. Repeating it is harmless.
    """
    for clock in _CLOCKS_OF_DBOS:
        sqlite_migrations[:] = [step.replace(clock, f"({_NOW})") for step in sqlite_migrations]
    vars(_datasource_migration)["get_sqlite_timestamp_expr"] = lambda: f"({_NOW})"

    elsewhere: Callable[[SystemDatabase], Any] = vars(SystemDatabase)["_now_ms_sql"]
    if elsewhere.__module__ != __name__:

        def now_ms(self: SystemDatabase) -> Any:  # noqa: ANN401 - DBOS's signature
            sqlite = self.engine.dialect.name == "sqlite"
            return sa.literal_column(_NOW, sa.BigInteger) if sqlite else elsewhere(self)

        setattr(SystemDatabase, "_now_ms_sql", now_ms)  # noqa: B010 - mypy refuses the plain assignment


def ask_owners_apart(instance: DBOS, engine: sa.Engine) -> None:
    """Gives DBOS a connection of its own for one question: who owns this workflow.

    It asks inside our transactions, which hold the write lock. On the shared connections the question would wait
    behind those who wait for that lock, and nobody would move until SQLite's patience ends (a burst of jobs showed it).
    """
    query = sa.text("SELECT owner_xid FROM workflow_status WHERE workflow_uuid = :job")

    def owner(job: str) -> str | None:
        with engine.connect() as connection:
            found: str | None = connection.execute(query, {"job": job}).scalar()
            return found

    vars(instance._sys_db)["get_workflow_owner"] = owner  # noqa: SLF001 - there is no setting for it
