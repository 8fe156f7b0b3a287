"""Carrying out one run: given to its runner once, watched, and its end told as an event.

A run whose mark already stands was begun by a process that died. What its runner recorded is read, never repeated:
the event says ``seen=False`` and a person decides.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from bot.domain.effects import StartRun
from bot.domain.events import RunEnded
from bot.domain.policy import Automation
from bot.domain.run import Progress, RunResult, RunState
from bot.engine import JsonObject
from bot.errors import NotFound, RunnerError
from bot.skill import Ports
from storage.codec import pack
from storage.store import Storage

POLL_SECONDS = 0.5
ELSEWHERE = "It was given to its runner by a Fettle with another data folder, so its record cannot be read here."


class Runs:
    """The one place where runners are told to change something.

    ``where`` names the data folder, in which runners keep their records: a run that was begun beside another one left
    no record that could be read here.
    """

    def __init__(
        self, ports: Ports, storage: Storage, clock: Callable[[], datetime], wake: Callable[[], None], where: str
    ) -> None:
        self._ports, self._storage, self._clock, self._wake, self._where = ports, storage, clock, wake, where

    async def carry_out(self, start: StartRun, *, seen_before: bool) -> JsonObject:
        """Run it, or find out what became of it. Gives the ``RunEnded`` as JSON."""
        runner = self._ports.runners[start.call.runner]
        state = await runner.status(start.run_id)
        if state is not RunState.NEVER:
            return self._ended(start, await self._found(start, state), seen=False)
        began = await self._ports.state.progress(f"began:{start.run_id}")
        if began is not None and began.get("where") != self._where:
            return self._ended(start, RunResult(RunState.UNKNOWN, (), 0.0, reason=ELSEWHERE), seen=False)
        if seen_before:
            await self._show(start, Progress(0, None, "starting again: the first attempt never began"))
        stopped = await self._stopped()
        if stopped:
            return self._ended(start, RunResult(RunState.CANCELLED, (), 0.0, reason=stopped), seen=True)

        async def on_progress(progress: Progress) -> None:
            await self._show(start, progress)

        async with self._storage.begin() as session:
            begun = {"where": self._where}
            await self._storage.note_progress(session, f"began:{start.run_id}", begun, self._clock())
        try:
            result = await runner.run(start.call, start.run_id, on_progress)
        except RunnerError as error:
            result = RunResult(RunState.FAILED, (), 0.0, reason=str(error))
        return self._ended(start, result, seen=True)

    async def _found(self, start: StartRun, state: RunState) -> RunResult:
        runner = self._ports.runners[start.call.runner]
        while state is RunState.RUNNING:
            await self._show(start, Progress(0, None, "still running since before the restart"))
            await asyncio.sleep(POLL_SECONDS)
            state = await runner.status(start.run_id)
        recorded = await runner.result(start.run_id)
        return recorded or RunResult(state, (), 0.0, reason="It was begun, and nothing recorded its end.")

    async def _stopped(self) -> str:
        try:
            automation = await self._ports.state.get(Automation, "automation")
        except NotFound:
            return ""
        return f"all automation was stopped by <@{automation.stopped_by}>" if automation.stopped else ""

    async def _show(self, start: StartRun, progress: Progress) -> None:
        now = self._clock()
        async with self._storage.begin() as session:
            data = {"done": progress.done, "total": progress.total, "doing": progress.doing}
            await self._storage.note_progress(session, f"run:{start.run_id}", data, now)
            await self._storage.outbox.put(session, start.shows, "living", priority=2, now=now)
        self._wake()

    def _ended(self, start: StartRun, result: RunResult, *, seen: bool) -> JsonObject:
        event = RunEnded(
            id=f"ended:{start.run_id}",
            at=self._clock(),
            incident=start.incident,
            change=start.change,
            back=start.back,
            seen=seen,
            result=result,
        )
        return pack(event)
