"""What becomes of a run that is stopped, takes too long, or loses its Fettle."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from bot.domain.run import Progress, RunResult, RunState
from bot.runners import processes
from bot.runners.ansible import AnsibleRunner
from tests import house
from tests.adapters.runners.conftest import SECRETS, Play, sleepers, unheard, until

pytestmark = pytest.mark.skipif(not processes.ON_LINUX, reason="looks for processes in /proc")

# How long they sleep tells them from those of another test process.
MARK = f"7{os.getpid()}"
# One that Ansible waits for, one that has left its parents, one that does not take a hint.
SLEEPING = f"""
    - name: leave one behind
      ansible.builtin.shell: |
        setsid -f sleep {MARK}1 >/dev/null 2>&1 </dev/null
    - name: be stubborn
      ansible.builtin.shell: |
        trap '' TERM
        sleep {MARK}2 & sleep {MARK}3
      ignore_errors: true
    - name: never
      ansible.builtin.copy: {{{{content: x, dest: "{{harm}}", mode: "0600"}}}}
"""


@pytest.fixture(autouse=True)
def nothing_stays() -> None:
    assert sleepers(MARK) == []


async def begun(runner: AnsibleRunner, play: Play, harm: Path, timeout: float = 60.0) -> asyncio.Task[RunResult]:
    run = asyncio.create_task(runner.run(play(SLEEPING.format(harm=harm), timeout=timeout), "r", unheard))
    await until(lambda: len(sleepers(MARK)) == 3 or run.done(), "all three sleep")
    return run


async def test_a_stop_ends_what_the_run_started_and_nothing_else(
    runner: AnsibleRunner, play: Play, runs: Path, scratch: Path, stranger: int, tmp_path: Path
) -> None:
    run = await begun(runner, play, tmp_path / "harm")
    another_fettle = AnsibleRunner(tmp_path / "actions", runs, SECRETS.get)
    assert await another_fettle.status("r") is RunState.RUNNING
    assert await another_fettle.cancel("r") is True

    result = await run
    assert result.state is RunState.CANCELLED
    assert "stopped on request" in result.reason
    assert "“leave one behind”" in result.reason
    assert sleepers(MARK) == []
    assert processes.process(stranger)
    assert not (tmp_path / "harm").exists()
    assert list(scratch.glob("fettle-run-*")) == []
    assert await another_fettle.status("r") is RunState.CANCELLED
    assert await another_fettle.cancel("r") is False
    assert await another_fettle.cancel("never begun") is False


async def test_a_run_past_its_limit_is_ended(runner: AnsibleRunner, play: Play, stranger: int, tmp_path: Path) -> None:
    result = await (await begun(runner, play, tmp_path / "harm", timeout=5.0))
    assert result.state is RunState.TIMED_OUT
    assert "longer than its limit of 5 s" in result.reason
    assert sleepers(MARK) == []
    assert processes.process(stranger)
    assert not (tmp_path / "harm").exists()


async def test_a_run_that_nobody_follows_any_more_goes_on(
    runner: AnsibleRunner, play: Play, tmp_path: Path, heard: list[Progress]
) -> None:
    async def on_progress(progress: Progress) -> None:
        heard.append(progress)

    call = play(
        f"""
        - ansible.builtin.wait_for: {{path: "{tmp_path}/go", timeout: 30}}
        - ansible.builtin.copy: {{content: x, dest: "{tmp_path}/done", mode: "0600"}}
        """
    )
    run = asyncio.create_task(runner.run(call, "r", on_progress))
    await until(lambda: heard, "it has begun")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert await runner.status("r") is RunState.RUNNING
    (tmp_path / "go").touch()
    await until((tmp_path / "done").exists, "it went on")
    while await runner.status("r") is RunState.RUNNING:
        await asyncio.sleep(0.02)
    assert await runner.status("r") is RunState.SUCCEEDED


@pytest.mark.parametrize("kind", ["run", "dry"])
async def test_a_killed_fettle_leaves_a_run_and_no_dry_run(
    runner: AnsibleRunner, play: Play, actions: Path, runs: Path, tmp_path: Path, kind: str
) -> None:
    play(
        f"""
        - name: wait
          ansible.builtin.shell: sleep {MARK}1 & echo $! > {tmp_path}/pid; wait
          check_mode: false
          changed_when: false
          ignore_errors: true
        - ansible.builtin.copy: {{content: x, dest: "{tmp_path}/done", mode: "0600"}}
        """
    )
    fettle = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.runners.begin", str(actions), str(runs), "r", kind), cwd=house.ROOT
    )
    await until(lambda: sleepers(MARK), "it has begun")
    fettle.send_signal(signal.SIGKILL)
    await fettle.wait()
    if kind == "dry":
        await until(lambda: not sleepers(MARK), "the dry run ended with its Fettle")
        assert await runner.status("r") is RunState.NEVER
        return
    assert await runner.status("r") is RunState.RUNNING
    assert await runner.result("r") is None
    os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), signal.SIGTERM)
    while await runner.status("r") is RunState.RUNNING:
        await asyncio.sleep(0.02)
    result = await runner.result("r")
    assert result
    assert [task.status for task in result.tasks][-1:] == ["changed"]
    assert result.state is RunState.SUCCEEDED
    assert (tmp_path / "done").exists()


async def test_a_run_whose_process_was_killed_is_unknown(
    runner: AnsibleRunner, play: Play, runs: Path, scratch: Path, tmp_path: Path
) -> None:
    run = await begun(runner, play, tmp_path / "harm")
    pid = json.loads((runs / "r.json").read_text(encoding="utf-8"))["pid"]
    orphans = [one.pid for one in processes.descendants(pid, processes.processes())]
    os.kill(pid, signal.SIGKILL)
    result = await run
    assert result.state is RunState.UNKNOWN
    assert "lost" in result.reason
    assert await runner.status("r") is RunState.UNKNOWN
    assert await runner.result("r") is None
    assert await runner.cancel("r") is False
    assert list(scratch.glob("fettle-run-*")) == []
    for orphan in orphans:
        os.kill(orphan, signal.SIGKILL)
    await until(lambda: not sleepers(MARK), "the test has cleared up")


async def test_another_process_with_the_same_number_is_not_the_run(
    runner: AnsibleRunner, play: Play, runs: Path, request: pytest.FixtureRequest
) -> None:
    await runner.run(play("- ansible.builtin.debug: {msg: x}"), "r", unheard)
    stranger: int = request.getfixturevalue("stranger")
    record = json.loads((runs / "r.json").read_text(encoding="utf-8"))
    (runs / "r.json").write_text(json.dumps({**record, "result": None, "pid": stranger}), encoding="utf-8")
    assert await runner.status("r") is RunState.UNKNOWN
    assert await runner.cancel("r") is False
    assert processes.process(stranger)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run_id": "r"}'])
async def test_an_unreadable_record_is_an_unknown_run(runner: AnsibleRunner, runs: Path, text: str) -> None:
    runs.mkdir()
    (runs / "r.json").write_text(text, encoding="utf-8")
    assert await runner.status("r") is RunState.UNKNOWN
