"""Several workers on one PostgreSQL: each beats, and the living take over what the dead left.

A worker's row in ``engine_workers`` is its life. One that has not beaten for ``PATIENCE`` intervals is struck off by
any other, and jobs that belong to nobody on the list are put back in their queues. A worker that was frozen and finds
itself struck off must end: what it holds is not its own any more.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from bot.errors import ConfigError

PATIENCE = 3

_log = logging.getLogger(__name__)


class Peers(threading.Thread):
    """This worker's heartbeat, on a thread and a connection of its own, so that a busy worker does not look dead.

    ``recover`` is called with the executors whose jobs are orphans, ``lost`` when this worker was struck off; both on
    this thread.
    """

    def __init__(
        self,
        url: sa.URL,
        *,
        schema: str,
        executor: str,
        version: str,
        seconds: float,
        recover: Callable[[Sequence[str]], None],
        lost: Callable[[], None],
    ) -> None:
        super().__init__(name="engine-heartbeat", daemon=True)
        self._engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 5, "options": "-c idle_in_transaction_session_timeout=2000"},
        )
        self._table = f"{schema}engine_workers"
        self._jobs = f"{schema}workflow_status"
        self._executor = executor
        self._version = version
        self._seconds = seconds
        self._recover = recover
        self._lost = lost
        self._leaving = threading.Event()
        self._enlisted = False

    def enlist(self) -> None:
        """Adds this worker to the list, before it takes any job. Raises ``ConfigError`` when its name is taken."""
        with self._engine.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": self._table})
            connection.execute(
                sa.text(
                    f"CREATE TABLE IF NOT EXISTS {self._table}"
                    " (executor TEXT PRIMARY KEY, beat_at TIMESTAMPTZ NOT NULL DEFAULT now())"
                )
            )
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.text(f"INSERT INTO {self._table} (executor) VALUES (:executor)"),  # noqa: S608 - our own table's name
                    {"executor": self._executor},
                )
        except IntegrityError as taken:
            raise ConfigError(
                f"A worker named {self._executor} is on the list already. Give every process a name of its own."
            ) from taken
        self._enlisted = True

    def run(self) -> None:
        steady_since = time.monotonic()
        last = steady_since
        while not self._leaving.wait(self._seconds):
            try:
                alive = self._beat()
            except DBAPIError:
                _log.warning("The heartbeat did not reach the database; trying again.", exc_info=True)
                continue
            now = time.monotonic()
            if not alive:
                _log.error("This worker (%s) was taken for dead and its jobs were taken over.", self._executor)
                self._lost()
                return
            if now - last > self._seconds * PATIENCE:
                steady_since = now
            last = now
            # After an outage everybody's beat is old: who comes back first must not strike off the others.
            if now - steady_since >= self._seconds * PATIENCE:
                self._take_over()

    def leave(self) -> None:
        """Ends the thread and takes this worker off the list."""
        self._leaving.set()
        if self.is_alive():
            self.join(timeout=10)
        try:
            if self._enlisted:
                self._sign_off()
        except DBAPIError:
            _log.warning("Could not sign off; the others will notice in a few seconds.", exc_info=True)
        self._engine.dispose()

    def _sign_off(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(f"DELETE FROM {self._table} WHERE executor = :executor"),  # noqa: S608 - our own table's name
                {"executor": self._executor},
            )

    def _beat(self) -> bool:
        with self._engine.begin() as connection:
            beat = connection.execute(
                sa.text(f"UPDATE {self._table} SET beat_at = now() WHERE executor = :executor RETURNING executor"),  # noqa: S608 - our own table's name
                {"executor": self._executor},
            )
            return beat.first() is not None

    def _take_over(self) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.text(f"DELETE FROM {self._table} WHERE beat_at < now() - make_interval(secs => :limit)"),  # noqa: S608 - our own table's name
                    {"limit": self._seconds * PATIENCE},
                )
            # A second look, so that jobs are found too whose worker was struck off by one that died right after.
            with self._engine.begin() as connection:
                orphaned = (
                    connection.execute(
                        sa.text(
                            f"SELECT DISTINCT executor_id FROM {self._jobs} WHERE status = 'PENDING'"  # noqa: S608 - our own tables' names
                            f" AND application_version = :version"
                            f" AND executor_id NOT IN (SELECT executor FROM {self._table})"
                        ),
                        {"version": self._version},
                    )
                    .scalars()
                    .all()
                )
            if orphaned:
                _log.warning("Taking over the jobs of %s.", ", ".join(orphaned))
                self._recover(orphaned)
        except DBAPIError:
            _log.warning("Could not look for jobs to take over; trying again.", exc_info=True)
