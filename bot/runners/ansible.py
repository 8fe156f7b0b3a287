"""Ansible playbooks through ansible-runner: dry run, run, state and stop, also across a restart of Fettle.

Each run has a process of its own (``ansible_child``) which goes on when Fettle ends: stopping a change half-way can
leave half a change, and its record says afterwards how it came out.
"""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Any

import yaml

import bot
from bot.domain.ports import OnProgress
from bot.domain.run import Call, Plan, Progress, RunResult, RunState
from bot.errors import RunnerError
from bot.runners import processes
from bot.runners.output import clean, kept
from bot.runners.record import Records, decode
from bot.runners.surroundings import environment

BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from bot.runners.ansible_child import main; main()"
SILENCE_SECONDS = 60.0
STOP_SECONDS = 20.0
ENDING_SECONDS = 2.0
POLL_SECONDS = 0.05
LINE_BYTES = 8_000_000
HOST = re.compile(r"[A-Za-z0-9][\w.-]{0,252}")
VARIABLE = re.compile(r"[A-Za-z_]\w{0,99}")


class AnsibleRunner:
    """Runs playbooks of ``actions_dir``, keeps the runs' records in ``state_dir``; ``secrets`` gives one by its name.

    Where there is an ``ansible.cfg`` in ``actions_dir`` it holds; no other one is read.
    """

    name = "ansible"

    def __init__(self, actions_dir: Path, state_dir: Path, secrets: Callable[[str], str | None]) -> None:
        self._actions = actions_dir
        self._state_dir = state_dir
        self._secrets = secrets
        self._records = Records(state_dir)

    async def plan(self, call: Call) -> Plan:
        """Run it with ``--check --diff``. What could not even begin is a plan with ``ok=False`` as well."""
        try:
            order = self._order(call, "")
            result, blind = await self._follow(order, None)
        except RunnerError as error:
            return Plan(ok=False, tasks=(), blind=(), seconds=0.0, reason=str(error))
        reason = result.reason
        if blind and any(task.status == "failed" for task in result.tasks):
            reason += ". Tasks that check mode skipped may be why: see what the dry run could not see"
        ok = result.state is RunState.SUCCEEDED
        return Plan(ok=ok, tasks=result.tasks, blind=blind, seconds=result.seconds, reason=reason)

    async def run(self, call: Call, run_id: str, on_progress: OnProgress) -> RunResult:
        """Run it to its end. When this is cancelled the run goes on: ``cancel`` stops a run, nothing else does.

        Raises ``RunnerError`` when it cannot begin, or was begun before under the same ``run_id``.
        """
        if not run_id:
            raise RunnerError("A run needs a name, so that its state can be asked for.")
        result, _ = await self._follow(self._order(call, run_id), on_progress)
        return result

    async def status(self, run_id: str) -> RunState:
        """How the run stands, from its record and the process table."""
        return await asyncio.to_thread(self._records.state, run_id)

    async def result(self, run_id: str) -> RunResult | None:
        """What the run recorded at its end."""
        record = await asyncio.to_thread(self._records.read, run_id)
        return record.result if record else None

    async def cancel(self, run_id: str) -> bool:
        """Stop a run and what it started on this machine, whichever Fettle began it. Waits until it has ended."""
        record = await asyncio.to_thread(self._records.read, run_id)
        if record is None or record.result or not record.alive:
            return False
        if not processes.signal_to(record.pid, record.started, SIGTERM):
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                while await self.status(run_id) is RunState.RUNNING:  # noqa: ASYNC110  # another process ends it
                    await asyncio.sleep(POLL_SECONDS)
        return await self.status(run_id) is RunState.CANCELLED

    def _order(self, call: Call, run_id: str) -> dict[str, Any]:
        playbook = self._playbook(call.spec.get("playbook", ""))
        for host in call.targets:
            if not HOST.fullmatch(host):
                raise RunnerError(f"“{host[:60]}” is not a host's name: expected letters, digits, dots and dashes.")
        if not call.targets:
            raise RunnerError("There is no target host: the action's service has none in catalogue.yaml.")
        for name in (*call.parameters, *call.secrets):
            if not VARIABLE.fullmatch(name):
                raise RunnerError(f"“{name[:60]}” cannot be an Ansible variable: expected letters, digits and _.")
        return {
            "run_id": run_id,
            "playbook": str(playbook),
            "actions_dir": str(self._actions.resolve()),
            "state_dir": str(self._state_dir.absolute()),
            "inventory": {host: dict(call.hosts.get(host, {})) for host in call.targets},
            "parameters": dict(call.parameters),
            "secrets": {name: self._secret(name) for name in call.secrets},
            "timeout_seconds": call.timeout_seconds,
            "home": str(Path.home()),
            "total": count(playbook) if len(call.targets) == 1 else None,
        }

    def _playbook(self, name: str) -> Path:
        folder = self._actions.resolve()
        path = (folder / name).resolve()
        if not name or ".." in Path(name).parts or not path.is_relative_to(folder):
            raise RunnerError(f"The playbook “{name}” is not inside {self._actions.name}/, and only those are run.")
        if not path.is_file():
            raise RunnerError(f"There is no playbook {name} in {self._actions.name}/.")
        return path

    def _secret(self, name: str) -> str:
        value = self._secrets(name)
        if not value:
            raise RunnerError(f"The secret {name} is not set: put it into FETTLE_SECRET_{name.upper()}.")
        return value

    async def _follow(
        self, order: Mapping[str, Any], on_progress: OnProgress | None
    ) -> tuple[RunResult, tuple[str, ...]]:
        noise = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(order["timeout_seconds"] + SILENCE_SECONDS), self._child(order) as lines:
                async for line in lines:
                    try:
                        message: dict[str, Any] = json.loads(line)
                    except ValueError:
                        noise = kept(noise + clean(line.decode(errors="replace")), 2000)
                        continue
                    if "refused" in message:
                        raise RunnerError(message["refused"])
                    if "end" in message:
                        return decode(message["end"]), tuple(message["blind"])
                    if "progress" in message and on_progress:
                        await on_progress(Progress(*message["progress"]))
        return await self._lost(order["run_id"], noise), ()

    async def _lost(self, run_id: str, noise: str) -> RunResult:
        """The child went silent: its record tells how far it came."""
        record = await asyncio.to_thread(self._records.read, run_id) if run_id else None
        if record is None:
            raise RunnerError(f"Ansible could not be started: {noise.strip() or 'its process ended without a word'}")
        reason = f"the process that carried it out was lost: {noise.strip() or 'it ended without a word'}"
        with contextlib.suppress(TimeoutError):
            # A process that was killed closes its pipes a moment before it counts as ended.
            async with asyncio.timeout(ENDING_SECONDS):
                while await self.status(run_id) is RunState.RUNNING:  # noqa: ASYNC110  # another process ends
                    await asyncio.sleep(POLL_SECONDS)
        state = await self.status(run_id)
        record = await asyncio.to_thread(self._records.read, run_id) or record
        return record.result or RunResult(state, (), 0.0, reason=reason)

    @asynccontextmanager
    async def _child(self, order: Mapping[str, Any]) -> AsyncIterator[asyncio.StreamReader]:
        process = await asyncio.to_thread(_start, order)
        if process.stdout is None or process.stdin is None:
            raise RunnerError("Ansible's process was started without pipes.")
        reader = asyncio.StreamReader(limit=LINE_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), process.stdout
        )
        try:
            yield reader
        finally:
            # A dry run takes the end of its standard input as the end of Fettle; a run goes on unheard.
            process.stdin.close()
            transport.close()


def _start(order: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-X", "utf8", "-c", BOOT, str(Path(bot.__file__).parent.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=order["actions_dir"],
        env=environment(os.environ),
        start_new_session=True,
    )
    # Not asyncio's own subprocess: that one kills the child when the loop ends.
    threading.Thread(target=process.wait, daemon=True).start()
    if process.stdin:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
    return process


def count(playbook: Path) -> int | None:
    """How many tasks the playbook will begin on one host, None where only Ansible can know."""
    try:
        plays = yaml.safe_load(playbook.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    total = 0
    for play in plays if isinstance(plays, list) else [None]:
        if not isinstance(play, dict) or "hosts" not in play or play.get("roles"):
            return None
        tasks = [task for part in ("pre_tasks", "tasks", "post_tasks") for task in play.get(part) or ()]
        words = {word.rpartition(".")[2] for task in tasks for word in task if isinstance(task, dict)}
        if words & {"block", "include_tasks", "import_tasks", "include_role", "import_role"}:
            return None
        total += len(tasks) + (play.get("gather_facts") is True)
    return total
