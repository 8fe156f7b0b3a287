"""A run is given to its runner once: through kills, restarts and moves, and not while everything is stopped."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from bot.domain.effects import StartRun
from bot.domain.events import RunEnded
from bot.domain.outcome import Outcome
from bot.domain.policy import Automation
from bot.domain.ports import OnProgress
from bot.domain.run import Call, Plan, RunResult, RunState
from bot.errors import RunnerError
from bot.runs import ELSEWHERE, Runs
from bot.skill import Ports
from storage.codec import unpack
from storage.store import Storage

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
CALL = Call("counting", {}, {}, ("pay-01",))
START = StartRun("change-1:run", CALL, 1, "change-1", "step:g:0")


class Counting:
    """A runner whose runs are counted and end as the test says. It stands in for programs, not for Fettle."""

    name = "counting"

    def __init__(self) -> None:
        self.begun = 0
        self.state = RunState.NEVER
        self.ends: RunResult | RunnerError = RunResult(RunState.SUCCEEDED, (), 1.0)

    async def plan(self, call: Call) -> Plan:
        raise NotImplementedError(call)

    async def run(self, call: Call, run_id: str, on_progress: OnProgress) -> RunResult:
        assert (call, run_id) == (CALL, START.run_id)
        assert callable(on_progress)
        self.begun += 1
        if isinstance(self.ends, RunnerError):
            raise self.ends
        return self.ends

    async def status(self, run_id: str) -> RunState:
        assert run_id == START.run_id
        return self.state

    async def result(self, run_id: str) -> RunResult | None:
        assert run_id == START.run_id
        return None

    async def cancel(self, run_id: str) -> bool:
        raise NotImplementedError(run_id)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    storage = Storage(f"sqlite:///{tmp_path}/fettle.db", b"k" * 32)
    await storage.migrate()
    yield storage
    await storage.close()


@pytest.fixture
def runner() -> Counting:
    return Counting()


def runs(storage: Storage, runner: Counting, where: str = "here") -> Runs:
    nothing = cast("Any", None)
    ports = Ports(storage.state, nothing, nothing, nothing, nothing, {"counting": runner}, {}, nothing, {}, ())
    return Runs(ports, storage, lambda: NOW, lambda: None, where)


async def carry_out(made: Runs, *, seen_before: bool) -> RunEnded:
    ended = unpack(await made.carry_out(START, seen_before=seen_before))
    assert isinstance(ended, RunEnded)
    return ended


async def test_a_first_run_is_given_to_its_runner_and_its_end_is_seen(storage: Storage, runner: Counting) -> None:
    ended = await carry_out(runs(storage, runner), seen_before=False)
    assert (runner.begun, ended.seen, ended.result.state) == (1, True, RunState.SUCCEEDED)


async def test_what_never_began_is_begun_after_a_restart(storage: Storage, runner: Counting) -> None:
    ended = await carry_out(runs(storage, runner), seen_before=True)
    assert (runner.begun, ended.seen, ended.result.state) == (1, True, RunState.SUCCEEDED)


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED, RunState.UNKNOWN])
async def test_what_was_begun_is_read_and_not_repeated(storage: Storage, runner: Counting, state: RunState) -> None:
    runner.state = state
    ended = await carry_out(runs(storage, runner), seen_before=True)
    assert (runner.begun, ended.seen, ended.result.state) == (0, False, state)


async def test_a_run_begun_beside_another_data_folder_is_unknown_here(storage: Storage, runner: Counting) -> None:
    await carry_out(runs(storage, runner, "there"), seen_before=False)
    ended = await carry_out(runs(storage, runner, "here"), seen_before=True)
    assert (runner.begun, ended.seen, ended.result.state) == (1, False, RunState.UNKNOWN)
    assert ended.result.reason == ELSEWHERE


async def test_a_runner_that_cannot_begin_is_a_failure_in_words(storage: Storage, runner: Counting) -> None:
    runner.ends = RunnerError("There is no playbook.")
    ended = await carry_out(runs(storage, runner), seen_before=False)
    assert (ended.result.state, ended.result.reason) == (RunState.FAILED, "There is no playbook.")


async def test_nothing_begins_while_everything_is_stopped(storage: Storage, runner: Counting) -> None:
    async with storage.begin() as session:
        stopped = Automation(stopped_by="U0MANAGER", stopped_at=NOW)
        await storage.commit(session, Outcome((stopped,)), actor="U0MANAGER", request_id="", now=NOW)
    ended = await carry_out(runs(storage, runner), seen_before=False)
    assert (runner.begun, ended.result.state) == (0, RunState.CANCELLED)
    assert "<@U0MANAGER>" in ended.result.reason
