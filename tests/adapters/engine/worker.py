"""A worker process for the tests that kill one: ``python worker.py <database url> <executor> [die] [effects]``.

It runs the jobs of ``handlers`` and prints ``ready`` once it takes jobs.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.engine import Attempt, Engine, Job, JsonValue, Queue, Run
from storage.database import open_engine

QUEUES = (Queue("jobs"), Queue.serial("signals"))


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Handlers:
    """One commit, then one effect outside: a line in a file. ``die`` names the point at which the process is killed."""

    def __init__(self, effects: Path, die: str = "") -> None:
        self._effects = effects
        self._die = die

    def install(self, engine: Engine) -> None:
        engine.handle("repair", self.repair)
        engine.handle("hang", self.hang)

    async def repair(self, job: Job, run: Run) -> None:
        async def save(session: AsyncSession) -> JsonValue:
            await session.execute(sa.text("INSERT INTO saved (job) VALUES (:job)"), {"job": job.id})
            if self._die == "in commit":
                kill_me()
            if self._die == "after commit":
                sa.event.listen(session.sync_session, "after_commit", lambda _session: kill_me())
            return "saved"

        async def tell(attempt: Attempt) -> JsonValue:
            if self._die == "before effect":
                kill_me()
            done = await asyncio.to_thread(self._lines)
            if not (attempt.seen_before and any(attempt.key in line for line in done)):
                await asyncio.to_thread(self._append, f"{attempt.key} seen_before={attempt.seen_before}")
            if self._die == "after effect":
                kill_me()
            return attempt.seen_before

        await run.commit("save", save)
        await run.act("tell", tell)

    async def hang(self, job: Job, run: Run) -> None:
        """Waits inside an effect until a file of the job's name appears."""

        async def wait(attempt: Attempt) -> JsonValue:
            await asyncio.to_thread(self._append, f"{attempt.key} seen_before={attempt.seen_before}")
            while not (self._effects.parent / "go").exists():
                await asyncio.sleep(0.01)
            return None

        await run.act("wait", wait)
        await run.commit("save", lambda session: self._save(session, job))

    async def _save(self, session: AsyncSession, job: Job) -> JsonValue:
        await session.execute(sa.text("INSERT INTO saved (job) VALUES (:job)"), {"job": job.id})
        return None

    def _append(self, line: str) -> None:
        with self._effects.open("a") as effects:
            effects.write(line + "\n")

    def _lines(self) -> list[str]:
        return self._effects.read_text().splitlines() if self._effects.exists() else []


async def main(url: str, executor: str, effects: str, die: str) -> None:
    database = open_engine(url)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    engine = Engine(database, executor=executor, queues=QUEUES, heartbeat_seconds=0.2)
    Handlers(Path(effects), die).install(engine)
    await engine.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await ended.wait()
    await engine.stop(0.2)
    await database.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
